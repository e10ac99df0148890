// Bytes that are kept past their turn, in one piece: the beginning of a message whose rest has not come. They
// lie in pooled blocks, which the World's memory budget counts. An output may still point at a block that is
// given up, so the block returns to its pool when the turn settles.

import type { Pollset, Settleable, Slab } from '../pollset/index.js'
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

  constructor(pollset: Pollset, memory: MemoryBudget) {
    this.bytes = NOTHING
    this.length = 0
    this.block = null
    this.leaving = []
    this.pollset = pollset
    this.memory = memory
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
    return new KeptBytes(this.pollset, this.memory)
  }

  /** Gives up the kept bytes. Outputs may point at them until the turn settles. */
  clear(): void {
    const { block } = this
    if (block !== null) {
      this.leaving.push(block)
      if (this.leaving.length === 1) this.pollset.settleLater(this)
    }
    this.block = null
    this.bytes = NOTHING
    this.length = 0
  }

  settle(): void {
    for (let block = this.leaving.pop(); block !== undefined; block = this.leaving.pop())
      this.memory.giveKept(block, this)
  }

  crashWith(error: unknown): void {
    throw error
  }

  private grow(length: number): void {
    const before = this.block
    const block = this.memory.takeKept(length, this)
    this.bytes.copy(block.bytes, 0, 0, this.length)
    // Nothing points at an incomplete message.
    if (before !== null) this.memory.giveKept(before, this)
    this.block = block
    this.bytes = block.bytes
  }
}
