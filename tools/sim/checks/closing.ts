// C1: the duties of connections to their peers at their end (spec/output.md, O25 and O26; spec/pollset.md,
// P32). A response that has left whole reaches a client that stays; one that has come whole is passed on,
// even if its backend resets the connection after it.

import type { Exchange } from '../../../src/proxy/index.js'
import { idOf, type Ledger, type Request } from '../ledger.js'
import type { Plan } from '../plan.js'
import { fail } from './check.js'

/** Outcomes of exchanges whose backend's connection was lost before it had answered. */
const LOST = new Set(['backend-closed', 'unanswered', 'truncated'])

/** Called for each exchange that ends. */
export function exchangeEnded(books: Ledger, { request, outcome, asksTunnel }: Exchange): void {
  const id = idOf(request.path?.value ?? '')
  const asked = asksTunnel ? undefined : books.requests[id]
  if (asked === undefined) return
  asked.outcome = outcome
  // A debugger may have sent the request again, though an answer had come.
  if (asked.byHand.retries > 0) return
  if (LOST.has(outcome) && asked.responses.at(-1)?.arrived === true)
    fail('C1', `the response to ${id} had come before its connection was reset, and is ${outcome}`)
}

/**
 * Runs in which nothing takes longer than a connection waits in silence: no stalls, no actors that stop
 * reading, no long delays.
 */
const seenInTime = (plan: Plan): boolean =>
  plan.stallPercent + plan.stuckPercent === 0 && plan.latencyMs * 4 < plan.lingerMs

/** A client has lost its connection, through no doing of its own or of the network, in the middle of this response. */
export function cutOff(request: Request, plan: Plan): void {
  if (request.outcome === 'ok' && request.tunnel === null && seenInTime(plan))
    fail('C1', `the response to ${request.id} had left whole, and was cut`)
}
