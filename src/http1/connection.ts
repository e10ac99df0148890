// An HTTP/1.1 connection, for both roles: it reads messages one at a time, buffers their bodies for the other
// side, and closes. A frontend (frontend.ts) answers requests; a session (session.ts) sends them.
//
// Unread bytes stay in the socket: pipelined requests wait there, and a body that the other side does not
// take stops the reading, within the socket's look-ahead.

import { type Fault, fault } from '../continuation/index.js'
import {
  BODY,
  type Field,
  type Head,
  HttpConnection,
  RESET,
  type ResetReason,
  SENT,
  type StreamFault,
} from '../http/index.js'
import { CLOSED, ENDED, READABLE, type Socket } from '../pollset/index.js'
import { type ReceiveBuffer, STALL } from '../transport/index.js'
import { BodyIntake } from './body-intake.js'
import type { ConnectionSteps } from './connection-steps.js'
import type { Http1Context } from './context.js'
import type { RefusalCode } from './faults.js'
import { type MessageWriter, Output } from './output.js'
import type { MessageReader, MessageSink } from './reader.js'
import type { Http1Stream, Http1StreamConnection } from './stream.js'

/** The current message has changed, other than by bytes that arrive. */
export const CHANGED = 1

export abstract class Http1Connection
  extends HttpConnection<Http1Context>
  implements ConnectionSteps, Http1StreamConnection, MessageSink, MessageWriter
{
  protected abstract readonly reader: MessageReader
  protected readonly output: Output
  protected readonly intake: BodyIntake
  /** The current request and response. */
  protected stream: Http1Stream | null
  /** The number of requests so far. */
  protected count: number
  /** The current message is the last. */
  protected last: boolean
  /** The message that was given up after it had begun. The peer's part of it must not look whole. */
  private cut: Http1Stream | null
  protected quietSince: number
  readEnough: boolean

  constructor(context: Http1Context, side: 'frontend' | 'backend', socket: Socket, id?: string) {
    super(context, side, ['CHANGED'], socket, id)
    const { world } = context
    this.output = new Output(world.pollset, world.slabs, this)
    this.intake = new BodyIntake(context, this)
    this.stream = null
    this.count = 0
    this.last = false
    this.cut = null
    this.quietSince = world.pollset.now
    this.readEnough = false
  }

  abstract head(head: Head, ended: boolean): void
  abstract error(status: number, code: RefusalCode, reason: string): void
  abstract writeHead(stream: Http1Stream, head: Head, ended: boolean, slab: Buffer, at: number): number
  abstract resetByUs(stream: Http1Stream, reason: ResetReason): void
  /** Request and response have both ended. */
  protected abstract messageOver(persists: boolean): void
  /** The peer has sent its last byte, within a message or not. */
  protected abstract peerEnded(): void
  /** True to read even when no message is expected. Bytes that come then are an error. */
  protected abstract readonly readsOn: boolean
  get bodyAheadMax(): number {
    return this.intake.aheadMax
  }

  // Steps

  read(): void {
    const socket = this.socket
    this.readFrom(socket)
    if (this.failure === null && this.peerIsOver(socket)) {
      if (this.reader.tunnelling && this.halfEnded(socket)) this.tunnelEnded()
      else if (!this.halfWaits(socket)) this.peerEnded()
    }
    // This step looks at all changes so far.
    this.pollable.lower(CHANGED)
  }

  awaitMore(): void {
    const socket = this.socket
    const { mayRead, stream } = this
    const unread = (socket.readiness & READABLE) !== 0
    if (mayRead) socket.unpause()
    else socket.pause()
    // Bits that stay raised and cannot be acted on must not wake it forever.
    const ended = stream !== null && (stream.remoteEnded || stream.fault !== null) && this.reader.tunnelling
    const known = unread || ended || this.halfWaits(socket) ? socket.readiness : 0
    this.waitOn(0, socket, ((ENDED | CLOSED) & ~known) | (mayRead ? READABLE : 0))
    this.waitOn(1, this.pollable, CHANGED)
  }

  /**
   * The peer's end counts when all before it is read: a backend that answers early may reset its connection,
   * and its answer stands. A client's reset counts at once: it takes no answer.
   */
  private peerIsOver(socket: Socket): boolean {
    if (this.side === 'frontend' && (socket.readiness & CLOSED) !== 0 && socket.fault !== null) return true
    return (socket.readiness & READABLE) === 0 && (socket.readiness & (ENDED | CLOSED)) !== 0
  }

  /**
   * The peer has ended its half, and ours goes on. If ours ended before, the socket closes with the peer's
   * end, though its last bytes may not be read yet.
   */
  private halfEnded(socket: Socket): boolean {
    if ((socket.readiness & CLOSED) === 0) return true
    return (socket.readiness & ENDED) !== 0 && socket.fault === null && this.stream?.remoteEnded === false
  }

  /**
   * Returns true if the client's FIN ends only its half, and we wait for the tunnel: FIN after a CONNECT
   * without an answer. After a WebSocket handshake it does not: clients end their half after the closing
   * handshake (RFC 6455 §7.1.1).
   */
  protected halfWaits(socket: Socket): boolean {
    return this.reader.switching && this.stream?.key === '' && (socket.readiness & (ENDED | CLOSED)) === ENDED
  }

  /** True once the peer's FIN has come and all bytes before it are read. */
  protected get finCame(): boolean {
    return (this.socket.readiness & (ENDED | READABLE)) === ENDED
  }

  private get mayRead(): boolean {
    const { reader, stream } = this
    if (reader.stopped || reader.switching || (reader.waiting && !this.readsOn)) return false
    return stream === null || !this.intake.isFull(stream)
  }

  /** Reads messages, within the room that each message leaves, and within the socket's read-ahead. */
  private readFrom(socket: Socket): void {
    this.readEnough = false
    while (this.failure === null && this.mayRead && !this.readEnough) {
      const chunk = socket.take()
      if (chunk === null) return
      this.quietSince = this.now
      const used = this.reader.tunnelling ? this.tunnel(chunk) : this.reader.feed(chunk)
      if (used < chunk.length && !this.reader.stopped) socket.unread(chunk.subarray(used))
    }
  }

  private tunnel(chunk: Buffer): number {
    this.body(chunk, 0, chunk.length)
    return chunk.length
  }

  /** Ends the peer's half of the tunnel after its FIN. Ours goes on. */
  private tunnelEnded(): void {
    const { stream } = this
    // A stalled stream has lost bytes: its end must not look like a whole tunnel's.
    if (stream === null || stream.remoteEnded || stream.fault !== null) return
    stream.remoteEnded = true
    stream.raise(BODY)
    this.endIfOver(stream)
  }

  /** Makes the current message the last. A second call does not wait for it. */
  drain(): void {
    if (this.draining || this.isQuiet) this.failure ??= drained(this.side)
    this.draining = true
  }

  /** True if there is no current message. */
  protected get isQuiet(): boolean {
    return this.stream === null
  }

  beginClose(): boolean {
    const { stream } = this
    const reason = this.noteReason()
    this.reader.stop()
    if (stream?.headWritten && !stream.localEnded) this.cut = stream
    this.failAll(reason)
    return this.cut === null ? this.finishOutput() : this.breakOff(this.cut)
  }

  /** Shows the peer that this message is cut. Returns false if there is nothing to wait for. */
  protected breakOff(_stream: Http1Stream): boolean {
    this.socket.reset()
    return false
  }

  override waitForPeerClose(): boolean {
    this.socket.unpause()
    return super.waitForPeerClose()
  }

  protected override failAll(why: StreamFault): void {
    if (this.stream !== null) this.failStream(this.stream, why)
  }

  protected changed(): void {
    this.pollable.raise(CHANGED)
  }

  /** Closes so that the peer's part of this message does not look whole. */
  protected abort(stream: Http1Stream, why: StreamFault): void {
    this.failure ??= why
    this.cut = stream
    this.changed()
  }

  // Arriving bytes

  body(buffer: Buffer, start: number, end: number): void {
    const { stream } = this
    if (stream === null || stream.closed || stream.fault !== null) return
    this.intake.push(stream, buffer, start, end)
    stream.raise(BODY)
  }

  trailers(fields: readonly Field[]): void {
    if (this.stream !== null) this.stream.trailers = fields
  }

  messageEnd(persists: boolean): void {
    const { stream } = this
    // A stalled stream has lost bytes: it is never whole.
    if (stream === null || stream.fault !== null) return
    stream.remoteEnded = true
    stream.raise(BODY)
    if (!persists) this.last = true
    this.endIfOver(stream)
  }

  // Streams

  pending(stream: Http1Stream): void {
    this.output.pending(stream)
  }

  get interimBytesMax(): number {
    return this.context.limits.interimBytesMax
  }

  newReceiveBuffer(stream: Http1Stream): ReceiveBuffer {
    return this.intake.newReceiveBuffer(stream)
  }

  consumed(stream: Http1Stream, bytes: number): void {
    if (this.intake.release(stream, bytes)) this.changed()
  }

  /** Frees the stream's buffer at once. Its exchange answers for it. */
  stalled(stream: Http1Stream): void {
    stream.fault = STALL
    stream.remoteEnded = false
    this.last = true
    this.clearReceiveBuffer(stream)
    stream.raise(RESET)
  }

  sent(stream: Http1Stream): void {
    stream.raise(SENT)
    this.endIfOver(stream)
  }

  lengthMismatch(stream: Http1Stream): void {
    this.abort(stream, LENGTH_MISMATCH)
    this.failStream(stream, LENGTH_MISMATCH)
  }

  private endIfOver(stream: Http1Stream): void {
    if (!stream.localEnded || !stream.remoteEnded || stream.closed) return
    stream.closed = true
    this.stream = null
    this.quietSince = this.now
    this.messageOver(!this.last && !this.reader.stopped)
    this.changed()
  }

  /** Fails the stream, and tells its exchange. A stalled stream keeps its earlier fault. */
  protected failStream(stream: Http1Stream, why: StreamFault): void {
    if (!stream.closed) {
      stream.fault ??= why
      stream.closed = true
      this.output.leave(stream)
      if (!stream.remoteEnded) this.clearReceiveBuffer(stream)
    }
    if (this.stream === stream) this.stream = null
    stream.raise(RESET)
    stream.owner?.cancel()
  }

  protected clearReceiveBuffer(stream: Http1Stream): void {
    stream.receiveBuffer?.clear()
  }

  openStreams(): readonly Http1Stream[] {
    return this.stream === null ? [] : [this.stream]
  }

  override describe() {
    return {
      stream: this.stream?.id ?? null,
      messages: this.count,
      draining: this.draining,
      heldBytes: this.intake.heldBytes,
      output: this.output.describe(),
      failure: this.failure,
    }
  }
}

const LENGTH_MISMATCH = fault(
  'body-length',
  'internal',
  'connection',
  'never',
  'a body of another length than its head said',
)

const drained = (side: Fault['side']): Fault =>
  fault('drained', side, 'connection', 'safe', 'the connection was asked to end')
