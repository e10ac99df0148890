// An HTTP/2 connection, the part both roles share: it feeds what the socket received to the frame reader,
// keeps streams and windows, answers SETTINGS and PING, and gives itself up when the peer breaks the
// rules. A frontend (frontend.ts) accepts streams; a backend (backend.ts) opens them and is a session.
//
// An error of a stream stays with that stream; an error of the connection ends it, and its streams hear
// of it each for itself.

import { Continuation, type Fault, fault } from '../continuation/index.js'
import { BODY, type Field, HeldByConnection, Inbox, RESET, type ResetReason, SENT } from '../http/index.js'
import { CLOSED, ENDED, Pollable, READABLE, type Settling, type Socket } from '../pollset/index.js'
import { DEFAULT_WINDOW, ErrorCode, errorName, Setting, WINDOW_MAX } from './codes.js'
import {
  type After,
  connectionLife,
  connectionSteps,
  type Living,
  waitAtPace,
  waitForEnd,
  waitForFrames,
  waitToDrain,
} from './connection-life.js'
import type { Http2Context } from './context.js'
import { FrameReader, type FrameSink } from './frame-reader.js'
import { HpackDecoder } from './hpack-decoder.js'
import { HpackEncoder } from './hpack-encoder.js'
import { Output } from './output.js'
import { ReceiveWindow } from './receive-window.js'
import type { Http2Stream, StreamHome } from './stream.js'
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
import { TokenBucket } from './token-bucket.js'

const { goto } = connectionLife

/** No streams are left. */
const QUIET = 1

/** The connection as something to wait for: that its streams end. */
class ConnectionPollable extends Pollable {
  readonly id: string
  readonly kind = 'connection'
  readonly bitNames = ['QUIET']
  constructor(id: string) {
    super()
    this.id = id
  }
}

export const RESET_CODES: Readonly<Record<ResetReason, number>> = {
  cancel: ErrorCode.CANCEL,
  'no-error': ErrorCode.NO_ERROR,
  refused: ErrorCode.REFUSED_STREAM,
  internal: ErrorCode.INTERNAL_ERROR,
  protocol: ErrorCode.PROTOCOL_ERROR,
  calm: ErrorCode.ENHANCE_YOUR_CALM,
}

export abstract class Connection extends Continuation implements FrameSink, StreamHome, Settling, Living {
  readonly id: string
  readonly pollable: Pollable
  protected readonly context: Http2Context
  protected socket: Socket | null = null
  protected readonly streams = new StreamTable()
  protected readonly output: Output
  protected readonly reader: FrameReader
  protected readonly decoder: HpackDecoder
  protected readonly encoder: HpackEncoder
  /** The highest stream id used by the side that opens streams. */
  protected lastStreamId = 0
  /** The peer's SETTINGS_INITIAL_WINDOW_SIZE. */
  protected peerWindow = DEFAULT_WINDOW
  /** Why the connection is being given up; null while it is not. */
  protected failure: Fault | null = null
  protected draining = false
  /** The peer's first SETTINGS have come. */
  protected settled = false
  protected lastReadAt = 0
  private readonly grid: Uint8Array
  private readonly side: Fault['side']
  private readonly received: ReceiveWindow
  private readonly heldHere = new HeldByConnection()
  private readonly idleFrames: TokenBucket
  private unsettled: Inbox[] = []
  private settling = false
  private dataStream: Http2Stream | null = null
  private dataPadding = 0
  private pingAt = 0
  /** The peer has said that it takes extended CONNECT (RFC 8441 §3). */
  private connectProtocol = false
  private lingerUntil = 0

  constructor(context: Http2Context, role: Role, kind: string) {
    super(context.world.scheduler, connectionSteps, context.durations)
    const { world, limits } = context
    const now = world.pollset.now
    this.id = world.nextId(kind)
    this.pollable = new ConnectionPollable(this.id)
    this.context = context
    this.grid = gridOf(role)
    this.side = role === 'server' ? 'frontend' : 'backend'
    this.decoder = new HpackDecoder(world.fields, { tableSizeMax: limits.headerTableBytesMax })
    this.encoder = new HpackEncoder({ tableSizeMax: limits.headerTableBytesMax })
    this.reader = new FrameReader(this, limits)
    this.output = new Output(world.pollset, this.encoder, context.slabs, limits.controlBytesMax)
    this.received = new ReceiveWindow(limits.connectionWindow)
    this.idleFrames = new TokenBucket(limits.idleFramesBurst, limits.idleFramesPerSecond, now)
    this.lastReadAt = now
  }

