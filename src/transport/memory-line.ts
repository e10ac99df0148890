// The line of those that wait to read until the memory budget has room: at the soft limit nobody begins to
// keep more. They are let in in order, as many as there is room for. While somebody waits, the line looks
// from time to time for streams that have stalled: perhaps nothing else moves.

import { Deadline, type Deadlines, List, type Listed } from '../pollset/index.js'
import type { MemoryBudget } from './memory-budget.js'

/** The bytes that one who was let in may read before the next is. */
const READ_BYTES = 65_536
/** ms after which those that were let in have read */
const READ_MS = 1

/** A place in the line. */
export class PlaceInLine implements Listed<PlaceInLine> {
  list: object | null = null
  listPrev: PlaceInLine | null = null
  listNext: PlaceInLine | null = null
  /** It was let in, and has not read. */
  isLetIn = false
  /** Is called when it is let in. */
  readonly reads: () => void

  constructor(reads: () => void) {
    this.reads = reads
  }

  /** It must not read. */
  get waits(): boolean {
    return this.list !== null
  }
}

export class MemoryLine extends Deadline {
  private readonly waiting = new List<PlaceInLine>()
  private readonly memory: MemoryBudget
  private readonly deadlines: Deadlines

  constructor(memory: MemoryBudget, deadlines: Deadlines) {
    super()
    this.memory = memory
    this.deadlines = deadlines
  }

  /** Returns true if this one must wait, since there is no room, or others came before. */
  stand(place: PlaceInLine): boolean {
    if (place.waits) return true
    const { memory, waiting } = this
    const isNext = place.isLetIn || waiting.first === null
    place.isLetIn = false
    if (isNext && !memory.aboveSoft) return false
    waiting.push(place)
    if (!this.deadlineArmed) this.lookLater()
    return true
  }

  leave(place: PlaceInLine): void {
    if (!place.waits) return
    this.waiting.remove(place)
    this.rest()
  }

  expire(): void {
    const { memory, deadlines } = this
    memory.enforce(deadlines.now, null)
    this.letIn()
  }

  private letIn(): void {
    const { memory, waiting } = this
    // Each of them may free bytes.
    memory.onRoom = null
    for (let room = memory.limits.heldBytesSoft - memory.bytes; room > 0; room -= READ_BYTES) {
      const first = waiting.shift()
      if (first === null) break
      first.isLetIn = true
      first.reads()
    }
    this.rest()
  }

  /** Looks again as long as somebody waits. */
  private rest(): void {
    this.deadlines.disarm(this)
    if (this.waiting.first === null) this.memory.onRoom = null
    else this.lookLater()
  }

  private lookLater(): void {
    const { memory, deadlines } = this
    if (memory.aboveSoft) memory.onRoom = () => this.letIn()
    deadlines.at(this, deadlines.now + (memory.aboveSoft ? memory.limits.stallMs : READ_MS))
  }
}
