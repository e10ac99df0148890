// The backends of the configuration, and their endpoints. A new configuration keeps everything that it
// shares with the one before: a backend by its name; an endpoint's health and load by its backend's name and
// its address; its engines and sessions by everything that its connections depend on. Limits and times are
// set on living engines. Endpoints that DNS has found are replaced in the same way. Removed endpoints serve
// their exchanges and close after the last of them. The endpoints of a removed backend also serve the
// retries of its exchanges.

import { isDeepStrictEqual } from 'node:util'
import type { BalanceEvent } from '../balancing/index.js'
import type { BackendConfig, EndpointConfig, ResolverConfig } from '../config/index.js'
import type { Fault } from '../continuation/index.js'
import type { Engine } from '../engine/index.js'
import type { Client, HttpWorld } from '../http/index.js'
import {
  Backend,
  type BackendOptions,
  Discovery,
  type DiscoveryOptions,
  Endpoint,
  type EngineSet,
  type ExchangeSession,
  HealthCheck,
  type ProxyLimits,
} from '../proxy/index.js'
import {
  AppNumbers,
  asksFor,
  backendOptionsOf,
  balancesAs,
  connectionsOf,
  connectionsTo,
  digestOf,
  NamedConfigs,
} from './backend-parts.js'
import { type Checks, closeAll, FirstChecks } from './first-checks.js'
import type { Protocols, Tuning } from './protocols.js'

/** A backend and its last configuration. */
interface Configured {
  readonly backend: Backend
  readonly config: BackendConfig
  readonly options: BackendOptions
  readonly connectMs: number | undefined
  readonly tuning: Tuning
  /**
   * A text of everything that the connections of its endpoints depend on, besides their addresses and names.
   */
  readonly connections: string
  /** The discovery; null with fixed endpoints. */
  readonly discovery: Discovery | null
  /** The endpoints by address. */
  endpoints: ReadonlyMap<string, Placed>
  /** The active checks of its endpoints. */
  readonly checks: Checks
}

/** An endpoint in the configuration or in the answer of DNS. */
interface Wanted extends EndpointConfig {
  /** The name by which it was found; null if it is configured. */
  readonly name: string | null
}

interface Placed {
  readonly endpoint: Endpoint
  readonly wanted: Wanted
  /** A text of everything that its connections depend on, besides its address. */
  readonly connections: string
}

/** Engines that were made before the commit, by address. */
type Made = Map<string, EngineSet>

export interface BackendEvents {
  /** Is told that an app of the program has thrown. */
  appFailed?(backend: string, error: unknown): void
  /** Is told that a connection could not be made. */
  unreached(engines: EngineSet, why: Fault): void
  /** Is told that an active check has ended. */
  checked(endpoint: string, passed: boolean, why: string): void
  /**
   * Is told that DNS has other endpoints for a backend. @param leftOut the number of further
   * ones, past the limit
   */
  discovered(backend: string, addresses: readonly string[], leftOut: number): void
  /** Is told that the endpoints of a backend cannot be looked up. @param known the number of earlier ones */
  undiscovered(backend: string, name: string, why: string, known: number): void
  /** Is told that they can be looked up again. */
  rediscovered(backend: string, name: string): void
  /**
   * Is told that the health of an endpoint, or of a backend (`endpoint` null), has changed.
   * @param ejectedMs the ms for which it is ejected from now on
   */
  health(backend: string, endpoint: string | null, event: BalanceEvent, ejectedMs: number): void
}

/** Backends that are made and checked, and serve once they are committed. */
export interface PreparedBackends {
  readonly byName: ReadonlyMap<string, Backend>
  /** Makes one more backend. Throws if it is wrong. */
  add(config: BackendConfig): void
  commit(): void
}

const urlOf = ({ protocol, handler }: BackendConfig, { address }: EndpointConfig): string =>
  handler === null ? `${protocol}://${address}` : `handler:${address}`

/** An endpoint in place of unknown ones, for checking a configuration. */
const ANY: Wanted = { address: '127.0.0.1:1', weight: 1, name: 'localhost' }

export class Backends {
  private readonly world: HttpWorld
  private readonly protocols: Protocols
  private readonly limits: ProxyLimits
  private readonly told: BackendEvents
  private readonly firstChecks: FirstChecks
  private readonly named = new NamedConfigs()
  private readonly apps = new AppNumbers()
  private configured: ReadonlyMap<string, Configured> = new Map()
  private resolver: ResolverConfig = { servers: [], search: null }
  /** All endpoints whose engines are not closed, including those that are ending their last exchanges. */
  private readonly living = new Set<Endpoint>()

  constructor(world: HttpWorld, protocols: Protocols, limits: ProxyLimits, told: BackendEvents) {
    this.world = world
    this.protocols = protocols
    protocols.onAppFailed = (backend, error) => told.appFailed?.(backend, error)
    this.limits = limits
    this.told = told
    this.firstChecks = new FirstChecks(world.pollset)
  }

