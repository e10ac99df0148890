// The proxy: makes an exchange from each stream that a frontend accepts, and has the routes. It imports
// neither HTTP/1.1 nor HTTP/2: it is the acceptor of frontends, and backends bring their session factories.

import type { Client, FrontendStream, Head, HttpWorld, StreamAcceptor } from '../http/index.js'
import { Networks } from '../pollset/index.js'
import type { Backend } from './backend.js'
import { Chance } from './chance.js'
import type { ConnectPolicy } from './connect-policy.js'
import { EndedExchanges } from './ended-exchanges.js'
import { Exchange } from './exchange.js'
import { exchangeSteps } from './exchange-steps.js'
import { WrittenFields } from './filter/fields.js'
import { Subrequest, type SubrequestOptions } from './filter/subrequest.js'
import { type ProxyLimits, proxyLimits } from './limits.js'
import type { Refusal } from './refusal.js'
import { RequestView } from './request-view.js'
import { NO_ACTION, Route, settingsOf } from './routes.js'
import type { Router } from './routing.js'
import { TrustedProxies } from './trusted-proxies.js'

/** Watches the ends of exchanges, for logs, metrics and tests. Its methods must not throw. */
export interface ExchangeWatcher {
  /** An exchange is about to be answered with this refusal. It still has its engine and its lease. */
  refused?(exchange: Exchange, refusal: Refusal): void
  /** The response head is about to be sent to the client. */
  answered?(exchange: Exchange): void
  /** An exchange ends without a whole response. */
  aborted?(exchange: Exchange): void
  /** A filter has failed an exchange, or was late. The exchange goes on, or is refused. */
  filterFailed?(exchange: Exchange | null, filter: string, error: unknown): void
  /** An exchange has ended; see {@link Exchange.outcome}. */
  ended?(exchange: Exchange): void
  /** These have ended since the last call, all in this turn. It is called when the turn settles. */
  endedTogether?(exchanges: readonly Exchange[]): void
}

export class ReverseProxy implements StreamAcceptor {
  readonly world: HttpWorld
  /** The routes for exchanges that have not reached `route`. They may be replaced at any time. */
  routes: Router<Route>
  /** The settings of exchanges that have no route: refused ones, and plain CONNECT. */
  unrouted: Route
  /** The proxies whose forwarding fields are trusted. */
  trusted: TrustedProxies = new TrustedProxies(new Networks([]), [])
  /** False if the program that embeds it writes the fields that describe the client to a backend. */
  tellsClient = true
  readonly chance: Chance
  /** @internal */
  readonly requestView = new RequestView()
  /** The allowed targets of plain CONNECT; null: every target is refused. */
  connects: ConnectPolicy | null
  readonly limits: ProxyLimits
  /** The numbers of exchanges that have begun, and that have ended. */
  begun = 0
  logged = 0
  /** The number of exchanges that asked for a tunnel and have not ended. */
  tunnels = 0
  /** The number of ended exchanges by outcome. */
  readonly outcomes = new Map<string, number>()
  /** The fields that filters write. */
  readonly written: WrittenFields
  /** The backends of the routes. */
  backends: readonly Backend[] = []
  /** Exchanges that begin measure the time of their steps. */
  measuresSteps = false
  private watchers: readonly ExchangeWatcher[] = []
  private readonly justEnded: EndedExchanges
  private readonly stepsNeededBy = new Set<object>()

  constructor(
    world: HttpWorld,
    routes: Router<Route>,
    limits: Partial<ProxyLimits> = {},
    connects: ConnectPolicy | null = null,
  ) {
    this.world = world
    this.justEnded = new EndedExchanges(world.pollset, (exchanges) => {
      for (const watcher of this.watchers) watcher.endedTogether?.(exchanges)
    })
    this.written = new WrittenFields(world.fields)
    this.routes = routes
    this.connects = connects
    this.limits = { ...proxyLimits, ...limits }
    this.chance = new Chance(world.pollset)
    this.unrouted = new Route(world.pollset, this.limits, settingsOf('', this.limits), NO_ACTION)
  }

