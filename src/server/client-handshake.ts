// An accepted socket until its protocol is known: reads a PROXY header if the peer is trusted, does TLS or
// sniffs the preface of HTTP/2, then hands over. HTTP in clear text on a TLS listener is recognised by its
// first byte, and handed over too, so that it gets an answer. One deadline covers everything.

import { Continuation, defineLife, type World } from '../continuation/index.js'
import { type AddressPair, addressPairOf } from '../http/index.js'
import {
  type Address,
  CLOSED,
  ENDED,
  READABLE,
  SECURED,
  type Socket,
  type TlsServer,
} from '../pollset/index.js'
import { ProxyHeaderReader } from '../transport/index.js'

/** The protocol of a connection, by its ALPN name (RFC 7301). */
export type AlpnProtocol = 'http/1.1' | 'h2'

/** The failure of a handshake, for the process log. */
export interface HandshakeFailure {
  readonly kind: 'proxy-header' | 'tls-handshake'
  readonly text: string
}

export interface HandshakeEvents {
  /** Decides whether a client is served, by its address in a PROXY header. */
  admits(from: Address): boolean
  /** Is told that the protocol is known. All bytes are still in the socket. */
  handshakeDone(arrival: ClientHandshake, spoken: AlpnProtocol): void
  /** Is told that the client was too slow with bytes that it began to send. `handshakeDropped` follows. */
  clientAbused(arrival: ClientHandshake, part: number): void
  /** Is told that the connection has closed, or was dropped. */
  handshakeDropped(arrival: ClientHandshake): void
}

export const handshakeLife = defineLife({
  name: 'handshake',
  source: import.meta.url,
  edges: {
    start: ['readProxyHeader', 'peek', 'sniff'],
    readProxyHeader: ['readProxyHeader', 'peek', 'sniff', 'drop'],
    peek: ['peek', 'secure', 'sniff', 'drop'],
    secure: ['handOver', 'drop'],
    sniff: ['sniff', 'handOver', 'drop'],
    handOver: ['done'],
    drop: ['done'],
  },
  waits: [],
})

/** The first bytes of the HTTP/2 preface, which no HTTP/1.1 request has (RFC 9113 §3.4). */
const H2_BEGINS = Buffer.from('PRI ', 'latin1')

/**
 * Returns true for a method, which begins with a letter. A TLS record begins with 20 to 24 (RFC 8446 §5.1).
 */
const isLetter = (octet: number): boolean => (octet | 0x20) >= 0x61 && (octet | 0x20) <= 0x7a

export interface HandshakeOptions {
  /** The TLS context of the listener; null in clear text. */
  readonly tls: TlsServer | null
  /** The most bytes of the PROXY header, which must come first; 0: there must be none. */
  readonly proxyHeaderBytesMax: number
  /** ms for the whole handshake */
  readonly handshakeMs: number
  /** False: the protocol is known already, and is not HTTP. */
  readonly sniffs?: boolean
}

export class ClientHandshake extends Continuation {
  readonly id: string
  readonly socket: Socket
  /**
   * The time by which the handshake must be done: ms of the pollset's clock. There is one deadline, so that a
   * trickle gains no time.
   */
  readonly endsBy: number
  readonly tls: TlsServer | null
  readonly events: HandshakeEvents
  readonly proxyHeader: ProxyHeaderReader | null
  /** The addresses of the connection, or those that the PROXY header names. */
  addresses: AddressPair
  /** The number of bytes of {@link H2_BEGINS} that have come. */
  seen = 0
  protocol: AlpnProtocol = 'http/1.1'
  /** True if the client speaks HTTP in clear text to a TLS listener. */
  inClearText = false
  readonly sniffs: boolean
  /** True once TLS has begun. */
  securing = false
  failure: HandshakeFailure | null = null
  private readonly handshakeMs: number

  constructor(world: World, socket: Socket, options: HandshakeOptions, events: HandshakeEvents) {
    super(world)
    this.endsBy = world.pollset.now + options.handshakeMs
    this.handshakeMs = options.handshakeMs
    this.id = world.nextId('a')
    this.socket = socket
    this.tls = options.tls
    const { proxyHeaderBytesMax } = options
    this.proxyHeader = proxyHeaderBytesMax > 0 ? new ProxyHeaderReader(proxyHeaderBytesMax) : null
    this.addresses = addressPairOf(socket)
    this.sniffs = options.sniffs !== false
    this.events = events
    handshakeSteps.start(world, this, 'start')
  }

  get kind(): string {
    return 'arrival'
  }

  noHeader(why: string): void {
    this.failure = { kind: 'proxy-header', text: `no PROXY header came first: ${why}` }
  }

  noHandshake(): void {
    const why = this.late ? this.notInTime : (this.socket.fault?.code ?? 'the client closed the connection')
    this.failure = { kind: 'tls-handshake', text: why }
  }

