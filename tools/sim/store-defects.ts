// Defects to plant in filters that use a store which processes share, and in that store.

import { SharedPurges } from '../../src/filters/cache/shared-purges.js'
import { RateLimitFilter } from '../../src/filters/rate-limit/rate-limit.js'
import { type Counted, SharedBuckets } from '../../src/filters/rate-limit/shared-buckets.js'
import { RedisStore, StoreCall } from '../../src/redis/index.js'
import { KeptReply } from '../../src/redis/kept-reply.js'
import { StreamReader } from '../../src/redis/stream-reader.js'
import { type Defect, muted, wrap } from './defects.js'

/** The network is well: the faults are those of the store. */
const CALM = {
  resetPercent: 0,
  vanishPercent: 0,
  stallPercent: 0,
  latencyMs: 1,
  holdPercent: 0,
  parkPercent: 0,
}
const STORE = { ...CALM, filters: 1, store: 1, readers: 40, storePurges: 30, handOnly: 0, storeTimeoutMs: 50 }
/** Little that the store answers comes in time. */
const SLOW = { ...STORE, storeSlowPercent: 60, storeThinkMs: 400, storeFailuresMax: 5 }
/** The store often loses its connections. */
const DYING = { ...STORE, storeDiePercent: 15, storePauseMs: 20 }

interface CallInside {
  readonly why: string
  readonly settled: object
  isSpelt: boolean
  readonly kept: { end(): void } | null
}

interface ReaderInside {
  lastId: string | null
}

export const storeDefects: readonly Defect[] = [
  {
    name: 'limit that is open without its store',
    what: 'a request that the store has not answered passes, and is counted by nobody',
    expected: ['K24'],
    plan: SLOW,
    plant: () =>
      wrap<SharedBuckets, [object]>(
        SharedBuckets.prototype,
        'read',
        (_self, original, question): Counted =>
          (original(question) as Counted | null) ?? { passes: true, waitMs: 0, level: 0 },
      ),
  },
  {
    name: 'answer that is not followed',
    what: 'a request passes that the store has refused',
    expected: ['K24'],
    plan: STORE,
    plant: () =>
      wrap<RateLimitFilter, [object, object, Counted, object]>(
        RateLimitFilter.prototype,
        'follow',
        (_self, original, x, s, counted, rate) =>
          original(x, s, { ...counted, passes: true, waitMs: 0 }, rate),
      ),
  },
  {
    name: 'requests that cost nothing',
    what: 'the store is asked to count 0 for each request',
    expected: ['K24'],
    plan: STORE,
    plant: () =>
      wrap<SharedBuckets, [string, object, number, number]>(
        SharedBuckets.prototype,
        'ask',
        (_self, original, key, rate, _cost, most) => original(key, rate, 0, most),
      ),
  },
  {
    name: 'question without an end',
    what: 'a question that is late does not settle',
    expected: ['K24'],
    plan: SLOW,
    plant: () =>
      wrap<CallInside, []>(StoreCall.prototype, 'report', (self, original) =>
        self.why === 'it did not answer in time' ? muted(self.settled, 'raise', original) : original(),
      ),
  },
  {
    name: 'question that is run twice',
    what: 'a script that was run is sent again with its text',
    expected: ['Y40'],
    plan: STORE,
    plant: () =>
      wrap<CallInside, []>(StoreCall.prototype, 'wantsText', (self, original) => {
        if (self.isSpelt) return original()
        self.isSpelt = true
        self.kept?.end()
        return true
      }),
  },
  {
    name: 'answer to another question',
    what: 'the answer to a question is given to the one behind it too',
    expected: ['Y40'],
    plan: STORE,
    plant: () => {
      let before: Buffer | null = null
      return wrap<KeptReply, []>(KeptReply.prototype, 'end', (self, original) => {
        const bytes = original() as Buffer
        const given = self.why === '' && bytes[0] === 0x24 && before !== null ? before : bytes
        before = bytes[0] === 0x24 ? bytes : before
        return given
      })
    },
  },
  {
    name: 'store that is left alone for ever',
    what: 'a store that has failed is not asked again',
    expected: ['Y41'],
    plan: SLOW,
    plant: () => wrap(RedisStore.prototype, 'asksAgain', () => undefined),
  },
  {
    name: 'missed entries that nobody hears of',
    what: 'a reader does not say that it may have missed entries',
    expected: ['Y42'],
    plan: { ...DYING, storeTrimPercent: 60 },
    plant: () => wrap(StreamReader.prototype, 'missed', () => undefined),
  },
  {
    name: 'reader that begins at the end again',
    what: 'a reader that has lost its session leaves out what has come since',
    expected: ['Y42'],
    plan: DYING,
    plant: () =>
      wrap<ReaderInside, []>(StreamReader.prototype, 'finds', (self, original) => {
        if (self.lastId === null) return original()
        self.lastId = null
        return muted(self, 'missed', original)
      }),
  },
  {
    name: 'purge that other processes ignore',
    what: 'a process that hears of a purge does nothing',
    expected: ['G20'],
    plan: STORE,
    plant: () => wrap(SharedPurges.prototype, 'hears', () => undefined),
  },
  {
    name: 'cache that is not emptied',
    what: 'a process that may have missed a purge keeps what it has',
    expected: ['G20'],
    plan: { ...DYING, storeTrimPercent: 60 },
    plant: () => wrap(SharedPurges.prototype, 'empties', () => undefined),
  },
  {
    name: 'purge whose outcome is not told',
    what: 'a purge that was not written in time is told of never',
    expected: ['G20'],
    plan: { ...STORE, storeDiePercent: 15 },
    plant: () =>
      wrap<RedisStore, [string, string, number, number, (id: string | null, why: string) => void]>(
        RedisStore.prototype,
        'append',
        (_self, original, key, entry, most, within, told) =>
          original(key, entry, most, within, (id, why) => {
            if (id !== null) told(id, why)
          }),
      ),
  },
]
