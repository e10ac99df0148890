// Commands on a session that is shared no longer, since it carries a long reply (Y15). Those that stay there
// are waited for by the later commands of their clients, so that none is passed (S8), and are looked at from
// time to time: the client of the long reply must take it, and must not be in the way of others.

import type { Command } from './command.js'

/** The commands behind it wait until it is answered, or sent on another session. */
export function stay(c: Command): void {
  if (c.isStaying || c.told) return
  c.isStaying = true
  c.frontend.staying++
}

export function staysNoMore(c: Command): void {
  if (!c.isStaying) return
  c.isStaying = false
  c.frontend.staying--
}

/** Looks at what moves from now on. */
export function notePace(c: Command): void {
  c.receivedBefore = c.received
  c.takenBefore = c.frontend.output.takenBytes
}

/**
 * Returns true if it goes on although its reply is not whole: the reply moves, and is in
 * nobody's way for long.
 */
export function isMoving(c: Command): boolean {
  const { frontend, session } = c
  if (session === null) return false
  const isInTime = frontend.proxy.world.pollset.now - c.askedAt < frontend.redisLimits.commandMs
  if (!c.streams) return c.isStaying && isInTime
  if (frontend.takesMore) return (c.isStaying && isInTime) || c.received > c.receivedBefore
  return frontend.output.takenBytes > c.takenBefore && !session.isAwaitedBehind(c)
}
