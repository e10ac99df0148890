// An HTTP/2 connection, for both roles: it keeps streams and windows, answers SETTINGS and PING, asks the
// grid for the effect of each frame, and checks that the peer is alive. A frontend (frontend.ts) accepts
// streams; a session (session.ts) opens them.
//
// A stream error ends its stream only. A connection error ends the connection, and fails each stream.

import {
  BODY,
  type Field,
  HttpConnection,
  RESET,
  type ResetReason,
  SENT,
  type StreamFault,
} from '../http/index.js'
import { CLOSED, ENDED, READABLE, type Socket } from '../pollset/index.js'
import { STALL } from '../transport/index.js'
import { BodyIntake, type BodyIntakeHost } from './body-intake.js'
import { ErrorCode, WINDOW_MAX } from './codes.js'
import type { ConnectionSteps } from './connection-steps.js'
import type { Http2Context } from './context.js'
import { connectionFault, DEAD_PEER, resetFault, streamFault } from './faults.js'
import { FieldSections, type FieldSectionsHost } from './field-sections.js'
import { FrameBudget } from './frame-budget.js'
import { FrameReader } from './frame-reader.js'
import type { FrameSink } from './frame-sink.js'
import { Health } from './health.js'
import { HpackEncoder } from './hpack/encoder.js'
import { Output } from './output.js'
import { PeerSettings, type SettingsHost } from './peer-settings.js'
import type { Http2Stream, Http2StreamConnection } from './stream.js'
import {
  Action,
  actionOf,
  afterRemoteEnd,
  codeOf,
  gridOf,
  type Role,
  StreamEvent,
  StreamState,
  stateName,
  verdict,
} from './stream-states.js'
import { StreamTable } from './stream-table.js'

/** No stream is open. */
export const QUIET = 1

