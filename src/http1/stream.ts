// One request and its response on an HTTP/1.1 connection, seen as a stream: a head, a body, trailers each
// way. It does nothing by itself: its connection fills it as messages arrive, and its output pulls from it.

import { Stream, type StreamConnection } from '../http/index.js'
import type { ReceiveBuffer } from '../transport/index.js'
import { NONE } from './framing.js'

/** What a stream asks of its connection. */
export interface Http1StreamConnection extends StreamConnection {
  newReceiveBuffer(stream: Http1Stream): ReceiveBuffer
  /** Body bytes of it have left for the other side. */
  consumed(stream: Http1Stream, bytes: number): void
  /** octets of a body that may have come and not left, before reading stops */
  readonly bodyAheadMax: number
}

export class Http1Stream extends Stream {
  readonly connection: Http1StreamConnection
  /** Which of its connection it is, from 1 on. */
  readonly number: number
  /** The request's method, and on a frontend its HTTP/1.`minor`: what frames the response. */
  readonly method: string
  readonly minor: number
  /** Its head has left; {@link framing} says how its body is sent. */
  headWritten: boolean
  framing: number
  /** octets of the body received whose leaving has not been told */
  outstanding: number
  /** octets of the body received */
  receivedBytes: number
  closed: boolean
  /** Of a WebSocket handshake: the key that the client, or we, made it with; '' without one. */
  key: string
  /**
   * On a frontend, where FIN came behind the request: ms of the pollset's clock, when its answer is late;
   * else 0.
   */
  answerBy: number
  /** Of the response, when FIN came: 1 for its head and its body's octets. */
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
    this.receivedBytes = 0
    this.closed = false
    this.key = ''
    this.answerBy = 0
    this.sentBeforeFin = 0
  }

  get id(): string {
    return `${this.connection.id}/r${this.number}`
  }

  /** Reading stops soon for what is withheld: it must be let go before that. */
  get starving(): boolean {
    return !this.remoteEnded && this.outstanding * 4 >= this.connection.bodyAheadMax * 3
  }

  get owing(): boolean {
    return !this.remoteEnded && this.head !== null && this.head.contentLength > this.receivedBytes
  }

  protected newReceiveBuffer(): ReceiveBuffer {
    return this.connection.newReceiveBuffer(this)
  }

  consumed(bytes: number): void {
    this.connection.consumed(this, bytes)
  }
}
