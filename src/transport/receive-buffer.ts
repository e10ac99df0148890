// The body bytes of a stream that have arrived and not left for the other side.
//
// Bytes come as slices of a read buffer, which is valid in this turn only. Bytes that the other side pulls in
// the same turn are copied once, into its output slab. The rest is copied into blocks when the turn settles
// (design: Pollset). So a body that flows costs no memory, and a body that waits costs counted blocks.
//
// While `retained`, pulled bytes are kept too, so that a request can be sent again to another session. Their
// credit is withheld until `releaseRetained` (design: Engine).

import type { Continuation } from '../continuation/index.js'
import { invariant, type Slab } from '../pollset/index.js'
import type { ConnectionBudget, MemoryBudget, MemoryHolder } from './memory-budget.js'

/** A run of bytes. `block` is set if they are in a block of ours. */
interface Slice {
  buffer: Buffer
  start: number
  end: number
  block: Slab | null
}

/** The stream, which returns credit to the sender. */
export interface CreditSink {
  /** Is told that this many bytes have left for the other side. */
  consumed(bytes: number): void
  /** Is told that the stream holds most and moves least: it must end. */
  stalled(): void
  /**
   * True if the sender has hardly any credit left and more to send: withholding more would stop it for good.
   */
  readonly starving: boolean
  /** The continuation that these bytes wait for, if a debugger holds it; null otherwise. */
  readonly heldOwner: Continuation | null
}

/** Up to this size a loop over the bytes is faster than a call. */
const SMALL = 48

export class ReceiveBuffer implements MemoryHolder {
  /** The bytes that can be pulled now. */
  length = 0
  /** The bytes allocated to blocks. */
  heldBytes = 0
  /** The time at which bytes last left, in ms of the pollset's clock. */
  progressAt = 0
  stalled = false
  /** The most bytes that are retained; 0: none. */
  private retainMax = 0
  list: object | null = null
  listPrev: MemoryHolder | null = null
  listNext: MemoryHolder | null = null
  readonly budget: ConnectionBudget
  private readonly slices: Slice[] = []
  /** The index of the slice that is pulled from, and the offset in it. Slices before it are retained. */
  private at = 0
  private offset = 0
  private retainedBytes = 0
  /** Pulled bytes whose credit waits for {@link creditTaken}. */
  private takenBytes = 0
  private unsettled = 0
  private readonly memory: MemoryBudget
  private readonly sink: CreditSink

  constructor(memory: MemoryBudget, budget: ConnectionBudget, sink: CreditSink) {
    this.memory = memory
    this.budget = budget
    this.sink = sink
  }

  /** See {@link CreditSink.heldOwner}. */
  get heldOwner(): Continuation | null {
    return this.sink.heldOwner
  }

  /** Retains the bytes pulled from now on, up to `max`. More bytes end the retaining. */
  retain(max: number): void {
    // A slice begins at its retained part, to which a rewind returns.
    if (this.retainMax === 0 && this.offset > 0) {
      this.slices[this.at].start += this.offset
      this.offset = 0
    }
    this.retainMax = max
  }

  get retained(): boolean {
    return this.retainMax > 0
  }

  /**
   * Adds bytes of this turn's read buffer. Returns true if they are the first since the last {@link settle}.
   */
  push(buffer: Buffer, start: number, end: number): boolean {
    const last = this.at < this.slices.length ? this.slices[this.slices.length - 1] : null
    // A range that follows the last one joins it: a pipeline of messages is one copy.
    if (last !== null && last.buffer === buffer && last.end === start && last.block === null) {
      last.end = end
      this.length += end - start
      return false
    }
    this.slices.push({ buffer, start, end, block: null })
    this.length += end - start
    return this.unsettled++ === 0
  }

  /**
   * Copies up to `bytes` into `target` at `offset`, and returns their number. Returns their credit unless
   * they are retained. @param takes true: their credit also waits for {@link creditTaken}
   */
  pull(target: Buffer, offset: number, bytes: number, now: number, takes = false): number {
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
    if (takes) this.takenBytes += pulled
    if (this.retainMax > 0) {
      this.retainedBytes += pulled
      if (this.retainedBytes > this.retainMax || this.sink.starving) this.releaseRetained()
    } else {
      this.dropPulled()
      if (!takes) this.sink.consumed(pulled)
    }
    return pulled
  }

  /** Returns the credit of taken bytes: they have left, or are held elsewhere. */
  creditTaken(): void {
    const bytes = this.takenBytes
    this.takenBytes = 0
    // Retained bytes get it when the retaining ends.
    if (bytes > 0 && this.retainMax === 0) this.sink.consumed(bytes)
  }

  /**
   * Returns a copy of the whole body, as long as nothing of it was dropped; else null.
   * @param received the number of bytes that have come
   */
  copy(received: number): Buffer | null {
    if (this.retainedBytes + this.length !== received) return null
    const whole = Buffer.allocUnsafeSlow(received)
    let at = 0
    for (const { buffer, start, end } of this.slices) at += buffer.copy(whole, at, start, end)
    return whole
  }

  /** Goes back to the first retained byte, if any are retained. */
  rewind(): void {
    if (this.retainMax === 0) return
    this.takenBytes = 0
    this.length += this.retainedBytes
    this.retainedBytes = 0
    this.at = 0
    this.offset = 0
  }

  /** Ends the retaining: drops pulled bytes and returns their credit. */
  releaseRetained(): void {
    if (this.retainMax === 0) return
    this.retainMax = 0
    // Bytes that were taken get their credit when they have left.
    const bytes = this.retainedBytes - this.takenBytes
    this.retainedBytes = 0
    this.dropPulled()
    if (bytes > 0) this.sink.consumed(bytes)
  }

  /** Copies the bytes that still lie in read buffers into blocks. */
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
    // Of a partly pulled slice that is not retained, only the rest is needed.
    if (this.retainMax === 0 && first === this.at && this.offset > 0 && first < slices.length) {
      slices[first].start += this.offset
      this.offset = 0
    }
    const loose = slices.splice(first)
    let last = first > 0 ? slices[first - 1] : null
    let left = 0
    for (const each of loose) left += each.end - each.start
    for (const each of loose) {
      // Slice boundaries may move here, so the position is kept as a count of bytes.
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

  /** Drops everything. Returns the bytes whose credit was not returned. */
  clear(): number {
    const owed = this.length + (this.retainMax > 0 ? this.retainedBytes : this.takenBytes)
    const { slices } = this
    for (const slice of slices) this.drop(slice)
    empty(slices)
    this.length = 0
    this.retainedBytes = 0
    this.takenBytes = 0
    this.at = 0
    this.offset = 0
    return owed
  }

  stall(): boolean {
    this.stalled = true
    this.sink.stalled()
    return true
  }

  /** Finds the position again: `length` bytes before the end. */
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
    // The last block may have room for more, but an empty one is better freed.
    for (let i = 0; i < this.at; i++) this.drop(slices[i])
    if (this.at === slices.length) empty(slices)
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

/**
 * Empties a short array, which keeps its memory: `length = 0` would free it for the next push to allocate.
 */
function empty(slices: Slice[]): void {
  while (slices.length > 0) slices.pop()
}

function copy(from: Buffer, start: number, to: Buffer, offset: number, size: number): void {
  if (size < SMALL) for (let i = 0; i < size; i++) to[offset + i] = from[start + i]
  else from.copy(to, offset, start, start + size)
}
