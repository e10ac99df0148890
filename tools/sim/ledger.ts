// The ledger of a run: what each actor sent, so that the receiver can check every octet (S2). A body is
// a function of its message and the offset: a stretch of one long pattern that begins at the message's phase.

/** A property does not hold. */
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
  /** Of all requests of a run, or of all responses. */
  readonly id: number
  /** octets of the body */
  readonly total: number
  readonly trailers: string | null
  /** Its end is at odds with its content-length: it may never look complete to anyone. */
  readonly broken: boolean
  sent = 0
  /** The content-length it has, which is wrong where it is {@link broken}; -1 for none. */
  promised = -1
  /** END_STREAM was sent. */
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

  /** The pattern's buffer has the body's octets from `offset` on at {@link at}; at least 65,521 of them. */
  get bytes(): Buffer {
    return PATTERN
  }
  at(offset: number): number {
    return (this.phase + offset) % PERIOD
  }

  /** Whether these are its octets from `offset` on. */
  matches(offset: number, b: Buffer, from: number, to: number): boolean {
    const at = this.at(offset)
    return PATTERN.compare(b, from, to, at, at + to - from) === 0
  }
}

/** The tunnel that a request asks for: a WebSocket (Upgrade or extended CONNECT), or a CONNECT to a target. */
export type TunnelKind = 'websocket' | 'connect'

export class Request extends Message {
  readonly method: string
  readonly tunnel: TunnelKind | null
  /** How often a backend has seen it. */
  readonly attempts: Attempt[] = []
  /** Its head is over a bound: no backend may see it. */
  tooLarge = false
  /** The client knows that the tunnel is open. */
  opened = false
  /** How its exchange ended; '' before. */
  outcome = ''
  /** A backend has sent more interim responses than pass. */
  stormed = false
  /** All that was begun in answer to it, the last last. */
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

  /** How interim responses to its last attempt are told from those to others. */
  get interimTag(): string {
    return `${this.id}.${this.attempts.length}`
  }
}

export class Response extends Message {
  readonly request: Request
  /** Interim responses that went before it, and how they are tagged. */
  interims = 0
  interimTag = ''
  /** All of it has come to the proxy, and then its connection was reset. */
  arrived = false
  /** Its connection is over: what was sent last may not have come to the proxy. */
  cutOff: () => boolean = () => false
  constructor(id: number, request: Request, total: number, trailers: string | null, broken: boolean) {
    super(id, 'response', total, trailers, broken)
    this.request = request
  }
}

/** A request that has reached a backend, as the backend sees it. */
export interface Attempt {
  /** The backend has said that it did not begin it: REFUSED_STREAM, or GOAWAY below it. */
  refused: boolean
  /** The backend has reset it by ENHANCE_YOUR_CALM before it answered, which speaks of the connection. */
  calmed?: boolean
  /** So its GOAWAY said, which told too that others were served. */
  notBegun?: boolean
  /** The proxy has ended its connection for the head that answered it. */
  culprit?: boolean
  /** The connection it came on is over, at the proxy's end. */
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

  /** A request for a tunnel: its octets are those that the client says in it. */
  tunnel(kind: TunnelKind, total: number): Request {
    const made = new Request(this.requests.length, 'CONNECT', total, null, false, kind)
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
