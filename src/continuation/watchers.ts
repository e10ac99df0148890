// The gate and the watchers. Through the gate a debugger stops continuations. Watchers only look on.

import type { Continuation } from './continuation.js'
import type { Hold, HoldPoint } from './hold.js'
import type { Outcome } from './steps.js'

/** The cause of a continuation's next step; `arm`: it is about to wait. */
export type Cause = Exclude<HoldPoint, 'paused'>

/** Lets a debugger stop a continuation. Without a gate the scheduler pays one null check. */
export interface Gate {
  /**
   * Is asked before each step, and before each wait is armed. Returns true to hold the continuation until
   * `Scheduler.release`. A continuation that is not {@link Continuation.holdable} goes on all the same.
   * @param from the step that it leaves, or waits in; -1 before its first step
   */
  holds(continuation: Continuation, cause: Cause, from: number): boolean
}

/** Watches continuations. Each method is called before its event takes effect. None may throw. */
export interface Watcher {
  started?(continuation: Continuation): void
  /** It is about to take the step {@link Continuation.step}, unless the gate holds it. */
  before?(continuation: Continuation, cause: Cause, from: number): void
  /** A step has returned this outcome, by an edge that was checked. */
  transition?(continuation: Continuation, step: number, outcome: Outcome<string>): void
  /** It waits: its slots and its deadline are armed. */
  armed?(continuation: Continuation, outcome: Outcome<string>): void
  /** A suspension ends by its late or cancelled edge. */
  diverted?(continuation: Continuation, step: number, cause: 'late' | 'cancelled', next: number): void
  held?(continuation: Continuation, hold: Hold): void
  released?(continuation: Continuation, hold: Hold): void
  /** A debugger sends a held continuation to another step. */
  redirected?(continuation: Continuation, from: number, to: number): void
  cancelAsked?(continuation: Continuation): void
  /** A step of it threw. It still has everything that it had. */
  crashed?(continuation: Continuation, error: unknown): void
  ended?(continuation: Continuation): void
}

/** Writes the trace. It is called before all other watchers. */
export type Tracer = Watcher

/**
 * Tells each watcher, in order. Its lists never change: `Scheduler.watch` makes a new one. Each event has a
 * list of its own: most watchers watch few events, and every step of a request causes up to three.
 */
export class Watchers implements Watcher {
  private readonly startedEach: readonly Watcher[]
  private readonly beforeEach: readonly Watcher[]
  private readonly transitionEach: readonly Watcher[]
  private readonly armedEach: readonly Watcher[]
  private readonly divertedEach: readonly Watcher[]
  private readonly heldEach: readonly Watcher[]
  private readonly releasedEach: readonly Watcher[]
  private readonly redirectedEach: readonly Watcher[]
  private readonly cancelAskedEach: readonly Watcher[]
  private readonly crashedEach: readonly Watcher[]
  private readonly endedEach: readonly Watcher[]

  constructor(each: readonly Watcher[]) {
    this.startedEach = each.filter(({ started }) => started !== undefined)
    this.beforeEach = each.filter(({ before }) => before !== undefined)
    this.transitionEach = each.filter(({ transition }) => transition !== undefined)
    this.armedEach = each.filter(({ armed }) => armed !== undefined)
    this.divertedEach = each.filter(({ diverted }) => diverted !== undefined)
    this.heldEach = each.filter(({ held }) => held !== undefined)
    this.releasedEach = each.filter(({ released }) => released !== undefined)
    this.redirectedEach = each.filter(({ redirected }) => redirected !== undefined)
    this.cancelAskedEach = each.filter(({ cancelAsked }) => cancelAsked !== undefined)
    this.crashedEach = each.filter(({ crashed }) => crashed !== undefined)
    this.endedEach = each.filter(({ ended }) => ended !== undefined)
  }

  started(continuation: Continuation): void {
    for (const watcher of this.startedEach) watcher.started?.(continuation)
  }
  before(continuation: Continuation, cause: Cause, from: number): void {
    for (const watcher of this.beforeEach) watcher.before?.(continuation, cause, from)
  }
  transition(continuation: Continuation, step: number, outcome: Outcome<string>): void {
    for (const watcher of this.transitionEach) watcher.transition?.(continuation, step, outcome)
  }
  armed(continuation: Continuation, outcome: Outcome<string>): void {
    for (const watcher of this.armedEach) watcher.armed?.(continuation, outcome)
  }
  diverted(continuation: Continuation, step: number, cause: 'late' | 'cancelled', next: number): void {
    for (const watcher of this.divertedEach) watcher.diverted?.(continuation, step, cause, next)
  }
  held(continuation: Continuation, hold: Hold): void {
    for (const watcher of this.heldEach) watcher.held?.(continuation, hold)
  }
  released(continuation: Continuation, hold: Hold): void {
    for (const watcher of this.releasedEach) watcher.released?.(continuation, hold)
  }
  redirected(continuation: Continuation, from: number, to: number): void {
    for (const watcher of this.redirectedEach) watcher.redirected?.(continuation, from, to)
  }
  cancelAsked(continuation: Continuation): void {
    for (const watcher of this.cancelAskedEach) watcher.cancelAsked?.(continuation)
  }
  crashed(continuation: Continuation, error: unknown): void {
    for (const watcher of this.crashedEach) watcher.crashed?.(continuation, error)
  }
  ended(continuation: Continuation): void {
    for (const watcher of this.endedEach) watcher.ended?.(continuation)
  }
}
