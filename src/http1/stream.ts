// One request and its response on an HTTP/1.1 connection, seen as a stream: a head, a body, trailers each
// way. It does nothing by itself: its connection fills it as messages arrive, and its output pulls from it.

import { PulledStream, type ResetReason, type StreamHome, type StreamOwner } from '../http/index.js'
import type { Pollable } from '../pollset/index.js'
import type { CreditSink } from '../transport/index.js'
import { NONE } from './framing.js'

/** What a stream asks of its connection. */
export interface Http1StreamHome extends StreamHome<Http1Stream> {
  /** octets of a body that may have come and not left, before reading stops */
  readonly bodyAheadMax: number
}

export class Http1Stream extends PulledStream implements CreditSink {
  readonly home: Http1StreamHome
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
  /** On a frontend: the continuation that answers it. */
  owner: StreamOwner | null
  /**
   * On a frontend, where FIN came behind the request: ms of the pollset's clock, when its answer is late;
   * else 0.
   */
  answerBy: number
  /** Of the response, when FIN came: 1 for its head and its body's octets. */
  sentBeforeFin: number

  constructor(home: Http1StreamHome, number: number, method: string, minor: number) {
    super()
    this.home = home
    this.number = number
    this.method = method
    this.minor = minor
    this.headWritten = false
    this.framing = NONE
    this.outstanding = 0
    this.receivedBytes = 0
    this.closed = false
    this.key = ''
    this.owner = null
    this.answerBy = 0
    this.sentBeforeFin = 0
  }

  get id(): string {
    return `${this.home.id}/r${this.number}`
  }
  override get parent(): Pollable {
    return this.home.pollable
  }

  protected pending(): void {
    this.home.pending(this)
  }

  protected get interimBytesMax(): number {
    return this.home.interimBytesMax
  }

  reset(reason: ResetReason): void {
    this.home.resetByUs(this, reason)
  }

  retainBody(max: number): void {
    this.receiveBuffer ??= this.home.newReceiveBuffer(this)
    this.receiveBuffer.retain(max)
  }

  /** Reading stops soon for what is withheld: it must be let go before that. */
  get starving(): boolean {
    return !this.remoteEnded && this.outstanding * 4 >= this.home.bodyAheadMax * 3
  }

  get owing(): boolean {
    return !this.remoteEnded && this.head !== null && this.head.contentLength > this.receivedBytes
  }

  get arrivingUntil(): number {
    return this.home.arrivingUntil
  }

  consumed(bytes: number): void {
    this.home.consumed(this, bytes)
  }

  stalled(): void {
    this.home.stalled(this)
  }
}
