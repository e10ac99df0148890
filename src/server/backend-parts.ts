// The configuration of a running backend's parts, and comparisons of two configurations of a backend.

import { isDeepStrictEqual } from 'node:util'
import { type BalancerOptions, balancerOptions } from '../balancing/index.js'
import type { BackendConfig, HeldApp } from '../config/index.js'
import { keyedDigest } from '../pollset/index.js'
import type { Backend, BackendOptions } from '../proxy/index.js'

/** The most names for which a configuration is kept: DNS may return new names without end. */
const NAMES_KEPT = 1_000

/**
 * The configurations of endpoints: their certificates are checked for the names by which the
 * endpoints were found.
 */
export class NamedConfigs {
  private readonly byConfig = new WeakMap<BackendConfig, Map<string, BackendConfig>>()

  /**
   * Returns the configuration of an endpoint: usually the same object for the same name.
   * @param name null if the endpoint is configured
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

/** Numbers the apps of the program, since another app has other connections. */
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
 * Returns the digest of affinity cookies. A key that was made at the start lasts until the affinity changes.
 * @param before the earlier configuration of the backend, if any
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

/** Returns a text of everything that the connections of all endpoints depend on. */
export function connectionsOf(config: BackendConfig): string {
  const { protocol, tls, share, sendProxy } = config
  return JSON.stringify([protocol, isSecure(config) ? tls : null, share, sendProxy])
}

/**
 * Returns a text of everything that the connections of one endpoint depend on.
 * @param connections the text for all endpoints
 * @param name the name by which it was found; null if it is configured
 */
export function connectionsTo(config: BackendConfig, connections: string, name: string | null): string {
  const certified = isSecure(config) && config.tls.name === null ? name : null
  return certified === null ? connections : `${connections} ${certified}`
}

/** Returns true if both look up the same names. */
export function asksFor({ discovery: a }: BackendConfig, { discovery: b }: BackendConfig): boolean {
  return a?.kind === b?.kind && a?.name === b?.name && a?.port === b?.port
}

/** Returns true if balancer and retry budget are the same for both. */
export const balancesAs = (a: BackendConfig, b: BackendConfig): boolean =>
  isDeepStrictEqual(
    [a.balance, a.health, a.limits, a.retryBudget],
    [b.balance, b.health, b.limits, b.retryBudget],
  )
