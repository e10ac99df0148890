// Defects to plant in the proxy before a Redis Cluster, one at a time (../defects.ts).

import { Cluster } from '../../../src/redis/cluster.js'
import { Command } from '../../../src/redis/index.js'
import { Place } from '../../../src/redis/place.js'
import { Redirects, Trail } from '../../../src/redis/redirects.js'
import { ShardedWay } from '../../../src/redis/sharded-way.js'
import { type Defect, wrap } from '../defects.js'

/** Slots move all the time, under clients that pipeline. */
const STORM = {
  redisNodes: 5,
  redisMoveMs: 10,
  redisMigrateMs: 20,
  redisClients: 5,
  redisCommands: 60,
  redisPipeline: 20,
  redisKeys: 10,
  redisShare: 0,
  redisRedirectsMax: 8,
  redisSlowReaderPercent: 0,
  redisDownPercent: 0,
}
/** Many commands of one client for each key. */
const ORDER = {
  ...STORM,
  redisKeys: 4,
  redisClusterLeastMs: 5,
  latencyMs: 5,
  handOnly: 0,
  redisSeveralPercent: 0,
}
const TRANSACTIONS = { ...STORM, redisMultiPercent: 40, redisPipeline: 1 }

const together =
  (...all: readonly (() => void)[]) =>
  (): void => {
    for (const undo of all) undo()
  }

/** A command does not look at those in flight behind it. */
const rivalsForgotten = (): (() => void) => wrap(Trail.prototype, 'noteRivals', () => undefined)

export const clusterDefects: readonly Defect[] = [
  {
    name: 'a stale map is kept',
    what: 'what nodes say of slots is read once',
    expected: ['Y26'],
    plan: STORM,
    plant: () =>
      wrap<Cluster, [Buffer, unknown]>(Cluster.prototype, 'learn', (self, original, ...args) =>
        self.map.isKnown ? '' : original(...args),
      ),
  },
  {
    name: 'questions without a pause',
    what: 'the nodes are asked for the slots at each MOVED',
    expected: ['Y26'],
    plan: STORM,
    plant: () => wrap<Cluster, [number]>(Cluster.prototype, 'askAt', (_self, original) => original(0)),
  },
  {
    name: 'a command that has run follows MOVED',
    what: 'the reply to a command of several keys is taken for MOVED, and it is sent again',
    expected: ['Y12'],
    plan: { ...STORM, redisWritePercent: 80 },
    plant: () =>
      wrap<Command, []>(Command.prototype, 'answered', (self, original) => {
        const { session, trail } = self
        original()
        if (
          trail !== null &&
          session !== null &&
          self.number % 7 === 3 &&
          self.does === 'shared' &&
          !self.isLarge
        )
          trail.isSentOn = !self.dropped && self.buffer !== null && !self.isCut && !self.streams
      }),
  },
  {
    name: 'ASKING forgotten',
    what: 'a command that was told ASK goes as one that was told MOVED',
    expected: ['Y27'],
    plan: { ...STORM, redisMigrateMs: 200 },
    plant: () =>
      wrap<Trail, unknown[]>(Trail.prototype, 'follow', (self, original, ...args) => {
        const goesOn = original(...args)
        self.asks = false
        return goesOn
      }),
  },
  {
    name: 'TRYAGAIN at once',
    what: 'a command whose keys are just moving is sent again without a pause',
    expected: ['Y27'],
    plan: { ...STORM, redisMigrateMs: 200, redisSeveralPercent: 60, redisTryAgainMs: 200 },
    plant: () =>
      wrap<Trail, unknown[]>(Trail.prototype, 'follow', (self, original, ...args) => {
        const goesOn = original(...args)
        self.pauses = false
        return goesOn
      }),
  },
  {
    name: 'followed for ever',
    what: 'a command follows its keys as often as it is told to',
    expected: ['Y27'],
    plan: { ...STORM, redisRedirectsMax: 1, redisMigrateMs: 0 },
    plant: () =>
      wrap<Trail, unknown[]>(Trail.prototype, 'follow', (_self, original, ...args) => {
        original(...args)
        return true
      }),
  },
  {
    name: 'what follows its keys is passed',
    what: 'commands go on, to whichever node, while one before them is told of another',
    expected: ['S8'],
    plan: ORDER,
    plant: () =>
      together(
        wrap(Redirects.prototype, 'holds', () => false),
        wrap(Trail.prototype, 'mayGo', () => true),
        rivalsForgotten(),
      ),
  },
  {
    name: 'the new map at once',
    what: 'a client uses a new map while its commands go by the old one',
    expected: ['S8'],
    plan: { ...ORDER, redisSlowPercent: 60, redisThinkMs: 100 },
    plant: () =>
      wrap<Place, [Command]>(Place.prototype, 'way', (self, original, c) => {
        const { map } = self.proxy.options.backend
        if (self.pin === null && self.seats.map !== map) self.seats.adopt(map)
        return original(c)
      }),
  },
  {
    name: 'a transaction does not follow',
    what: 'the first command of a transaction stays where its keys are not',
    expected: ['Y28'],
    plan: { ...STORM, redisBlockPercent: 60 },
    plant: () => wrap(Place.prototype, 'detach', () => false),
  },
  {
    name: 'a transaction goes on without its first command',
    what: 'a transaction whose first command has failed is not refused',
    expected: ['Y8'],
    plan: { ...TRANSACTIONS, redisRedirectsMax: 1, redisMigrateMs: 0 },
    plant: () => wrap(Place.prototype, 'transactionBroke', () => undefined),
  },
  {
    name: 'a slot that comes back',
    what: 'a command is sent again behind a later one with its key, which has run since the slot came back',
    expected: ['S8'],
    plan: {
      ...ORDER,
      redisNodes: 2,
      redisKeys: 1,
      redisWritePercent: 100,
      redisMoveMs: 5,
      redisMigrateMs: 0,
      redisRumourMs: 0,
      redisReturns: 1,
    },
    plant: () => wrap(Trail.prototype, 'noteRivals', () => undefined),
  },
  {
    name: 'the cluster is shown',
    what: 'commands about the cluster pass to a node of it',
    expected: ['Y29'],
    plan: STORM,
    plant: () => wrap(ShardedWay.prototype, 'isOfCluster', () => false),
  },
]
