// A stream of either HTTP version, as seen by an exchange. One half receives a head, a body and trailers; the
// other half sends them. It is a pollable.
//
// A connection pulls what its streams send, at the flush of the turn: heads, then body bytes straight from
// the other side's receive buffer, within the windows, streams in turns. So `forwardBody` only grants: all
// bytes that the source holds at this moment may leave. A held exchange grants nothing, so its bytes stay.

import { Continuation } from '../continuation/index.js'
import { type Holder, invariant, Pollable, type Subject } from '../pollset/index.js'
import type { CreditSink, ReceiveBuffer } from '../transport/index.js'
import type { Field } from './field.js'
import type { StreamOwner } from './frontend-stream.js'
import type { Head } from './head.js'
import { InterimBudget, type InterimLimits, mayWait } from './interims.js'
import type { StreamFault } from './stream-fault.js'

// Bits of a stream.
/** The final head has arrived. */
export const HEAD = 1
/** Body bytes or the end of the body have arrived. The other side's {@link Stream.forwardBody} lowers it. */
export const BODY = 2
/** An interim (1xx) head has arrived; lowered by {@link Stream.takeInterim}. */
export const INTERIM = 4
/** The end of the message has left: everything is sent. */
export const SENT = 8
/** The stream ended early; {@link Stream.fault} says why. */
export const RESET = 16
const STREAM_BITS = ['HEAD', 'BODY', 'INTERIM', 'SENT', 'RESET'] as const

/** About the bytes of framing around a head and a body. */
const FRAMING_BYTES = 64

/** The reason why we end a stream early. Each version maps it to its own codes. */
export type ResetReason = 'cancel' | 'no-error' | 'refused' | 'internal' | 'protocol' | 'calm' | 'connect'

/**
 * The source of a body. {@link Stream.forwardBody} lowers {@link BODY} on it; the flush pulls its bytes.
 */
export interface BodySource {
  /** The bytes that wait to be forwarded. */
  readonly waitingBytes: number
  /** True once the body is complete. */
  readonly remoteEnded: boolean
  readonly receiveBuffer: (Pick<ReceiveBuffer, 'pull'> & Partial<Pick<ReceiveBuffer, 'creditTaken'>>) | null
  readonly trailers: readonly Field[] | null
  lower(bits: number): void
}

/**
 * The part of its connection that a stream needs. A connection gets only its own streams: each version
 * narrows the type.
 */
export interface StreamConnection {
  readonly id: string
  readonly pollable: Pollable
  /** Notes that the stream has something to send. */
  pending(stream: Stream): void
  /** Ends the stream early. */
  resetByUs(stream: Stream, reason: ResetReason): void
  /** Ends the stream to free memory: it buffers most and moves least. */
  stalled(stream: Stream): void
  /** The most bytes of interim heads that may wait to be sent. */
  readonly interimBytesMax: number
  /** See {@link Stream.arrivingUntil}. */
  readonly arrivingUntil: number
  /** Its peer for a person: `the client 192.0.2.1:50412`. */
  readonly peerName: string
}

export abstract class Stream extends Pollable implements CreditSink {
  /** The connection that carries it. */
  abstract readonly connection: StreamConnection

  // The receiving half

  /** The final head received. */
  head: Head | null
  interims: Head[] | null
  private interimBudget: InterimBudget | null
  /** Body bytes received; null until the first. */
  receiveBuffer: ReceiveBuffer | null
  trailers: readonly Field[] | null
  /** The number of body bytes received. */
  receivedBytes: number
  /** True once everything is received: head, body and trailers. */
  remoteEnded: boolean
  /** True if its 2xx response opens no tunnel: an HTTP/1.1 backend declined the Upgrade (RFC 9110 §7.8). */
  declined: boolean
  /**
   * The protocols that the request asks to switch to, besides WebSocket (RFC 9110 §7.8). On a frontend: the
   * Upgrade field as it came. On a backend: one protocol, set before the request head is sent. '' for
   * nothing.
   */
  upgrade: string
  /** On a backend: 101 has come, and bytes follow both ways. */
  switched: boolean

  // The sending half

  pendingHead: Head | null
  /** True if the pending head ends the message. */
  pendingEnded: boolean
  pendingInterims: Head[] | null
  source: BodySource | null
  /** The body given to {@link sendWhole}. */
  whole: Buffer | null
  /** The number of bytes of `source` or `whole` that may still leave. */
  granted: number
  endGranted: boolean
  /** True once the end of the message has left. */
  localEnded: boolean
  /** The number of body bytes that have left. */
  sentBytes: number
  /** The time at which body bytes or the end of the message last left, in ms of the pollset's clock. */
  sentAt: number

