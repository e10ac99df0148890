// An HTTP/2 connection before it has streams: it reads, looks after itself (is the peer still there, is
// anything overdue?), and gives itself up when the peer breaks the rules. connection.ts adds the streams.

import { fault } from '../continuation/index.js'
import { HttpConnection } from '../http/index.js'
import { CLOSED, ENDED, READABLE, type Socket } from '../pollset/index.js'
import { ErrorCode, errorName } from './codes.js'
import {
  type After,
  connectionLife,
  type Living,
  waitAtPace,
  waitForCrossing,
  waitForEnd,
  waitForFrames,
  waitInHaste,
  waitToDrain,
} from './connection-life.js'
import type { Http2Context } from './context.js'
import { FramePurse } from './frame-purse.js'
import type { FrameReader } from './frame-reader.js'
import { DEAD, Liveness, TO_PING } from './liveness.js'
import type { Output } from './output.js'
import type { Role } from './stream-states.js'

const { goto } = connectionLife

/** No streams are left. */
export const QUIET = 1

export abstract class ConnectionBase extends HttpConnection<Http2Context> implements Living {
  protected abstract override readonly output: Output
  protected abstract readonly reader: FrameReader
  /** The peer's first SETTINGS have come. */
  protected settled = false
  protected readonly liveness: Liveness
  protected readonly purse: FramePurse
  /** Our SETTINGS have been acknowledged. */
  protected acknowledged = false
  /** ms of the pollset's clock: when the peer's part of the handshake is late */
  protected handshakeBy: number
  private tendedAt: number
  /** The frame that has begun and not ended, by its number, and since when; 0 for none. */
  private unfinished = 0
  private unfinishedSince = 0
  /** The stream for whose frame the connection is given up; 0 for none. */
  protected culprit = 0

  constructor(context: Http2Context, role: Role, socket: Socket, id?: string) {
    super(context, role === 'server' ? 'frontend' : 'backend', ['QUIET'], socket, id)
    const { limits } = context
    const { now } = this
    this.purse = new FramePurse(limits, now)
    this.liveness = new Liveness(limits, this.side, this.transit, now)
    this.tendedAt = now
    this.handshakeBy = now + limits.prefaceMs
  }

  abstract greet(): After<'greet'>
  abstract sayGoaway(): void
  /** Of the client's; a backend is sent ours when it is greeted. */
  preface(): After<'preface'> {
    throw new Error('a backend sends no preface')
  }
  /** Streams that somebody still waits for. */
  protected abstract get live(): number
  /**
   * While it drains: until when (ms of the pollset's clock) the peer may open streams that it could not know
   * to be late; 0 for none.
   */
  protected get opensUntil(): number {
    return 0
  }
  /** Is the connection still of use? */
  protected abstract idle(): 'stay' | 'part'
  /** Streams wait to be reset at the pace the peer bears. */
  protected get pacing(): boolean {
    return false
  }

  /** What the socket has, up to this connection's share of a turn (P12); what is left is read in the next. */
  protected read(): void {
    const socket = this.socket
    const { reader } = this
    const { turnBytesMax, turnFramesMax } = this.context.limits
    const framesBefore = reader.frames
    let bytes = 0
    while (!reader.stopped && bytes < turnBytesMax && reader.frames - framesBefore < turnFramesMax) {
      const chunk = socket.take()
      if (chunk === null) break
      reader.feed(chunk)
      bytes += chunk.length
    }
    if (bytes > 0) {
      const { now } = this.context.world.pollset
      this.liveness.read(now)
      const { unfinished } = reader
      if (unfinished !== this.unfinished) {
        this.unfinished = unfinished
        this.unfinishedSince = now
      }
    }
    if (this.output.overflowed) {
      this.connectionError(ErrorCode.ENHANCE_YOUR_CALM, 'too many control frames wait to be read', 0)
    }
  }

  /** Ended or closed, and all that came before it is read. */
  protected get socketOver(): boolean {
    const { readiness } = this.socket
    return (readiness & (ENDED | CLOSED)) !== 0 && (readiness & READABLE) === 0
  }

  /** A peer that never falls silent is looked at too. */
  private get untended(): boolean {
    const { tendMs, lookMs } = this.context
    return this.now - this.tendedAt >= (this.inHaste ? lookMs : tendMs)
  }

  private get inHaste(): boolean {
    return this.live > 0 || this.unfinished !== 0 || this.draining || !(this.settled && this.acknowledged)
  }

  frames(): After<'frames'> {
    this.read()
    if (this.failure !== null || this.socketOver) return goto.closing
    if (this.untended) return goto.tend
    this.waitOn(0, this.socket, READABLE | ENDED | CLOSED)
    if (this.pacing) return waitAtPace
    return this.inHaste ? waitInHaste : waitForFrames
  }

