// The hand: holds exchanges at the scheduler's gate, as a debugger would, and lets them go: soon, late, or not
// before all heals.

import type { Cause, Continuation, Gate, Scheduler } from '../../src/continuation/index.js'
import type { Prng } from '../../src/pollset/index.js'
import type { PeerContext } from './peer.js'

export class DebuggerActor implements Gate {
  /** Those it holds. */
  readonly holding = new Set<Continuation>()
  private readonly stage: PeerContext
  private readonly scheduler: Scheduler
  private readonly chance: Prng

  constructor(stage: PeerContext, scheduler: Scheduler, chance: Prng) {
    this.stage = stage
    this.scheduler = scheduler
    this.chance = chance
  }

  holds(continuation: Continuation, _cause: Cause): boolean {
    const { plan, pollset, healed } = this.stage
    if (healed || !continuation.holdable || !this.chance.chance(plan.holdPercent)) return false
    this.stage.tally('held')
    this.holding.add(continuation)
    if (!this.chance.chance(plan.holdOnPercent)) {
      pollset.after(this.chance.between(1, plan.holdMs), () => this.releaseHeld(continuation))
    }
    return true
  }

  heal(): void {
    for (const each of this.holding) this.releaseHeld(each)
  }

  private releaseHeld(continuation: Continuation): void {
    if (this.holding.delete(continuation)) this.scheduler.release(continuation)
  }
}
