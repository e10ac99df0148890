// Bytes that are kept past their turn, in one piece: the beginning of a message whose rest has not come. They
// lie in pooled blocks, which the World's memory budget counts until they are given up. An output may still
// point at such a block, so it returns to its pool when the turn settles.

import type { Pollset, Settleable, Slab } from '../pollset/index.js'
import type { KeptTotal } from './kept-total.js'
import type { MemoryBudget } from './memory-budget.js'

const NOTHING = Buffer.alloc(0)

export class KeptBytes implements Settleable {
  /** The buffer that begins with the kept bytes. {@link append} and {@link clear} may replace it. */
  bytes: Buffer
  /** The number of kept bytes. */
  length: number
  private block: Slab | null
  private readonly leaving: Slab[]
  private readonly pollset: Pollset
  private readonly memory: MemoryBudget
  private readonly total: KeptTotal | null

  /** @param total counts them for their owner, who gives them up when the budget is spent */
  constructor(pollset: Pollset, memory: MemoryBudget, total: KeptTotal | null = null) {
    this.bytes = NOTHING
    this.length = 0
    this.block = null
    this.leaving = []
    this.pollset = pollset
    this.memory = memory
    this.total = total
  }

  /**
   * Appends bytes of the chunk. The caller bounds their number.
   * @param whole the bytes of the whole message, if they are known
   */
  append(chunk: Buffer, from: number, to: number, whole = 0): void {
    const length = this.length + to - from
    // A sender cannot make room for more than twice what it has sent.
    if (length > this.bytes.length) this.grow(Math.max(length, Math.min(whole, 2 * length)))
    chunk.copy(this.bytes, this.length, from, to)
    this.length = length
  }

  /** Returns kept bytes of the same memory, with nothing in them. */
  another(): KeptBytes {
    return new KeptBytes(this.pollset, this.memory, this.total)
  }

  /** Gives up the kept bytes. Outputs may point at them until the turn settles. */
  clear(): void {
    const { block } = this
    if (block !== null) {
      this.count(-block.pool.size)
      this.leaving.push(block)
      if (this.leaving.length === 1) this.pollset.settleLater(this)
    }
    this.block = null
    this.bytes = NOTHING
    this.length = 0
  }

  settle(): void {
    for (let block = this.leaving.pop(); block !== undefined; block = this.leaving.pop())
      block.pool.give(block, this)
  }

  crashWith(error: unknown): void {
    throw error
  }

  private grow(length: number): void {
    const before = this.block
    const block = this.memory.keptPoolFor(length).take(this)
    this.bytes.copy(block.bytes, 0, 0, this.length)
    this.count(block.pool.size - (before === null ? 0 : before.pool.size))
    // Nothing points at an incomplete message.
    if (before !== null) before.pool.give(before, this)
    this.block = block
    this.bytes = block.bytes
    this.total?.settleSoon()
  }

  private count(bytes: number): void {
    const counts = this.total ?? this.memory
    if (bytes < 0) counts.remove(-bytes)
    else counts.add(bytes)
  }
}
