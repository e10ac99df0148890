// The backends of the configuration, and the engines of their endpoints. New backends keep what they share
// with the old ones: the engines of an address by what its connections depend on, the health of an endpoint
// by its backend's name and its address. Engines that no endpoint has any longer serve their exchanges,
// retries included, and close after the last of them.

import { type BalanceEvent, balancerOptions } from '../balancing/index.js'
import type { BackendConfig, EndpointConfig } from '../config/index.js'
import type { Fault } from '../continuation/index.js'
import type { Engine } from '../engine/index.js'
import type { Client, HttpWorld } from '../http/index.js'
import { keyedDigest } from '../pollset/index.js'
import {
  Backend,
  type BackendOptions,
  Endpoint,
  type EngineSet,
  type ExchangeSession,
  HealthCheck,
} from '../proxy/index.js'
import { parseBackend } from './address.js'
import type { Protocols } from './protocols.js'

/** A backend as it was last configured. */
interface Configured {
  readonly backend: Backend
  readonly config: BackendConfig
  /** By address. */
  readonly endpoints: ReadonlyMap<string, Endpoint>
  /** The active checks of its endpoints. */
  readonly checks: Map<Endpoint, HealthCheck>
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
  /** The health of an endpoint, or of a backend (`endpoint` null), has changed. */
  health(backend: string, endpoint: string | null, event: BalanceEvent): void
}

/** Backends that are made and checked, and serve once they are committed. */
export interface PreparedBackends {
  readonly byName: ReadonlyMap<string, Backend>
  commit(): void
}

const urlOf = ({ protocol }: BackendConfig, { address }: EndpointConfig): string => `${protocol}://${address}`

const backendOptionsOf = (
  { balance, health, limits, retryBudget }: BackendConfig,
  hmac: ((name: string) => string) | null,
): BackendOptions => ({
  balancer: balancerOptions(balance, health, hmac),
  requestsMax: limits.requests,
  retryBudget,
})

export class Backends {
  private readonly world: HttpWorld
  private readonly protocols: Protocols
  private readonly told: BackendEvents
  private configured: ReadonlyMap<string, Configured> = new Map()
  /** By what their connections depend on. */
  private readonly shared = new Map<string, Shared>()

  constructor(world: HttpWorld, protocols: Protocols, told: BackendEvents) {
    this.world = world
    this.protocols = protocols
    this.told = told
  }

  /**
   * Makes the backends of a configuration. Throws if one is wrong; nothing changes before they are committed.
   * @param connectMs the longest timeouts.connect of the routes to each backend, in ms; by name
   */
  prepare(configs: readonly BackendConfig[], connectMs: ReadonlyMap<string, number>): PreparedBackends {
    const made = new Map<string, EngineSet>()
    const next = new Map<string, Configured>()
    const changes: (() => void)[] = []
    for (const config of configs) {
      const before = this.configured.get(config.name)
      const endpoints = new Map<string, Endpoint>()
      for (const each of config.endpoints) {
        const key = keyOf(config, each, connectMs.get(config.name))
        const engines =
          this.shared.get(key)?.engines ??
          made.get(key) ??
          this.protocols.enginesTo(urlOf(config, each), config, connectMs.get(config.name))
        made.set(key, engines)
        const old = before?.endpoints.get(each.address)
        const endpoint =
          old !== undefined && old.engines === engines ? old : new Endpoint(this.world, engines, each.weight)
        endpoints.set(each.address, endpoint)
        changes.push(() => {
          endpoint.member.weight = each.weight
          if (endpoint !== old) this.use(key, endpoint)
        })
      }
      const { affinity } = config.balance
      const known = before?.config.balance.affinity ?? null
      // A key that was made at start lasts until the affinity changes.
      const hmac =
        affinity === null
          ? null
          : isSame(affinity, known)
            ? (before?.backend.options.balancer.hmac ?? null)
            : keyedDigest(affinity.key)
      const options = backendOptionsOf(config, hmac)
      const backend = before?.backend ?? this.made(config.name, options)
      changes.push(() => {
        if (before === undefined || !isSame(before.config, config)) backend.configure(options)
        backend.replace([...endpoints.values()])
      })
      const checks = isSame(before?.config.health.active, config.health.active)
        ? (before as Configured).checks
        : new Map<Endpoint, HealthCheck>()
      const configured = { backend, config, endpoints, checks }
      // The endpoints may be checked in another way from now on.
      if (before !== undefined && before.checks !== checks) changes.push(() => closeAll(before.checks))
      changes.push(() => this.check(configured))
      next.set(config.name, configured)
    }
    return {
      byName: new Map([...next].map(([name, { backend }]) => [name, backend])),
      commit: () => {
        for (const change of changes) change()
        for (const [name, { backend, checks }] of this.configured) {
          if (next.has(name)) continue
          closeAll(checks)
          backend.retire()
        }
        this.configured = next
      },
    }
  }

  private made(name: string, options: BackendOptions): Backend {
    const backend = new Backend(this.world, name, [], options)
    backend.balancer.onEvent = (event, member) => this.told.health(name, member?.name ?? null, event)
    return backend
  }

  /** Checks the endpoints that are not checked yet, and no longer those that have gone. */
  private check({ backend, config, checks }: Configured): void {
    const { active } = config.health
    const { endpoints, balancer, chance } = backend
    for (const [endpoint, check] of checks) {
      if (active !== null && endpoints.includes(endpoint)) continue
      checks.delete(endpoint)
      check.close()
    }
    if (active === null) return
    for (const endpoint of endpoints) {
      if (checks.has(endpoint)) continue
      const { member } = endpoint
      const target = this.protocols.checked(endpoint.name, config)
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
    for (const { checks } of this.configured.values()) closeAll(checks)
    for (const { engines } of this.shared.values()) engines.close()
  }
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

function closeAll(checks: ReadonlyMap<Endpoint, HealthCheck>): void {
  for (const each of checks.values()) each.close()
}

const isSame = (a: unknown, b: unknown): boolean => JSON.stringify(a) === JSON.stringify(b)
