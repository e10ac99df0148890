// The client's side of HTTP/1.1: a connection we made to a backend. It is a session of an engine, of capacity 1: one
// request at a time, and the next when the response to it is whole and the backend lets the connection go on.

import { type Fault, fault } from '../continuation/index.js'
import type { Session, SessionFactory, SessionReports, SessionState } from '../engine/index.js'
import { HEAD, type Head, type HttpSession, INTERIM, type ResetReason } from '../http/index.js'
import {
  CLOSED,
  CONNECTED,
  formatAddress,
  RESOLVED,
  type Resolution,
  type Socket,
  type TlsClient,
} from '../pollset/index.js'
import { Connection } from './connection.js'
import {
  type After,
  connectionLife,
  connectionSteps,
  waitForConnect,
  waitForName,
} from './connection-life.js'
import type { Http1Context } from './context.js'
import type { RefusalCode } from './faults.js'
import { requestFraming } from './framing.js'
import { ResponseReader } from './response-reader.js'
import { Http1Stream } from './stream.js'
import { writeRequestHead } from './writer.js'

const { goto } = connectionLife

export interface BackendTarget {
  readonly host: string
  readonly port: number
  /** A Unix-domain socket, in place of host and port. */
  readonly path?: string
  readonly tls?: TlsClient
  /** What is said first on each connection, before TLS. */
  readonly preamble?: Buffer
}

export interface BackendSession extends Session, HttpSession {}

class Backend extends Connection implements BackendSession {
  state: SessionState = 'opening'
  leased = 0
  readonly capacity = 1
  readonly features = 0
  /** RFC 9112 §9.2: octets that answer no request end the connection. */
  protected override readonly readsOn = true
  protected readonly reader: ResponseReader
  private readonly target: BackendTarget
  private readonly reports: SessionReports<BackendSession>
  private resolution: Resolution | null = null

  /** On a socket that is connected already, or on one of its own. */
  constructor(
    context: Http1Context,
    target: BackendTarget,
    reports: SessionReports<BackendSession>,
    socket: Socket | null,
  ) {
    super(context, 'backend', 'b')
    this.socket = socket
    this.target = target
    this.reports = reports
    this.reader = new ResponseReader(this, context.decoder, context.limits)
  }

  get kind(): string {
    return 'backend'
  }

  resolve(): After<'resolve'> {
    if (this.target.path !== undefined) return goto.connect
    this.resolution = this.context.world.pollset.resolve(this.target.host)
    this.waitOn(0, this.resolution, RESOLVED)
    return waitForName
  }

  connect(): After<'connect'> {
    const { host, port, path, tls, preamble } = this.target
    const found = this.resolution
    if (found !== null && found.addresses.length === 0) {
      this.failure = notReached('backend-not-resolved', `${host}: ${found.fault?.code ?? 'no address'}`)
      return goto.closed
    }
    const address =
      path === undefined ? { host: (found as Resolution).addresses[0], port } : { host, port, path }
    this.socket = this.context.world.pollset.connect(address, `${this.id}.socket`, tls, preamble)
    this.waitOn(0, this.socket, CONNECTED | CLOSED)
    return waitForConnect
  }

  greet(): After<'greet'> {
    const { socket } = this
    if (socket === null || (socket.readiness & CLOSED) !== 0) {
      this.failure = this.notConnected(socket?.fault?.code ?? 'closed')
      return goto.closed
    }
    this.output.attach(socket)
    this.quietSince = this.now
    this.reports.opened(this)
    return goto.messages
  }

  private notConnected(code: string): Fault {
    return notReached('backend-not-connected', `${formatAddress(this.target)}: ${code}`)
  }

  // A session of an engine

  openStream(request: Head): Http1Stream {
    const stream = new Http1Stream(this, ++this.count, request.method?.value ?? '', 1)
    this.stream = stream
    return stream
  }

  close(): void {
    // One that is being given up closes by itself.
    if (this.failure === null) this.cancel()
  }

