// An HTTP/1.1 connection as a continuation on a socket, the part both roles share: it reads messages, one at
// a time, holds their bodies for the other side, and parts. A frontend (frontend.ts) answers requests; a
// backend (backend.ts) sends them and is a session of capacity 1.
//
// What is not read stays with the socket: pipelined requests wait there for their turn, and a body that the
// other side does not take stops the reading, within the socket's look-ahead.

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
import { CLOSED, ENDED, invariant, READABLE, type Settling, type Socket } from '../pollset/index.js'
import { ConnectionBudget, ReceiveBuffer, STALL } from '../transport/index.js'
import {
  type After,
  connectionLife,
  type Living,
  waitForEnd,
  waitForMessages,
  waitForNextTurn,
} from './connection-life.js'
import type { Http1Context } from './context.js'
import type { RefusalCode } from './faults.js'
import { Output, type Sending } from './output.js'
import type { MessageReader, MessageSink } from './reader.js'
import type { Http1Stream, Http1StreamHome } from './stream.js'

const { goto } = connectionLife

/** Something has become of the message under way, other than by what arrives. */
export const MOVED = 1

export abstract class Connection
  extends HttpConnection<Http1Context>
  implements Living, Http1StreamHome, MessageSink, Sending, Settling
{
  protected abstract readonly reader: MessageReader
  protected readonly output: Output
  /** The message exchange under way. */
  protected stream: Http1Stream | null = null
  /** Message exchanges begun. */
  protected count = 0
  /** The message under way is the last. */
  protected last = false
  /** No word more: what the peer has must not look complete. */
  private cut = false
  protected quietSince: number
  /** What has come further is read in the next turn. */
  protected readEnough = false
  private tendedAt: number
  private readonly budget = new ConnectionBudget()
  private readonly unsettled: ReceiveBuffer[] = []

  constructor(context: Http1Context, side: 'frontend' | 'backend') {
    super(context, side, ['MOVED'])
    const { world } = context
    this.quietSince = world.pollset.now
    this.tendedAt = this.quietSince
    this.output = new Output(world.pollset, world.slabs, this)
  }

  abstract resolve(): After<'resolve'>
  abstract connect(): After<'connect'>
  abstract greet(): After<'greet'>
  abstract head(head: Head, ended: boolean): void
  abstract error(status: number, code: RefusalCode, reason: string): void
  abstract writeHead(stream: Http1Stream, head: Head, ended: boolean, slab: Buffer, at: number): number
  abstract resetByUs(stream: Http1Stream, reason: ResetReason): void
  /** The message exchange is over both ways. */
  protected abstract messageOver(persists: boolean): void
  /** The peer has sent its last octet, in the middle of a message or not. */
  protected abstract peerEnded(): void
  /** Read also where no message is expected: whatever comes is then an error. */
  protected abstract readonly readsOn: boolean
  /** Nothing has moved for a while: go on, or close. */
  protected abstract idle(idleMs: number): 'stay' | 'close'

  get bodyAheadMax(): number {
    return this.context.limits.bodyAheadBytesMax
  }

  // Steps

  messages(): After<'messages'> {
    const socket = this.socket as Socket
    this.read(socket)
    if (this.failure === null && this.peerIsOver(socket)) {
      if (this.reader.tunnelling && this.halfEnded(socket)) this.tunnelEnded()
      else if (!this.halfWaits(socket)) this.peerEnded()
    }
    // What has moved so far, by what was read too, is looked at here.
    this.pollable.lower(MOVED)
    if (this.failure !== null) return goto.closing
    // A peer that never falls silent is looked at too.
    if (this.now - this.tendedAt >= this.context.tendMs) return goto.tend
    const unread = (socket.readiness & READABLE) !== 0
    if (this.mayRead) socket.unpause()
    else socket.pause()
    // What was raised and cannot be acted on must not wake us for ever.
    const { stream } = this
    const ended = stream !== null && (stream.remoteEnded || stream.fault !== null) && this.reader.tunnelling
    const ends = ENDED | CLOSED
    const known = unread || ended || this.halfWaits(socket) ? socket.readiness : 0
    this.waitOn(0, socket, (ends & ~known) | (this.mayRead ? READABLE : 0))
    this.waitOn(1, this.pollable, MOVED)
    return this.readEnough ? waitForNextTurn : waitForMessages
  }

  /**
   * An end counts once all that came before it is read: a backend that answers early and does not read the
   * rest resets its connection, and its answer stands. A client's fault counts at once: nobody is left to be
   * answered.
   */
  private peerIsOver(socket: Socket): boolean {
    if (this.side === 'frontend' && (socket.readiness & CLOSED) !== 0 && socket.fault !== null) return true
    return (socket.readiness & READABLE) === 0 && (socket.readiness & (ENDED | CLOSED)) !== 0
  }

  /**
   * The peer has said all that it had, and we may go on. Where ours has ended before, its end closes the
   * socket at once: what it said last may have been read only after that.
   */
  private halfEnded(socket: Socket): boolean {
    if ((socket.readiness & CLOSED) === 0) return true
    return (socket.readiness & ENDED) !== 0 && socket.fault === null && this.stream?.remoteEnded === false
  }

  /**
   * FIN behind a CONNECT that is not answered yet is the end of its half of the tunnel, and waits for the
   * tunnel. Behind a WebSocket's handshake it is none: no client ends its half before its closing handshake
   * (RFC 6455 §7.1.1).
   */
  protected halfWaits(socket: Socket): boolean {
    return this.reader.switching && this.stream?.key === '' && (socket.readiness & (ENDED | CLOSED)) === ENDED
  }

  /** The peer's FIN has come, and all before it is read. */
  protected get finCame(): boolean {
    return this.socket !== null && (this.socket.readiness & (ENDED | READABLE)) === ENDED
  }

  private get mayRead(): boolean {
    const { reader, stream } = this
    if (reader.stopped || reader.switching || (reader.waiting && !this.readsOn)) return false
    return stream === null || stream.outstanding < this.bodyAheadMax
  }

  /** Bounded by what one message lets in, and by what the socket reads ahead. */
  private read(socket: Socket): void {
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

  /** The peer's FIN ends its half of the tunnel; ours goes on. */
  private tunnelEnded(): void {
    const { stream } = this
    // One that has stalled has lost some of it: its end is not the end of what was said.
    if (stream === null || stream.remoteEnded || stream.fault !== null) return
    stream.remoteEnded = true
    stream.raise(BODY)
    this.endIfOver(stream)
  }

  tend(): After<'tend'> {
    this.tendedAt = this.now
    if (this.idle(this.now - this.quietSince) === 'close') return goto.closing
    return goto.messages
  }

  /** Asked once, the message under way is the last; asked again, it is not waited for. */
  drain(): void {
    if (this.draining || this.isQuiet) this.failure ??= drained(this.side)
    this.draining = true
  }

  /** No message is under way. */
  protected get isQuiet(): boolean {
    return this.stream === null
  }

  closing(): After<'closing'> {
    const { stream } = this
    const reason = this.noteReason()
    this.reader.stop()
    if (stream?.headWritten && !stream.localEnded) this.cut = true
    this.loseStreams(reason)
    if (this.cut) this.socket?.reset()
    return !this.cut && this.part() ? goto.linger : goto.closed
  }

  linger(): After<'linger'> {
    this.socket?.unpause()
    return this.lingers() ? waitForEnd : goto.closed
  }

  hurry(): After<'hurry'> {
    if (this.mustGo) return goto.closed
    this.draining = true
    return goto.linger
  }

  protected override loseStreams(why: StreamFault): void {
    if (this.stream !== null) this.lose(this.stream, why)
  }

  protected moved(): void {
    this.pollable.raise(MOVED)
  }

  /** Close, and let nothing that has left look complete. */
  protected abort(why: StreamFault): void {
    this.failure ??= why
    this.cut = true
    this.moved()
  }

  // What arrives

  body(buffer: Buffer, start: number, end: number): void {
    const { stream } = this
    if (stream === null || stream.closed || stream.fault !== null) return
    stream.outstanding += end - start
    stream.receivedBytes += end - start
    stream.receiveBuffer ??= this.newReceiveBuffer(stream)
    if (stream.receiveBuffer.push(buffer, start, end) && this.unsettled.push(stream.receiveBuffer) === 1)
      this.context.world.pollset.settleLater(this)
    stream.raise(BODY)
  }

  trailers(fields: readonly Field[]): void {
    if (this.stream !== null) this.stream.trailers = fields
  }

  messageEnd(persists: boolean): void {
    const { stream } = this
    // One that has stalled has lost some of it: it is never whole.
    if (stream === null || stream.fault !== null) return
    stream.remoteEnded = true
    stream.raise(BODY)
    if (!persists) this.last = true
    this.endIfOver(stream)
  }

  settle(): void {
    const { memory, pollset } = this.context.world
    for (const receiveBuffer of this.unsettled) receiveBuffer.settle(pollset.now)
    this.unsettled.length = 0
    memory.enforce(pollset.now, this.budget)
  }

  // What streams ask for, and what becomes of them

  pending(stream: Http1Stream): void {
    this.output.pending(stream)
  }

  get interimBytesMax(): number {
    return this.context.limits.interimBytesMax
  }

  newReceiveBuffer(stream: Http1Stream): ReceiveBuffer {
    return new ReceiveBuffer(this.context.world.memory, this.budget, stream)
  }

  consumed(stream: Http1Stream, bytes: number): void {
    const max = this.bodyAheadMax
    const stopped = stream.outstanding >= max
    stream.outstanding -= bytes
    invariant(stream.outstanding >= 0, 'a byte leaves once')
    if (stopped && stream.outstanding < max) this.moved()
  }

  /** Its memory comes back at once; the exchange is told, and answers for it. */
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

  broken(stream: Http1Stream): void {
    this.abort(BROKEN)
    this.lose(stream, BROKEN)
  }

  private endIfOver(stream: Http1Stream): void {
    if (!stream.localEnded || !stream.remoteEnded || stream.closed) return
    stream.closed = true
    this.stream = null
    this.quietSince = this.now
    this.messageOver(!this.last && !this.reader.stopped)
    this.moved()
  }

  /** The stream is over through no doing of its exchange, which is told. */
  protected lose(stream: Http1Stream, why: StreamFault): void {
    if (!stream.closed) {
      stream.fault = why
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

  override describe() {
    return {
      stream: this.stream?.id ?? null,
      messages: this.count,
      draining: this.draining,
      heldBytes: this.budget.bytes,
      output: this.output.describe(),
      failure: this.failure,
    }
  }
}

const BROKEN = fault(
  'body-length',
  'internal',
  'connection',
  'never',
  'a body of another length than its head said',
)

const drained = (side: Fault['side']): Fault =>
  fault('drained', side, 'connection', 'safe', 'the connection was asked to end')
