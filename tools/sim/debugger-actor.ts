// The hand: does what a debugger does. It holds exchanges at the scheduler's gate and parks those that wait;
// it makes them late, redirects and cancels them; it lets them go: soon, late, or not before all heals; and it
// vanishes, which lets all of them go at once.

import type { Cause, Continuation, Gate, Scheduler } from '../../src/continuation/index.js'
import type { Prng } from '../../src/pollset/index.js'
import type { PeerContext } from './peer.js'

/** Where the hand sends an exchange. Not to `retry`: what a backend has begun would come again, as its user wants it. */
const TARGETS = ['refuse', 'abort']

export class DebuggerActor implements Gate {
  /** Those it holds. */
  readonly holding = new Set<Continuation>()
  /** Those whose end it has hurried: they may end late before their time. */
  readonly steered = new WeakSet<Continuation>()
  private readonly stage: PeerContext
  private readonly scheduler: Scheduler
  private readonly chance: Prng

  constructor(stage: PeerContext, scheduler: Scheduler, chance: Prng) {
    this.stage = stage
    this.scheduler = scheduler
    this.chance = chance
    if (stage.plan.parkPercent > 0) this.parkLater()
  }

  holds(continuation: Continuation, _cause: Cause): boolean {
    const { plan, healed } = this.stage
    if (healed || !continuation.holdable || !this.chance.chance(plan.holdPercent)) return false
    this.take(continuation, 'held')
    return true
  }

  private take(continuation: Continuation, what: string): void {
    const { plan } = this.stage
    this.stage.tally(what)
    this.holding.add(continuation)
    if (this.chance.chance(plan.holdOnPercent)) return
    this.inTurn(this.chance.between(1, plan.holdMs), () => {
      if (this.holding.has(continuation) && this.chance.chance(plan.steerPercent)) this.steer(continuation)
      this.releaseHeld(continuation)
    })
  }

  private parkLater(): void {
    const { plan } = this.stage
    this.inTurn(this.chance.between(1, 100), () => {
      if (this.stage.healed) return
      const all = [...this.scheduler.alive()].filter((each) => each.holdable && !each.held)
      if (all.length > 0 && this.chance.chance(plan.parkPercent)) {
        const one = all[this.chance.between(0, all.length - 1)]
        if (this.scheduler.hold(one)) this.take(one, 'parked')
      }
      this.parkLater()
    })
  }

  /** Does this in a turn, as a debugger's session does: the clock is that of the turn. */
  private inTurn(ms: number, act: () => void): void {
    const { pollset } = this.stage
    pollset.after(ms, () => pollset.queue({ wake() {}, resume: act }))
  }

  /** Does one thing to a held exchange that its user may do. */
  private steer(continuation: Continuation): void {
    const act = this.chance.between(0, 3)
    this.steered.add(continuation)
    if (act === 0 && this.scheduler.makeLate(continuation) === null) this.stage.tally('made late')
    else if (act === 1) {
      const to = TARGETS[this.chance.between(0, TARGETS.length - 1)]
      if (this.scheduler.redirect(continuation, to) === null) this.stage.tally(`sent to ${to}`)
    } else if (act === 2) {
      continuation.cancel()
      this.stage.tally('cancelled by hand')
    } else {
      this.stage.tally('vanished')
      this.vanish()
    }
  }

  heal(): void {
    this.stage.pollset.queue({ wake() {}, resume: () => this.vanish() })
  }

  /** Lets all of them go at once. */
  private vanish(): void {
    for (const each of this.holding) this.releaseHeld(each)
  }

  private releaseHeld(continuation: Continuation): void {
    if (this.holding.delete(continuation)) this.scheduler.release(continuation)
  }
}
