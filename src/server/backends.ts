// The backends of the configuration, and the engines of their endpoints. New backends keep what they share
// with the old ones: the engines of an address by what its connections depend on, the health of an endpoint
// by its backend's name and its address. Endpoints that DNS has found are replaced in the same way. Engines
// that no endpoint has any longer serve their exchanges, retries included, and close after the last of them.

import { isDeepStrictEqual } from 'node:util'
import { type BalanceEvent, type BalancerOptions, balancerOptions } from '../balancing/index.js'
import type { BackendConfig, EndpointConfig, ResolverConfig } from '../config/index.js'
import type { Fault } from '../continuation/index.js'
import type { Engine } from '../engine/index.js'
import type { Client, HttpWorld } from '../http/index.js'
import { keyedDigest } from '../pollset/index.js'
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
import { parseBackend } from './address.js'
import type { Protocols } from './protocols.js'

/** A backend as it was last configured. */
interface Configured {
  readonly backend: Backend
  readonly config: BackendConfig
  readonly options: BackendOptions
  readonly connectMs: number | undefined
  /** Null with fixed endpoints. */
  readonly discovery: Discovery | null
  /** By address. */
  endpoints: ReadonlyMap<string, Placed>
  /** The active checks of its endpoints. */
  readonly checks: Map<Endpoint, HealthCheck>
  /** What the connections of its endpoints depend on, by address. */
  readonly keys: Map<string, string>
}

/** An endpoint as the configuration or DNS has it. */
interface Wanted extends EndpointConfig {
  /** The name that it was found by; null if it is configured. */
  readonly name: string | null
}

interface Placed {
  readonly endpoint: Endpoint
  readonly wanted: Wanted
}

/** Engines, and the endpoints that have them. */
interface Shared {
  readonly engines: EngineSet
  uses: number
}

export interface BackendEvents {
  /** A connection could not be made. */
  unreached(engines: EngineSet, why: Fault): void
  /** An active check has ended. */
  checked(endpoint: string, passed: boolean, why: string): void
  /** DNS has other endpoints for a backend. @param leftOut how many it has beside, past the limit */
  discovered(backend: string, addresses: readonly string[], leftOut: number): void
  /** The endpoints of a backend cannot be looked up. @param known how many it has from before */
  undiscovered(backend: string, name: string, why: string, known: number): void
  /** They can be looked up again. */
  rediscovered(backend: string, name: string): void
  /** The health of an endpoint, or of a backend (`endpoint` null), has changed. */
  health(backend: string, endpoint: string | null, event: BalanceEvent): void
}

/** Backends that are made and checked, and serve once they are committed. */
export interface PreparedBackends {
  readonly byName: ReadonlyMap<string, Backend>
  /** Makes one more. Throws if it is wrong. */
  add(config: BackendConfig): void
  commit(): void
}

const urlOf = ({ protocol }: BackendConfig, { address }: EndpointConfig): string => `${protocol}://${address}`

/** Certificates are for the name that the endpoint was found by. */
const configOf = (config: BackendConfig, { name }: Wanted): BackendConfig =>
  name === null || config.tls.name !== null ? config : { ...config, tls: { ...config.tls, name } }

/** An endpoint in the place of those that are not known yet, when a configuration is checked. */
const ANY: Wanted = { address: '127.0.0.1:1', weight: 1, name: 'localhost' }

const backendOptionsOf = (
  { balance, health, limits, retryBudget }: BackendConfig,
  hmac: BalancerOptions['hmac'],
): BackendOptions => ({
  balancer: balancerOptions(balance, health, hmac),
  requestsMax: limits.requests,
  waitingMax: limits.pending,
  retryBudget,
})

/** Returns the digest of affinity cookies. A key that was made at start lasts until the affinity changes. */
function digestOf({ balance }: BackendConfig, before: Configured | undefined): BalancerOptions['hmac'] {
  const { affinity } = balance
  if (affinity === null) return null
  if (before !== undefined && isDeepStrictEqual(affinity, before.config.balance.affinity))
    return before.backend.options.balancer.hmac
  return keyedDigest(affinity.key)
}

export class Backends {
  private readonly world: HttpWorld
  private readonly protocols: Protocols
  private readonly limits: ProxyLimits
  private readonly told: BackendEvents
  private configured: ReadonlyMap<string, Configured> = new Map()
  private resolver: ResolverConfig = { servers: [], search: null }
  /** By what their connections depend on. */
  private readonly shared = new Map<string, Shared>()