  fault: StreamFault | null
  /** On a frontend: the exchange that answers it, cancelled when the client leaves. */
  owner: StreamOwner | null
  /** On a backend: the exchange whose request it carries. */
  user: Subject | null

  constructor() {
    super()
    this.head = null
    this.interims = null
    this.interimBudget = null
    this.receiveBuffer = null
    this.trailers = null
    this.receivedBytes = 0
    this.remoteEnded = false
    this.declined = false
    this.upgrade = ''
    this.switched = false
    this.pendingHead = null
    this.pendingEnded = false
    this.pendingInterims = null
    this.source = null
    this.whole = null
    this.granted = 0
    this.endGranted = false
    this.localEnded = false
    this.sentBytes = 0
    this.sentAt = 0
    this.fault = null
    this.owner = null
    this.user = null
  }

  get kind(): string {
    return 'stream'
  }
  get bitNames(): readonly string[] {
    return STREAM_BITS
  }
  override get parent(): Pollable {
    return this.connection.pollable
  }

  /**
   * Returns the work of its connection for each bit. {@link sendingHolders} has the additions of a version.
   */
  override holders(bits: number): readonly Holder[] {
    if (this.pendingHead !== null || this.granted > 0) return this.sendingHolders()
    if ((bits & (HEAD | INTERIM)) !== 0 && this.head === null)
      return [this.heldByPeer('has sent no response head')]
    if ((bits & BODY) === 0 || this.remoteEnded || this.waitingBytes > 0) return []
    return [this.heldByPeer('has sent no more of the body')]
  }

  /** Returns what keeps its head, or granted bytes, from leaving. */
  protected sendingHolders(): readonly Holder[] {
    const what = this.pendingHead !== null ? 'its head waits' : `${this.granted} bytes wait`
    return [this.heldByPeer(`takes nothing more: ${what} here`)]
  }

  /** Names its peer as the holder. */
  protected heldByPeer(reason: string): Holder {
    const { id, peerName } = this.connection
    return { subject: { id: `${id}.peer`, kind: 'peer' }, reason: `${peerName} ${reason}` }
  }

  /** True once it has ended in both directions. */
  abstract readonly closed: boolean

  // The receiving half

  /** Takes an interim head. Returns false if it was dropped at a bound. `now`: ms of the pollset's clock. */
  interimCame(head: Head, limits: InterimLimits, now: number): boolean {
    this.interimBudget ??= new InterimBudget(limits, now)
    if (!this.interimBudget.take(now) || !mayWait(this.interims, head, limits.interimBytesMax)) return false
    this.interims ??= []
    this.interims.push(head)
    this.raise(INTERIM)
    return true
  }

  takeInterim(): Head | null {
    const interims = this.interims
    if (interims === null) return null
    const head = interims.shift() ?? null
    if (interims.length === 0) {
      this.interims = null
      this.lower(INTERIM)
    }
    return head
  }

  /** The number of body bytes that wait to be forwarded. */
  get waitingBytes(): number {
    return this.receiveBuffer === null ? 0 : this.receiveBuffer.length
  }

  /** True while the peer has promised body bytes (content-length) that have not arrived. */
  abstract get owing(): boolean

  /** Keeps the body for replay, as long as it has at most `max` bytes. */
  retainBody(max: number): void {
    this.receiveBuffer ??= this.newReceiveBuffer()
    this.receiveBuffer.retain(max)
  }

  protected abstract newReceiveBuffer(): ReceiveBuffer

  /** True if the body can be sent again from its first byte. */
  get replayable(): boolean {
    return this.receiveBuffer === null || this.receiveBuffer.retained
  }

  /** Notes that body bytes have left for the other side. */
  abstract consumed(bytes: number): void
  /** True if its peer can send nothing more until withheld credit is given. */
  abstract get starving(): boolean

  get heldOwner(): Continuation | null {
    const owner = this.owner ?? this.user
    return owner instanceof Continuation && owner.held ? owner : null
  }

  stalled(): void {
    this.connection.stalled(this)
  }

  // The sending half

