// The ledger of a run: what each actor sent, so that the receiver can check every byte (S2). A body is a
// stretch of one long pattern, which begins at the phase of its message.

import type { Head } from '../../src/http/index.js'

/** The field in which a debugger's hand notes what it has changed. */
export const HAND_FIELD = 'x-hand'
/** The targets of CONNECT differ by port: this, and the number of the request. */
export const TARGET_PORT = 1000

/** The changes of a debugger's hand to a request, for the actors that see their results. */
export interface ByHand {
  /** The number of times that the request was sent to `retry`. Each time it may come again. */
  retries: number
  /** The answers that were to be given in the place of a backend. */
  readonly answers: { readonly status: number; readonly length: number }[]
  /** All values that were set in {@link HAND_FIELD}, or as the query of the path. */
  readonly values: string[]
  /** True if the field was set before the request was first sent, so that each attempt has it. */
  always: boolean
}

/** A property that does not hold. */
export class Violation extends Error {
  override name = 'Violation'
  readonly property: string
  constructor(property: string, message: string) {
    super(message)
    this.property = property
  }
}

const PERIOD = 65_521
const PATTERN = ((): Buffer => {
  const b = Buffer.alloc(PERIOD * 2)
  let state = 1
  for (let i = 0; i < PERIOD; i++) {
    state = (Math.imul(state, 48_271) + 11) >>> 0
    b[i] = state >>> 13
  }
  b.copy(b, PERIOD, 0, PERIOD)
  return b
})()

/** A message as its sender knows it. */
export class Message {
  /** The number of this message among all requests, or among all responses, of a run. */
  readonly id: number
  /** The bytes of the body. */
  readonly total: number
  readonly trailers: string | null
  /** True if the body contradicts the content-length. Such a message must never look complete. */
  readonly broken: boolean
  sent = 0
  /** The content-length, which is wrong if the message is {@link broken}; -1 if it has none. */
  promised = -1
  /** True once the end of the message was sent. */
  ended = false
  private readonly phase: number
  readonly kind: 'request' | 'response'

  constructor(
    id: number,
    kind: 'request' | 'response',
    total: number,
    trailers: string | null,
    broken: boolean,
  ) {
    this.id = id
    this.kind = kind
    this.total = total
    this.trailers = trailers
    this.broken = broken
    this.phase = (id * 9973 + (kind === 'request' ? 0 : 31_337)) % PERIOD
  }

  /**
   * The buffer of the pattern. It holds at least 65,521 bytes of the body, from `offset` on, at {@link at}.
   */
  get bytes(): Buffer {
    return PATTERN
  }
  at(offset: number): number {
    return (this.phase + offset) % PERIOD
  }

  /** Returns true if these are its octets from `offset` on. */
  matches(offset: number, b: Buffer, from: number, to: number): boolean {
    const at = this.at(offset)
    return PATTERN.compare(b, from, to, at, at + to - from) === 0
  }
}

/**
 * The tunnel that a request asks for: a WebSocket (Upgrade or extended CONNECT), a CONNECT to a target, or
 * another protocol by Upgrade, which a backend of HTTP/2 sees as an ordinary request without a body.
 */
export type TunnelKind = 'websocket' | 'connect' | 'upgrade'

/** The protocol of `upgrade`. */
export const OTHER_PROTOCOL = 'tcp'

export class Request extends Message {
  readonly method: string
  readonly tunnel: TunnelKind | null
  /** The attempts that reached a backend. */
  readonly attempts: Attempt[] = []
  /** True if the head is over a bound. No backend must see such a request. */
  tooLarge = false
  /** True if the client knows that the tunnel is open. */
  opened = false
  /** The outcome of the exchange; '' until it ends. */
  outcome = ''
  /** True if a backend sent more interim responses than the proxy passes on. */
  stormed = false
  readonly byHand: ByHand = { retries: 0, answers: [], values: [], always: false }
  /** All responses that backends began, the latest last. */
  readonly responses: Response[] = []
  constructor(
    id: number,
    method: string,
    total: number,
    trailers: string | null,
    broken: boolean,
    tunnel: TunnelKind | null,
  ) {
    super(id, 'request', total, trailers, broken)
    this.method = method
    this.tunnel = tunnel
  }

  /** The tag of interim responses to the last attempt. */
  get interimTag(): string {
    return `${this.id}.${this.attempts.length}`
  }
}

/** Returns true if a backend of HTTP/2 can open the tunnel that it asks for. */
export const opensTunnels = ({ tunnel }: Request): boolean => tunnel !== null && tunnel !== 'upgrade'

export class Response extends Message {
  readonly request: Request
  /** The number of interim responses sent before this response, and their tag. */
  interims = 0
  interimTag = ''
  /** The value that a debugger's hand set in it; null if none. */
  handValue: string | null = null
  /** True if the proxy received all of it before the connection was reset. */
  arrived = false
  /** Returns true if its connection is over. The last bytes sent may not have reached the proxy then. */
  cutOff: () => boolean = () => false
  constructor(id: number, request: Request, total: number, trailers: string | null, broken: boolean) {
    super(id, 'response', total, trailers, broken)
    this.request = request
  }
}

/** A request that has reached a backend, as seen by the backend. */
export interface Attempt {
  /** True if the backend refused it by REFUSED_STREAM, or by GOAWAY with a lower stream identifier. */
  refused: boolean
  /** True if the backend reset it by ENHANCE_YOUR_CALM before any response, which concerns the connection. */
  calmed?: boolean
  /** True if a GOAWAY excluded it, while the backend served other requests. */
  notBegun?: boolean
  /** True if the proxy ended the connection because of the head that answered this request. */
  culprit?: boolean
  /** True if it was answered by a status with which the proxy may send the request again. */
  unfit?: boolean
  /** Returns true if its connection is over at the proxy's end. */
  readonly dead: () => boolean
}

export class Ledger {
  readonly requests: Request[] = []
  readonly responses: Response[] = []

  request(method: string, total: number, trailers: string | null, broken: boolean): Request {
    const made = new Request(this.requests.length, method, total, trailers, broken, null)
    this.requests.push(made)
    return made
  }

  /** Adds a request for a tunnel. Its body is what the client sends in the tunnel. */
  tunnel(kind: TunnelKind, total: number): Request {
    const method = kind === 'upgrade' ? 'POST' : 'CONNECT'
    const made = new Request(this.requests.length, method, total, null, false, kind)
    this.requests.push(made)
    return made
  }

  response(request: Request, total: number, trailers: string | null, broken: boolean): Response {
    const made = new Response(this.responses.length, request, total, trailers, broken)
    this.responses.push(made)
    request.responses.push(made)
    return made
  }
}

/** Returns the request with this head, whether a debugger has changed its path or not. */
export function requestOf(books: Ledger, { path, host }: Head): Request | undefined {
  const id = path === null ? Number(host.slice(host.indexOf(':') + 1)) - TARGET_PORT : idOf(path.value)
  return books.requests[id]
}

/** Returns the number of a request by its path: `/12`, or `/12?hand=3`. */
export const idOf = (path: string): number => Number(/^\/(\d+)(?:\?hand=\d+)?$/.exec(path)?.[1] ?? Number.NaN)
