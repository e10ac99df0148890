// The holds of all debuggers: the owners of each, and its end. A hold ends when all its owners have released
// it, at its time limit, when the debugger goes away, and when the server drains.

import type { Continuation, Scheduler } from '../continuation/index.js'
import { Deadline, type Pollset } from '../pollset/index.js'
import type { DebuggerLimits } from './limits.js'

/** A debugger that has asked for holds. */
export interface HoldOwner {
  /** Is told that a continuation is stopped, and why. */
  stopped(continuation: Continuation, reason: string, text: string): void
  /** Is told that a continuation goes on, and why. */
  wentOn(continuation: Continuation, text: string): void
  /** Is told of an event of a held continuation. */
  noted(continuation: Continuation, text: string): void
}

/** A held continuation, as the deadline of its hold. */
export class Holding extends Deadline {
  readonly continuation: Continuation
  readonly owners = new Set<HoldOwner>()
  readonly reason: string
  readonly text: string
  private readonly holds: Holds

  constructor(holds: Holds, continuation: Continuation, reason: string, text: string) {
    super()
    this.holds = holds
    this.continuation = continuation
    this.reason = reason
    this.text = text
  }

  expire(): void {
    this.holds.release(this.continuation, null, 'its hold has reached debugger.holdMs')
  }
}

export class Holds {
  private readonly byContinuation = new Map<Continuation, Holding>()
  private readonly scheduler: Scheduler
  private readonly pollset: Pollset
  private readonly limits: DebuggerLimits

  constructor(scheduler: Scheduler, pollset: Pollset, limits: DebuggerLimits) {
    this.scheduler = scheduler
    this.pollset = pollset
    this.limits = limits
  }

  get size(): number {
    return this.byContinuation.size
  }

  get isFull(): boolean {
    return this.size >= this.limits.holdsMax
  }

  get(continuation: Continuation): Holding | undefined {
    return this.byContinuation.get(continuation)
  }

  all(): Continuation[] {
    return [...this.byContinuation.keys()]
  }

  /** Notes that the scheduler holds this continuation, or is about to, and tells its owners. */
  add(continuation: Continuation, owners: Iterable<HoldOwner>, reason: string, text: string): void {
    const holding = new Holding(this, continuation, reason, text)
    for (const owner of owners) holding.owners.add(owner)
    this.byContinuation.set(continuation, holding)
    this.pollset.deadlines.every(this.limits.holdMs).arm(holding)
    for (const owner of holding.owners) owner.stopped(continuation, reason, text)
  }

  /**
   * Releases it for this owner, or for all (`null`). When no owner is left, the continuation goes on. Returns
   * true if it does.
   */
  release(continuation: Continuation, owner: HoldOwner | null, why: string): boolean {
    const holding = this.byContinuation.get(continuation)
    if (holding === undefined) return false
    if (owner !== null) {
      if (!holding.owners.delete(owner)) return false
      if (holding.owners.size > 0) {
        owner.wentOn(continuation, `${continuation.id} is still held by another debugger`)
        return false
      }
      owner.wentOn(continuation, why)
    }
    for (const each of holding.owners) each.wentOn(continuation, why)
    this.forget(continuation)
    this.scheduler.release(continuation)
    return true
  }

  /** Releases everything that this owner holds, or everything. */
  releaseAll(owner: HoldOwner | null, why: string): void {
    for (const each of this.all()) this.release(each, owner, why)
  }

  /** Tells its owners, and releases it soon: its client has left, or it is to end. */
  cancelAsked(continuation: Continuation): void {
    const holding = this.byContinuation.get(continuation)
    if (holding === undefined) return
    const seconds = this.limits.goneMs / 1000
    for (const owner of holding.owners)
      owner.noted(
        continuation,
        `${continuation.id} is to end, since its client has left; it goes on in ${seconds} s`,
      )
    const { deadlines, now } = this.pollset
    // A cancel makes no hold longer.
    if (holding.deadlineAt - now <= this.limits.goneMs) return
    deadlines.disarm(holding)
    deadlines.every(this.limits.goneMs).arm(holding)
  }

  /** Tells its owners of an event. */
  note(continuation: Continuation, text: string): void {
    for (const owner of this.byContinuation.get(continuation)?.owners ?? []) owner.noted(continuation, text)
  }

  /** Forgets a continuation that has ended in any way. */
  ended(continuation: Continuation): void {
    const holding = this.byContinuation.get(continuation)
    if (holding === undefined) return
    this.forget(continuation)
    for (const owner of holding.owners)
      owner.wentOn(continuation, `${continuation.id} has ended while it was held`)
  }

  private forget(continuation: Continuation): void {
    const holding = this.byContinuation.get(continuation)
    if (holding !== undefined) this.pollset.deadlines.disarm(holding)
    this.byContinuation.delete(continuation)
  }
}
