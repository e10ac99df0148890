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
import type { World } from './world.js'

/** What a continuation shows of itself in a snapshot: JSON, with ids in place of objects. */
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
  /** When it began its current or last wait, in ms of the pollset's clock. */
  since: number
  /**
   * The ms that it has waited in each step, by the step's number; null if nobody wants to know. What it was
   * held is not in it. A life may use further places for parts of its own ({@link waited}).
   */
  waitedMs: Float64Array | null
  slot0: Pollable | null
  slot1: Pollable | null
  slot2: Pollable | null
  bits0: number
  bits1: number
  bits2: number
  queued: boolean
  /**
   * Whether its deadline ended the last wait. Read it only in the step that a `late` edge leads to: the next
   * wait clears it.
   */
  late: boolean
  /** Whether a cancel is pending. It is taken once, at the next suspension that has an edge for it. */
  cancelAsked: boolean
  /** A debugger's hold on it: it takes no step until {@link Scheduler.release}. */
  hold: Hold | null
  finished: boolean
  /**
   * Its neighbours in the scheduler's list of living continuations. That is not a List, so that the
   * continuation may be in a List of its owner's too.
   */
  alivePrev: Continuation | null
  aliveNext: Continuation | null

  /**
   * Every field is assigned here, in one order: V8 then gives all continuations of a class one shape.
   *
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
    this.waitedMs = null
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
  /** Whether a debugger may hold it. A connection must not be held: all its streams would stop. */
  get holdable(): boolean {
    return false
  }
  /** Whether a debugger holds it. */
  get held(): boolean {
    return this.hold !== null
  }
  /** A hold of these ms has ended: moves its own absolute times on by them. */
  released(_ms: number): void {}
  /** It has waited these ms in {@link step}, and {@link waitedMs} counts them. */
  waited(_ms: number): void {}
  /** Makes its own clocks agree that its wait is late. A debugger has asked for it. */
  madeLate(): void {}
  /**
   * Returns why a debugger must not send it to this step, or null. The step is at the end of an edge of the
   * step that it comes from.
   */
  mayEnter(_step: string): string | null {
    return null
  }
  /** What keeps from others what they wait for, besides its own waits. For debuggers: it may allocate. */
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
   * Ends it as if one of its steps had thrown this error. For code that runs outside its steps, such as the
   * flush of its output.
   */
  crashWith(error: unknown): void {
    this.scheduler.crash(this, error)
  }

  /**
   * Fills a wait slot (0 to 2) for the next suspension. A filled slot survives a goto, so one step can fill
   * it and another suspend. Resuming empties all three.
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
   * Makes the next suspension end late at this time (ms of the pollset's clock); for waits without a name.
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

  /** Asks it to end. The cancel is taken at its next suspension that has an edge for it. */
  cancel(): void {
    if (this.cancelAsked || this.finished) return
    this.cancelAsked = true
    this.scheduler.cancelNoted(this)
    if (this.suspended !== null) this.wake()
  }

  /**
   * The thing that a step works on, behind its name for a person: `(per-ip)`; '' for nothing. @param ran the
   * step has run; otherwise it runs next, or waits
   */
  stepDetail(_step: number, _ran: boolean): string {
    return ''
  }

  /** The name of the step that runs now or next; `-` before it starts. */
  get stepName(): string {
    return this.program.names[this.step] ?? '-'
  }
}
