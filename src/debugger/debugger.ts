// The debugger of a World: the only gate and the only watcher behind all attached debuggers. It does not
// touch requests until a breakpoint is set or something is held.

import type { Cause, Continuation, Gate, Hold, Program, Watcher } from '../continuation/index.js'
import type { HeldLoss } from '../transport/index.js'
import { Breakpoint, type BreakpointOptions } from './breakpoints.js'
import type { Condition, Vocabulary } from './conditions.js'
import { type HoldOwner, Holds } from './holds.js'
import { Inquiry } from './inquiry.js'
import type { DebuggerLimits } from './limits.js'
import type { Moment, Target } from './target.js'

/** The distance that a released continuation goes before it stops again. */
export type Stride =
  /** To the arming of its next wait, or to its next step. */
  | 'step'
  /** To its next step, through its wait. */
  | 'next'

interface Going {
  readonly owner: HoldOwner
  readonly stride: Stride
  /** The step at which it stops; null: at the next one. */
  readonly to: string | null
}

/** An attached debugger, as seen by the others. */
export interface Attached extends HoldOwner {
  /** Is told that a log point was hit, or is given a message. */
  wrote(text: string): void
}

interface Owned {
  readonly owner: Attached
  readonly point: Breakpoint
  /** The second of the clock in which it last wrote, and the number of lines in that second. */
  second: number
  lines: number
}

export class Debugger implements Gate, Watcher {
  readonly target: Target
  readonly limits: DebuggerLimits
  readonly holding: Holds
  readonly inquiry: Inquiry
  private readonly points: Owned[] = []
  private readonly going = new Map<Continuation, Going>()
  private readonly attached = new Set<Attached>()
  private pointsMade = 0
  private watches = false
  private drained = false

  constructor(target: Target, limits: DebuggerLimits) {
    this.target = target
    this.limits = limits
    this.inquiry = new Inquiry(target, limits)
    const { scheduler, pollset } = target.world
    this.holding = new Holds(scheduler, pollset, limits)
  }

  attach(session: Attached): void {
    this.attached.add(session)
  }

  /** Removes its breakpoints, and releases everything that it holds. */
  detach(session: Attached, why = 'its debugger has gone'): void {
    this.attached.delete(session)
    for (const { owner, point } of [...this.points]) if (owner === session) this.removePoint(owner, point.id)
    for (const [c, { owner }] of this.going) if (owner === session) this.going.delete(c)
    this.holding.releaseAll(session, why)
    this.attend()
  }

  /** Releases everything, and stops nothing more, since the server drains. */
  drain(): void {
    this.drained = true
    this.points.length = 0
    this.going.clear()
    this.holding.releaseAll(null, 'the server drains')
    for (const each of this.attached) each.wrote('the server drains: all holds and breakpoints are gone')
    this.attend()
  }

  /**
   * Compiles a condition for this debugger, which is told if the condition fails. Returns null for '', or the
   * reason for a refusal.
   */
  condition(text: string, by: Attached): Condition<Moment> | string | null {
    return this.inquiry.condition(text, (why) => by.wrote(why))
  }

  // Breakpoints

  /** Adds a breakpoint. Returns it, or the reason for a refusal. */
  addPoint(owner: Attached, options: BreakpointOptions): Breakpoint | string {
    if (this.drained) return 'the server drains: nothing is stopped any more'
    const { breakpointsMax } = this.limits
    if (this.points.length >= breakpointsMax) return `there are ${breakpointsMax} breakpoints already`
    const point = new Breakpoint(++this.pointsMade, options)
    this.points.push({ owner, point, second: 0, lines: 0 })
    this.attend()
    return point
  }

  removePoint(owner: Attached, id: number): boolean {
    const at = this.points.findIndex((each) => each.owner === owner && each.point.id === id)
    if (at < 0) return false
    this.points.splice(at, 1)
    this.attend()
    return true
  }

  pointsOf(owner: Attached): Breakpoint[] {
    return this.points.filter((each) => each.owner === owner).map((each) => each.point)
  }

  // Holding and releasing

  /** Holds a continuation for this owner. Returns the reason for a refusal, or null. */
  hold(continuation: Continuation, owner: Attached): string | null {
    const holding = this.holding.get(continuation)
    if (holding !== undefined) {
      const text = holding.owners.has(owner) ? holding.text : 'held by another debugger too'
      holding.owners.add(owner)
      owner.stopped(continuation, 'pause', text)
      return null
    }
    if (this.drained) return 'the server drains: nothing is stopped any more'
    if (!continuation.holdable)
      return `${continuation.id} is a ${continuation.kind}: all that it carries would stop`
    if (this.holding.isFull) return `${this.limits.holdsMax} are held already (debugger.holdsMax)`
    if (!this.target.world.scheduler.hold(continuation))
      return `${continuation.id} is not held: it runs, or has ended`
    this.stop(continuation, [owner], 'pause', 'held by hand')
    return null
  }

