// The time of an exchange by its steps, and the side that held it up. The scheduler adds up the waits of each
// step (Continuation.waitedMs); this file adds the parts that no step has of its own. Nothing is measured,
// and nothing allocated, while ReverseProxy.stepTimes is null.

import { firstMarked } from '../access-log/index.js'
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

/** The most arrays that are kept for further exchanges. */
const IDLE_MAX = 1_000

/** Lends arrays of times, all of them 0. */
export class StepTimes {
  private readonly idle: Float64Array[] = []

  take(): Float64Array {
    return this.idle.pop() ?? new Float64Array(stepTimeNames.length)
  }

  /** @param marks the places that may be above 0: {@link Exchange.waitedSteps} */
  give(times: Float64Array, marks: number): void {
    if (this.idle.length >= IDLE_MAX) return
    for (let rest = marks; rest !== 0; rest &= rest - 1) times[firstMarked(rest)] = 0
    this.idle.push(times)
  }
}

/** Adds the parts of a wait that has ended, of these ms. */
export function noteParts(x: Exchange, times: Float64Array, ms: number): void {
  if (ms === 0) return
  const { step, backendStream } = x
  x.waitedSteps |= 1 << step
  if (step === LEASE) {
    if (!x.unconnected) return
    times[LEASE] -= ms
    addPart(x, times, CONNECT, ms)
    return
  }
  addPart(x, times, BLOCKED_BY_CLIENT, blockedMs(x.frontend, x.since, ms))
  if (backendStream !== null) addPart(x, times, BLOCKED_BY_BACKEND, blockedMs(backendStream, x.since, ms))
}

function addPart(x: Exchange, times: Float64Array, place: number, ms: number): void {
  if (ms === 0) return
  times[place] += ms
  x.waitedSteps |= 1 << place
}

/**
 * Returns the part of a wait in which the peer of a stream did not take bytes sent to it. Bytes are granted
 * only between waits, so this lasts until they had left.
 */
const blockedMs = (stream: Stream, since: number, ms: number): number =>
  stream.granted > 0 || stream.pendingHead !== null ? ms : Math.min(ms, Math.max(0, stream.sentAt - since))
