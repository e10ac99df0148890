// The configuration of a running backend's parts, and whether two configurations of a backend differ in it.

import { isDeepStrictEqual } from 'node:util'
import { type BalancerOptions, balancerOptions } from '../balancing/index.js'
import type { BackendConfig, HeldApp } from '../config/index.js'
import { keyedDigest } from '../pollset/index.js'
import type { Backend, BackendOptions } from '../proxy/index.js'

/** The names for which a configuration is kept: DNS may tell others without end. */
const NAMES_KEPT = 1_000

/** The configurations of endpoints: certificates are for the names that these were found by. */
export class NamedConfigs {
  private readonly byConfig = new WeakMap<BackendConfig, Map<string, BackendConfig>>()

  /**
   * Returns the configuration of an endpoint, as a rule the same object for the same name.
   * @param name null if it is configured
   */
  of(config: BackendConfig, name: string | null): BackendConfig {
    if (name === null || config.tls.name !== null) return config
    const byName = this.byConfig.get(config) ?? new Map<string, BackendConfig>()
    this.byConfig.set(config, byName)
    if (byName.size >= NAMES_KEPT && !byName.has(name)) byName.clear()
    const own = byName.get(name) ?? { ...config, tls: { ...config.tls, name } }
    byName.set(name, own)
    return own
  }
}

/** Numbers the apps of the program: another app has other connections. */
export class AppNumbers {
  private readonly byApp = new WeakMap<HeldApp, number>()
  private last = 0

  /** Names the app of a backend; '' without one. */
  of({ handler }: BackendConfig): string {
    if (handler === null) return ''
    const number = this.byApp.get(handler) ?? ++this.last
    this.byApp.set(handler, number)
    return ` handler ${number}`
  }
}

export const backendOptionsOf = (
  { balance, health, limits, retryBudget }: BackendConfig,
  hmac: BalancerOptions['hmac'],
): BackendOptions => ({
  balancer: balancerOptions(balance, health, hmac),
  requestsMax: limits.requests,
  waitingMax: limits.pending,
  retryBudget,
})

/**
 * Returns the digest of affinity cookies. A key that was made at start lasts until the affinity changes.
 * @param before the backend as it was configured before, if it was
 */
export function digestOf(
  { balance }: BackendConfig,
  backend: Backend | null,
  before: BackendConfig | null,
): BalancerOptions['hmac'] {
  const { affinity } = balance
  if (affinity === null) return null
  if (backend !== null && isDeepStrictEqual(affinity, before?.balance.affinity))
    return backend.options.balancer.hmac
  return keyedDigest(affinity.key)
}

const isSecure = ({ protocol }: BackendConfig): boolean => protocol === 'https' || protocol === 'h2'

/** Names what the connections of all endpoints depend on. */
export function connectionsOf(config: BackendConfig): string {
  const { protocol, tls, share, sendProxy } = config
  return JSON.stringify([protocol, isSecure(config) ? tls : null, share, sendProxy])
}

/**
 * Names what the connections of one endpoint depend on.
 * @param connections of all endpoints
 * @param name the one that it was found by; null if it is configured
 */
export function connectionsTo(config: BackendConfig, connections: string, name: string | null): string {
  const certified = isSecure(config) && config.tls.name === null ? name : null
  return certified === null ? connections : `${connections} ${certified}`
}

/** Whether both look up the same. */
export function asksFor({ discovery: a }: BackendConfig, { discovery: b }: BackendConfig): boolean {
  return a?.kind === b?.kind && a?.name === b?.name && a?.port === b?.port
}

/** Whether the two differ in nothing that the balancer and the retry budget depend on. */
export const balancesAs = (a: BackendConfig, b: BackendConfig): boolean =>
  isDeepStrictEqual(
    [a.balance, a.health, a.limits, a.retryBudget],
    [b.balance, b.health, b.limits, b.retryBudget],
  )