  /** Releases a continuation for this owner. Returns the reason for a refusal, or null. */
  release(continuation: Continuation, owner: Attached): string | null {
    if (!this.has(continuation, owner)) return `${continuation.id} is not held by this debugger`
    if (this.going.get(continuation)?.owner === owner) this.going.delete(continuation)
    this.holding.release(continuation, owner, `${continuation.id} goes on`)
    this.attend()
    return null
  }

  /** Releases a continuation so that it stops again soon. Returns the reason for a refusal, or null. */
  go(continuation: Continuation, owner: Attached, stride: Stride, to: string | null): string | null {
    if (!this.has(continuation, owner)) return `${continuation.id} is not held by this debugger`
    this.going.set(continuation, { owner, stride, to })
    this.attend()
    this.holding.release(continuation, owner, `${continuation.id} goes on`)
    return null
  }

  /**
   * Returns the reason why this debugger may not change a continuation, or null. It must hold
   * the continuation.
   */
  mayChange(continuation: Continuation, owner: Attached): string | null {
    if (!continuation.held) return `${continuation.id} is not held: hold it first`
    return this.has(continuation, owner)
      ? null
      : `${continuation.id} is held by another debugger: hold it too`
  }

  /** Returns true if this debugger holds it, or has released it only as far as its next stop. */
  isWith(continuation: Continuation, owner: HoldOwner): boolean {
    return this.has(continuation, owner) || this.going.get(continuation)?.owner === owner
  }

  /**
   * Returns the continuation that stopped last among those that this debugger holds; null if it holds none.
   */
  lastHeld(owner: HoldOwner): Continuation | null {
    return this.holding.all().findLast((each) => this.has(each, owner)) ?? null
  }

  /** Returns true if this debugger holds it. */
  private has(continuation: Continuation, owner: HoldOwner): boolean {
    return this.holding.get(continuation)?.owners.has(owner) === true
  }

  // The gate

  holds(continuation: Continuation, cause: Cause, from: number): boolean {
    const owners: HoldOwner[] = []
    let reason = ''
    let text = ''
    const going = this.going.get(continuation)
    if (going !== undefined && isThere(going, continuation, cause)) {
      owners.push(going.owner)
      reason = going.to === null ? 'step' : 'goto'
      text = `at ${where(continuation, cause)}`
    }
    // Each debugger gets its own stop and its own lines, even if others stop here too.
    for (let i = 0; i < this.points.length; i++) {
      const owned = this.points[i]
      if (!owned.point.isAt(continuation, cause, from) || !this.hits(owned, continuation, cause, from))
        continue
      if (!owners.includes(owned.owner)) owners.push(owned.owner)
      if (reason === '') {
        reason = 'breakpoint'
        text = `breakpoint #${owned.point.id} at ${where(continuation, cause)}`
      }
    }
    if (owners.length === 0) return false
    this.going.delete(continuation)
    return this.stopsAt(continuation, owners, reason, text)
  }

  /** Returns true if a breakpoint whose place is met holds it. */
  private hits(owned: Owned, continuation: Continuation, cause: Cause, from: number): boolean {
    const { owner, point } = owned
    const { condition, log, lastPlace } = point.options
    const moment = { continuation, from: continuation.program.names[from] ?? '-' }
    if (condition !== null && !condition.test(moment)) return false
    if (!point.counts()) return false
    const at = `${continuation.id} ${where(continuation, cause)}`
    const refused = log !== null || lastPlace ? null : this.target.lastPlace(continuation, this.holding.all())
    if (log !== null) this.write(owned, `${at}: ${this.filled(log, moment)}`)
    else if (refused !== null) this.write(owned, `${at}: not held, since ${refused}`)
    else if (this.holding.isFull)
      this.write(owned, `${at}: not held, since ${this.limits.holdsMax} are (debugger.holdsMax)`)
    const stops = log === null && refused === null && !this.holding.isFull
    // A `once` point is used up by its effect: a stop, or a line.
    if (point.options.once && (stops || log !== null)) {
      point.isOver = true
      this.target.world.pollset.queueLater(new Later(() => this.removePoint(owner, point.id)))
    }
    return stops
  }

  private stopsAt(
    continuation: Continuation,
    owners: readonly HoldOwner[],
    reason: string,
    text: string,
  ): boolean {
    if (!continuation.holdable) {
      for (const each of owners) each.noted(continuation, `${continuation.id} ${text}: it cannot be held`)
      return false
    }
    this.pending = { owners, reason, text }
    return true
  }

