// One connection of the simulated network: a socket of the World, the peer's socket, and two pipes between
// them. A pipe keeps bytes and their order, as TCP does. The seed of the network decides when bytes arrive,
// in what pieces, and how much is taken at once.
//
// The network copies the World's bytes from the World's own buffer only when it sends them, so a slab
// that is reused too soon shows as wrong bytes at the peer. Bytes that the World has read are
// overwritten after the turn.

import {
  type Address,
  CLOSED,
  CONNECTED,
  ENDED,
  FINISHED,
  READABLE,
  SECURED,
  Socket,
  WRITABLE,
} from '../door.js'
import type { Secured, TlsServer } from '../tls.js'
import { DATA, FIN, type Piece, Pipe, RST, type SimNet, tally } from './pipe.js'

/** The most bytes of one read, as in libuv. */
const READ_BYTES_MAX = 65_536

/** The code that plays the peer. It is called between turns. */
export interface SimPeerSocketOwner {
  /** Bytes have arrived. They are valid only until this returns. */
  received(bytes: Uint8Array): void
  /** FIN has arrived. */
  ended(): void
  /** The connection has closed. */
  closed(): void
}

/** The peer's end of a connection. Its actions take effect when the network has carried them. */
export class SimPeerSocket {
  owner: SimPeerSocketOwner | null = null
  /** True while it reads. Otherwise the World's bytes stay in the network until that is full. */
  reading = true
  /**
   * True while the network takes the World's bytes. Otherwise a write stays in flight until {@link takeOnce}.
   */
  windowOpen = true
  /** True once the connection has closed: by FIN from both ends, by RST, or by the World. */
  gone = false
  /** True once it has sent FIN. */
  ended = false
  readonly near: SimSocket
  private readonly net: SimNet

  constructor(net: SimNet, near: SimSocket) {
    this.net = net
    this.near = near
  }

  send(bytes: Uint8Array): void {
    if (this.gone || this.ended || bytes.length === 0) return
    this.near.toNear.put(Buffer.from(bytes))
  }

  /** Sends FIN. */
  end(): void {
    if (this.gone || this.ended) return
    this.ended = true
    this.near.toNear.finish(FIN)
  }

  /** Sends RST. Later bytes of the World are lost. */
  reset(): void {
    if (this.gone) return
    this.gone = true
    this.near.toFar.drop()
    // RST may overtake bytes sent before it.
    if (this.net.chance.chance(30)) this.near.toNear.drop()
    this.near.toNear.cut = this.near.vanished
    this.near.toNear.finish(RST)
  }

  read(on: boolean): void {
    this.reading = on
    if (on) this.near.toFar.run()
  }

  /** Takes the write that a closed window holds back. */
  takeOnce(): void {
    this.near.takenOnce()
  }

  /** Completes a connect that waits for it ({@link SimPollset.serve}). */
  accept(): void {
    this.near.connected(true)
  }

  /** Takes the World's bytes at this rate; 0: as they arrive. */
  pace(bytesPerSecond: number): void {
    this.near.toFar.bytesPerSecond = bytesPerSecond
  }

  /** True while nothing is on its way in either direction. */
  get idle(): boolean {
    return this.near.idle
  }
}

/** The result of a simulated handshake, except for its protocol. */
export const SIMULATED_TLS: Secured = {
  protocol: '',
  version: 'TLSv1.3',
  cipher: 'TLS_AES_128_GCM_SHA256',
  serverName: '',
  authorized: false,
  peer: null,
}

export class SimSocket extends Socket {
  readonly id: string
  readonly remote: Address
  readonly local: Address
  readonly peer: SimPeerSocket
  readonly toFar: Pipe
  readonly toNear: Pipe
  paused = false
  /** True once nothing arrives at either end any more. */
  vanished = false
  private readonly net: SimNet
  private readonly incoming: Buffer[] = []
  /** The rest of a write that the network has not taken: still the World's own memory. */
  private inFlight: Uint8Array | null = null
  private finWanted = false
  private peerEnded = false
  private over = false
  /** True once the World has closed it in both directions. */
  private destroyed = false
  /** True once the network has reset it. */
  brokenUp = false
  /** True once the World has reset it. */
  wasReset = false

