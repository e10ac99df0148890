// Defects in the ends of HTTP/1.1 connections, to plant one at a time, like those of defects.ts.

import { createWorld } from '../../src/continuation/index.js'
import { DoubtfulLeases } from '../../src/engine/doubtful-leases.js'
import type { Engine } from '../../src/engine/index.js'
import { addressPairOf, createHttpWorld } from '../../src/http/index.js'
import { BackendIdle } from '../../src/http1/backend-idle.js'
import { Http1Connection } from '../../src/http1/connection.js'
import { createHttp1, serveHttp1 } from '../../src/http1/index.js'
import { Http1Session } from '../../src/http1/session.js'
import { SimPollset } from '../../src/pollset/index.js'
import { Exchange } from '../../src/proxy/index.js'
import { type Defect, wrap } from './defects.js'

/** The class of a client's connection is its room's own. */
export function frontendPrototype(): object {
  const pollset = new SimPollset(1)
  const world = createHttpWorld(createWorld(pollset))
  const socket = pollset.connect({ host: '192.0.2.9', port: 9 }, 's1')
  const made = serveHttp1(
    createHttp1(world),
    socket,
    { accept() {}, clientClosed() {} },
    addressPairOf(socket),
  )
  return Object.getPrototypeOf(made)
}

const HALF = { http1ClientsPercent: 100, halfClosePercent: 80, thinkMs: 100, leavePercent: 0, requests: 20 }

export const partingDefects: readonly Defect[] = [
  {
    name: 'FIN taken for leaving',
    what: 'a client that sends FIN behind its request gets nothing',
    expected: ['H1'],
    plan: HALF,
    plant: () =>
      wrap<Http1Connection, [unknown]>(frontendPrototype(), 'halfWaits', (self, _original, socket) =>
        Reflect.apply(
          (Http1Connection.prototype as unknown as Record<string, () => boolean>).halfWaits,
          self,
          [socket],
        ),
      ),
  },
  {
    name: 'sent again after FIN',
    what: 'a request whose client may have left is sent again',
    expected: ['R'],
    plan: { ...HALF, http1Backend: 1, refusedPercent: 60, headPercent: 0, uploadPercent: 0 },
    plant: () =>
      wrap<Exchange, []>(Exchange.prototype, 'halfClosed', (self) => {
        self.lease.doubt()
      }),
  },
  {
    name: 'all sessions for those who may have left',
    what: 'half-closed clients are not bounded in number',
    expected: ['S4'],
    plan: {
      ...HALF,
      http1Backend: 1,
      clients: 4,
      sessionsMax: 4,
      openingMax: 3,
      silentPercent: 60,
      thinkMs: 800,
      halfClosedMs: 2000,
    },
    plant: () => wrap<Engine<never>, []>(DoubtfulLeases.prototype, 'endOldest', () => undefined),
  },
  {
    name: 'keep-alive timeout unread',
    what: 'an idle connection is kept for as long as we like',
    expected: ['H1'],
    plan: {
      http1Backend: 1,
      keepAliveToldPercent: 100,
      stallPercent: 0,
      stuckPercent: 0,
      holdPercent: 0,
      sendBufferBytes: 0,
      responseBytes: 100,
      closePercent: 0,
      endsPercent: 0,
      spreadMs: 0,
      runMs: 1500,
      thinkMs: 0,
    },
    plant: () => wrap<BackendIdle, [string]>(BackendIdle.prototype, 'read', () => undefined),
  },
  {
    name: 'idle since it was read',
    what: 'a backend whose response was read slowly is idle only since its last byte was read',
    expected: ['H1'],
    plan: {
      http1Backend: 1,
      http1ClientsPercent: 0,
      clientWindow: 100,
      creditDelayMs: 100,
      bodyAheadBytesMax: 1,
      keepAliveToldPercent: 100,
      stallPercent: 0,
      stuckPercent: 0,
      holdPercent: 0,
      sendBufferBytes: 0,
      vanishPercent: 0,
      resetPercent: 0,
      responseBytes: 5000,
      requests: 10,
      endsPercent: 0,
      spreadMs: 0,
      runMs: 1500,
      thinkMs: 0,
      bodyTimeoutMs: 3000,
    },
    plant: () =>
      wrap<{ behindSince: number }, [boolean]>(
        Http1Session.prototype,
        'messageOver',
        (self, original, persists) => {
          self.behindSince = 0
          original(persists)
        },
      ),
  },
]
