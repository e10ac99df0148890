// Defects in the distinction of dead peers from slow ones, and in the rate of PINGs, to plant one at a time,
// like those of defects.ts.

import { Liveness } from '../../src/http2/liveness.js'
import { Transit } from '../../src/transport/index.js'
import { type Defect, wrap } from './defects.js'

/** Slow peers of a network without other faults, and bodies that take it long. */
const SLOW = {
  slowPercent: 100,
  slowBytesPerSecond: 3_000,
  sendBufferBytes: 0,
  stallPercent: 0,
  resetPercent: 0,
  vanishPercent: 0,
  refusePercent: 0,
  hangPercent: 0,
  unresolvedPercent: 0,
  holdPercent: 0,
  creditDelayMs: 100,
  clientWindow: 1_000_000,
  responseBytes: 70_000,
  pingAfterMs: 500,
  frontendPingTimeoutMs: 300,
  bodyTimeoutMs: 60_000,
  headTimeoutMs: 60_000,
}

export const livenessDefects: readonly Defect[] = [
  {
    name: 'PING in a hurry',
    what: 'the time for the answer to a PING disregards what is on its way before it',
    expected: ['E26'],
    plan: SLOW,
    plant: () =>
      wrap<Transit, [number, number]>(Transit.prototype, 'look', (self, original, bytes, now) => {
        original(bytes, now)
        self.until = 0
        return 0
      }),
  },
  {
    name: 'PING again and again',
    what: 'a silent peer is asked as often as it answers',
    expected: ['E42'],
    plan: { ...SLOW, slowPercent: 0, silentPercent: 100, headTimeoutMs: 60_000, pingIntervalMs: 60_000 },
    plant: () =>
      wrap<Liveness, [never, number]>(Liveness.prototype, 'look', (self, original, socket, now) => {
        self.message()
        return original(socket, now)
      }),
  },
]
