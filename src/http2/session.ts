// An HTTP/2 connection to a backend: a session of an engine. It tells the number of streams that it can
// carry, opens them for exchanges, and reports changes.

import { type Fault, fault } from '../continuation/index.js'
import type { Session, SessionReports, SessionState } from '../engine/index.js'
import {
  BODY,
  EXTENDED_CONNECT,
  type Field,
  HEAD,
  type Head,
  type HttpSession,
  otherProtocol,
  type ResetReason,
  type StreamFault,
  Token,
  tokenSet,
} from '../http/index.js'
import { invariant, type Socket } from '../pollset/index.js'
import { type DialTarget, notConnected } from '../transport/index.js'
import { IDS_SPENT, LIMIT_LOWERED, REFUSED } from './backend-faults.js'
import { ErrorCode, errorName, PREFACE, Setting } from './codes.js'
import { Http2Connection } from './connection.js'
import type { Http2Context } from './context.js'
import { EnhanceYourCalmResets } from './enhance-your-calm.js'
import { RESET_CODES } from './faults.js'
import { ResetBudget } from './reset-budget.js'
import { readResponse, readResponseTrailers } from './response-message.js'
import { unfit } from './security.js'
import type { SessionSteps } from './session-life.js'
import { Http2Stream } from './stream.js'
import { StreamEvent, StreamState } from './stream-states.js'

const LENGTH = tokenSet(Token.CONTENT_LENGTH)

const STREAM_ID_MAX = 0x7fffffff

export interface BackendSession extends Session, HttpSession {}

export class Http2Session extends Http2Connection implements BackendSession, SessionSteps {
  state: SessionState
  leased: number
  unfit: Fault | null
  /** Our own limit applies until the server sends one (RFC 9113 §6.5.2). */
  capacity: number
  private readonly target: DialTarget
  private readonly reports: SessionReports<BackendSession>
  private readonly budget: ResetBudget
  private nextStreamId: number
  /** The number of streams that it has made. */
  private opened: number
  private quietSince: number
  /** The reason why no stream may be opened, even for a granted lease; null while streams may. */
  private notBegun: StreamFault | null
  private readonly calmResets: EnhanceYourCalmResets

  constructor(
    context: Http2Context,
    target: DialTarget,
    reports: SessionReports<BackendSession>,
    socket: Socket,
    id: string,
  ) {
    super(context, 'client', socket, id)
    this.state = 'opening'
    this.leased = 0
    this.unfit = null
    this.nextStreamId = 1
    this.opened = 0
    this.notBegun = null
    this.calmResets = new EnhanceYourCalmResets()
    this.target = target
    this.reports = reports
    this.capacity = context.limits.backendStreamsMax
    this.budget = new ResetBudget(context.limits, context.world.pollset.now)
    this.quietSince = context.world.pollset.now
  }

  greet(): boolean {
    const socket = this.socket
    const wrong = socket.secured === null ? null : unfit(socket.secured)
    if (wrong !== null) {
      this.failure = notConnected(this.target, wrong)
      return false
    }
    const { limits } = this.context
    this.output.attach(socket, this)
    this.output.bytes(PREFACE)
    this.output.settings([
      [Setting.ENABLE_PUSH, 0],
      [Setting.INITIAL_WINDOW_SIZE, limits.streamWindow],
      [Setting.MAX_HEADER_LIST_SIZE, limits.headerListBytesMax],
      [Setting.HEADER_TABLE_SIZE, limits.headerTableBytesMax],
    ])
    this.output.widenConnection(limits.connectionWindow)
    const { now } = this
    this.health.liveness.read(now)
    this.health.handshake.by = now + limits.prefaceMs
    return true
  }

  // A session of an engine

  openStream(request: Head): Http2Stream {
    const limits = this.context.limits
    const stream = new Http2Stream(this, 0, StreamState.OPEN, this.peer.window, limits.streamWindow)
    stream.number = ++this.opened
    stream.bodiless = request.method?.value === 'HEAD'
    stream.connect = request.asksTunnel
    if (this.notBegun !== null) this.failStream(stream, this.notBegun)
    else if (this.leased > this.capacity) this.failStream(stream, LIMIT_LOWERED)
    return stream
  }

  /** Gives the stream its id, in the order of heads on the wire (RFC 9113 §5.1.1). */
  opening(stream: Http2Stream): void {
    stream.streamId = this.nextStreamId
    this.lastStreamId = stream.streamId
    stream.bytesBefore = this.socket.writtenBytes
    this.nextStreamId += 2
    // SETTINGS may have changed the window since the stream was made.
    stream.sendWindow = this.peer.window
    this.streams.add(stream)
    if (this.nextStreamId > STREAM_ID_MAX) this.openNoMore(IDS_SPENT)
  }

  /** Opens no more streams. Queued ones, and granted leases, go elsewhere. */
  private openNoMore(why: Fault, served?: number): void {
    this.notBegun ??= why
    this.reports.retired(this, served)
    for (const stream of this.output.unopened()) this.failStream(stream, why)
  }