  /**
   * Notes why the socket is dropped. Silence is not a failure: health checks and browsers connect
   * without sending.
   */
  noteDropped(): void {
    const over = this.late || (this.socket.readiness & (ENDED | CLOSED)) !== 0
    if (this.failure !== null || !over) return
    if (this.securing) this.noHandshake()
    else if (this.proxyHeader?.state === 'reading' && this.proxyHeader.begun)
      this.noHeader(this.late ? this.notInTime : 'the connection ended within it')
  }

  private get notInTime(): string {
    return `it was not done within server.handshakeMs=${this.handshakeMs}`
  }

  crashed(): void {
    this.socket.destroy()
    this.events.handshakeDropped(this)
  }

  override describe() {
    return { remote: this.socket.remote.host, secured: this.socket.secured, seen: this.seen }
  }
}

const { goto, done, suspend } = handshakeLife
const waitForHandshake = suspend({ then: 'handOver', late: 'drop', cancelled: 'drop' })
const waitForHeader = suspend({ then: 'readProxyHeader', late: 'drop', cancelled: 'drop' })
const waitForFirst = suspend({ then: 'peek', late: 'drop', cancelled: 'drop' })
const waitForOctets = suspend({ then: 'sniff', late: 'drop', cancelled: 'drop' })

const handshakeSteps = handshakeLife.steps<ClientHandshake>({
  start(a) {
    if (a.proxyHeader !== null) return goto.readProxyHeader
    return a.tls === null ? goto.sniff : goto.peek
  },

  /** Reads the PROXY header, which comes before TLS. Without it nothing is answered. */
  readProxyHeader(a) {
    const { socket } = a
    const header = a.proxyHeader as ProxyHeaderReader
    for (let chunk = socket.take(); chunk !== null; chunk = socket.take()) {
      const used = header.feed(chunk)
      if (header.state === 'wrong') {
        a.noHeader('the first bytes are not one')
        return goto.drop
      }
      if (header.state === 'reading') continue
      socket.unread(chunk.subarray(used))
      if (header.addresses !== null && !a.events.admits(header.addresses.from)) {
        socket.reset()
        return goto.drop
      }
      a.addresses = header.addresses ?? a.addresses
      return a.tls === null ? goto.sniff : goto.peek
    }
    if ((socket.readiness & (ENDED | CLOSED)) !== 0) return goto.drop
    a.waitOn(0, socket, READABLE | ENDED | CLOSED)
    a.waitUntil(a.endsBy)
    return waitForHeader
  },

  /** Distinguishes TLS from HTTP in clear text by the first byte. TLS answers other input with an alert. */
  peek(a) {
    const { socket } = a
    if (!a.sniffs) return goto.secure
    for (let chunk = socket.take(); chunk !== null; chunk = socket.take()) {
      if (chunk.length === 0) continue
      socket.unread(chunk)
      a.inClearText = isLetter(chunk[0])
      return a.inClearText ? goto.sniff : goto.secure
    }
    if ((socket.readiness & (ENDED | CLOSED)) !== 0) return goto.drop
    a.waitOn(0, socket, READABLE | ENDED | CLOSED)
    a.waitUntil(a.endsBy)
    return waitForFirst
  },

  secure(a) {
    a.securing = true
    a.socket.secure(a.tls as TlsServer)
    a.waitOn(0, a.socket, SECURED | CLOSED)
    a.waitUntil(a.endsBy)
    return waitForHandshake
  },

  /** Looks for the preface of HTTP/2 with prior knowledge. HTTP/1.1 judges everything else. */
  sniff(a) {
    const { socket } = a
    if (!a.sniffs) return goto.handOver
    for (let chunk = socket.take(); chunk !== null; chunk = socket.take()) {
      const size = Math.min(H2_BEGINS.length - a.seen, chunk.length)
      const like = chunk.compare(H2_BEGINS, a.seen, a.seen + size, 0, size) === 0
      if (like && a.seen + size < H2_BEGINS.length) {
        a.seen += size
        continue
      }
      if (like) a.protocol = 'h2'
      socket.unread(chunk)
      if (a.seen > 0) socket.unread(H2_BEGINS.subarray(0, a.seen))
      return goto.handOver
    }
    if ((socket.readiness & (ENDED | CLOSED)) !== 0) return goto.drop
    a.waitOn(0, socket, READABLE | ENDED | CLOSED)
    a.waitUntil(a.endsBy)
    return waitForOctets
  },

  handOver(a) {
    const { socket } = a
    if ((socket.readiness & CLOSED) !== 0) {
      a.noteDropped()
      a.events.handshakeDropped(a)
    } else {
      if (socket.secured?.protocol === 'h2') a.protocol = 'h2'
      a.events.handshakeDone(a, a.protocol)
    }
    return done
  },

  drop(a) {
    // The client had begun to send. Silence is not abuse: browsers connect before they need to.
    if (a.late && a.seen > 0) a.events.clientAbused(a, 1)
    a.noteDropped()
    a.socket.destroy()
    a.events.handshakeDropped(a)
    return done
  },
})
