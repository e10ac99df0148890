// Defects to plant in the messages of a server to clients that have asked for them (../defects.ts).

import { Incoming } from '../../../src/redis/incoming.js'
import { RedisFrontend } from '../../../src/redis/index.js'
import { type Defect, wrap } from '../defects.js'

/** Clients that ask to be told of keys which change, and others that change them. */
const TRACKED = {
  redisClients: 5,
  redisCommands: 60,
  redisPipeline: 4,
  redisKeys: 1,
  redisShare: 0,
  redisWritePercent: 50,
  redisTrackPercent: 15,
}
const GREATER = 0x3e

export const trackingDefects: readonly Defect[] = [
  {
    name: 'pushes that are dropped',
    what: 'a client that has taken over its session does not get what its server pushes',
    expected: ['Y11'],
    plan: TRACKED,
    plant: () =>
      wrap<RedisFrontend, [Buffer]>(RedisFrontend.prototype, 'relayed', (_, original, bytes) =>
        bytes[0] === GREATER ? undefined : original(bytes),
      ),
  },
  {
    name: 'tracking on a shared session',
    what: 'CLIENT TRACKING is sent on a session that others share',
    expected: ['Y11'],
    plan: TRACKED,
    plant: () =>
      wrap(
        Incoming.prototype,
        'kindOf',
        (_: Incoming, original: (...args: unknown[]) => unknown, ...args: unknown[]) =>
          (args[0] as { name: string }).name === 'client|tracking' ? 'shared' : original(...args),
      ),
  },
]
