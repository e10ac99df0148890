// An HTTP/2 stream of either role: its state (RFC 9113 §5.1), its two windows, and pending output. It does
// nothing by itself: the connection moves it when frames arrive, and the output pulls from it.

import { Stream, type StreamConnection } from '../http/index.js'
import type { Holder, List, Listed } from '../pollset/index.js'
import type { ReceiveBuffer } from '../transport/index.js'
import type { BodyIntake } from './body-intake.js'
import { StreamState } from './stream-states.js'
import type { StreamTable } from './stream-table.js'

/** A connection, as seen by its streams. */
export interface Http2StreamConnection extends StreamConnection {
  /** Buffers the bodies, and takes the bytes that have left for the other side. */
  readonly intake: BodyIntake
  /** Gives the stream an id, before its first head is written. */
  opening(stream: Http2Stream): void
  readonly output: { readonly sendWindow: number }
  readonly streams: Pick<StreamTable, 'windowUsers'>
  readonly peer: { readonly window: number }
  /** The END_STREAM of the stream has been written. */
  ended(stream: Http2Stream): void
}

export class Http2Stream extends Stream implements Listed<Http2Stream> {
  /** 0 until the head of a request to a backend is written. */
  streamId: number
  /** On a backend: the number of the request on its connection, from 1; 0 on a frontend. */
  number: number
  readonly connection: Http2StreamConnection
  state: number
  /** The octets that the peer lets us send; may be negative (RFC 9113 §6.9.2). */
  sendWindow: number
  /** The octets that the peer may still send. */
  recvWindow: number
  /** The full size of {@link recvWindow}. It grows while the stream flows. */
  windowSize: number
  /** The octets consumed without returned credit. */
  uncredited: number
  creditDue: boolean
  /** The octets that Content-Length still promises; -1 without one. */
  promised: number
  /** True for a response to HEAD, or a 304: Content-Length promises nothing (RFC 9110 §8.6). */
  bodiless: boolean
  /** True if CONNECT opened it: DATA belongs to a tunnel, and nothing but DATA follows (RFC 9113 §8.5). */
  connect: boolean
  /** True once the exchange has released the stream: the rest of its DATA is discarded (design: Resets). */
  discarding: boolean
  /**
   * The time since which DATA is discarded in place of a reset: ms of the pollset's clock; -1 if it is not
   * discarded, or if the stream has stalled.
   */
  discardedAt: number
  /** The bytes that had been written to the backend connection before the head of this request. */
  bytesBefore: number
  /** True once the peer has sent WINDOW_UPDATE for the stream. */
  widened: boolean
  /** The list of its connection's output that holds it. */
  list: List<Http2Stream> | null
  listPrev: Http2Stream | null
  listNext: Http2Stream | null

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
    this.number = 0
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
    this.list = null
    this.listPrev = null
    this.listNext = null
  }

  get id(): string {
    return `${this.connection.id}/${this.idLetter}${this.idNumber}`
  }

  get idLetter(): string {
    return this.number === 0 ? 's' : 'r'
  }
  get idNumber(): number {
    return this.number === 0 ? this.streamId : this.number
  }

  get closed(): boolean {
    return this.state >= StreamState.CLOSED_ENDED
  }

  /**
   * True if less than a quarter of the window is left. The peer gets no more while its bytes are
   * kept for a retry.
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

  protected override sendingHolders(): readonly Holder[] {
    const { connection, granted, pendingHead } = this
    if (pendingHead !== null || granted === 0) return super.sendingHolders()
    const waits = `${granted} bytes wait here`
    if (this.sendWindow <= 0) return [this.heldByPeer(`has shut this stream's window: ${waits}`)]
    if (connection.output.sendWindow > 0) return super.sendingHolders()
    const held: Holder[] = [this.heldByPeer(`has shut the window of ${connection.id}: ${waits}`)]
    for (const [stream, bytes] of connection.streams.windowUsers(connection.peer.window))
      if (stream !== this) held.push({ subject: stream, reason: `has ${bytes} bytes of that window` })
    return held
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
