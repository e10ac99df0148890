// A connection to the target of a CONNECT (RFC 9110 §9.3.6): a session of one tunnel, whose bytes it does not
// interpret. FIN ends one half of the tunnel. RST from the target breaks the tunnel; if the client breaks it,
// the target gets RST.

import { fault } from '../continuation/index.js'
import type { SessionFactory, SessionReports, SessionState } from '../engine/index.js'
import {
  BODY,
  dialledSessions,
  type FieldTable,
  Head,
  type HttpWorld,
  RESET,
  SENT,
  type SessionOn,
  type StreamFault,
} from '../http/index.js'
import { CLOSED, ENDED, formatAddress, READABLE, type Socket } from '../pollset/index.js'
import {
  type DialTarget,
  type LingerLimits,
  SocketConnection,
  STALL,
  type TransitLimits,
} from '../transport/index.js'
import type { ExchangeSession } from './engine-set.js'
import { TcpOutput, TcpStream, type TcpStreamConnection } from './tcp-stream.js'

export interface TcpLimits extends LingerLimits, TransitLimits {
  /** The bytes of a target that may have come and not left before reading from it stops. */
  readonly bodyAheadBytesMax: number
}

export class TcpSession extends SocketConnection implements ExchangeSession, TcpStreamConnection {
  readonly kind = 'backend'
  readonly output: TcpOutput
  readonly capacity = 1
  /** Raw TCP has no upgrade mechanism. */
  readonly features = 0
  readonly unfit = null
  /** A target sends no interim responses. */
  readonly interimBytesMax = 0
  state: SessionState
  leased: number
  /** The reason why the connection is failing; null while it is not. */
  private failure: StreamFault | null
  /** The tunnel while it is open. */
  private stream: TcpStream | null
  private readonly fields: FieldTable
  private readonly aheadMax: number
  private readonly reports: SessionReports<ExchangeSession>

  constructor(
    world: HttpWorld,
    limits: TcpLimits,
    reports: SessionReports<ExchangeSession>,
    socket: Socket,
    id: string,
  ) {
    super(world, id, socket, limits)
    this.output = new TcpOutput(world.pollset, world.slabs)
    this.output.attach(socket, this)
    this.state = 'opening'
    this.leased = 0
    this.failure = null
    this.stream = null
    this.fields = world.fields
    this.aheadMax = limits.bodyAheadBytesMax
    this.reports = reports
  }

  // A session of an engine

  openStream(): TcpStream {
    const stream = new TcpStream(this, this.world, this.aheadMax)
    stream.head = Head.response([this.fields.field(':status', '200')])
    this.stream = stream
    this.reports.surrendered(this)
    this.changed()
    return stream
  }

  close(): void {
    this.cancel()
  }

  // A connection

  get mayRead(): boolean {
    return this.stream === null || !this.stream.isFull
  }

  get owes(): boolean {
    return this.stream !== null
  }

  /** True if it must close now. Bytes that came before the socket closed are still read. */
  override get isGone(): boolean {
    return this.failure !== null
  }

  /** A target may speak first: until the tunnel is opened its bytes, and its FIN, wait in the socket. */
  take(socket: Socket): void {
    if (this.state === 'opening') this.reports.opened(this)
    const { stream } = this
    if (stream !== null) {
      let chunk = stream.isFull ? null : socket.take()
      for (; chunk !== null; chunk = stream.isFull ? null : socket.take()) stream.receive(chunk)
    }
    const { readiness } = socket
    if ((readiness & READABLE) !== 0 || (readiness & (ENDED | CLOSED)) === 0) return
    if (stream !== null && this.halfEnded(socket, stream)) this.targetEnded(stream)
    else if ((readiness & CLOSED) !== 0) this.failure = GONE
  }

  /**
   * Handles the end of the target's half, while the client's goes on. If the client's half ended before, the
   * socket closes with the target's FIN.
   */
  private halfEnded({ readiness, fault }: Socket, stream: TcpStream): boolean {
    if ((readiness & CLOSED) === 0) return true
    return (readiness & ENDED) !== 0 && fault === null && !stream.remoteEnded
  }

  private targetEnded(stream: TcpStream): void {
    // A stalled tunnel has lost bytes: its end must not look like that of a whole one.
    if (stream.remoteEnded || stream.fault !== null) return
    stream.remoteEnded = true
    stream.raise(BODY)
    this.endIfOver(stream)
  }

  override finish(): void {
    this.reports.retired(this)
    super.finish()
    this.reports.leaving(this)
  }

  override crashed(): void {
    this.failure ??= CRASHED
    super.crashed()
  }

  closed(): void {
    const { stream } = this
    if (stream !== null) {
      stream.fault ??= this.failure
      if (!stream.remoteEnded) stream.receiveBuffer?.clear()
      this.over(stream)
      stream.raise(RESET)
    }
    this.reports.closed(this, this.failure)
  }

  // The tunnel

  get peerName(): string {
    return `the target ${formatAddress(this.socket.remote)}`
  }

  get arrivingUntil(): number {
    return this.transit.look(this.socket.writtenBytes, this.output.wroteAt)
  }

  pending(stream: TcpStream): void {
    this.output.pending(stream)
  }

  sent(stream: TcpStream): void {
    stream.raise(SENT)
    this.endIfOver(stream)
  }

  /** Frees its memory at once, and tells the exchange, which resets it. */
  stalled(stream: TcpStream): void {
    stream.fault = STALL
    stream.remoteEnded = false
    stream.receiveBuffer?.clear()
    stream.raise(RESET)
  }

  /** Sends RST, so that the target's part does not look complete. */
  resetByUs(stream: TcpStream): void {
    stream.receiveBuffer?.clear()
    if (stream.closed) return
    this.failure = TAKEN_BACK
    this.socket.reset()
    this.over(stream)
  }

  private endIfOver(stream: TcpStream): void {
    if (stream.localEnded && stream.remoteEnded && !stream.closed) this.over(stream)
  }

  private over(stream: TcpStream): void {
    stream.closed = true
    this.stream = null
    this.ending = true
    this.output.leave(stream)
    this.reports.freed(this)
    this.changed()
  }

  override describe() {
    return { ...super.describe(), stream: this.stream?.id ?? null, failure: this.failure }
  }
}

const GONE = fault('backend-closed', 'backend', 'connection', 'never', 'the target closed its connection')
const TAKEN_BACK = fault('taken-back', 'internal', 'connection', 'never', 'the tunnel was taken back')
const CRASHED = fault('internal', 'internal', 'connection', 'never', 'a step of the connection failed')
const LATE = fault('connect-late', 'backend', 'connection', 'never', 'the target did not answer in time')

/** Opens a connection to this target for each tunnel. */
export function tcpSessions(
  world: HttpWorld,
  target: DialTarget,
  limits: TcpLimits,
): SessionFactory<ExchangeSession> {
  const sessionOn: SessionOn<ExchangeSession> = (socket, reports, id) =>
    new TcpSession(world, limits, reports, socket, id)
  return dialledSessions(world, target, world.transportLimits, sessionOn, LATE)
}
