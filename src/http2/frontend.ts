// A client's HTTP/2 connection: checks the preface, and gives a stream for each request to the acceptor.

import { type Fault, fault } from '../continuation/index.js'
import {
  type AddressPair,
  addressPairOf,
  type Client,
  type Field,
  forwardingFieldsOf,
  HEAD,
  Head,
  ownHost,
  type ResetReason,
  type StreamAcceptor,
} from '../http/index.js'
import type { Address, Socket } from '../pollset/index.js'
import { TokenBucket } from '../transport/index.js'
import { DEFAULT_WINDOW, ErrorCode, Setting, WINDOW_MAX } from './codes.js'
import { Http2Connection } from './connection.js'
import type { Http2Context } from './context.js'
import { RESET_CODES } from './faults.js'
import { type FrontendSteps, frontendSteps } from './frontend-life.js'
import { Http2FrontendStream } from './frontend-stream.js'
import { schemeField } from './hpack/static.js'
import { ClientPreface, http1Answer } from './preface.js'
import { readRequest, readRequestTrailers } from './request-message.js'
import { inadequate } from './security.js'
import type { Http2Stream } from './stream.js'
import { StreamEvent, StreamState } from './stream-states.js'

class Http2Frontend extends Http2Connection implements Client, FrontendSteps {
  readonly protocol = 'HTTP/2'
  readonly forwardingFields: readonly Field[]
  readonly addresses: AddressPair
  readonly neighbour: Address
  private readonly acceptor: StreamAcceptor
  private readonly resets: TokenBucket
  /** The scheme of the client connection, which each request gets regardless of its own. */
  private readonly scheme: Field
  private readonly preface: ClientPreface
  greeted: boolean
  /** The ids between these two were skipped. The client must not use them. */
  private gapStart: number
  private gapEnd: number
  private lastGoaway: number
  /** The end of the wait for streams that crossed our GOAWAY: ms of the pollset's clock; 0 before it. */
  private drainBy: number
  /** The time at which the last stream had ended and its bytes had arrived: ms of the pollset's clock. */
  private quietSince: number
  /** The window of new streams: the default or more, until the client knows of less (RFC 9113 §6.9.2). */
  private streamWindow: number

  constructor(context: Http2Context, socket: Socket, acceptor: StreamAcceptor, addresses: AddressPair) {
    super(context, 'server', socket)
    const { world, limits } = context
    this.acceptor = acceptor
    this.addresses = addresses
    this.neighbour = socket.remote
    const scheme = socket.secured === null ? 'http' : 'https'
    this.scheme = schemeField(scheme)
    this.forwardingFields = forwardingFieldsOf(world.fields, '2', addresses, scheme)
    this.quietSince = world.pollset.now
    this.streamWindow = Math.max(limits.streamWindow, DEFAULT_WINDOW)
    this.resets = new TokenBucket(limits.resetsBurst, limits.resetsPerSecond, world.pollset.now)
    this.preface = new ClientPreface()
    this.greeted = false
    this.gapStart = 0
    this.gapEnd = 0
    this.lastGoaway = WINDOW_MAX
    this.drainBy = 0
    this.output.attach(socket, this)
  }

  /** Drains. A client whose preface has not come gets GOAWAY after it. */
  override cancel(): void {
    if (!this.preface.isWhole) {
      if (this.drainBy !== 0) this.failure ??= NO_PREFACE
      this.drainBy = this.now + this.context.limits.drainIdleMs
      this.health.handshake.by = Math.min(this.health.handshake.by, this.drainBy)
    }
    super.cancel()
  }

  readPreface(): void {
    const { socket, preface } = this
    if (this.failed) return
    for (let chunk = socket.take(); chunk !== null; chunk = socket.take()) {
      const size = preface.take(chunk)
      if (preface.isWrong) {
        this.refusePreface()
        return
      }
      if (!preface.isWhole) continue
      this.greetClient()
      const wrong = socket.secured === null ? null : inadequate(socket.secured)
      if (wrong !== null) this.connectionError(ErrorCode.INADEQUATE_SECURITY, wrong)
      else {
        if (chunk.length > size) this.reader.feed(chunk.subarray(size))
        if (this.drainBy !== 0) this.cancel()
      }
      return
    }
  }

