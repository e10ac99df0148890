// The share of a turn that debuggers may use for work in slices. All of them share it, so that eight at once
// keep no turn longer than one. A slice ends by the amount of its work. It also ends by the clock, since new
// code or a slow machine can make the same work take longer.

import type { Pollset } from '../pollset/index.js'

/** The amounts of work, in units of about 0.3 µs. */
export const units = {
  /** A visit to one continuation, client or engine. */
  look: 1,
  /** A test of a condition. */
  test: 16,
  /** The description of a row or an engine, as JSON. */
  row: 16,
  /** The writing of a piece of an answer, which is copied twice more at the end of the turn. */
  piece: 64,
} as const

/** The work of all slices of a turn. */
const SHARE = 400
/** ms after which the slices of a turn end. */
const SHARE_MS = 0.2
/**
 * The work between two looks at the clock. Each slice does this much, however late it is, so all surveys end.
 */
const UNCHECKED = 16

export class TurnShare {
  private readonly pollset: Pollset
  private turn = -1
  /** The work that is left in this turn. */
  private left = 0
  /** The work until the next look at the clock. */
  private unchecked = 0
  /** The end of this turn's slices, in ms since the turn began. */
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

  /** Counts work that was done. Returns true if the slice goes on. */
  spend(work: number): boolean {
    this.left -= work
    if (this.left <= 0) return false
    this.unchecked -= work
    if (this.unchecked > 0) return true
    this.unchecked = UNCHECKED
    return this.pollset.spentMs() < this.until
  }
}
