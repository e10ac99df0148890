// Defects of HTTP/1.1 to plant, one at a time, as those of defects.ts.

import { Stream } from '../../src/http/index.js'
import { BodyIntake } from '../../src/http1/body-intake.js'
import { Http1Connection } from '../../src/http1/connection.js'
import { Output } from '../../src/http1/output.js'
import { MessageReader } from '../../src/http1/reader.js'
import { RequestReader } from '../../src/http1/request-reader.js'
import { ResponseReader } from '../../src/http1/response-reader.js'
import { Http1Session } from '../../src/http1/session.js'
import type { Http1Stream } from '../../src/http1/stream.js'
import { type Slab, Turns } from '../../src/pollset/index.js'
import { attempts } from '../../src/proxy/attempts.js'
import type { Exchange } from '../../src/proxy/index.js'
import { type Defect, wrap, wrapGet } from './defects.js'
import type { PlanName } from './plan.js'

type Set = Readonly<Partial<Record<PlanName, number>>>
const CLIENTS: Set = { http1ClientsPercent: 100, http1Backend: 0, handOnly: 0 }
const BACKENDS: Set = { http1ClientsPercent: 0, http1Backend: 1, handOnly: 0 }
const BOTH: Set = { http1ClientsPercent: 100, http1Backend: 1, handOnly: 0 }

interface Ending {
  failure: unknown
  cut: unknown
  stream: unknown
  last: boolean
  reports: { freed(session: unknown): void }
}

const backendPrototype = (): object => Http1Session.prototype

export const http1Defects: readonly Defect[] = [
  {
    name: 'next request not read',
    what: 'the reader is not told to go on behind a request that was answered',
    expected: ['L1'],
    plan: { ...CLIENTS, requests: 10, pipelinePercent: 100, keepAliveMs: 1_000_000 },
    plant: () => wrap<RequestReader, []>(RequestReader.prototype, 'next', () => undefined),
  },
  {
    name: 'truncated response ended',
    what: 'a chunked response whose source is gone gets its last chunk',
    expected: ['S2'],
    plan: { ...BOTH, truncatedPercent: 60, lengthPercent: 0, responseBytes: 5000, http10Percent: 0 },
    plant: () =>
      wrap<MessageReader, [boolean]>(MessageReader.prototype, 'end', (self, original, fin) => {
        const reader = self as unknown as { sink: { messageEnd(persists: boolean): void }; stop(): void }
        if (!self.begun || self.inHead) original(fin)
        else {
          reader.stop()
          reader.sink.messageEnd(false)
        }
      }),
  },
  {
    name: 'reset makes whole',
    what: 'a response that ends with its connection is whole however that ends',
    expected: ['S2'],
    plan: {
      ...BACKENDS,
      truncatedPercent: 60,
      lengthPercent: 0,
      untilClosePercent: 100,
      responseBytes: 5000,
    },
    plant: () =>
      wrap<MessageReader, [boolean]>(MessageReader.prototype, 'end', (_self, original) => original(true)),
  },
  {
    name: 'FIN in the place of RST',
    what: 'a connection with half a response on it is closed in peace',
    expected: ['S2'],
    plan: {
      ...BOTH,
      http10Percent: 100,
      lengthPercent: 0,
      truncatedPercent: 60,
      responseBytes: 70_000,
      paceMs: 3,
    },
    plant: () =>
      wrap<Ending, []>(Http1Connection.prototype, 'beginClose', (self, original) => {
        // The exchange goes on as if nothing had been begun.
        const stream = self.stream as { headWritten: boolean } | null
        if (stream !== null) stream.headWritten = false
        self.cut = null
        return original()
      }),
  },
  {
    name: 'lease kept after a reset',
    what: 'a request that is taken back does not free its session',
    expected: ['S1'],
    plan: { ...BACKENDS, cancelPercent: 60, thinkMs: 100 },
    plant: () =>
      wrap<{ reports: object }, [unknown, string]>(
        backendPrototype(),
        'resetByUs',
        (self, original, stream, reason) => {
          const { reports } = self
          self.reports = { ...bound(reports), freed() {} }
          original(stream, reason)
          self.reports = reports
        },
      ),
  },
  {
    name: 'closed connection used again',
    what: 'a backend that says `connection: close` gets another request',
    expected: ['W1'],
    plan: { ...BACKENDS, closePercent: 60, requests: 20, sessionsMax: 1 },
    plant: () => wrapGet<ResponseReader>(ResponseReader.prototype, 'persists', () => true),
  },
  {
    name: 'reading without end',
    what: 'a body that the other side does not take is read on',
    expected: ['S4'],
    plan: {
      ...CLIENTS,
      uploadPercent: 100,
      uploadBytes: 150_000,
      bodyAheadBytesMax: 1000,
      backendWindow: 0,
      stuckPercent: 0,
      heldBytesSoft: 1_000_000_000,
      connectionHeldBytesMax: 1_000_000_000,
      paceMs: 0,
      runMs: 1500,
    },
    plant: () => wrap<BodyIntake, [Http1Stream]>(BodyIntake.prototype, 'isFull', () => false),
  },
  {
    name: 'octet altered',
    what: 'of what is pulled the last octet is another',
    expected: ['S2', 'W1'],
    plan: { ...CLIENTS, http10Percent: 0, lengthPercent: 0 },
    plant: () =>
      wrap<object, [Buffer, number, number, number]>(
        Stream.prototype,
        'pullInto',
        (_self, original, target, at, bytes, now) => {
          original(target, at, bytes, now)
          target[at + bytes - 1] ^= 0xff
        },
      ),
  },
  {
    name: 'slab reused in flight by HTTP/1.1',
    what: 'an output slab goes back to the pool while the network still reads it',
    expected: ['S2', 'W1'],
    plan: { ...BOTH, sendBufferBytes: 50, clients: 3 },
    plant: () =>
      wrap<{ slab: Slab | null }, []>(Output.prototype, 'flush', (self, original) => {
        original()
        if (self.slab === null) return
        self.slab.pool.give(self.slab, self)
        self.slab = null
      }),
  },
  {
    name: 'read buffer kept past the turn',
    what: 'what is read in the last part of a turn is not settled in it',
    expected: ['S2'],
    plan: {
      ...CLIENTS,
      pipelinePercent: 100,
      uploadPercent: 90,
      http10Percent: 0,
      requests: 20,
      heldBytesSoft: 1_000_000_000,
    },
    plant: () => {
      const settled = new WeakMap<object, number>()
      return wrap<{ turns: number }, []>(Turns.prototype, 'settle', (self, original) => {
        if (settled.get(self) === self.turns) return
        settled.set(self, self.turns)
        original()
      })
    },
  },
  {
    name: 'any request is sent again',
    what: 'a request that was under way on a connection that died is sent again, whatever its method',
    expected: ['R'],
    plan: { ...BACKENDS, uploadPercent: 90, refusedPercent: 60, attemptsMax: 3, retryTimeoutMs: 5000 },
    plant: () =>
      wrap<unknown, [Exchange, { retry: string }]>(attempts, 'afterFault', (_self, original, x, why) =>
        original(x, { ...why, retry: 'safe' }),
      ),
  },
]

/** All methods of an object, as its own. */
function bound(object: object): Record<string, unknown> {
  const methods: Record<string, unknown> = {}
  for (let each = object; each !== null && each !== Object.prototype; each = Object.getPrototypeOf(each)) {
    for (const name of Object.getOwnPropertyNames(each)) {
      const value = (object as Record<string, unknown>)[name]
      methods[name] ??= typeof value === 'function' ? value.bind(object) : value
    }
  }
  return methods
}
