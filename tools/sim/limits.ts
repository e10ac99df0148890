// From a plan to the bounds of the proxy under test, and to the faults of its network.

import type { SimFaults } from '../../src/pollset/index.js'
import { defaultLimits, type Limits, limitsByRoom, limitsWith } from '../../src/server/index.js'
import { BLOCK_LIMITS } from './large-heads.js'
import type { Plan } from './plan.js'

/** The least rate of a connection of this plan: a small buffer is filled again when its bytes have arrived. */
function slowestBytesPerSecond({ slowBytesPerSecond, sendBufferBytes, latencyMs }: Plan): number {
  if (sendBufferBytes === 0) return slowBytesPerSecond
  return sendBufferBytes / (latencyMs / 1_000 + sendBufferBytes / slowBytesPerSecond)
}

/** The ms for which a session of a store may owe replies that nobody waits for. */
const STALL_MS = 3_000
/** The bytes of a script and its arguments. */
const SCRIPT_BYTES = 2_000

/** The ms that a script is on its way where connections are slow. */
const slowMs = ({ slowPercent, slowBytesPerSecond }: Plan): number =>
  slowPercent === 0 ? 0 : (SCRIPT_BYTES * 1_000) / slowBytesPerSecond

export function limitsOf(plan: Plan): Limits {
  // A number of the plan is that of every room which has a limit of its name.
  const named: Record<string, Record<string, number>> = {}
  for (const [room, values] of Object.entries(limitsByRoom)) {
    named[room] = {}
    for (const name of Object.keys(values))
      if (Object.hasOwn(plan, name)) named[room][name] = plan[name as keyof Plan]
  }
  return limitsWith(
    limitsWith(limitsWith(defaultLimits, named), {
      http1: {
        // No connection is slower than that, and its network may hold whatever is written.
        slowestBytesPerSecond: slowestBytesPerSecond(plan),
        transitBytesMax: 32 * 1024 * 1024,
        fieldSectionBytesMax: 2048,
      },
      http2: {
        // No connection is slower than that, and its network may hold whatever is written.
        slowestBytesPerSecond: slowestBytesPerSecond(plan),
        transitBytesMax: 32 * 1024 * 1024,
        backendPingTimeoutMs: plan.frontendPingTimeoutMs,
        streamWindowMax: plan.streamWindow + plan.streamWindowOver,
        // An output slab must take the largest head.
        headerListBytesMax: 2048,
        // The whole handshake counts, and the network may hold up each piece of it.
        prefaceMs: 10_000,
      },
      transport: { stallMs: plan.heldStallMs, heldBytesMax: plan.heldBytesSoft + plan.heldBytesOver },
      admin: { bodyMs: 300, answerMs: 400 },
      // A store that is well answers within that: a connection, a script, and its answer.
      redis: {
        storeProbeMs: plan.storeProbeMs + 10 * plan.latencyMs + slowMs(plan),
        sessionStallMs: STALL_MS,
        // A session that greets a server which is gone is noticed within that (Y45).
        leaseMs: 1_000,
      },
      server: {
        handshakeMs: 1000,
        // A session of HTTP/1.1 carries one request.
        http1SessionsMax: plan.sessionsMax,
        http1OpeningMax: plan.openingMax,
      },
    }),
    { http2: BLOCK_LIMITS },
  )
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
