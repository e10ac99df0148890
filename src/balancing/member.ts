// An endpoint, as seen by the balancer: its weight, its load and its health.

import { hashText } from './hash.js'
import type { OutcomeWindow } from './outcome-window.js'
import type { Overlay } from './overlay.js'

/** The result of active checks. */
export type ActiveState = 'unknown' | 'up' | 'down'

export class Member {
  /** The endpoint's address: its identity in hashes and cookies. */
  readonly name: string
  /** The hash of the name. */
  readonly hash: number
  /** The operator's overlay; null without one. {@link Balancer.overlay} sets it. */
  overlay: Overlay | null = null
  /** Its weight: that of the overlay, if it has one. At 0 it gets no new request. */
  weight: number
  /** Requests that have a lease or wait for one. */
  load = 0
  /** ms of the pollset's clock */
  readonly addedAt: number
  active: ActiveState = 'unknown'
  /** True if it gets no new requests, except from clients that affinity keeps at it. */
  draining = false
  /** True if it gets no new requests at all. */
  blocked = false
  /** The number of active checks in a row that passed, and of those that failed. @internal */
  passedChecks = 0
  /** @internal */
  failedChecks = 0
  /** The number of failed requests in a row. @internal */
  failures = 0
  /** The outcomes of recent requests; null while no rate is watched. @internal */
  outcomes: OutcomeWindow | null = null
  /** Its losses and their times: connections, or faults of opening a connection. @internal */
  losses: WeakMap<object, number> | null = null
  /** The end of its ejection, in ms of the pollset's clock; 0 while it is not ejected. */
  ejectedUntil = 0
  /** The number of ejections by which its next one is longer than the first. @internal */
  ejections = 0
  /** The end of its last ejection. @internal */
  returnedAt = 0
  /**
   * The time at which it became usable, from which its slow start counts. -Infinity: at the
   * start of the program.
   * @internal
   */
  usableSince = Number.NEGATIVE_INFINITY
  /** Its weight now, lower during a slow start. @internal */
  share: number
  /**
   * The time at which the next request may try it, while no connection to it can be made. Otherwise 0.
   * @internal
   */
  trialAt = 0
  /** The credit that round-robin owes it. @internal */
  credit = 0
  /** True if it may be chosen now. @internal */
  candidate = false
  /** The value of its affinity cookie; null until it is asked for. @internal */
  affinity: string | null = null

  /** Its configured weight. */
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

  /** Gives it another configured weight. Tell the balancer by {@link Balancer.replace}. */
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