  // What the roles do each in their own way

  abstract resolve(): After<'resolve'>
  abstract connect(): After<'connect'>
  abstract greet(): After<'greet'>
  abstract preface(): After<'preface'>
  abstract headers(streamId: number, block: Buffer, start: number, end: number, endStream: boolean): void
  abstract goaway(lastStreamId: number, code: number, debug: string): void
  abstract opening(stream: Http2Stream): void
  abstract resetByUs(stream: Http2Stream, reason: ResetReason): void
  abstract sayGoaway(): void
  abstract closed(): void
  /** The peer's SETTINGS have come, the first or anew. */
  protected abstract settingsCame(first: boolean): void
  protected abstract roleSetting(id: number, value: number): void
  /** The stream has left the table. */
  protected abstract gone(stream: Http2Stream): void
  /** The peer has reset it. */
  protected abstract resetByPeer(stream: Http2Stream, code: number): void
  /** A stream was reset for a fault of the peer's. */
  protected abstract peerErred(): void
  /** Nothing has been read for a while: go on, or part. */
  protected abstract idle(idleMs: number): 'stay' | 'part'
  /** Streams wait to be reset at the pace the peer bears. */
  protected get pacing(): boolean {
    return false
  }

  /** Streams that somebody still waits for. */
  protected get live(): number {
    return this.streams.count
  }

  // Steps

  /** Everything the socket has; its read-ahead bound is the bound of a turn's work for one connection. */
  protected read(): void {
    const socket = this.socket as Socket
    for (let chunk = socket.take(); chunk !== null && !this.reader.stopped; chunk = socket.take()) {
      this.reader.feed(chunk)
    }
    this.lastReadAt = this.context.world.pollset.now
    this.pingAt = 0
    if (this.output.overflowed) {
      this.connectionError(ErrorCode.ENHANCE_YOUR_CALM, 'too many control frames wait to be read')
    }
  }

  private get socketOver(): boolean {
    return ((this.socket as Socket).readiness & (ENDED | CLOSED)) !== 0
  }

  frames(): After<'frames'> {
    this.read()
    if (this.failure !== null || this.socketOver) return goto.closing
    this.waitOn(0, this.socket as Socket, READABLE | ENDED | CLOSED)
    return this.pacing ? waitAtPace : waitForFrames
  }

  drain(): After<'drain'> {
    this.read()
    if (this.failure !== null || this.socketOver || this.live === 0) return goto.closing
    this.waitOn(0, this.socket as Socket, READABLE | ENDED | CLOSED)
    this.pollable.lower(QUIET)
    this.waitOn(1, this.pollable, QUIET)
    return waitToDrain
  }

  tend(): After<'tend'> {
    const now = this.context.world.pollset.now
    const { pingAfterMs, pingTimeoutMs } = this.context.limits
    if (this.idle(now - this.lastReadAt) === 'part') return this.draining ? goto.closing : goto.goaway
    if (this.streams.count > 0 || !this.settled) {
      if (this.pingAt !== 0 && now - this.pingAt >= pingTimeoutMs) {
        this.failure ??= fault(
          'ping-timeout',
          this.side,
          'connection',
          'never',
          'the peer does not answer PING',
        )
        return goto.closing
      }
      if (this.pingAt === 0 && now - this.lastReadAt >= pingAfterMs) {
        this.pingAt = now
        this.output.ping(PING_PAYLOAD, 0, false)
      }
    }
    return this.draining ? goto.drain : goto.frames
  }

  closing(): After<'closing'> {
    const socket = this.socket as Socket
    this.failure ??= CONNECTION_CLOSED[this.side]
    this.reader.stop()
    this.loseStreams(this.failure)
    if ((socket.readiness & CLOSED) !== 0) return goto.closed
    this.output.finish()
    this.lingerUntil = this.context.world.pollset.now + this.context.limits.lingerMs
    return goto.linger
  }

