// R: a request is sent again only where that is safe (spec/exchange.md, R1 to R4; RFC 9110 §9.2.2, RFC 9113 §8.7). Judged
// by the backend that gets it, with what all backends know of it.

import { responseBegun } from '../inside.js'
import type { Attempt, Request } from '../ledger.js'
import type { Plan } from '../plan.js'
import { type Checker, fail } from './check.js'

/** With the handshakes of tunnels: one that was not answered has done no more than a GET. */
const IDEMPOTENT: ReadonlySet<string> = new Set(['GET', 'HEAD', 'PUT', 'CONNECT'])

export function mayComeAgain(request: Request): void {
  if (request.tooLarge) fail('R', `${request.method} ${request.id} came, whose head is too large`)
  let left = request.byHand.retries
  for (const attempt of request.attempts) {
    if (attempt.culprit === true && left === 0)
      fail('R', `${request.id} comes again, though it broke a connection before`)
    const over = attempt.calmed === true || attempt.unfit === true || attempt.dead()
    if (attempt.refused || (over && IDEMPOTENT.has(request.method))) continue
    // A debugger has sent it again.
    if (left-- > 0) continue
    fail('R', `${request.method} ${request.id} comes again, though it was begun before`)
  }
}

/** R13: the proxy has ended the connection of this attempt for the head that answered it. */
export function brokeItsConnection(request: Request, attempt: Attempt): void {
  attempt.culprit = true
  if (request.attempts.at(-1) !== attempt && request.byHand.retries === 0)
    fail('R', `${request.id} has come again, though it broke a connection`)
}

/**
 * R12: an attempt that was not begun does not count. It is judged if nothing else can have cost an attempt.
 */
export function attemptsAreSpent(request: Request, plan: Plan): void {
  const { diePercent, resetPercent, vanishPercent, stallPercent, sendBufferBytes, refusedPercent } = plan
  if (diePercent + resetPercent + vanishPercent + stallPercent + sendBufferBytes + refusedPercent > 0) return
  const { attempts } = request
  if (request.byHand.retries > 0) return
  if (attempts.length > 0 && attempts.every((each) => each.notBegun === true))
    fail('R', `no attempts are left for ${request.id}, of which none was begun`)
}

/** R4: nothing is sent again after a final head was queued to the client. */
export function r(): Checker {
  const answeredAfter = new WeakMap<object, number>()
  return {
    turn(scene) {
      for (const x of scene.exchanges) {
        if (!responseBegun(x)) continue
        const attempts = answeredAfter.get(x)
        if (attempts === undefined) answeredAfter.set(x, x.attempts)
        else if (x.attempts > attempts) fail('R', `${x.id} was sent again after it was answered`)
      }
    },
  }
}
