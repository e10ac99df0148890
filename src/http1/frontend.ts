// A client's HTTP/1.1 connection. Each request becomes a stream for the acceptor; the next request is read
// when its response has left. A malformed request is answered here, and ends the connection if its framing is
// in doubt.

import { type Fault, fault } from '../continuation/index.js'
import {
  type AddressPair,
  addressPairOf,
  type Client,
  type Field,
  type FrontendStream,
  forwardingFieldsOf,
  HEAD,
  type Head,
  ownHost,
  type ResetReason,
  type StreamAcceptor,
} from '../http/index.js'
import { type Address, CLOSED, ENDED, READABLE, type Socket } from '../pollset/index.js'
import { DelayedReset } from '../transport/index.js'
import { Http1Connection } from './connection.js'
import type { Http1Context } from './context.js'
import type { RefusalCode } from './faults.js'
import { CHUNKED, responseFraming, TUNNEL, UNTIL_CLOSE } from './framing.js'
import { type FrontendSteps, frontendSteps } from './frontend-life.js'
import { pipelinedIn } from './pipelined.js'
import { writeRefusal } from './refusal.js'
import { HEAD_LATE, IN_TIME, RequestClock } from './request-clock.js'
import { RequestReader } from './request-reader.js'
import { Http1Stream } from './stream.js'
import { WEBSOCKET } from './websocket.js'
import { writeResponseHead, writeSwitchingHead } from './writer.js'

class Http1FrontendStream extends Http1Stream implements FrontendStream {
  readonly client: Client
  get mayBeDeclined(): boolean {
    return this.key !== ''
  }

  constructor(connection: Http1Frontend, number: number, head: Head, minor: number) {
    super(connection, number, head.method?.value ?? '', minor)
    this.client = connection
    this.head = head
    this.readiness = HEAD
  }
}

class Http1Frontend extends Http1Connection implements Client, FrontendSteps {
  readonly protocol = 'HTTP/1.1'
  readonly forwardingFields: readonly Field[]
  readonly addresses: AddressPair
  readonly neighbour: Address
  protected readonly reader: RequestReader
  private readonly acceptor: StreamAcceptor
  private readonly clock: RequestClock
  /** The time of the last check: ms of the pollset's clock. */
  private checkedAt: number
  /** The last response head had `connection: close`. */
  private saidClose = false
  /**
   * The time by which the client can have read the responses before the current one: ms of the
   * pollset's clock.
   */
  private earlierArrivedBy = 0
  /** Set while a response waits to be cut by RST, where FIN would make it look whole. */
  private reset: DelayedReset | null = null

  constructor(context: Http1Context, socket: Socket, acceptor: StreamAcceptor, addresses: AddressPair) {
    super(context, 'frontend', socket)
    const scheme = socket.secured === null ? 'http' : 'https'
    this.acceptor = acceptor
    this.addresses = addresses
    this.neighbour = socket.remote
    this.forwardingFields = forwardingFieldsOf(context.world.fields, '1.1', addresses, scheme)
    this.checkedAt = this.quietSince
    this.clock = new RequestClock(context.limits)
    this.reader = new RequestReader(this, context.decoder, context.limits, scheme)
    this.output.attach(socket, this)
  }

  override read(): void {
    super.read()
    this.clock.note(this.reader.inHead, this.now)
  }

  override awaitMore(): void {
    super.awaitMore()
    const by = this.stream !== null ? this.answerBy(this.stream) : this.isQuiet ? this.clock.drainBy : 0
    if (by !== 0) this.waitUntil(by)
  }

  /**
   * Waits for the response after a client's FIN. The client has half closed (RFC 9112 §9.6) or has left; only
   * writing tells which.
   */
  protected override halfWaits(socket: Socket): boolean {
    const { stream } = this
    const half = (socket.readiness & (ENDED | CLOSED)) === ENDED && this.context.limits.halfClosedMs > 0
    // A stalled stream has lost body bytes, so it is never whole: its 503 is on its way.
    const read = stream !== null && (stream.remoteEnded || this.stalledWhole(stream))
    return (half && read) || super.halfWaits(socket)
  }

  private stalledWhole(stream: Http1Stream): boolean {
    return stream.fault !== null && (this.reader.waiting || this.reader.stopped)
  }

  /**
   * Returns the time at which a half-closed client has waited too long for the head or for more of the body;
   * 0 if it does not wait. Once we write, a client that has left answers with RST. Tells the exchange once.
   */
  private answerBy(stream: Http1Stream): number {
    const whole = stream.remoteEnded || this.stalledWhole(stream)
    if (!whole || !this.halfWaits(this.socket)) return 0
    const sent = stream.headWritten ? 1 + stream.sentBytes : 0
    if (stream.answerBy === 0) {
      stream.answerBy = this.now + this.context.limits.halfClosedMs
      stream.sentBeforeFin = sent
      stream.owner?.halfClosed?.()
    }
    return sent > stream.sentBeforeFin || stream.hasWork ? 0 : stream.answerBy
  }

