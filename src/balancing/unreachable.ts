// The members to which no connection can be made. Each is avoided while another candidate is left, but for
// one request in a while, which tries it: nothing else would find out that it is back. Ejection does not
// replace this: it needs several failures, and is bounded to a share of the members.

import type { Member } from './member.js'

/** A member that cannot be reached gets one request in this time, in ms. */
const TRIAL_MS = 1_000

const NONE: readonly Member[] = []

export class Unreachable {
  private members: readonly Member[] = NONE

  add(member: Member, now: number): void {
    if (member.trialAt === 0) this.members = [...this.members, member]
    member.trialAt = now + TRIAL_MS
  }

  /** Returns whether it was one of them. */
  remove(member: Member): boolean {
    if (member.trialAt === 0) return false
    member.trialAt = 0
    this.members = this.members.filter((each) => each !== member)
    return true
  }

  /** Forgets those that are not among these. */
  retain(members: readonly Member[]): void {
    for (const each of this.members) if (!members.includes(each)) each.trialAt = 0
    this.members = this.members.filter((each) => members.includes(each))
  }

  /** A request tries this member: for others it is not yet time. */
  tries(member: Member, now: number): void {
    if (member.trialAt > 0) member.trialAt = now + TRIAL_MS
  }

  /**
   * Returns which of these candidates are avoided by a request that has tried some: never all of them, and
   * those that it has tried rather than others.
   */
  avoided(candidates: readonly Member[], tried: readonly Member[], now: number): readonly Member[] {
    if (this.members.length > 0) {
      const both = [...tried, ...this.members.filter((each) => each.trialAt > now)]
      if (!candidates.every((each) => both.includes(each))) return both
    }
    return tried.length > 0 && candidates.every((each) => tried.includes(each)) ? NONE : tried
  }
}
