// A pollset in memory, for tests: no operating system, no time that passes by itself. A test is the peer: it
// dials a listener of the World or serves the connects of one, sends bytes, looks at what came back, and
// moves the clock. Everything runs in turns, as in production.

import {
  ACCEPTABLE,
  type Address,
  CLOSED,
  COMMANDED,
  CONNECTED,
  Commands,
  ENDED,
  FINISHED,
  LISTEN_FAILED,
  LISTENING,
  Listener,
  type Pollset,
  READABLE,
  RESOLVED,
  Resolution,
  SECURED,
  type Secured,
  Socket,
  type TlsClient,
  type TlsClientOptions,
  type TlsServer,
  type TlsServerOptions,
  Turns,
  WRITABLE,
} from '../../src/pollset/index.js'

/** The far end of a socket of the World: the test's. */
export class FarEnd {
  /** All bytes received and not yet taken. */
  received: Buffer = Buffer.alloc(0)
  ended = false
  closed = false
  /** Closed by RST. */
  wasReset = false
  /** False: what the World writes does not drain until {@link drain}. */
  reading = true
  private readonly near: MemorySocket
  private readonly pollset: MemoryPollset

  constructor(near: MemorySocket, pollset: MemoryPollset) {
    this.near = near
    this.pollset = pollset
  }

  /** Connect after all: its connect was left hanging. */
  accept(): void {
    this.near.mark(CONNECTED | WRITABLE)
    this.pollset.run()
  }

  /** Bytes for the World, and the turns they cause. */
  send(bytes: Uint8Array): void {
    this.put(bytes)
    this.pollset.run()
  }

  /** Bytes for the World, with no turn yet. */
  put(bytes: Uint8Array): void {
    this.near.arrive(Buffer.from(bytes))
  }

  take(): Buffer {
    const bytes = this.received
    this.received = Buffer.alloc(0)
    return bytes
  }

  end(): void {
    this.putEnd()
    this.pollset.run()
  }

  /** FIN, with no turn yet. */
  putEnd(): void {
    this.near.mark(this.ended ? ENDED | CLOSED : ENDED)
  }

  /** The connection is gone, as by RST. */
  destroy(): void {
    this.closed = true
    this.near.fault = { code: 'ECONNRESET', message: 'reset by the test' }
    this.near.mark(CLOSED)
    this.pollset.run()
  }

  /** Read what was written while {@link reading} was off, once. */
  drain(): void {
    this.near.drain()
    this.pollset.run()
  }
}

class MemorySocket extends Socket {
  readonly id: string
  readonly remote: Address
  readonly local: Address = { host: '127.0.0.1', port: 1 }
  readonly far: FarEnd
  paused = false
  private readonly pollset: MemoryPollset
  private incoming: Buffer[] = []
  private inFlight: Uint8Array | null = null
  private isEnded = false

  constructor(pollset: MemoryPollset, remote: Address, id: string, connected: boolean) {
    super()
    this.pollset = pollset
    this.remote = remote
    this.id = id
    this.far = new FarEnd(this, pollset)
    this.readiness = connected ? CONNECTED | WRITABLE : 0
  }

  mark(bits: number): void {
    this.pollset.mark(this, bits)
  }

  arrive(bytes: Buffer): void {
    this.incoming.push(bytes)
    this.mark(READABLE)
  }

  take(): Buffer | null {
    const chunk = this.incoming.shift() ?? null
    if (this.incoming.length === 0) this.lower(READABLE)
    return chunk
  }

  unread(bytes: Buffer): void {
    this.incoming.unshift(bytes)
    this.raise(READABLE)
  }

  /** No octets are exchanged for it: the protocol is the first of ours. Without a certificate it never ends. */
  secure(tls: TlsServer): void {
    if (tls.options.certificates.length === 0) return
    this.secured = securedAs(tls.options.alpn[0] ?? '')
    this.mark(SECURED)
  }

