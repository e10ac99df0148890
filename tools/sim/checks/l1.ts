// L1: once the network heals, every exchange ends within its deadlines, and then everything is quiet.

import type { Limits } from '../../../src/server/index.js'
import { FILTERS_WAIT_MS, type Plan } from '../plan.js'
import { fail, type RunView } from './check.js'

/** The longest Retry-After that is waited for, in ms. */
const RETRY_AFTER_MS = 1_000

/**
 * ms until a silent peer that is gone is recognised: it is asked first, and the bytes that were sent to it
 * may be on their way for long.
 */
function silenceMs(limits: Limits): number {
  const { pingAfterMs, pingIntervalMs, frontendPingTimeoutMs, backendPingTimeoutMs } = limits.http2
  const transitMs = (limits.http2.transitBytesMax * 1_000) / limits.http2.slowestBytesPerSecond
  return pingAfterMs + pingIntervalMs + Math.max(frontendPingTimeoutMs, backendPingTimeoutMs) + transitMs
}

/** ms within which every exchange must have ended after the healing: all its waits, one behind the other. */
export function exchangesEndWithinMs(limits: Limits, plan: Plan): number {
  const pause = plan.retryOn503 * Math.max(plan.backoffMostMs, RETRY_AFTER_MS)
  const attempt =
    pause + limits.proxy.leaseTimeoutMs + limits.transport.connectMs * 2 + limits.proxy.headTimeoutMs
  const silence = silenceMs(limits) + 2 * 5_000
  return (
    attempt * (limits.proxy.attemptsMax + 1) +
    3 * limits.proxy.bodyTimeoutMs +
    3 * limits.proxy.tunnelIdleMs +
    silence +
    limits.http2.discardMs +
    limits.http2.lingerMs +
    plan.filters * FILTERS_WAIT_MS
  )
}

/** ms within which every connection must have closed after its last exchange. */
export function connectionsEndWithinMs(limits: Limits): number {
  const silence = silenceMs(limits) + 4 * 5_000
  return (
    silence +
    limits.http2.frontendIdleMs +
    limits.http2.backendIdleMs +
    limits.http2.discardMs * 2 +
    limits.http2.lingerMs * 2 +
    limits.redis.sessionStallMs
  )
}

/** The time is over: nothing may be left. */
export function endedInTime(scene: RunView, what: 'exchanges' | 'connections'): void {
  const left =
    what === 'exchanges'
      ? scene.exchanges
      : [
          ...scene.exchanges,
          ...scene.frontends,
          ...scene.sessions,
          ...scene.http1Frontends,
          ...scene.http1Sessions,
          ...scene.tcpSessions,
        ]
  if (left.length === 0) return
  const told = left.slice(0, 5).map((each) => `${each.id} at ${each.stepName}`)
  fail('L1', `${left.length} ${what} have not ended: ${told.join(', ')}`)
}