  /** Takes one more request for drainIdleMs: the client may have sent it before it can know of the drain. */
  override drain(): void {
    if (this.draining) super.drain()
    else {
      this.draining = true
      this.clock.drain(this.now)
    }
  }

  protected override readonly readsOn = false

  protected override get isQuiet(): boolean {
    return super.isQuiet && !this.reader.begun
  }

  get pipelined(): number {
    if (!this.reader.waiting || !this.reader.keepAlive) return 0
    return pipelinedIn(this.socket.arrived, this.context.decoder, this.context.limits)
  }

  // Requests

  head(head: Head, ended: boolean): void {
    if (head.host === '') head.add(ownHost(this.context.world.fields, this.socket))
    const stream = new Http1FrontendStream(this, ++this.count, head, this.reader.version)
    stream.remoteEnded = ended
    stream.key = this.reader.webSocketKey
    // A client that ends the connection after this request does not switch.
    if (stream.key === '' && this.reader.keepAlive) stream.upgrade = this.reader.upgrade
    this.stream = stream
    this.acceptor.accept(stream)
  }

  error(status: number, code: RefusalCode, reason: string): void {
    this.context.counts.badRequests++
    this.refuse(status, fault(code, 'frontend', 'connection', 'never', reason))
  }

  /** Answers in place of the exchange, if no response head was sent, and closes. */
  private refuse(status: number, why: Fault): void {
    const { stream } = this
    this.failure ??= why
    if (stream !== null) this.failStream(stream, why)
    if (stream?.headWritten) {
      this.abort(stream, why)
      return
    }
    this.output.message(writeRefusal(this.context.world, status, why, this.reader.asksHead))
    this.changed()
  }

  protected override peerEnded(): void {
    // A truncated request gets its answer. A whole one does not: its client has left.
    if (this.stream === null || !this.stream.remoteEnded) this.reader.end(this.finCame)
    this.failure ??= GONE
  }

  // Responses

  writeHead(stream: Http1Stream, head: Head, ended: boolean, slab: Buffer, at: number): number {
    const switches = head.status === 101
    const interim = head.isInterim && !switches
    const framing = responseFraming(head, ended, stream.declined ? 'GET' : stream.method, stream.minor)
    if (!interim) {
      stream.framing = framing
      if (this.count > 1) this.earlierArrivedBy = this.arrivedBy
      // The connection's end ends this response (RFC 9112 §6.3).
      if (framing === UNTIL_CLOSE || this.isEarly(stream, head, ended)) this.last = true
      if (this.reader.switching || switches) this.answerToAsking(stream)
    }
    if (switches) return writeSwitchingHead(slab, at, head, stream.upgrade, '')
    if (framing === TUNNEL && stream.key !== '')
      return writeSwitchingHead(slab, at, head, WEBSOCKET, stream.key)
    const keeps = interim || this.keeps
    this.saidClose = !keeps
    return writeResponseHead(slab, at, head, framing, stream.minor, keeps)
  }

  /**
   * Returns true if the response is whole before the request, or refuses it. Then the rest of the request is
   * not needed, so the connection closes (RFC 9112 §9.6, RFC 9110 §15.5.14).
   */
  private isEarly(stream: Http1Stream, head: Head, ended: boolean): boolean {
    if (stream.remoteEnded || this.reader.switching || head.status === 101) return false
    return ended || stream.endGranted || head.status >= 400
  }

  /** Decides, by the response to a tunnel request, whether HTTP or the tunnel follows the request. */
  private answerToAsking(stream: Http1Stream): void {
    if (stream.framing === TUNNEL) {
      this.reader.answered(true)
      this.last = true
    } else if (stream.key !== '') {
      // A declined upgrade was an ordinary request (RFC 9110 §7.8).
      this.reader.answered(false)
      stream.remoteEnded = true
    } else {
      // Bytes meant for a refused tunnel must not be read as requests.
      this.last = true
    }
    this.changed()
  }

  /** True if another request may follow the one that is being answered. */
  private get keeps(): boolean {
    return (
      !this.draining &&
      !this.last &&
      !this.finCame &&
      this.reader.keepAlive &&
      this.count < this.context.limits.keepAliveRequestsMax
    )
  }

  override sent(stream: Http1Stream): void {
    super.sent(stream)
    // The response was whole before the request: the rest is discarded while the connection closes.
    if (stream.closed || stream.framing === TUNNEL) return
    this.failure ??= ANSWERED_EARLY
    this.changed()
  }

