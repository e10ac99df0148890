// The share of a turn that debuggers may use for work that is cut into slices: all of them together, so that
// eight at once keep no turn longer than one. A slice ends by the count of its work, and by the clock where
// code that runs for the first time, or a slow machine, makes the same work take longer.

import type { Pollset } from '../pollset/index.js'

/** The work that was done, in units of about 0.3 µs. */
export const units = {
  /** One continuation, client or engine is looked at. */
  look: 1,
  /** A condition is tested. */
  test: 16,
  /** A row or an engine is described, and is made JSON. */
  row: 16,
  /** A piece of an answer is written. It is copied twice more at the end of the turn. */
  piece: 64,
} as const

/** The work of all slices of a turn. */
const SHARE = 400
/** ms after which the slices of a turn end. */
const SHARE_MS = 0.2
/**
 * The work between two looks at the clock. Each slice does so much, however late it is: all come to an end.
 */
const UNCHECKED = 16

export class TurnShare {
  private readonly pollset: Pollset
  private turn = -1
  /** The work that is left in this turn. */
  private left = 0
  /** The work until the next look at the clock. */
  private unchecked = 0
  /** When the slices of this turn end, in ms since it began. */
  private until = 0

  constructor(pollset: Pollset) {
    this.pollset = pollset
  }

  /** Begins a slice. */
  begin(): void {
    const { pollset } = this
    if (pollset.turns !== this.turn) {
      this.turn = pollset.turns
      this.left = SHARE
      this.until = pollset.spentMs() + SHARE_MS
    }
    this.left = Math.max(this.left, UNCHECKED)
    this.unchecked = UNCHECKED
  }

  /** Counts work that was done. Returns whether the slice goes on. */
  spend(work: number): boolean {
    this.left -= work
    if (this.left <= 0) return false
    this.unchecked -= work
    if (this.unchecked > 0) return true
    this.unchecked = UNCHECKED
    return this.pollset.spentMs() < this.until
  }
}
