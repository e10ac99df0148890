// The scheduler: the only one that moves a continuation. It runs steps, checks their edges, asks the
// debugger's gate, writes the trace, counts the budget, and arms all pollables of a wait and its deadline, or
// none of them (spec/pollset.md, P15).

import { endsWorld, invariant, type Pollable, type Pollset } from '../pollset/index.js'
import type { Continuation } from './continuation.js'
import { DONE, GOTO, type Outcome, type Program, SUSPEND, UNSTARTED } from './steps.js'

/** Why a continuation is about to take its next step. */
export type Cause = 'started' | 'goto' | 'ready' | 'late' | 'cancelled'

/** Lets a debugger stop a continuation before a step. Without a gate the scheduler pays one null check. */
export interface Gate {
  /** Returns true to hold this continuation before its next step, until {@link Scheduler.release}. */
  holds(continuation: Continuation, cause: Cause): boolean
}

/** Is called at each transition, after its edge was checked and before it takes effect. It must not throw. */
export interface Watcher {
  transition(continuation: Continuation, step: number, outcome: Outcome<string>): void
  /** A suspension ends by its late or cancelled edge. */
  diverted(continuation: Continuation, step: number, cause: 'late' | 'cancelled', next: number): void
}

/** Writes the trace. It is called before all other watchers. */
export type Tracer = Watcher

/** Several watchers as one. Its list never changes: {@link Scheduler.watch} makes a new one. */
class Watchers implements Watcher {
  private readonly each: readonly Watcher[]
  constructor(each: readonly Watcher[]) {
    this.each = each
  }
  transition(continuation: Continuation, step: number, outcome: Outcome<string>): void {
    for (const watcher of this.each) watcher.transition(continuation, step, outcome)
  }
  diverted(continuation: Continuation, step: number, cause: 'late' | 'cancelled', next: number): void {
    for (const watcher of this.each) watcher.diverted(continuation, step, cause, next)
  }
}

export interface SchedulerLimits {
  /** The number of steps of one continuation in a turn. The rest wait for the next turn (P12). */
  readonly stepsMax: number
}

export const schedulerLimits: SchedulerLimits = { stepsMax: 64 }

/** A step of ours broke the rules of this room. A peer cannot cause it. */
export class StepError extends Error {
  override name = 'StepError'
}

export class Scheduler {
  gate: Gate | null = null
  /** Is called when a step threw, before {@link Continuation.crashed}. Without it the error propagates. */
  onCrash: ((continuation: Continuation, error: unknown) => void) | null = null
  /** How many continuations a defect of ours has ended. */
  crashes = 0
  /** Continuations that have started and not ended. */
  living = 0
  private first: Continuation | null = null
  private traces: Tracer | null = null
  private watchers: readonly Watcher[] = []
  /** The tracer and the watchers as one; null if there are none. */
  private watcher: Watcher | null = null
  private readonly pollset: Pollset
  private readonly limits: SchedulerLimits

  constructor(pollset: Pollset, limits: SchedulerLimits = schedulerLimits) {
    this.pollset = pollset
    this.limits = limits
  }

  get tracer(): Tracer | null {
    return this.traces
  }

  set tracer(tracer: Tracer | null) {
    this.traces = tracer
    this.tellAll()
  }

  /** Adds a watcher, from the next transition on. */
  watch(watcher: Watcher): void {
    this.watchers = [...this.watchers, watcher]
    this.tellAll()
  }

  unwatch(watcher: Watcher): void {
    this.watchers = this.watchers.filter((each) => each !== watcher)
    this.tellAll()
  }

  private tellAll(): void {
    const all = this.traces === null ? this.watchers : [this.traces, ...this.watchers]
    this.watcher = all.length === 0 ? null : all.length === 1 ? all[0] : new Watchers(all)
  }

  /**
   * Queues a new continuation; it takes its first step in this turn. Called by {@link BoundLife.start}.
   * @internal
   */
  start<X extends Continuation>(continuation: X, program: Program<X>, step: number): void {
    if (continuation.scheduler !== this) throw new StepError(`${continuation.id} is of another World`)
    if (continuation.program !== UNSTARTED) throw new StepError(`${continuation.id} has already started`)
    continuation.program = program
    continuation.step = step
    const first = this.first
    continuation.aliveNext = first
    if (first !== null) first.alivePrev = continuation
    this.first = continuation
    this.living++
    if (this.gate === null || !this.held(continuation, 'started')) continuation.wake()
  }

  /** @internal */
  queue(continuation: Continuation): void {
    this.pollset.queue(continuation)
  }

  /** Lets a held continuation take its next step. */
  release(continuation: Continuation): void {
    if (!continuation.held) return
    continuation.held = false
    continuation.wake()
  }

  /** Continuations that have started and not ended, newest first. */
  *alive(): IterableIterator<Continuation> {
    for (let each = this.first; each !== null; each = each.aliveNext) yield each
  }