  drain(): After<'drain'> {
    this.read()
    if (this.failure !== null || this.socketOver) return goto.closing
    const { opensUntil } = this
    if (this.live === 0 && this.now >= opensUntil) return goto.closing
    if (this.untended) return goto.tend
    this.waitOn(0, this.socket, READABLE | ENDED | CLOSED)
    this.pollable.lower(QUIET)
    this.waitOn(1, this.pollable, QUIET)
    if (this.live === 0) {
      this.waitUntil(opensUntil)
      return waitForCrossing
    }
    return waitToDrain
  }

  tend(): After<'tend'> {
    const now = this.now
    this.tendedAt = now
    this.transit.look(this.socket.writtenBytes, now)
    if (this.overdue(now)) return goto.closing
    if (this.idle() === 'part') return this.draining ? goto.closing : goto.goaway
    if (this.live > 0 && this.peerIsDead(now)) return goto.closing
    return this.draining ? goto.drain : goto.frames
  }

  /** Somebody waits for the peer: is it there? */
  private peerIsDead(now: number): boolean {
    const socket = this.socket
    const verdict = this.liveness.look(socket, now)
    if (verdict === TO_PING) this.output.ping(PING_PAYLOAD, 0, false)
    // What has come and is not read yet may be its answer.
    if (verdict !== DEAD || (socket.readiness & READABLE) !== 0) return false
    this.failure ??= fault('ping-timeout', this.side, 'connection', 'never', DEAD_PEER[this.side])
    return true
  }

  /** What must come within its time has not: the connection is given up. */
  private overdue(now: number): boolean {
    if (!(this.settled && this.acknowledged) && now >= this.handshakeBy) {
      if (this.settled)
        this.connectionError(ErrorCode.SETTINGS_TIMEOUT, 'our SETTINGS are not acknowledged (§6.5.3)', 0)
      else this.connectionError(ErrorCode.PROTOCOL_ERROR, 'no SETTINGS came in time (RFC 9113 §3.4)')
    } else if (this.unfinished !== 0 && now - this.unfinishedSince >= this.context.limits.frameMs) {
      this.connectionError(ErrorCode.ENHANCE_YOUR_CALM, 'a frame or field block that does not end')
    }
    return this.failure !== null
  }

  closing(): After<'closing'> {
    const reason = this.noteReason()
    this.reader.stop()
    this.loseStreams(reason)
    return this.part() ? goto.linger : goto.closed
  }

  linger(): After<'linger'> {
    return this.lingers() ? waitForEnd : goto.closed
  }

  hurry(): After<'hurry'> {
    if (this.mustGo) return goto.closed
    this.draining = true
    return goto.linger
  }

  /** `culprit`: the stream whose frame it is for, where it is not that being read. */
  connectionError(code: number, message: string, culprit = this.reader.stream): void {
    if (this.failure !== null) return
    this.culprit = culprit
    this.failure = fault(
      code === ErrorCode.ENHANCE_YOUR_CALM ? 'calm' : 'protocol-error',
      this.side,
      'connection',
      'never',
      `${errorName(code)}: ${message}`,
    )
    if (code === ErrorCode.ENHANCE_YOUR_CALM) this.context.counts.calmed++
    else this.context.counts.connectionErrors++
    this.reader.stop()
    this.output.goaway(this.goawayId, code, message)
  }

  /** The highest stream id of the peer's that was acted on (RFC 9113 §6.8); we accept none from a backend. */
  protected get goawayId(): number {
    return 0
  }

  /**
   * Counts a frame that carries nothing and goes with no work. `weight`: the number of ordinary frames it
   * costs us.
   */
  emptyFrame(weight = 1): void {
    if (!this.purse.payFromTime(this.now, weight)) this.flooded()
  }

  /**
   * Counts a frame that carries nothing and comes with ordinary work: PING, and what is late for a stream
   * that is gone.
   */
  idleFrame(): void {
    if (!this.purse.pay(this.now)) this.flooded()
  }

  protected updateFrame(increment: number): void {
    if (!this.purse.payUpdate(this.now, increment)) this.flooded()
  }

  private flooded(): void {
    this.connectionError(ErrorCode.ENHANCE_YOUR_CALM, 'too many frames that carry nothing')
  }
}

const DEAD_PEER = {
  frontend: 'the client neither answers PING nor takes what is sent to it',
  backend: 'the backend neither answers PING nor takes what is sent to it',
} as const
const PING_PAYLOAD = Buffer.from('fermata!', 'latin1')
