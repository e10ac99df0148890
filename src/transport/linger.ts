// Lingering: a connection waits for its peer's close after it has sent its last byte (RFC 9112 §9.6). A
// socket that is closed with unread bytes, or that gets bytes after it was closed, answers with a TCP reset,
// which discards what the peer has not read. So the connection reads, and discards, until the peer's FIN.
//
// The wait begins when the operating system has taken the last byte and FIN. It ends after a silence, or
// after lingerTotalMs. Both times begin when everything sent may have arrived (transit.ts), since a slow
// reader is silent meanwhile. The same bounds hold until the operating system has taken the last byte.

import { CLOSED, ENDED, FINISHED, READABLE, type Socket } from '../pollset/index.js'
import type { Transit } from './transit.js'

export interface LingerLimits {
  /**
   * The time of silence after which a closing connection no longer waits for the peer's close, in ms. It
   * begins when everything sent may have arrived.
   */
  readonly lingerMs: number
  /**
   * The longest wait for the peer's close, however much the peer sends, in ms. It begins when everything sent
   * may have arrived.
   */
  readonly lingerTotalMs: number
  /** The bytes that a lingering connection reads and discards. */
  readonly lingerBytesMax: number
}

export const lingerLimits: LingerLimits = {
  lingerMs: 5_000,
  lingerTotalMs: 30_000,
  lingerBytesMax: 64 * 1024 * 1024,
}

/** The wait of one connection, from its last byte on. */
export class Linger {
  /** The end of the wait, unless the peer sends more: ms of the pollset's clock. */
  until: number
  /** The bits of the socket to wait for. */
  bits: number
  private since: number
  private heardAt: number
  private finished: boolean
  private discardedBytes: number
  private readonly limits: LingerLimits
  private readonly transit: Transit

  constructor(limits: LingerLimits, transit: Transit, now: number) {
    this.until = 0
    this.bits = 0
    this.since = now
    this.heardAt = now
    this.finished = false
    this.discardedBytes = 0
    this.limits = limits
    this.transit = transit
  }

  /** Discards the received bytes. Returns false when the wait is over. */
  keepsWaiting(socket: Socket, now: number): boolean {
    const { lingerMs, lingerTotalMs, lingerBytesMax } = this.limits
    for (let chunk = socket.take(); chunk !== null; chunk = socket.take()) {
      this.heardAt = now
      this.discardedBytes += chunk.length
      if (this.discardedBytes > lingerBytesMax) return false
    }
    const { readiness } = socket
    if ((readiness & CLOSED) !== 0) return false
    if ((readiness & FINISHED) !== 0) {
      if ((readiness & ENDED) !== 0) return false
      if (!this.finished) {
        this.finished = true
        this.since = now
        this.heardAt = now
      }
    }
    const arriving = this.transit.look(socket.writtenBytes, now)
    const silentUntil = Math.max(this.heardAt, socket.wroteAt, arriving) + lingerMs
    this.until = Math.min(silentUntil, Math.max(this.since, arriving) + lingerTotalMs)
    this.bits = READABLE | CLOSED | (this.finished ? ENDED : FINISHED)
    return now < this.until
  }

  describe(): Readonly<Record<string, unknown>> {
    return { until: this.until, discardedBytes: this.discardedBytes }
  }
}
