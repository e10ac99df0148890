// The receiving side of a connection's flow control (RFC 9113 §6.9; design: Flow control).
//
// Below the soft limit of held bytes, connection credit goes back on receipt: a stream that stalls
// must never starve its siblings of the connection's window. Above it, credit is owed until bytes are
// consumed, and paid then. Whatever is received is credited exactly once (property S3).

import { invariant } from '../pollset/index.js'

const CONSERVED = 'what was received is credited once (S3)'

export class ReceiveWindow {
  /** octets the peer may still send */
  window: number
  /** octets received for which credit has not been given back */
  owed = 0
  /** octets of credit due, and not yet announced */
  private due = 0
  private readonly size: number

  constructor(size: number) {
    this.size = size
    this.window = size
  }

  /** Octets of a DATA frame, padding included. False when the peer sent more than it may. */
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

  /** Octets that have left for the other side, or were dropped. */
  consumed(bytes: number): void {
    if (this.owed === 0) return
    const paid = Math.min(bytes, this.owed)
    this.owed -= paid
    this.due += paid
  }

  /** Credit to announce: 0 until it is worth a frame. */
  takeCredit(): number {
    const due = this.due
    if (due * 2 < this.size) return 0
    this.due = 0
    this.window += due
    invariant(this.window + this.owed === this.size, CONSERVED)
    return due
  }
}
