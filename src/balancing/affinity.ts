// The cookies of affinity: a keyed hash of a member's name stands for the member.

import type { Member } from './member.js'

export class Affinity {
  private hmac: ((name: string) => string) | null
  /** The members by the values of their cookies; empty until a value is asked for. */
  private readonly byValue = new Map<string, Member>()

  constructor(hmac: ((name: string) => string) | null) {
    this.hmac = hmac
  }

  /** Takes another hash. Cookies of the last one then name no member. */
  configure(hmac: ((name: string) => string) | null, members: readonly Member[]): void {
    if (hmac === this.hmac) return
    this.hmac = hmac
    for (const each of members) each.affinity = null
    this.forget()
  }

  /** Forgets the list of members. */
  forget(): void {
    this.byValue.clear()
  }

  /** Returns the value of this member's cookie; '' without affinity. */
  valueOf(member: Member): string {
    member.affinity ??= this.hmac?.(member.name) ?? ''
    return member.affinity
  }

  /** Returns the member of this list that a cookie names; null if there is none. */
  find(value: string, members: readonly Member[]): Member | null {
    if (this.hmac === null) return null
    if (this.byValue.size === 0) for (const each of members) this.byValue.set(this.valueOf(each), each)
    return this.byValue.get(value) ?? null
  }
}
