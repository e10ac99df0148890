// The scheduler: the only one that moves a continuation. It runs steps, checks their edges, asks the
// debugger's gate, writes the trace, counts the budget, and arms pollables and deadline together,
// or neither (property S5).

import { endsWorld, invariant, type Pollable, type Pollset } from '../pollset/index.js'
import type { Continuation } from './continuation.js'
import { DONE, GOTO, type Outcome, type Program, SUSPEND, UNSTARTED } from './steps.js'

/** Why a continuation is about to take a step. */
export type Cause = 'started' | 'goto' | 'ready' | 'late' | 'cancelled'

/** A debugger's say before a step. With none attached the scheduler pays one null check. */
export interface Gate {
  /** True to hold this continuation before the step it is at; {@link Scheduler.release} lets it go on. */
  holds(continuation: Continuation, cause: Cause): boolean
}

/**
 * Told of each transition, after its edge was checked and before anything follows from it. It must not throw.
 */
export interface Watcher {
  transition(continuation: Continuation, step: number, outcome: Outcome<string>): void
  /** A deadline missed or a cancel taken: the suspension ends by that edge. */
  diverted(continuation: Continuation, step: number, cause: 'late' | 'cancelled', next: number): void
}

/** Writes the trace: told first, before all watchers. */
export type Tracer = Watcher

/** Several watchers as one. A list is not changed while it is told: {@link Scheduler.watch} makes another. */
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

/** One of our own steps broke the rules: never the peer's doing. */
export class StepError extends Error {
  override name = 'StepError'
}

export class Scheduler {
  gate: Gate | null = null
  /** Told when a step threw, before {@link Continuation.crashed}. Without it the error goes up. */
  onCrash: ((continuation: Continuation, error: unknown) => void) | null = null
  /** Defects of ours that have ended a continuation. */
  crashes = 0
  /** Continuations that have started and not ended. */
  living = 0
  private first: Continuation | null = null
  private traces: Tracer | null = null
  private watchers: readonly Watcher[] = []
  /** The tracer and the watchers as one; null without any. */
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

  /** Tells this watcher too, from the next transition on. */
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

  /** Let a held continuation go on. */
  release(continuation: Continuation): void {
    if (!continuation.held) return
    continuation.held = false
    continuation.wake()
  }

  /** The living, newest first. */
  *alive(): IterableIterator<Continuation> {
    for (let each = this.first; each !== null; each = each.aliveNext) yield each
  }

  /**
   * From the turn's queue. Tests again: an earlier resumption may have changed what it was woken for.
   * @internal
   */
  resume(continuation: Continuation): void {
    if (continuation.finished || continuation.held) return
    let cause: Cause = 'started'
    const out = continuation.suspended
    if (out !== null) {
      if (continuation.cancelAsked && out.cancelled >= 0) cause = 'cancelled'
      // Where a deadline and readiness meet in one turn, it is late (spec/pollset.md, P16).
      else if (continuation.late && out.late >= 0) cause = 'late'
      else if (isMet(continuation)) cause = 'ready'
      else return
      this.disarm(continuation)
      const next = cause === 'ready' ? out.next : cause === 'late' ? out.late : out.cancelled
      if (cause !== 'ready') this.watcher?.diverted(continuation, continuation.step, cause, next)
      // Taken once: a life that has gone down its cancelled edge is not cancelled again.
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
   * Ends a continuation in which a defect of ours has shown itself. What reaches the World goes up: the turn
   * ends that.
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
      // What is broken may break again as it is let go of.
      this.crash(continuation, again)
    }
  }

  /** It has had its share of this turn. */
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
    // Not before: the step that a late wait leads to may ask whether it was.
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

/** A slot may be filled and not armed: a step that threw. Another's wait there is left alone. */
function disarmSlot(continuation: Continuation, pollable: Pollable): null {
  if (pollable.waiter === continuation) {
    pollable.waiter = null
    pollable.interest = 0
  }
  return null
}
