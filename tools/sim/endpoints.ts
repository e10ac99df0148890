// The endpoints of a run with balancing (plan: endpoints): a host for each, which dies, hangs, answers 503,
// returns and flaps, and reloads that take endpoints away and put them back, or put another backend in the
// place of this one. The backends are made, checked and reloaded by the code of the server.

import type { BackendConfig } from '../../src/config/index.js'
import type { Client, HttpWorld } from '../../src/http/index.js'
import type { Address, Prng, SimPeerSocket } from '../../src/pollset/index.js'
import type { Backend, RouteSettings } from '../../src/proxy/index.js'
import { Backends, type PreparedBackends } from '../../src/server/backends.js'
import type { Limits } from '../../src/server/index.js'
import type { Protocols } from '../../src/server/protocols.js'
import type { Changeovers } from './changeovers.js'
import type { BackendsInside, EngineInside } from './inside.js'
import type { PeerContext } from './peer.js'
import type { Plan } from './plan.js'

const POLICIES = ['least-requests', 'round-robin', 'random', 'hash'] as const
const PORT = 9
/** The most endpoints of a run. */
const HOSTS_MAX = 4
/** The path of active checks over HTTP. */
export const CHECK_PATH = '/check'
/**
 * The bounds of passive health: how much longer than the first an ejection may be, and the base of its rate.
 */
export const EJECTION_TIMES_MAX = 5
export const RATE_LEAST = 5
export const RATE_MS = 500
const SYSTEM_RESOLVER = { servers: [], search: null }

/** A connection of a host. */
export interface HostPeer {
  readonly far: SimPeerSocket
  closed(): void
  heal(): void
}

/** The behaviour of a host towards requests and connections. */
type HostState = 'serves' | 'refuses' | 'hangs' | 'fails'

/** The host of an endpoint. */
export class Host {
  readonly name: string
  readonly address: Address
  readonly weight: number
  readonly peers = new Set<HostPeer>()
  state: HostState = 'serves'

  constructor(number: number, weight: number) {
    this.weight = weight
    this.name = `e${number}.sim`
    this.address = { host: `192.0.2.${10 + number}`, port: PORT }
  }

  /** True if it answers requests by 503. */
  get fails(): boolean {
    return this.state === 'fails'
  }
}

/** The events that the checkers are told of. */
export interface EndpointEvents {
  /** An active check of the configured backend has ended. */
  checked(endpoint: string, passed: boolean): void
  /** A balancer has ejected an endpoint. */
  ejected(backend: string, endpoint: string): void
  /** This backend, with its endpoints of now, is configured; null: none is. */
  configured(backend: Backend | null): void
}

export interface EndpointsContext extends PeerContext {
  readonly world: HttpWorld
  readonly limits: Limits
  /** Takes the configurations through the changeover of the server; null: they are committed as they come. */
  readonly changeovers: Changeovers | null
  /** Sends new requests to this backend. */
  routeTo(backend: Backend): void
}

export class Endpoints {
  /** The backend that new requests go to. */
  backend: Backend
  readonly hosts: readonly Host[]
  readonly backends: Backends
  private readonly told: EndpointEvents
  private readonly stage: EndpointsContext
  private readonly chance: Prng
  private basis: BackendConfig
  /** The number of backends so far. */
  private named = 0
  /** Those of the configuration. */
  private listed: Host[]
  private readonly connected: (host: Host, far: SimPeerSocket) => HostPeer

