// An HTTP/2 stream of either role: its state (RFC 9113 §5.1), its two windows, what is noted for sending.
// It does nothing by itself: its connection moves it when frames arrive, its output pulls from it.

import { Stream, type StreamConnection } from '../http/index.js'
import type { ReceiveBuffer } from '../transport/index.js'
import type { BodyIntake } from './body-intake.js'
import type { SendQueue } from './send-queue.js'
import { StreamState } from './stream-states.js'

/** What a stream asks of its connection. */
export interface Http2StreamConnection extends StreamConnection {
  /** Holds the body, and is told of bytes of it that have left for the other side. */
  readonly intake: BodyIntake
  /** Its first head is about to be written: give it an id. */
  opening(stream: Http2Stream): void
  /** Its END_STREAM has been written. */
  ended(stream: Http2Stream): void
}

export class Http2Stream extends Stream {
  /** 0 until the head of a request to a backend is written. */
  streamId: number
  readonly connection: Http2StreamConnection
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
  /**
   * Asked for by CONNECT: once open, DATA is no message's body, and nothing but DATA follows (RFC 9113 §8.5).
   */
  connect: boolean
  /** The exchange has let go; the rest is discarded as it comes (design: Resets). */
  discarding: boolean
  /**
   * ms of the pollset's clock: since when it is discarded in the place of a reset; -1 while it is not, also
   * where it has stalled.
   */
  discardedAt: number
  /** Of a request to a backend: the bytes that had been written to the connection before its head. */
  bytesBefore: number
  /** Its peer has sent WINDOW_UPDATE for it. */
  widened: boolean
  queue: SendQueue | null
  queuePrev: Http2Stream | null
  queueNext: Http2Stream | null

  constructor(
    connection: Http2StreamConnection,
    streamId: number,
    state: number,
    sendWindow: number,
    recvWindow: number,
  ) {
    super()
    this.connection = connection
    this.streamId = streamId
    this.state = state
    this.sendWindow = sendWindow
    this.recvWindow = recvWindow
    this.windowSize = recvWindow
    this.uncredited = 0
    this.creditDue = false
    this.promised = -1
    this.bodiless = false
    this.connect = false
    this.discarding = false
    this.discardedAt = -1
    this.bytesBefore = 0
    this.widened = false
    this.queue = null
    this.queuePrev = null
    this.queueNext = null
  }

  get id(): string {
    return `${this.connection.id}/s${this.streamId === 0 ? '?' : this.streamId}`
  }

  get closed(): boolean {
    return this.state >= StreamState.CLOSED_ENDED
  }

  /**
   * With withheld credit the window of a stream is all a peer can send; long before that it must be let go.
   */
  get starving(): boolean {
    return !this.remoteEnded && this.recvWindow * 4 < this.windowSize
  }

  get owing(): boolean {
    return this.promised > 0 && !this.remoteEnded && !this.bodiless
  }

  protected newReceiveBuffer(): ReceiveBuffer {
    return this.connection.intake.newReceiveBuffer(this)
  }

  consumed(bytes: number): void {
    this.connection.intake.consumed(this, bytes)
  }

  override describe() {
    return {
      ...super.describe(),
      state: Object.keys(StreamState)[this.state],
      sendWindow: this.sendWindow,
      recvWindow: this.recvWindow,
    }
  }
}
