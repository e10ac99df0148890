// Passive health: members whose requests fail are ejected for a time (Envoy's outlier detection). This file
// decides when a member must be ejected; the balancer knows the other members.

import type { Member } from './member.js'
import type { PassiveHealthOptions } from './options.js'
import { OutcomeWindow } from './outcome-window.js'

/**
 * The time within which a lost connection counts once, in ms. Its requests learn of it in one turn. A fault
 * without a connection, such as a late connect, may be the same object again later.
 */
const SAME_LOSS_MS = 1000

export class PassiveHealth {
  private options: PassiveHealthOptions | null

  constructor(options: PassiveHealthOptions | null) {
    this.options = options
  }

  /** Changes the options. Counts of these members continue where they keep their meaning. */
  configure(options: PassiveHealthOptions | null, members: readonly Member[]): void {
    const sameWindow = this.options?.rateMs === options?.rateMs
    this.options = options
    for (const each of members) {
      if (options === null) each.ejectedUntil = 0
      this.watch(each, !sameWindow)
    }
  }

  /** Prepares a member, with counts of 0 if it is new. */
  watch(member: Member, isNew: boolean): void {
    const { options } = this
    if (options === null || options.rate === 0) member.outcomes = null
    else if (isNew || member.outcomes === null) member.outcomes = new OutcomeWindow(options.rateMs)
  }

  /**
   * Counts a failed request of a member that is not ejected. Returns true if the member has failed too often.
   * @param lost the thing that failed, if it fails more than one request: it counts once
   */
  failed(member: Member, now: number, lost: object | null): boolean {
    const { options } = this
    if (options === null) return false
    if (lost !== null) {
      member.losses ??= new WeakMap()
      const at = member.losses.get(lost)
      if (at !== undefined && now - at < SAME_LOSS_MS) return false
      member.losses.set(lost, now)
    }
    if (member.ejectedUntil > 0) return false
    const { outcomes } = member
    member.failures++
    outcomes?.add(true, now)
    if (options.consecutive > 0 && member.failures >= options.consecutive) return true
    if (outcomes === null) return false
    return outcomes.total >= options.rateLeast && outcomes.failed >= options.rate * outcomes.total
  }

  /** Returns true if one more of `all` members may be ejected: always one, unless none may be. */
  mayEject(ejected: number, all: number): boolean {
    const most = this.options?.ejectedMax ?? 0
    return most > 0 && ejected < Math.max(1, Math.floor(most * all))
  }

  /**
   * Ejects a member. The n-th ejection lasts n times as long as the first. Each such time without an
   * ejection lowers n by 1.
   */
  eject(member: Member, now: number): void {
    const { options } = this
    if (options === null) return
    const forgiven = Math.floor((now - member.returnedAt) / options.ejectionMs)
    member.ejections = Math.max(0, member.ejections - forgiven) + 1
    member.ejectedUntil = now + Math.min(options.ejectionMostMs, options.ejectionMs * member.ejections)
  }

  /** Ends an ejection. The member starts again with counts of 0. */
  returned(member: Member, now: number): void {
    member.ejectedUntil = 0
    member.returnedAt = now
    member.failures = 0
    member.outcomes?.clear()
  }
}
