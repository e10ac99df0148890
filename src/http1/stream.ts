// One request and its response on an HTTP/1.1 connection, as a stream. It does nothing by itself: the
// connection fills it as messages arrive, and the output pulls from it.

import { Stream, type StreamConnection } from '../http/index.js'
import type { ReceiveBuffer } from '../transport/index.js'
import { NONE, TUNNEL } from './framing.js'

/** A connection, as seen by its streams. */
export interface Http1StreamConnection extends StreamConnection {
  newReceiveBuffer(stream: Http1Stream): ReceiveBuffer
  /** Body bytes of this stream have left for the other side. */
  consumed(stream: Http1Stream, bytes: number): void
  /** bytes of a body that may be buffered before reading stops */
  readonly bodyAheadMax: number
}

export class Http1Stream extends Stream {
  readonly connection: Http1StreamConnection
  /** The number of the stream on its connection, from 1 on. */
  readonly number: number
  /** The method of the request and, on a frontend, its HTTP/1.`minor`: they frame the response. */
  readonly method: string
  readonly minor: number
  /** True once the head has left. {@link framing} says how the body is sent. */
  headWritten: boolean
  framing: number
  /** bytes of the body that were received and have not left */
  outstanding: number
  closed: boolean
  /** The key of a WebSocket handshake; '' for other requests. */
  key: string
  /**
   * The time at which the answer to a half-closed client is late, in ms of the pollset's clock; 0 if it is
   * not half closed.
   */
  answerBy: number
  /** The part of the response that had left when FIN came: 1 for the head, plus the bytes of the body. */
  sentBeforeFin: number

  constructor(connection: Http1StreamConnection, number: number, method: string, minor: number) {
    super()
    this.connection = connection
    this.number = number
    this.method = method
    this.minor = minor
    this.headWritten = false
    this.framing = NONE
    this.outstanding = 0
    this.closed = false
    this.key = ''
    this.answerBy = 0
    this.sentBeforeFin = 0
  }

  get id(): string {
    return `${this.connection.id}/${this.idLetter}${this.number}`
  }
  get idLetter(): string {
    return 'r'
  }
  get idNumber(): number {
    return this.number
  }

  /** True if reading will stop soon because of withheld bytes, which must be released before. */
  get starving(): boolean {
    return !this.remoteEnded && this.outstanding * 4 >= this.connection.bodyAheadMax * 3
  }

  get owing(): boolean {
    return !this.remoteEnded && this.head !== null && this.head.contentLength > this.receivedBytes
  }

  override reopen(): void {
    super.reopen()
    this.framing = TUNNEL
  }

  protected newReceiveBuffer(): ReceiveBuffer {
    return this.connection.newReceiveBuffer(this)
  }

  consumed(bytes: number): void {
    this.connection.consumed(this, bytes)
  }
}
