// An HTTP/2 connection with its streams, the part both roles share: it keeps streams and windows, answers
// SETTINGS and PING, and asks the grid what a frame may do. A frontend (frontend.ts) accepts streams; a
// backend (backend.ts) opens them and is a session.
//
// An error of a stream stays with that stream; an error of the connection ends it, and its streams hear
// of it each for itself.

import { fault } from '../continuation/index.js'
import { BODY, type Field, RESET, type ResetReason, SENT, type StreamFault } from '../http/index.js'
import type { Socket } from '../pollset/index.js'
import { type ReceiveBuffer, STALL } from '../transport/index.js'
import { BodyIntake, type Intaking } from './body-intake.js'
import { ErrorCode, errorName, WINDOW_MAX } from './codes.js'
import { ConnectionBase, QUIET } from './connection-base.js'
import type { Http2Context } from './context.js'
import { FrameReader } from './frame-reader.js'
import type { FrameSink } from './frame-sink.js'
import { HpackDecoder } from './hpack/decoder.js'
import { HpackEncoder } from './hpack/encoder.js'
import { Output } from './output.js'
import { PeerSettings } from './peer-settings.js'
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
  verdict,
} from './stream-states.js'
import { StreamTable } from './stream-table.js'

export const RESET_CODES: Readonly<Record<ResetReason, number>> = {
  cancel: ErrorCode.CANCEL,
  'no-error': ErrorCode.NO_ERROR,
  refused: ErrorCode.REFUSED_STREAM,
  internal: ErrorCode.INTERNAL_ERROR,
  protocol: ErrorCode.PROTOCOL_ERROR,
  calm: ErrorCode.ENHANCE_YOUR_CALM,
  connect: ErrorCode.CONNECT_ERROR,
}

