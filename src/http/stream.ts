// A stream, as an exchange sees it, whichever HTTP version carries it: half of it receives (a head, a
// body, trailers), half of it sends. Pollable like a socket.
//
// Nothing is pushed through it. What an exchange sends is noted here, and the stream's connection pulls it at
// the turn's flush: heads, then body bytes straight from the other side's receive buffer, within the windows,
// in turns with its siblings. `forwardBody` therefore grants: all that the source holds at this moment may
// leave. A held exchange grants nothing, so its bytes stay where they are.

import { invariant, Pollable } from '../pollset/index.js'
import type { CreditSink, ReceiveBuffer } from '../transport/index.js'
import type { Field } from './field.js'
import type { StreamOwner } from './frontend-stream.js'
import type { Head } from './head.js'
import { InterimBudget, type InterimLimits, mayWait } from './interims.js'
import type { StreamFault } from './stream-fault.js'

// Bits of a stream.
/** The final head has arrived. */
export const HEAD = 1
/** Body bytes have arrived, or the end of them. Lowered by {@link Stream.forwardBody} of the other side. */
export const BODY = 2
/** An interim (1xx) head has arrived; lowered by {@link Stream.takeInterim}. */
export const INTERIM = 4
/** END_STREAM has left: all that was to be sent is sent. */
export const SENT = 8
/** The stream is over before its time: {@link Stream.fault} tells why. */
export const RESET = 16
const STREAM_BITS = ['HEAD', 'BODY', 'INTERIM', 'SENT', 'RESET'] as const

/** octets about that stand around a head and a body */
const FRAMING_BYTES = 64

/** Why we end a stream early; each protocol has its own way to say it. */
export type ResetReason = 'cancel' | 'no-error' | 'refused' | 'internal' | 'protocol' | 'calm' | 'connect'

/**
 * Where a body comes from, as far as {@link Stream.forwardBody} needs it: {@link BODY} is lowered, bytes are
 * pulled at flush.
 */
export interface BodySource {
  /** bytes that wait to be forwarded */
  readonly waitingBytes: number
  /** Nothing further will come. */
  readonly remoteEnded: boolean
  readonly receiveBuffer: Pick<ReceiveBuffer, 'pull'> | null
  readonly trailers: readonly Field[] | null
  lower(bits: number): void
}

/**
 * What a stream asks of its connection, which hears of its own streams only: each version narrows the type.
 */
export interface StreamConnection {
  readonly id: string
  readonly pollable: Pollable
  /** The stream has something to send. */
  pending(stream: Stream): void
  /** The exchange ends it early. */
  resetByUs(stream: Stream, reason: ResetReason): void
  /** It holds most and moves least. */
  stalled(stream: Stream): void
  /** bytes of interim heads that may wait for the peer to read */
  readonly interimBytesMax: number
  /** See {@link Stream.arrivingUntil}. */
  readonly arrivingUntil: number
}

export abstract class Stream extends Pollable implements CreditSink {
  /** The connection that carries it. */
  abstract readonly connection: StreamConnection

  // What it receives

  /** The final head received. */
  head: Head | null
  interims: Head[] | null
  private interimBudget: InterimBudget | null
  /** Body bytes received; null as long as there were none. */
  receiveBuffer: ReceiveBuffer | null
  trailers: readonly Field[] | null
  /** Nothing further will be received: head, body and trailers are complete. */
  remoteEnded: boolean
  /**
   * Its head is a success that opens no tunnel, though one was asked for: an HTTP/1.1 backend has declined to
   * switch protocols (RFC 9110 §7.8).
   */
  declined: boolean

  // What it sends

  pendingHead: Head | null
  /** Nothing follows the pending head. */
  pendingEnded: boolean
  pendingInterims: Head[] | null
  source: BodySource | null
  whole: Buffer | null
  /** octets of the source, or of `whole`, that may leave */
  granted: number
  endGranted: boolean
  /** END_STREAM has left. */
  localEnded: boolean
  /** Body octets that have left. */
  sentBytes: number
  /** ms of the pollset's clock: when the last of them left, or the end of the message */
  sentAt: number

  fault: StreamFault | null
  /** On a frontend: the continuation that answers it, told when the client is gone. */
  owner: StreamOwner | null

