// Exchanges, as seen by programs: running ones, and ended ones.

import { stateOf, stepOf } from '../continuation/index.js'
import type { HttpWorld } from '../http/index.js'
import { formatAddress } from '../pollset/index.js'
import { Exchange, methodOf } from '../proxy/index.js'

/** An exchange that has ended. */
export interface ExchangeReport {
  /** The id of the exchange, as in the trace: `m3/s5`. */
  readonly id: string
  readonly method: string
  readonly host: string
  readonly path: string
  /** The URL of the backend that was chosen; null if none was. */
  readonly backend: string | null
  /** `ok`, or a stable code of the failure. */
  readonly outcome: string
  /** The number of times that the request was sent to a backend. */
  readonly attempts: number
  /** The status of the answer to the client; 0 without an answer. */
  readonly status: number
  /** ms from the request head to the end of the exchange */
  readonly durationMs: number
}

/** An exchange that runs. */
export interface LiveExchange {
  /** The id of the exchange, as in the trace: `m3/s5`. */
  readonly id: string
  readonly method: string
  readonly host: string
  readonly path: string
  /** The step that it runs next, or waits in (spec/exchange.md). */
  readonly step: string
  readonly state: string
  /** The ids of the pollables that it waits for. */
  readonly waitsFor: readonly string[]
  /** ms for which it has waited */
  readonly sinceMs: number
  /** ms since it came */
  readonly ageMs: number
  /** ms until its wait is late; null if it never is */
  readonly lateInMs: number | null
  /** The address of the client. */
  readonly client: string
  /** The name of the backend; null if none is chosen. */
  readonly backend: string | null
  /** The number of times that it was sent. */
  readonly attempts: number
  /** True if it is an open tunnel. */
  readonly tunnel: boolean
}

function viewOf(x: Exchange, now: number): LiveExchange {
  const { request, slot0, slot1, slot2, frontend } = x
  return {
    id: x.id,
    method: methodOf(x),
    host: request.host,
    path: request.path?.value ?? '',
    step: stepOf(x),
    state: stateOf(x),
    waitsFor: [slot0, slot1, slot2].flatMap((each) => (each === null ? [] : [each.id])),
    sinceMs: now - x.since,
    ageMs: now - x.receivedAt,
    lateInMs: x.deadlineArmed ? Math.max(0, x.deadlineAt - now) : null,
    client: formatAddress(frontend.client.addresses.from),
    backend: x.backend?.name ?? null,
    attempts: x.attempts,
    tunnel: x.tunnelOpen,
  }
}

/** Lists the exchanges of a World that run, the newest first. */
export function liveExchanges({ scheduler, pollset }: HttpWorld): LiveExchange[] {
  const found: LiveExchange[] = []
  // A program asks outside of a turn, whose time has passed.
  const now = pollset.now + pollset.spentMs()
  for (const each of scheduler.alive()) if (each instanceof Exchange) found.push(viewOf(each, now))
  return found
}

/** Returns the report of an ended exchange. */
export const reportOf = (x: Exchange): ExchangeReport => ({
  id: x.id,
  method: methodOf(x),
  host: x.request.host,
  path: x.request.path?.value ?? '',
  backend: x.backend?.name ?? null,
  outcome: x.outcome,
  attempts: x.attempts,
  status: x.status,
  durationMs: x.now - x.receivedAt,
})
