// The number of leases that each session of an engine may have, whatever its capacity. It is at most the
// number that the backend has shown to serve (spec/engine.md, E34), and at most the configured one (E45).

import type { Session } from './session.js'

export class LeaseShare {
  /** The number of leases that a session may have. */
  most: number
  /** The configured bound; infinite for no bound. */
  bound: number
  /** The number that the backend has served; infinite once that is the capacity of a session. */
  private shown = Number.POSITIVE_INFINITY
  /** The number of leases served since `shown` was set. */
  private served = 0

  /** @param bound 0 for no bound */
  constructor(bound: number) {
    this.bound = bound === 0 ? Number.POSITIVE_INFINITY : bound
    this.most = this.bound
  }

  /** Changes the configured bound. */
  configure(bound: number): void {
    this.bound = bound === 0 ? Number.POSITIVE_INFINITY : bound
    this.most = Math.min(this.shown, this.bound)
  }

  /** The number that the backend has served; null if it bounds nothing. */
  get learnt(): number | null {
    return this.shown === Number.POSITIVE_INFINITY ? null : this.shown
  }

  narrow(served: number): void {
    this.shown = Math.max(1, served)
    this.served = 0
    this.most = Math.min(this.shown, this.bound)
  }

  /** Notes that a lease was served. Doubles `shown` when sessions that stay have served as many leases. */
  widen(session: Session): void {
    // A retired session proves nothing.
    if (this.shown === Number.POSITIVE_INFINITY || session.state === 'retired') return
    if (++this.served < this.shown) return
    this.served = 0
    this.shown *= 2
    if (this.shown >= session.capacity) this.shown = Number.POSITIVE_INFINITY
    this.most = Math.min(this.shown, this.bound)
  }
}