export abstract class Http2Connection
  extends HttpConnection<Http2Context>
  implements
    ConnectionSteps,
    FrameSink,
    Http2StreamConnection,
    BodyIntakeHost,
    FieldSectionsHost,
    SettingsHost
{
  readonly streams: StreamTable
  readonly output: Output
  protected readonly reader: FrameReader
  protected readonly encoder: HpackEncoder
  readonly peer: PeerSettings
  protected readonly health: Health
  protected readonly frameBudget: FrameBudget
  protected readonly blocks: FieldSections
  readonly intake: BodyIntake
  private readonly grid: Uint8Array
  /** The highest stream id of the side that opens streams. */
  protected lastStreamId: number
  /** The stream whose frame made the connection fail; 0 for none. */
  protected culprit: number

  constructor(context: Http2Context, role: Role, socket: Socket, id?: string) {
    super(context, role === 'server' ? 'frontend' : 'backend', ['QUIET'], socket, id)
    const { world, limits } = context
    this.streams = new StreamTable()
    this.frameBudget = new FrameBudget(limits, this.now)
    this.encoder = new HpackEncoder({ tableSizeMax: limits.headerTableBytesMax })
    const { pollset, slabs } = world
    this.output = new Output(pollset, this.encoder, slabs, limits.controlBytesMax, this.frameBudget)
    this.health = new Health(context, this.side, this.transit, this.now)
    const { handshake, liveness } = this.health
    this.blocks = new FieldSections(context, this, liveness)
    const { output, encoder, streams, blocks } = this
    this.peer = new PeerSettings(role, encoder, output, streams, handshake, blocks, this)
    this.intake = new BodyIntake(context, output, this, this.frameBudget, liveness)
    this.reader = new FrameReader({ frames: this, data: this.intake, blocks, settings: this.peer }, limits)
    this.grid = gridOf(role)
    this.lastStreamId = 0
    this.culprit = 0
  }

  // The differences between the roles

  abstract fieldSection(id: number, fields: Field[], size: number, endStream: boolean): void
  abstract goaway(lastStreamId: number, code: number, debug: string): void
  abstract opening(stream: Http2Stream): void
  abstract resetByUs(stream: Http2Stream, reason: ResetReason): void
  abstract takeDiscardCredit(bytes: number): boolean
  abstract sendGoaway(): void
  abstract settingsCame(first: boolean): void
  abstract settingsAcknowledged(): void
  abstract roleSetting(id: number, value: number): void
  /** Is told that the stream has left the table. */
  protected abstract removed(stream: Http2Stream): void
  /** Is told that the peer has reset the stream. */
  protected abstract resetByPeer(stream: Http2Stream, code: number): void
  /** Is told that a stream was reset for a fault of the peer. */
  protected abstract peerErred(): void
  /** The number of streams that exchanges wait for. */
  protected abstract get live(): number
  /** The highest stream id of the peer that was processed (RFC 9113 §6.8); 0 if it opens none. */
  protected abstract get goawayId(): number

  // Steps

  read(): void {
    const { socket, reader } = this
    const { turnBytesMax, turnFramesMax } = this.context.limits
    const framesBefore = reader.frames
    let bytes = 0
    // It reads up to this connection's share of a turn (P12). The rest is read in the next turn.
    while (!reader.stopped && bytes < turnBytesMax && reader.frames - framesBefore < turnFramesMax) {
      const chunk = socket.take()
      if (chunk === null) break
      reader.feed(chunk)
      bytes += chunk.length
    }
    if (bytes > 0) this.health.read(reader.unfinished, this.now)
    if (this.output.overflowed) {
      this.connectionError(ErrorCode.ENHANCE_YOUR_CALM, 'too many control frames wait to be read', 0)
    }
  }

  get socketOver(): boolean {
    const { readiness } = this.socket
    return (readiness & (ENDED | CLOSED)) !== 0 && (readiness & READABLE) === 0
  }

  get checkIsDue(): boolean {
    return this.health.isDue(this.inHaste, this.now)
  }

  get inHaste(): boolean {
    return this.live > 0 || this.draining || this.health.owes
  }

  get isDraining(): boolean {
    return this.draining
  }

  get isDrained(): boolean {
    return this.live === 0
  }

  awaitFrames(): void {
    this.waitOn(0, this.socket, READABLE | ENDED | CLOSED)
  }

  awaitStreams(): void {
    this.awaitFrames()
    this.pollable.lower(QUIET)
    this.waitOn(1, this.pollable, QUIET)
  }

  checkHealth(): boolean {
    const { now } = this
    const overdue = this.health.check(this.socket, now)
    if (overdue !== null)
      this.connectionError(overdue.code, overdue.message, overdue.blamesFrame ? this.reader.stream : 0)
    // A peer that no exchange waits for may be silent.
    else if (this.live > 0 && !this.health.liveness.check(this.socket, this.output, now))
      this.failure ??= DEAD_PEER[this.side]
    return !this.failed
  }

  beginClose(): boolean {
    const reason = this.noteReason()
    this.reader.stop()
    this.failAll(reason)
    return this.finishOutput()
  }

  // Failures
  protected override failAll(why: StreamFault): void {
    for (const stream of this.streams.all()) this.failStream(stream, why)
  }

  /** Fails the stream, and tells its exchange. A stalled stream keeps its earlier fault. */
  protected failStream(stream: Http2Stream, why: StreamFault): void {
    stream.fault ??= why
    stream.state = StreamState.CLOSED_RESET_BY_PEER
    this.remove(stream, !stream.remoteEnded)
    this.reportReset(stream)
  }

  /** Tells the exchange that the stream is over: by readiness on a session, by a cancel on a frontend. */
  private reportReset(stream: Http2Stream): void {
    stream.raise(RESET)
    stream.owner?.cancel()
  }

  /** @param culprit the stream whose frame is to blame, if not the current one */
  connectionError(code: number, message: string, culprit = this.reader.stream): void {
    if (this.failure !== null) return
    this.culprit = culprit
    this.failure = connectionFault(this.side, code, message)
    if (code === ErrorCode.ENHANCE_YOUR_CALM) this.context.counts.calmed++
    else this.context.counts.connectionErrors++
    this.reader.stop()
    this.output.goaway(this.goawayId, code, message)
  }

  // Idle frames

  idleFrame(weight = 1): void {
    if (!this.frameBudget.payFromTime(this.now, weight)) this.flooded()
  }

  idleFrameWithWork(): void {
    if (!this.frameBudget.pay(this.now)) this.flooded()
  }

  private updateFrame(increment: number): void {
    if (!this.frameBudget.payUpdate(this.now, increment)) this.flooded()
  }

  private flooded(): void {
    this.connectionError(ErrorCode.ENHANCE_YOUR_CALM, 'too many frames that carry no message')
  }

  // Frames of the connection

  ping(payload: Buffer, start: number, ack: boolean): void {
    this.idleFrameWithWork()
    if (ack) this.health.liveness.answered(this.now)
    else this.output.ping(payload, start, true)
  }

  priority(_streamId: number): void {
    this.idleFrame()
  }

  /** Refuses push, which our SETTINGS never allow (RFC 9113 §6.6). */
  pushPromise(_streamId: number): void {
    this.connectionError(ErrorCode.PROTOCOL_ERROR, 'PUSH_PROMISE, and push is not enabled (RFC 9113 §6.6)')
  }

  // Frames of streams

  /** Applies the grid to this event. Returns its stream, or null if there is nothing more to do. */
  streamFor(id: number, event: number): Http2Stream | null {
    const stream = this.streams.get(id)
    const state = stream === null ? this.streams.stateOf(id, this.lastStreamId) : stream.state
    const cell = verdict(this.grid, state, event)
    const action = actionOf(cell)
    if (action === Action.OK) return stream
    if (action === Action.CONNECTION) {
      const message = `a frame that is not allowed on a stream in state ${stateName(state)} (RFC 9113 §5.1)`
      this.connectionError(codeOf(cell), message)
    } else if (action === Action.STREAM)
      this.streamError(id, codeOf(cell), 'a frame that the stream state does not allow (RFC 9113 §5.1)')
    // Late DATA is counted by its size (body-intake.ts), WINDOW_UPDATE and RST_STREAM by the callers.
    else if (event === StreamEvent.HEADERS || event === StreamEvent.HEADERS_ES) this.idleFrame()
    return null
  }

  /** Handles the peer's END_STREAM. */
  remoteEnd(stream: Http2Stream): void {
    // The DATA of a discarded stream was not counted.
    if (stream.promised > 0 && !stream.bodiless && !stream.discarding) {
      const message = 'less DATA than content-length (RFC 9113 §8.1.1)'
      this.streamError(stream.streamId, ErrorCode.PROTOCOL_ERROR, message)
      return
    }
    // A stalled stream has lost its buffer, so it is never whole.
    stream.remoteEnded = stream.fault === null
    stream.state = afterRemoteEnd(stream.state)
    stream.raise(BODY)
    if (stream.closed) this.remove(stream, false)
  }

  rstStream(id: number, code: number): void {
    this.output.forgetReset(id)
    const stream = this.streamFor(id, StreamEvent.RST_STREAM)
    if (stream === null) {
      // A server that needs no more of a request resets it with NO_ERROR after its response, and a client may
      // answer with a reset (RFC 9113 §8.1).
      this.idleFrameWithWork()
      return
    }
    stream.state = StreamState.CLOSED_RESET_BY_PEER
    this.streams.rememberReset(id, stream.state)
    if (code === ErrorCode.NO_ERROR) this.endIfWhole(stream)
    const why = this.peerReset(stream, code)
    stream.fault ??= why
    // A response that was whole before the reset stays valid (RFC 9113 §8.1: NO_ERROR).
    this.remove(stream, !stream.remoteEnded)
    this.resetByPeer(stream, code)
    this.reportReset(stream)
  }

  /** Ends a stream without END_STREAM if its message is whole. */
  protected endIfWhole(_stream: Http2Stream): void {}

  protected peerReset(_stream: Http2Stream, code: number): StreamFault {
    return resetFault(this.side, code)
  }

  streamError(id: number, code: number, message: string): void {
    // RST_STREAM must not be sent for an idle stream (§6.4).
    if (id > this.lastStreamId || (id & 1) === 0) {
      this.connectionError(code, message)
      return
    }
    this.context.counts.streamErrors++
    this.peerErred()
    this.output.rstStream(id, code)
    const stream = this.streams.get(id)
    this.streams.rememberReset(id, StreamState.CLOSED_RESET_BY_US)
    if (stream === null) {
      // Harmless by itself, but it could go on forever.
      this.idleFrame()
      return
    }
    stream.state = StreamState.CLOSED_RESET_BY_US
    stream.fault ??= streamFault(this.side, code, message)
    this.remove(stream, true)
    this.reportReset(stream)
  }

  windowUpdate(id: number, increment: number): void {
    if (id === 0) {
      this.updateFrame(increment)
      if (this.output.openWindow(increment)) return
      const message = 'the connection window overflows (RFC 9113 §6.9.1)'
      this.connectionError(ErrorCode.FLOW_CONTROL_ERROR, message)
      return
    }
    const stream = this.streamFor(id, StreamEvent.WINDOW_UPDATE)
    // A peer may widen a stream's window once, when the stream begins, at no cost.
    if (stream !== null && !stream.widened) stream.widened = true
    else this.updateFrame(increment)
    if (stream === null) return
    stream.sendWindow += increment
    if (stream.sendWindow > WINDOW_MAX) {
      this.streamError(id, ErrorCode.FLOW_CONTROL_ERROR, 'the stream window overflows (RFC 9113 §6.9.1)')
    } else if (stream.hasWork) this.output.pending(stream)
  }

  // Called by streams

  pending(stream: Http2Stream): void {
    this.output.pending(stream)
  }

  get interimBytesMax(): number {
    return this.context.limits.interimBytesMax
  }

  ended(stream: Http2Stream): void {
    stream.raise(SENT)
    if (stream.closed) this.remove(stream, false)
  }

  /** Frees the buffer of a stalled stream at once. Its exchange will reset it. */
  stalled(stream: Http2Stream): void {
    stream.fault = STALL
    stream.discarding = true
    // A message that was whole has lost its buffer.
    stream.remoteEnded = false
    this.intake.clear(stream)
    stream.raise(RESET)
  }

  /** Removes a stream from the table, and drops its body unless that may still be forwarded. */
  protected remove(stream: Http2Stream, dropBody: boolean): void {
    this.output.leave(stream)
    if (dropBody) this.intake.clear(stream)
    this.streams.delete(stream)
    this.removed(stream)
    if (this.draining && this.live === 0) this.pollable.raise(QUIET)
  }

  override openStreams(): readonly Http2Stream[] {
    return this.streams.oldestFirst()
  }

  override describe() {
    return {
      streams: this.streams.count,
      draining: this.draining,
      window: this.intake.window,
      heldBytes: this.intake.heldBytes,
      output: this.output.describe(),
      failure: this.failure,
    }
  }
}
