// The memory budget: bounds the bytes that wait in receive buffers, for the World and for each connection
// (design: Flow control). It counts what is allocated, not the payload.
//
// Below the soft limit a stalled stream costs no more than its own window. Above it the stream that has
// stalled longest with most bytes is reset, and its memory is freed. Its siblings are never reset for it.
// Among stalled streams, those of a continuation that a debugger holds are reset first.

import { type Continuation, fault } from '../continuation/index.js'
import { invariant, List, type Slab, SlabPool } from '../pollset/index.js'
import type { ReceiveBuffer } from './receive-buffer.js'

/** The fault of a stream that was reset to free memory (design: Flow control). */
export const STALL = fault(
  'stall',
  'internal',
  'stream',
  'never',
  'the stream held most memory and moved least',
)

export interface MemoryLimits {
  /**
   * The bytes buffered by the World from which on connection credit is returned only when they are consumed,
   * and the streams that stalled longest are reset. Each worker counts its own.
   */
  readonly heldBytesSoft: number
  /**
   * The bytes buffered by the World past which streams are reset even before they have stalled. Each worker
   * counts its own.
   */
  readonly heldBytesMax: number
  /** The bytes buffered by one connection past which its streams are reset even before they have stalled. */
  readonly connectionHeldBytesMax: number
  /** The time without progress after which a stream counts as stalled, in ms. */
  readonly stallMs: number
}

export const memoryLimits: MemoryLimits = {
  heldBytesSoft: 192 * 1024 * 1024,
  heldBytesMax: 256 * 1024 * 1024,
  connectionHeldBytesMax: 64 * 1024 * 1024,
  stallMs: 1_000,
}

/** Is told that a held continuation loses these bytes, and which limit was reached. */
export type HeldLoss = (held: Continuation, bytes: number, limit: string) => void

const BLOCK_SIZES = [512, 4096, 16384] as const
/**
 * The sizes of blocks that keep a message in one piece; a larger one has a block of its own. Each has room
 * for a value of a round size and what frames it.
 */
const KEPT_SIZES = [1_024, 5_120, 17_408, 33_792, 66_560, 132_096, 263_168] as const
/** The bytes of the idle blocks of each size. */
const IDLE_BYTES = 4 * 1024 * 1024

/** The bytes that one connection's streams hold. */
export class ConnectionBudget {
  bytes = 0
}

export class MemoryBudget {
  /** bytes allocated to blocks now */
  bytes = 0
  /** bytes of {@link charge} among them */
  charged = 0
  /** streams reset because they stalled */
  stalls = 0
  /** Is called for a debugger; null without one. */
  onHeldLoss: HeldLoss | null = null
  readonly limits: MemoryLimits
  private readonly pools: readonly SlabPool[]
  private readonly keptPools: readonly SlabPool[]
  /** The receive buffers that hold blocks. */
  readonly holders = new List<ReceiveBuffer>()

  constructor(limits: MemoryLimits = memoryLimits) {
    this.limits = limits
    this.pools = BLOCK_SIZES.map((size) => new SlabPool(size, IDLE_BYTES / size))
    this.keptPools = KEPT_SIZES.map((size) => new SlabPool(size, Math.floor(IDLE_BYTES / size)))
  }

  /** Takes a block for `bytes` in one piece. */
  takeKept(bytes: number, owner: object): Slab {
    const pool = this.keptPools.find((each) => bytes <= each.size) ?? new SlabPool(bytes, 0)
    this.bytes += pool.size
    return pool.take(owner)
  }

  giveKept(block: Slab, owner: object): void {
    block.pool.give(block, owner)
    this.bytes -= block.pool.size
    invariant(this.bytes >= 0, 'bytes given back were counted as held')
  }

  /** Returns the pool whose blocks fit `bytes` best; the largest if they need several blocks. */
  poolFor(bytes: number): SlabPool {
    for (const pool of this.pools) if (bytes <= pool.size) return pool
    return this.pools[this.pools.length - 1]
  }

  take(pool: SlabPool, buffer: ReceiveBuffer): Slab {
    this.bytes += pool.size
    buffer.budget.bytes += pool.size
    return pool.take(buffer)
  }

  give(block: Slab, buffer: ReceiveBuffer): void {
    const { pool } = block
    pool.give(block, buffer)
    this.bytes -= pool.size
    buffer.budget.bytes -= pool.size
    invariant(this.bytes >= 0 && buffer.budget.bytes >= 0, 'bytes given back were counted as held')
  }

  /** Counts bytes of a body that are held outside of blocks. */
  charge(bytes: number): void {
    this.bytes += bytes
    this.charged += bytes
  }

  discharge(bytes: number): void {
    this.bytes -= bytes
    this.charged -= bytes
    invariant(this.charged >= 0 && this.bytes >= this.charged, 'bytes discharged were charged')
  }

  get aboveSoft(): boolean {
    return this.bytes >= this.limits.heldBytesSoft
  }

  /** Resets stalled streams until the limits hold again. Called after settling. */
  enforce(now: number, budget: ConnectionBudget): void {
    const { heldBytesMax, connectionHeldBytesMax, stallMs } = this.limits
    while (this.aboveSoft) {
      const isReset =
        this.bytes > heldBytesMax
          ? this.resetWorst(now, 0, null, 'transport.heldBytesMax')
          : this.resetWorst(now, stallMs, null, 'transport.heldBytesSoft')
      if (!isReset) break
    }
    while (budget.bytes > connectionHeldBytesMax)
      if (!this.resetWorst(now, 0, budget, 'transport.connectionHeldBytesMax')) break
  }

  /**
   * Resets the stream with the largest product of stalled time and bytes held. A stream that a debugger holds
   * comes before all others. The search is linear, and runs only above a limit.
   */
  private resetWorst(
    now: number,
    stalledMs: number,
    budget: ConnectionBudget | null,
    limit: string,
  ): boolean {
    let worst: ReceiveBuffer | null = null
    let most = -1
    let owner: Continuation | null = null
    for (let each = this.holders.last; each !== null; each = each.listPrev) {
      const stalled = now - each.progressAt
      if (each.stalled || stalled < stalledMs || (budget !== null && each.budget !== budget)) continue
      const score = (stalled + 1) * each.heldBytes
      const { heldOwner } = each
      if (owner !== null && heldOwner === null) continue
      if (score > most || (owner === null && heldOwner !== null)) {
        most = score
        worst = each
        owner = heldOwner
      }
    }
    if (worst === null) return false
    this.stalls++
    if (owner !== null) this.onHeldLoss?.(owner, worst.heldBytes, limit)
    worst.stall()
    return true
  }
}