  write(bytes: Uint8Array): void {
    if ((this.readiness & WRITABLE) === 0)
      throw new Error(`${this.id}: written to while a write is in flight`)
    if (this.isEnded) throw new Error(`${this.id}: written to after its end`)
    this.pollset.writes++
    this.writtenBytes += bytes.length
    if (this.far.reading) {
      this.deliver(bytes)
      this.wroteAt = this.pollset.now
    } else {
      this.inFlight = bytes
      this.lower(WRITABLE)
    }
  }

  drain(): void {
    if (this.inFlight === null) return
    // Read only now: a slab that was reused too soon shows here.
    this.deliver(this.inFlight)
    this.inFlight = null
    this.mark(WRITABLE)
  }

  private deliver(bytes: Uint8Array): void {
    this.far.received = Buffer.concat([this.far.received, bytes])
  }

  end(): void {
    if (this.isEnded) throw new Error(`${this.id}: ended twice`)
    this.isEnded = true
    this.far.ended = true
    this.mark(FINISHED)
    // As a socket of Node's: when both have ended, it is closed.
    if ((this.readiness & ENDED) !== 0) this.mark(CLOSED)
  }

  destroy(): void {
    this.far.closed = true
    this.mark(CLOSED)
  }

  reset(): void {
    this.far.wasReset = true
    this.destroy()
  }

  pause(): void {
    this.paused = true
  }
  unpause(): void {
    this.paused = false
  }

  override raise(bits: number): void {
    super.raise(bits)
    if ((bits & WRITABLE) === 0) return
    this.wroteAt = this.pollset.now
    if (this.output !== null) this.pollset.flushLater(this.output)
  }
}

const securedAs = (protocol: string): Secured => ({
  protocol,
  version: 'TLSv1.3',
  cipher: 'TLS_AES_128_GCM_SHA256',
  serverName: '',
  authorized: false,
  peer: null,
})

class MemoryListener extends Listener {
  readonly id: string
  readonly address: Address
  readonly accepted: MemorySocket[] = []
  open = true

  constructor(address: Address, id: string) {
    super()
    this.address = address
    this.id = id
  }
  accept(): Socket | null {
    const socket = this.accepted.shift() ?? null
    if (this.accepted.length === 0) this.lower(ACCEPTABLE)
    return socket
  }
  close(): void {
    this.open = false
  }
}

class MemoryResolution extends Resolution {
  readonly id: string
  readonly addresses: readonly string[]
  readonly fault

  constructor(host: string, named: readonly string[] = [host]) {
    super()
    this.id = `resolve(${host})`
    this.addresses = host.endsWith('.invalid') ? [] : named
    this.fault = host.endsWith('.invalid') ? { code: 'ENOTFOUND', message: `no address of ${host}` } : null
    // This one is never answered.
    this.readiness = host.endsWith('.example') ? 0 : RESOLVED
  }
}

class MemoryCommands extends Commands {
  readonly id = 'commands'
  private readonly orders: string[] = []
  private readonly pollset: MemoryPollset
  constructor(pollset: MemoryPollset) {
    super()
    this.pollset = pollset
  }
  give(command: string): void {
    this.orders.push(command)
    this.pollset.mark(this, COMMANDED)
  }
  take(): string | null {
    const order = this.orders.shift() ?? null
    if (this.orders.length === 0) this.lower(COMMANDED)
    return order
  }
}

type Markable = MemorySocket | MemoryListener | MemoryCommands

/** What becomes of a connect to an address that the test serves. */
export type Served = 'accept' | 'refuse' | 'hang'

export class MemoryPollset extends Turns implements Pollset {
  /** Writes to sockets so far. */
  writes = 0
  readonly commands = new MemoryCommands(this)
  private clock = 0
  private asked = false
  private marked = new Map<Markable, number>()
  private readonly listeners: MemoryListener[] = []
  private readonly serving = new Map<string, { served: Served; connected: (far: FarEnd) => void }>()
  private dials = 0
  private readonly names = new Map<string, readonly string[]>()

