// Finds those who wait for a request that a debugger holds: the exceptions of property S6.

import type { Exchange } from '../proxy/index.js'
import type { SharedEngine } from './request-kind.js'

/** The leases that an engine can carry at most, as far as its sessions have told. */
export const placesMaxOf = ({ sessions, limits }: SharedEngine): number =>
  sessions.reduce((most, { capacity }) => Math.max(most, capacity), 1) * limits.sessionsMax

/** The free places of the open sessions of an engine. */
const placesOf = (engine: SharedEngine): number =>
  engine.sessions.reduce(
    (all, { state, capacity, leased }) => all + (state === 'open' ? Math.max(0, capacity - leased) : 0),
    0,
  )

/** Returns a clause if some wait for the place that a request has at this engine. */
export function waitersFor(engine: SharedEngine | null): string[] {
  return engine !== null && engine.queued > 0 && placesOf(engine) === 0
    ? [`${engine.queued} ${engine.queued === 1 ? 'waits' : 'wait'} for its place at ${engine.name}`]
    : []
}

/** Returns a clause for each kind of waiters: for its turn, for its stream. */
export function waitersOn(x: Exchange): string[] {
  const found: string[] = []
  const { client } = x.frontend
  const { pipelined = 0 } = client
  if (pipelined > 0)
    found.push(`${pipelined} behind it on ${client.id} ${pipelined === 1 ? 'waits' : 'wait'} for its turn`)
  if (client.isFull === true)
    found.push(`${client.id} has all its streams open, and can open another when one ends`)
  return found
}
