// A stream whose sending half is pulled, whichever HTTP version carries it: what an exchange sends is noted
// here, and the stream's connection takes it at the turn's flush, straight from the other side's receive
// buffer into its output slab.

import { invariant, type Pollable } from '../pollset/index.js'
import type { ReceiveBuffer } from '../transport/index.js'
import type { Field } from './field.js'
import type { Head } from './head.js'
import { mayWait } from './interims.js'
import { BODY, type BodySource, type ResetReason, Stream } from './stream.js'

/** What stands around a head and a body, about. */
const FRAMING_BYTES = 64

/** What a stream asks of its connection. */
export interface StreamHome<S> {
  readonly id: string
  readonly pollable: Pollable
  /** The stream has something to send. */
  pending(stream: S): void
  /** Body bytes of it have left for the other side. */
  consumed(stream: S, bytes: number): void
  /** The exchange ends it early. */
  resetByUs(stream: S, reason: ResetReason): void
  /** It holds most and moves least. */
  stalled(stream: S): void
  newReceiveBuffer(stream: S): ReceiveBuffer
  /** bytes of interim heads that may wait for the peer to read */
  readonly interimBytesMax: number
  /** See {@link Stream.arrivingUntil}. */
  readonly arrivingUntil: number
}

export abstract class PulledStream extends Stream {
  pendingHead: Head | null
  /** Nothing follows the pending head. */
  pendingEnded: boolean
  pendingInterims: Head[] | null
  source: BodySource | null
  whole: Buffer | null
  /** octets of the source, or of `whole`, that may leave */
  granted: number
  endGranted: boolean

  constructor() {
    super()
    this.pendingHead = null
    this.pendingEnded = false
    this.pendingInterims = null
    this.source = null
    this.whole = null
    this.granted = 0
    this.endGranted = false
  }

  /** It is over, both ways. */
  abstract get closed(): boolean
  /** It has something to send: its connection is to pull. */
  protected abstract pending(): void
  protected abstract get interimBytesMax(): number

  sendInterim(head: Head): void {
    if (this.closed || this.localEnded || !mayWait(this.pendingInterims, head, this.interimBytesMax)) return
    this.pendingInterims ??= []
    this.pendingInterims.push(head)
    this.pending()
  }

  sendHead(head: Head, ended: boolean): void {
    if (this.closed || this.localEnded) return
    this.pendingHead = head
    this.pendingEnded = ended
    this.pending()
  }

  forwardBody(source: BodySource): void {
    source.lower(BODY)
    if (this.closed || this.localEnded) return
    this.source = source
    this.granted = source.waitingBytes
    this.endGranted = source.remoteEnded
    if (this.granted > 0 || this.endGranted) this.pending()
  }

  sendWhole(body: Buffer): void {
    if (this.closed || this.localEnded) return
    this.whole = body
    this.granted = body.length
    this.endGranted = true
    this.pending()
  }

  get blocked(): boolean {
    return this.granted > 0
  }

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

  /** Copy granted octets into an output slab. `now`: ms of the pollset's clock. */
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