  protected override messageOver(persists: boolean): void {
    if (!persists || this.saidClose) this.failure ??= DONE
    else {
      this.reader.next()
      if (this.draining) this.clock.drain(this.now)
    }
  }

  resetByUs(stream: Http1Stream, reason: ResetReason): void {
    stream.owner = null
    if (stream.closed || (stream.localEnded && stream.framing !== TUNNEL)) {
      this.clearReceiveBuffer(stream)
      return
    }
    if (!stream.headWritten && reason === 'refused') this.refuse(503, REFUSED)
    // RST could lose earlier responses that are still on their way, so this request is answered.
    else if (!stream.headWritten && this.count > 1) this.refuse(502, GIVEN_UP)
    else {
      this.failStream(stream, GIVEN_UP)
      // FIN is enough if everything has left. Further bytes of the client are discarded.
      if (stream.localEnded && reason === 'no-error') {
        this.failure ??= GIVEN_UP
        this.changed()
      } else this.abort(stream, GIVEN_UP)
    }
    this.clearReceiveBuffer(stream)
  }

  /**
   * RST could discard earlier responses that the client has not read. So FIN cuts a response whose chunks or
   * length show the cut. Where FIN would look like the end, as in a tunnel, RST waits until the client must
   * have read the earlier responses.
   */
  protected override breakOff(stream: Http1Stream): boolean {
    if (this.count === 1) return super.breakOff(stream)
    const { framing } = stream
    if (framing === CHUNKED || framing > stream.sentBytes) return this.finishOutput()
    const { lingerMs, lingerBytesMax } = this.context.limits
    this.reset = new DelayedReset(this.earlierArrivedBy + lingerMs, lingerBytesMax)
    this.lingerBegan()
    return true
  }

  override waitForPeerClose(): boolean {
    const { reset, socket } = this
    if (reset === null) return super.waitForPeerClose()
    socket.unpause()
    if (!reset.goesOn(socket, this.now)) return false
    this.waitOn(0, socket, READABLE | CLOSED)
    this.waitUntil(reset.until)
    return true
  }

  /**
   * The time by which even a slow client has read everything written: ms of the pollset's clock. The client
   * is not idle before.
   */
  private get arrivedBy(): number {
    return Math.max(this.socket.wroteAt, this.arrivingUntil)
  }

  get checkIsDue(): boolean {
    return this.now - this.checkedAt >= this.context.checkMs
  }

  checkHealth(): boolean {
    this.checkedAt = this.now
    if (this.stream !== null) {
      const by = this.answerBy(this.stream)
      if (by === 0 || this.now < by) return true
      this.refuse(504, ANSWER_LATE)
      return false
    }
    const found = this.clock.look(this.now, Math.min(this.now - this.quietSince, this.now - this.arrivedBy))
    if (found !== HEAD_LATE) return found === IN_TIME
    this.context.counts.headsLate++
    this.refuse(408, LATE_HEAD)
    // Requests that never end are a way to keep connections occupied.
    this.acceptor.clientAbused?.(this, 1)
    return false
  }

  protected override lingerBegan(): void {
    this.acceptor.clientLingers?.(this)
  }

  closed(): void {
    if (this.reset !== null && (this.socket.readiness & CLOSED) === 0) this.socket.reset()
    this.release()
    this.acceptor.clientClosed(this)
  }
}

const parting = (code: string, message: string): Fault =>
  fault(code, 'frontend', 'connection', 'never', message)
const DONE = parting('done', 'the last response on this connection has left')
const ANSWERED_EARLY = parting('answered-early', 'the response was whole before the request')
const GONE = parting('frontend-closed', 'the client closed its connection')
const LATE_HEAD = parting('head-late', 'the request did not come in time')
const ANSWER_LATE = parting(
  'half-closed-late',
  'the client sent FIN behind its request, and the backend did not answer in time',
)
const REFUSED = parting('refused-stream', 'the backend refused the request, and it cannot be sent again')
const GIVEN_UP = parting('given-up', 'the exchange ended without a whole response')

/**
 * Serves HTTP/1.1 on an accepted socket. Each request goes to the acceptor. Returns the
 * connection's continuation.
 * @param addresses the addresses of the client connection, if a relay made the socket's connection
 */
export function serveHttp1(
  context: Http1Context,
  socket: Socket,
  acceptor: StreamAcceptor,
  addresses: AddressPair = addressPairOf(socket),
): Http1Connection & Client {
  const frontend = new Http1Frontend(context, socket, acceptor, addresses)
  frontendSteps.start(context.world, frontend, 'readMessages')
  return frontend
}
