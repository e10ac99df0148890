// The scheduler, which alone moves continuations. It runs steps, checks their edges, asks the debugger's
// gate, writes the trace and counts the budget. It arms all pollables of a wait and its deadline, or none of
// them (spec/pollset.md, P15).

import { endsWorld, invariant, type Pollable, type Pollset } from '../pollset/index.js'
import type { Continuation } from './continuation.js'
import { Hold, type HoldPoint } from './hold.js'
import { DONE, GOTO, type Outcome, type Program, SUSPEND, UNSTARTED } from './steps.js'
import { type Cause, type Gate, type Tracer, type Watcher, Watchers } from './watchers.js'

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
  /** The number of continuations that defects of ours have ended. */
  crashes = 0
  /** The number of continuations that have started and not ended. */
  living = 0
  private first: Continuation | null = null
  private traces: Tracer | null = null
  private watchers: readonly Watcher[] = []
  /** The tracer and the watchers together; null without any. */
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
    this.watcher?.started?.(continuation)
    if (this.mayStep(continuation, 'started', -1)) continuation.wake()
  }

  /** @internal */
  queue(continuation: Continuation): void {
    this.pollset.queue(continuation)
  }

  /**
   * Holds a continuation wherever it is. A waiting one is parked: nothing wakes it, and its remaining time is
   * kept. Returns false if the continuation is not holdable, is held, has ended, or is running now.
   */
  hold(continuation: Continuation): boolean {
    const { suspended, step } = continuation
    if (!continuation.holdable || continuation.hold !== null || continuation.finished) return false
    if (suspended === null) {
      if (!continuation.queued) return false
      this.beginHold(continuation, 'paused', step, null, -1)
      return true
    }
    const { now, deadlines } = this.pollset
    const { deadlineArmed, deadlineAt } = continuation
    const left = continuation.late ? 0 : deadlineArmed ? Math.max(0, deadlineAt - now) : -1
    this.noteWait(continuation)
    // Its slots stay filled, and the release arms them again: readiness stays up until it is taken.
    if (continuation.slot0 !== null) disarmSlot(continuation, continuation.slot0)
    if (continuation.slot1 !== null) disarmSlot(continuation, continuation.slot1)
    if (continuation.slot2 !== null) disarmSlot(continuation, continuation.slot2)
    deadlines.disarm(continuation)
    continuation.suspended = null
    this.beginHold(continuation, 'paused', step, suspended, left)
    return true
  }

  /** Lets a held continuation go on: it takes its next step, or waits for the rest of its time. */
  release(continuation: Continuation): void {
    const { hold } = continuation
    if (hold === null) return
    continuation.hold = null
    const ms = this.pollset.now - hold.since
    continuation.released(ms)
    this.watcher?.released?.(continuation, hold)
    if (hold.wait === null) {
      continuation.wake()
      return
    }
    if (continuation.until !== 0) continuation.until += ms
    this.arm(continuation, hold.wait, hold.left)
  }

  /**
   * Sends a held continuation to another step, along an edge of the step that it comes from. It stays held.
   * Returns the reason for a refusal, or null.
   */
  redirect(continuation: Continuation, step: string): string | null {
    const { hold, program, id } = continuation
    if (hold === null) return `${id} is not held`
    const to = program.names.indexOf(step)
    if (to < 0) return `${program.name} has no step '${step}': it has ${program.names.join(', ')}`
    const from = hold.wait === null ? hold.from : continuation.step
    if (from < 0) return `${id} has not begun: it can only begin at ${continuation.stepName}`
    const edges = program.edges[program.names[from]]
    if (!edges.includes(step)) {
      return `${program.names[from]} has no edge to ${step}: it has edges to ${edges.join(', ')}`
    }
    const refused = continuation.mayEnter(step)
    if (refused !== null) return refused
    this.watcher?.redirected?.(continuation, from, to)
    this.disarm(continuation)
    continuation.hold = new Hold(hold.since, 'goto', from, null, -1)
    continuation.step = to
    return null
  }

  /**
   * Ends the wait of a continuation as if its deadline had passed. Returns the reason for a refusal, or null.
   */
  makeLate(continuation: Continuation): string | null {
    const { hold, id } = continuation
    const wait = hold === null ? continuation.suspended : hold.wait
    if (wait === null) return `${id} does not wait`
    if (wait.late < 0) return `the wait of ${id} at ${continuation.stepName} has no deadline`
    continuation.madeLate()
    if (hold !== null) hold.left = 0
    else {
      this.pollset.deadlines.disarm(continuation)
      continuation.expire()
    }
    return null
  }

  /** @internal */
  cancelNoted(continuation: Continuation): void {
    this.watcher?.cancelAsked?.(continuation)
  }

  /**
   * The living continuation that started last. `aliveNext` of each leads to the one that started before it.
   */
  get newest(): Continuation | null {
    return this.first
  }

  /** The continuations that have started and not ended, newest first. */
  *alive(): IterableIterator<Continuation> {
    for (let each = this.first; each !== null; each = each.aliveNext) yield each
  }

  /**
   * Resumes a continuation from the turn's queue. It tests the wait again, because an earlier resumption may
   * have consumed the bits that woke this one.
   * @internal
   */
  resume(continuation: Continuation): void {
    if (continuation.finished || continuation.hold !== null) return
    const out = continuation.suspended
    if (out !== null) {
      let cause: Cause
      if (continuation.cancelAsked && out.cancelled >= 0) cause = 'cancelled'
      // A deadline wins over readiness in the same turn (spec/pollset.md, P16).
      else if (continuation.late && out.late >= 0) cause = 'late'
      else if (isMet(continuation)) cause = 'ready'
      else return
      this.noteWait(continuation)
      this.disarm(continuation)
      const next = cause === 'ready' ? out.next : cause === 'late' ? out.late : out.cancelled
      if (cause !== 'ready') this.watcher?.diverted?.(continuation, continuation.step, cause, next)
      // A cancel is taken once.
      if (cause === 'cancelled') continuation.cancelAsked = false
      const from = continuation.step
      continuation.step = next
      if (!this.mayStep(continuation, cause, from)) return
    }
    this.run(continuation)
  }

  /** Adds the wait that ends now to the time of its step. */
  private noteWait(continuation: Continuation): void {
    const { waitTimes } = continuation
    if (waitTimes === null) return
    const ms = this.pollset.now - continuation.since
    if (ms > 0) waitTimes.add(continuation.step, ms)
    continuation.waited(ms)
  }

  /** Tells the watchers of the next step, and asks the gate. */
  private mayStep(continuation: Continuation, cause: Cause, from: number): boolean {
    if (this.watcher !== null) this.watcher.before?.(continuation, cause, from)
    return this.gate === null || !this.stops(this.gate, continuation, cause, from, null)
  }

  private stops(
    gate: Gate,
    continuation: Continuation,
    cause: Cause,
    from: number,
    wait: Outcome<string> | null,
  ): boolean {
    if (!gate.holds(continuation, cause, from) || !continuation.holdable) return false
    this.beginHold(continuation, cause, from, wait, -1)
    return true
  }

  private beginHold(
    continuation: Continuation,
    point: HoldPoint,
    from: number,
    wait: Outcome<string> | null,
    left: number,
  ): void {
    const hold = new Hold(this.pollset.now, point, from, wait, left)
    continuation.hold = hold
    this.watcher?.held?.(continuation, hold)
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
        if (this.watcher !== null) this.watcher.transition?.(continuation, at, out)
        if (out.kind === GOTO) {
          continuation.step = out.next
          if (!this.mayStep(continuation, 'goto', at)) return
          if (--budget > 0) continue
          this.later(continuation)
          return
        }
        if (out.kind === SUSPEND) {
          if (this.gate === null || !this.stops(this.gate, continuation, 'arm', at, out))
            this.arm(continuation, out, -1)
        } else if (out.kind === DONE) this.end(continuation)
        return
      }
    } catch (error) {
      this.crash(continuation, error)
    }
  }

  /**
   * Ends a continuation after a defect of ours. An error that ends the World propagates to the turn,
   * which ends the World.
   */
  crash(continuation: Continuation, error: unknown): void {
    if (this.onCrash === null || endsWorld(error)) throw error
    this.crashes++
    this.watcher?.crashed?.(continuation, error)
    this.onCrash(continuation, error)
    if (continuation.finished) return
    if (continuation.suspended !== null) this.noteWait(continuation)
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

  /** @param left ms left of the wait; -1: all of it */
  private arm(continuation: Continuation, out: Outcome<string>, left: number): void {
    const { slot0, slot1, slot2 } = continuation
    if (slot0 !== null) mustBeFree(slot0)
    if (slot1 !== null) mustBeFree(slot1)
    if (slot2 !== null) mustBeFree(slot2)
    continuation.suspended = out
    continuation.since = this.pollset.now
    // Cleared only now, because the step after a late wait may read it.
    continuation.late = false
    if (slot0 !== null) armSlot(continuation, slot0, continuation.bits0)
    if (slot1 !== null) armSlot(continuation, slot1, continuation.bits1)
    if (slot2 !== null) armSlot(continuation, slot2, continuation.bits2)
    if (left >= 0) this.pollset.deadlines.at(continuation, this.pollset.now + left)
    else if (out.within >= 0) continuation.durations[out.within].arm(continuation)
    else if (continuation.until !== 0) this.pollset.deadlines.at(continuation, continuation.until)
    if (continuation.cancelAsked && out.cancelled >= 0) continuation.wake()
    else if (isMet(continuation)) {
      if (out.yieldFirst) this.later(continuation)
      else continuation.wake()
    }
    if (this.watcher !== null) this.watcher.armed?.(continuation, out)
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
    continuation.hold = null
    this.living--
    this.watcher?.ended?.(continuation)
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
