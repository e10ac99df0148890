// Slow start: a member that has become usable at first gets less than its weight, while an
// older one is there.

import type { Member } from './member.js'

/** Members that may be chosen now. */
export interface Weighed {
  readonly members: readonly Member[]
  /** True if all shares are equal. */
  even: boolean
}

/** The smallest part of its weight that a member has in its slow start. */
const SLOW_START_LEAST = 0.1

/**
 * Sets the share of each member. Returns true if time alone changes them, since a member is
 * in its slow start.
 */
export function weigh(candidates: Weighed, now: number, windowMs: number): boolean {
  const { members } = candidates
  let oldest = Number.POSITIVE_INFINITY
  for (const each of members) oldest = Math.min(oldest, each.usableSince)
  let ramping = false
  candidates.even = true
  for (const each of members) {
    const age = now - each.usableSince
    const slow = age < windowMs && each.usableSince > oldest
    each.share = slow ? each.weight * Math.max(SLOW_START_LEAST, age / windowMs) : each.weight
    if (slow) ramping = true
    if (each.share !== members[0].share) candidates.even = false
  }
  return ramping
}