  /** The features that the backend's SETTINGS allow (RFC 8441 §3). */
  get features(): number {
    return this.peer.connectProtocol ? EXTENDED_CONNECT : 0
  }

  get idleBy(): number {
    return this.quietSince + this.context.limits.backendIdleMs
  }

  close(): void {
    // A failing connection closes by itself, after GOAWAY.
    if (this.failure === null) this.cancel()
  }

  override settingsCame(first: boolean): void {
    // Streams that were leased under a higher limit and are not written yet count under this one (§5.1.2).
    for (const stream of this.output.unopened().reverse())
      if (this.leased > this.capacity) this.failStream(stream, LIMIT_LOWERED)
    if (first) this.reports.opened(this)
    else this.reports.changed(this)
  }

  override settingsAcknowledged(): void {}

  override roleSetting(id: number, value: number): void {
    if (id === Setting.MAX_CONCURRENT_STREAMS)
      this.capacity = Math.min(value, this.context.limits.backendStreamsMax)
  }

  // Responses

  override fieldSection(id: number, fields: Field[], size: number, endStream: boolean): void {
    if ((id & 1) === 0) {
      this.connectionError(ErrorCode.PROTOCOL_ERROR, 'a stream opened by the server, and push is not enabled')
      return
    }
    const stream = this.streamFor(id, endStream ? StreamEvent.HEADERS_ES : StreamEvent.HEADERS)
    if (stream === null) return
    const { headerListBytesMax, fieldsMax } = this.context.limits
    if (size > headerListBytesMax || fields.length > fieldsMax) {
      const bounds = `${headerListBytesMax} bytes (headerListBytesMax) or ${fieldsMax} lines (fieldsMax)`
      this.streamError(id, ErrorCode.CANCEL, `a field section of more than ${bounds}`)
      return
    }
    if (stream.head !== null) {
      const inTunnel = stream.connect && stream.head.isSuccess ? 'HEADERS in a tunnel (RFC 9113 §8.5)' : null
      const wrong = inTunnel ?? (endStream ? readResponseTrailers(fields) : 'a second head (RFC 9113 §8.1)')
      if (wrong !== null) this.streamError(id, ErrorCode.PROTOCOL_ERROR, wrong)
      else {
        stream.trailers = fields.length > 0 && !stream.discarding ? fields : null
        this.remoteEnd(stream)
      }
      return
    }
    const head = readResponse(fields, size, this.context.world.fields)
    if (typeof head === 'string') this.streamError(id, ErrorCode.PROTOCOL_ERROR, head)
    else if (head.isInterim) this.interim(stream, head, endStream)
    else this.final(stream, head, endStream)
  }

  private interim(stream: Http2Stream, head: Head, endStream: boolean): void {
    if (endStream)
      this.streamError(stream.streamId, ErrorCode.PROTOCOL_ERROR, '1xx with END_STREAM (RFC 9113 §8.1)')
    else if (!stream.discarding) stream.interimCame(head, this.context.limits, this.now)
  }

  private final(stream: Http2Stream, head: Head, endStream: boolean): void {
    // Content-Length describes a body that is not sent here (RFC 9110 §8.6).
    if (head.status === 304 || head.status === 204) stream.bodiless = true
    // Content-Length in a 2xx to CONNECT is ignored (RFC 9110 §9.3.6).
    const tunnel = stream.connect && head.isSuccess
    if (tunnel) head.remove(LENGTH)
    stream.promised = tunnel ? -1 : stream.bodiless ? (endStream ? -1 : 0) : head.contentLength
    stream.head = head
    this.calmResets.answered(stream.streamId)
    this.transit.arrived(stream.bytesBefore, this.socket.writtenBytes, this.now)
    this.frameBudget.answered()
    if (endStream) this.remoteEnd(stream)
    if (!stream.closed || stream.remoteEnded) stream.raise(HEAD)
  }

  // Endings

  resetByUs(stream: Http2Stream, reason: ResetReason): void {
    if (stream.closed) {
      this.intake.clear(stream)
      return
    }
    // The stream is discarded, and reset when the budget allows.
    if (stream.discardedAt >= 0) return
    if (stream.streamId === 0) {
      // The head has not left, so the backend does not know the stream.
      stream.state = StreamState.CLOSED_RESET_BY_US
      this.remove(stream, true)
      return
    }
    const now = this.now
    if (this.budget.takeReset(now)) this.rst(stream, RESET_CODES[reason])
    else if (stream.localEnded) this.discard(stream, now)
    else if (this.budget.takeReserve()) this.rst(stream, RESET_CODES[reason])
    else {
      // Ending it would forge a whole request; resetting it could cost its siblings the connection.
      this.discard(stream, now)
      this.reports.retired(this)
    }
  }

  rst(stream: Http2Stream, code: number): void {
    this.output.endStreamEarly(stream.streamId, code)
    stream.state = StreamState.CLOSED_RESET_BY_US
    this.streams.rememberReset(stream.streamId, stream.state)
    this.remove(stream, true)
  }