export abstract class Connection
  extends ConnectionBase
  implements FrameSink, Http2StreamConnection, Intaking
{
  protected readonly streams = new StreamTable()
  protected readonly output: Output
  protected readonly reader: FrameReader
  protected readonly decoder: HpackDecoder
  protected readonly encoder: HpackEncoder
  protected readonly peer: PeerSettings
  /** The highest stream id used by the side that opens streams. */
  protected lastStreamId = 0
  private readonly grid: Uint8Array
  readonly intake: BodyIntake

  constructor(context: Http2Context, role: Role, socket: Socket, id?: string) {
    super(context, role, socket, id)
    const { world, limits } = context
    this.grid = gridOf(role)
    this.decoder = new HpackDecoder(world.fields, { tableSizeMax: limits.headerTableBytesMax })
    this.encoder = new HpackEncoder({ tableSizeMax: limits.headerTableBytesMax })
    this.reader = new FrameReader(this, limits)
    this.output = new Output(world.pollset, this.encoder, world.slabs, limits.controlBytesMax, this.purse)
    this.peer = new PeerSettings(role, this.encoder, this.output, this.streams)
    this.intake = new BodyIntake(context, this.output, this, this.purse)
  }

  // What the roles do each in their own way

  /**
   * A field section has come. `size` is more than allowed where the section is, whose fields are then not all
   * here.
   */
  protected abstract fieldSection(id: number, fields: Field[], size: number, endStream: boolean): void
  abstract goaway(lastStreamId: number, code: number, debug: string): void
  abstract opening(stream: Http2Stream): void
  abstract resetByUs(stream: Http2Stream, reason: ResetReason): void
  /** The peer's SETTINGS have come, the first or anew. */
  protected abstract settingsCame(first: boolean): void
  protected abstract roleSetting(id: number, value: number): void
  /** The stream has left the table. */
  protected abstract gone(stream: Http2Stream): void
  /** The peer has reset it. */
  protected abstract resetByPeer(stream: Http2Stream, code: number): void
  /** A stream was reset for a fault of the peer's. */
  protected abstract peerErred(): void
  /** Streams that somebody still waits for. */
  protected get live(): number {
    return this.streams.count
  }

  /** On a frontend only those that have stalled are dry, until their exchange resets them. */
  mayDraw(_bytes: number): boolean {
    return true
  }

  protected override loseStreams(why: StreamFault): void {
    for (const stream of this.streams.all()) this.lose(stream, why)
  }

  /** The stream is over through no doing of its exchange, which is told. */
  protected lose(stream: Http2Stream, why: StreamFault): void {
    stream.fault = why
    stream.state = StreamState.CLOSED_RESET_BY_PEER
    this.remove(stream, !stream.remoteEnded)
    this.tell(stream)
  }

  /** Its exchange hears that the stream is over: by readiness on a backend, by a cancel on a frontend. */
  private tell(stream: Http2Stream): void {
    stream.raise(RESET)
    stream.owner?.cancel()
  }

  // Frames of the connection

  setting(id: number, value: number): void {
    const wrong = this.peer.take(id, value)
    if (wrong !== null) this.connectionError(wrong.code, wrong.message)
    else this.roleSetting(id, value)
  }

  settingsEnd(): void {
    const { window } = this.peer
    const wrong = this.peer.apply()
    if (wrong !== null) {
      this.connectionError(wrong.code, wrong.message)
      return
    }
    const first = !this.settled
    this.settled = true
    this.output.settingsAck()
    if (!first) this.emptyFrame(window === this.peer.window ? 1 : this.windowWeight)
    this.settingsCame(first)
  }

  /** Another initial window changes each stream's. */
  private get windowWeight(): number {
    return Math.min(1 + Math.floor(this.streams.count / STREAMS_A_FRAME), WINDOW_WEIGHT_MAX)
  }

  settingsAck(): void {
    this.decoder.setTableSizeMax(this.context.limits.headerTableBytesMax)
    this.acknowledged = true
    this.emptyFrame()
  }

  ping(payload: Buffer, start: number, ack: boolean): void {
    this.idleFrame()
    if (ack) this.liveness.answered(this.now)
    else this.output.ping(payload, start, true)
  }

  priority(_streamId: number): void {
    this.emptyFrame()
  }

  /** RFC 9113 §6.6: we never allow it. */
  pushPromise(_streamId: number): void {
    this.connectionError(ErrorCode.PROTOCOL_ERROR, 'PUSH_PROMISE, and push is not enabled (RFC 9113 §6.6)')
  }

  // Frames of streams

  /** What the grid says of this event; null when there is nothing further to do with it. */
  streamFor(id: number, event: number): Http2Stream | null {
    const stream = this.streams.get(id)
    const state = stream === null ? this.streams.stateOf(id, this.lastStreamId) : stream.state
    const cell = verdict(this.grid, state, event)
    const action = actionOf(cell)
    if (action === Action.OK) return stream
    if (action === Action.CONNECTION) {
      this.connectionError(
        codeOf(cell),
        `a frame that a stream in state ${stateName(state)} may not get (RFC 9113 §5.1)`,
      )
    } else if (action === Action.STREAM)
      this.streamError(id, codeOf(cell), 'a frame out of its place (RFC 9113 §5.1)')
    // DATA that comes too late is counted by its size (body-intake.ts); WINDOW_UPDATE and RST_STREAM by who
    // calls.
    else if (event === StreamEvent.HEADERS || event === StreamEvent.HEADERS_ES) this.emptyFrame()
    return null
  }

  data(id: number, size: number, endStream: boolean): void {
    this.liveness.message()
    this.intake.data(id, size, endStream)
  }
  dataBytes(_id: number, buffer: Buffer, start: number, end: number): void {
    this.intake.bytes(buffer, start, end)
  }
  dataEnd(_id: number, endStream: boolean): void {
    this.intake.end(endStream)
  }

  headers(id: number, block: Buffer, start: number, end: number, endStream: boolean): void {
    this.liveness.message()
    const { headerListBytesMax, fieldsMax } = this.context.limits
    const fields: Field[] = []
    const size = this.decoder.decode(block, start, end, fields, headerListBytesMax, fieldsMax)
    if (size >= 0) this.fieldSection(id, fields, size, endStream)
    else this.malformedBlock()
  }

  headersPiece(block: Buffer, start: number, end: number): void {
    if (!this.decoder.skip(block, start, end)) this.malformedBlock()
  }

  headersTooLarge(id: number, endStream: boolean): void {
    if (this.decoder.skipEnd()) this.fieldSection(id, [], Number.POSITIVE_INFINITY, endStream)
    else this.malformedBlock()
  }

  private malformedBlock(): void {
    this.connectionError(ErrorCode.COMPRESSION_ERROR, 'a header block that does not decode (RFC 9113 §4.3)')
  }

  /** The peer's END_STREAM. */
  remoteEnd(stream: Http2Stream): void {
    // What a dry stream got was discarded uncounted.
    if (stream.promised > 0 && !stream.bodiless && !stream.dry) {
      this.streamError(
        stream.streamId,
        ErrorCode.PROTOCOL_ERROR,
        'less DATA than content-length (RFC 9113 §8.1.1)',
      )
      return
    }
    // One that has stalled has lost what it held: what comes after that never makes it whole.
    stream.remoteEnded = stream.fault === null
    stream.state = afterRemoteEnd(stream.state)
    stream.raise(BODY)
    if (stream.closed) this.remove(stream, false)
  }

  rstStream(id: number, code: number): void {
    this.output.forgetReset(id)
    const stream = this.streamFor(id, StreamEvent.RST_STREAM)
    if (stream === null) {
      // RFC 9113 §8.1: a server that needs no more of a request says so behind its answer, and a client that
      // hears of it says CANCEL, or the same.
      this.idleFrame()
      return
    }
    stream.state = StreamState.CLOSED_RESET_BY_PEER
    this.streams.rememberReset(id, stream.state)
    if (code === ErrorCode.NO_ERROR) this.endIfWhole(stream)
    stream.fault = this.peerReset(stream, code)
    // What came complete before the reset stays good (RFC 9113 §8.1: NO_ERROR after a full response).
    this.remove(stream, !stream.remoteEnded)
    this.resetByPeer(stream, code)
    this.tell(stream)
  }

  /** The stream is over without END_STREAM: is what came of it whole all the same? */
  protected endIfWhole(_stream: Http2Stream): void {}

  protected peerReset(_stream: Http2Stream, code: number): StreamFault {
    const safe = code === ErrorCode.REFUSED_STREAM
    return fault(
      safe ? 'refused-stream' : code === ErrorCode.NO_ERROR ? 'reset-no-error' : 'reset',
      this.side,
      'stream',
      safe ? 'safe' : 'never',
      `the ${this.side} sent RST_STREAM ${errorName(code)}`,
    )
  }

  streamError(id: number, code: number, message: string): void {
    // §6.4: RST_STREAM must not be sent for an idle stream.
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
      // Nobody is harmed by it, and it could go on for ever.
      this.emptyFrame()
      return
    }
    stream.state = StreamState.CLOSED_RESET_BY_US
    stream.fault = fault('stream-error', this.side, 'stream', 'never', `${errorName(code)}: ${message}`)
    this.remove(stream, true)
    this.tell(stream)
  }

  windowUpdate(id: number, increment: number): void {
    if (id === 0) {
      this.updateFrame(increment)
      this.output.sendWindow += increment
      if (this.output.sendWindow > WINDOW_MAX) {
        this.connectionError(
          ErrorCode.FLOW_CONTROL_ERROR,
          'the connection window overflows (RFC 9113 §6.9.1)',
        )
      } else this.output.unstarve()
      return
    }
    const stream = this.streamFor(id, StreamEvent.WINDOW_UPDATE)
    // A stream's window may be widened once, when it begins.
    if (stream !== null && !stream.widened) stream.widened = true
    else this.updateFrame(increment)
    if (stream === null) return
    stream.sendWindow += increment
    if (stream.sendWindow > WINDOW_MAX) {
      this.streamError(id, ErrorCode.FLOW_CONTROL_ERROR, 'the stream window overflows (RFC 9113 §6.9.1)')
    } else if (stream.hasWork) this.output.pending(stream)
  }

  // What streams ask for

  pending(stream: Http2Stream): void {
    this.output.pending(stream)
  }

  get interimBytesMax(): number {
    return this.context.limits.interimBytesMax
  }

  newReceiveBuffer(stream: Http2Stream): ReceiveBuffer {
    return this.intake.newReceiveBuffer(stream)
  }

  ended(stream: Http2Stream): void {
    stream.raise(SENT)
    if (stream.closed) this.remove(stream, false)
  }

  /** Its memory comes back at once; the exchange is told, and answers for it. */
  stalled(stream: Http2Stream): void {
    stream.fault = STALL
    stream.dry = true
    // What had come complete is so no more.
    stream.remoteEnded = false
    this.clearReceiveBuffer(stream)
    stream.raise(RESET)
  }

  /** Take a stream out of the table, and drop its body unless it may still be forwarded. */
  protected remove(stream: Http2Stream, dropBody: boolean): void {
    this.output.leave(stream)
    if (dropBody) this.clearReceiveBuffer(stream)
    this.streams.delete(stream)
    this.gone(stream)
    if (this.draining && this.live === 0) this.pollable.raise(QUIET)
  }

  protected clearReceiveBuffer(stream: Http2Stream): void {
    this.intake.clear(stream)
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

/**
 * Streams gone through for the price of a frame that carries nothing; and the price at most, whatever a
 * backend carries.
 */
const STREAMS_A_FRAME = 8
const WINDOW_WEIGHT_MAX = 20

const stateName = (state: number): string =>
  Object.keys(StreamState)[state].toLowerCase().replaceAll('_', '-')
