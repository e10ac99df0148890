// Defects to plant in the proxy for Redis, one at a time (../defects.ts).

import { Engine } from '../../../src/engine/index.js'
import { CommandRing } from '../../../src/redis/command-ring.js'
import { Gathering } from '../../../src/redis/gathering.js'
import { Identities } from '../../../src/redis/identities.js'
import type { IdentityParts } from '../../../src/redis/identity.js'
import { Incoming } from '../../../src/redis/incoming.js'
import { Command, RedisFrontend, RedisProxy, RedisSession } from '../../../src/redis/index.js'
import { Begun } from '../../../src/redis/pin.js'
import { Place } from '../../../src/redis/place.js'
import { Stall } from '../../../src/redis/stall.js'
import { type Defect, wrap, wrapGet } from '../defects.js'
import { clusterDefects } from './cluster-defects.js'
import { memoryDefects } from './memory-defects.js'
import { shardDefects } from './shard-defects.js'
import { trackingDefects } from './tracking-defects.js'

const MALFORMED = Buffer.from('*1\r\n$x\r\n')

/** Busy runs: many clients that pipeline. */
const BUSY = { redisClients: 5, redisCommands: 30, redisPipeline: 4, redisKeys: 1, redisShare: 0 }
/** Sessions die, with commands in flight. */
const LOSSES = { ...BUSY, redisDiePercent: 10, redisWritePercent: 50, redisRetryBytesMax: 1024 }

/** Replies are long, and clients take them slowly. */
const LONG = {
  ...BUSY,
  redisClients: 8,
  redisWritePercent: 20,
  redisValueBytes: 3000,
  redisShareReplyOver: 0,
  redisClientWaitingBytes: 50,
  redisExclusiveMax: 1,
  redisSlowReaderPercent: 30,
  redisNodes: 0,
}

interface KeepingSelf {
  nextWaiting(): unknown
}
interface SurrenderedSelf {
  readonly surrenderedSessions: Set<RedisSession>
}

