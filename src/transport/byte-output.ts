// Output of plain bytes, which wait in the World's memory budget until the peer takes them. When the budget
// is spent, the connection that holds most and moves least must close.

import type { Settleable, Slab } from '../pollset/index.js'
import { ConnectionBudget, type MemoryBudget } from './memory-budget.js'
import { type CreditSink, ReceiveBuffer } from './receive-buffer.js'
import { type OutputOwner, SlabOutput } from './slab-output.js'
import type { OutputSlabs } from './slabs.js'
import type { TransportWorld } from './world.js'

/** A connection, as seen by its output. */
export interface ByteOutputOwner extends OutputOwner {
  /** Is told that this many bytes have left. */
  sent(bytes: number): void
  /**
   * Is told that the budget is spent, and that these bytes were dropped because they move least. The
   * connection must close.
   */
  stalled(): void
}

export class ByteOutput extends SlabOutput implements CreditSink, Settleable {
  readonly starving = false
  readonly heldOwner = null
  private readonly memory: MemoryBudget
  /** The bytes that its connection holds. */
  readonly budget = new ConnectionBudget()
  private readonly unsent: ReceiveBuffer
  private readonly connection: ByteOutputOwner
  private abandoned = false
  private corked = false
  /** The number of bytes given to it so far. */
  putBytes = 0
  /** The number of bytes written so far. The others have certainly not left. */
  takenBytes = 0

  constructor(world: TransportWorld, connection: ByteOutputOwner) {
    super(world.pollset, world.slabs)
    this.memory = world.memory
    this.connection = connection
    this.unsent = new ReceiveBuffer(world.memory, this.budget, this)
  }

  /** The number of bytes that wait. */
  get waiting(): number {
    return this.unsent.length
  }

  /**
   * Writes bytes, which may be a slice of this turn's read buffer: the rest of them is copied when the turn
   * settles. After the connection has closed they are dropped.
   */
  write(bytes: Buffer): void {
    this.put(bytes, 0, bytes.length)
  }

  /**
   * Writes a range of a buffer, as {@link write} does. Ranges that follow each other in one buffer
   * are one copy (T12).
   */
  put(buffer: Buffer, from: number, to: number): void {
    if (this.abandoned) return
    this.putBytes += to - from
    if (this.unsent.push(buffer, from, to)) this.pollset.settleLater(this)
    if (!this.corked) this.flushSoon()
  }

  /** True if a write was asked for in this turn: it takes what is put up to its end. */
  get flushesSoon(): boolean {
    return this.flushAsked
  }

  /** From here on, bytes that are put ask for no write, up to {@link uncork}. One may take them earlier. */
  cork(): void {
    this.corked = true
  }

  uncork(): void {
    if (!this.corked) return
    this.corked = false
    this.flushSoon()
  }

  override abandon(): void {
    super.abandon()
    this.abandoned = true
    this.unsent.clear()
  }

  settle(): void {
    this.unsent.settle(this.pollset.now)
    this.memory.enforce(this.pollset.now, this.budget)
  }

  consumed(bytes: number): void {
    this.connection.sent(bytes)
  }

  stalled(): void {
    this.unsent.clear()
    this.connection.stalled()
  }

  protected override get hasOutput(): boolean {
    return this.unsent.length > 0
  }

  protected override takeSlab(slabs: OutputSlabs): Slab {
    return slabs.take(this.unsent.length, 0, this)
  }

  protected override fill(slab: Buffer): void {
    this.end = this.unsent.pull(slab, 0, slab.length, this.pollset.now)
    this.takenBytes += this.end
  }
}
