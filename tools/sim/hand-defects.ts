// Defects of what a debugger's hand does to plant, one at a time, as those of defects.ts.

import { type Continuation, type Hold, Scheduler } from '../../src/continuation/index.js'
import { Engine, type Lease } from '../../src/engine/index.js'
import { Exchange } from '../../src/proxy/index.js'
import { Progress } from '../../src/proxy/progress.js'
import { type Defect, wrap } from './defects.js'

/** A plan in which everything held goes on soon, and nothing else is done to it. */
const HOLDS = { holdPercent: 30, holdMs: 50, holdOnPercent: 0, parkPercent: 50, steerPercent: 0 }

export const handDefects: readonly Defect[] = [
  {
    name: 'forgets when it came',
    what: 'the age of an exchange counts the time of its holds',
    expected: ['L1'],
    plan: HOLDS,
    plant: () =>
      wrap<Exchange, [number]>(Exchange.prototype, 'released', (self, original, ms) => {
        original(ms)
        self.receivedAt -= ms
      }),
  },
  {
    name: 'forgets the time of a head',
    what: 'the time for the response head runs on while an exchange is held',
    expected: ['L1'],
    plan: { ...HOLDS, holdMs: 1000, parkPercent: 100, thinkMs: 800, headTimeoutMs: 500, interimPercent: 100 },
    plant: () =>
      wrap<{ headBy: number }, unknown[]>(Progress.prototype, 'shifted', (self, original, ...args) => {
        const { headBy } = self
        original(...args)
        self.headBy = headBy
      }),
  },
  {
    name: 'releases twice',
    what: 'what is let go a second time goes on once more, and its clocks move on again',
    expected: ['L1', 'S5'],
    plan: { ...HOLDS, vanishingPercent: 30 },
    plant: () => {
      const last = new WeakMap<Continuation, Hold>()
      return wrap<{ readonly pollset: { readonly now: number } }, [Continuation]>(
        Scheduler.prototype,
        'release',
        (self, original, c) => {
          const hold = c.hold ?? last.get(c)
          if (hold === undefined || c.finished) return
          last.set(c, hold)
          if (c.hold === null) {
            c.released(self.pollset.now - hold.since)
            c.wake()
          } else original(c)
        },
      )
    },
  },
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
