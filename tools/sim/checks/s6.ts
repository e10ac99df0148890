// S6: a held exchange takes no step, and its hold stops no sibling. The second half is judged in runs without
// faults, where nothing else could keep an exchange: there those that are not held end in bounded time.

import type { Continuation } from '../../../src/continuation/index.js'
import { type Checker, fail } from './check.js'

/** ms in which an exchange that is not held must end. */
const ALONE_MS = 900

export interface HoldChecker extends Checker {
  /** A continuation has taken a step. */
  stepped(continuation: Continuation): void
}

export function s6(): HoldChecker {
  return {
    stepped(continuation) {
      if (continuation.held) fail('S6', `${continuation.id} is held, and has taken ${continuation.stepName}`)
    },
    turn(scene) {
      for (const each of scene.hand.holding) {
        if (!each.held || each.finished) fail('S6', `${each.id} is held by the hand, and not held`)
      }
      if (scene.plan.handOnly === 0 || scene.healed) return
      for (const x of scene.exchanges) {
        const ms = scene.pollset.now - x.receivedAt
        if (!x.held && ms > ALONE_MS) {
          fail('S6', `${x.id} is at ${x.stepName} after ${ms} ms: nothing keeps it, but others that are held`)
        }
      }
    },
  }
}
