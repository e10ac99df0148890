// Defects of the clocks to plant, one at a time, as those of defects.ts.

import { type Continuation, Scheduler } from '../../src/continuation/index.js'
import type { Pollset } from '../../src/pollset/index.js'
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
  {
    name: 'forgets a clock',
    what: 'the time since bytes last moved runs on while an exchange is held',
    expected: ['L1'],
    plan: {
      ...{ tunnelPercent: 60, tunnelsMax: 100, backendTunnels: 1, tunnelIdleMs: 300, silentPercent: 60 },
      ...{ parkPercent: 100, holdPercent: 30, holdMs: 50, holdOnPercent: 0, steerPercent: 0, handOnly: 0 },
    },
    plant: () =>
      wrap<{ movedAt: number }, [number]>(
        Progress.prototype as never,
        'shifted',
        (self, original, ...args) => {
          const { movedAt } = self
          original(...args)
          if (self.movedAt - movedAt === args[0]) self.movedAt = movedAt
        },
      ),
  },
  {
    name: 'keeps a deadline',
    what: 'what is parked keeps its deadline armed',
    expected: ['S5'],
    plan: { parkPercent: 60, holdMs: 50 },
    plant: () =>
      wrap<Scheduler, [Continuation]>(Scheduler.prototype, 'hold', (self, original, continuation) => {
        const { deadlineArmed, deadlineAt } = continuation
        const held = original(continuation) === true
        if (held && deadlineArmed)
          (self as unknown as { pollset: Pollset }).pollset.deadlines.at(continuation, deadlineAt)
        return held
      }),
  },
  {
    name: 'forgets the rest of a time',
    what: 'what was parked waits for all of its time again',
    expected: ['L1'],
    plan: {
      headTimeoutMs: 300,
      thinkMs: 800,
      parkPercent: 100,
      holdMs: 50,
      holdOnPercent: 0,
      steerPercent: 0,
    },
    plant: () =>
      wrap<Scheduler, [Continuation]>(Scheduler.prototype, 'release', (_self, original, continuation) => {
        const { hold } = continuation
        if (hold !== null && hold.left > 0) hold.left += 500
        original(continuation)
      }),
  },
]
