// Checks whether the peer of an HTTP/2 connection is alive while an exchange waits for it. It is dead if it
// does not answer a PING, or if the operating system cannot finish a write to it.
//
// A PING waits behind everything written before it, in Node's queue and the kernels' buffers, and
// nothing tells how much of that has left. So it gets the time that the slowest living peer may need
// (Transit). A quiet peer gets one PING in a silence, and the next minutes later: gRPC servers close a
// connection for more.

import { READABLE, type Socket, WRITABLE } from '../pollset/index.js'
import type { Transit } from '../transport/index.js'
import type { Http2Limits } from './limits.js'
import type { Output } from './output.js'

/** The peer counts as alive. */
export const ALIVE = 0
/** The peer has been silent: a PING is due. */
export const TO_PING = 1
/** The peer neither answered nor read. */
export const DEAD = 2

const PING_PAYLOAD = Buffer.from('fermata!', 'latin1')

export class Liveness {
  /** The time at which bytes last came: ms of the pollset's clock, as are the next two. */
  private readAt: number
  /** The time at which the last PING was sent or answered. */
  private pingedAt: number
  /** True if a PING was sent, and nothing has come since. */
  private pinging: boolean
  /** True while the last PING has no answer: it may still wait behind our DATA. */
  private unanswered: boolean
  /** True if HEADERS or DATA have come since the last PING. */
  private messageCame: boolean
  /** The time at which the peer will count as dead; 0 while it counts as alive. */
  private deadAt: number
  /** The bytes written when a check saw a write in flight, or -1; and whether a second check saw it too. */
  private stuckBytes: number
  private stuck: boolean
  private readonly transit: Transit
  private readonly limits: Http2Limits
  private readonly pingTimeoutMs: number

  constructor(limits: Http2Limits, side: 'frontend' | 'backend', transit: Transit, now: number) {
    this.readAt = now
    this.pingedAt = Number.NEGATIVE_INFINITY
    this.pinging = false
    this.unanswered = false
    this.messageCame = false
    this.deadAt = 0
    this.stuckBytes = -1
    this.stuck = false
    this.transit = transit
    this.limits = limits
    this.pingTimeoutMs = side === 'frontend' ? limits.frontendPingTimeoutMs : limits.backendPingTimeoutMs
  }

  /** Notes that bytes have come, so the peer is alive. */
  read(now: number): void {
    this.readAt = now
    this.pinging = false
    this.deadAt = 0
  }

  /**
   * Notes the answer to the last PING. The peer counts the time to the next PING from about now, however long
   * the last one was on its way.
   */
  answered(now: number): void {
    if (this.unanswered) this.pingedAt = now
    this.unanswered = false
  }

  /**
   * Notes HEADERS or DATA. Peers that count PINGs restart their count with each HEADERS or DATA that they
   * send.
   */
  message(): void {
    this.messageCame = true
  }

  /** Checks the connection, and sends a PING if one is due. Returns false if the peer is dead. */
  check(socket: Socket, output: Output, now: number): boolean {
    const verdict = this.look(socket, now)
    if (verdict === TO_PING) output.ping(PING_PAYLOAD, 0, false)
    // Unread bytes may be the peer's answer.
    return verdict !== DEAD || (socket.readiness & READABLE) !== 0
  }

  /**
   * Checks the connection, every few seconds, after {@link Transit.look}. For {@link TO_PING} the caller
   * sends a PING.
   */
  look(socket: Socket, now: number): number {
    const inFlight = (socket.readiness & WRITABLE) === 0
    const moved = this.observeWrite(socket.writtenBytes, inFlight)
    const { pingAfterMs, pingIntervalMs } = this.limits
    if (now - this.readAt < pingAfterMs) return ALIVE
    const toPing = !this.pinging && (this.messageCame || now - this.pingedAt >= pingIntervalMs)
    if (toPing || moved || (inFlight && this.deadAt === 0))
      this.deadAt = Math.max(now, this.transit.until) + this.pingTimeoutMs
    if (toPing) {
      this.pinging = true
      // A second PING after the first would show nothing more, and could arrive together with it.
      if (this.unanswered) return ALIVE
      this.unanswered = true
      this.pingedAt = now
      this.messageCame = false
      return TO_PING
    }
    if (!this.pinging && !inFlight) this.deadAt = 0
    return this.deadAt !== 0 && now >= this.deadAt ? DEAD : ALIVE
  }

  /**
   * Notes the bytes in flight. Returns true if a write has completed that had to wait, which shows that the
   * peer reads, however slowly. A write that completes at once shows nothing: the kernel takes it even for a
   * dead peer. Nor does a write that a single check saw in flight: over TLS no write completes at once.
   */
  private observeWrite(writtenBytes: number, inFlight: boolean): boolean {
    if (inFlight && writtenBytes === this.stuckBytes) {
      this.stuck = true
      return false
    }
    const moved = this.stuck
    this.stuck = false
    this.stuckBytes = inFlight ? writtenBytes : -1
    return moved
  }
}
