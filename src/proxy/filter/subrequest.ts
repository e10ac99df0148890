// A request that a filter makes: the fill of a cache, the question to an authorisation service. It is an
// exchange with its own id, retries and deadlines, but its client is in this process: nothing is written to a
// socket. The filter reads the response as the body of an answer.

import {
  BODY,
  type Client,
  type Field,
  type FrontendStream,
  HEAD,
  type Head,
  RESET,
  type ResetReason,
  SENT,
  Stream,
  type StreamConnection,
  type StreamFault,
} from '../../http/index.js'
import { type Address, type Holder, Signal } from '../../pollset/index.js'
import { ConnectionBudget, type MemoryBudget, ReceiveBuffer } from '../../transport/index.js'
import type { Exchange } from '../exchange.js'
import type { Refusal } from '../refusal.js'
import { AnswerSource } from './answer-source.js'
import type { FieldLine } from './contract.js'

const NOWHERE: Address = { host: '', port: 0 }
/** The addresses of a subrequest, which has no client: it tells backends none. */
const ADDRESSES = { from: NOWHERE, to: NOWHERE }
const NO_FIELDS: readonly Field[] = []
/** A buffer for bytes that nobody reads. */
const DROPPED = Buffer.allocUnsafeSlow(16 * 1024)

const LEFT: StreamFault = {
  code: 'subrequest-left',
  side: 'internal',
  scope: 'stream',
  retry: 'never',
  message: 'the filter that made the request needs it no longer',
}
const CUT: StreamFault = {
  code: 'subrequest-cut',
  side: 'backend',
  scope: 'stream',
  retry: 'never',
  message: 'the response of a request that a filter made has ended early',
}

export interface SubrequestOptions {
  /** Its id, unique in its World. */
  readonly id: string
  /** The method. Default: GET. */
  readonly method?: string
  /** Its whole body, which counts as held: ask `mayHold` first. Default: none. */
  readonly body?: Uint8Array
  /**
   * Is called once, when a response that nobody reads has ended: with its status, or with 0 if it has ended
   * early or no backend has answered. The response is dropped as it comes.
   */
  readonly dropped?: (status: number) => void
  /** Path and query. Default: those of the request. */
  readonly target?: string
  /** HOST or HOST:PORT. Default: that of the request. */
  readonly authority?: string
  /** Returns true if a field of the request is left out. */
  readonly without?: (name: string) => boolean
  /** Further fields. */
  readonly fields?: readonly FieldLine[]
  /**
   * The backend, to which it goes past all filters. Without it the request goes where this one would go from
   * here: through the filters to the right of this one, to the backend of the route.
   */
  readonly backend?: string
}

/** The client of a subrequest. */
class SubrequestClient implements Client {
  readonly id: string
  readonly protocol: string
  readonly forwardingFields = NO_FIELDS
  readonly secured = null
  readonly addresses = ADDRESSES
  readonly neighbour = NOWHERE

  constructor(id: string, protocol: string) {
    this.id = id
    this.protocol = protocol
  }
}

/** The end of a subrequest that its exchange sees: its frontend stream. */
class SubrequestStream extends Stream implements FrontendStream {
  readonly id: string
  /** The client has the same id. */
  readonly idLetter = ''
  readonly idNumber = 0
  readonly client: Client
  readonly mayBeDeclined = false
  readonly connection: StreamConnection
  closed = false
  private readonly response: Subrequest
  private readonly memory: MemoryBudget
  /** The bytes of its body, which count as held. */
  private bodyBytes = 0

  constructor(id: string, head: Head, protocol: string, response: Subrequest, memory: MemoryBudget) {
    super()
    this.id = id
    this.head = head
    this.remoteEnded = true
    this.response = response
    this.memory = memory
    this.client = new SubrequestClient(id, protocol)
    this.connection = {
      id,
      pollable: new Signal(`${id}.filter`, 'filter', []),
      pending: () => response.granted(),
      resetByUs: (_stream, reason) => this.resetByUs(reason),
      stalled: () => this.resetByUs('internal'),
      interimBytesMax: 0,
      arrivingUntil: 0,
      peerName: 'the filter that made the request',
    }
  }

  /** Notes a whole body. */
  have(body: Buffer): void {
    this.receiveBuffer = this.newReceiveBuffer()
    this.receiveBuffer.push(body, 0, body.length)
    this.receivedBytes = body.length
    this.bodyBytes = body.length
    this.memory.charge(body.length)
    this.raise(BODY)
  }

  private resetByUs(_reason: ResetReason): void {
    if (this.closed) return
    this.closed = true
    this.receiveBuffer?.clear()
    this.memory.discharge(this.bodyBytes)
    if (!this.localEnded) this.response.cut(CUT)
    this.dropPending()
  }