  /**
   * @param listener the name of the listener that accepted the connection, for routes that name it
   * @param route its route, if it is known; null: it must be found
   */
  accept(stream: FrontendStream, listener = '', route: Route | null = null): void {
    this.begin(stream, listener, null, route)
  }

  /** Answers the request with this refusal. */
  refuse(stream: FrontendStream, refusal: Refusal): void {
    this.begin(stream, '', refusal)
  }

  private begin(
    stream: FrontendStream,
    listener: string,
    refusal: Refusal | null,
    route: Route | null = null,
  ): void {
    this.begun++
    const exchange = new Exchange(this, stream, listener, refusal)
    exchange.given = route
    stream.owner = exchange
    exchangeSteps.start(this.world, exchange, 'receive')
  }

  /**
   * Begins a request of a filter.
   * @param place the place of the filter
   * @param backend the backend past all filters; null for the route of the exchange, from this filter on
   * @internal
   */
  subrequest(
    of: Exchange,
    options: SubrequestOptions,
    head: Head,
    place: number,
    backend: Backend | null,
  ): Subrequest {
    this.begun++
    const { pollset, memory } = this.world
    const { protocol } = of.frontend.client
    const made = new Subrequest(options, head, protocol, () => pollset.now, memory)
    const exchange = new Exchange(this, made.stream, of.listener, null)
    made.stream.owner = exchange
    exchange.pin(of.route)
    if (backend === null) {
      exchange.filters?.beginBehind(place)
      if (of.filters?.backend != null) exchange.filters?.aimAt(of.filters.backend)
    } else {
      exchange.filters = null
      exchange.goTo(backend)
    }
    exchangeSteps.start(this.world, exchange, backend === null ? 'filterRequest' : 'balance')
    return made
  }

  /** Adds a watcher for all exchanges. */
  watch(watcher: ExchangeWatcher): void {
    this.watchers = [...this.watchers, watcher]
  }

  /** Removes a watcher. */
  unwatch(watcher: ExchangeWatcher): void {
    this.watchers = this.watchers.filter((each) => each !== watcher)
  }

  /** Measures the steps of exchanges that begin from now on, until nobody needs it. */
  measureSteps(neededBy: object): void {
    this.measuresSteps = true
    this.stepsNeededBy.add(neededBy)
  }

  /** This one needs the times of steps no longer. */
  ignoreSteps(neededBy: object): void {
    this.stepsNeededBy.delete(neededBy)
    this.measuresSteps = this.stepsNeededBy.size > 0
  }

  clientClosed(client: Client): void {
    for (const backend of this.backends) backend.clientClosed(client)
  }

  /** @internal */
  refused(exchange: Exchange, refusal: Refusal): void {
    for (const watcher of this.watchers) watcher.refused?.(exchange, refusal)
  }

  /** @internal */
  answered(exchange: Exchange): void {
    for (const watcher of this.watchers) watcher.answered?.(exchange)
  }

  /** @internal */
  filterFailed(exchange: Exchange | null, filter: string, error: unknown): void {
    for (const watcher of this.watchers) watcher.filterFailed?.(exchange, filter, error)
  }

  /** @internal */
  aborted(exchange: Exchange): void {
    for (const watcher of this.watchers) watcher.aborted?.(exchange)
  }

  /** @internal */
  ended(exchange: Exchange): void {
    this.logged++
    if (exchange.countsAsTunnel) this.tunnels--
    const { outcome } = exchange
    this.outcomes.set(outcome, (this.outcomes.get(outcome) ?? 0) + 1)
    for (const watcher of this.watchers) watcher.ended?.(exchange)
    if (this.watchers.length > 0) this.justEnded.add(exchange)
  }

  /** Tells watchers now of all that have ended, as for a process that ends. */
  tellEnded(): void {
    this.justEnded.settle()
  }
}