  /** Discards a stream's DATA in place of a reset (design: Resets). */
  private discard(stream: Http2Stream, now: number): void {
    this.context.counts.discarded++
    this.budget.discard(stream, now)
    this.output.leave(stream)
    this.intake.discard(stream)
    this.closeIfUnused()
  }

  get isPacing(): boolean {
    return this.budget.pacing
  }

  retire(): void {
    this.reports.retired(this)
    this.closeIfUnused()
  }

  override takeDiscardCredit(bytes: number): boolean {
    return this.budget.takeCredit(bytes, this.now)
  }

  override checkHealth(): boolean {
    this.budget.pace(this.now, this)
    return super.checkHealth()
  }

  protected override removed(stream: Http2Stream): void {
    this.quietSince = this.now
    if (stream.discardedAt >= 0) {
      this.budget.discardingOpen--
      invariant(this.budget.discardingOpen >= 0, 'a stream that is discarded ends once')
    }
    if (stream.fault !== null && stream.fault.code === REFUSED) this.reports.declined(this)
    else this.reports.freed(this)
    this.closeIfUnused()
  }

  /** Closes a retired session on which no exchange waits. */
  private closeIfUnused(): void {
    if (this.state === 'retired' && this.live === 0) this.close()
  }

  protected override get live(): number {
    return this.leased - this.budget.discardingOpen
  }

  protected override get goawayId(): number {
    return 0
  }

  protected override resetByPeer(): void {}

  /**
   * Ends a response whose Content-Length has come in full, as HTTP/1.1 does (RFC 9112 §6.3): node:http2 sends
   * RST_STREAM(NO_ERROR) in place of END_STREAM when it closes a stream early. A response with announced
   * trailers is not whole.
   */
  protected override endIfWhole(stream: Http2Stream): void {
    const { head, promised } = stream
    if (head === null || promised !== 0 || stream.remoteEnded || stream.discarding || stream.fault !== null)
      return
    if (head.find(Token.TRAILER) !== null) return
    stream.remoteEnded = true
    stream.raise(BODY)
  }

  protected override failStream(stream: Http2Stream, why: StreamFault): void {
    this.endIfWhole(stream)
    super.failStream(stream, why)
  }

  /**
   * ENHANCE_YOUR_CALM before the response head concerns the whole connection: treats the stream as if the
   * connection had died (R3, E31).
   */
  protected override peerReset(stream: Http2Stream, code: number): StreamFault {
    const why = super.peerReset(stream, code)
    // With other streams open, REFUSED_STREAM means that there are too many; alone, that this one is refused.
    if (why.code === REFUSED && this.leased > 1) return { ...why, uncounted: 'neighbour' }
    if (code !== ErrorCode.ENHANCE_YOUR_CALM || stream.head !== null) return why
    if (this.calmResets.reset(stream.streamId)) this.reports.retired(this)
    return { ...why, scope: 'connection' }
  }

  /** Counts resets for the backend's own faults too. */
  protected override peerErred(): void {
    this.budget.takeReset(this.now)
  }

  /** Sends streams above the last elsewhere: the backend has not begun them (RFC 9113 §6.8). */
  goaway(lastStreamId: number, code: number, debug: string): void {
    this.idleFrame()
    const why = fault('goaway', 'backend', 'stream', 'safe', `the backend sent GOAWAY ${errorName(code)}`)
    const served = (Math.min(lastStreamId, this.lastStreamId) + 1) >>> 1
    const notBegun: StreamFault =
      served === 0 ? { ...why, detail: debug } : { ...why, detail: debug, uncounted: 'not-begun' }
    const cutShort = served === 0 ? this.leased > 0 : this.lastStreamId > lastStreamId
    this.openNoMore(notBegun, cutShort ? served : undefined)
    for (const stream of this.streams.all())
      if (stream.streamId > lastStreamId) this.failStream(stream, notBegun)
  }

  protected override failAll(why: StreamFault): void {
    const culprit = this.culprit === 0 ? null : this.streams.get(this.culprit)
    // If one stream is to blame, it alone pays an attempt; without a known cause each stream does.
    const others: StreamFault = culprit === null ? why : { ...why, uncounted: 'neighbour' }
    // It takes no new leases first: a stream that is failed here may ask for another session in this turn.
    this.openNoMore({ ...others, retry: 'safe' })
    if (culprit !== null) this.failStream(culprit, { ...why, scope: 'stream' })
    super.failAll(others)
  }

  sendGoaway(): void {
    this.draining = true
    this.output.goaway(0, ErrorCode.NO_ERROR, '')
  }

  /** Closes. Reports another protocol to the waiting leases first, since such a peer may linger. */
  override beginClose(): boolean {
    this.unfit = this.health.handshake.settled
      ? null
      : otherProtocol(this.target, 'h2', this.reader.beginning)
    if (this.unfit !== null) {
      this.failure = this.unfit
      this.reports.closed(this, this.unfit)
    }
    return super.beginClose()
  }

  protected override lingerBegan(): void {
    this.reports.leaving(this)
  }

  closed(): void {
    this.release()
    this.reports.closed(this, this.failure)
  }
}