  /** Ends it after the whole response has been read. */
  end(): void {
    if (this.localEnded || this.closed) return
    this.localEnded = true
    this.endGranted = false
    this.raise(SENT)
  }

  /** Ends it when the filter has left. */
  leave(): void {
    if (this.localEnded || this.closed) return
    this.fault = LEFT
    this.dropPending()
    this.raise(RESET)
    this.owner?.cancel()
  }

  get owing(): boolean {
    return false
  }
  protected newReceiveBuffer(): ReceiveBuffer {
    return new ReceiveBuffer(this.memory, new ConnectionBudget(), this)
  }
  override retainBody(max: number): void {
    if (this.receiveBuffer !== null) super.retainBody(max)
  }
  consumed(): void {}
  get starving(): boolean {
    return false
  }
}

/** Returns true if a filter has made this exchange, so that no client has asked. */
export const isSubrequest = (x: Exchange): boolean => x.frontend instanceof SubrequestStream

/**
 * A request of a filter, as seen by the filter: HEAD rises with the response head, BODY with bytes or the
 * end, RESET if it ends early. Its body can be forwarded to a client unchanged, or taken.
 */
export class Subrequest extends AnswerSource {
  readonly id: string
  readonly kind = 'subrequest'
  /** @internal */
  readonly stream: SubrequestStream
  /** The response head; null before. */
  head: Head | null
  /** The refusal, if the proxy refused it: the response is then ours, not a backend's; else null. */
  refusal: Refusal | null
  private ended: boolean
  private read: boolean
  private readonly now: () => number
  private dropped: SubrequestOptions['dropped'] | null

  /** @internal */
  constructor(
    { id, body, dropped }: SubrequestOptions,
    head: Head,
    protocol: string,
    now: () => number,
    memory: MemoryBudget,
  ) {
    super()
    this.id = id
    this.head = null
    this.refusal = null
    this.ended = false
    this.read = false
    this.now = now
    this.dropped = dropped ?? null
    this.stream = new SubrequestStream(id, head, protocol, this, memory)
    if (body !== undefined && body.length > 0)
      this.stream.have(Buffer.from(body.buffer, body.byteOffset, body.length))
  }

  /** Notes that its exchange has something to send: the head, or bytes. @internal */
  granted(): void {
    const { stream } = this
    if (stream.pendingHead !== null) {
      this.head = stream.pendingHead
      stream.pendingHead = null
      this.refusal = (stream.owner as Exchange | null)?.refusal ?? null
      if (stream.pendingEnded) this.ended = true
      this.raise(HEAD)
    }
    if (stream.endGranted) this.ended = true
    if (stream.granted > 0 || this.ended) this.raise(BODY)
    if (this.dropped !== null) this.drop()
    this.finish()
  }

  /** Drops the received part of the body. Its credit goes back to the backend. */
  private drop(): void {
    const { stream } = this
    while (stream.available > 0) this.pull(DROPPED, 0, DROPPED.length, this.now())
  }

  /** Reports, once, the end of a response that nobody reads. */
  private tell(status: number): void {
    const { dropped } = this
    this.dropped = null
    dropped?.(status)
  }

  /** @internal */
  cut(fault: StreamFault): void {
    this.fault = fault
    this.raise(RESET)
    this.tell(0)
  }

  override holders(): readonly Holder[] {
    const owner = this.stream.owner as Exchange | null
    return owner === null ? [] : [{ subject: owner, reason: 'fetches the response' }]
  }

  get waitingBytes(): number {
    return this.stream.available
  }
  get remoteEnded(): boolean {
    return this.ended
  }
  get trailers() {
    return this.ended ? this.stream.endingTrailers : null
  }
  get receiveBuffer() {
    return this
  }

  /**
   * Copies up to `bytes` of the waiting body; returns their number. Their credit goes back to the backend.
   */
  pull(target: Buffer, at: number, bytes: number, now: number): number {
    const taken = Math.min(bytes, this.stream.available)
    if (taken > 0) this.stream.pullInto(target, at, taken, now)
    this.finish()
    return taken
  }

  /** Takes up to `bytes` of the waiting body. */
  take(target: Buffer, at: number, bytes: number): number {
    return this.pull(target, at, bytes, this.now())
  }

  private finish(): void {
    if (this.read || !this.ended || this.stream.granted > 0) return
    this.read = true
    this.stream.end()
    this.tell(this.refusal === null ? (this.head?.status ?? 0) : 0)
  }

  leave(): void {
    this.stream.leave()
  }
}