  /**
   * @param basis a backend of this run's protocol and sharing
   * @param connected makes the actor of a connection
   */
  constructor(
    stage: EndpointsContext,
    protocols: Protocols,
    basis: BackendConfig,
    chance: Prng,
    connected: (host: Host, far: SimPeerSocket) => HostPeer,
    told: EndpointEvents,
  ) {
    const { plan, pollset } = stage
    this.stage = stage
    this.chance = chance
    this.told = told
    this.connected = connected
    this.basis = { ...basis, name: 'backend-0', ...settingsOf(plan, basis) }
    this.hosts = Array.from(
      { length: HOSTS_MAX },
      (_, number) => new Host(number, chance.between(1, plan.weightMost)),
    )
    this.listed = this.hosts.slice(0, plan.endpoints)
    this.backends = new Backends(stage.world, protocols, stage.limits.proxy, {
      unreached: () => undefined,
      discovered: () => undefined,
      undiscovered: () => undefined,
      rediscovered: () => undefined,
      checked: (endpoint, passed) => told.checked(endpoint, passed),
      health: (backend, endpoint, event) => {
        if (event === 'ejected' && endpoint !== null) told.ejected(backend, endpoint)
      },
    })
    for (const each of this.hosts) {
      pollset.name(each.name, [each.address.host])
      this.set(each, 'serves')
    }
    this.backend = this.commit(this.prepared())
    for (const each of this.hosts) {
      // In some runs the first has no faults: it serves what the others lose.
      if (plan.endpointsOnly === 1 && each === this.hosts[0]) continue
      if (chance.chance(plan.endpointFaultPercent)) this.failLater(each)
    }
    if (chance.chance(plan.reloadPercent)) this.reloadLater()
  }

  /** Engines of all endpoints, of those too that end their last exchanges. */
  engines(): readonly EngineInside[] {
    return this.backends.engines() as unknown as readonly EngineInside[]
  }

  /** The number of active checks that wait for their time. */
  get checksArmed(): number {
    let armed = 0
    for (const { checks } of (this.backends as unknown as BackendsInside).configured.values())
      for (const each of checks.values()) if (each?.deadlineArmed) armed++
    return armed
  }

  clientClosed(client: Client): void {
    this.backends.clientClosed(client)
  }

  /** All hosts serve from now on. */
  heal(): void {
    for (const each of this.hosts) this.set(each, 'serves')
  }

  /** No request comes any more. */
  close(): void {
    if (this.chance.chance(50)) this.backends.close()
    else {
      this.backends.prepare(new Map(), SYSTEM_RESOLVER).commit()
      this.told.configured(null)
    }
  }

  // The hosts

  private set(host: Host, state: HostState): void {
    const { pollset } = this.stage
    host.state = state
    if (state === 'refuses') pollset.unserve(host.address)
    else if (state === 'hangs') pollset.serve(host.address, () => undefined, true)
    else
      pollset.serve(host.address, (far) => {
        host.peers.add(this.connected(host, far))
      })
  }

  private failLater(host: Host): void {
    const { plan } = this.stage
    this.later(this.chance.below(plan.runMs), () => this.fail(host))
  }

  private fail(host: Host): void {
    const { chance } = this
    const { plan } = this.stage
    const kind = chance.below(4)
    if (kind === 0) {
      this.flap(host, chance.between(2, 6))
      return
    }
    if (kind === 1) this.die(host)
    else {
      this.stage.tally(kind === 2 ? 'endpoint hangs' : 'endpoint answers 503')
      this.set(host, kind === 2 ? 'hangs' : 'fails')
    }
    this.later(chance.below(plan.runMs), () => {
      this.stage.tally('endpoint returns')
      this.set(host, 'serves')
      if (chance.chance(50)) this.failLater(host)
    })
  }

  /** Its connections are reset, and further ones refused. */
  private die(host: Host): void {
    this.stage.tally('endpoint dies')
    this.set(host, 'refuses')
    for (const each of [...host.peers]) {
      each.far.reset()
      each.closed()
    }
    host.peers.clear()
  }

  private flap(host: Host, times: number): void {
    this.die(host)
    this.later(this.chance.below(40), () => {
      this.stage.tally('endpoint flaps')
      this.set(host, 'serves')
      if (times > 1) this.later(this.chance.below(80), () => this.flap(host, times - 1))
    })
  }

  private later(ms: number, act: () => void): void {
    this.stage.pollset.after(ms, () => {
      if (!this.stage.healed) act()
    })
  }

  // The configuration

  /** Prepares a configuration in one turn, and commits it then or some turns later. */
  private reloadLater(mostMs = 300): void {
    const { chance } = this
    this.later(chance.between(1, mostMs), () =>
      this.inTurn(() => {
        this.change()
        const prepared = this.prepared()
        const commit = (): void => {
          this.backend = this.commit(prepared)
          this.stage.routeTo(this.backend)
        }
        const { changeovers } = this.stage
        if (changeovers !== null) {
          changeovers.begin(commit)
          // A newer one may come before it serves.
          this.reloadLater(chance.chance(30) ? 10 : mostMs)
          return
        }
        const thenAnother = (): void => {
          commit()
          this.reloadLater()
        }
        if (chance.chance(50)) thenAnother()
        else this.later(chance.below(30), () => this.inTurn(thenAnother))
      }),
    )
  }