  constructor(net: SimNet, remote: Address, local: Address, id: string, connected: boolean) {
    super()
    this.net = net
    this.remote = remote
    this.local = local
    this.id = id
    this.peer = new SimPeerSocket(net, this)
    this.toFar = new Pipe(net, (piece) => this.atFar(piece))
    this.toNear = new Pipe(net, (piece) => this.atNear(piece))
    if (connected) this.connected(false)
  }

  /** Notes that the connection is established, and draws its faults. */
  connected(tell: boolean): void {
    if (tell) this.net.mark(this, CONNECTED | WRITABLE)
    else this.readiness = CONNECTED | WRITABLE
    const { chance, faults, clock } = this.net
    if (chance.chance(faults.resetPercent)) {
      this.net.at(clock + chance.below(faults.faultWithinMs + 1), () => this.breakUp())
    } else if (chance.chance(faults.vanishPercent)) {
      this.net.at(clock + chance.below(faults.faultWithinMs + 1), () => this.vanish())
    } else if (chance.chance(faults.slowPercent)) {
      tally(this.net.done, 'slow')
      this.peer.pace(faults.slowBytesPerSecond)
    }
  }

  /** Resets the connection at both ends, as a fault of the network. */
  breakUp(): void {
    if (this.over || this.net.faults.resetPercent === 0) return
    tally(this.net.done, 'reset')
    this.brokenUp = true
    this.toFar.drop()
    this.toNear.drop()
    this.failed('ECONNRESET')
    this.farGone()
  }

  /** Loses everything from here on, silently, as a fault of the network. */
  vanish(): void {
    if (this.over || this.net.faults.vanishPercent === 0) return
    tally(this.net.done, 'vanish')
    this.lose()
  }

  /** Loses everything from here on, in both directions. */
  lose(): void {
    this.vanished = true
    this.toFar.drop()
    this.toNear.drop()
  }

  failed(code: string): void {
    if (this.over) return
    this.over = true
    this.inFlight = null
    this.fault ??= { code, message: `${code} in the simulated network` }
    this.net.mark(this, CLOSED)
  }

  /** True once it has closed for the World. */
  get closedHere(): boolean {
    return this.over
  }

  get idle(): boolean {
    if (this.destroyed || this.toFar.cut || this.toNear.cut) return false
    return this.toFar.empty && this.toNear.empty && this.inFlight === null && this.incoming.length === 0
  }

  take(): Buffer | null {
    const chunk = this.incoming.shift() ?? null
    if (this.incoming.length === 0) this.lower(READABLE)
    if (chunk !== null) this.net.taken(chunk)
    return chunk
  }

  get arrived(): readonly Buffer[] {
    return this.incoming
  }

  unread(bytes: Buffer): void {
    if (bytes.length === 0) return
    // Chunks that were taken are overwritten after the turn, so the bytes are copied.
    this.incoming.unshift(Buffer.from(bytes))
    this.raise(READABLE)
  }

  /** Succeeds without simulating TLS records. It chooses the first of our protocols. */
  secure(tls: TlsServer): void {
    this.secured = { ...SIMULATED_TLS, protocol: tls.options.alpn[0] ?? '' }
    this.net.mark(this, SECURED)
  }

  write(bytes: Uint8Array): void {
    if ((this.readiness & WRITABLE) === 0) throw new Error(`${this.id}: a write while one is in flight`)
    if (this.finWanted) throw new Error(`${this.id}: a write after the end`)
    this.net.writes++
    if (this.over) return
    this.writtenBytes += bytes.length
    this.inFlight = bytes
    this.refill()
    if (this.inFlight !== null) {
      tally(this.net.done, 'short write')
      this.lower(WRITABLE)
    } else this.wroteAt = this.net.clock
  }

  end(): void {
    if (this.finWanted) throw new Error(`${this.id}: ended twice`)
    this.finWanted = true
    if (!this.over && this.inFlight === null) this.fin()
  }

  destroy(): void {
    if (this.over) return
    this.over = true
    this.destroyed = true
    this.inFlight = null
    // If bytes are unread, the operating system sends RST, which may overtake what was written.
    if (!this.toNear.empty && this.net.chance.chance(50)) {
      this.toFar.drop()
      this.toFar.cut = this.vanished
    }
    this.toFar.finish(RST)
    const { cut } = this.toNear
    this.toNear.drop()
    // Further bytes of the peer arrive, and are answered by RST.
    this.toNear.cut = cut
    this.net.mark(this, CLOSED)
  }

