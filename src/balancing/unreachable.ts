// The members to which no connection can be made. Each is avoided while another candidate is left, except by
// one request from time to time, which tries it: nothing else would show that it is back. Ejection does not
// replace this: it needs several failures, and is bounded to a share of the members.

import type { Member } from './member.js'

/** The time, in ms, in which an unreachable member gets one request. */
const TRIAL_MS = 1_000

const NONE: readonly Member[] = []

export class Unreachable {
  private members: readonly Member[] = NONE

  add(member: Member, now: number): void {
    if (member.trialAt === 0) this.members = [...this.members, member]
    member.trialAt = now + TRIAL_MS
  }

  /** Returns true if the member was unreachable. */
  remove(member: Member): boolean {
    if (member.trialAt === 0) return false
    member.trialAt = 0
    this.members = this.members.filter((each) => each !== member)
    return true
  }

  /** Forgets members that are not in this list. */
  retain(members: readonly Member[]): void {
    for (const each of this.members) if (!members.includes(each)) each.trialAt = 0
    this.members = this.members.filter((each) => members.includes(each))
  }

  /** Notes that a request tries this member: other requests must wait for their time. */
  tries(member: Member, now: number): void {
    if (member.trialAt > 0) member.trialAt = now + TRIAL_MS
  }

  /**
   * Returns the candidates that a request avoids after it has tried some. It never avoids all, and it avoids
   * the tried ones rather than others.
   */
  avoided(candidates: readonly Member[], tried: readonly Member[], now: number): readonly Member[] {
    if (this.members.length > 0) {
      const both = [...tried, ...this.members.filter((each) => each.trialAt > now)]
      if (!candidates.every((each) => both.includes(each))) return both
    }
    return tried.length > 0 && candidates.every((each) => tried.includes(each)) ? NONE : tried
  }
}
