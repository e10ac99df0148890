// Compiled routes: the parts of a route that an exchange needs. An exchange keeps its route until it ends, so
// new routes change nothing for it.

import type { DurationList, Pollset } from '../pollset/index.js'
import type { Backend } from './backend.js'
import { exchangeLife } from './exchange-life.js'
import { FilterChain, type FilterUse } from './filter/chain.js'
import { answerMs, type ProxyLimits } from './limits.js'
import { lookMs } from './progress.js'
import { NEVER, type PathOptions, type RetryOptions, type RouteAction, type Timeouts } from './route.js'
import type { Weighted } from './weighted.js'

/** The settings of a route. */
export interface RouteSettings {
  readonly name: string
  readonly timeouts: Timeouts
  readonly retry: RetryOptions
  readonly path: PathOptions
  /** Protocols of extended CONNECT that may pass besides `websocket`, in lower case. */
  readonly upgrades: readonly string[]
  /** `detailed`: our own errors tell clients the cause. */
  readonly errors: 'plain' | 'detailed'
}

const msOf = (ms: number): number => (ms === NEVER ? Number.POSITIVE_INFINITY : ms)

/** The treatment of a route's requests. */
export type CompiledAction =
  | { readonly kind: 'backend'; readonly to: Weighted<Backend> }
  | Exclude<RouteAction, { kind: 'backend' }>

/** The bound in place of an endless timeouts.connect, for connections that routes share: ms. */
export const CONNECT_MS_MAX = 24 * 60 * 60 * 1000

/** The action of exchanges without a route: it is never taken. */
export const NO_ACTION: CompiledAction = { kind: 'answer', status: 500, body: '', fields: [] }

export class Route {
  readonly name: string
  readonly action: CompiledAction
  /** The proxy's limits, with this route's timeouts and retries in their place. */
  readonly limits: ProxyLimits
  readonly durations: readonly DurationList[]
  /** ms that a request waits for a lease at most */
  readonly leaseMs: number
  /** ms that a request waits for a connection at most, while none is open */
  readonly connectMs: number
  readonly retry: RetryOptions
  readonly path: PathOptions
  readonly upgrades: ReadonlySet<string>
  readonly detailed: boolean
  /** Its filters; null if it has none. */
  readonly filters: FilterChain | null

  constructor(
    pollset: Pollset,
    limits: ProxyLimits,
    settings: RouteSettings,
    action: CompiledAction,
    filters: readonly FilterUse[] = [],
  ) {
    const { timeouts, retry } = settings
    this.name = settings.name
    this.action = action
    this.limits = {
      ...limits,
      leaseTimeoutMs: msOf(timeouts.leaseMs),
      headTimeoutMs: msOf(timeouts.headMs),
      bodyTimeoutMs: msOf(timeouts.idleMs),
      tunnelIdleMs: msOf(timeouts.tunnelMs),
      exchangeTimeoutMs: msOf(timeouts.requestMs),
      attemptsMax: retry.attempts,
      replayBytesMax: retry.replayBytes,
    }
    this.leaseMs = Math.min(this.limits.leaseTimeoutMs, this.limits.exchangeTimeoutMs)
    this.connectMs = msOf(timeouts.connectMs)
    this.durations = durationsOf(pollset, this.limits)
    this.retry = retry
    this.path = settings.path
    this.upgrades = new Set(settings.upgrades)
    this.detailed = settings.errors === 'detailed'
    this.filters = filters.length === 0 ? null : new FilterChain(filters)
  }
}

/** Makes the duration lists of an exchange with these limits. */
export function durationsOf({ deadlines }: Pollset, limits: ProxyLimits): readonly DurationList[] {
  const { leaseTimeoutMs, headTimeoutMs, bodyTimeoutMs, tunnelIdleMs, exchangeTimeoutMs } = limits
  return exchangeLife.durations(deadlines, {
    lease: Math.min(leaseTimeoutMs, exchangeTimeoutMs),
    head: headTimeoutMs,
    headLook: lookMs(headTimeoutMs, limits),
    bodyLook: lookMs(bodyTimeoutMs, limits),
    tunnelLook: lookMs(tunnelIdleMs, limits),
    answer: answerMs(limits),
  })
}

/** The timeouts and retries of a proxy's limits, for routes that set none of their own. */
export const settingsOf = (name: string, limits: ProxyLimits): RouteSettings => ({
  name,
  timeouts: {
    connectMs: NEVER,
    leaseMs: limits.leaseTimeoutMs,
    headMs: limits.headTimeoutMs,
    idleMs: limits.bodyTimeoutMs,
    tunnelMs: limits.tunnelIdleMs,
    requestMs: limits.exchangeTimeoutMs,
  },
  retry: {
    attempts: limits.attemptsMax,
    connectFailure: true,
    refusedStream: true,
    closedBeforeHead: true,
    statuses: [],
    replayBytes: limits.replayBytesMax,
    firstMs: 25,
    mostMs: 250,
  },
  path: { ambiguous: 'refuse', forward: 'client' },
  upgrades: [],
  errors: 'plain',
})
