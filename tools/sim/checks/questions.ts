// Z2: a question to the admin listener ends within its times: its body, its answer, and as long again to leave.
// Then it has nothing.

import type { AdminExchange } from '../../../src/admin/admin-exchange.js'
import { type Checker, fail } from './check.js'

export function questions(): Checker {
  /** Those that live, and when each began. */
  const living = new Map<AdminExchange, number>()
  return {
    turn({ limits, pollset, world }) {
      const { bodyMs, answerMs } = limits.admin
      const { clock } = pollset
      for (const each of world.scheduler.alive())
        if (each.kind === 'admin' && !living.has(each as AdminExchange))
          living.set(each as AdminExchange, clock)
      for (const [each, began] of living) {
        const isOwner = each.stream.owner === each
        if (isOwner === each.finished)
          fail('Z2', `${each.id} ${isOwner ? 'has ended and keeps its stream' : 'lives without its stream'}`)
        if (each.finished) living.delete(each)
        else if (clock > began + bodyMs + 2 * answerMs)
          fail('Z2', `${each.id} is at ${each.stepName} ${clock - began} ms after it began`)
      }
    },
    end() {
      for (const each of living.keys()) fail('Z2', `${each.id} is at ${each.stepName} at the end`)
    },
  }
}
