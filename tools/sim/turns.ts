// The turns of a run, one after the other, with a look after each.

import type { SimPollset } from '../../src/pollset/index.js'
import { Violation } from './ledger.js'

/** The most turns of a run, in which checks may go on for long. A run that takes more has something that never ends. */
const TURNS_MAX = 500_000

export class TurnByTurn {
  private readonly pollset: SimPollset
  private readonly look: () => void
  private turns = 0

  /** @param look is called after each turn */
  constructor(pollset: SimPollset, look: () => void) {
    this.pollset = pollset
    this.look = look
  }

  /** Runs until this is over, nothing is left to happen, or these ms have passed. */
  until(over: () => boolean, ms: number): void {
    const { pollset } = this
    const last = pollset.clock + ms
    while (!over()) {
      if (pollset.clock > last || !pollset.step()) return
      if (pollset.turns === this.turns) continue
      this.turns = pollset.turns
      if (this.turns > TURNS_MAX) throw new Violation('L1', `not over after ${TURNS_MAX} turns`)
      this.look()
    }
  }
}
