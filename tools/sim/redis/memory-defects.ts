// Defects to plant in the counting of the bytes that the proxy for Redis keeps (../defects.ts).

import { RedisFrontend } from '../../../src/redis/index.js'
import { KeptTotal, MemoryBudget, MemoryLine } from '../../../src/transport/index.js'
import { type Defect, wrap } from '../defects.js'

/** Clients that pipeline, and memory that is soon spent. */
const TIGHT = {
  redisClients: 8,
  redisCommands: 30,
  redisPipeline: 4,
  redisShare: 0,
  redisValueBytes: 3000,
  redisHeldSoft: 3000,
  redisHeldOver: 10_000,
}

export const memoryDefects: readonly Defect[] = [
  {
    name: 'copies that nobody counts',
    what: 'the bytes of commands that are kept in one copy are not counted',
    expected: ['S4'],
    plan: TIGHT,
    plant: () => {
      const undoAdd = wrap<KeptTotal, [number]>(KeptTotal.prototype, 'add', (_, original, bytes) =>
        bytes < 1_024 ? undefined : original(bytes),
      )
      const undoRemove = wrap<KeptTotal, [number]>(KeptTotal.prototype, 'remove', (_, original, bytes) =>
        bytes < 1_024 ? undefined : original(bytes),
      )
      return () => {
        undoRemove()
        undoAdd()
      }
    },
  },
  {
    name: 'a spent budget',
    what: 'nobody gives up bytes when more are held than may be',
    expected: ['S4'],
    plan: TIGHT,
    plant: () => wrap(MemoryBudget.prototype, 'enforce', () => undefined),
  },
  {
    name: 'bytes that are not given up',
    what: 'a client that must give up its bytes keeps them',
    expected: ['S4'],
    plan: TIGHT,
    plant: () => wrap(RedisFrontend.prototype, 'giveUp', () => true),
  },
  {
    name: 'a line that nobody leaves',
    what: 'clients that wait for room in memory are not let in when there is some',
    expected: ['L1'],
    plan: TIGHT,
    plant: () => wrap(MemoryLine.prototype, 'letIn', () => undefined),
  },
]
