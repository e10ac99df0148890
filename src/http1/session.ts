// An HTTP/1.1 connection to a backend: a session with a capacity of 1. It takes the next request when the
// response is whole and the backend keeps the connection open.

import { type Fault, fault } from '../continuation/index.js'
import type { Session, SessionReports, SessionState } from '../engine/index.js'
import {
  bindsConnection,
  type Client,
  EXTENDED_CONNECT,
  HEAD,
  Head,
  type HttpSession,
  otherProtocol,
  type ResetReason,
  type StreamFault,
  sendsToken,
  Token,
  UPGRADE,
} from '../http/index.js'
import type { Socket } from '../pollset/index.js'
import type { DialTarget } from '../transport/index.js'
import { BackendIdle } from './backend-idle.js'
import { Http1Connection } from './connection.js'
import type { Http1Context } from './context.js'
import type { RefusalCode } from './faults.js'
import { NONE, requestFraming, TUNNEL } from './framing.js'
import { namesProtocol } from './message.js'
import { ResponseReader } from './response-reader.js'
import { type Next, type SessionSteps, sessionLife } from './session-life.js'
import { Http1Stream } from './stream.js'
import { newWebSocketKey, WEBSOCKET, webSocketAccept } from './websocket.js'
import { writeRequestHead, writeUpgradeRequest } from './writer.js'

const { goto } = sessionLife

export interface BackendSession extends Session, HttpSession {}

export class Http1Session extends Http1Connection implements BackendSession, SessionSteps {
  state: SessionState = 'opening'
  leased = 0
  unfit: Fault | null = null
  readonly capacity = 1
  /** Extended CONNECT is sent as Upgrade (RFC 8441 §5). */
  readonly features: number = EXTENDED_CONNECT | UPGRADE
  /** Reads also without a request: bytes that answer none end the connection (RFC 9112 §9.2). */
  protected override readonly readsOn: boolean = true
  protected readonly reader: ResponseReader
  protected readonly target: DialTarget
  protected reports: SessionReports<BackendSession>
  /** The client of the current request, and whether the request may authenticate the connection. */
  private client: Client | null = null
  private tokenSent = false
  /** The connection has answered a request. */
  private served = false
  private readonly allowedIdle: BackendIdle
  /**
   * The time since which we read the response more slowly than the backend may send it, in ms of the
   * pollset's clock; 0 if we do not. The backend may have sent its last byte at any time since then, and
   * counts idle time from that byte.
   */
  private behindSince = 0

  constructor(
    context: Http1Context,
    target: DialTarget,
    reports: SessionReports<BackendSession>,
    socket: Socket,
    id: string,
  ) {
    super(context, 'backend', socket, id)
    this.target = target
    this.reports = reports
    this.allowedIdle = new BackendIdle(context.limits.backendIdleMs)
    this.reader = new ResponseReader(this, context.decoder, context.limits)
  }

  greet(): Next<'greet'> {
    this.output.attach(this.socket, this)
    this.quietSince = this.now
    this.reports.opened(this)
    return goto.readMessages
  }

  override awaitMore(): void {
    super.awaitMore()
    const { stream } = this
    if (this.behindSince === 0 && stream !== null && this.intake.isFull(stream)) this.behindSince = this.now
  }

  // A session of an engine

  get idleBy(): number {
    return this.quietSince + this.allowedIdle.ms
  }

  openStream(request: Head, client: Client): Http1Stream {
    this.client = client
    this.tokenSent = sendsToken(request)
    const stream = new Http1Stream(this, ++this.count, request.method?.value ?? '', 1)
    this.stream = stream
    return stream
  }

  reportTo(reports: SessionReports<BackendSession>): void {
    this.reports = reports
  }

  close(): void {
    // A failing connection closes by itself.
    if (this.failure === null) this.cancel()
  }

  writeHead(stream: Http1Stream, head: Head, ended: boolean, slab: Buffer, at: number): number {
    stream.framing = requestFraming(head, ended, 1)
    const { protocol } = head
    if (protocol !== null) {
      stream.upgrade = protocol.value
      if (protocol.value === WEBSOCKET) stream.key = newWebSocketKey(this.context.world.pollset)
      this.reader.next('GET', true)
      return writeUpgradeRequest(slab, at, head, stream.key)
    }
    this.reader.next(stream.method, stream.upgrade !== '')
    return writeRequestHead(slab, at, head, stream.framing, true, stream.upgrade)
  }

  // Responses

  head(head: Head, ended: boolean): void {
    const { stream } = this
    if (stream === null) return
    if (head.status === 101) {
      this.switched(stream, head)
      return
    }
    if (head.isInterim) {
      // A backend that sends more interim responses than pass is read one piece a turn, so others
      // lose no time to it.
      if (!stream.interimCame(head, this.context.limits, this.now)) this.readEnough = true
      return
    }
    if (stream.framing === TUNNEL) this.declined(stream, head)
    // Before the session is free: its next user would be taken for this client (RFC 4559 §6).
    if (this.client !== null && bindsConnection(head, this.tokenSent))
      this.reports.reserved(this, this.client)
    stream.head = head
    stream.remoteEnded = ended
    stream.raise(HEAD)
  }

  /** Opens the tunnel. The connection now belongs to it, and leaves the engine. */
  private switched(stream: Http1Stream, head: Head): void {
    const wrong = this.wrongSwitch(stream, head)
    if (wrong !== null) {
      this.notSwitched(wrong)
      return
    }
    this.last = true
    if (stream.framing === TUNNEL) stream.head = this.successOf(head)
    else {
      stream.head = head
      stream.switched = true
      stream.reopen()
    }
    stream.raise(HEAD)
    this.reports.surrendered(this)
  }

