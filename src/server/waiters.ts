// Who waits for what an exchange has, while a debugger holds it: the exceptions of property S6.

import type { Engine } from '../engine/index.js'
import type { Exchange, ExchangeSession } from '../proxy/index.js'

/** The engine whose place an exchange has; null if it has none. */
export function leasedOf(x: Exchange): Engine<ExchangeSession> | null {
  const session = x.lease.session ?? x.backendStream?.connection ?? null
  if (session === null) return null
  // A session that was bound to its client has left the engine that granted it.
  const holds = (engine: Engine<ExchangeSession>) => engine.sessions.some((each) => each === session)
  return x.backend?.engines().find(holds) ?? x.engine
}

/** The leases that an engine can carry at most, as far as its sessions have told. */
export const placesMaxOf = ({ sessions, limits }: Engine<ExchangeSession>): number =>
  sessions.reduce((most, { capacity }) => Math.max(most, capacity), 1) * limits.sessionsMax

/** The free places of the open sessions of an engine. */
const placesOf = (engine: Engine<ExchangeSession>): number =>
  engine.sessions.reduce(
    (all, { state, capacity, leased }) => all + (state === 'open' ? Math.max(0, capacity - leased) : 0),
    0,
  )

/** Returns a clause for each kind of waiters: for its place, for its turn, for its stream. */
export function waitersOn(x: Exchange): string[] {
  const found: string[] = []
  const engine = leasedOf(x)
  if (engine !== null && engine.queued > 0 && placesOf(engine) === 0)
    found.push(`${engine.queued} ${engine.queued === 1 ? 'waits' : 'wait'} for its place at ${engine.name}`)
  const { client } = x.frontend
  const { pipelined = 0 } = client
  if (pipelined > 0)
    found.push(`${pipelined} behind it on ${client.id} ${pipelined === 1 ? 'waits' : 'wait'} for its turn`)
  if (client.isFull === true)
    found.push(`${client.id} has all its streams open, and can open another when one ends`)
  return found
}
