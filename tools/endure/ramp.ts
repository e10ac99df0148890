// The slow start of an endpoint that has come back, as seen by its clients, compared with the rule
// (spec/balancing.md, B13). A request was sent to an endpoint between the moment when the client sent it and
// the moment when its response came, so its chance of that endpoint lies between the chances at the two
// moments. A slow machine widens the expected range, and breaks nothing.

import type { Answered } from './load.js'

export interface RampOptions {
  readonly slowStartMs: number
  /** The endpoints of the backend, of equal weights. */
  readonly endpoints: number
  /** The times between which the endpoint became usable, in ms of the wall clock. */
  readonly usable: readonly [notBefore: number, notAfter: number]
  /** The most by which the share of a second may differ, beyond chance. */
  readonly tolerance: number
}

export interface RampSecond {
  /** Seconds since it became usable. */
  readonly second: number
  readonly requests: number
  /** The share of the endpoint that has come back. */
  readonly share: number
  /** The smallest and the largest expected share. */
  readonly expected: readonly [least: number, most: number]
  readonly holds: boolean
}

/** The smallest part of its weight that an endpoint has in its slow start. */
const LEAST = 0.1

function shareAt(ageMs: number, { slowStartMs, endpoints }: RampOptions): number {
  const weight = Math.min(1, Math.max(LEAST, ageMs / slowStartMs))
  return weight / (endpoints - 1 + weight)
}

/** Compares each second after `name` has become usable, up to one second after its slow start. */
export function rampOf(samples: readonly Answered[], name: string, options: RampOptions): RampSecond[] {
  const { usable, slowStartMs, tolerance } = options
  const [notBefore, notAfter] = usable
  const seconds: RampSecond[] = []
  for (let second = 0; second * 1_000 < slowStartMs + 1_000; second++) {
    const from = notAfter + second * 1_000
    const own = samples.filter(({ sentAt }) => sentAt >= from && sentAt < from + 1_000)
    if (own.length === 0) continue
    let [least, most, variance] = [0, 0, 0]
    for (const { sentAt, headAt } of own) {
      const [low, high] = [shareAt(sentAt - notAfter, options), shareAt(headAt - notBefore, options)]
      least += low
      most += high
      variance += high * (1 - high)
    }
    const count = own.filter(({ from: endpoint }) => endpoint === name).length
    const slack = 4 * Math.sqrt(variance)
    const room = (expected: number): number => expected * tolerance + slack
    seconds.push({
      second,
      requests: own.length,
      share: count / own.length,
      expected: [least / own.length, most / own.length],
      holds: count >= least - room(least) && count <= most + room(most),
    })
  }
  return seconds
}
