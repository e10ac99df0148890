// The proxy: makes an exchange of each stream that a frontend accepts, and has the routes. It imports neither
// HTTP/1.1 nor HTTP/2: it is the acceptor of frontends, and backends bring their session factories.

import type { Client, FrontendStream, HttpWorld, StreamAcceptor } from '../http/index.js'
import type { DurationList } from '../pollset/index.js'
import type { ConnectPolicy } from './connect-policy.js'
import { Exchange } from './exchange.js'
import { exchangeLife, exchangeSteps } from './exchange-steps.js'
import { type ProxyLimits, proxyLimits } from './limits.js'
import { lookMs } from './progress.js'
import type { Refusal } from './refusal.js'
import type { RouteTable } from './route-table.js'

/** Watches how exchanges end, for logs, metrics and tests. Its methods must not throw. */
export interface ExchangeWatcher {
  /** An exchange is about to be answered with this refusal. It still has its engine and its lease. */
  refused?(exchange: Exchange, refusal: Refusal): void
  /** An exchange ends without a whole response. */
  aborted?(exchange: Exchange): void
  /** An exchange has ended: {@link Exchange.outcome} says how. */
  ended?(exchange: Exchange): void
}

export class ReverseProxy implements StreamAcceptor {
  readonly world: HttpWorld
  /** Routes for exchanges that have not reached `route`. May be replaced at any time. */
  routes: RouteTable
  /** The allowed targets of a plain CONNECT; null refuses every one. */
  readonly connects: ConnectPolicy | null
  readonly limits: ProxyLimits
  /** ms that a request waits for a lease at most */
  readonly leaseMs: number
  readonly durations: readonly DurationList[]
  /** Exchanges that have begun, and those that have ended. */
  begun = 0
  logged = 0
  /** Exchanges that asked for a tunnel and have not ended. */
  tunnels = 0
  /** The number of ended exchanges by outcome. */
  readonly outcomes = new Map<string, number>()
  private watchers: readonly ExchangeWatcher[] = []

  constructor(
    world: HttpWorld,
    routes: RouteTable,
    limits: Partial<ProxyLimits> = {},
    connects: ConnectPolicy | null = null,
  ) {
    this.world = world
    this.routes = routes
    this.connects = connects
    this.limits = { ...proxyLimits, ...limits }
    const { leaseTimeoutMs, headTimeoutMs, bodyTimeoutMs, tunnelIdleMs, exchangeTimeoutMs } = this.limits
    this.leaseMs = Math.min(leaseTimeoutMs, exchangeTimeoutMs)
    this.durations = exchangeLife.durations(world.pollset.deadlines, {
      lease: this.leaseMs,
      head: headTimeoutMs,
      headLook: lookMs(headTimeoutMs, this.limits),
      bodyLook: lookMs(bodyTimeoutMs, this.limits),
      tunnelLook: lookMs(tunnelIdleMs, this.limits),
      answer: bodyTimeoutMs,
    })
  }

  accept(stream: FrontendStream): void {
    this.begin(stream, null)
  }

  /** Answers the request with this refusal. */
  refuse(stream: FrontendStream, refusal: Refusal): void {
    this.begin(stream, refusal)
  }

  private begin(stream: FrontendStream, refusal: Refusal | null): void {
    this.begun++
    const exchange = new Exchange(this, stream, refusal)
    stream.owner = exchange
    exchangeSteps.start(this.world, exchange, 'receive')
  }

  /** Adds a watcher for all exchanges. */
  watch(watcher: ExchangeWatcher): void {
    this.watchers = [...this.watchers, watcher]
  }

  /** Removes a watcher. */
  unwatch(watcher: ExchangeWatcher): void {
    this.watchers = this.watchers.filter((each) => each !== watcher)
  }

  clientClosed(client: Client): void {
    for (const backend of this.routes.backends) backend.clientClosed(client)
  }

  /** @internal */
  refused(exchange: Exchange, refusal: Refusal): void {
    for (const watcher of this.watchers) watcher.refused?.(exchange, refusal)
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
  }
}