  awaitMorePreface(): void {
    this.awaitFrames()
    this.waitUntil(this.health.handshake.by)
  }

  /** Sends our SETTINGS, after the client's preface: an HTTP/1.1 client could not read them. */
  private greetClient(): void {
    this.greeted = true
    const { limits } = this.context
    this.output.settings([
      [Setting.MAX_CONCURRENT_STREAMS, limits.concurrentStreamsMax],
      [Setting.INITIAL_WINDOW_SIZE, limits.streamWindow],
      [Setting.MAX_HEADER_LIST_SIZE, limits.headerListBytesMax],
      [Setting.HEADER_TABLE_SIZE, limits.headerTableBytesMax],
      [Setting.ENABLE_CONNECT_PROTOCOL, 1],
    ])
    this.output.widenConnection(limits.connectionWindow)
  }

  private refusePreface(): void {
    if (this.preface.isHttp1) {
      this.output.bytes(http1Answer(this.context.world.date.now().value, this.preface.asksHead))
      this.failure = NOT_HTTP2
    } else this.connectionError(ErrorCode.PROTOCOL_ERROR, 'not the HTTP/2 connection preface (RFC 9113 §3.4)')
  }

  override fieldSection(id: number, fields: Field[], size: number, endStream: boolean): void {
    if ((id & 1) === 0) {
      this.connectionError(ErrorCode.PROTOCOL_ERROR, 'an even stream id from a client (RFC 9113 §5.1.1)')
      return
    }
    if (id > this.gapStart && id < this.gapEnd) {
      this.connectionError(
        ErrorCode.PROTOCOL_ERROR,
        'a stream id lower than one used before (RFC 9113 §5.1.1)',
      )
      return
    }
    if (id > this.lastStreamId) this.request(id, fields, size, endStream)
    else this.trailers(id, fields, size, endStream)
  }

  /** Ignores streams after the final GOAWAY, which the client may send elsewhere (§6.8). */
  override streamFor(id: number, event: number): Http2Stream | null {
    return id > this.lastGoaway ? null : super.streamFor(id, event)
  }

  override streamError(id: number, code: number, message: string): void {
    if (id <= this.lastGoaway) super.streamError(id, code, message)
  }

  private request(id: number, fields: Field[], size: number, endStream: boolean): void {
    // The final GOAWAY told the client that these streams are not answered.
    if (id > this.lastGoaway) {
      this.idleFrame()
      return
    }
    if (id > this.lastStreamId + 2) {
      this.gapStart = this.lastStreamId
      this.gapEnd = id
    }
    this.lastStreamId = id
    const { limits, counts } = this.context
    if (this.isFull) {
      counts.refused++
      this.output.rstStream(id, ErrorCode.REFUSED_STREAM)
      this.streams.rememberReset(id, StreamState.CLOSED_RESET_BY_US)
      this.idleFrame()
      return
    }
    const state = endStream ? StreamState.HALF_CLOSED_REMOTE : StreamState.OPEN
    const stream = new Http2FrontendStream(this, this, id, state, this.peer.window, this.streamWindow)
    this.streams.add(stream)
    stream.remoteEnded = endStream
    if (size > limits.headerListBytesMax || fields.length > limits.fieldsMax) {
      this.tooLarge(stream, size === Number.POSITIVE_INFINITY)
      return
    }
    const head = readRequest(fields, size)
    if (typeof head === 'string') {
      this.streamError(id, ErrorCode.PROTOCOL_ERROR, head)
      return
    }
    if (endStream && head.contentLength > 0) {
      this.streamError(id, ErrorCode.PROTOCOL_ERROR, 'content-length and no DATA (RFC 9113 §8.1.1)')
      return
    }
    stream.promised = head.contentLength
    stream.connect = head.asksTunnel
    stream.head = head
    if (head.scheme !== null && head.scheme !== this.scheme) {
      if (!/^https?$/i.test(head.scheme.value)) {
        this.answer(stream, '400', 'scheme-not-served')
        return
      }
      head.replaceScheme(this.scheme)
    }
    if (head.host === '') head.add(ownHost(this.context.world.fields, this.socket))
    stream.readiness = HEAD
    this.acceptor.accept(stream)
  }