  reset(): void {
    // A second one must not take back the first.
    if (this.over) return
    this.wasReset = true
    this.toFar.drop()
    this.toFar.cut = this.vanished
    this.destroy()
  }

  pause(): void {
    this.paused = true
  }
  unpause(): void {
    this.paused = false
    this.toNear.run()
  }

  override raise(bits: number): void {
    super.raise(bits)
    if ((bits & WRITABLE) === 0) return
    this.wroteAt = this.net.clock
    if (this.output !== null) this.net.flushLater(this.output)
  }

  /** Copies bytes in flight from the World's memory to the network, as far as it has room. */
  private refill(): void {
    const bytes = this.inFlight
    if (bytes === null || !this.peer.windowOpen) return
    const room = this.net.faults.sendBufferBytes
    const size = room === 0 ? bytes.length : Math.min(bytes.length, room - this.toFar.bytes)
    if (size > 0) {
      this.toFar.put(Buffer.from(bytes.subarray(0, size)))
      this.inFlight = size === bytes.length ? null : bytes.subarray(size)
    }
  }

  takenOnce(): void {
    const bytes = this.inFlight
    if (bytes === null || this.over) return
    this.toFar.put(Buffer.from(bytes))
    this.inFlight = null
    this.net.mark(this, WRITABLE)
    if (this.finWanted) this.fin()
  }

  private fin(): void {
    this.toFar.finish(FIN)
    this.net.mark(this, FINISHED)
    if (this.peerEnded) this.closedInPeace()
  }

  private closedInPeace(): void {
    if (this.over) return
    this.over = true
    this.net.mark(this, CLOSED)
  }

  /** Takes a piece that has arrived at the peer. Returns false if the peer does not read. */
  private atFar(piece: Piece): boolean {
    const { peer: far } = this
    if (!far.reading && piece.kind === DATA) return false
    if (piece.kind === RST) this.farGone()
    else if (far.gone) return true
    else if (piece.kind === FIN) far.owner?.ended()
    else {
      far.owner?.received(piece.bytes as Buffer)
      if (this.inFlight !== null && !this.over) this.net.at(this.net.clock, () => this.drained())
    }
    return true
  }

  private drained(): void {
    if (this.over || this.inFlight === null) return
    const { sendBufferBytes, roomBytes } = this.net.faults
    if (sendBufferBytes - this.toFar.bytes < roomBytes) return
    this.refill()
    if (this.inFlight !== null) return
    this.net.mark(this, WRITABLE)
    if (this.finWanted) this.fin()
  }

  private farGone(): void {
    if (this.peer.gone) return
    this.peer.gone = true
    this.peer.owner?.closed()
  }

  /** Takes a piece that has arrived at the World. Returns false if the World does not read. */
  private atNear(piece: Piece): boolean {
    if (this.over) {
      if (piece.kind === DATA) this.unheard()
      return true
    }
    if (piece.kind === RST) this.failed('ECONNRESET')
    else if (piece.kind === FIN) {
      this.peerEnded = true
      this.net.mark(this, ENDED)
      if (this.finWanted && this.inFlight === null) this.closedInPeace()
    } else {
      if (this.paused && this.incoming.length > 0) return false
      this.came(piece.bytes as Buffer)
    }
    return true
  }

  /** Answers bytes for a closed socket by RST, as the operating system does. Bytes on their way are lost. */
  private unheard(): void {
    if (!this.destroyed || this.toFar.empty) return
    this.toFar.drop()
    this.toFar.cut = this.vanished
    this.toFar.finish(RST)
  }

  private came(bytes: Buffer): void {
    const { incoming } = this
    const last = incoming.length - 1
    const joined = last >= 0 && this.net.chance.chance(this.net.faults.coalescePercent)
    if (joined && incoming[last].length + bytes.length <= READ_BYTES_MAX) {
      incoming[last] = Buffer.concat([incoming[last], bytes])
    } else {
      for (let at = 0; at < bytes.length; at += READ_BYTES_MAX)
        incoming.push(bytes.subarray(at, at + READ_BYTES_MAX))
    }
    this.net.mark(this, READABLE)
  }
}
