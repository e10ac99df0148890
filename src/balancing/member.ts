// One endpoint as the balancer sees it: its weight, its load and its health.

import { hashText } from './hash.js'
import type { OutcomeWindow } from './outcome-window.js'
import type { Overlay } from './overlay.js'

/** What active checks know of a member. */
export type ActiveState = 'unknown' | 'up' | 'down'

export class Member {
  /** The endpoint's address: its identity in hashes and cookies. */
  readonly name: string
  /** The hash of the name. */
  readonly hash: number
  /** The operator's overlay; null without one. {@link Balancer.overlay} sets it. */
  overlay: Overlay | null = null
  /** Its weight, by the overlay if that has one. At 0 it gets no new request. */
  weight: number
  /** Requests that have a lease or wait for one. */
  load = 0
  /** ms of the pollset's clock */
  readonly addedAt: number
  active: ActiveState = 'unknown'
  /** It gets no new request, but for those of its own clients by affinity. */
  draining = false
  /** It gets no new request at all. */
  blocked = false
  /** Active checks in a row that passed, and that failed. @internal */
  passedChecks = 0
  /** @internal */
  failedChecks = 0
  /** Failed requests in a row. @internal */
  failures = 0
  /** The outcomes of the last time; null while no rate is watched. @internal */
  outcomes: OutcomeWindow | null = null
  /** What it has lost, and when: connections, or faults of opening one. @internal */
  losses: WeakMap<object, number> | null = null
  /** When its ejection ends, in ms of the pollset's clock; 0 while it is not ejected. */
  ejectedUntil = 0
  /** By which its next ejection is longer than the first. @internal */
  ejections = 0
  /** When its last ejection ended. @internal */
  returnedAt = 0
  /**
   * When it became usable; its slow start counts from here. -Infinity: at the start of the program.
   * @internal
   */
  usableSince = Number.NEGATIVE_INFINITY
  /** Its weight now, lower during a slow start. @internal */
  share: number
  /**
   * While no connection to it can be made: when the next request may try it. Otherwise 0.
   * @internal
   */
  trialAt = 0
  /** What round-robin owes it. @internal */
  credit = 0
  /** Whether it is chosen from now. @internal */
  candidate = false
  /** The value of its affinity cookie; null until it is asked for. @internal */
  affinity: string | null = null

  /** Its weight by the configuration. */
  private configured: number

  /** @param weight 1 to 256, relative to the other members */
  constructor(name: string, weight: number, addedAt: number) {
    this.name = name
    this.hash = hashText(name)
    this.weight = weight
    this.configured = weight
    this.share = weight
    this.addedAt = addedAt
  }

  /** Gives it another weight by the configuration. Tell the balancer by {@link Balancer.replace}. */
  configure(weight: number): void {
    this.configured = weight
    this.weight = this.overlay?.weight ?? weight
  }

  /** @internal */
  lay(overlay: Overlay | null): void {
    this.overlay = overlay
    this.weight = overlay?.weight ?? this.configured
    this.draining = overlay?.drain ?? false
    this.blocked = overlay?.block ?? false
  }
}
