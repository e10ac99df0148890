// The backends of an embedded proxy, by target. Functions may name any number of targets: past a bound, the
// least recently used one retires. It serves its remaining requests, then its connections close.

import type { BackendConfig } from '../../config/index.js'
import { RecentTable } from '../../engine/index.js'
import type { Client, HttpWorld } from '../../http/index.js'
import {
  Backend,
  backendOptions,
  Endpoint,
  type ProxyLimits,
  Route,
  settingsOf,
  Weighted,
} from '../../proxy/index.js'
import { parseBackend } from '../address.js'
import type { Limits } from '../limits.js'
import type { Protocols } from '../protocols.js'
import type { ProxyTimeouts, ProxyTls } from './options.js'
import type { ReadTarget } from './target-url.js'

/** The settings of a target, besides its URL, that its connections and exchanges depend on. */
export interface TargetSettings {
  readonly timeouts: ProxyTimeouts
  readonly tls: ProxyTls
  readonly share: 'process' | 'connection'
  /** The attempts; 0: as the limits say. */
  readonly attempts: number
  readonly errors: 'plain' | 'detailed'
  /** True: its connections go only to allowed addresses. */
  readonly guarded: boolean
}

interface Known {
  readonly backend: Backend
  readonly endpoint: Endpoint
  readonly routes: Map<string, Route>
}

const NO_SOURCE = { file: '', line: 0, column: 0 }

/** The most combinations of timeouts of one target whose routes are kept. */
const ROUTES_MAX = 100

export class Targets {
  private readonly world: HttpWorld
  private readonly protocols: Protocols
  private readonly limits: Limits
  private readonly known: RecentTable<Known>
  /** All endpoints whose engines are not closed. */
  private readonly living = new Set<Endpoint>()
  private readonly refuses: (host: string) => string | null

  /** @param refuses returns why a guarded target must not have this numeric address; null if it may */
  constructor(
    world: HttpWorld,
    protocols: Protocols,
    limits: Limits,
    refuses: (host: string) => string | null,
  ) {
    this.world = world
    this.protocols = protocols
    this.limits = limits
    // One that is in use serves its requests to their end.
    this.known = new RecentTable<Known>(
      limits.node.targetsMax,
      () => false,
      ({ backend }) => backend.retire(),
    )
    this.refuses = refuses
  }

  /** Returns the route to a target. Throws if an authority is not PEM. */
  routeTo(target: ReadTarget, settings: TargetSettings): Route {
    return this.routeOf(this.knownAs(target, settings), settings)
  }

  /** Returns the backend of a target. Throws as {@link routeTo} does. */
  backendOf(target: ReadTarget, settings: TargetSettings): Backend {
    return this.knownAs(target, settings).backend
  }

  private knownAs(target: ReadTarget, settings: TargetSettings): Known {
    const { tls, share, guarded } = settings
    const key = `${target.url} ${tls.verify} ${tls.name} ${tls.ca} ${share} ${guarded}`
    return this.known.of(key, () => this.made(target, settings)) as Known
  }

  private made({ url }: ReadTarget, { tls, share, guarded }: TargetSettings): Known {
    const engines = this.protocols.enginesTo(
      url,
      configOf(url, tls, share, this.limits),
      undefined,
      guarded ? this.refuses : undefined,
    )
    const endpoint = new Endpoint(this.world, engines)
    this.living.add(endpoint)
    endpoint.onUnused = () => {
      this.living.delete(endpoint)
      engines.close()
    }
    return { backend: new Backend(this.world, url, [endpoint], backendOptions), endpoint, routes: new Map() }
  }

  private routeOf({ backend, routes }: Known, { timeouts, attempts, errors }: TargetSettings): Route {
    const key = `${JSON.stringify(timeouts)} ${attempts} ${errors}`
    const found = routes.get(key)
    if (found !== undefined) return found
    const { proxy } = this.limits
    const route = routeWith(this.world, proxy, backend, timeouts, attempts, errors)
    if (routes.size >= ROUTES_MAX) routes.clear()
    routes.set(key, route)
    return route
  }

  /** The number of connections to backends, including those being opened. */
  get sessions(): number {
    let count = 0
    for (const { engines } of this.living) for (const each of engines.engines()) count += each.sessions.length
    return count
  }

  clientClosed(client: Client): void {
    for (const { engines } of this.living) engines.clientClosed(client)
  }

  close(): void {
    for (const { engines } of this.living) engines.close()
  }
}

function routeWith(
  { pollset }: HttpWorld,
  limits: ProxyLimits,
  backend: Backend,
  timeouts: ProxyTimeouts,
  attempts: number,
  errors: 'plain' | 'detailed',
): Route {
  const base = settingsOf(backend.name, limits)
  const settings = {
    ...base,
    errors,
    timeouts: {
      connectMs: timeouts.connect ?? base.timeouts.connectMs,
      leaseMs: timeouts.lease ?? base.timeouts.leaseMs,
      headMs: timeouts.head ?? base.timeouts.headMs,
      idleMs: timeouts.idle ?? base.timeouts.idleMs,
      tunnelMs: timeouts.tunnel ?? base.timeouts.tunnelMs,
      requestMs: timeouts.request ?? base.timeouts.requestMs,
    },
    retry: attempts === 0 ? base.retry : { ...base.retry, attempts },
    path: { ambiguous: 'pass', forward: 'client' } as const,
  }
  return new Route(pollset, limits, settings, {
    kind: 'backend',
    to: new Weighted([{ to: backend, weight: 1 }]),
  })
}

/** Returns the configuration of a backend of one URL. */
const configOf = (
  url: string,
  tls: ProxyTls,
  share: 'process' | 'connection',
  { engine }: Limits,
): BackendConfig => ({
  name: url,
  protocol: parseBackend(url).scheme,
  endpoints: [],
  handler: null,
  discovery: null,
  tls: { ca: tls.ca ?? null, name: tls.name ?? null, verify: tls.verify ?? true },
  share,
  sendProxy: null,
  balance: { policy: 'least-requests', key: null, bound: 0, slowStartMs: 0, affinity: null },
  health: { active: null, passive: null, panic: 0 },
  limits: { sessions: null, requests: 0, pending: engine.queueMax, sessionAgeMs: 0, streamsPerSession: 0 },
  retryBudget: null,
  source: NO_SOURCE,
  sources: {},
})
