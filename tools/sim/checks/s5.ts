// S5: a waiter is armed on all of its pollables and on its deadline, or on none. Readiness that a
// continuation waits for has woken it. A continuation that a debugger holds waits for nothing; a parked one
// waits, when it goes on, for the rest of its time.

import type { Continuation, Hold } from '../../../src/continuation/index.js'
import type { Pollable } from '../../../src/pollset/index.js'
import { armed, countArmed, type EngineInside } from '../inside.js'
import { type Checker, fail, type RunView } from './check.js'

interface Engined {
  readonly engine: EngineInside | null
}

/** The parts of a run, of whatever protocol, that are looked at. */
export interface WaitsView extends Pick<RunView, 'pollset' | 'engines' | 'checksArmed'> {
  readonly world: Pick<RunView['world'], 'scheduler'>
  readonly exchanges: readonly Engined[]
  readonly checks: readonly Engined[]
}

export interface WaitChecker extends Checker<WaitsView> {
  /** Called when a continuation goes on after a hold, before it does. */
  released(continuation: Continuation, hold: Hold, now: number): void
  /** Called when a continuation has taken a step. */
  stepped(continuation: Continuation): void
}

interface Rest {
  readonly hold: Hold
  readonly at: number
}

export function s5(): WaitChecker {
  /** Those that have gone on since the last look, and wait for the rest of their time. */
  const rests = new Map<Continuation, Rest>()
  return {
    released(continuation, hold, at) {
      if (hold.left >= 0) rests.set(continuation, { hold, at })
    },
    stepped(continuation) {
      rests.delete(continuation)
    },
    turn(scene) {
      let deadlines = scene.checksArmed
      for (const each of scene.world.scheduler.alive()) {
        waits(each)
        if (each.deadlineArmed) deadlines++
        const rest = rests.get(each)
        if (rest !== undefined) restArmed(each, rest)
      }
      if (rests.size > 0) rests.clear()
      // A CONNECT has an engine of its own, and so has a check.
      const engines = new Set<EngineInside>(scene.engines)
      for (const { engine } of [...scene.exchanges, ...scene.checks]) if (engine !== null) engines.add(engine)
      for (const engine of engines) deadlines += own(engine)
      if (countArmed(scene.pollset.deadlines) !== deadlines) {
        const all = armed(scene.pollset.deadlines)
        const stray = all.find((each) => (each as Continuation).finished === true) as Continuation | undefined
        fail(
          'S5',
          `${all.length} deadlines are armed for ${deadlines} waiters${stray ? `: ${stray.id}` : ''}`,
        )
      }
    },
    end(scene) {
      // Those of an engine end by themselves.
      const owned = scene.engines.reduce((sum, each) => sum + own(each), 0)
      const left = armed(scene.pollset.deadlines).length - owned
      if (left > 0) fail('S5', `${left} deadlines are still armed at the end of the run`)
    },
  }
}

/** Returns the number of armed deadlines of an engine: its pause, and its look at idle sessions. */
const own = ({ openings, idle }: EngineInside): number =>
  Number(openings.pause.deadlineArmed) + Number(idle.deadlineArmed)

function waits(c: Continuation): void {
  const out = c.suspended
  if (out === null) {
    if (c.deadlineArmed) fail('S5', `${c.id} does not wait at ${c.stepName}, and its deadline is armed`)
    if (!c.queued && !c.held) fail('S5', `${c.id} neither waits nor runs at ${c.stepName}`)
    if (c.hold !== null) parked(c, c.hold)
    return
  }
  if (c.held) fail('S5', `${c.id} is held at ${c.stepName}, and waits`)
  let meets = slot(c, c.slot0, c.bits0)
  meets = slot(c, c.slot1, c.bits1) || meets
  meets = slot(c, c.slot2, c.bits2) || meets
  if (c.queued) return
  const timed = out.within >= 0 || c.until !== 0
  if (timed !== c.deadlineArmed) {
    fail('S5', `${c.id} waits at ${c.stepName} ${timed ? 'without its' : 'with a'} deadline`)
  }
  if (meets) fail('S5', `${c.id} waits at ${c.stepName} for readiness that holds, and was not woken`)
  if (c.cancelAsked && out.cancelled >= 0)
    fail('S5', `${c.id} waits at ${c.stepName}, cancelled and not woken`)
}

/** Checks a parked continuation: it keeps its wait, and waits for nothing. */
function parked(c: Continuation, hold: Hold): void {
  for (const pollable of [c.slot0, c.slot1, c.slot2])
    if (pollable?.waiter === c) fail('S5', `${c.id} is held at ${c.stepName}, and waits for ${pollable.id}`)
  if (hold.point === 'paused' && hold.wait !== null && hold.wait.within >= 0 && hold.left < 0)
    fail('S5', `${c.id} is parked at ${c.stepName}, and has lost the rest of its time`)
}

/** If it still waits as it did before it was parked, then until the rest of its time is over. */
function restArmed(c: Continuation, { hold, at }: Rest): void {
  if (c.suspended === null || c.suspended !== hold.wait || c.since !== at || c.queued) return
  if (!c.deadlineArmed || Math.abs(c.deadlineAt - at - hold.left) > 1e-6)
    fail('S5', `${c.id} has ${hold.left} ms left at ${c.stepName}, and waits for ${c.deadlineAt - at} ms`)
}

function slot(c: Continuation, pollable: Pollable | null, bits: number): boolean {
  if (pollable === null) return false
  if (pollable.waiter !== c || pollable.interest !== bits) {
    fail('S5', `${c.id} waits at ${c.stepName} for ${pollable.id}, and is not its waiter`)
  }
  return (pollable.readiness & bits) !== 0
}
