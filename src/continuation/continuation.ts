// A continuation: a named step plus plain data, suspended on at most three pollables and a deadline.
// Only its scheduler moves it. It extends Deadline and implements Waiter itself, so suspending allocates
// nothing.

import {
  Deadline,
  type DurationList,
  type Holder,
  type Pollable,
  type Subject,
  type Waiter,
} from '../pollset/index.js'
import type { Hold } from './hold.js'
import type { Scheduler } from './scheduler.js'
import { type Outcome, type Program, UNSTARTED } from './steps.js'
import type { WaitTimes } from './wait-times.js'
import type { World } from './world.js'

/** The contents of a continuation in a snapshot: JSON, with ids in place of objects. */
export type Description = Readonly<Record<string, unknown>>

const NO_DURATIONS: readonly DurationList[] = []

export abstract class Continuation extends Deadline implements Waiter, Subject {
  readonly scheduler: Scheduler
  /** The steps and edges it runs; {@link UNSTARTED} until it starts. */
  program: Program<never>
  /**
   * The longest time of each named wait of the program, by the index of its name. It may be replaced while
   * the continuation does not wait.
   */
  durations: readonly DurationList[]
  /** The step that runs now or next. */
  step: number
  /** The outcome that suspended it; null while it runs, is queued for its first or next step, or is held. */
  suspended: Outcome<string> | null
  /** The deadline set by {@link waitUntil}, in ms of the pollset's clock; 0 without one. */
  until: number
  /** The time at which it began its current or last wait, in ms of the pollset's clock. */
  since: number
  /**
   * The ms that it has waited in each step, by the step's number; null if nobody wants to know. Time in a
   * hold is not counted. A life may use further places for times of its own ({@link waited}).
   */
  waitTimes: WaitTimes | null
  slot0: Pollable | null
  slot1: Pollable | null
  slot2: Pollable | null
  bits0: number
  bits1: number
  bits2: number
  queued: boolean
  /**
   * True if its deadline ended the last wait. Read it only in the step that a `late` edge leads to: the
   * next wait clears it.
   */
  late: boolean
  /** True while a cancel is pending. It is taken once, at the next suspension that has an edge for it. */
  cancelAsked: boolean
  /** A debugger's hold. The continuation takes no step until {@link Scheduler.release}. */
  hold: Hold | null
  finished: boolean
  /**
   * Its neighbours in the scheduler's list of living continuations. That is not a List, so the continuation
   * may also be in a List of its owner.
   */
  alivePrev: Continuation | null
  aliveNext: Continuation | null

  /**
   * Assigns every field, in one order: V8 then gives all continuations of a class one shape.
   * @param durations of its life's named waits, in this World ({@link Life.durations})
   */
  constructor(world: World, durations: readonly DurationList[] = NO_DURATIONS) {
    super()
    this.scheduler = world.scheduler
    this.program = UNSTARTED
    this.durations = durations
    this.step = 0
    this.suspended = null
    this.until = 0
    this.since = 0
    this.waitTimes = null
    this.slot0 = null
    this.slot1 = null
    this.slot2 = null
    this.bits0 = 0
    this.bits1 = 0
    this.bits2 = 0
    this.queued = false
    this.late = false
    this.cancelAsked = false
    this.hold = null
    this.finished = false
    this.alivePrev = null
    this.aliveNext = null
  }

  /** Unique in its World. */
  abstract get id(): string
  /** The kind of continuation: `exchange`, `frontend`, `backend`, `listener` … */
  abstract get kind(): string
  /** True if a debugger may hold it. A connection must not be held: all its streams would stop. */
  get holdable(): boolean {
    return false
  }
  /** True while a debugger holds it. */
  get held(): boolean {
    return this.hold !== null
  }
  /** Moves its own absolute times on by these ms: the length of a hold that has ended. */
  released(_ms: number): void {}
  /** Is told that it has waited these ms in {@link step}. {@link waitTimes} counts them already. */
  waited(_ms: number): void {}
  /** Sets its own clocks so that its wait is late: a debugger has made it so. */
  madeLate(): void {}
  /**
   * Returns the reason why a debugger must not send it to this step, or null. An edge leads to the step from
   * the one that it comes from.
   */
  mayEnter(_step: string): string | null {
    return null
  }
  /**
   * Returns what keeps it from raising bits that others wait for, besides its own waits. For debuggers:
   * it may allocate.
   */
  holders(_bits: number): readonly Holder[] {
    return []
  }
  /** Returns its data for a person to read. */
  describe(): Description {
    return {}
  }
  /** Releases everything it has, after one of its steps threw. No step of it runs again. */
  abstract crashed(error: unknown): void

  /**
   * Ends it as if one of its steps had thrown this error. It serves code that runs outside its steps, such as
   * the flush of its output.
   */
  crashWith(error: unknown): void {
    this.scheduler.crash(this, error)
  }

  /**
   * Fills a wait slot (0 to 2) for the next suspension. A filled slot survives a goto, so one step can fill
   * it and another suspend. Resuming empties all three slots.
   */
  waitOn(slot: 0 | 1 | 2, pollable: Pollable, bits: number): void {
    if (slot === 0) {
      this.slot0 = pollable
      this.bits0 = bits
    } else if (slot === 1) {
      this.slot1 = pollable
      this.bits1 = bits
    } else {
      this.slot2 = pollable
      this.bits2 = bits
    }
  }

  /**
   * Makes the next suspension end late at this time (ms of the pollset's clock). It serves
   * waits without a name.
   */
  waitUntil(at: number): void {
    this.until = at
  }

  wake(): void {
    if (this.queued) return
    this.queued = true
    this.scheduler.queue(this)
  }

  resume(): void {
    this.queued = false
    this.scheduler.resume(this)
  }

  expire(): void {
    this.late = true
    this.wake()
  }

  /** Asks it to end. It takes the cancel at its next suspension that has an edge for it. */
  cancel(): void {
    if (this.cancelAsked || this.finished) return
    this.cancelAsked = true
    this.scheduler.cancelNoted(this)
    if (this.suspended !== null) this.wake()
  }

  /**
   * Returns the name, for a person, of the thing that a step works on: `(per-ip)`; '' for nothing.
   * @param ran true: the step has run; false: it runs next, or waits
   */
  stepDetail(_step: number, _ran: boolean): string {
    return ''
  }

  /** The name of the step that runs now or next; `-` before it starts. */
  get stepName(): string {
    return this.program.names[this.step] ?? '-'
  }
}
