// The takers of an engine's places, for traces and debuggers: why a lease waits.

import type { Deadline, Holder } from '../pollset/index.js'
import type { Opening } from './opening.js'
import type { Session } from './session.js'

/**
 * @param engine its id
 * @param most how many leases a session may have
 * @param pause armed while no connection is opened
 */
export function takersOf(
  engine: string,
  sessions: readonly Session[],
  most: number,
  openings: Iterable<Opening>,
  pause: Deadline,
  now: number,
): Holder[] {
  const takers: Holder[] = sessions.map((session) => ({
    subject: session,
    reason: `${session.state}, with ${session.leased} of ${Math.min(session.capacity, most)} places taken`,
  }))
  for (const opening of openings)
    takers.push({ subject: { id: opening.id, kind: 'opening' }, reason: 'is being opened' })
  if (pause.deadlineArmed) {
    const ms = Math.max(0, pause.deadlineAt - now)
    takers.push({
      subject: { id: `${engine}.pause`, kind: 'pause' },
      reason: `no connection is opened for another ${Math.ceil(ms)} ms, since one has failed`,
    })
  }
  return takers
}
