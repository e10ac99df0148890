// A request that a program of Node has received, and its response, as a stream. Callbacks of Node only keep
// chunks and mark bits; the turn makes them readiness. The flush of a turn pulls the bytes that may be sent,
// and hands them to a sink.

import {
  BODY,
  type Field,
  type FrontendStream,
  HEAD,
  type Head,
  isForbiddenTrailer,
  RESET,
  type ResetReason,
  SENT,
  Stream,
  type StreamConnection,
  type StreamFault,
} from '../http/index.js'
import type { Flushable, NodePollset, Settleable } from '../pollset/index.js'
import { ReceiveBuffer, STALL } from '../transport/index.js'
import type { NodeClient } from './client.js'
import { CRASHED, GIVEN_UP, GONE_FAULT } from './faults.js'
import type { NodeFrontendContext } from './frontend.js'
import type { NodeBody, Sink, SinkEvents } from './messages.js'

// Marks of callbacks, above the bits of a stream.
/** Chunks of the body have come. */
const CAME = 1 << 8
/** The body has ended. */
const ENDED = 1 << 9
/** The client has left, or the response was destroyed. */
const GONE = 1 << 10
/** The sink takes bytes again. */
const DRAINED = 1 << 11
/** The whole response has left. */
const LEFT = 1 << 12
/** The body cannot be read any more. */
const BROKEN = 1 << 13
const MARKS = CAME | ENDED | GONE | DRAINED | LEFT | BROKEN

/** The property of a body that holds its stream, so that all bodies share the same listeners. */
const OURS = Symbol('ours')
type OwnedBody = NodeBody & { [OURS]: NodeFrontendStream; readonly rawTrailers?: readonly string[] }

function onData(this: OwnedBody, chunk: Buffer): void {
  this[OURS].chunkCame(chunk)
}
function onEnd(this: OwnedBody): void {
  this[OURS].bodyEnded()
}
function onBodyError(this: OwnedBody): void {
  this[OURS].bodyBroke()
}

/** Changes heads on their way, for the program. */
export interface HeadChanges {
  /**
   * Is called with the final response head, before any of it leaves. Returns the head to send; null if the
   * program itself has answered, or answers.
   */
  responding(stream: NodeFrontendStream, head: Head): Head | null
}

