// A continuation: a named step plus plain data, suspended on at most three pollables and a deadline.
// Only its scheduler moves it. It is a deadline node and a waiter itself, so that suspending allocates
// nothing.

import { Deadline, type DurationList, type Pollable, type Waiter } from '../pollset/index.js'
import type { Scheduler } from './scheduler.js'
import { type Outcome, type Program, UNSTARTED } from './steps.js'
import type { World } from './world.js'

/** What a continuation tells of itself in a snapshot: JSON, ids in place of objects. */
export type Description = Readonly<Record<string, unknown>>

const NO_DURATIONS: readonly DurationList[] = []

export abstract class Continuation extends Deadline implements Waiter {
  readonly scheduler: Scheduler
  /** Set when it starts. */
  program: Program<never>
  /** By wait name of the program: how long it may last here. */
  readonly durations: readonly DurationList[]
  /** The step that runs now or next. */
  step: number
  /** How it is suspended; null while it runs, is queued to run, or is held. */
  suspended: Outcome<string> | null
  /**
   * Where the deadline of an unnamed wait stands (ms of the pollset's clock); 0 for none. See
   * {@link waitUntil}.
   */
  until: number
  slot0: Pollable | null
  slot1: Pollable | null
  slot2: Pollable | null
  bits0: number
  bits1: number
  bits2: number
  queued: boolean
  /**
   * Its deadline ended the last wait. To be read only in the step that a `late` edge leads to: the next wait
   * clears it.
   */
  late: boolean
  /** A cancel was asked for; it is taken once, at the next suspension that has an edge for it. */
  cancelAsked: boolean
  /** A debugger holds it: it takes no step until released. */
  held: boolean
  finished: boolean
  /** The scheduler's list of the living. */
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
    this.slot0 = null
    this.slot1 = null
    this.slot2 = null
    this.bits0 = 0
    this.bits1 = 0
    this.bits2 = 0
    this.queued = false
    this.late = false
    this.cancelAsked = false
    this.held = false
    this.finished = false
    this.alivePrev = null
    this.aliveNext = null
  }

  /** Unique in its World. */
  abstract get id(): string
  /** What it is: `exchange`, `frontend`, `backend`, `listener` … */
  abstract get kind(): string
  /** Whether a debugger may hold it. Connections may not be held: that would stop siblings. */
  get holdable(): boolean {
    return false
  }
  /** The data of it, for a person. */
  describe(): Description {
    return {}
  }
  /** A step threw: our own fault. Let go of everything; no step will run again. */
  abstract crashed(error: unknown): void

  /**
   * Ends it as if a step of it had thrown this: for what it does outside of its steps, as when its output is
   * flushed.
   */
  crashWith(error: unknown): void {
    this.scheduler.crash(this, error)
  }

  /**
   * Fills a wait slot (0 to 2) for the next suspension. A filled slot survives a goto, so that the step which
   * suspends need not be the one which fills. Resuming empties all three.
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

  /** The next suspension ends late at this time (ms of the pollset's clock), instead of by a named wait. */
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

  /** Ask it to end: an event like any other, taken at its next suspension that has an edge for it. */
  cancel(): void {
    if (this.cancelAsked || this.finished) return
    this.cancelAsked = true
    if (this.suspended !== null) this.wake()
  }

  /** The step that runs now or next; `-` before it starts. */
  get stepName(): string {
    return this.program.names[this.step] ?? '-'
  }
}
