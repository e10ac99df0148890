// From a plan to the bounds of the proxy under test, and to the faults of its network.

import type { SimFaults } from '../../src/pollset/index.js'
import { type Limits, limitsByRoom } from '../../src/server/index.js'
import { BLOCK_LIMITS } from './large-heads.js'
import type { Plan } from './plan.js'

const defaults = { ...(Object.assign({}, ...Object.values(limitsByRoom)) as Limits) }

export function limitsOf(plan: Plan): Limits {
  const named: Record<string, number> = {}
  for (const name of Object.keys(defaults)) {
    if (Object.hasOwn(plan, name)) named[name] = plan[name as keyof Plan]
  }
  return {
    ...defaults,
    ...named,
    // No connection is slower than that, and its network may hold whatever is written.
    slowestBytesPerSecond: plan.slowBytesPerSecond,
    transitBytesMax: 32 * 1024 * 1024,
    backendPingTimeoutMs: plan.frontendPingTimeoutMs,
    stallMs: plan.heldStallMs,
    heldBytesMax: plan.heldBytesSoft + plan.heldBytesOver,
    streamWindowMax: plan.streamWindow + plan.streamWindowOver,
    // An output slab must take the largest head.
    headerListBytesMax: 2048,
    ...BLOCK_LIMITS,
    // The whole handshake counts, and the network may hold up each piece of it.
    prefaceMs: 10_000,
    arrivalMs: 1000,
    fieldSectionBytesMax: 2048,
    // A session of HTTP/1.1 carries one request.
    http1SessionsMax: plan.sessionsMax,
    http1OpeningMax: plan.openingMax,
  }
}

export function faultsOf(plan: Plan): SimFaults {
  const { latencyMs, splitPercent, coalescePercent, sendBufferBytes, stallPercent, stallMs } = plan
  const { resetPercent, vanishPercent, faultWithinMs, refusePercent, hangPercent, unresolvedPercent } = plan
  const { slowPercent, slowBytesPerSecond } = plan
  return {
    latencyMs,
    splitPercent,
    coalescePercent,
    sendBufferBytes,
    roomBytes: 0,
    stallPercent,
    stallMs,
    resetPercent,
    vanishPercent,
    faultWithinMs,
    refusePercent,
    hangPercent,
    unresolvedPercent,
    slowPercent,
    slowBytesPerSecond,
  }
}