  listen(address: Address, id: string): Listener {
    const listener = new MemoryListener(address, id)
    const taken = this.listeners.some((other) => other.open && other.address.port === address.port)
    if (taken) listener.fault = { code: 'EADDRINUSE', message: 'in use' }
    else this.listeners.push(listener)
    this.mark(listener, taken ? LISTEN_FAILED : LISTENING)
    return listener
  }

  connect(address: Address, id: string, tls?: TlsClient): Socket {
    const socket = new MemorySocket(this, address, id, false)
    if (tls !== undefined) socket.secured = securedAs(tls.options.alpn[0] ?? '')
    const entry = this.serving.get(`${address.host}:${address.port}`)
    if (entry === undefined || entry.served === 'refuse') {
      socket.fault = { code: 'ECONNREFUSED', message: 'refused' }
      socket.mark(CLOSED)
    } else {
      if (entry.served === 'accept') socket.mark(CONNECTED | WRITABLE)
      entry.connected(socket.far)
    }
    return socket
  }

  resolve(host: string): Resolution {
    return new MemoryResolution(host, this.names.get(host))
  }

  tlsServer(options: TlsServerOptions): TlsServer {
    return { options }
  }
  tlsClient(options: TlsClientOptions): TlsClient {
    return { options }
  }

  /** From Sun, 06 Nov 1994 08:49:37 GMT on, the example of RFC 9110 §5.6.7. */
  wallTime(): number {
    return 784_111_777_000 + this.now
  }

  random(target: Uint8Array): void {
    target.fill(7)
  }

  close(): void {}

  // The test's side

  /** Connects to this address go to the test. */
  serve(address: Address, connected: (far: FarEnd) => void, served: Served = 'accept'): void {
    this.serving.set(`${address.host}:${address.port}`, { served, connected })
  }

  /** What a look-up of this name finds. */
  name(host: string, addresses: readonly string[]): void {
    this.names.set(host, addresses)
  }

  /** Connect to a listener of the World; `from` is what the World sees as the remote address. */
  dial(port: number, from: Address = { host: '192.0.2.1', port: 40_000 + this.dials }): FarEnd {
    const listener = this.listeners.find((each) => each.open && each.address.port === port)
    if (listener === undefined) throw new Error(`nobody listens on ${port}`)
    const socket = this.socket(from)
    listener.accepted.push(socket)
    this.mark(listener, ACCEPTABLE)
    this.run()
    return socket.far
  }

  /** A connected socket without a listener, to hand to a protocol directly; its far end is `socket.far`. */
  socket(from: Address = { host: '192.0.2.1', port: 40_000 }): MemorySocket {
    return new MemorySocket(this, from, `dial${++this.dials}`, true)
  }

  /** Run turns until nothing more happens. Throws if that takes too long to be true. */
  run(turnsMax = 10_000): void {
    for (let left = turnsMax; this.asked; left--) {
      if (left === 0) throw new Error(`still busy after ${turnsMax} turns`)
      this.one()
    }
  }

  /** One turn. */
  one(): void {
    this.asked = false
    this.turn()
  }

  /** Move the clock on by `ms`, stopping at each deadline on the way, and settle. */
  advance(ms: number): void {
    const until = this.clock + ms
    this.run()
    for (let at = this.deadlines.earliest(); at <= until; at = this.deadlines.earliest()) {
      this.clock = Math.max(at, this.clock)
      this.one()
      this.run()
    }
    this.clock = until
    this.one()
    this.run()
  }

  mark(target: Markable, bits: number): void {
    this.marked.set(target, (this.marked.get(target) ?? 0) | bits)
    this.askForTurn()
  }

  protected override readClock(): number {
    return this.clock
  }

  protected override steal(): void {
    const marked = this.marked
    this.marked = new Map()
    for (const [target, bits] of marked) target.raise(bits)
  }

  protected override askForTurn(): void {
    this.asked = true
  }
}
