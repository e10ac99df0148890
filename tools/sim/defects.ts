// Defects to plant, one at a time: each shows that its checker finds it. They are made from the outside, by
// wrapping methods of the classes that run, and undone after; src has no hook for them. A defect may set some
// numbers of the plan, if it would otherwise show in few runs.

import { Continuation, Scheduler } from '../../src/continuation/index.js'
import { Engine, type Lease } from '../../src/engine/index.js'
import { Stream } from '../../src/http/index.js'
import { BodyIntake } from '../../src/http2/body-intake.js'
import { Http2Connection } from '../../src/http2/connection.js'
import { Output } from '../../src/http2/output.js'
import { PeerSettings } from '../../src/http2/peer-settings.js'
import { ReceiveWindow } from '../../src/http2/receive-window.js'
import { ResetBudget } from '../../src/http2/reset-budget.js'
import { Http2Session } from '../../src/http2/session.js'
import { Http2Stream } from '../../src/http2/stream.js'
import { type Deadlines, DurationList, List, type Slab } from '../../src/pollset/index.js'
import { attempts } from '../../src/proxy/attempts.js'
import { EndedExchanges } from '../../src/proxy/ended-exchanges.js'
import { Exchange, ReverseProxy } from '../../src/proxy/index.js'
import { MemoryBudget, ReceiveBuffer } from '../../src/transport/index.js'
import type { ConnectionInside, ReceiveBufferInside, StreamInside } from './inside.js'
import type { PlanName } from './plan.js'

export interface Defect {
  readonly name: string
  /** Plants the defect. */
  readonly what: string
  /** Properties one of which must be seen to break. */
  readonly expected: readonly string[]
  readonly plan?: Readonly<Partial<Record<PlanName, number>>>
  /** Plants it; the result removes it again. */
  plant(): () => void
}

type Original = (...args: unknown[]) => unknown

/** Puts `around` in place of a method; `original` is that method, bound. */
export function wrap<Self, Args extends unknown[]>(
  prototype: object,
  name: string,
  around: (self: Self, original: (...args: Args) => unknown, ...args: Args) => unknown,
): () => void {
  const methods = prototype as Record<string, Original>
  const original = methods[name]
  if (typeof original !== 'function') throw new Error(`there is no ${name} to plant a defect in`)
  const own = Object.hasOwn(methods, name)
  methods[name] = function (this: unknown, ...args: unknown[]): unknown {
    const bound = (...given: Args): unknown => Reflect.apply(original, this, given)
    return around(this as Self, bound, ...(args as Args))
  }
  return () => {
    if (own) methods[name] = original
    else Reflect.deleteProperty(methods, name)
  }
}

/** The same for a getter. */
export function wrapGet<Self>(
  prototype: object,
  name: string,
  get: (self: Self, original: () => unknown) => unknown,
): () => void {
  const descriptor = Object.getOwnPropertyDescriptor(prototype, name)
  if (descriptor?.get === undefined) throw new Error(`there is no ${name} to plant a defect in`)
  const original = descriptor.get
  Object.defineProperty(prototype, name, {
    ...descriptor,
    get(this: Self) {
      return get(this, () => Reflect.apply(original, this, []))
    },
  })
  return () => Object.defineProperty(prototype, name, descriptor)
}

/** While `act` runs, a method of this one object does nothing. */
export function muted(object: object, name: string, act: () => unknown): unknown {
  Object.defineProperty(object, name, { value: () => undefined, configurable: true, writable: true })
  try {
    return act()
  } finally {
    Reflect.deleteProperty(object, name)
  }
}

/** The methods of HTTP/2 backend connections. */
export const backendPrototype = (): object => Http2Session.prototype

interface Intake {
  readonly connection: ConnectionInside
  readonly received: { due: number; owed: number }
  padding: number
}
interface TellingSelf {
  readonly exchanges: readonly Exchange[]
}

interface OutputSelf {
  slab: Slab | null
}

const TINY_HELD = { heldBytesSoft: 2000, heldBytesOver: 100_000, connectionHeldBytesMax: 1_000_000_000 }

