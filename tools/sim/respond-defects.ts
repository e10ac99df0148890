// Defects in reading responses and passing them on, to plant: interim ones, and the ends of whole ones.

import { type Head, INTERIM, Stream } from '../../src/http/index.js'
import { flows } from '../../src/proxy/flows.js'
import type { Exchange } from '../../src/proxy/index.js'
import { backendPrototype, type Defect, wrap } from './defects.js'

const STORMS = { interimStormPercent: 60, interimBytesMax: 1024, handOnly: 0, tunnelPercent: 0 }

export const respondDefects: readonly Defect[] = [
  {
    name: 'interims without bound',
    what: 'all interim responses that come wait for a client that reads slowly',
    expected: ['S4'],
    plan: { ...STORMS, requests: 20, holdPercent: 20 },
    plant: () =>
      wrap<Stream, [Head]>(Stream.prototype, 'interimCame', (self, _original, head) => {
        self.interims ??= []
        self.interims.push(head)
        self.raise(INTERIM)
        return true
      }),
  },
  {
    name: '100 unasked',
    what: 'a 100 that the client did not ask for is passed on',
    expected: ['S2'],
    plan: { interimPercent: 80, expectPercent: 0, tunnelPercent: 0 },
    plant: () =>
      wrap<unknown, [Exchange, Head]>(flows, 'passInterim', (_self, _original, x, head) =>
        x.frontend.sendInterim(head),
      ),
  },
  {
    name: 'a full length is no end',
    what: 'RST_STREAM(NO_ERROR) behind all of a content-length makes the response a failure',
    expected: ['S2'],
    plan: {
      http1ClientsPercent: 0,
      http1Backend: 0,
      endsByResetPercent: 80,
      lengthPercent: 100,
      requests: 20,
      tunnelPercent: 0,
      handOnly: 0,
    },
    plant: () => wrap(backendPrototype(), 'endIfWhole', () => undefined),
  },
]