  /** True at the bound of open streams. A stream counts until its RST_STREAM has left (RFC 9113 §5.1.2). */
  get isFull(): boolean {
    return this.streams.count + this.output.resetsWaiting >= this.context.limits.concurrentStreamsMax
  }

  /** Answers 431 (RFC 6585 §5). `discarded`: the field block was not kept. */
  private tooLarge(stream: Http2Stream, discarded: boolean): void {
    this.context.counts.headersTooLarge++
    if (discarded) this.peerErred()
    this.answer(stream, '431', 'fields-too-large')
  }

  /** Answers in place of an exchange. The rest of the request, and its faults, are discarded. */
  private answer(stream: Http2Stream, status: string, code: string): void {
    stream.discarding = true
    const { fields, date } = this.context.world
    const reason = fields.field('x-fermata', code)
    const length = fields.field('content-length', '0')
    stream.sendHead(Head.response([fields.field(':status', status), reason, length, date.now()]), true)
  }

  private trailers(id: number, fields: Field[], size: number, endStream: boolean): void {
    const stream = this.streamFor(id, endStream ? StreamEvent.HEADERS_ES : StreamEvent.HEADERS)
    if (stream === null) return
    if (stream.discarding) {
      if (endStream) this.remoteEnd(stream)
      return
    }
    const tooLarge =
      size > this.context.limits.headerListBytesMax || fields.length > this.context.limits.fieldsMax
    const inTunnel = stream.connect ? 'HEADERS in a tunnel (RFC 9113 §8.5)' : null
    const wrong = tooLarge ? 'trailers too large' : (inTunnel ?? readRequestTrailers(fields))
    if (wrong !== null) {
      this.streamError(id, ErrorCode.PROTOCOL_ERROR, wrong)
      return
    }
    stream.trailers = fields.length > 0 ? fields : null
    this.remoteEnd(stream)
  }

  opening(): void {}
  override ended(stream: Http2Stream): void {
    super.ended(stream)
    // The response was whole before the request: the rest of the request is not needed (RFC 9113 §8.1).
    if (!stream.closed && stream.owner === null) this.resetByUs(stream, 'no-error')
  }

  resetByUs(stream: Http2Stream, reason: ResetReason): void {
    stream.owner = null
    if (stream.closed) {
      this.intake.clear(stream)
      return
    }
    this.output.endStreamEarly(stream.streamId, RESET_CODES[reason])
    stream.state = StreamState.CLOSED_RESET_BY_US
    this.streams.rememberReset(stream.streamId, stream.state)
    this.remove(stream, true)
  }

  protected override removed(_stream: Http2Stream): void {
    const { now } = this
    // A slow client is not idle while it may still read the last response.
    this.quietSince = Math.max(now, this.transit.look(this.socket.writtenBytes, now))
  }

  protected override resetByPeer(_stream: Http2Stream): void {
    this.peerErred()
  }

  /** Counts streams that were opened only to be reset (CVE-2023-44487, CVE-2025-8671). */
  protected override peerErred(): void {
    if (!this.resets.take(this.context.world.pollset.now)) {
      this.connectionError(ErrorCode.ENHANCE_YOUR_CALM, 'too many streams reset')
    }
  }

  override settingsAcknowledged(): void {
    const by = this.context.limits.streamWindow - this.streamWindow
    if (by === 0) return
    this.streamWindow += by
    for (const stream of this.streams.all()) {
      stream.recvWindow += by
      stream.windowSize += by
    }
  }