  private inTurn(act: () => void): void {
    this.stage.pollset.queue({ wake() {}, resume: act })
  }

  /**
   * Takes an endpoint away, or puts one in; or takes another backend for these endpoints, or gives them other
   * connections or limits.
   */
  private change(): void {
    const { basis, chance, hosts } = this
    const { endpointsOnly, renamePercent, sessionsMax } = this.stage.plan
    const unlisted = hosts.filter((each) => !this.listed.includes(each))
    if (chance.chance(renamePercent)) {
      const kind = chance.below(3)
      this.stage.tally(['backend replaced', 'connections replaced', 'sessions limited'][kind])
      if (kind === 0) this.basis = { ...basis, name: `backend-${++this.named}` }
      else if (kind === 1)
        this.basis = { ...basis, share: basis.share === 'process' ? 'connection' : 'process' }
      else {
        const limits = { ...basis.limits, sessions: chance.between(1, sessionsMax) }
        this.basis = { ...basis, limits }
      }
    } else if (this.listed.length > 1 && (unlisted.length === 0 || chance.chance(50))) {
      this.stage.tally('endpoint removed')
      this.listed.splice(chance.between(endpointsOnly, this.listed.length - 1), 1)
    } else {
      this.stage.tally('endpoint added')
      this.listed.push(unlisted[chance.below(unlisted.length)])
    }
  }

  private prepared(): PreparedBackends {
    const endpoints = this.listed.map(({ name, weight }) => ({ address: `${name}:${PORT}`, weight }))
    const prepared = this.backends.prepare(new Map(), SYSTEM_RESOLVER)
    prepared.add({ ...this.basis, endpoints })
    return prepared
  }

  private commit(prepared: PreparedBackends): Backend {
    prepared.commit()
    const [backend] = prepared.byName.values()
    this.told.configured(backend)
    return backend
  }
}

/** Returns the plan's settings of the route. */
export const routeSettings = (plan: Plan, settings: RouteSettings): Partial<RouteSettings> => ({
  timeouts: {
    ...settings.timeouts,
    ...(plan.routeConnectMs === 0 ? {} : { connectMs: plan.routeConnectMs }),
  },
  retry: {
    ...settings.retry,
    statuses: plan.retryOn503 === 1 ? [503] : [],
    firstMs: plan.backoffFirstMs,
    mostMs: plan.backoffMostMs,
  },
})

function settingsOf(plan: Plan, basis: BackendConfig): Partial<BackendConfig> {
  return {
    balance: {
      policy: POLICIES[plan.policy],
      key: { kind: 'address', name: '' },
      bound: plan.hashBoundPercent / 100,
      slowStartMs: plan.slowStartMs,
      affinity: null,
    },
    health: {
      active:
        plan.activeChecks === 0
          ? null
          : {
              kind: plan.activeChecks === 1 ? 'tcp' : 'http',
              path: CHECK_PATH,
              host: null,
              status: [[200, 399]],
              service: '',
              intervalMs: plan.checkIntervalMs,
              timeoutMs: plan.checkTimeoutMs,
              healthy: plan.checksHealthy,
              unhealthy: plan.checksUnhealthy,
              initial: plan.checksFirst === 1 ? 'check' : 'up',
            },
      passive:
        plan.passiveConsecutive + plan.passiveRatePercent === 0
          ? null
          : {
              consecutive: plan.passiveConsecutive,
              rate: plan.passiveRatePercent / 100,
              rateLeast: RATE_LEAST,
              rateMs: RATE_MS,
              ejectionMs: plan.ejectionMs,
              ejectionMostMs: plan.ejectionMs * EJECTION_TIMES_MAX,
              ejectedMax: plan.ejectedMaxPercent / 100,
            },
      panic: plan.panicPercent / 100,
    },
    limits: { ...basis.limits, requests: plan.backendRequestsMax, pending: plan.queueMax },
    retryBudget:
      plan.budgeted === 0 ? null : { ratio: plan.budgetRatioPercent / 100, perSecond: plan.budgetPerSecond },
  }
}
