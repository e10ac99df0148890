// The memory budget: bounds the bytes that wait in receive buffers or are kept for an owner, for the World
// and for each connection (design: Flow control). It counts what is allocated, not the payload.
//
// Below the soft limit a stalled stream costs no more than its own window. Above it the stream that has
// stalled longest with most bytes is reset, and its memory is freed. Its siblings are never reset for it.
// Among stalled streams, those of a continuation that a debugger holds are reset first.

import { type Continuation, fault } from '../continuation/index.js'
import { invariant, List, type Listed, type Slab, SlabPool } from '../pollset/index.js'
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
   * clients of Redis begin no command, and the streams that stalled longest are reset. Each worker counts its
   * own.
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

/** One that holds bytes of the budget, and can lose them. */
export interface MemoryHolder extends Listed<MemoryHolder> {
  /** The bytes that it holds. */
  readonly heldBytes: number
  /** The time at which bytes last left, in ms of the pollset's clock. */
  readonly progressAt: number
  /** It has lost its bytes. */
  readonly stalled: boolean
  readonly budget: ConnectionBudget
  /** The continuation that its bytes wait for, if a debugger holds it; null otherwise. */
  readonly heldOwner: Continuation | null
  /** Frees bytes. Returns true if it ends; false if it has freed some that were not needed. */
  stall(): boolean
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
  /** Is called when bytes were freed, and less than the soft limit is held; null if nobody waits for it. */
  onRoom: (() => void) | null = null
  readonly limits: MemoryLimits
  private readonly pools: readonly SlabPool[]
  private readonly keptPools: readonly SlabPool[]
  /** All that hold bytes. */
  readonly holders = new List<MemoryHolder>()

  constructor(limits: MemoryLimits = memoryLimits) {
    this.limits = limits
    this.pools = BLOCK_SIZES.map((size) => new SlabPool(size, IDLE_BYTES / size))
    this.keptPools = KEPT_SIZES.map((size) => new SlabPool(size, Math.floor(IDLE_BYTES / size)))
  }

  /** Returns the pool of blocks that keep `bytes` in one piece. */
  keptPoolFor(bytes: number): SlabPool {
    return this.keptPools.find((each) => bytes <= each.size) ?? new SlabPool(bytes, 0)
  }

  /** Counts bytes that are held from now on. */
  add(bytes: number): void {
    this.bytes += bytes
  }

  /** Counts bytes that are held no more. */
  remove(bytes: number): void {
    this.bytes -= bytes
    invariant(this.bytes >= 0, 'bytes given back were counted as held')
    if (this.onRoom !== null && !this.aboveSoft) this.onRoom()
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
    buffer.budget.bytes -= pool.size
    invariant(buffer.budget.bytes >= 0, 'bytes given back were counted as held')
    this.remove(pool.size)
  }

  /** Counts bytes of a body that are held outside of blocks. */
  charge(bytes: number): void {
    this.bytes += bytes
    this.charged += bytes
  }

  discharge(bytes: number): void {
    this.charged -= bytes
    invariant(this.charged >= 0 && this.bytes - bytes >= this.charged, 'bytes discharged were charged')
    this.remove(bytes)
  }

  get aboveSoft(): boolean {
    return this.bytes >= this.limits.heldBytesSoft
  }

  /** Resets stalled streams until the limits hold again. Called after settling. */
  enforce(now: number, budget: ConnectionBudget | null): void {
    const { heldBytesMax, connectionHeldBytesMax, stallMs } = this.limits
    while (this.aboveSoft) {
      const isReset =
        this.bytes > heldBytesMax
          ? this.resetWorst(now, 0, null, 'transport.heldBytesMax')
          : this.resetWorst(now, stallMs, null, 'transport.heldBytesSoft')
      if (!isReset) break
    }
    while (budget !== null && budget.bytes > connectionHeldBytesMax)
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
    let worst: MemoryHolder | null = null
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
    const { heldBytes } = worst
    if (!worst.stall()) return true
    this.stalls++
    if (owner !== null) this.onHeldLoss?.(owner, heldBytes, limit)
    return true
  }
}
