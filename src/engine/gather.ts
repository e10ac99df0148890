// A gather: a continuation that has divided its work among others waits here for all of them. A continuation
// has three wait slots, but a gather has any number of parts. Each part leases and asks for itself: no
// granted lease waits for another, so two gathers never block each other.

import { type Holder, invariant, Pollable, type Subject } from '../pollset/index.js'

/** Every part has ended. */
export const ALL_ENDED = 1
/** At least one part has failed. */
export const PART_FAILED = 2

const BIT_NAMES = ['ALL_ENDED', 'PART_FAILED']

export class Gather<P extends Subject> extends Pollable {
  readonly id: string
  private readonly parts: Set<P>

  /** @param id unique in its World */
  constructor(id: string) {
    super()
    this.id = id
    this.parts = new Set()
    this.readiness = ALL_ENDED
  }

  get kind(): string {
    return 'gather'
  }
  get bitNames(): readonly string[] {
    return BIT_NAMES
  }

  /** The number of parts that have not ended. */
  get size(): number {
    return this.parts.size
  }

  /** Adds a part to wait for. */
  add(part: P): void {
    this.parts.add(part)
    this.lower(ALL_ENDED)
  }

  /** Notes that a part has ended. Each part ends once. */
  ended(part: P, hasFailed = false): void {
    invariant(this.parts.delete(part), 'a part ends once')
    if (hasFailed) this.raise(PART_FAILED)
    if (this.parts.size === 0) this.raise(ALL_ENDED)
  }

  /** Visits the parts that have not ended. */
  [Symbol.iterator](): IterableIterator<P> {
    return this.parts.values()
  }

  override holders(): readonly Holder[] {
    return [...this.parts].map((subject) => ({ subject, reason: 'is a part that has not ended' }))
  }
}
