// The gate, by which a debugger stops continuations, and the watchers, which look on.

import type { Continuation } from './continuation.js'
import type { Hold, HoldPoint } from './hold.js'
import type { Outcome } from './steps.js'

/** Why a continuation is about to take its next step; `arm`: it is about to wait. */
export type Cause = Exclude<HoldPoint, 'paused'>

/** Lets a debugger stop a continuation. Without a gate the scheduler pays one null check. */
export interface Gate {
  /**
   * Is asked before each step, and before each wait is armed. Returns true to hold the continuation until
   * `Scheduler.release`. One that is not {@link Continuation.holdable} goes on all the same.
   *
   * @param from the step that it leaves, or waits in; -1 before its first step
   */
  holds(continuation: Continuation, cause: Cause, from: number): boolean
}

/** Watches continuations. Each method is called before what it tells takes effect. None may throw. */
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
  /** A step of it threw. It has still all that it had. */
  crashed?(continuation: Continuation, error: unknown): void
  ended?(continuation: Continuation): void
}

/** Writes the trace. It is called before all other watchers. */
export type Tracer = Watcher

/** Tells each watcher, in order. Its list never changes: `Scheduler.watch` makes a new one. */
export class Watchers implements Watcher {
  private readonly each: readonly Watcher[]

  constructor(each: readonly Watcher[]) {
    this.each = each
  }

  started(continuation: Continuation): void {
    for (const watcher of this.each) watcher.started?.(continuation)
  }
  before(continuation: Continuation, cause: Cause, from: number): void {
    for (const watcher of this.each) watcher.before?.(continuation, cause, from)
  }
  transition(continuation: Continuation, step: number, outcome: Outcome<string>): void {
    for (const watcher of this.each) watcher.transition?.(continuation, step, outcome)
  }
  armed(continuation: Continuation, outcome: Outcome<string>): void {
    for (const watcher of this.each) watcher.armed?.(continuation, outcome)
  }
  diverted(continuation: Continuation, step: number, cause: 'late' | 'cancelled', next: number): void {
    for (const watcher of this.each) watcher.diverted?.(continuation, step, cause, next)
  }
  held(continuation: Continuation, hold: Hold): void {
    for (const watcher of this.each) watcher.held?.(continuation, hold)
  }
  released(continuation: Continuation, hold: Hold): void {
    for (const watcher of this.each) watcher.released?.(continuation, hold)
  }
  redirected(continuation: Continuation, from: number, to: number): void {
    for (const watcher of this.each) watcher.redirected?.(continuation, from, to)
  }
  cancelAsked(continuation: Continuation): void {
    for (const watcher of this.each) watcher.cancelAsked?.(continuation)
  }
  crashed(continuation: Continuation, error: unknown): void {
    for (const watcher of this.each) watcher.crashed?.(continuation, error)
  }
  ended(continuation: Continuation): void {
    for (const watcher of this.each) watcher.ended?.(continuation)
  }
}
