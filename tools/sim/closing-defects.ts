// Defects of closing, to plant one at a time, as those of defects.ts.

import { Http1Connection } from '../../src/http1/connection.js'
import { CLOSED, type Socket } from '../../src/pollset/index.js'
import { Linger } from '../../src/transport/index.js'
import { type Defect, wrap } from './defects.js'
import { frontendPrototype } from './parting-defects.js'

const ofConnection = Http1Connection.prototype as unknown as Record<string, () => boolean>

const SLOW = {
  slowPercent: 100,
  slowBytesPerSecond: 10_000,
  resetPercent: 0,
  vanishPercent: 0,
  stallPercent: 0,
  stuckPercent: 0,
  latencyMs: 1,
  lingerMs: 100,
  leavePercent: 0,
  handOnly: 0,
}

export const closingDefects: readonly Defect[] = [
  {
    name: 'reset behind whole responses',
    what: 'a tunnel that breaks is reset at once, whatever was sent before it on its connection',
    expected: ['C1'],
    plan: {
      ...SLOW,
      http1ClientsPercent: 100,
      pipelinePercent: 100,
      tunnelPercent: 50,
      requests: 20,
      connectPercent: 0,
      declinePercent: 0,
      backendTunnels: 1,
      tunnelsMax: 100,
      http1Backend: 1,
      diePercent: 60,
      runMs: 600,
      spreadMs: 100,
      thinkMs: 0,
      silentPercent: 0,
      sessionsMax: 16,
      openingMax: 3,
      uploadPercent: 0,
      lastingPercent: 60,
      sendBufferBytes: 0,
      responseBytes: 5000,
    },
    plant: () =>
      wrap<Http1Connection, [unknown]>(frontendPrototype(), 'breakOff', (self, _original, stream) =>
        Reflect.apply(ofConnection.breakOff, self, [stream]),
      ),
  },
  {
    name: 'lingers from the slab on',
    what: 'the time to linger runs from when the last of a response is queued, whatever is on its way',
    expected: ['C1'],
    plan: {
      ...SLOW,
      http1ClientsPercent: 100,
      closePercent: 100,
      sendBufferBytes: 1000,
      responseBytes: 70_000,
      uploadPercent: 0,
      headPercent: 0,
    },
    plant: () => {
      const begun = new WeakMap<Linger, number>()
      return wrap<Linger, [Socket, number]>(
        Linger.prototype,
        'keepsWaiting',
        (self, original, socket, now) => {
          const until = begun.get(self) ?? now + 100
          begun.set(self, until)
          const goesOn = original(socket, now)
          self.until = Math.min(self.until, until)
          return goesOn && now < until
        },
      )
    },
  },
  {
    name: 'reset in the place of reading',
    what: "a backend's reset counts at once, whatever it has said before it",
    expected: ['C1'],
    plan: {
      ...SLOW,
      http1ClientsPercent: 100,
      http1Backend: 1,
      uploadPercent: 100,
      uploadBytes: 70_000,
      earlyPercent: 100,
      earlyResetPercent: 100,
      bodyAheadBytesMax: 1000,
      responseBytes: 70_000,
      clients: 4,
      sendBufferBytes: 1000,
      chunkBytes: 5000,
      paceMs: 0,
      headTimeoutMs: 3000,
      silentPercent: 0,
      refusedPercent: 0,
    },
    plant: () =>
      wrap<{ readonly side: string }, [Socket]>(
        Http1Connection.prototype,
        'peerIsOver',
        (_self, original, socket) =>
          (socket.readiness & CLOSED) !== 0 && socket.fault !== null ? true : original(socket),
      ),
  },
]