  linger(): After<'linger'> {
    const socket = this.socket as Socket
    while (socket.take() !== null) {}
    if ((socket.readiness & (CLOSED | ENDED)) !== 0 && this.output.finished) return goto.closed
    this.waitOn(0, socket, this.output.finished ? READABLE | ENDED | CLOSED : READABLE | CLOSED)
    this.waitUntil(this.lingerUntil)
    return waitForEnd
  }

  /** The end of every connection that had a socket. */
  protected letGo(): void {
    this.output.abandon()
    this.socket?.destroy()
  }

  crashed(): void {
    this.failure ??= fault('internal', 'internal', 'connection', 'never', 'a step of the connection failed')
    this.loseStreams(this.failure)
    this.closed()
  }

  protected loseStreams(why: Fault): void {
    for (const stream of this.streams.all()) this.lose(stream, why)
  }

  /** The stream is over through no doing of its exchange, which is told. */
  protected lose(stream: Http2Stream, why: Fault): void {
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

  connectionError(code: number, message: string): void {
    if (this.failure !== null) return
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

  emptyFrame(): void {
    if (!this.idleFrames.take(this.context.world.pollset.now)) {
      this.connectionError(ErrorCode.ENHANCE_YOUR_CALM, 'too many frames that carry nothing')
    }
  }

  setting(id: number, value: number): void {
    switch (id) {
      case Setting.HEADER_TABLE_SIZE:
        this.encoder.setPeerTableSizeMax(value)
        return
      case Setting.ENABLE_PUSH:
        if (value > 1 || (value === 1 && this.side === 'backend')) {
          this.connectionError(ErrorCode.PROTOCOL_ERROR, `ENABLE_PUSH ${value} (RFC 9113 §6.5.2)`)
        }
        return
      case Setting.INITIAL_WINDOW_SIZE:
        if (value > WINDOW_MAX)
          this.connectionError(ErrorCode.FLOW_CONTROL_ERROR, `INITIAL_WINDOW_SIZE ${value}`)
        else this.changeWindows(value - this.peerWindow)
        return
      case Setting.MAX_FRAME_SIZE:
        // We never send more than 16,384 octets in a frame, which every peer must take.
        if (value < 16_384 || value > 16_777_215) {
          this.connectionError(ErrorCode.PROTOCOL_ERROR, `MAX_FRAME_SIZE ${value} (RFC 9113 §6.5.2)`)
        }
        return
      case Setting.ENABLE_CONNECT_PROTOCOL:
        // A server is not concerned (RFC 8441 §3); a client may not be promised it and then refused.
        if (this.side === 'backend' && (value > 1 || (value === 0 && this.connectProtocol))) {
          this.connectionError(ErrorCode.PROTOCOL_ERROR, `ENABLE_CONNECT_PROTOCOL ${value} (RFC 8441 §3)`)
        }
        this.connectProtocol = value === 1
        return
      default:
        this.roleSetting(id, value)
    }
  }

  /** RFC 9113 §6.9.2: a changed initial window changes every stream's, below zero if need be. */
  private changeWindows(by: number): void {
    this.peerWindow += by
    for (const stream of this.streams.all()) {
      stream.sendWindow += by
      if (stream.sendWindow > WINDOW_MAX) {
        this.connectionError(
          ErrorCode.FLOW_CONTROL_ERROR,
          'INITIAL_WINDOW_SIZE overflows a window (RFC 9113 §6.9.2)',
        )
        return
      }
      if (by > 0 && stream.hasWork) this.output.pending(stream)
    }
  }

  settingsEnd(): void {
    const first = !this.settled
    this.settled = true
    this.output.settingsAck()
    if (!first) this.emptyFrame()
    this.settingsCame(first)
  }

  settingsAck(): void {
    this.decoder.setTableSizeMax(this.context.limits.headerTableBytesMax)
    this.emptyFrame()
  }

  ping(payload: Buffer, start: number, ack: boolean): void {
    this.emptyFrame()
    if (!ack) this.output.ping(payload, start, true)
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
  protected streamFor(id: number, event: number): Http2Stream | null {
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
    else if (event === StreamEvent.WINDOW_UPDATE || event === StreamEvent.RST_STREAM) this.emptyFrame()
    return null
  }

  data(id: number, size: number, endStream: boolean): void {
    const held = this.context.world.held
    if (!this.received.received(size, !held.aboveSoft)) {
      this.connectionError(
        ErrorCode.FLOW_CONTROL_ERROR,
        'DATA beyond the connection window (RFC 9113 §6.9.1)',
      )
      return
    }
    this.giveCredit()
    const stream = this.streamFor(id, endStream ? StreamEvent.DATA_ES : StreamEvent.DATA)
    this.dataPadding = size
    this.dataStream = stream
    if (stream === null) return
    stream.recvWindow -= size
    if (stream.recvWindow < 0) {
      this.streamError(id, ErrorCode.FLOW_CONTROL_ERROR, 'DATA beyond the stream window (RFC 9113 §6.9.1)')
    } else if (stream.head === null) {
      this.streamError(id, ErrorCode.PROTOCOL_ERROR, 'DATA before the head (RFC 9113 §8.1)')
    }
    if (stream.closed) this.dataStream = null
  }

  dataBytes(_id: number, buffer: Buffer, start: number, end: number): void {
    const size = end - start
    if (size === 0) return
    this.dataPadding -= size
    const stream = this.dataStream
    if (stream === null || stream.dry || stream.closed) {
      this.discard(stream, size)
      return
    }
    if (stream.promised >= 0) {
      stream.promised -= size
      if (stream.promised < 0) {
        this.discard(null, size)
        this.streamError(
          stream.streamId,
          ErrorCode.PROTOCOL_ERROR,
          'more DATA than content-length (RFC 9113 §8.1.1)',
        )
        return
      }
    }
    stream.inbox ??= this.newInbox(stream)
    if (stream.inbox.push(buffer, start, end)) this.settleSoon(stream.inbox)
    stream.raise(BODY)
  }

  dataEnd(_id: number, endStream: boolean): void {
    const stream = this.dataStream
    this.dataStream = null
    if (this.dataPadding > 0) this.discard(stream, this.dataPadding)
    if (stream !== null && endStream && !stream.closed) this.remoteEnd(stream)
  }

  /** Octets nobody will pull: their credit goes back at once. */
  private discard(stream: Http2Stream | null, bytes: number): void {
    if (stream !== null && !stream.closed) this.consumed(stream, bytes)
    else {
      this.received.consumed(bytes)
      this.giveCredit()
    }
  }

  /** A list of fields from a header block; null when the connection had to be given up. */
  protected decode(block: Buffer, start: number, end: number): { fields: Field[]; size: number } | null {
    const { headerListBytesMax, fieldsMax } = this.context.limits
    const fields: Field[] = []
    const size = this.decoder.decode(block, start, end, fields, headerListBytesMax, fieldsMax)
    if (size >= 0) return { fields, size }
    this.connectionError(ErrorCode.COMPRESSION_ERROR, 'a header block that does not decode (RFC 9113 §4.3)')
    return null
  }

  /** The peer's END_STREAM. */
  protected remoteEnd(stream: Http2Stream): void {
    if (stream.promised > 0 && !stream.bodiless) {
      this.streamError(
        stream.streamId,
        ErrorCode.PROTOCOL_ERROR,
        'less DATA than content-length (RFC 9113 §8.1.1)',
      )
      return
    }
    stream.remoteEnded = true
    stream.state = afterRemoteEnd(stream.state)
    stream.raise(BODY)
    if (stream.closed) this.remove(stream, false)
  }

  rstStream(id: number, code: number): void {
    const stream = this.streamFor(id, StreamEvent.RST_STREAM)
    if (stream === null) return
    stream.state = StreamState.CLOSED_RESET_BY_PEER
    this.streams.rememberReset(id, stream.state)
    stream.fault = this.peerReset(code)
    // What came complete before the reset stays good (RFC 9113 §8.1: NO_ERROR after a full response).
    this.remove(stream, !stream.remoteEnded)
    this.resetByPeer(stream, code)
    this.tell(stream)
  }

  private peerReset(code: number): Fault {
    const safe = code === ErrorCode.REFUSED_STREAM
    return fault(
      safe ? 'refused-stream' : 'reset',
      this.side,
      'stream',
      safe ? 'safe' : 'never',
      `the ${this.side} sent RST_STREAM ${errorName(code)}`,
    )
  }

  streamError(id: number, code: number, message: string): void {
    // §6.4: RST_STREAM must not be sent for an idle stream.
    if (id > this.lastStreamId) {
      this.connectionError(code, message)
      return
    }
    this.context.counts.streamErrors++
    this.peerErred()
    this.output.rstStream(id, code)
    const stream = this.streams.get(id)
    this.streams.rememberReset(id, StreamState.CLOSED_RESET_BY_US)
    if (stream === null) return
    stream.state = StreamState.CLOSED_RESET_BY_US
    stream.fault = fault('stream-error', this.side, 'stream', 'never', `${errorName(code)}: ${message}`)
    this.remove(stream, true)
    this.tell(stream)
  }

  windowUpdate(id: number, increment: number): void {
    if (id === 0) {
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

  newInbox(stream: Http2Stream): Inbox {
    return new Inbox(this.context.world.held, this.heldHere, stream)
  }

  consumed(stream: Http2Stream, bytes: number): void {
    this.received.consumed(bytes)
    this.giveCredit()
    if (stream.remoteEnded || stream.closed) return
    stream.uncredited += bytes
    if (stream.uncredited * 2 < stream.windowSize) return
    this.widen(stream)
    this.output.creditStream(stream)
  }

  /** A stream that flows gets a wider window, out of budget that nobody uses (design, section 6). */
  private widen(stream: Http2Stream): void {
    const { held } = this.context.world
    const max = this.context.limits.streamWindowMax
    if (stream.windowSize >= max || stream.waitingBytes > 0 || held.bytes * 2 > held.limits.heldBytesSoft)
      return
    const by = Math.min(stream.windowSize, max - stream.windowSize)
    stream.windowSize += by
    stream.uncredited += by
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
    this.clearInbox(stream)
    stream.raise(RESET)
  }

  /** Take a stream out of the table, and drop its body unless it may still be forwarded. */
  protected remove(stream: Http2Stream, dropBody: boolean): void {
    this.output.leave(stream)
    if (dropBody) this.clearInbox(stream)
    this.streams.delete(stream)
    this.gone(stream)
    if (this.draining && this.live === 0) this.pollable.raise(QUIET)
  }

  protected clearInbox(stream: Http2Stream): void {
    if (stream.inbox === null) return
    this.received.consumed(stream.inbox.clear())
    this.giveCredit()
  }

  private giveCredit(): void {
    const credit = this.received.takeCredit()
    if (credit > 0) this.output.creditConnection(credit)
  }

  // Input that outlives the turn

  private settleSoon(inbox: Inbox): void {
    this.unsettled.push(inbox)
    if (this.settling) return
    this.settling = true
    this.context.world.pollset.settleLater(this)
  }

  settle(): void {
    const { pollset, held } = this.context.world
    const inboxes = this.unsettled
    this.settling = false
    for (let i = 0; i < inboxes.length; i++) inboxes[i].settle(pollset.now)
    inboxes.length = 0
    held.enforce(pollset.now, this.heldHere)
  }

  override describe() {
    return {
      streams: this.streams.count,
      draining: this.draining,
      window: this.received.window,
      heldBytes: this.heldHere.bytes,
      output: this.output.describe(),
      failure: this.failure,
    }
  }
}

const STALL = fault('stall', 'internal', 'stream', 'never', 'the stream held most memory and moved least')

const PING_PAYLOAD = Buffer.from('fermata!', 'latin1')

const CONNECTION_CLOSED: Readonly<Record<Fault['side'], Fault>> = {
  frontend: fault('frontend-closed', 'frontend', 'connection', 'never', 'the client closed its connection'),
  backend: fault('backend-closed', 'backend', 'connection', 'never', 'the backend closed its connection'),
  internal: fault('closed', 'internal', 'connection', 'never', 'the connection was closed'),
}

const stateName = (state: number): string =>
  Object.keys(StreamState)[state].toLowerCase().replaceAll('_', '-')
