// L1: once the network heals, every exchange ends within its deadlines, and then everything is quiet.

import type { Limits } from '../../../src/server/index.js'
import { fail, type Scene } from './check.js'

/** ms until a peer that is gone without a word is known to be: it is asked first, and what was sent to it may be on its way for long. */
function silenceMs(limits: Limits): number {
  const { pingAfterMs, pingIntervalMs, frontendPingTimeoutMs, backendPingTimeoutMs } = limits
  const transitMs = (limits.transitBytesMax * 1_000) / limits.slowestBytesPerSecond
  return pingAfterMs + pingIntervalMs + Math.max(frontendPingTimeoutMs, backendPingTimeoutMs) + transitMs
}

/** ms within which every exchange must have ended after the healing: all its waits, one behind the other. */
export function exchangesEndWithinMs(limits: Limits): number {
  const attempt = limits.leaseTimeoutMs + limits.connectMs * 2 + limits.headTimeoutMs
  const silence = silenceMs(limits) + 2 * 5_000
  return (
    attempt * (limits.attemptsMax + 1) +
    3 * limits.bodyTimeoutMs +
    3 * limits.tunnelIdleMs +
    silence +
    limits.dryMs +
    limits.lingerMs
  )
}

/** ms within which every connection must have closed after its last exchange. */
export function connectionsEndWithinMs(limits: Limits): number {
  const silence = silenceMs(limits) + 4 * 5_000
  return silence + limits.frontendIdleMs + limits.backendIdleMs + limits.dryMs * 2 + limits.lingerMs * 2
}

/** The time is over: nothing may be left. */
export function endedInTime(scene: Scene, what: 'exchanges' | 'connections'): void {
  const left =
    what === 'exchanges'
      ? scene.exchanges
      : [
          ...scene.exchanges,
          ...scene.frontends,
          ...scene.sessions,
          ...scene.http1Frontends,
          ...scene.http1Sessions,
        ]
  if (left.length === 0) return
  const told = left.slice(0, 5).map((each) => `${each.id} at ${each.stepName}`)
  fail('L1', `${left.length} ${what} have not ended: ${told.join(', ')}`)
}
