// Defects of tunnels and of 100-continue to plant, one at a time, as those of defects.ts.

import { type Head, Stream } from '../../src/http/index.js'
import { Http1Connection } from '../../src/http1/connection.js'
import { flows } from '../../src/proxy/flows.js'
import { Exchange } from '../../src/proxy/index.js'
import { TcpSession } from '../../src/proxy/tcp-session.js'
import type { TcpStream } from '../../src/proxy/tcp-stream.js'
import { type Defect, wrap } from './defects.js'
import type { PlanName } from './plan.js'

type Set = Readonly<Partial<Record<PlanName, number>>>
const TUNNELS: Set = { tunnelPercent: 60, tunnelsMax: 100, backendTunnels: 1, handOnly: 0, declinePercent: 0 }

interface Ending {
  cut: unknown
  stream: { headWritten: boolean; remoteEnded: boolean } | null
}

export const tunnelDefects: readonly Defect[] = [
  {
    name: 'octets before the answer',
    what: 'what a client says too early is passed on before the backend has said yes',
    expected: ['S2'],
    plan: { ...TUNNELS, connectPercent: 0, earlyOctetsPercent: 100, http1Backend: 0, thinkMs: 10 },
    plant: () =>
      wrap<unknown, [Exchange, Stream]>(flows, 'passRequest', (_self, original, x, stream) => {
        if (x.asksTunnel) flows.forwardRequestBody(x, stream)
        return original(x, stream)
      }),
  },
  {
    name: 'a switch opens nothing',
    what: 'behind a 101 to another protocol the end of the request passes as that of the client in the tunnel',
    expected: ['S2'],
    plan: { ...TUNNELS, upgradePercent: 100, http1ClientsPercent: 100, http1Backend: 1 },
    plant: () =>
      wrap<Stream, []>(Stream.prototype, 'reopen', (self, original) => {
        const { remoteEnded } = self
        original()
        self.remoteEnded = remoteEnded
      }),
  },
  {
    name: 'one half ends both',
    what: 'a tunnel is over when one of its halves is',
    expected: ['S2'],
    plan: { ...TUNNELS, paceMs: 3 },
    plant: () =>
      wrap<unknown, [Exchange, Stream]>(
        flows,
        'tunnelIsOver',
        (_self, original, x, stream) => original(x, stream) || x.frontend.localEnded || stream.localEnded,
      ),
  },
  {
    name: 'a broken tunnel ends',
    what: 'the backend of a tunnel that its client has broken gets FIN in the place of RST',
    expected: ['S2'],
    plan: { ...TUNNELS, http1Backend: 1, cancelPercent: 60, cancelWithinMs: 100, lastingPercent: 60 },
    plant: () =>
      wrap<Ending, []>(Http1Connection.prototype, 'beginClose', (self, original) => {
        self.cut = null
        return original()
      }),
  },
  {
    name: 'a broken CONNECT ends',
    what: 'the target of a CONNECT that its client has broken gets FIN in the place of RST',
    expected: ['S2'],
    plan: { ...TUNNELS, connectPercent: 100, cancelPercent: 60, cancelWithinMs: 100, lastingPercent: 60 },
    plant: () =>
      wrap<TcpSession, [TcpStream]>(TcpSession.prototype, 'resetByUs', (self, _original, stream) => {
        stream.receiveBuffer?.clear()
        if (!stream.closed) (self as unknown as { over(stream: TcpStream): void }).over(stream)
      }),
  },
  {
    name: 'a stalled tunnel ends',
    what: 'a tunnel over HTTP/1.1 that has lost octets for want of memory ends as if all were there',
    expected: ['S2'],
    plan: {
      ...TUNNELS,
      http1Backend: 1,
      connectPercent: 100,
      heldBytesSoft: 2000,
      heldBytesOver: 0,
      heldStallMs: 10,
      responseBytes: 5000,
      holdPercent: 20,
      holdMs: 50,
    },
    plant: () => {
      const whole = (self: { stream: { fault: unknown } | null }, original: () => unknown): void => {
        if (self.stream !== null) self.stream.fault = null
        original()
      }
      const undo1 = wrap<{ stream: { fault: unknown } | null }, []>(
        Http1Connection.prototype,
        'tunnelEnded',
        whole,
      )
      const undo2 = wrap<TcpSession, [{ fault: unknown }]>(
        TcpSession.prototype,
        'targetEnded',
        (_self, original, stream) => {
          stream.fault = null
          original(stream)
        },
      )
      return () => {
        undo1()
        undo2()
      }
    },
  },
  {
    name: 'idle for ever',
    what: 'a tunnel in which nothing moves is never ended',
    expected: ['L1'],
    plan: { ...TUNNELS, lastingPercent: 60, tunnelIdleMs: 100, runMs: 1500 },
    plant: () =>
      wrap<Exchange, [never, never]>(
        Exchange.prototype,
        'checkProgress',
        (self, original, stream, limitMs) => (self.tunnelOpen ? false : original(stream, limitMs)),
      ),
  },
  {
    name: 'tunnelIdleMs is its life',
    what: 'what moves in a tunnel does not prolong it',
    expected: ['L1'],
    plan: { ...TUNNELS, paceMs: 30, chunkBytes: 1, tunnelIdleMs: 100, runMs: 1500, uploadBytes: 5000 },
    plant: () =>
      wrap<Exchange, [never, never]>(
        Exchange.prototype,
        'checkProgress',
        (self, original, stream, limitMs) => {
          const inside = self.progress as unknown as { moved: number }
          if (self.tunnelOpen) inside.moved = self.frontend.sentBytes + (self.backendStream?.sentBytes ?? 0)
          return original(stream, limitMs)
        },
      ),
  },
  {
    name: '100 lost',
    what: 'the interim response that a client waits for is not passed on',
    expected: ['S2'],
    plan: { expectPercent: 100, uploadPercent: 90, continuePercent: 100 },
    plant: () =>
      wrap<Stream, [Head]>(Stream.prototype, 'sendInterim', (_self, original, head) =>
        head.status === 100 ? undefined : original(head),
      ),
  },
]
