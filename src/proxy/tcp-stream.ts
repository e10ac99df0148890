// The tunnel to the target of a CONNECT, as a stream: bytes both ways, and no heads. Bytes of the target wait
// in the receive buffer for the client. Past a bound reading from the target stops. Bytes of the client are
// pulled from its stream into a slab.

import { BODY, type ResetReason, Stream, type StreamConnection } from '../http/index.js'
import { invariant, type Pollset, type Settleable, type Slab } from '../pollset/index.js'
import type { TransportWorld } from '../transport/index.js'
import { ConnectionBudget, type OutputSlabs, ReceiveBuffer, SlabOutput } from '../transport/index.js'

/** A connection, as seen by its tunnel. */
export interface TcpStreamConnection extends StreamConnection {
  crashWith(error: unknown): void
  pending(stream: TcpStream): void
  resetByUs(stream: TcpStream, reason: ResetReason): void
  stalled(stream: TcpStream): void
  /** Wakes the connection: there is room for more of the target's bytes. */
  changed(): void
  /** Is told that all of the client's half has been written. */
  sent(stream: TcpStream): void
}

export class TcpStream extends Stream implements Settleable {
  readonly connection: TcpStreamConnection
  readonly budget: ConnectionBudget
  readonly owing: boolean
  closed: boolean
  /** The number of bytes that have come and not left. */
  private outstanding: number
  private readonly aheadMax: number
  private readonly world: TransportWorld

  /** @param aheadMax the bytes that may have come and not left before reading from the target stops */
  constructor(connection: TcpStreamConnection, world: TransportWorld, aheadMax: number) {
    super()
    this.connection = connection
    this.budget = new ConnectionBudget()
    this.owing = false
    this.closed = false
    this.outstanding = 0
    this.aheadMax = aheadMax
    this.world = world
  }

  get id(): string {
    return `${this.connection.id}/r1`
  }

  // The target's bytes

  get isFull(): boolean {
    return this.outstanding >= this.aheadMax
  }

  /** True if reading will stop soon because of bytes kept for replay, which must then be released. */
  get starving(): boolean {
    return !this.remoteEnded && this.outstanding * 4 >= this.aheadMax * 3
  }

  /** Takes bytes of a read buffer, which is valid in this turn only. A stalled tunnel drops them. */
  receive(bytes: Buffer): void {
    if (this.fault !== null) return
    this.outstanding += bytes.length
    this.receiveBuffer ??= this.newReceiveBuffer()
    if (this.receiveBuffer.push(bytes, 0, bytes.length)) this.world.pollset.settleLater(this)
    this.raise(BODY)
  }

  protected newReceiveBuffer(): ReceiveBuffer {
    return new ReceiveBuffer(this.world.memory, this.budget, this)
  }

  consumed(bytes: number): void {
    const wasFull = this.isFull
    this.outstanding -= bytes
    invariant(this.outstanding >= 0, 'a byte leaves once')
    if (wasFull && !this.isFull) this.connection.changed()
  }

  /** Copies the bytes that the client has not taken in this turn. */
  settle(): void {
    const { memory, pollset } = this.world
    this.receiveBuffer?.settle(pollset.now)
    memory.enforce(pollset.now, this.budget)
  }

  crashWith(error: unknown): void {
    this.connection.crashWith(error)
  }

  // The client's bytes

  /** Sends nothing: the target gets no head. */
  override sendHead(): void {}
}

/** Writes the client's bytes to the target. */
export class TcpOutput extends SlabOutput {
  stream: TcpStream | null

  constructor(pollset: Pollset, slabs: OutputSlabs) {
    super(pollset, slabs)
    this.stream = null
  }

  pending(stream: TcpStream): void {
    this.stream = stream
    this.flushSoon()
  }

  /** Drops the bytes that the tunnel has not written. */
  leave(stream: TcpStream): void {
    this.stream = null
    stream.dropPending()
  }

  protected override get hasOutput(): boolean {
    return this.stream?.hasWork === true
  }

  protected override takeSlab(slabs: OutputSlabs): Slab {
    return slabs.take(this.stream === null ? 0 : this.stream.wantedBytes, 0, this)
  }

  protected override fill(slab: Buffer): void {
    const { stream } = this
    if (stream === null) return
    const available = stream.available
    if (stream.granted > 0 && available === 0) {
      // The client's stream was reset after the grant. The exchange is told of it, and resets this one.
      stream.granted = 0
      stream.endGranted = false
      return
    }
    this.end = Math.min(available, slab.length)
    if (this.end > 0) stream.pullInto(slab, 0, this.end, this.pollset.now)
    if (stream.granted > 0 || !stream.endGranted) return
    stream.localEnded = true
    stream.sentAt = this.pollset.now
    this.stream = null
    // FIN ends the client's half of the tunnel.
    this.finishing = true
    stream.connection.sent(stream)
  }
}
