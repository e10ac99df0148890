// The server's side of HTTP/2: a connection that a client made. It checks the preface, turns header
// blocks into requests, and gives each new stream to whoever accepts.

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
import type { Socket } from '../pollset/index.js'
import { TokenBucket } from '../transport/index.js'
import { DEFAULT_WINDOW, ErrorCode, Setting, WINDOW_MAX } from './codes.js'
import { Http2Connection } from './connection.js'
import type { Http2Context } from './context.js'
import { RESET_CODES } from './faults.js'
import { type FrontendSteps, frontendSteps } from './frontend-life.js'
import { Http2FrontendStream } from './frontend-stream.js'
import { ClientPreface, http1Answer } from './preface.js'
import { readRequest, readRequestTrailers } from './request-message.js'
import { inadequate } from './security.js'
import type { Http2Stream } from './stream.js'
import { StreamEvent, StreamState } from './stream-states.js'

class Http2Frontend extends Http2Connection implements Client, FrontendSteps {
  readonly forwardingFields: readonly Field[]
  readonly addresses: AddressPair
  private readonly acceptor: StreamAcceptor
  private readonly resets: TokenBucket
  /** How the client connected: the scheme of every request, whatever it says. */
  private readonly scheme: Field
  private readonly preface: ClientPreface
  greeted: boolean
  /** The ids last skipped, which may not be used any more: between these two. */
  private gapStart: number
  private gapEnd: number
  private lastGoaway: number
  /** ms of the pollset's clock: when a client that is told to open no more streams must have heard it */
  private drainBy: number
  /** ms of the pollset's clock: when the last stream went, and all that was written till then had arrived */
  private quietSince: number
  /** octets a new stream may send: the default at least, until the client knows of less (RFC 9113 §6.9.2) */
  private streamWindow: number

  constructor(context: Http2Context, socket: Socket, acceptor: StreamAcceptor, ends: AddressPair) {
    super(context, 'server', socket)
    const { world, limits } = context
    this.acceptor = acceptor
    this.addresses = ends
    const scheme = socket.secured === null ? 'http' : 'https'
    this.scheme = world.fields.field(':scheme', scheme)
    this.forwardingFields = forwardingFieldsOf(world.fields, '2', ends, scheme)
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

  /** A client whose preface has not come cannot know of the drain: wait for it, greet it, then say GOAWAY. */
  override cancel(): void {
    if (!this.preface.isWhole) {
      if (this.drainBy !== 0) this.failure ??= NO_PREFACE
      this.drainBy = this.now + this.context.limits.drainIdleMs
      const { handshake } = this.health
      handshake.by = Math.min(handshake.by, this.drainBy)
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

  /** Our SETTINGS. Not before the client's preface: one that speaks HTTP/1 could not read them. */
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

  /** After the last GOAWAY: the client knows that these are not answered, and may ask elsewhere (§6.8). */
  override streamFor(id: number, event: number): Http2Stream | null {
    return id > this.lastGoaway ? null : super.streamFor(id, event)
  }

  override streamError(id: number, code: number, message: string): void {
    if (id <= this.lastGoaway) super.streamError(id, code, message)
  }

  private request(id: number, fields: Field[], size: number, endStream: boolean): void {
    // After the last GOAWAY: the client knows that these are not answered, and may ask elsewhere.
    if (id > this.lastGoaway) {
      this.emptyFrame()
      return
    }
    if (id > this.lastStreamId + 2) {
      this.gapStart = this.lastStreamId
      this.gapEnd = id
    }
    this.lastStreamId = id
    const { limits, counts } = this.context
    // One whose RST_STREAM has not left is open as the client sees it (RFC 9113 §5.1.2).
    if (this.streams.count + this.output.resetsWaiting >= limits.concurrentStreamsMax) {
      counts.refused++
      this.output.rstStream(id, ErrorCode.REFUSED_STREAM)
      this.streams.rememberReset(id, StreamState.CLOSED_RESET_BY_US)
      this.emptyFrame()
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

  /** Answers 431 (RFC 6585 §5): there is no whole request to pass on. `discarded`: its block was not kept. */
  private tooLarge(stream: Http2Stream, discarded: boolean): void {
    this.context.counts.headersTooLarge++
    if (discarded) this.peerErred()
    this.answer(stream, '431', 'fields-too-large')
  }

  /** Answers in place of an exchange. The rest of the request is discarded, and so are its faults. */
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
    const inTunnel = stream.connect ? 'HEADERS behind a CONNECT (RFC 9113 §8.5)' : null
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
    // Answered in full before the request was: no more of it is wanted (RFC 9113 §8.1).
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
    // A slow client is not idle while it may still be taking the last response.
    this.quietSince = Math.max(now, this.transit.look(this.socket.writtenBytes, now))
  }

  protected override resetByPeer(_stream: Http2Stream): void {
    this.peerErred()
  }

  /** CVE-2023-44487 and CVE-2025-8671: streams opened only to be reset, by the client or by its faults. */
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

  /** Of a client, GOAWAY only says that it will open no more streams. */
  goaway(): void {
    this.emptyFrame()
  }

  protected override get goawayId(): number {
    return this.lastStreamId
  }

  protected override get live(): number {
    return this.streams.count
  }

  /** On a frontend only those that have stalled are discarded, until their exchange resets them. */
  override takeDiscardCredit(_bytes: number): boolean {
    return true
  }

  /** A client that only keeps the connection busy, with PING say, is idle too. */
  get isUnused(): boolean {
    return this.streams.count === 0 && this.now - this.quietSince >= this.context.limits.frontendIdleMs
  }

  /** First that no more shall come, then, a round trip later, which was the last (RFC 9113 §6.8). */
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
   * Until when, in ms of the pollset's clock, the client may open streams that crossed the first GOAWAY: they
   * are served until the second has said which was the last.
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

  /** The part of its reset budget that a client has used. Streams that it leaves open count as reset. */
  private get abuse(): number {
    if (this.failure?.code === 'calm') return 1
    const { now } = this.context.world.pollset
    const abandoned = this.failure === null ? this.streams.count / this.context.limits.resetsBurst : 0
    return Math.min(1, Math.max(this.resets.spent(now) + abandoned, this.frameBudget.spent(now)))
  }

  override beginClose(): boolean {
    const { abuse } = this
    // Told now: who is cut off may be back before its old connection has lingered.
    if (abuse >= ABUSE_MIN) this.acceptor.clientAbused?.(this, abuse)
    // A client that has ended, with every stream answered, has nothing to learn from GOAWAY.
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

/** Below a tenth of what it may, a client has not abused anything. */
const ABUSE_MIN = 0.1
const GOAWAY_PING = Buffer.from('goaway!!', 'latin1')
const NO_PREFACE: Fault = fault('drained', 'frontend', 'connection', 'safe', 'the client said nothing')
const NOT_HTTP2: Fault = fault('http1', 'frontend', 'connection', 'never', 'the client speaks HTTP/1')

/**
 * Serve HTTP/2 on an accepted socket; each request goes to the acceptor. `ends`: the client's, where it is
 * not the socket's peer. Returns the connection's continuation.
 */
export function serveHttp2(
  context: Http2Context,
  socket: Socket,
  acceptor: StreamAcceptor,
  ends: AddressPair = addressPairOf(socket),
): Http2Connection & Client {
  const frontend = new Http2Frontend(context, socket, acceptor, ends)
  frontendSteps.start(context.world, frontend, 'awaitPreface')
  return frontend
}