  /**
   * Begins to make the backends of a configuration; nothing changes before they are committed. Everything
   * that can be checked early is checked here: a commit costs little, even for thousands. A preparation from
   * before another commit must not be committed after it.
   * @param connectMs the longest timeouts.connect of the routes to each backend, in ms; by name
   */
  prepare(connectMs: ReadonlyMap<string, number>, resolver: ResolverConfig): PreparedBackends {
    const next = new Map<string, Configured>()
    const byName = new Map<string, Backend>()
    const changes: (() => void)[] = []
    const asksTheSame = isDeepStrictEqual(this.resolver, resolver)
    return {
      byName,
      add: (config) => {
        const before = this.configured.get(config.name)
        const ms = connectMs.get(config.name)
        const isSame =
          before !== undefined && before.connectMs === ms && isDeepStrictEqual(before.config, config)
        if (isSame && (asksTheSame || config.discovery === null)) {
          next.set(config.name, before)
          byName.set(config.name, before.backend)
          return
        }
        const configured = this.configuredAs(config, ms, asksTheSame, resolver, before)
        next.set(config.name, configured)
        byName.set(config.name, configured.backend)
        changes.push(this.changeTo(configured, before))
      },
      commit: () => {
        for (const change of changes) change()
        for (const [name, { backend, checks, discovery }] of this.configured) {
          if (next.has(name)) continue
          closeAll(checks)
          discovery?.close()
          backend.retire()
        }
        this.configured = next
        this.resolver = resolver
      },
    }
  }

  private configuredAs(
    config: BackendConfig,
    connectMs: number | undefined,
    asksTheSame: boolean,
    resolver: ResolverConfig,
    before: Configured | undefined,
  ): Configured {
    const options = backendOptionsOf(
      config,
      digestOf(config, before?.backend ?? null, before?.config ?? null),
    )
    const backend = before?.backend ?? this.made(config.name, options)
    const checks = isDeepStrictEqual(before?.config.health.active, config.health.active)
      ? (before as Configured).checks
      : new Map()
    const keepsDiscovery = asksTheSame && isDeepStrictEqual(before?.config.discovery, config.discovery)
    const discovery = keepsDiscovery
      ? (before as Configured).discovery
      : this.discoveryOf(config, backend, resolver)
    const tuning = this.protocols.tuningOf(config, connectMs)
    const connections = connectionsOf(config) + this.apps.of(config)
    const endpoints = new Map()
    return { backend, config, options, connectMs, tuning, connections, discovery, endpoints, checks }
  }

  /**
   * Returns the function that gives a backend its new configuration. Throws if an endpoint would be wrong.
   */
  private changeTo(to: Configured, before: Configured | undefined): () => void {
    const { backend, config, options, discovery, checks, tuning } = to
    const made: Made = new Map()
    const asksAsBefore = before !== undefined && asksFor(before.config, config)
    for (const each of wantedOf(to) ?? (asksAsBefore ? wantedOf(before) : null) ?? [ANY]) {
      const connections = connectionsTo(config, to.connections, each.name)
      if (before?.endpoints.get(each.address)?.connections === connections) continue
      made.set(each.address, this.enginesOf(to, each))
    }
    const balances = before !== undefined && balancesAs(before.config, config)
    const connectsAsBefore = before?.connections === to.connections
    const isTuned = connectsAsBefore && !isDeepStrictEqual(before?.tuning, tuning)
    const hasSameEndpoints =
      connectsAsBefore &&
      before?.discovery === discovery &&
      isDeepStrictEqual(before.config.endpoints, config.endpoints)
    return () => {
      if (!balances) backend.configure(options)
      // The endpoints may be checked in another way from now on.
      if (before !== undefined && before.checks !== checks) closeAll(before.checks)
      if (before !== undefined) to.endpoints = before.endpoints
      if (isTuned) for (const { endpoint } of to.endpoints.values()) tune(endpoint, tuning)
      if (before !== undefined && before.discovery !== discovery) {
        // Other times, or other servers, do not change the found endpoints.
        if (discovery !== null && asksAsBefore) discovery.found = before.discovery?.found ?? null
        before.discovery?.close()
      }
      backend.discovery = discovery
      if (hasSameEndpoints) this.check(to)
      else this.place(to, wantedOf(to) ?? [], made)
      if (discovery !== null && discovery !== before?.discovery) discovery.start()
    }
  }

  /** Returns a new discovery of a backend; null with fixed endpoints. */
  private discoveryOf(
    { name, discovery }: BackendConfig,
    backend: Backend,
    resolver: ResolverConfig,
  ): Discovery | null {
    if (discovery === null) return null
    const options: DiscoveryOptions = { ...discovery, ...resolver }
    const made: Discovery = new Discovery(
      this.world,
      options,
      this.limits,
      {
        found: (found, leftOut) => {
          const configured = this.configured.get(name)
          if (configured === undefined || configured.discovery !== made) return
          this.place(configured, found, new Map())
          this.told.discovered(
            name,
            found.map((each) => each.address),
            leftOut,
          )
        },
        failed: (why) => {
          this.told.undiscovered(name, options.name, why, made.found?.length ?? 0)
          backend.wake()
        },
        returned: () => this.told.rediscovered(name, options.name),
      },
      backend.chance.next,
    )
    return made
  }

