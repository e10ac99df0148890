// R: a request is sent again only where that is safe (spec/exchange.md, R1 to R4; RFC 9110 §9.2.2, RFC 9113 §8.7). Judged
// by the backend that gets it, with what all backends know of it.

import type { Request } from '../books.js'
import { type Checker, fail } from './check.js'

/** With the handshakes of tunnels: one that was not answered has done no more than a GET. */
const IDEMPOTENT: ReadonlySet<string> = new Set(['GET', 'HEAD', 'PUT', 'CONNECT'])

export function mayComeAgain(request: Request): void {
  for (const attempt of request.attempts) {
    const over = attempt.calmed === true || attempt.dead()
    if (attempt.refused || (over && IDEMPOTENT.has(request.method))) continue
    fail('R', `${request.method} ${request.id} comes again, though it was begun before`)
  }
}

/** R4: nothing is sent again after a final head was queued to the client. */
export function r(): Checker {
  const answeredAfter = new WeakMap<object, number>()
  return {
    turn(scene) {
      for (const x of scene.exchanges) {
        if (!x.answered) continue
        const attempts = answeredAfter.get(x)
        if (attempts === undefined) answeredAfter.set(x, x.attempts)
        else if (x.attempts > attempts) fail('R', `${x.id} was sent again after it was answered`)
      }
    },
  }
}