  writeHead(stream: Http1Stream, head: Head, ended: boolean, slab: Buffer, at: number): number {
    stream.framing = requestFraming(head, ended, 1)
    this.reader.next(stream.method)
    return writeRequestHead(slab, at, head, stream.framing, true)
  }

  // Responses

  head(head: Head, ended: boolean): void {
    const { stream } = this
    if (stream === null) return
    if (head.isInterim) {
      stream.interims ??= []
      stream.interims.push(head)
      stream.raise(INTERIM)
      return
    }
    stream.head = head
    stream.remoteEnded = ended
    stream.raise(HEAD)
  }

  error(_status: number, code: RefusalCode, reason: string): void {
    this.context.counts.badResponses++
    // Where nothing came at all the request may be sent again, if it is one that may be sent twice.
    const scope = code === 'truncated' && this.stream?.head === null ? 'connection' : 'stream'
    this.giveUp(fault(code, 'backend', scope, 'never', reason))
  }

  private giveUp(why: Fault): void {
    this.failure ??= why
    this.reports.retired(this)
    const { stream } = this
    if (stream === null) return
    // A request that has not left can go elsewhere (RFC 9110 §9.2.2).
    this.lose(stream, stream.headWritten ? why : { ...why, retry: 'safe' })
    this.reports.freed(this)
  }

  protected override peerEnded(): void {
    if (this.reader.waiting) this.giveUp(GONE)
    else {
      this.reader.end()
      this.failure ??= GONE
    }
  }

  protected override messageOver(persists: boolean): void {
    if (!persists) {
      this.failure ??= DONE
      this.reports.retired(this)
    }
    this.reports.freed(this)
  }

  resetByUs(stream: Http1Stream, _reason: ResetReason): void {
    const open = this.stream === stream && !stream.closed
    this.clearInbox(stream)
    if (!open) return
    stream.closed = true
    this.stream = null
    this.output.leave(stream)
    // HTTP/1.1 has no way to take a request back but to close the connection; one that has not left is forgotten.
    if (stream.headWritten) {
      this.reports.retired(this)
      this.abort(TAKEN_BACK)
    }
    this.quietSince = this.now
    this.reports.freed(this)
  }

  protected override idle(idleMs: number): 'stay' | 'close' {
    if (this.leased > 0 || this.state !== 'open') return 'stay'
    if (idleMs >= this.context.limits.backendIdleMs) this.reports.retired(this)
    return 'stay'
  }

  override closing(): After<'closing'> {
    // First of all no new leases: who is told may ask for another session in this very turn.
    this.giveUp(this.failure ?? GONE)
    return super.closing()
  }

  closed(): void {
    if (this.failure === null) this.failure = this.notConnected(this.late ? 'ETIMEDOUT' : 'closed')
    this.letGo()
    this.reports.closed(this, this.failure)
  }
}

const notReached = (code: string, message: string): Fault =>
  fault(code, 'backend', 'connection', 'safe', message)
const GONE = fault('backend-closed', 'backend', 'connection', 'never', 'the backend closed its connection')
const DONE = fault('done', 'backend', 'connection', 'safe', 'the backend lets no more requests follow')
const TAKEN_BACK = fault('taken-back', 'internal', 'connection', 'never', 'the request was taken back')

/** Opens HTTP/1.1 sessions for an engine of this target. */
export function http1Sessions(context: Http1Context, target: BackendTarget): SessionFactory<BackendSession> {
  return (reports) => {
    const backend = new Backend(context, target, reports, null)
    context.world.scheduler.start(backend, connectionSteps, 'resolve')
    return backend
  }
}

/** A session on a socket that is connected, its TLS handshake done. */
export function http1SessionOn(
  context: Http1Context,
  target: BackendTarget,
  socket: Socket,
  reports: SessionReports<BackendSession>,
): BackendSession {
  const backend = new Backend(context, target, reports, socket)
  context.world.scheduler.start(backend, connectionSteps, 'greet')
  return backend
}
