// The simulated network without faults and without chance, for tests: the test plays the peer. It dials a
// listener of the World or serves the connects of one, sends bytes, looks at what came back, and moves the
// clock. An action has taken effect when its call returns.

import {
  type Address,
  noFaults,
  Prng,
  type Resolution,
  type SimPeerSocket,
  SimPollset,
  type TlsServer,
} from '../../src/pollset/index.js'
import { SimSocket } from '../../src/pollset/sim/link.js'

/** The far end of a socket of the World, which the test holds. */
export class FarEnd {
  /** All bytes received and not yet taken. */
  received: Buffer = Buffer.alloc(0)
  /** True once FIN has come. */
  ended = false
  private destroyed = false
  private readonly peer: SimPeerSocket
  private readonly pollset: MemoryPollset

  constructor(peer: SimPeerSocket, pollset: MemoryPollset) {
    this.peer = peer
    this.pollset = pollset
    peer.owner = {
      received: (bytes) => {
        this.received = Buffer.concat([this.received, bytes])
      },
      ended: () => {
        this.ended = true
      },
      closed() {},
    }
  }

  /** True once the connection is gone, closed by either end. */
  get closed(): boolean {
    return this.destroyed || this.peer.near.closedHere
  }

  /** True once the World has closed it by RST. */
  get wasReset(): boolean {
    return this.peer.near.wasReset
  }

  /** False: the World's writes do not drain until {@link drain}. */
  get reading(): boolean {
    return this.peer.windowOpen
  }

  set reading(on: boolean) {
    this.peer.windowOpen = on
  }

  /** Completes a connect that was left hanging. */
  accept(): void {
    this.peer.accept()
    this.pollset.run()
  }

  /** Sends bytes to the World, and runs the turns they cause. */
  send(bytes: Uint8Array): void {
    this.put(bytes)
    this.pollset.run()
  }

  /** Sends bytes to the World, without a turn. */
  put(bytes: Uint8Array): void {
    this.peer.send(bytes)
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

  /** Sends FIN, without a turn. */
  putEnd(): void {
    this.peer.end()
  }

  /** Ends the connection, as by RST. */
  destroy(): void {
    this.destroyed = true
    this.peer.reset()
    this.pollset.run()
  }

  /** Reads, once, what was written while {@link reading} was off. */
  drain(): void {
    this.peer.takeOnce()
    this.pollset.run()
  }
}

/** A connected socket that no listener has accepted. */
class MemorySocket extends SimSocket {
  readonly far: FarEnd

  constructor(pollset: MemoryPollset, remote: Address, id: string) {
    super(pollset, remote, { host: '127.0.0.1', port: 1 }, id, true)
    this.far = new FarEnd(this.peer, pollset)
  }

  /** Begins TLS. Without a certificate the handshake never ends. */
  override secure(tls: TlsServer): void {
    if (tls.options.certificates.length > 0) super.secure(tls)
  }
}

/** A generator whose every draw is the one by which nothing happens. */
class NoChance extends Prng {
  override next(): number {
    return 0xffff_ffff
  }
}

/** The fate of a connect to an address that the test serves. */
export type Served = 'accept' | 'refuse' | 'hang'

export class MemoryPollset extends SimPollset {
  private dials = 0

  constructor() {
    super(0, noFaults, new NoChance(0))
  }

  /**
   * Resolves any name to an address, but `*.invalid` to none, and `*.example` is never answered (RFC 2606).
   */
  override resolve(host: string): Resolution {
    if (!this.isNamed(host) && !host.endsWith('.invalid'))
      this.name(host, host.endsWith('.example') ? null : [host])
    return super.resolve(host)
  }

  override random(target: Uint8Array): void {
    target.fill(7)
  }

  /** Gives the test the connects to this address. */
  serveFar(address: Address, connected: (far: FarEnd) => void, served: Served = 'accept'): void {
    if (served === 'refuse') this.unserve(address)
    else this.serve(address, (peer) => connected(new FarEnd(peer, this)), served === 'hang')
  }

  /** Connects to a listener of the World; `from` is the remote address that the World sees. */
  dialFar(address: Address, from: Address = { host: '192.0.2.1', port: 40_000 + this.dials++ }): FarEnd {
    const peer = this.dial(address, from)
    if (peer === null) throw new Error(`nobody listens on ${address.port}`)
    const far = new FarEnd(peer, this)
    this.run()
    return far
  }

  /** Makes a connected socket without a listener, to hand to a protocol directly. */
  socket(from: Address = { host: '192.0.2.1', port: 40_000 }): MemorySocket {
    return new MemorySocket(this, from, `dial${++this.dials}`)
  }

  /** Runs turns until nothing more happens now. Throws if that takes more than `turnsMax`. */
  run(turnsMax = 10_000): void {
    const most = this.turns + turnsMax
    this.runUntil(() => {
      if (this.turns > most) throw new Error(`still busy after ${turnsMax} turns`)
      return false
    }, 0)
  }

  /** Runs a turn, with the input before it and the output after it. */
  override one(): void {
    this.due()
    super.one()
    this.due()
  }

  /** Moves the clock on by `ms`, stopping at each deadline on the way, and settles. */
  advance(ms: number): void {
    const until = this.clock + ms
    this.runUntil(() => false, ms)
    this.clock = until
    this.one()
    this.run()
  }
}