const all: readonly Defect[] = [
  {
    name: 'the reply to a late command',
    what: 'goes to the command behind it',
    expected: ['S2'],
    plan: { ...BUSY, redisSlowPercent: 40, redisThinkMs: 2000, redisCommandMs: 100 },
    plant: () =>
      wrap<Command, unknown[]>(Command.prototype, 'reply', (self, original, ...args) => {
        const next = self.dropped ? self.session?.asks.first : null
        if (next instanceof Command && next.session === self.session)
          Reflect.apply(next.answer.add, next.answer, args.slice(0, 3))
        return original(...args)
      }),
  },
  {
    name: 'replies as they come',
    what: 'a reply leaves before those of the commands before it',
    expected: ['S2'],
    plan: { ...BUSY, redisIdentityPercent: 10, redisByBytePercent: 50 },
    plant: () => wrap(Command.prototype, 'stream', (self: Command) => Object.assign(self, { streams: true })),
  },
  {
    name: 'a lost write sent again',
    what: 'a write whose session is lost is sent again, though it may have run',
    expected: ['Y12'],
    plan: LOSSES,
    plant: () =>
      wrapGet<Command>(Command.prototype, 'mayRetry', (self, original) => {
        const { buffer, isCut, isLarge, streams, replies, does, attempts } = self
        if (original() === true) return true
        return (
          buffer !== null &&
          !isCut &&
          !isLarge &&
          !streams &&
          replies === 1 &&
          does === 'shared' &&
          attempts < 3
        )
      }),
  },
  {
    name: 'what is sent again is passed',
    what: 'the commands behind one that is sent again do not wait for it',
    expected: ['S8'],
    plan: LOSSES,
    plant: () => wrap(CommandRing.prototype, 'goBackTo', () => undefined),
  },
  {
    name: 'a move without a barrier',
    what: 'a command that needs a session of its own does not wait for those before it',
    expected: ['S8'],
    plan: { ...BUSY, redisMultiPercent: 20, redisBlockPercent: 20, redisSlowPercent: 40, redisThinkMs: 100 },
    plant: () =>
      wrap(Place.prototype, 'waySpecial', (self: Place, original: (c: Command) => unknown, c: Command) => {
        const way = original(c)
        if (way !== 'wait' || self.pin !== null || self.relay !== null || c.does === 'identity') return way
        return self.lease(c, self.seats.exclusiveAt(self.shardOf(c)))
      }),
  },
  {
    name: 'a blocked session is kept',
    what: 'the session of a client that blocks and goes is not closed',
    expected: ['Y9'],
    plan: { ...BUSY, redisBlockPercent: 40, redisLeavePercent: 80 },
    plant: () =>
      wrap(RedisSession.prototype, 'giveBack', (self: RedisSession, original: () => unknown) => {
        if (self.asks.size === 0) return original()
        self.owner = null
        return undefined
      }),
  },
  {
    name: 'a session given back as it is',
    what: 'a session that was left in a transaction is not reset',
    expected: ['Y8', 'Y7', 'S2'],
    plan: { ...BUSY, redisMultiPercent: 40, redisLeavePercent: 80 },
    plant: () =>
      wrap(RedisSession.prototype, 'giveBack', (self: RedisSession, original: () => unknown) => {
        self.isDirty = false
        return original()
      }),
  },
  {
    name: 'EXEC ends the next transaction',
    what: 'the reply to EXEC ends a transaction that has begun behind it',
    expected: ['Y8'],
    plan: { ...BUSY, redisMultiPercent: 80, redisPipeline: 20 },
    plant: () =>
      wrap(Begun.prototype, 'end', (self: Begun, _: unknown, bit: number) => {
        self.bits &= ~bit
      }),
  },
  {
    name: 'a database for another',
    what: 'clients of different databases share sessions',
    expected: ['Y7'],
    plan: { ...BUSY, redisIdentityPercent: 20 },
    plant: () =>
      wrap(
        Identities.prototype,
        'of',
        (_self, original: (parts: IdentityParts) => unknown, parts: IdentityParts) =>
          original({ ...parts, db: 0 }),
      ),
  },
  {
    name: 'malformed input is passed on',
    what: 'what is malformed goes to a session that others share',
    expected: ['Y4'],
    plan: { ...BUSY, redisMalformedPercent: 100, redisPipeline: 1 },
    plant: () =>
      wrap(Incoming.prototype, 'malformed', (self, original: (why: string) => unknown, why: string) => {
        const { place } = (self as { readonly frontend: RedisFrontend }).frontend
        const engine = place.seats.sharedAt(place.seats.map.first)
        if (!Buffer.isBuffer(engine)) engine.sessions[0]?.send(MALFORMED, 0, MALFORMED.length)
        return original(why)
      }),
  },
  {
    name: 'FIN behind an error',
    what: 'a client whose command is refused is read no further',
    expected: ['Y15'],
    plan: {
      ...BUSY,
      redisDiePercent: 10,
      redisClientsMax: 10_000,
      redisSubscribePercent: 0,
      redisIdentityPercent: 0,
    },
    plant: () =>
      wrap(
        Command.prototype,
        'refuse',
        (self: Command, original: (error: Buffer) => unknown, error: Buffer) => {
          original(error)
          self.frontend.ending = true
          self.frontend.changed()
        },
      ),
  },
  {
    name: 'a lease kept',
    what: 'a command that reads nothing but a line keeps its lease',
    expected: ['S1'],
    plan: BUSY,
    plant: () =>
      wrap(RedisSession.prototype, 'freed', (self: RedisSession, original: () => unknown) =>
        self.leased === 3 ? undefined : original(),
      ),
  },
  {
    name: 'commands without a bound',
    what: 'a client is read on, whatever waits for it',
    expected: ['S4'],
    plan: { ...BUSY, redisCommandsMax: 1, redisPipeline: 20 },
    plant: () =>
      wrapGet<RedisFrontend>(RedisFrontend.prototype, 'mayRead', (self, original) => {
        Object.assign(self, { redisLimits: { ...self.redisLimits, commandsMax: 1_000 } })
        return original()
      }),
  },
  {
    name: 'a deadline left',
    what: 'the deadline of a session that owes replies outlives it',
    expected: ['S5'],
    plan: { ...BUSY, redisSlowPercent: 40, redisThinkMs: 2000, redisCommandMs: 100, redisDiePercent: 10 },
    plant: () => wrap(Stall.prototype, 'close', () => undefined),
  },
  {
    name: 'a hold stops the session',
    what: 'the session of a held command is not read',
    expected: ['S6'],
    plan: { ...BUSY, handOnly: 1, redisDiePercent: 0 },
    plant: () =>
      wrapGet<RedisSession>(RedisSession.prototype, 'mayRead', (self, original) => {
        const { first } = self.asks
        return !(first instanceof Command && first.hold !== null) && original() === true
      }),
  },
  {
    name: 'gathered for ever',
    what: 'a reply to the last command that was written lets nothing go',
    expected: ['Y44'],
    plan: { ...BUSY, redisGatherMs: 1000 },
    plant: () => wrap(Gathering.prototype, 'release', () => undefined),
  },
  {
    name: 'chance outside of the seed',
    what: 'the shared session of a client is drawn by Math.random',
    expected: ['S7'],
    plan: { ...BUSY, redisSharedSessions: 3 },
    plant: () =>
      wrap(
        RedisProxy.prototype,
        'nextClient',
        (_self, original: () => unknown) => (original() as number) * 100 + Math.floor(Math.random() * 100),
      ),
  },
  {
    name: 'no session is kept',
    what: 'an engine opens sessions only for those that wait',
    expected: ['E50'],
    plan: { ...BUSY, redisMultiPercent: 40, redisSessionsMin: 3 },
    plant: () =>
      wrapGet<KeepingSelf>(Engine.prototype, 'wantsMore', (self, original) =>
        self.nextWaiting() === null ? false : original(),
      ),
  },
  {
    name: 'surrendered without a bound',
    what: 'each session with a long reply is surrendered',
    expected: ['E51'],
    plan: LONG,
    plant: () => wrapGet(Engine.prototype, 'maySurrender', () => true),
  },
  {
    name: 'a surrendered session counts for ever',
    what: 'a surrendered session that has closed keeps its place',
    expected: ['E51'],
    plan: LONG,
    plant: () =>
      wrap<SurrenderedSelf, [RedisSession]>(Engine.prototype, 'closed', (self, original, ...args) => {
        const was = self.surrenderedSessions.has(args[0])
        const result = original(...args)
        if (was) self.surrenderedSessions.add(args[0])
        return result
      }),
  },
  {
    name: 'a close that waits',
    what: 'a session that is reset when it closes waits for replies that it does not read',
    expected: ['L1'],
    plan: { ...BUSY, redisMultiPercent: 40, redisBlockPercent: 20 },
    plant: () =>
      wrap(RedisSession.prototype, 'close', (self: RedisSession) => {
        self.stall.close()
        self.cancel()
      }),
  },
]

export const redisDefects: readonly Defect[] = [
  ...all,
  ...clusterDefects,
  ...shardDefects,
  ...memoryDefects,
  ...trackingDefects,
].map((each) => ({
  ...each,
  plan: {
    redis: 1,
    redisNodes: 0,
    redisShards: 0,
    redisHeldSoft: 1_000_000_000,
    ...(each.expected.includes('S6') ? {} : { handOnly: 0 }),
    ...each.plan,
  },
}))
