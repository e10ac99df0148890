// What a balancer is made of, and how it comes of the configuration.

import type { ActiveHealthOptions, BalanceOptions, PassiveHealthOptions } from './options.js'

export interface BalancerOptions {
  readonly balance: BalanceOptions
  readonly passive: PassiveHealthOptions | null
  /** Below this share of usable members it panics, 0 to 1; at 0 it never does. */
  readonly panic: number
  /** Whether active checks tell their results. Without them an unknown member counts as up. */
  readonly checked: boolean
  /** What a member is before its first check. */
  readonly initial: 'up' | 'check'
  /** Checks in a row until a member is up, and until it is down. */
  readonly healthy: number
  readonly unhealthy: number
  /** The time after which unknown members count as up if all are unknown, in ms. */
  readonly timeoutMs: number
  /** Makes the value of an affinity cookie of a member's name; null without affinity. */
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