  /** Returns the fault of a 101 that does not switch to the requested protocol; null otherwise. */
  private wrongSwitch(stream: Http1Stream, head: Head): Fault | null {
    if (!namesProtocol(this.reader.upgrade, stream.upgrade.toLowerCase()))
      return stream.key === '' ? OTHER_PROTOCOL : NOT_WEBSOCKET
    if (stream.key === '') return stream.localEnded || stream.framing === TUNNEL ? null : SWITCHED_EARLY
    const accepts = head.fields.filter((each) => each.token === Token.SEC_WEBSOCKET_ACCEPT)
    return accepts.length === 1 && accepts[0].value === webSocketAccept(stream.key) ? null : NOT_ACCEPTED
  }

  /** Turns a 101 into the 200 of extended CONNECT (RFC 8441 §5). */
  private successOf(head: Head): Head {
    const status = this.context.world.fields.field(':status', '200')
    const rest = head.fields.slice(1).filter((each) => each.token !== Token.SEC_WEBSOCKET_ACCEPT)
    return Head.response([status, ...rest], undefined, -1)
  }

  /** Handles a final response that opens no tunnel: the request was an ordinary one (RFC 9110 §7.8). */
  private declined(stream: Http1Stream, head: Head): void {
    stream.declined = head.isSuccess
    // A backend that has opened a tunnel would take the next request as its bytes, so there is none.
    this.last = true
    this.output.leave(stream)
    stream.framing = NONE
    stream.localEnded = true
  }

  private notSwitched(why: Fault): void {
    this.reader.stop()
    this.context.counts.badResponses++
    this.giveUp(why)
  }

  error(_status: number, code: RefusalCode, reason: string): void {
    this.context.counts.badResponses++
    this.unfit = this.served ? null : otherProtocol(this.target, 'http/1.1', this.reader.beginning)
    if (this.unfit !== null) {
      this.giveUp(this.unfit)
      return
    }
    // If nothing came at all, an idempotent request may be sent again.
    const unanswered = code === 'unanswered'
    const none = unanswered || (code === 'truncated' && this.stream?.head === null)
    const why = fault(code, 'backend', none ? 'connection' : 'stream', 'never', reason)
    this.giveUp(unanswered && this.served ? { ...why, stale: true } : why)
  }

  private giveUp(why: StreamFault): void {
    this.failure ??= why
    this.reports.retired(this)
    const { stream } = this
    if (stream === null) return
    // A request that has not left may go to another session. One that has left may have taken effect
    // (RFC 9110 §9.2.2).
    this.failStream(stream, { ...why, retry: stream.headWritten || this.unfit !== null ? 'never' : 'safe' })
    this.reports.freed(this)
  }

  protected override peerEnded(): void {
    if (this.reader.waiting) this.giveUp(GONE)
    else {
      this.reader.end(this.finCame)
      this.failure ??= GONE
    }
  }

  protected override messageOver(persists: boolean): void {
    this.served = true
    // The backend reads the next request after this one.
    const { writtenBytes } = this.socket
    this.transit.arrived(writtenBytes, writtenBytes, this.now)
    this.allowedIdle.read(this.reader.keepAlive)
    if (this.behindSince !== 0) this.quietSince = this.behindSince
    this.behindSince = 0
    if (!persists || this.draining || this.now >= this.idleBy) {
      this.failure ??= DONE
      this.reports.retired(this)
    }
    this.reports.freed(this)
  }

  resetByUs(stream: Http1Stream, _reason: ResetReason): void {
    const open = this.stream === stream && !stream.closed
    this.clearReceiveBuffer(stream)
    if (!open) return
    stream.closed = true
    this.stream = null
    this.output.leave(stream)
    // A request that has left can be taken back only by closing the connection. A request that has not
    // left is forgotten.
    if (stream.headWritten) {
      this.reports.retired(this)
      this.abort(stream, TAKEN_BACK)
    }
    this.quietSince = this.now
    this.reports.freed(this)
  }

  override beginClose(): boolean {
    // No new leases first: a stream that is failed here may ask for another session in this turn.
    this.giveUp(this.failure ?? GONE)
    return super.beginClose()
  }

  override describe() {
    return { ...super.describe(), idleMs: this.allowedIdle.ms }
  }

  protected override lingerBegan(): void {
    this.reports.leaving(this)
  }

  closed(): void {
    this.release()
    this.reports.closed(this, this.failure)
  }
}

const notTunnel = (code: string, message: string): Fault => fault(code, 'backend', 'stream', 'never', message)
const NOT_WEBSOCKET = notTunnel('upgrade-other', 'the backend switched to another protocol than WebSocket')
const OTHER_PROTOCOL = notTunnel(
  'upgrade-other',
  'the backend switched to another protocol than it was asked for',
)
const SWITCHED_EARLY = notTunnel(
  'upgrade-early',
  'the backend switched protocols before it had the whole request (RFC 9110 §7.8)',
)
const NOT_ACCEPTED = notTunnel(
  'websocket-accept',
  'Sec-WebSocket-Accept is missing or answers another key (RFC 6455 §4.1)',
)
const GONE = fault('backend-closed', 'backend', 'connection', 'never', 'the backend closed its connection')
const DONE = fault('done', 'backend', 'connection', 'safe', 'the backend lets no more requests follow')
const TAKEN_BACK = fault('taken-back', 'internal', 'connection', 'never', 'the request was taken back')
