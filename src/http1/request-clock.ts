// The time limits of a client connection outside of an exchange: for a head, for an idle connection, and for
// a request that may be on its way when draining begins.

import type { Http1Limits } from './limits.js'

/** The results of {@link RequestClock.look}. */
export const IN_TIME = 0
export const IDLE = 1
export const HEAD_LATE = 2

export class RequestClock {
  /**
   * The time until which a draining connection takes one more request: ms of the pollset's clock;
   * 0: not draining.
   */
  drainBy: number
  /** The time at which the current head began, in ms of the pollset's clock; 0 outside of a head. */
  private headSince: number
  private readonly limits: Http1Limits

  constructor(limits: Http1Limits) {
    this.drainBy = 0
    this.headSince = 0
    this.limits = limits
  }

  /** Notes whether the reader is inside a head. */
  note(inHead: boolean, now: number): void {
    if (!inHead) this.headSince = 0
    else if (this.headSince === 0) this.headSince = now
  }

  /** Starts the time for a request that the client sent before it could know of the drain. */
  drain(now: number): void {
    this.drainBy = now + this.limits.drainIdleMs
  }

  /** Checks the limits, between two requests or in a head. `idleMs`: ms since the last byte. */
  look(now: number, idleMs: number): number {
    if (this.headSince !== 0) return now - this.headSince < this.limits.headMs ? IN_TIME : HEAD_LATE
    const drained = this.drainBy !== 0 && now >= this.drainBy
    return drained || idleMs >= this.limits.keepAliveMs ? IDLE : IN_TIME
  }
}