export class NodeFrontendStream
  extends Stream
  implements FrontendStream, StreamConnection, Flushable, Settleable, SinkEvents
{
  readonly client: NodeClient
  readonly mayBeDeclined = false
  /** The bits that the pollset has to raise. */
  marked: number
  closed: boolean
  /** True once the sink has the head. */
  headSent: boolean
  /** The sink, which is set before {@link begin}. */
  sink: Sink
  private readonly number: number
  private readonly context: NodeFrontendContext
  private readonly changes: HeadChanges
  private body: OwnedBody | null
  private chunks: Buffer[]
  /** bytes of the body that have come and not left */
  private outstanding: number
  private isPaused: boolean
  private isUnsettled: boolean

  constructor(context: NodeFrontendContext, client: NodeClient, sink: Sink, changes: HeadChanges) {
    super()
    this.context = context
    this.client = client
    this.sink = sink
    this.changes = changes
    this.number = ++client.count
    this.marked = 0
    this.closed = false
    this.headSent = false
    this.body = null
    this.chunks = []
    this.outstanding = 0
    this.isPaused = false
    this.isUnsettled = false
  }

  get id(): string {
    return `${this.client.id}/${this.idLetter}${this.idNumber}`
  }
  get idLetter(): string {
    return 'r'
  }
  get idNumber(): number {
    return this.number
  }
  /** The stream itself: Node has the connection below. */
  get connection(): this {
    return this
  }
  get pollable(): this {
    return this
  }
  override get parent() {
    return this.client.pollable
  }
  get peerName(): string {
    return this.client.peerName
  }
  get interimBytesMax(): number {
    return this.context.limits.interimBytesMax
  }
  /** Bytes that Node has taken count as arrived: Node takes hardly more than the client does. */
  override get arrivingUntil(): number {
    return 0
  }
  private get pollset(): NodePollset {
    return this.context.pollset
  }
  private get now(): number {
    return this.context.pollset.now
  }

  /** Begins with this head, and with this body if it has one. */
  begin(head: Head, body: NodeBody | null): void {
    this.head = head
    this.readiness |= HEAD
    if (body === null) {
      this.remoteEnded = true
      return
    }
    this.body = body as OwnedBody
    this.body[OURS] = this
    body.on('error', onBodyError)
    body.on('end', onEnd)
    body.on('data', onData)
  }

  /** Begins with a body that is already whole. */
  beginWhole(head: Head, body: Buffer): void {
    this.head = head
    this.readiness |= HEAD
    if (body.length > 0) this.push(body)
    this.remoteEnded = true
  }

  // Callbacks of Node: they only mark

  chunkCame(chunk: Buffer): void {
    this.chunks.push(typeof chunk === 'string' ? Buffer.from(chunk) : chunk)
    this.pollset.mark(this, CAME)
  }
  bodyEnded(): void {
    this.pollset.mark(this, ENDED)
  }
  bodyBroke(): void {
    this.pollset.mark(this, BROKEN)
  }
  drained(): void {
    this.pollset.mark(this, DRAINED)
  }
  left(): void {
    this.pollset.mark(this, LEFT)
  }
  gone(): void {
    if (!this.closed) this.pollset.mark(this, GONE)
  }

  // In the turn

  override raise(bits: number): void {
    if ((bits & MARKS) !== 0) this.takeMarks(bits)
    const own = bits & ~MARKS
    if (own !== 0) super.raise(own)
  }

  private takeMarks(bits: number): void {
    if (this.closed) {
      this.chunks.length = 0
      return
    }
    if ((bits & CAME) !== 0) this.takeChunks()
    if ((bits & ENDED) !== 0) this.endBody()
    if ((bits & LEFT) !== 0) this.allLeft()
    if ((bits & (GONE | BROKEN)) !== 0 && !this.localEnded) this.fail(GONE_FAULT)
    if ((bits & DRAINED) !== 0 && this.hasWork) this.pollset.flushLater(this)
  }

  private takeChunks(): void {
    const { chunks } = this
    if (this.fault !== null) {
      chunks.length = 0
      return
    }
    for (let i = 0; i < chunks.length; i++) this.push(chunks[i])
    chunks.length = 0
    if (this.outstanding >= this.context.limits.bodyAheadBytesMax && !this.isPaused) {
      this.isPaused = true
      this.body?.pause()
    }
    super.raise(BODY)
  }

  private push(chunk: Buffer): void {
    this.outstanding += chunk.length
    this.receivedBytes += chunk.length
    this.receiveBuffer ??= this.newReceiveBuffer()
    if (this.receiveBuffer.push(chunk, 0, chunk.length) && !this.isUnsettled) {
      this.isUnsettled = true
      this.pollset.settleLater(this)
    }
  }

  private endBody(): void {
    if (this.fault !== null) return
    const raw = this.body?.rawTrailers ?? []
    if (raw.length > 0) this.trailers = this.trailersOf(raw)
    this.remoteEnded = true
    super.raise(BODY)
  }

  private trailersOf(raw: readonly string[]): Field[] {
    const fields: Field[] = []
    for (let i = 0; i + 1 < raw.length; i += 2) {
      const field = this.context.fields.make(raw[i].toLowerCase(), raw[i + 1])
      if (field.faults === 0 && !isForbiddenTrailer(field.token)) fields.push(field)
    }
    return fields
  }

  settle(): void {
    this.isUnsettled = false
    this.receiveBuffer?.settle(this.now)
    this.context.world.memory.enforce(this.now, this.client.budget)
  }

  crashWith(error: unknown): void {
    this.sink.cut()
    this.fail(CRASHED)
    this.context.streamCrashed(this, error)
  }

  // The request

  protected newReceiveBuffer(): ReceiveBuffer {
    return new ReceiveBuffer(this.context.world.memory, this.client.budget, this)
  }

  consumed(bytes: number): void {
    this.outstanding -= bytes
    if (!this.isPaused || this.outstanding * 2 > this.context.limits.bodyAheadBytesMax) return
    this.isPaused = false
    this.body?.resume()
  }

  get starving(): boolean {
    return !this.remoteEnded && this.outstanding * 4 >= this.context.limits.bodyAheadBytesMax * 3
  }

  get owing(): boolean {
    return !this.remoteEnded && this.head !== null && this.head.contentLength > this.receivedBytes
  }

  override stalled(): void {
    this.fault = STALL
    this.remoteEnded = false
    this.receiveBuffer?.clear()
    super.raise(RESET)
  }

  // The response

  override sendHead(head: Head, ended: boolean): void {
    if (this.closed || this.localEnded) return
    const changed = this.changes.responding(this, head)
    if (this.closed) return
    if (changed !== null) super.sendHead(changed, ended)
    else this.allLeft()
  }

  pending(): void {
    this.pollset.flushLater(this)
  }

  flush(): void {
    if (this.closed || this.localEnded) return
    if (!this.headSent) this.flushInterims()
    const { sink } = this
    if (this.pendingHead !== null) {
      const head = this.pendingHead
      this.pendingHead = null
      this.headSent = true
      sink.begin(head, this.pendingEnded || this.endGranted || this.available > 0)
      if (this.pendingEnded) {
        this.end(null)
        return
      }
    }
    if (!sink.isBlocked) this.flushBody(sink)
  }

  private flushInterims(): void {
    const interims = this.pendingInterims
    this.pendingInterims = null
    if (interims !== null) for (const each of interims) this.sink.interim(each)
  }

  private flushBody(sink: Sink): void {
    if (this.granted > 0 && this.available === 0) {
      // The source was reset after the grant. The exchange ends this stream too.
      this.granted = 0
      this.endGranted = false
      return
    }
    const bytes = Math.min(this.available, this.context.flushBytesMax)
    let chunk: Buffer | null = null
    if (bytes > 0) {
      chunk = Buffer.allocUnsafe(bytes)
      this.pullInto(chunk, 0, bytes, this.now)
    }
    if (this.granted === 0 && this.endGranted) this.end(chunk)
    else if (chunk !== null) {
      sink.write(chunk)
      if (this.granted > 0 && !sink.isBlocked) this.pollset.flushLater(this)
    }
  }

  private end(chunk: Buffer | null): void {
    const trailers = this.endingTrailers
    this.endGranted = false
    const sent = trailers
      ?.filter((each) => each.faults === 0 && !isForbiddenTrailer(each.token))
      .map(({ name, value }) => [name, value] as const)
    if (this.sink.end(chunk, sent ?? null)) this.allLeft()
  }

  /** Ends it after the whole response has left. */
  private allLeft(): void {
    if (this.localEnded) return
    this.localEnded = true
    this.sentAt = this.now
    super.raise(SENT)
  }

  /** Ends it, and tells its exchange. */
  fail(why: StreamFault): void {
    if (this.closed) return
    this.fault ??= why
    this.close()
    super.raise(RESET)
    this.owner?.cancel()
  }

  /** Ends it from our side: its exchange aborts. */
  cut(): void {
    if (this.owner !== null) this.owner.cancel()
    else this.fail(GIVEN_UP)
  }

  resetByUs(_stream: Stream, reason: ResetReason): void {
    this.owner = null
    if (!this.closed && !this.localEnded) {
      this.fault ??= GIVEN_UP
      this.context.gaveUp(this, reason)
    }
    this.close()
  }

  private close(): void {
    this.closed = true
    this.dropPending()
    this.receiveBuffer?.clear()
    this.chunks.length = 0
    const { body } = this
    if (body === null) return
    this.body = null
    body.off('data', onData)
    body.off('end', onEnd)
    // The error listener stays: an error of an unwanted body must not end the process. Bytes that still come
    // are read and dropped, so that the next request of the connection can be read.
    body.resume()
  }
}
