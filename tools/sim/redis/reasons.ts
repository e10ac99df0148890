// The reasons for the errors of the proxy's own: a client gets one only if what it tells of may have been.

import { fail } from '../checks/check.js'
import type { Asked } from './books.js'
import type { RedisStage } from './stage.js'

type Reason = (asked: Asked, stage: RedisStage) => boolean

/** Memory may be spent: that of the World, or that of a connection. */
const isSpent: Reason = (_, { plan }) =>
  Math.min(plan.redisHeldSoft, plan.connectionHeldBytesMax) < 1_000_000_000

/** Sessions may be lost. */
const isLossy: Reason = (asked, stage) => {
  const { plan, books, pollset } = stage
  const { done, now } = pollset
  return (
    books.ended > 0 ||
    now >= plan.redisStallMs ||
    isSpent(asked, stage) ||
    (done.reset ?? 0) + (done.vanish ?? 0) > 0
  )
}

const waited = ({ sentAt }: Asked, { pollset }: RedisStage): number => pollset.clock - sentAt + 0.001

/** Sessions may not be opened. */
const isUnreached: Reason = (_, { plan, books }) =>
  books.refused + plan.refusePercent + plan.hangPercent + plan.resetPercent + plan.stallPercent > 0 ||
  // A map may name a node that is not there.
  plan.redisNodes * plan.redisMapFaultPercent > 0

/** An operator may have closed the session that its client has alone. */
const isEnded: Reason = ({ client }, { plan, books }) => plan.redisEndPercent > 0 && books.begun.has(client)

const isCluster: Reason = (_, { cluster }) => cluster !== null

const REASONS: Readonly<Record<string, Reason>> = {
  // It is also that of a command whose MULTI got no session.
  'backend-lost': (asked, stage) =>
    isLossy(asked, stage) ||
    isEnded(asked, stage) ||
    isUnreached(asked, stage) ||
    stage.plan.unresolvedPercent > 0 ||
    // A command behind it in its transaction is for another server: the session closes.
    (stage.divides && stage.books.begun.has(asked.client)),
  'backend-not-connected': isUnreached,
  'backend-not-resolved': (_, { plan }) => plan.unresolvedPercent > 0,
  'session-not-opened': isLossy,
  'backend-refused': (_, { books }) => books.loading > 0,
  'command-late': (asked, stage) =>
    waited(asked, stage) >= Math.min(stage.plan.redisCommandMs, stage.plan.redisSlowReaderMs),
  'lease-late': (asked, stage) => waited(asked, stage) >= stage.plan.redisLeaseMs,
  'queue-full': (_, { plan }) => plan.queueMax < 1_000,
  'needs-session': (_, { plan }) => plan.redisShare === 2,
  'too-many-identities': (_, { plan }) => plan.redisIdentitiesMax < 100,
  'client-ended': ({ sort }) => sort === 'blocking',
  'command-ended': (_, { plan }) => plan.redisEndPercent > 0,
  'cluster-unknown': ({ sort, client }, { cluster, books }) =>
    cluster !== null && (sort === 'all' || books.begun.has(client)),
  'slot-moved': (asked, stage) => {
    const { plan, books } = stage
    const isLarge = asked.words.reduce((sum, each) => sum + each.length + 20, 20) > plan.redisShareBytesMax
    // Its bytes may have been given up.
    if (!isLarge && !isSpent(asked, stage) && !books.begun.has(asked.client))
      fail('Y28', `${asked.shown} gets slot-moved, and is in no transaction`)
    return isCluster(asked, stage)
  },
  'too-many-redirects': isCluster,
  'not-first-in-multi': ({ client }, { divides, books }) => divides && books.begun.has(client),
  'too-large-to-divide': (_, { divides }) => divides,
}

const OURS = /^(?:ERR|EXECABORT) ([a-z]+(?:-[a-z]+)+) /

/** Its keys, or those of its transaction, are in several slots. */
function crosses({ sort, client }: Asked, { divides, books, plan }: RedisStage): string {
  if (!divides) return 'all keys are at one server'
  // Nobody divides commands that have a session alone.
  if (plan.redisShare === 1) return ''
  return books.begun.has(client) || sort === 'blocking' ? '' : 'its keys can be divided'
}

/** Its client has sent MULTI or WATCH before it, and not what ends that. */
function isWithin({ client, number }: Asked, { books }: RedisStage): boolean {
  let unwatched = false
  for (let before = number - 1; before >= 0; before--) {
    const { sort, words, hasFailed } = books.at(client, before)
    if (sort === 'exec' || sort === 'discard' || (words[0] === 'RESET' && !hasFailed)) return false
    if (sort === 'unwatch' && !hasFailed) unwatched = true
    if (sort === 'multi' || (sort === 'watch' && !unwatched)) return true
  }
  return false
}

/** Returns what is wrong with this error in place of a reply; '' if there is a reason for it. */
export function reasonFor(asked: Asked, text: string, stage: RedisStage): string {
  const [, code] = OURS.exec(text) ?? []
  // A server that is loading says so before it knows whose a command is.
  if (text.startsWith('LOADING ')) return stage.books.loading > 0 ? '' : 'no server is loading'
  // A client that has taken over its session gets it from the server.
  if (text.includes('command-ended (an operator'))
    return stage.plan.redisEndPercent > 0 ? '' : 'no operator is there'
  if (text.includes('client-ended (the client')) return asked.sort === 'blocking' ? '' : 'it does not block'
  if (text.startsWith('CROSSSLOT ')) return crosses(asked, stage)
  // One behind it may have run with its keys.
  if (code === 'slot-moved' && text.includes('a later command of its client')) return ''
  if (code === undefined) return 'no server has made it for this'
  if (text.includes('the session of this transaction') && !isWithin(asked, stage)) return 'it is in none'
  const reason = REASONS[code]
  if (reason === undefined) return 'there is no such code here'
  return reason(asked, stage) ? '' : 'nothing is the matter'
}
