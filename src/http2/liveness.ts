// Whether the peer of an HTTP/2 connection is still there, as far as somebody waits for it. Two things tell
// that it is not: a PING of ours without an answer, and a write that the operating system does not take to
// its end.
//
// Neither is in a hurry. A PING stands behind all that was written before it, in Node's queue and in the
// kernels', and nothing tells how much of that has left: so it gets the time that the slowest living peer may
// need for it (Transit). And a peer that is only quiet is asked once in a silence and then every few minutes:
// gRPC servers end a connection for more.

import { READABLE, type Socket, WRITABLE } from '../pollset/index.js'
import type { Transit } from '../transport/index.js'
import type { Http2Limits } from './limits.js'
import type { Output } from './output.js'

/** Nothing speaks against it. */
export const ALIVE = 0
/** It has been silent: it is to be sent a PING. */
export const TO_PING = 1
/** It neither answered nor took what we wrote. */
export const DEAD = 2

const PING_PAYLOAD = Buffer.from('fermata!', 'latin1')

export class Liveness {
  /** ms of the pollset's clock: when bytes last came */
  private readAt: number
  /** ms of the pollset's clock: when the last PING was sent, or answered */
  private pingedAt: number
  /** A PING is out, and nothing has come since. */
  private pinging: boolean
  /** The answer to the last PING has not come: it may still stand behind our own DATA. */
  private unanswered: boolean
  /** HEADERS or DATA have come since the last PING. */
  private messageCame: boolean
  /** ms of the pollset's clock: when the peer is dead; 0 while nothing speaks against it */
  private deadAt: number
  /**
   * The bytes written when a look last saw a write in flight, and whether a second look saw it too; -1 for
   * none.
   */
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

  /** Bytes have come, whatever they say: the peer is there. */
  read(now: number): void {
    this.readAt = now
    this.pinging = false
    this.deadAt = 0
  }

  /**
   * The last PING is answered: the peer counts its time to the next from about now, however long the PING was
   * on its way.
   */
  answered(now: number): void {
    if (this.unanswered) this.pingedAt = now
    this.unanswered = false
  }

  /**
   * HEADERS or DATA have come. Peers that count PINGs start their count again with each that they send, and
   * with nothing else.
   */
  message(): void {
    this.messageCame = true
  }

  /** Looks at the connection, and sends a PING where one is due. False: the peer is dead. */
  check(socket: Socket, output: Output, now: number): boolean {
    const verdict = this.look(socket, now)
    if (verdict === TO_PING) output.ping(PING_PAYLOAD, 0, false)
    // What has come and is not read yet may be its answer.
    return verdict !== DEAD || (socket.readiness & READABLE) !== 0
  }

  /**
   * Looks at the connection, every few seconds, after {@link Transit.look}. At {@link TO_PING} the caller
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
      // A second PING behind the first would tell nothing more, and could arrive together with it.
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
   * Notes what is in flight. Returns whether a write has been taken that had to wait: somebody reads, however
   * slowly. One that is taken at once tells nothing, as the kernel takes it for a dead peer too; nor does one
   * that a single look saw in flight: over TLS no write is taken at once.
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
