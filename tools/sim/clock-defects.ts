// Defects of the clocks to plant, one at a time, as those of defects.ts.

import { Exchange } from '../../src/proxy/index.js'
import { Progress } from '../../src/proxy/progress.js'
import { type Defect, wrap } from './defects.js'

export const clockDefects: readonly Defect[] = [
  {
    name: 'twice bodyTimeoutMs',
    what: 'a body that stands still is given twice its time',
    expected: ['L1'],
    plan: { vanishPercent: 30, bodyTimeoutMs: 300, runMs: 3000, responseBytes: 200_000 },
    plant: () =>
      wrap<Progress, [number, number, never, never]>(
        Progress.prototype,
        'check',
        (_self, original, now, limitMs, frontend, backend) => original(now, 2 * limitMs, frontend, backend),
      ),
  },
  {
    name: 'the head is early',
    what: 'the wait for a response head begins when the request was received',
    expected: ['L1'],
    plan: { headTimeoutMs: 100, thinkMs: 200, backendStreams: 1, sessionsMax: 1 },
    plant: () =>
      wrap<Exchange, [never]>(
        Exchange.prototype,
        'checkHead',
        (self, original, backend) =>
          original(backend) ||
          self.proxy.world.pollset.now - self.receivedAt >= self.proxy.limits.headTimeoutMs,
      ),
  },
]