  /** Makes the engines of an endpoint. Throws if their configuration is wrong. */
  private enginesOf({ config, connectMs }: Configured, each: Wanted): EngineSet {
    const own = this.named.of(config, each.name)
    return this.protocols.enginesTo(urlOf(own, each), own, connectMs)
  }

  /** Gives a backend these endpoints. Endpoints that stay keep their engines and health; others drain. */
  private place(configured: Configured, wanted: readonly Wanted[], made: Made): void {
    const placed = new Map<string, Placed>()
    const before = [...configured.endpoints.values()]
    let isAsBefore = true
    for (const each of wanted) {
      if (placed.has(each.address)) continue
      const old = configured.endpoints.get(each.address)
      const now = this.placed(configured, each, old, made)
      const last = before[placed.size]
      if (now.endpoint !== last?.endpoint || each.weight !== last.wanted.weight) isAsBefore = false
      placed.set(each.address, now)
    }
    configured.endpoints = placed
    if (!isAsBefore || placed.size !== before.length)
      configured.backend.replace([...placed.values()].map((each) => each.endpoint))
    this.check(configured)
  }

  /** Returns an endpoint with its engines: the old one, unless its connections would differ. */
  private placed(configured: Configured, wanted: Wanted, old: Placed | undefined, made: Made): Placed {
    const { address, weight, name } = wanted
    const connections = connectionsTo(configured.config, configured.connections, name)
    let endpoint = old?.endpoint
    if (endpoint === undefined || old?.connections !== connections) {
      const engines = made.get(address) ?? this.enginesOf(configured, wanted)
      // Another protocol means another server.
      const member = endpoint?.name === engines.name ? endpoint.member : null
      endpoint = this.live(new Endpoint(this.world, engines, weight, member))
    }
    endpoint.member.configure(weight)
    return { endpoint, wanted, connections }
  }

  private made(name: string, options: BackendOptions): Backend {
    const backend = new Backend(this.world, name, [], options)
    backend.balancer.onEvent = (event, member, now) =>
      this.told.health(name, member?.name ?? null, event, Math.max(0, (member?.ejectedUntil ?? 0) - now))
    return backend
  }

  /** Begins to check endpoints that are not checked yet, and stops checking removed ones. */
  private check({ backend, config, checks, endpoints }: Configured): void {
    const { active } = config.health
    const { balancer, chance } = backend
    const current = new Set(backend.endpoints)
    for (const [endpoint, check] of checks) {
      if (active !== null && current.has(endpoint)) continue
      checks.delete(endpoint)
      check?.close()
    }
    if (active === null) return
    for (const { endpoint, wanted } of endpoints.values()) {
      if (checks.has(endpoint)) continue
      this.firstChecks.begin(checks, endpoint, () => {
        const { name, member } = endpoint
        const target = this.protocols.checked(name, this.named.of(config, wanted.name), wanted.name)
        return new HealthCheck(this.world, active, target, chance.next, (passed, why) => {
          this.told.checked(name, passed, why)
          balancer.checked(member, passed, this.world.pollset.now)
          return member.active === 'down'
        })
      })
    }
  }

  /** Keeps the engines of an endpoint until its last exchange after its retirement. */
  private live(endpoint: Endpoint): Endpoint {
    const { engines } = endpoint
    engines.onUnreached = (why) => this.told.unreached(engines, why)
    this.living.add(endpoint)
    endpoint.onUnused = () => {
      endpoint.onUnused = null
      this.living.delete(endpoint)
      engines.close()
    }
    return endpoint
  }

  clientClosed(client: Client): void {
    for (const { engines } of this.living) engines.clientClosed(client)
  }

  all(): Backend[] {
    return [...this.configured.values()].map((each) => each.backend)
  }

  engines(): Engine<ExchangeSession>[] {
    return [...this.living].flatMap(({ engines }) => engines.engines())
  }

  close(): void {
    for (const { checks, discovery } of this.configured.values()) {
      closeAll(checks)
      discovery?.close()
    }
    for (const { engines } of this.living) engines.close()
  }
}

/** Returns the known endpoints of a backend; null before the first answer of DNS. */
function wantedOf({ config, discovery }: Configured): readonly Wanted[] | null {
  if (discovery !== null) return discovery.found
  return config.endpoints.map((each) => ({ ...each, name: null }))
}

function tune({ engines }: Endpoint, { limits, connectMs }: Tuning): void {
  engines.configure(limits, connectMs)
}
