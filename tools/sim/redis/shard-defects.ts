// Defects to plant in the proxy before several servers, one at a time (../defects.ts).

import { Division } from '../../../src/redis/division.js'
import type { Command } from '../../../src/redis/index.js'
import { Place } from '../../../src/redis/place.js'
import { ShardMap } from '../../../src/redis/shards.js'
import { slotOf } from '../../../src/redis/slots.js'
import { type Defect, wrap } from '../defects.js'

/** Clients pipeline commands for keys at three servers. */
const SHARDS = {
  redisShards: 3,
  redisClients: 5,
  redisCommands: 60,
  redisPipeline: 20,
  redisKeys: 10,
  redisShare: 0,
  redisReloadMs: 0,
  redisSlowReaderPercent: 0,
}

interface DivisionSelf {
  readonly parts: readonly { readonly bytes: Buffer }[]
}

export const shardDefects: readonly Defect[] = [
  {
    name: 'prefixes are not looked at',
    what: 'a key is at the server that has its slot, whatever it begins with',
    expected: ['Y23'],
    plan: { ...SHARDS, redisPrefixes: 1 },
    plant: () =>
      wrap<ShardMap, [Buffer, number, number]>(ShardMap.prototype, 'spotOf', (_self, _original, ...key) =>
        slotOf(...key),
      ),
  },
  {
    name: 'a reload at once',
    what: 'a client follows its keys while its commands are on their way to where they were',
    expected: ['S8'],
    plan: { ...SHARDS, redisReloadMs: 5, redisSlowPercent: 60, redisThinkMs: 100, redisKeys: 3, handOnly: 0 },
    plant: () =>
      wrap<Place, [Command]>(Place.prototype, 'way', (self, original, c) => {
        const { map } = self.proxy.options.backend
        if (self.pin === null && self.seats.map !== map) self.seats.adopt(map)
        return original(c)
      }),
  },
  {
    name: 'a part for the whole',
    what: 'the reply to the first part of a command is the reply to all of it',
    expected: ['S2'],
    plan: { ...SHARDS, redisSeveralPercent: 60 },
    plant: () =>
      wrap(Division.prototype, 'reply', (self: Division) =>
        Buffer.from((self as unknown as DivisionSelf).parts[0].bytes),
      ),
  },
]