  constructor(world: HttpWorld, protocols: Protocols, limits: ProxyLimits, told: BackendEvents) {
    this.world = world
    this.protocols = protocols
    this.limits = limits
    this.told = told
  }

  /**
   * Begins to make the backends of a configuration; nothing changes before they are committed.
   * @param connectMs the longest timeouts.connect of the routes to each backend, in ms; by name
   */
  prepare(connectMs: ReadonlyMap<string, number>, resolver: ResolverConfig): PreparedBackends {
    const made = new Map<string, EngineSet>()
    const next = new Map<string, Configured>()
    const byName = new Map<string, Backend>()
    const changes: (() => void)[] = []
    return {
      byName,
      add: (config) => {
        const before = this.configured.get(config.name)
        const configured = this.configuredAs(config, connectMs.get(config.name), resolver, before)
        for (const each of wantedOf(configured) ?? [ANY]) this.enginesOf(configured, each, made)
        next.set(config.name, configured)
        byName.set(config.name, configured.backend)
        changes.push(() => this.change(configured, before, made))
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
    resolver: ResolverConfig,
    before: Configured | undefined,
  ): Configured {
    const options = backendOptionsOf(config, digestOf(config, before))
    const backend = before?.backend ?? this.made(config.name, options)
    const checks = isDeepStrictEqual(before?.config.health.active, config.health.active)
      ? (before as Configured).checks
      : new Map<Endpoint, HealthCheck>()
    const discovery = this.discoveryOf(config, backend, resolver, before)
    const endpoints = before?.endpoints ?? new Map()
    return { backend, config, options, connectMs, discovery, endpoints, checks, keys: new Map() }
  }

  /** Gives a backend its new configuration. */
  private change(to: Configured, before: Configured | undefined, made: Map<string, EngineSet>): void {
    const { backend, config, options, discovery, checks } = to
    if (before === undefined || !balancesAs(before.config, config)) backend.configure(options)
    // The endpoints may be checked in another way from now on.
    if (before !== undefined && before.checks !== checks) closeAll(before.checks)
    if (before !== undefined && before.discovery !== discovery) before.discovery?.close()
    // DNS may have found others since.
    to.endpoints = before?.endpoints ?? to.endpoints
    backend.discovery = discovery
    this.place(to, wantedOf(to) ?? [], made)
    if (discovery !== null && discovery !== before?.discovery) discovery.start()
  }

  /** Returns the discovery of a backend, the one before if it asks the same; null with fixed endpoints. */
  private discoveryOf(
    { name, discovery }: BackendConfig,
    backend: Backend,
    resolver: ResolverConfig,
    before: Configured | undefined,
  ): Discovery | null {
    if (discovery === null) return null
    if (isDeepStrictEqual(before?.config.discovery, discovery) && isDeepStrictEqual(this.resolver, resolver))
      return before?.discovery ?? null
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
    const asked = before?.config.discovery ?? null
    const isSameName = asked?.kind === discovery.kind && asked.name === discovery.name
    // Other times, or other servers, change nothing of what was found.
    if (isSameName && asked.port === discovery.port) made.found = before?.discovery?.found ?? null
    return made
  }

  /**
   * Returns the engines of an endpoint. Throws if their configuration is wrong.
   * @param made new ones, by key
   */
  private enginesOf(
    of: Configured,
    each: Wanted,
    made: Map<string, EngineSet>,
  ): readonly [key: string, engines: EngineSet] {
    const { config, connectMs, keys } = of
    const own = configOf(config, each)
    const key = keys.get(each.address) ?? keyOf(own, each, connectMs)
    keys.set(each.address, key)
    const known = this.shared.get(key)?.engines ?? made.get(key)
    const engines = known ?? this.protocols.enginesTo(urlOf(own, each), own, connectMs)
    if (known === undefined) made.set(key, engines)
    return [key, engines]
  }

  /** Gives a backend these endpoints. Those that stay keep their engines and health; others drain. */
  private place(configured: Configured, wanted: readonly Wanted[], made: Map<string, EngineSet>): void {
    const placed = new Map<string, Placed>()
    for (const each of wanted) {
      const [key, engines] = this.enginesOf(configured, each, made)
      const old = configured.endpoints.get(each.address)?.endpoint
      const stays = old !== undefined && old.engines === engines
      const endpoint = stays ? old : new Endpoint(this.world, engines, each.weight)
      endpoint.member.weight = each.weight
      if (!stays) this.use(key, endpoint)
      placed.set(each.address, { endpoint, wanted: each })
    }
    const before = [...configured.endpoints.values()]
    const now = [...placed.values()]
    const isAsBefore =
      now.length === before.length &&
      now.every(
        ({ endpoint, wanted }, at) =>
          endpoint === before[at].endpoint && wanted.weight === before[at].wanted.weight,
      )
    for (const address of configured.keys.keys()) if (!placed.has(address)) configured.keys.delete(address)
    configured.endpoints = placed
    if (!isAsBefore) configured.backend.replace(now.map((each) => each.endpoint))
    this.check(configured)
  }

  private made(name: string, options: BackendOptions): Backend {
    const backend = new Backend(this.world, name, [], options)
    backend.balancer.onEvent = (event, member) => this.told.health(name, member?.name ?? null, event)
    return backend
  }

  /** Checks the endpoints that are not checked yet, and no longer those that have gone. */
  private check({ backend, config, checks, endpoints }: Configured): void {
    const { active } = config.health
    const { balancer, chance } = backend
    for (const [endpoint, check] of checks) {
      if (active !== null && backend.endpoints.includes(endpoint)) continue
      checks.delete(endpoint)
      check.close()
    }
    if (active === null) return
    for (const { endpoint, wanted } of endpoints.values()) {
      if (checks.has(endpoint)) continue
      const { member } = endpoint
      const target = this.protocols.checked(endpoint.name, configOf(config, wanted), wanted.name)
      const check = new HealthCheck(this.world, active, target, chance.next, (passed, why) => {
        this.told.checked(endpoint.name, passed, why)
        balancer.checked(member, passed, this.world.pollset.now)
        return member.active === 'down'
      })
      checks.set(endpoint, check)
      check.start()
    }
  }

  /** Notes that an endpoint has these engines, until its last exchange after it was retired. */
  private use(key: string, endpoint: Endpoint): void {
    let shared = this.shared.get(key)
    if (shared === undefined) {
      const { engines } = endpoint
      engines.onUnreached = (why) => this.told.unreached(engines, why)
      shared = { engines, uses: 0 }
      this.shared.set(key, shared)
    }
    shared.uses++
    const used = shared
    endpoint.onUnused = () => {
      endpoint.onUnused = null
      if (--used.uses > 0) return
      this.shared.delete(key)
      used.engines.close()
    }
  }

  clientClosed(client: Client): void {
    for (const { engines } of this.shared.values()) engines.clientClosed(client)
  }

  all(): Backend[] {
    return [...this.configured.values()].map((each) => each.backend)
  }

  engines(): Engine<ExchangeSession>[] {
    return [...this.shared.values()].flatMap(({ engines }) => engines.engines())
  }

  close(): void {
    for (const { checks, discovery } of this.configured.values()) {
      closeAll(checks)
      discovery?.close()
    }
    for (const { engines } of this.shared.values()) engines.close()
  }
}

/** Returns the endpoints of a backend, as far as they are known; null before the first answer of DNS. */
function wantedOf({ config, discovery }: Configured): readonly Wanted[] | null {
  if (discovery !== null) return discovery.found
  return config.endpoints.map((each) => ({ ...each, name: null }))
}

/** Names what the connections to an endpoint depend on: engines of one key are the same. */
function keyOf(config: BackendConfig, each: EndpointConfig, connectMs: number | undefined): string {
  const { protocol, tls, share, sendProxy, limits } = config
  const { scheme, host, port, path } = parseBackend(urlOf(config, each))
  const { sessions, pending, sessionAgeMs, streamsPerSession } = limits
  const secure = protocol === 'https' || protocol === 'h2' ? tls : null
  return JSON.stringify([
    scheme,
    host,
    port,
    path ?? '',
    secure,
    share,
    sendProxy,
    [sessions, pending, sessionAgeMs, streamsPerSession],
    connectMs ?? null,
  ])
}

/** Whether the two differ in nothing that the balancer and the retry budget depend on. */
const balancesAs = (a: BackendConfig, b: BackendConfig): boolean =>
  isDeepStrictEqual(
    [a.balance, a.health, a.limits, a.retryBudget],
    [b.balance, b.health, b.limits, b.retryBudget],
  )

function closeAll(checks: ReadonlyMap<Endpoint, HealthCheck>): void {
  for (const each of checks.values()) each.close()
}
