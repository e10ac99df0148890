// An accepted socket until its protocol is known: read a PROXY header if the peer is trusted, do TLS where
// the listener does, sniff the preface of HTTP/2 where it does not, then hand over. HTTP in clear text on a
// listener over TLS is told from a handshake by its first octet, and handed over too, so that it gets an
// answer. One deadline covers all of it.

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

/** What a socket turned out to speak, by its ALPN name (RFC 7301). */
export type AlpnProtocol = 'http/1.1' | 'h2'

/** Why an arrival was given up, where its operator should know. */
export interface HandshakeFailure {
  readonly kind: 'proxy-header' | 'tls-handshake'
  readonly text: string
}

export interface HandshakeEvents {
  /**
   * Whether clients from there are served: asked where a PROXY header has told, before anything is answered.
   */
  admits(from: Address): boolean
  /** All its octets are still there. */
  handshakeDone(arrival: ClientHandshake, spoken: AlpnProtocol): void
  /** It is given up for its abuse of us, and dropped next. */
  clientAbused(arrival: ClientHandshake, part: number): void
  /** It is gone, or was given up. */
  handshakeDropped(arrival: ClientHandshake): void
}

export const handshakeLife = defineLife({
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

/** RFC 9113 §3.4: the preface of HTTP/2 begins so, and no request of HTTP/1. */
const H2_BEGINS = Buffer.from('PRI ', 'latin1')

/**
 * A method begins with a letter (all that are registered), a TLS record with its type (RFC 8446 §5.1: 20 to
 * 24).
 */
const isLetter = (octet: number): boolean => (octet | 0x20) >= 0x61 && (octet | 0x20) <= 0x7a

export interface HandshakeOptions {
  /** Of a listener over TLS. */
  readonly tls: TlsServer | null
  /** octets of the PROXY header that must come first; 0 where none may */
  readonly proxyHeaderBytesMax: number
  /** ms from here on, all in all */
  readonly handshakeMs: number
}

export class ClientHandshake extends Continuation {
  readonly id: string
  readonly socket: Socket
  /** ms of the pollset's clock: one time for all its waits, so that nobody stays by trickling */
  readonly endsBy: number
  readonly tls: TlsServer | null
  readonly events: HandshakeEvents
  readonly proxyHeader: ProxyHeaderReader | null
  /** The client's connection: this one, or the one that a PROXY header tells of. */
  addresses: AddressPair
  /** Octets of {@link H2_BEGINS} that have come. */
  seen = 0
  protocol: AlpnProtocol = 'http/1.1'
  /** It speaks HTTP in clear text, and its listener does TLS. */
  inClearText = false
  /** TLS has begun. */
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
    this.events = events
    handshakeSteps.start(world, this, 'start')
  }

  get kind(): string {
    return 'arrival'
  }

  noHeader(why: string): void {
    this.failure = { kind: 'proxy-header', text: `no PROXY header came first (--accept-proxy): ${why}` }
  }

  noHandshake(): void {
    const why = this.late ? this.notInTime : (this.socket.fault?.code ?? 'the client closed the connection')
    this.failure = { kind: 'tls-handshake', text: why }
  }

  /**
   * Notes why it is dropped. One that said nothing has not failed: a health check, or a browser that connects
   * ahead.
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

  /** A PROXY header comes first, before TLS: nothing is answered without it. */
  readProxyHeader(a) {
    const { socket } = a
    const header = a.proxyHeader as ProxyHeaderReader
    for (let chunk = socket.take(); chunk !== null; chunk = socket.take()) {
      const used = header.feed(chunk)
      if (header.state === 'wrong') {
        a.noHeader('the first octets are not one')
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

  /**
   * Does a TLS record come first, or HTTP in clear text? What is neither is left to TLS, which says so in its
   * own words.
   */
  peek(a) {
    const { socket } = a
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

  /** HTTP/2 with prior knowledge begins with its preface; what begins otherwise is HTTP/1's to judge. */
  sniff(a) {
    const { socket } = a
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
    // It had begun to speak. Silence is no abuse: browsers connect ahead of what they may need.
    if (a.late && a.seen > 0) a.events.clientAbused(a, 1)
    a.noteDropped()
    a.socket.destroy()
    a.events.handshakeDropped(a)
    return done
  },
})