  /**
   * Resumes a continuation from the turn's queue. It tests the wait again, because an earlier resumption may
   * have consumed what woke this one.
   * @internal
   */
  resume(continuation: Continuation): void {
    if (continuation.finished || continuation.held) return
    let cause: Cause = 'started'
    const out = continuation.suspended
    if (out !== null) {
      if (continuation.cancelAsked && out.cancelled >= 0) cause = 'cancelled'
      // A deadline wins over readiness in the same turn (spec/pollset.md, P16).
      else if (continuation.late && out.late >= 0) cause = 'late'
      else if (isMet(continuation)) cause = 'ready'
      else return
      this.disarm(continuation)
      const next = cause === 'ready' ? out.next : cause === 'late' ? out.late : out.cancelled
      if (cause !== 'ready') this.watcher?.diverted(continuation, continuation.step, cause, next)
      // A cancel is taken once.
      if (cause === 'cancelled') continuation.cancelAsked = false
      continuation.step = next
      if (this.gate !== null && this.held(continuation, cause)) return
    }
    this.run(continuation)
  }

  private held(continuation: Continuation, cause: Cause): boolean {
    if (!continuation.holdable || !(this.gate as Gate).holds(continuation, cause)) return false
    continuation.held = true
    return true
  }

  private run(continuation: Continuation): void {
    const program = continuation.program as Program<Continuation>
    const { steps, masks } = program
    let budget = this.limits.stepsMax
    try {
      for (;;) {
        const at = continuation.step
        const out = steps[at](continuation)
        if ((masks[at] & out.mask) !== out.mask) {
          throw new StepError(`${continuation.id}: ${program.names[at]} left by an edge it has not declared`)
        }
        if (this.watcher !== null) this.watcher.transition(continuation, at, out)
        if (out.kind === GOTO) {
          continuation.step = out.next
          if (this.gate !== null && this.held(continuation, 'goto')) return
          if (--budget > 0) continue
          this.later(continuation)
          return
        }
        if (out.kind === SUSPEND) this.arm(continuation, out)
        else if (out.kind === DONE) this.end(continuation)
        return
      }
    } catch (error) {
      this.crash(continuation, error)
    }
  }

  /**
   * Ends a continuation after a defect of ours. An error that ends the World propagates to the turn, which
   * ends it.
   */
  crash(continuation: Continuation, error: unknown): void {
    if (this.onCrash === null || endsWorld(error)) throw error
    this.crashes++
    this.onCrash(continuation, error)
    if (continuation.finished) return
    this.disarm(continuation)
    this.end(continuation)
    try {
      continuation.crashed(error)
    } catch (again) {
      // Releasing a broken continuation may throw again.
      this.crash(continuation, again)
    }
  }

  /** Queues it for the next turn. */
  private later(continuation: Continuation): void {
    if (continuation.queued) return
    continuation.queued = true
    this.pollset.queueLater(continuation)
  }

  private arm(continuation: Continuation, out: Outcome<string>): void {
    const { slot0, slot1, slot2 } = continuation
    if (slot0 !== null) mustBeFree(slot0)
    if (slot1 !== null) mustBeFree(slot1)
    if (slot2 !== null) mustBeFree(slot2)
    continuation.suspended = out
    // Cleared only now, because the step after a late wait may read it.
    continuation.late = false
    if (slot0 !== null) armSlot(continuation, slot0, continuation.bits0)
    if (slot1 !== null) armSlot(continuation, slot1, continuation.bits1)
    if (slot2 !== null) armSlot(continuation, slot2, continuation.bits2)
    if (out.within >= 0) continuation.durations[out.within].arm(continuation)
    else if (continuation.until !== 0) this.pollset.deadlines.at(continuation, continuation.until)
    if (continuation.cancelAsked && out.cancelled >= 0) continuation.wake()
    else if (isMet(continuation)) {
      if (out.yieldFirst) this.later(continuation)
      else continuation.wake()
    }
  }

  private disarm(continuation: Continuation): void {
    const { slot0, slot1, slot2 } = continuation
    if (slot0 !== null) continuation.slot0 = disarmSlot(continuation, slot0)
    if (slot1 !== null) continuation.slot1 = disarmSlot(continuation, slot1)
    if (slot2 !== null) continuation.slot2 = disarmSlot(continuation, slot2)
    if (continuation.deadlinePrev !== null) this.pollset.deadlines.disarm(continuation)
    continuation.until = 0
    continuation.suspended = null
  }

  private end(continuation: Continuation): void {
    continuation.finished = true
    this.living--
    invariant(this.living >= 0, 'a continuation ends once')
    const { alivePrev, aliveNext } = continuation
    if (alivePrev !== null) alivePrev.aliveNext = aliveNext
    else this.first = aliveNext
    if (aliveNext !== null) aliveNext.alivePrev = alivePrev
    continuation.alivePrev = null
    continuation.aliveNext = null
  }
}

function isMet(continuation: Continuation): boolean {
  const { slot0, slot1, slot2 } = continuation
  return (
    (slot0 !== null && (slot0.readiness & continuation.bits0) !== 0) ||
    (slot1 !== null && (slot1.readiness & continuation.bits1) !== 0) ||
    (slot2 !== null && (slot2.readiness & continuation.bits2) !== 0)
  )
}

function mustBeFree(pollable: Pollable): void {
  if (pollable.waiter !== null) throw new StepError(`${pollable.id} already has a waiter`)
}

function armSlot(continuation: Continuation, pollable: Pollable, bits: number): void {
  pollable.waiter = continuation
  pollable.interest = bits
}

/** Clears a slot. After a step threw, a slot may be filled but not armed: another waiter there stays. */
function disarmSlot(continuation: Continuation, pollable: Pollable): null {
  if (pollable.waiter === continuation) {
    pollable.waiter = null
    pollable.interest = 0
  }
  return null
}
