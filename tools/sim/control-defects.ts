// Defects of what an HTTP/2 connection sends beside heads and DATA, to plant one at a time, as those of defects.ts.

import { ControlFrames } from '../../src/http2/control-frames.js'
import { Output } from '../../src/http2/output.js'
import { type Defect, wrap } from './defects.js'

export const controlDefects: readonly Defect[] = [
  {
    name: 'credit told short',
    what: 'of the credit that a connection gives, one octet is not told',
    expected: ['S3'],
    plan: { settingsPercent: 0 },
    plant: () =>
      wrap<Output, [number]>(Output.prototype, 'creditConnection', (_self, original, bytes) =>
        original(bytes > 1 ? bytes - 1 : bytes),
      ),
  },
  {
    name: 'resets fill the reserve',
    what: 'RST_STREAM of our own accord takes room from the answers that a peer is judged by',
    expected: ['E17'],
    // Clients that are given up for their resets leave, each with all of its streams.
    plan: {
      clients: 4,
      requests: 40,
      spreadMs: 0,
      latencyMs: 1,
      sendBufferBytes: 15,
      cancelPercent: 60,
      cancelWithinMs: 5,
      resetsBurst: 10,
      controlBytesMax: 1024,
      concurrentStreamsMax: 100,
      backendStreams: 100,
      backendResetsBurst: 300,
      backendResetsReserve: 200,
      shareConnection: 0,
      settingsPercent: 0,
      thinkMs: 100,
      holdPercent: 0,
      refusePercent: 0,
      hangPercent: 0,
      unresolvedPercent: 0,
      resetPercent: 0,
      stallPercent: 0,
    },
    plant: () =>
      wrap<ControlFrames, [number, number]>(
        ControlFrames.prototype,
        'endStreamEarly',
        (self, _original, id, code) => self.rstStream(id, code),
      ),
  },
]
