// The current state of a member, for people and metrics.

import type { ActiveState, Member } from './member.js'
import type { Overlay } from './overlay.js'

/** The current state of an overlay. */
export interface OverlayState {
  readonly weight: number | null
  readonly drain: boolean
  readonly block: boolean
  /** ms until it ends; null: time does not end it */
  readonly endsInMs: number | null
}

export const overlayState = ({ weight, drain, block, until }: Overlay, now: number): OverlayState => ({
  weight,
  drain,
  block,
  endsInMs: until === Number.POSITIVE_INFINITY ? null : Math.max(0, until - now),
})

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
  /** False from a failed connection until a successful one. */
  readonly reachable: boolean
  readonly draining: boolean
  readonly blocked: boolean
  /** The overlay that an operator has set at run time; null without one. */
  readonly overlay: OverlayState | null
  /** True if it may be chosen now. */
  readonly chosen: boolean
}

/**
 * Returns the state of a member. @param checked true: it has active checks; `now`: ms of the pollset's clock
 */
export const stateOf = (member: Member, now: number, checked: boolean): MemberState => ({
  name: member.name,
  weight: member.weight,
  share: member.share,
  load: member.load,
  active: checked ? member.active : null,
  ejectedMs: member.ejectedUntil > 0 ? member.ejectedUntil - now : 0,
  reachable: member.trialAt === 0,
  draining: member.draining,
  blocked: member.blocked,
  overlay: member.overlay === null ? null : overlayState(member.overlay, now),
  chosen: member.candidate,
})
