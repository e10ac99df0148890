// A member as it is now, for people and metrics.

import type { ActiveState, Member } from './member.js'

export interface MemberState {
  readonly name: string
  readonly weight: number
  /** Its weight now, lower during a slow start. */
  readonly share: number
  /** Requests that have a lease or wait for one. */
  readonly load: number
  /** The state of active checks; null without them. */
  readonly active: ActiveState | null
  /** ms until its ejection ends; 0 without one. */
  readonly ejectedMs: number
  /** False after a connection could not be made, until one was. */
  readonly reachable: boolean
  readonly draining: boolean
  /** Whether it is chosen now. */
  readonly chosen: boolean
}

/** Returns the state of a member. @param checked it has active checks; `now`: ms of the pollset's clock */
export const stateOf = (member: Member, now: number, checked: boolean): MemberState => ({
  name: member.name,
  weight: member.weight,
  share: member.share,
  load: member.load,
  active: checked ? member.active : null,
  ejectedMs: member.ejectedUntil > 0 ? member.ejectedUntil - now : 0,
  reachable: member.trialAt === 0,
  draining: member.draining,
  chosen: member.candidate,
})