export const defects: readonly Defect[] = [
  {
    name: 'credit lost on reset',
    what: 'what a stream held when it was reset is not given back to the connection window',
    expected: ['S3'],
    plan: { ...TINY_HELD, cancelPercent: 50 },
    plant: () =>
      wrap<Intake, [StreamInside]>(BodyIntake.prototype, 'clear', (_self, _original, stream) => {
        ;(stream.receiveBuffer as unknown as ReceiveBuffer | null)?.clear()
      }),
  },
  {
    name: 'padding not credited',
    what: 'padding and its length octet are not given back to the stream window',
    expected: ['S3'],
    plan: { paddedPercent: 50 },
    plant: () =>
      wrap<Intake, [number, boolean]>(BodyIntake.prototype, 'dataEnd', (self, original, id, ended) => {
        self.padding = 0
        original(id, ended)
      }),
  },
  {
    name: 'discarded DATA not credited',
    what: 'DATA for a stream that is no more uses up the connection window',
    expected: ['S3'],
    plan: { cancelPercent: 50, uploadPercent: 90, heldBytesSoft: 1_000_000_000 },
    plant: () =>
      wrap<Intake, [number, number, boolean]>(
        BodyIntake.prototype,
        'data',
        (self, original, id, size, ended) => {
          original(id, size, ended)
          if (self.connection.streams.all().every((each) => each.streamId !== id)) self.received.due -= size
        },
      ),
  },
  {
    name: 'credit of a kept body lost',
    what: 'when a body is no longer kept for replay, its credit is not given back',
    expected: ['S3'],
    plan: { uploadPercent: 90 },
    plant: () =>
      wrap<{ readonly sink: object }, []>(ReceiveBuffer.prototype, 'releaseRetained', (self, original) =>
        muted(self.sink, 'consumed', original),
      ),
  },
  {
    name: 'window overrun',
    what: 'more DATA is sent than the stream window lets',
    expected: ['S3'],
    plant: () =>
      wrap<Output, [{ sendWindow: number }, Buffer]>(
        Output.prototype,
        'pullBody',
        (_self, original, stream, slab) => {
          stream.sendWindow += 10
          original(stream, slab)
          stream.sendWindow -= 10
        },
      ),
  },
  {
    name: 'SETTINGS pass open streams by',
    what: 'a changed SETTINGS_INITIAL_WINDOW_SIZE does not change the windows of open streams',
    expected: ['S3'],
    plan: { settingsPercent: 90 },
    plant: () =>
      wrap<{ window: number; windowNext: number }, []>(PeerSettings.prototype, 'apply', (self) => {
        self.window = self.windowNext
        return null
      }),
  },
  {
    name: 'connection credit given twice',
    what: 'octets that leave are credited to the connection though they were on receipt',
    expected: ['S3'],
    plant: () =>
      wrap<{ due: number }, [number]>(ReceiveWindow.prototype, 'consumed', (self, original, bytes) => {
        original(bytes)
        self.due += bytes
      }),
  },
  {
    name: 'lease kept after cancel',
    what: 'an exchange that ends does not give its lease back',
    expected: ['S1'],
    plan: { cancelPercent: 50, backendStreams: 1, sessionsMax: 1 },
    plant: () =>
      wrap<Exchange, [never]>(Exchange.prototype, 'release', (self, original, reason) =>
        muted(self.lease, 'release', () => original(reason)),
      ),
  },
  {
    name: 'granted lease not returned',
    what: 'a waiter that is cancelled after its grant keeps what it was granted',
    expected: ['S1'],
    plan: { cancelPercent: 50, holdPercent: 30, backendStreams: 1 },
    plant: () =>
      wrap<Engine<never>, [{ session: unknown }]>(Engine.prototype, 'release', (_self, original, lease) => {
        if (lease.session !== null) lease.session = null
        else original(lease)
      }),
  },
  {
    name: 'freed twice',
    what: 'a stream that ends gives its lease back twice',
    expected: ['S1'],
    plant: () =>
      wrap<Engine<never>, [{ leased: number }]>(Engine.prototype, 'freed', (_self, original, session) => {
        if (session.leased > 1) session.leased--
        original(session)
      }),
  },
  {
    name: 'logged twice',
    what: 'an exchange is told as ended twice',
    expected: ['S1'],
    plant: () =>
      wrap<ReverseProxy, [Exchange]>(ReverseProxy.prototype, 'ended', (self, original, exchange) => {
        original(exchange)
        self.logged--
        original(exchange)
      }),
  },
  {
    name: 'told in a later turn',
    what: 'an exchange that has ended alone is not told together with others, in its turn',
    expected: ['S1'],
    plant: () =>
      wrap<TellingSelf, []>(EndedExchanges.prototype, 'settle', (self, original) =>
        self.exchanges.length === 1 ? undefined : original(),
      ),
  },
  {
    name: 'hold block not given back',
    what: 'a block that held body bytes is dropped and still counts as held',
    expected: ['S1'],
    plant: () =>
      wrap<MemoryBudget, [Slab, never]>(MemoryBudget.prototype, 'give', (_self, original, block, buffer) => {
        if (block.pool.size !== 4096) original(block, buffer)
      }),
  },
  {
    name: 'stream outlives its exchange',
    what: 'the backend stream of an exchange that ends is left as it is',
    expected: ['S1'],
    plan: { cancelPercent: 50 },
    plant: () =>
      wrap<Exchange, [never]>(Exchange.prototype, 'release', (self, original, reason) =>
        self.backendStream === null
          ? original(reason)
          : muted(self.backendStream, 'reset', () => original(reason)),
      ),
  },
  {
    name: 'bytes of another stream',
    what: 'a stream pulls from the source of another',
    expected: ['S2'],
    plant: () => {
      let last: StreamInside | null = null
      return wrap<{ source: StreamInside | null }, [Buffer, number, number, number]>(
        Http2Stream.prototype,
        'pullInto',
        (self, original, slab, at, bytes, now) => {
          const own = self.source
          const other = last
          last = own
          if (own === null || other === null || other === own || (other.receiveBuffer?.length ?? 0) < bytes) {
            original(slab, at, bytes, now)
            return
          }
          self.source = other
          original(slab, at, bytes, now)
          self.source = own
        },
      )
    },
  },
  {
    name: 'slab reused before it drained',
    what: 'an output slab goes back to the pool while the network still reads it',
    expected: ['S2', 'W1'],
    plan: { sendBufferBytes: 50, clients: 3 },
    plant: () =>
      wrap<OutputSelf, []>(Output.prototype, 'flush', (self, original) => {
        original()
        if (self.slab === null) return
        self.slab.pool.give(self.slab, self)
        self.slab = null
      }),
  },
  {
    name: 'read buffer kept',
    what: 'bytes that outlive their turn are not copied into blocks',
    expected: ['S2'],
    plan: { heldBytesSoft: 1_000_000_000 },
    plant: () => wrap<ReceiveBufferInside, [number]>(ReceiveBuffer.prototype, 'settle', () => undefined),
  },
  {
    name: 'forged end',
    what: 'a stream whose connection died counts as complete',
    expected: ['S2'],
    plan: { diePercent: 90, resetPercent: 30, paceMs: 3, chunkBytes: 100, responseBytes: 5000 },
    plant: () =>
      wrap<Http2Connection, [{ remoteEnded: boolean }, unknown]>(
        Http2Connection.prototype,
        'failStream',
        (_self, original, stream, why) => {
          stream.remoteEnded = true
          original(stream, why)
        },
      ),
  },
  {
    name: 'trailers dropped',
    what: 'a body ends without its trailers',
    expected: ['S2'],
    plan: { trailersPercent: 50 },
    plant: () => wrapGet<Stream>(Stream.prototype, 'endingTrailers', () => null),
  },
  {
    name: 'retry of half a body',
    what: 'a request is sent again though the first of its body is gone',
    expected: ['S2'],
    plan: {
      refusedPercent: 40,
      uploadPercent: 90,
      uploadBytes: 5000,
      replayBytesMax: 100,
      thinkMs: 10,
      paceMs: 3,
    },
    plant: () => wrapGet<Stream>(Stream.prototype, 'replayable', () => true),
  },
  {
    name: 'GOAWAY retries what was begun',
    what: 'after a GOAWAY every stream is sent again, those it names as begun too',
    expected: ['R'],
    plan: {
      goawayPercent: 100,
      thinkMs: 800,
      runMs: 100,
      spreadMs: 0,
      requests: 20,
      attemptsMax: 3,
      sessionsMax: 16,
      backendStreams: 100,
    },
    plant: () =>
      wrap<object, [number, number, string]>(
        backendPrototype(),
        'goaway',
        (_self, original, _last, code, debug) => original(0, code, debug),
      ),
  },
  {
    name: 'retry of what was answered',
    what: 'any reset is taken for a refusal',
    expected: ['R'],
    plan: { rstPercent: 60, thinkMs: 100 },
    plant: () =>
      wrap<unknown, [Exchange, { retry: string }]>(attempts, 'afterFault', (_self, original, x, why) =>
        original(x, { ...why, retry: 'safe' }),
      ),
  },
  {
    name: 'wake-up lost',
    what: 'a continuation suspends without looking whether what it waits for is there already',
    expected: ['S5'],
    plant: () =>
      wrap<Scheduler, [Continuation, unknown]>(
        Scheduler.prototype,
        'arm',
        (_self, original, continuation, out) =>
          muted(continuation, 'wake', () => original(continuation, out)),
      ),
  },
  {
    name: 'deadline left armed',
    what: 'an exchange that has ended leaves a deadline behind',
    expected: ['S1', 'S5'],
    plant: () =>
      wrap<{ readonly pollset: { readonly now: number; readonly deadlines: Deadlines } }, [Continuation]>(
        Scheduler.prototype,
        'end',
        (self, original, continuation) => {
          original(continuation)
          if (continuation.kind !== 'exchange') return
          self.pollset.deadlines.at(continuation, self.pollset.now + 1000)
        },
      ),
  },
  {
    name: 'deadline not armed',
    what: 'every so often a wait has no deadline',
    expected: ['S5'],
    plant: () => {
      let armings = 0
      return wrap<DurationList, [Continuation]>(DurationList.prototype, 'arm', (_self, original, node) =>
        ++armings % 7 === 0 ? undefined : original(node),
      )
    },
  },
  {
    name: 'queue without bound',
    what: 'leases queue past queueMax',
    expected: ['S4'],
    plan: { queueMax: 2, backendStreams: 1, sessionsMax: 1 },
    plant: () =>
      wrap<{ limits: object }, [never]>(Engine.prototype, 'lease', (self, original, lease) => {
        const { limits } = self
        self.limits = { ...limits, queueMax: Number.POSITIVE_INFINITY }
        const answer = original(lease)
        self.limits = limits
        return answer
      }),
  },
  {
    name: 'held without bound',
    what: 'no stream pays when memory runs short',
    expected: ['S4'],
    plan: { heldBytesSoft: 2000, heldBytesOver: 0, stuckPercent: 50, responseBytes: 70_000 },
    plant: () => wrap<MemoryBudget, [number, never]>(MemoryBudget.prototype, 'enforce', () => undefined),
  },
  {
    name: 'capacity ignored',
    what: 'a session is given more streams than its peer allows',
    expected: ['S4'],
    plan: { backendStreams: 2, sessionsMax: 1, requests: 20 },
    plant: () =>
      wrap<{ readonly sessions: readonly { state: string }[] }, []>(
        Engine.prototype,
        'choose',
        (self) => self.sessions.find((each) => each.state === 'open') ?? null,
      ),
  },
  {
    name: 'newcomer overtakes',
    what: 'a newcomer takes what has become free from under those who wait',
    expected: ['E8'],
    plan: { backendStreams: 1, sessionsMax: 2, thinkMs: 10, leaseTimeoutMs: 2000, queueMax: 1000 },
    plant: () => {
      // Every other time what becomes free is not granted, and the next who asks gets it.
      let times = 0
      const undoGrant = wrap<Engine<never>, []>(Engine.prototype, 'grant', (_self, original) =>
        ++times % 2 === 0 ? undefined : original(),
      )
      const undoLease = wrap<{ queue: List<Lease<never>> }, [never]>(
        Engine.prototype,
        'lease',
        (self, original, lease) => {
          const { queue } = self
          self.queue = new List()
          const answer = original(lease)
          const joined = self.queue.shift()
          self.queue = queue
          if (joined !== null) queue.push(joined)
          return answer
        },
      )
      return () => {
        undoLease()
        undoGrant()
      }
    },
  },
  {
    name: 'held one stepped',
    what: 'a held exchange that is cancelled takes its step',
    expected: ['S6'],
    plan: { holdPercent: 30, cancelPercent: 60, cancelWithinMs: 10 },
    plant: () => {
      const undoCancel = wrap<Continuation, []>(Continuation.prototype, 'cancel', (self, original) => {
        original()
        if (self.held) self.wake()
      })
      const undoResume = wrap<{ run(c: Continuation): void }, [Continuation]>(
        Scheduler.prototype,
        'resume',
        (self, original, continuation) => {
          if (continuation.held && !continuation.finished) self.run(continuation)
          else original(continuation)
        },
      )
      return () => {
        undoCancel()
        undoResume()
      }
    },
  },
  {
    name: 'a hold stops siblings',
    what: 'what a held exchange does not forward uses up the connection window that its siblings share',
    expected: ['S6'],
    plan: { handOnly: 1, requests: 10, uploadPercent: 100, uploadBytes: 70_000, connectionWindow: 65_535 },
    plant: () =>
      wrap<ReceiveWindow, [number, boolean]>(ReceiveWindow.prototype, 'received', (_self, original, bytes) =>
        original(bytes, false),
      ),
  },
  {
    name: 'chance from elsewhere',
    what: 'who is resumed when depends on something that no seed names',
    expected: ['S7'],
    plant: () =>
      wrap<{ readonly pollset: { queueLater(c: Continuation): void } }, [Continuation]>(
        Scheduler.prototype,
        'queue',
        (self, original, continuation) =>
          Math.random() < 0.1 ? self.pollset.queueLater(continuation) : original(continuation),
      ),
  },
  {
    name: 'dry streams never end',
    what: 'a stream that is discarded is neither reset nor given up',
    expected: ['L1'],
    plan: {
      backendResetsBurst: 1,
      backendResetsPerSecond: 1,
      cancelPercent: 60,
      silentPercent: 50,
      uploadPercent: 0,
    },
    plant: () => wrap<ResetBudget, []>(ResetBudget.prototype, 'pace', () => undefined),
  },
  {
    name: 'lingers for ever',
    what: 'a closing connection waits for the end of its peer without a deadline',
    expected: ['L1'],
    plan: { vanishPercent: 40, clients: 4 },
    plant: () =>
      wrap<{ until: number }, []>(Http2Connection.prototype, 'waitForPeerClose', (self, original) => {
        const out = original()
        self.until = 0
        return out
      }),
  },
  {
    name: 'resets past the budget',
    what: 'a backend gets more RST_STREAM than its budget lets',
    expected: ['E19'],
    plan: {
      backendResetsBurst: 1,
      backendResetsPerSecond: 1,
      backendResetsReserve: 0,
      cancelPercent: 70,
      thinkMs: 100,
    },
    plant: () => wrap<ResetBudget, [number]>(ResetBudget.prototype, 'takeReset', () => true),
  },
  {
    name: 'an error reaches another connection',
    what: 'when one connection is given up for an error, so is another',
    expected: ['E17'],
    plan: { clients: 4, resetsBurst: 1, cancelPercent: 30, requests: 5 },
    plant: () =>
      wrap<Http2Connection, [number, string]>(
        Http2Connection.prototype,
        'connectionError',
        (self, original, code, text) => {
          original(code, text)
          for (const each of self.scheduler.alive()) {
            if (
              each === self ||
              each.kind !== self.kind ||
              (each as unknown as ConnectionInside).failure !== null
            )
              continue
            ;(each as unknown as Http2Connection).connectionError(code, text)
            return
          }
        },
      ),
  },
]
