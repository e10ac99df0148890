// The hand: it acts as a debugger. It holds exchanges at the scheduler's gate and parks those that wait; it
// steers them (steering.ts); it lets them go: soon, late, step by step, or not before all heals; and it
// vanishes, which lets all of them go at once.

import type { Cause, Continuation, Gate, Scheduler } from '../../src/continuation/index.js'
import type { Prng } from '../../src/pollset/index.js'
import { Exchange, isSubrequest } from '../../src/proxy/index.js'
import type { PeerContext } from './peer.js'
import type { Steering } from './steering.js'

/** ms: the longest time between two looks for something to park, or to vanish */
const LOOK_MS = 100

/** A run, as seen by the hand. */
export type HandStage = Pick<PeerContext, 'plan' | 'pollset' | 'healed' | 'tally'>

export class DebuggerActor implements Gate {
  /** Those it holds. */
  readonly holding = new Set<Continuation>()
  /** Those that were made late: they may end before their time. */
  readonly late: WeakSet<object>
  /** Those that it holds again at their next step or wait. */
  private readonly stepping = new WeakSet<Continuation>()
  private readonly stage: HandStage
  private readonly scheduler: Scheduler
  private readonly chance: Prng
  private readonly steering: Steering | null

  /** @param steering changes exchanges that are held; null where there are none */
  constructor(stage: HandStage, scheduler: Scheduler, chance: Prng, steering: Steering | null) {
    this.stage = stage
    this.scheduler = scheduler
    this.chance = chance
    this.steering = steering
    this.late = steering?.late ?? new WeakSet()
    const { parkPercent, vanishingPercent } = stage.plan
    if (parkPercent + vanishingPercent > 0) this.lookLater()
  }

  holds(continuation: Continuation, _cause: Cause): boolean {
    const { plan, healed } = this.stage
    if (healed || !continuation.holdable) return false
    const steps = this.stepping.delete(continuation)
    if (!steps && !this.chance.chance(plan.holdPercent)) return false
    this.take(continuation, steps ? 'stepped' : 'held')
    return true
  }

  private take(continuation: Continuation, what: string): void {
    const { chance } = this
    const { plan } = this.stage
    this.stage.tally(what)
    this.holding.add(continuation)
    const ms = chance.between(1, plan.holdMs)
    if (chance.chance(plan.steerPercent)) {
      this.inTurn(chance.below(ms + 1), () => {
        // A copy is held, and not changed: the ledger has no request of its own for it.
        if (!(continuation instanceof Exchange) || isSubrequest(continuation)) return
        if (this.holding.has(continuation)) this.steering?.steer(continuation)
      })
    }
    if (chance.chance(plan.holdOnPercent)) return
    this.inTurn(ms, () => {
      if (this.holding.has(continuation) && chance.chance(plan.stepPercent)) this.stepping.add(continuation)
      this.letGo(continuation)
    })
  }

  private lookLater(): void {
    const { plan } = this.stage
    this.inTurn(this.chance.between(1, LOOK_MS), () => {
      if (this.stage.healed) return
      if (this.chance.chance(plan.parkPercent)) this.park()
      if (this.holding.size > 0 && this.chance.chance(plan.vanishingPercent)) {
        this.stage.tally('the hand vanished')
        this.vanish()
      }
      this.lookLater()
    })
  }

  /** Holds one exchange wherever it is. */
  private park(): void {
    const all = [...this.scheduler.alive()].filter((each) => each.holdable && !each.held)
    if (all.length === 0) return
    const one = all[this.chance.below(all.length)]
    if (this.scheduler.hold(one)) this.take(one, 'parked')
  }

  /** Does this in a turn, as a debugger's session does: the clock is that of the turn. */
  private inTurn(ms: number, act: () => void): void {
    const { pollset } = this.stage
    pollset.after(ms, () => pollset.queue({ wake() {}, resume: act }))
  }

  heal(): void {
    this.stage.pollset.queue({ wake() {}, resume: () => this.vanish() })
  }

  /** Lets all of them go at once. */
  private vanish(): void {
    for (const each of this.holding) this.letGo(each)
  }

  /** Lets it go, even if it was let go already or has ended: that changes nothing. */
  private letGo(continuation: Continuation): void {
    this.holding.delete(continuation)
    this.scheduler.release(continuation)
  }
}
