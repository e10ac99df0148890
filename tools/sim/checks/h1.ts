// H1: the duties of HTTP/1.1 connections to each other at their end. A client whose FIN follows its whole
// request is answered, or cut off by RST. An idle connection whose backend has announced how long it keeps it
// is closed before that.

import type { Http1StreamInside } from '../inside.js'
import type { Plan } from '../plan.js'
import { type Checker, fail } from './check.js'

/** The connection has ended by FIN: is there a request that a backend has seen, and nothing of a response? */
export function answeredAtEnd(id: number, attempts: number, headCame: boolean): void {
  if (attempts > 0 && !headCame)
    fail('H1', `request ${id} has FIN behind it, and the connection ends without a word`)
}

/**
 * Returns true if nothing holds up octets or steps: then both ends of a connection agree within its margin on
 * when it became idle.
 */
export const agreesOnIdle = (plan: Plan): boolean =>
  plan.stallPercent + plan.stuckPercent + plan.holdPercent + plan.parkPercent + plan.sendBufferBytes === 0

/** R11 of spec/exchange.md: nothing is sent again after FIN. And E33 of spec/engine.md. */
export function h1(): Checker {
  const atFin = new WeakMap<object, { sent: boolean; backend: object | null }>()
  return {
    turn(scene) {
      for (const x of scene.exchanges) {
        if (!((x.frontend as Http1StreamInside).answerBy > 0)) continue
        const before = atFin.get(x)
        if (before === undefined) atFin.set(x, { sent: x.sent, backend: x.backendStream })
        else if (before.sent && x.backendStream !== null && x.backendStream !== before.backend)
          fail('R', `${x.id} was sent again after its client's FIN`)
      }
      for (const { id, sessions, doubtful, limits } of scene.engines) {
        let capacity = 0
        for (const each of sessions) capacity = Math.max(capacity, each.capacity)
        const most = Math.max(1, (capacity * limits.sessionsMax) >> 1)
        if (capacity > 0 && doubtful.size > most)
          fail('S4', `${doubtful.size} leases of ${id} are doubtful, at most ${most}`)
      }
    },
  }
}
