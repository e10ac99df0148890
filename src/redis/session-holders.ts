// Finds the subjects that keep a command from its reply, or a session from other commands. For debuggers.

import { seconds } from '../continuation/index.js'
import type { Holder } from '../pollset/index.js'
import type { Ask, Sharer } from './ask.js'
import type { RedisSession } from './session.js'

/** Returns the subjects that keep this command, which the session has, from its reply. */
export function holdersOf(session: RedisSession, command: Ask & Sharer, now: number): readonly Holder[] {
  const { asks, mayRead } = session
  // Its holders are those of a command that waits for the session, and lead back to this one.
  const subject = { id: session.id, kind: session.kind }
  const first = asks.first
  if (first === command) {
    const { askedAt, received, client } = command
    const came = received === 0 ? 'nothing' : `${received} bytes`
    const server = { subject, reason: `it has sent ${came} of the reply in ${seconds(now - askedAt)}` }
    return mayRead ? [server] : [server, { subject: client, reason: 'does not take its replies' }]
  }
  let place = 1
  for (const each of asks) {
    if (each === command) break
    place++
  }
  const queue = { subject, reason: `it answers number ${place} of the ${asks.size} commands that it has` }
  const oldest = first?.sharer ?? null
  return oldest === null
    ? [queue]
    : [queue, { subject: oldest, reason: 'is the one that it answers, before the others' }]
}

/** Returns the subjects that keep a session from being free for others. */
export function holdersOfSession({ owner, asks }: RedisSession): readonly Holder[] {
  if (owner !== null) return [{ subject: owner, reason: owner.whyAlone }]
  const oldest = asks.first?.sharer ?? null
  return oldest === null
    ? []
    : [{ subject: oldest, reason: `is the oldest of the ${asks.size} that it answers` }]
}