  constructor() {
    super()
    this.head = null
    this.interims = null
    this.interimBudget = null
    this.receiveBuffer = null
    this.trailers = null
    this.remoteEnded = false
    this.declined = false
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

  /** It is over, both ways. */
  abstract readonly closed: boolean

  // What it receives

  /** An interim head has come. False: it is one too many, and dropped. `now`: ms of the pollset's clock. */
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

  /** Body octets that wait to be forwarded. */
  get waitingBytes(): number {
    return this.receiveBuffer === null ? 0 : this.receiveBuffer.length
  }

  /** The peer has promised body octets (content-length) that have not come. */
  abstract get owing(): boolean

  /** Keeps up to `max` octets of the body for replay, from the first on. */
  retainBody(max: number): void {
    this.receiveBuffer ??= this.newReceiveBuffer()
    this.receiveBuffer.retain(max)
  }

  protected abstract newReceiveBuffer(): ReceiveBuffer

  /** Whether the body can be sent again from its first octet. */
  get replayable(): boolean {
    return this.receiveBuffer === null || this.receiveBuffer.retained
  }

  /** Body bytes have left for the other side. */
  abstract consumed(bytes: number): void
  /** Its peer can send no more for what is withheld: it must be let go before that. */
  abstract get starving(): boolean

  stalled(): void {
    this.connection.stalled(this)
  }

  // What it sends

  /** Sends an interim head; one too many is dropped. Only before {@link sendHead}. */
  sendInterim(head: Head): void {
    if (this.closed || this.localEnded) return
    if (!mayWait(this.pendingInterims, head, this.connection.interimBytesMax)) return
    this.pendingInterims ??= []
    this.pendingInterims.push(head)
    this.connection.pending(this)
  }

  /** Sends the final head; `ended`: nothing follows it. */
  sendHead(head: Head, ended: boolean): void {
    if (this.closed || this.localEnded) return
    this.pendingHead = head
    this.pendingEnded = ended
    this.connection.pending(this)
  }

  /** Lets all that `source` holds now be sent, and its end and trailers if it has ended. */
  forwardBody(source: BodySource): void {
    source.lower(BODY)
    if (this.closed || this.localEnded) return
    this.source = source
    this.granted = source.waitingBytes
    this.endGranted = source.remoteEnded
    if (this.granted > 0 || this.endGranted) this.connection.pending(this)
  }

  /** Sends these bytes as the whole body; after a {@link sendHead} that did not end. */
  sendWhole(body: Buffer): void {
    if (this.closed || this.localEnded) return
    this.whole = body
    this.granted = body.length
    this.endGranted = true
    this.connection.pending(this)
  }

  /** Ends it early, both ways. Harmless once it is over. What was received and not forwarded is dropped. */
  reset(reason: ResetReason): void {
    this.connection.resetByUs(this, reason)
  }

  /** Octets granted in an earlier turn have not left: the peer does not take them. */
  get blocked(): boolean {
    return this.granted > 0
  }

  /**
   * ms of the pollset's clock: until when what has been written to the peer so far, on whichever stream of
   * its connection, may still be on its way (transit.ts); a time that has passed: all has arrived
   */
  get arrivingUntil(): number {
    return this.connection.arrivingUntil
  }

  // What its connection pulls

  /** octets granted that are still there: a source that was reset has dropped its body */
  get available(): number {
    if (this.whole !== null || this.source === null) return this.granted
    return Math.min(this.granted, this.source.waitingBytes)
  }

  /** Trailers that end the body being sent, once all of it has left. */
  get endingTrailers(): readonly Field[] | null {
    return this.source === null ? null : this.source.trailers
  }

  /** Whether its connection would find something to write, windows aside. */
  get hasWork(): boolean {
    return (
      this.pendingHead !== null ||
      this.pendingInterims !== null ||
      this.granted > 0 ||
      (this.endGranted && !this.localEnded)
    )
  }

  /** octets at most that the next head or the trailers take, which must find room in one piece */
  get headBytes(): number {
    if (this.pendingInterims !== null) return this.pendingInterims[0].size
    if (this.pendingHead !== null) return this.pendingHead.size
    if (this.granted > 0 || !this.endGranted) return 0
    let bytes = 0
    const trailers = this.endingTrailers
    if (trailers !== null) for (let i = 0; i < trailers.length; i++) bytes += trailers[i].size
    return bytes
  }

  /** octets about that it would send now, windows aside */
  get wantedBytes(): number {
    return this.headBytes + this.granted + FRAMING_BYTES
  }

  /** Copies granted octets into an output slab. `now`: ms of the pollset's clock. */
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

  /** It is over: nothing noted for sending survives. */
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
