// The receive window of a connection (RFC 9113 §6.9; design: Flow control).
//
// Below the soft limit on buffered bytes, connection credit is returned on receipt, so that a stalled stream
// does not starve its siblings. Above it, credit is returned when bytes are consumed. Every byte received is
// credited exactly once (property S3).

import { invariant } from '../pollset/index.js'

const CONSERVED = 'what was received is credited once (S3)'

export class ReceiveWindow {
  /** The octets that the peer may still send. */
  window: number
  /** The octets received without returned credit. */
  owed = 0
  /** The credit that is due and not announced yet. */
  private due = 0
  private readonly size: number

  constructor(size: number) {
    this.size = size
    this.window = size
  }

  /**
   * Counts the octets of a DATA frame, including padding. Returns false if the peer sent more than it may.
   */
  received(bytes: number, creditNow: boolean): boolean {
    this.window -= bytes
    if (this.window < 0) return false
    if (creditNow) {
      this.due += bytes + this.owed
      this.owed = 0
    } else this.owed += bytes
    invariant(this.window + this.owed + this.due === this.size, CONSERVED)
    return true
  }

  /** Counts octets that have left for the other side, or were dropped. */
  consumed(bytes: number): void {
    if (this.owed === 0) return
    const paid = Math.min(bytes, this.owed)
    this.owed -= paid
    this.due += paid
  }

  /** Takes the credit to announce; 0 until it is worth a frame. */
  takeCredit(): number {
    const due = this.due
    if (due * 2 < this.size) return 0
    this.due = 0
    this.window += due
    invariant(this.window + this.owed === this.size, CONSERVED)
    return due
  }
}