  /** Sends an interim head, before {@link sendHead} only. Drops it past `interimBytesMax`. */
  sendInterim(head: Head): void {
    if (this.closed || this.localEnded) return
    if (!mayWait(this.pendingInterims, head, this.connection.interimBytesMax)) return
    this.pendingInterims ??= []
    this.pendingInterims.push(head)
    this.connection.pending(this)
  }

  /** Sends the final head. `ended`: it ends the message. */
  sendHead(head: Head, ended: boolean): void {
    if (this.closed || this.localEnded) return
    this.pendingHead = head
    this.pendingEnded = ended
    this.connection.pending(this)
  }

  /** Grants all bytes that `source` holds now, and its trailers and end if it has ended. */
  forwardBody(source: BodySource): void {
    source.lower(BODY)
    if (this.closed || this.localEnded) return
    this.source = source
    this.granted = source.waitingBytes
    this.endGranted = source.remoteEnded
    if (this.granted > 0 || this.endGranted) this.connection.pending(this)
  }

  /** Sends these bytes as the whole body, after a {@link sendHead} that did not end the message. */
  sendWhole(body: Buffer): void {
    if (this.closed || this.localEnded) return
    this.whole = body
    this.granted = body.length
    this.endGranted = true
    this.connection.pending(this)
  }

  /**
   * Ends it early in both directions and drops bytes that were not forwarded. Does nothing once it has ended.
   */
  reset(reason: ResetReason): void {
    this.connection.resetByUs(this, reason)
  }

  /** True while granted bytes wait because the peer does not take them. */
  get blocked(): boolean {
    return this.granted > 0
  }

  /**
   * The time by which everything written so far on its connection has reached the peer (transit.ts), in ms of
   * the pollset's clock. A time in the past: all of it has arrived.
   */
  get arrivingUntil(): number {
    return this.connection.arrivingUntil
  }

  /**
   * Opens both halves again after the whole request: both sides have switched to another protocol, and its
   * bytes follow. Only for HTTP/1.1.
   */
  reopen(): void {
    this.remoteEnded = false
    this.localEnded = false
    this.endGranted = false
    this.trailers = null
    this.source = null
    this.lower(BODY | SENT)
  }

  // The side of its connection, which pulls

  /** The number of granted bytes that still exist: a source that was reset has dropped its body. */
  get available(): number {
    if (this.whole !== null || this.source === null) return this.granted
    return Math.min(this.granted, this.source.waitingBytes)
  }

  /** The trailers to send after the body. */
  get endingTrailers(): readonly Field[] | null {
    return this.source === null ? null : this.source.trailers
  }

  /** True if it has something to write, windows aside. */
  get hasWork(): boolean {
    return (
      this.pendingHead !== null ||
      this.pendingInterims !== null ||
      this.granted > 0 ||
      (this.endGranted && !this.localEnded)
    )
  }

  /** The most bytes of the next head or of the trailers. They need room in one piece. */
  get headBytes(): number {
    if (this.pendingInterims !== null) return this.pendingInterims[0].size
    if (this.pendingHead !== null) return this.pendingHead.size
    if (this.granted > 0 || !this.endGranted) return 0
    let bytes = 0
    const trailers = this.endingTrailers
    if (trailers !== null) for (let i = 0; i < trailers.length; i++) bytes += trailers[i].size
    return bytes
  }

  /** The approximate number of bytes that it would send now, windows aside. */
  get wantedBytes(): number {
    return this.headBytes + this.granted + FRAMING_BYTES
  }

  /** Copies granted bytes into an output slab. `now`: ms of the pollset's clock. */
  pullInto(target: Buffer, at: number, bytes: number, now: number): void {
    this.granted -= bytes
    invariant(this.granted >= 0, 'no more leaves than was granted')
    this.sentBytes += bytes
    this.sentAt = now
    const whole = this.whole
    if (whole === null) (this.source as BodySource).receiveBuffer?.pull(target, at, bytes, now)
    else {
      const from = whole.length - this.granted - bytes
      whole.copy(target, at, from, from + bytes)
    }
  }

  /** Drops everything that waits to be sent. */
  dropPending(): void {
    this.pendingHead = null
    this.pendingInterims = null
    this.source = null
    this.whole = null
    this.granted = 0
    this.endGranted = false
  }

  override describe() {
    return {
      ...super.describe(),
      waitingBytes: this.waitingBytes,
      heldBytes: this.receiveBuffer?.heldBytes ?? 0,
      granted: this.granted,
      sentBytes: this.sentBytes,
    }
  }
}
