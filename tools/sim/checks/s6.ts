// S6: a held exchange takes no step, and its hold stops no other exchange. The second half is checked in runs
// without faults, where nothing else delays an exchange: there every exchange that is not held ends in
// bounded time.

import type { Continuation } from '../../../src/continuation/index.js'
import type { ExchangeInside } from '../inside.js'
import { type Checker, fail, type RunView } from './check.js'

/** The time within which an exchange that is not held must end, in ms. */
export const ALONE_MS = 900

/** The parts of a run, of whatever protocol, that are looked at. */
export type HoldsView = Pick<RunView, 'hand' | 'plan' | 'healed' | 'pollset' | 'exchanges'>

export interface HoldChecker extends Checker<HoldsView> {
  /** Called when a continuation has taken a step. */
  stepped(continuation: Continuation): void
}

/** Returns true if a filter of a held exchange has made this one: the filter does not read its response. */
const isOfHeld = ({ id }: ExchangeInside, exchanges: readonly ExchangeInside[]): boolean =>
  exchanges.some((each) => each.held && id.startsWith(`${each.id}.`))

export function s6(): HoldChecker {
  return {
    stepped(continuation) {
      if (continuation.held) fail('S6', `${continuation.id} is held, and has taken ${continuation.stepName}`)
    },
    turn(scene) {
      for (const each of scene.hand.holding) {
        if (!each.held || each.finished)
          fail('S6', `${each.id} is in the debugger actor's list, but is not held`)
      }
      if (scene.plan.handOnly === 0 || scene.healed) return
      for (const x of scene.exchanges) {
        const ms = scene.pollset.now - x.receivedAt
        if (!x.held && ms > ALONE_MS && !isOfHeld(x, scene.exchanges)) {
          fail('S6', `${x.id} is at ${x.stepName} after ${ms} ms: only holds of other exchanges can delay it`)
        }
      }
    },
  }
}
