// Defects of what an HTTP/2 connection sends beside heads and DATA, to plant one at a time, as those of
// defects.ts.

import { ControlFrames } from '../../src/http2/control-frames.js'
import { FrameBudget } from '../../src/http2/frame-budget.js'
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
  {
    name: 'work earns nothing',
    what: 'frames that go with work are counted by time alone, so ordinary load is taken for a flood',
    expected: ['E17'],
    plan: {
      chattyPercent: 100,
      idleFramesBurst: 80,
      idleFramesPerSecond: 5,
      spreadMs: 500,
      uploadPercent: 0,
      clients: 4,
      requests: 40,
      backendStreams: 10,
      sessionsMax: 1,
      thinkMs: 10,
      settingsPercent: 0,
      pingPercent: 0,
      cancelPercent: 0,
      rstPercent: 0,
      interimPercent: 0,
      clientWindow: 65_535,
      backendWindow: 65_535,
      streamWindow: 65_535,
    },
    plant: () => wrap<FrameBudget, [number]>(FrameBudget.prototype, 'earn', () => undefined),
  },
]
