// The options of a balancer, and their derivation from the configuration.

import type { ActiveHealthOptions, BalanceOptions, PassiveHealthOptions } from './options.js'

export interface BalancerOptions {
  readonly balance: BalanceOptions
  readonly passive: PassiveHealthOptions | null
  /** The share of usable members, 0 to 1, below which it panics; at 0 it never does. */
  readonly panic: number
  /** True if active checks report their results. Without them an unknown member counts as up. */
  readonly checked: boolean
  /** The state of a member before its first check. */
  readonly initial: 'up' | 'check'
  /** The number of checks in a row until a member is up, and until it is down. */
  readonly healthy: number
  readonly unhealthy: number
  /** The time after which unknown members count as up if all are unknown, in ms. */
  readonly timeoutMs: number
  /** Makes the value of an affinity cookie from a member's name; null without affinity. */
  readonly hmac: ((name: string) => string) | null
}

/** Returns the options of a balancer, from those of a backend. */
export function balancerOptions(
  balance: BalanceOptions,
  health: {
    readonly active: ActiveHealthOptions | null
    readonly passive: PassiveHealthOptions | null
    readonly panic: number
  },
  hmac: ((name: string) => string) | null,
): BalancerOptions {
  const { active, passive, panic } = health
  return {
    balance,
    passive,
    panic,
    checked: active !== null,
    initial: active?.initial ?? 'up',
    healthy: active?.healthy ?? 1,
    unhealthy: active?.unhealthy ?? 1,
    timeoutMs: active?.timeoutMs ?? 0,
    hmac,
  }
}
