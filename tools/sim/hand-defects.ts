// Defects of what a debugger's hand does to plant, one at a time, as those of defects.ts.

import { Engine, type Lease } from '../../src/engine/index.js'
import { type Defect, wrap } from './defects.js'

export const handDefects: readonly Defect[] = [
  {
    name: 'a hold blocks the queue',
    what: 'a held exchange in the queue of an engine keeps those behind it from being granted',
    expected: ['E8'],
    plan: { holdPercent: 30, holdMs: 1000, backendStreams: 1, sessionsMax: 1, thinkMs: 10, queueMax: 1000 },
    plant: () =>
      wrap<{ readonly queue: { readonly first: Lease<never> | null } }, []>(
        Engine.prototype,
        'nextWaiting',
        (self, original) => (self.queue.first?.of.held === true ? null : original()),
      ),
  },
]
