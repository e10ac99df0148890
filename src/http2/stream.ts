// An HTTP/2 stream of either role: its state (RFC 9113 §5.1), its two windows, what is noted for sending.
// It does nothing by itself: its connection moves it when frames arrive, its output pulls from it.

import {
  BODY,
  type Field,
  type Head,
  type Inbox,
  type Receiving,
  type ResetReason,
  Stream,
  type StreamOwner,
} from '../http/index.js'
import type { Pollable } from '../pollset/index.js'
import type { SendQueue } from './send-queue.js'
import { StreamState } from './stream-states.js'

/** What a stream asks of its connection. */
export interface StreamHome {
  readonly id: string
  readonly pollable: Pollable
  /** The stream has something to send. */
  pending(stream: Http2Stream): void
  /** Body bytes of it have left for the other side. */
  consumed(stream: Http2Stream, bytes: number): void
  /** The exchange ends it early. */
  resetByUs(stream: Http2Stream, reason: ResetReason): void
  /** It holds most and moves least. */
  stalled(stream: Http2Stream): void
  /** Its first head is about to be written: give it an id. */
  opening(stream: Http2Stream): void
  /** Its END_STREAM has been written. */
  ended(stream: Http2Stream): void
  newInbox(stream: Http2Stream): Inbox
}

export class Http2Stream extends Stream implements Receiving {
  /** 0 until the head of a request to a backend is written. */
  streamId: number
  readonly home: StreamHome
  state: number
  /** octets the peer lets us send; may be negative (RFC 9113 §6.9.2) */
  sendWindow: number
  /** octets we have let the peer send and it has not */
  recvWindow: number
  /** octets of credit when full; widens while the stream flows */
  windowSize: number
  /** octets consumed, and not yet given back as credit */
  uncredited: number
  creditDue: boolean
  /** octets the content-length still promises; -1 without one */
  promised: number
  /** For a request that was HEAD, or a 304: content-length promises nothing (RFC 9110 §8.6). */
  bodiless: boolean
  /** The exchange has let go; the rest is discarded as it comes (design, section 5). */
  dry: boolean
  /** ms; since when it runs dry in the place of a reset, or -1. One that stalled is dry and is yet to be reset. */
  dryAt: number
  interimsSeen: number
  pendingHead: Head | null
  pendingEnded: boolean
  pendingInterims: Head[] | null
  source: Stream | null
  whole: Buffer | null
  /** octets of the source, or of `whole`, that may leave */
  granted: number
  endGranted: boolean
  /** On a frontend: the continuation that answers it. */
  owner: StreamOwner | null
  queue: SendQueue | null
  queuePrev: Http2Stream | null
  queueNext: Http2Stream | null

  constructor(home: StreamHome, streamId: number, state: number, sendWindow: number, recvWindow: number) {
    super()
    this.home = home
    this.streamId = streamId
    this.state = state
    this.sendWindow = sendWindow
    this.recvWindow = recvWindow
    this.windowSize = recvWindow
    this.uncredited = 0
    this.creditDue = false
    this.promised = -1
    this.bodiless = false
    this.dry = false
    this.dryAt = -1
    this.interimsSeen = 0
    this.pendingHead = null
    this.pendingEnded = false
    this.pendingInterims = null
    this.source = null
    this.whole = null
    this.granted = 0
    this.endGranted = false
    this.owner = null
    this.queue = null
    this.queuePrev = null
    this.queueNext = null
  }

  get id(): string {
    return `${this.home.id}/s${this.streamId === 0 ? '?' : this.streamId}`
  }
  override get parent(): Pollable {
    return this.home.pollable
  }

  get closed(): boolean {
    return this.state >= StreamState.CLOSED_ENDED
  }

  sendInterim(head: Head): void {
    if (this.closed || this.localEnded) return
    this.pendingInterims ??= []
    this.pendingInterims.push(head)
    this.home.pending(this)
  }

  sendHead(head: Head, ended: boolean): void {
    if (this.closed || this.localEnded) return
    this.pendingHead = head
    this.pendingEnded = ended
    this.home.pending(this)
  }

  forwardBody(source: Stream): void {
    source.lower(BODY)
    if (this.closed || this.localEnded) return
    this.source = source
    this.granted = source.waitingBytes
    this.endGranted = source.remoteEnded
    if (this.granted > 0 || this.endGranted) this.home.pending(this)
  }

  sendWhole(body: Buffer): void {
    this.whole = body
    this.granted = body.length
    this.endGranted = true
    this.home.pending(this)
  }

  reset(reason: ResetReason): void {
    this.home.resetByUs(this, reason)
  }

  retainBody(max: number): void {
    this.inbox ??= this.home.newInbox(this)
    this.inbox.retain(max)
  }

  /** With withheld credit the window of a stream is all a peer can send; long before that it must be let go. */
  get starving(): boolean {
    return !this.remoteEnded && this.recvWindow * 4 < this.windowSize
  }

  /** octets granted that are still there: a source that was reset has dropped its body */
  get available(): number {
    if (this.whole !== null || this.source === null) return this.granted
    return Math.min(this.granted, this.source.waitingBytes)
  }

  consumed(bytes: number): void {
    this.home.consumed(this, bytes)
  }

  stalled(): void {
    this.home.stalled(this)
  }

  /** Trailers that end the body being sent, once all of it has left. */
  get endingTrailers(): readonly Field[] | null {
    return this.source === null ? null : this.source.trailers
  }

  /** Whether the output would find something to write, windows aside. */
  get hasWork(): boolean {
    return (
      this.pendingHead !== null ||
      this.pendingInterims !== null ||
      this.granted > 0 ||
      (this.endGranted && !this.localEnded)
    )
  }

  /** Copy granted bytes into an output slab. */
  pullInto(target: Buffer, at: number, bytes: number, now: number): void {
    this.granted -= bytes
    this.sentBytes += bytes
    const whole = this.whole
    if (whole === null) ((this.source as Stream).inbox as Inbox).pull(target, at, bytes, now)
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
      state: Object.keys(StreamState)[this.state],
      sendWindow: this.sendWindow,
      recvWindow: this.recvWindow,
      waitingBytes: this.waitingBytes,
      heldBytes: this.inbox?.heldBytes ?? 0,
      granted: this.granted,
      sentBytes: this.sentBytes,
    }
  }
}
