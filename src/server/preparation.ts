// The parts of a server that depend on its configuration, made in pieces that each take less time than a turn
// may. It changes nothing that serves before it is committed.

import {
  backendNames,
  type Configuration,
  diagnosticText,
  MODULE,
  type ModuleOptions,
} from '../config/index.js'
import type { HttpWorld } from '../http/index.js'
import { Networks, type NodePollset, type Task } from '../pollset/index.js'
import {
  ConnectPolicy,
  type ReverseProxy,
  type Route,
  Router,
  type RouterRoute,
  TrustedProxies,
} from '../proxy/index.js'
import { ConfigError } from './address.js'
import type { Backends, PreparedBackends } from './backends.js'
import type { FoundOut } from './check-configuration.js'
import type { ChosenBackends } from './chosen-backends.js'
import type { Filters, PreparedFilters } from './filters.js'
import type { CheckedListeners, Listeners } from './listeners.js'
import { checkModules } from './module-checks.js'
import type { Protocols } from './protocols.js'
import type { PreparedRedis, RedisService } from './redis-service.js'
import { connectTimes, madeRoutes } from './routes.js'
import { moduleOf } from './user-modules.js'

/** The parts of a server that a configuration makes. */
export interface ConfiguredParts {
  readonly world: HttpWorld
  readonly proxy: ReverseProxy
  readonly protocols: Protocols
  readonly backends: Backends
  readonly listeners: Listeners
  readonly filters: Filters
  readonly redis: RedisService
}

/** The longest time in which a module of a user is loaded, in ms. */
export const LOAD_MS_MAX = 10_000

/** Returns the modules of all filters. */
const modulesIn = ({ routes }: Configuration): readonly ModuleOptions[] =>
  routes.flatMap(({ filters }) => filters.filter(({ kind }) => kind === MODULE).map(moduleOf))

/** The number of backends made in a piece: 100 take about 2 ms. */
const BACKENDS_AT_ONCE = 100
/** The number of routes made in a piece: they take about a ms. */
const ROUTES_AT_ONCE = 200

/** A preparation. Its pieces are called in their order. Each throws if its part is wrong. */
export class Preparation {
  readonly configuration: Configuration
  /** Proxies and relays in front of us. */
  readonly inFront: Networks
  /** The checked listeners; null before {@link checkListeners}. */
  listeners: CheckedListeners | null = null
  private readonly parts: ConfiguredParts
  private readonly chosen: ChosenBackends
  private readonly foundOut: FoundOut
  private readonly trusted: TrustedProxies
  private readonly connects: ConnectPolicy | null
  private readonly made: PreparedBackends
  private readonly filters: PreparedFilters
  private readonly modules: readonly ModuleOptions[]
  private readonly redis: PreparedRedis
  private backendsMade = 0
  private readonly routesMade: RouterRoute<Route>[] = []
  private routes: Router<Route> | null = null

  /** Throws if a network or a target of CONNECT is wrong. */
  constructor(
    parts: ConfiguredParts,
    configuration: Configuration,
    foundOut: FoundOut,
    chosen: ChosenBackends,
  ) {
    const { world, protocols } = parts
    const { connect, trustedProxies, resolver } = configuration
    this.parts = parts
    this.chosen = chosen
    this.configuration = configuration
    this.foundOut = foundOut
    this.inFront = new Networks(trustedProxies.addresses)
    this.trusted = new TrustedProxies(this.inFront, trustedProxies.fields)
    this.connects =
      connect.length === 0
        ? null
        : new ConnectPolicy(world, connect, (target) => protocols.tcpSessions(target))
    this.made = parts.backends.prepare(connectTimes(configuration), resolver)
    this.filters = parts.filters.prepare(backendNames(configuration))
    this.modules = modulesIn(configuration)
    this.redis = parts.redis.prepare(configuration)
  }

  /** The first module that must be loaded; null if all are. */
  get nextModule(): ModuleOptions | null {
    const { modules } = this.parts.filters
    return this.modules.find((each) => !modules.has(each)) ?? null
  }

  /** Begins to load a module. */
  load(module: ModuleOptions): Task<unknown> {
    return this.parts.filters.modules.begin(this.parts.world.pollset as NodePollset, module)
  }

  /** Takes a module that was loaded, or that could not be: then its filter cannot be made. */
  loaded(module: ModuleOptions, { settled, fault, value }: Task<unknown>): void {
    const late = settled ? fault : new Error(`it was not loaded within ${LOAD_MS_MAX / 1_000} s`)
    this.parts.filters.modules.take(module, late, value)
  }

  /** Makes the TLS servers of the listeners. */
  checkListeners(): void {
    const { world, listeners } = this.parts
    ;(world.pollset as NodePollset).certificates.learn(this.foundOut.identities)
    this.listeners = listeners.check(this.configuration.listeners)
  }

  /** Makes some of the backends. */
  addBackends(): void {
    const { backends } = this.configuration
    const from = this.backendsMade
    this.backendsMade = Math.min(from + BACKENDS_AT_ONCE, backends.length)
    for (const each of backends.slice(from, this.backendsMade)) this.made.add(each)
  }

  get hasMoreBackends(): boolean {
    return this.backendsMade < this.configuration.backends.length
  }

  /** Makes some of the routes. */
  addRoutes(): void {
    const { world, proxy } = this.parts
    const { routes } = this.configuration
    const from = this.routesMade.length
    if (from === 0) this.checkModules()
    const some = routes.slice(from, from + ROUTES_AT_ONCE)
    this.routesMade.push(
      ...madeRoutes(some, this.made.byName, world.pollset, proxy.limits, this.filters, this.chosen),
    )
  }

  /** Throws if the module of a user is wrong. */
  private checkModules(): void {
    if (this.modules.length === 0) return
    const { errors } = checkModules(this.configuration, this.parts.filters.modules)
    if (errors.length > 0) throw new ConfigError(errors.map(diagnosticText).join('\n'))
  }

  get hasMoreRoutes(): boolean {
    return this.routesMade.length < this.configuration.routes.length
  }

  /** Makes the router of all routes. Throws if a pattern or a host is wrong. */
  makeRouter(): void {
    this.routes = new Router(this.routesMade, this.foundOut.automata)
  }

  /** Releases everything that was made. */
  abandon(): void {
    this.filters.abandon()
    this.redis.abandon()
  }

  /** Makes it serve the requests from now on. */
  commit(): void {
    const { proxy } = this.parts
    this.made.commit()
    this.filters.commit()
    this.redis.commit()
    proxy.routes = this.routes as Router<Route>
    proxy.backends = [...this.made.byName.values()]
    proxy.trusted = this.trusted
    proxy.connects = this.connects
  }
}
