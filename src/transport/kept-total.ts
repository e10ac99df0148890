// The bytes that one owner keeps past their turn, in whatever pieces. They are counted in the World's memory
// budget and for the owner's connection. When the budget is spent, the owner of those that were kept for
// longest must give them up, as a stalled stream must.

import type { Continuation } from '../continuation/index.js'
import type { Settleable } from '../pollset/index.js'
import { ConnectionBudget, type MemoryHolder } from './memory-budget.js'
import type { TransportWorld } from './world.js'

/** The owner of kept bytes. */
export interface Keeper {
  /** See {@link MemoryHolder.heldOwner}. */
  readonly heldOwner: Continuation | null
  /**
   * Gives up bytes at once, those first that it can do without. Returns true if it has given up all of them,
   * and ends.
   */
  giveUp(): boolean
}

export class KeptTotal implements MemoryHolder, Settleable {
  heldBytes = 0
  progressAt = 0
  stalled = false
  list: object | null = null
  listPrev: MemoryHolder | null = null
  listNext: MemoryHolder | null = null
  readonly budget: ConnectionBudget
  private readonly world: Pick<TransportWorld, 'pollset' | 'memory'>
  private readonly keeper: Keeper
  private settles = false

  /** @param budget that of its connection, if that has one */
  constructor(
    world: Pick<TransportWorld, 'pollset' | 'memory'>,
    keeper: Keeper,
    budget = new ConnectionBudget(),
  ) {
    this.world = world
    this.keeper = keeper
    this.budget = budget
  }

  get heldOwner(): Continuation | null {
    return this.keeper.heldOwner
  }

  /** Counts bytes. {@link settle} must follow before the turn ends: see {@link settleSoon}. */
  add(bytes: number): void {
    if (bytes === 0) return
    const { memory, pollset } = this.world
    if (this.heldBytes === 0) {
      memory.holders.push(this)
      this.progressAt = pollset.now
    }
    this.heldBytes += bytes
    this.budget.bytes += bytes
    memory.add(bytes)
  }

  /** These bytes have left, or are not needed. */
  remove(bytes: number): void {
    if (bytes === 0) return
    const { memory, pollset } = this.world
    this.heldBytes -= bytes
    this.budget.bytes -= bytes
    this.progressAt = pollset.now
    if (this.heldBytes === 0) memory.holders.remove(this)
    memory.remove(bytes)
  }

  /** Sees to it that the limits hold when the turn settles. */
  settleSoon(): void {
    if (this.settles) return
    this.settles = true
    this.world.pollset.settleLater(this)
  }

  settle(): void {
    const { memory, pollset } = this.world
    this.settles = false
    memory.enforce(pollset.now, this.budget)
  }

  crashWith(error: unknown): void {
    throw error
  }

  stall(): boolean {
    this.stalled = this.keeper.giveUp()
    return this.stalled
  }
}

/** The count of a copy that several use: its bytes are held until the last of them has given it up. */
export class KeptCopy {
  private readonly total: KeptTotal
  private readonly bytes: number
  private users: number

  constructor(total: KeptTotal, bytes: number, users = 1) {
    this.total = total
    this.bytes = bytes
    this.users = users
    total.add(bytes)
  }

  /** One of its users needs it no more. */
  clear(): void {
    this.users--
    if (this.users === 0) this.total.remove(this.bytes)
  }
}
