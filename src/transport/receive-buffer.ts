// The body bytes of a stream that have arrived and not yet left for the other side.
//
// Bytes come as slices of a read buffer, which dies with the turn. What the other side pulls in the same
// turn is copied once, from the read buffer into its output slab. What stays is copied into hold
// blocks when the turn settles (design: Pollset). So a body that flows is never held, and one that
// waits costs blocks that are counted.
//
// While `retained`, what was pulled is kept as well, so that a request can be sent again to another
// session; its credit stays with us until `letGo` (design: Engine).

import { invariant, type Listed, type Slab } from '../pollset/index.js'
import type { ConnectionBudget, MemoryBudget } from './memory-budget.js'

/** A run of bytes; `block` is set when they are in a block of ours. */
interface Slice {
  buffer: Buffer
  start: number
  end: number
  block: Slab | null
}

/** Who receives what is pulled, told so that credit goes back to the sender. */
export interface CreditSink {
  /** This many bytes have left for the other side. */
  consumed(bytes: number): void
  /** It holds most and moves least: let go of the stream. */
  stalled(): void
  /** The sender has (nearly) no credit left, and more to send: withholding more would stop it for good. */
  readonly starving: boolean
}

/** Below this a byte loop beats a call. */
const SMALL = 48

export class ReceiveBuffer implements Listed<ReceiveBuffer> {
  /** octets that can be pulled now */
  length = 0
  /** octets allocated to hold blocks */
  heldBytes = 0
  /** ms of the pollset's clock at which bytes last left */
  progressAt = 0
  stalled = false
  /** octets kept for replay at most; 0: nothing is kept */
  private retainMax = 0
  list: object | null = null
  listPrev: ReceiveBuffer | null = null
  listNext: ReceiveBuffer | null = null
  readonly budget: ConnectionBudget
  private readonly slices: Slice[] = []
  /** The slice being pulled from, and how far; slices before it are only there to be retained. */
  private at = 0
  private offset = 0
  private retainedBytes = 0
  private unsettled = 0
  private readonly memory: MemoryBudget
  private readonly sink: CreditSink

  constructor(memory: MemoryBudget, budget: ConnectionBudget, sink: CreditSink) {
    this.memory = memory
    this.budget = budget
    this.sink = sink
  }

  /** Keep what is pulled from now on, as long as it is not more than `max` octets. */
  retain(max: number): void {
    // A slice begins where its retained part begins: a rewind goes back to it.
    if (this.retainMax === 0 && this.offset > 0) {
      this.slices[this.at].start += this.offset
      this.offset = 0
    }
    this.retainMax = max
  }

  get retained(): boolean {
    return this.retainMax > 0
  }

  /** Bytes of this turn's read buffer. Answers whether it is the first since the last {@link settle}. */
  push(buffer: Buffer, start: number, end: number): boolean {
    this.slices.push({ buffer, start, end, block: null })
    this.length += end - start
    return this.unsettled++ === 0
  }

  /**
   * Copy up to `bytes` into `target` at `offset`; returns how many. Credit is given where nothing is
   * retained.
   */
  pull(target: Buffer, offset: number, bytes: number, now: number): number {
    let left = Math.min(bytes, this.length)
    const pulled = left
    const slices = this.slices
    while (left > 0) {
      const slice = slices[this.at]
      invariant(slice !== undefined, 'what can be pulled has arrived')
      const from = slice.start + this.offset
      const size = Math.min(left, slice.end - from)
      copy(slice.buffer, from, target, offset, size)
      offset += size
      left -= size
      this.offset += size
      if (slice.start + this.offset === slice.end) {
        this.at++
        this.offset = 0
      }
    }
    if (pulled === 0) return 0
    this.length -= pulled
    this.progressAt = now
    if (this.retainMax > 0) {
      this.retainedBytes += pulled
      if (this.retainedBytes > this.retainMax || this.sink.starving) this.releaseRetained()
    } else {
      this.dropPulled()
      this.sink.consumed(pulled)
    }
    return pulled
  }

  /** Begin again from the first retained byte; nothing to do where nothing is retained. */
  rewind(): void {
    if (this.retainMax === 0) return
    this.length += this.retainedBytes
    this.retainedBytes = 0
    this.at = 0
    this.offset = 0
  }

  /** Retain no longer: what was pulled is dropped and its credit given. */
  releaseRetained(): void {
    if (this.retainMax === 0) return
    this.retainMax = 0
    const bytes = this.retainedBytes
    this.retainedBytes = 0
    this.dropPulled()
    if (bytes > 0) this.sink.consumed(bytes)
  }

  /** Copy what still lies in read buffers into blocks of our own. */
  settle(now: number): void {
    if (this.unsettled === 0) return
    this.unsettled = 0
    const slices = this.slices
    if (slices.length === 0) return
    if (this.heldBytes === 0) {
      this.memory.holders.push(this)
      this.progressAt = now
    }
    let first = 0
    while (first < slices.length && slices[first].block !== null) first++
    // A partly pulled slice that is not retained needs only its rest.
    if (this.retainMax === 0 && first === this.at && this.offset > 0 && first < slices.length) {
      slices[first].start += this.offset
      this.offset = 0
    }
    const loose = slices.splice(first)
    let last = first > 0 ? slices[first - 1] : null
    let left = 0
    for (const each of loose) left += each.end - each.start
    for (const each of loose) {
      // Slice boundaries may move here; the pulling position is kept by counting, not by pointing.
      let from = each.start
      while (from < each.end) {
        if (last === null || last.block === null || last.end === last.buffer.length) {
          const pool = this.memory.poolFor(left)
          const block = this.memory.take(pool, this)
          last = { buffer: block.bytes, start: 0, end: 0, block }
          this.heldBytes += pool.size
          slices.push(last)
        }
        const size = Math.min(each.end - from, last.buffer.length - last.end)
        copy(each.buffer, from, last.buffer, last.end, size)
        last.end += size
        from += size
        left -= size
      }
    }
    this.seek()
    if (this.heldBytes === 0) this.memory.holders.remove(this)
  }

  /** Let go of everything; answers the octets whose credit had not been given. */
  clear(): number {
    const owed = this.length + this.retainedBytes
    for (const slice of this.slices) this.drop(slice)
    this.slices.length = 0
    this.length = 0
    this.retainedBytes = 0
    this.at = 0
    this.offset = 0
    return owed
  }

  stall(): void {
    this.stalled = true
    this.sink.stalled()
  }

  /** Find the pulling position again: `length` octets before the end. */
  private seek(): void {
    let back = this.length
    let at = this.slices.length
    while (back > 0) {
      at--
      back -= this.slices[at].end - this.slices[at].start
    }
    this.at = at
    this.offset = -back
  }

  private dropPulled(): void {
    const slices = this.slices
    if (this.at === 0) return
    // The last block may still have room for what comes, but an emptied one is better given back.
    for (let i = 0; i < this.at; i++) this.drop(slices[i])
    if (this.at === slices.length) slices.length = 0
    else slices.splice(0, this.at)
    this.at = 0
  }

  private drop(slice: Slice): void {
    const { block } = slice
    if (block === null) return
    this.heldBytes -= block.pool.size
    this.memory.give(block, this)
    invariant(this.heldBytes >= 0, 'blocks given back were held')
    if (this.heldBytes === 0) this.memory.holders.remove(this)
  }
}

function copy(from: Buffer, start: number, to: Buffer, offset: number, size: number): void {
  if (size < SMALL) for (let i = 0; i < size; i++) to[offset + i] = from[start + i]
  else from.copy(to, offset, start, start + size)
}
