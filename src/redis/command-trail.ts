// The trail of a command in a cluster: what its replies say of where its keys are.

import { Unwanted } from './ask.js'
import type { Command } from './command.js'
import { rivalsOf } from './passing.js'
import { nodeNamed, redirectionIn, Trail } from './redirects.js'
import type { RedisSession } from './session.js'
import { SLOTS } from './slots.js'
import { ASKING, SLOT_MOVED, TOO_MANY_REDIRECTS } from './texts.js'

const MINUS = 0x2d
const STAR = 0x2a
const E = 0x45

/** Returns its trail; null: it is not sent to a cluster. */
export function trailOf(c: Command): Trail | null {
  if (c.map?.isCluster !== true) return null
  c.trail ??= new Trail(c.frontend.place.redirects)
  return c.trail
}

/** Returns true if its reply so far may say that its keys are elsewhere: it must not leave as it comes. */
export function isDoubtful({ map, replies, replyType }: Command): boolean {
  if (map?.isCluster !== true) return false
  // Of a transaction that is executed the last reply is an array.
  return replies > 1 ? replyType !== STAR : replyType === MINUS
}

/** Asks what must come directly before it on this session. */
export function askFirst(c: Command, session: RedisSession): void {
  const { askedAt, preface, route, info, replies } = c
  const trail = trailOf(c)
  trail?.sent()
  if (trail !== null && typeof route === 'number' && route < SLOTS && (info.severalKeys || replies > 1))
    trail.crowds(route)
  for (const each of [trail?.asks === true ? ASKING : null, preface])
    if (each !== null) session.ask(new Unwanted({ askedAt, owed: 1 }), each, 0, each.length)
}

/** Its replies are whole. Returns true if they say that its keys are elsewhere: it has left its session. */
export function wasRedirected(c: Command, session: RedisSession): boolean {
  const { frontend, dropped, replyType } = c
  const to = replyType === MINUS && !dropped && c.trail !== null ? redirectionIn(c.answer.text) : null
  c.trail?.landed(to === null)
  if (to === null) return false
  const { place, proxy } = frontend
  const { cluster } = proxy.options.backend
  const trail = cluster === null ? null : trailOf(c)
  if (cluster === null || trail === null) return false
  const from = place.shardOf(c)
  const node = nodeNamed(cluster, to, session.identity.endpoint, place.seats.parts)
  const isFree = place.detach(c, session)
  const isWhole = c.buffer !== null && !c.isCut && !c.isLarge
  const goesOn = trail.follow(to, from, node, proxy.world.pollset.now, frontend.redisLimits)
  trail.isSentOn = isFree && isWhole && goesOn
  if (trail.isSentOn) {
    trail.noteRivals(rivalsOf(c))
    // Those behind it that are not sent wait from now on: it may be held before it is sent again.
    frontend.ring.goBackTo(c)
    return true
  }
  if (c.does === 'exec') c.replySecond = E
  // Its transaction has not begun.
  if (isFree && c.does === 'multi') place.transactionBroke()
  c.refuse(isFree && isWhole ? TOO_MANY_REDIRECTS : SLOT_MOVED)
  if (isFree) frontend.advanceFrom(c)
  return isFree
}
