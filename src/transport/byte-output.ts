// Output of plain bytes: they wait in the memory budget of the World until the peer takes them. The
// connection that holds most and moves least is told to end when the budget is spent.

import type { Settleable, Slab } from '../pollset/index.js'
import { ConnectionBudget, type MemoryBudget } from './memory-budget.js'
import { type CreditSink, ReceiveBuffer } from './receive-buffer.js'
import { type OutputOwner, SlabOutput } from './slab-output.js'
import type { OutputSlabs } from './slabs.js'
import type { TransportWorld } from './world.js'

/** What a connection is to its bytes: also what ends where they wait too long. */
export interface ByteOutputOwner extends OutputOwner {
  /** So many of them have left. */
  sent(bytes: number): void
  /** The budget is spent and these bytes move least: what waited is dropped. End the connection. */
  stalled(): void
}

export class ByteOutput extends SlabOutput implements CreditSink, Settleable {
  readonly starving = false
  private readonly memory: MemoryBudget
  private readonly budget = new ConnectionBudget()
  private readonly unsent: ReceiveBuffer
  private readonly connection: ByteOutputOwner
  private abandoned = false

  constructor(world: TransportWorld, connection: ByteOutputOwner) {
    super(world.pollset, world.slabs)
    this.memory = world.memory
    this.connection = connection
    this.unsent = new ReceiveBuffer(world.memory, this.budget, this)
  }

  /** Bytes that wait. */
  get waiting(): number {
    return this.unsent.length
  }

  /**
   * Writes these bytes, which may be of this turn's read buffer: what stays is copied when the turn
   * settles. Once the connection is gone they are dropped.
   */
  write(bytes: Buffer): void {
    if (this.abandoned) return
    if (this.unsent.push(bytes, 0, bytes.length)) this.pollset.settleLater(this)
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
  }
}
