// The times that a client's connection keeps between and at the beginning of its requests: a head that does
// not end, an idle connection, and one that is asked to drain while a request may be on its way.

import type { Http1Limits } from './limits.js'

/** What a look at the clock comes to. */
export const IN_TIME = 0
export const IDLE = 1
export const HEAD_LATE = 2

export class RequestClock {
  /**
   * ms of the pollset's clock: until when an idle connection that drains takes one more request; 0: it does
   * not drain
   */
  drainBy: number
  /** ms of the pollset's clock: when the head that is being read began; 0 outside of one */
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

  /** A request may be on its way, sent before the client could know of the drain: it is taken for a time. */
  drain(now: number): void {
    this.drainBy = now + this.limits.drainIdleMs
  }

  /** Between two requests, or in a head. `idleMs`: since the last byte. */
  look(now: number, idleMs: number): number {
    if (this.headSince !== 0) return now - this.headSince < this.limits.headMs ? IN_TIME : HEAD_LATE
    const drained = this.drainBy !== 0 && now >= this.drainBy
    return drained || idleMs >= this.limits.keepAliveMs ? IDLE : IN_TIME
  }
}