  /** The reason of the gate for its last hold; the watcher's {@link held} takes it. */
  private pending: { owners: readonly HoldOwner[]; reason: string; text: string } | null = null

  private stop(continuation: Continuation, owners: Iterable<HoldOwner>, reason: string, text: string): void {
    const whole = [text, ...this.target.waitersOn(continuation)].join('; ')
    this.holding.add(continuation, owners, reason, whole)
    this.attend()
  }

  /** Writes a line of a log point: at most `logLinesMax` a second. */
  private write(owned: Owned, text: string): void {
    const second = Math.floor(this.target.world.pollset.now / 1000)
    if (owned.second !== second) {
      const missed = owned.lines - this.limits.logLinesMax
      if (missed > 0) owned.owner.wrote(`… and ${missed} lines more in that second`)
      owned.second = second
      owned.lines = 0
    }
    if (++owned.lines <= this.limits.logLinesMax) owned.owner.wrote(text)
  }

  /** Replaces `{NAME}` by values. */
  private filled(log: string, moment: Moment): string {
    return log.replace(/\{([^{}]+)\}/g, (_, name: string) =>
      valueText(this.target.vocabulary, moment, name.trim()),
    )
  }

  // The memory budget

  private readonly onHeldLoss: HeldLoss = (held, bytes, limit) =>
    this.holding.note(
      held,
      `${held.id} has lost the ${bytes} bytes that waited for it, since ${limit} is reached: it fails when it goes on`,
    )

  // The watcher

  held(continuation: Continuation, _hold: Hold): void {
    const { pending } = this
    this.pending = null
    if (pending !== null) this.stop(continuation, pending.owners, pending.reason, pending.text)
  }

  cancelAsked(continuation: Continuation): void {
    this.holding.cancelAsked(continuation)
  }

  crashed(continuation: Continuation, error: unknown): void {
    const text = error instanceof Error ? error.message : String(error)
    for (const each of this.attached)
      each.wrote(`${continuation.id} ${continuation.stepName} crashed: ${text}`)
  }

  ended(continuation: Continuation): void {
    this.going.delete(continuation)
    this.holding.ended(continuation)
    this.attend()
  }

  /** Becomes the gate and the watcher while there is something to ask or to watch, and only then. */
  private attend(): void {
    const { scheduler, memory } = this.target.world
    const stops = this.points.length > 0 || this.going.size > 0
    scheduler.gate = stops ? this : scheduler.gate === this ? null : scheduler.gate
    const watches = stops || this.holding.size > 0
    if (watches === this.watches) return
    this.watches = watches
    memory.onHeldLoss = watches ? this.onHeldLoss : null
    if (watches) scheduler.watch(this)
    else scheduler.unwatch(this)
  }

  /** Returns the lives of all living continuations, and of those seen before. */
  programs(): Program<never>[] {
    const found = new Map<string, Program<never>>(this.lives.map((each) => [each.name, each]))
    for (const each of this.target.world.scheduler.alive()) found.set(each.program.name, each.program)
    return [...found.values()]
  }

  /** The lives that a breakpoint may name before a continuation of them lives. */
  lives: readonly Program<never>[] = []
}

/** Runs a function in the next turn. */
class Later {
  private readonly run: () => void
  constructor(run: () => void) {
    this.run = run
  }
  wake(): void {}
  resume(): void {
    this.run()
  }
}

const isThere = ({ stride, to }: Going, { stepName }: Continuation, cause: Cause): boolean =>
  to === null ? stride === 'step' || cause !== 'arm' : stepName === to && cause !== 'arm'

/** Returns the place where a continuation stops, for a person. */
function where(continuation: Continuation, cause: Cause): string {
  const { program, step: at, stepName } = continuation
  const step = `${program.name}.${stepName}${continuation.stepDetail(at, false)}`
  return cause === 'arm'
    ? `${step}, about to wait`
    : cause === 'late' || cause === 'cancelled'
      ? `${step}, ${cause}`
      : step
}

/**
 * Returns the value of a name of conditions as text, such as `request.headers['x-a']`; `-` without a value.
 */
export function valueText(vocabulary: Vocabulary<Moment>, moment: Moment, name: string): string {
  const [, whole, key] = /^([\w.]+)(?:\[['"]([^'"]*)['"]\])?$/.exec(name) ?? []
  const known = whole !== undefined && Object.hasOwn(vocabulary, whole) ? vocabulary[whole] : undefined
  if (known === undefined) return `(there is no ${name})`
  const value = known.read(moment)
  if (value === null) return '-'
  if (typeof value !== 'object') return String(value)
  if (key !== undefined) return value.get(key) ?? '-'
  return [...value].map(([field, text]) => `${field}: ${text}`).join(', ')
}