  override settingsCame(): void {}
  override roleSetting(): void {}
  /** Ignores a client's GOAWAY, which only says that it opens no more streams. */
  goaway(): void {
    this.idleFrame()
  }

  protected override get goawayId(): number {
    return this.lastStreamId
  }

  protected override get live(): number {
    return this.streams.count
  }

  /** Always gives credit: only stalled streams are discarded here, until their exchange resets them. */
  override takeDiscardCredit(_bytes: number): boolean {
    return true
  }

  /** True if the connection is idle, even if the client keeps it busy with PING. */
  get isUnused(): boolean {
    return this.streams.count === 0 && this.now - this.quietSince >= this.context.limits.frontendIdleMs
  }

  /** Sends a first GOAWAY for the highest id, then, a round trip later, the final one (RFC 9113 §6.8). */
  sendGoaway(): void {
    this.draining = true
    this.drainBy = this.now + this.context.limits.drainIdleMs
    this.output.goaway(WINDOW_MAX, ErrorCode.NO_ERROR, '')
    this.output.ping(GOAWAY_PING, 0, false)
  }

  override ping(payload: Buffer, start: number, ack: boolean): void {
    super.ping(payload, start, ack)
    if (ack && this.draining) this.finalGoaway()
  }

  /**
   * The time until which streams that crossed the first GOAWAY are served: ms of the pollset's clock. The
   * final GOAWAY names the last of them.
   */
  private get opensUntil(): number {
    return this.lastGoaway === WINDOW_MAX ? this.drainBy : 0
  }

  override get isDrained(): boolean {
    return super.isDrained && this.now >= this.opensUntil
  }

  override awaitStreams(): void {
    super.awaitStreams()
    if (this.live === 0) this.waitUntil(this.opensUntil)
  }

  private finalGoaway(): void {
    if (this.lastGoaway !== WINDOW_MAX) return
    this.lastGoaway = this.lastStreamId
    this.output.goaway(this.lastStreamId, ErrorCode.NO_ERROR, '')
  }

  /** The part of its reset budget that the client has used. Streams that it leaves open count as reset. */
  private get abuse(): number {
    if (this.failure?.code === 'calm') return 1
    const { now } = this.context.world.pollset
    const abandoned = this.failure === null ? this.streams.count / this.context.limits.resetsBurst : 0
    return Math.min(1, Math.max(this.resets.spent(now) + abandoned, this.frameBudget.spent(now)))
  }

  override beginClose(): boolean {
    const { abuse } = this
    // Reported now: the client may connect again while this connection lingers.
    if (abuse >= ABUSE_MIN) this.acceptor.clientAbused?.(this, abuse)
    // A client that has sent FIN, with every stream answered, needs no GOAWAY.
    if (this.failure === null && (this.streams.count > 0 || !this.socketOver)) this.finalGoaway()
    return super.beginClose()
  }

  protected override lingerBegan(): void {
    this.acceptor.clientLingers?.(this)
  }

  closed(): void {
    this.release()
    this.acceptor.clientClosed(this)
  }
}

/** The part of its budgets below which a client's conduct is not reported as abuse. */
const ABUSE_MIN = 0.1
const GOAWAY_PING = Buffer.from('goaway!!', 'latin1')
const NO_PREFACE: Fault = fault('drained', 'frontend', 'connection', 'safe', 'the client sent no preface')
const NOT_HTTP2: Fault = fault('http1', 'frontend', 'connection', 'never', 'the client speaks HTTP/1')

/**
 * Serves HTTP/2 on an accepted socket: requests go to the acceptor. Returns the connection's continuation.
 * @param addresses the addresses of the client connection, if a relay made the socket's connection
 */
export function serveHttp2(
  context: Http2Context,
  socket: Socket,
  acceptor: StreamAcceptor,
  addresses: AddressPair = addressPairOf(socket),
): Http2Connection & Client {
  const frontend = new Http2Frontend(context, socket, acceptor, addresses)
  frontendSteps.start(context.world, frontend, 'awaitPreface')
  return frontend
}
