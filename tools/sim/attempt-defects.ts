// Defects of heads that are too large, and of what counts as an attempt, to plant one at a time, as those of
// defects.ts.

import { BodyIntake } from '../../src/http2/body-intake.js'
import { HpackDecoder } from '../../src/http2/hpack/decoder.js'
import type { StreamTable } from '../../src/http2/stream-table.js'
import { attempts } from '../../src/proxy/attempts.js'
import { backendPrototype, type Defect, wrap } from './defects.js'

/** Nothing else ends a connection. */
const QUIET = {
  resetPercent: 0,
  vanishPercent: 0,
  stallPercent: 0,
  diePercent: 0,
  sendBufferBytes: 0,
  refusedPercent: 0,
  downPercent: 0,
  refusePercent: 0,
  hangPercent: 0,
}

export const attemptDefects: readonly Defect[] = [
  {
    name: 'discarded head not decoded',
    what: 'the dynamic table is out of step behind a head that was discarded',
    expected: ['E17'],
    plan: {
      ...QUIET,
      largeHeadPercent: 30,
      headerTableBytesMax: 4096,
      clientTable: 4096,
      backendTable: 4096,
    },
    plant: () => wrap<HpackDecoder, [Buffer, number, number]>(HpackDecoder.prototype, 'skip', () => true),
  },
  {
    name: 'culprit sent again',
    what: 'a request for whose answer we ended a connection is taken for one of its neighbours',
    expected: ['R'],
    plan: { ...QUIET, largeHeadPercent: 40, requests: 40, uploadPercent: 0, cancelPercent: 0 },
    plant: () =>
      wrap<{ culprit: number }, [unknown]>(backendPrototype(), 'failAll', (self, original, why) => {
        self.culprit = 0
        original(why)
      }),
  },
  {
    name: 'GOAWAY costs an attempt',
    what: 'an attempt that the backend has not begun is counted',
    expected: ['R'],
    plan: {
      ...QUIET,
      goawayBehindPercent: 40,
      requests: 40,
      uploadPercent: 0,
      cancelPercent: 0,
      attemptsMax: 1,
      retryTimeoutMs: 5000,
      stepsMax: 64,
    },
    plant: () => wrap<unknown, [unknown]>(attempts, 'excuse', () => undefined),
  },
  {
    name: '431 taken away',
    what: 'DATA behind a head that is too large is an error, which takes the answer with it',
    expected: ['S2'],
    plan: {
      ...QUIET,
      largeHeadPercent: 40,
      uploadPercent: 90,
      cancelPercent: 0,
      latencyMs: 0,
      splitPercent: 0,
    },
    plant: () =>
      wrap<{ readonly connection: { readonly streams: StreamTable } }, [number, number, boolean]>(
        BodyIntake.prototype,
        'data',
        (self, original, id, size, ended) => {
          const stream = self.connection.streams.get(id)
          if (stream !== null && stream.head === null && stream.discarding) stream.discarding = false
          original(id, size, ended)
        },
      ),
  },
]
