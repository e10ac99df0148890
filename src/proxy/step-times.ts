// The time of an exchange by its steps, and the side that held it up. The scheduler adds up the waits of each
// step (Continuation.waitTimes); this file adds the parts that no step has of its own. Nothing is measured
// while ReverseProxy.measuresSteps is false.

import type { WaitTimes } from '../continuation/index.js'
import type { Stream } from '../http/index.js'
import type { Exchange } from './exchange.js'
import { exchangeLife } from './exchange-life.js'

const STEPS = Object.keys(exchangeLife.edges)
const LEASE = STEPS.indexOf('lease')
const CONNECT = STEPS.length
const BLOCKED_BY_CLIENT = CONNECT + 1
const BLOCKED_BY_BACKEND = CONNECT + 2

/**
 * The names of the times, by their place in the array: the steps, and three parts. `connect` is the wait for
 * a lease while no connection to the endpoint was open; it is not in `lease`. `blockedByClient` and
 * `blockedByBackend` are those parts of the steps in which bytes waited because that side did not take them.
 */
export const stepTimeNames: readonly string[] = [...STEPS, 'connect', 'blockedByClient', 'blockedByBackend']

/** Adds the parts of a wait that has ended, of these ms. */
export function noteParts(x: Exchange, waits: WaitTimes, ms: number): void {
  if (ms === 0) return
  const { backendStream } = x
  if (x.step === LEASE) {
    if (!x.unconnected) return
    waits.add(LEASE, -ms)
    waits.add(CONNECT, ms)
    return
  }
  const byClient = blockedMs(x.frontend, x.since, ms)
  if (byClient > 0) waits.add(BLOCKED_BY_CLIENT, byClient)
  const byBackend = backendStream === null ? 0 : blockedMs(backendStream, x.since, ms)
  if (byBackend > 0) waits.add(BLOCKED_BY_BACKEND, byBackend)
}

/**
 * Returns the part of a wait in which the peer of a stream did not take bytes sent to it. Bytes are granted
 * only between waits, so this lasts until they had left.
 */
const blockedMs = (stream: Stream, since: number, ms: number): number =>
  stream.granted > 0 || stream.pendingHead !== null ? ms : Math.min(ms, Math.max(0, stream.sentAt - since))
