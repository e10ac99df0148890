// Tasks of filters, on the simulated network and on Node.

import t from 'tap'
import { type Continuation, why } from '../../src/continuation/index.js'
import {
  NodePollset,
  noFaults,
  promised,
  SETTLED,
  SimPollset,
  type Task,
  type TaskWork,
} from '../../src/pollset/index.js'
import {
  type Filter,
  PASS,
  type PooledTask,
  RATE_LIMITED,
  TaskPool,
  ThreadShare,
} from '../../src/proxy/index.js'
import { frame, headers, REQUEST } from '../../tools/testbed/frames.js'
import { routerTo } from '../../tools/testbed/short-server.js'
import { filtered, Reader, use, valueIn } from './small-proxy.js'

t.test('K12: as many tasks as the pool has places, then a queue in order, then none', async (t) => {
  const pollset = new SimPollset(1, { ...noFaults, latencyMs: 5 })
  const pool = new TaskPool(pollset, { name: 'gzip', concurrencyMax: 2, queueMax: 3 })
  const begun: number[] = []
  const start = (number: number) =>
    pool.start<number>((settle) => {
      begun.push(number)
      settle(null, number)
    })
  const tasks = [1, 2, 3, 4, 5].map(start)
  t.same(begun, [1, 2])
  t.equal(pool.waiting, 3)
  t.equal(start(6), null, 'the queue is full')
  t.equal(pool.refused, 1)
  tasks[2]?.cancel()
  t.equal(pool.waiting, 2, 'one that is given up leaves the queue')
  pollset.runUntil(() => pool.running === 0)
  t.same(begun, [1, 2, 4, 5])
  t.same(
    tasks.map((each) => each?.value),
    [1, 2, null, 4, 5],
  )
  t.equal(tasks[0]?.readiness, SETTLED)
})

t.test('K12: a task that is given up keeps its place until it has ended, and tells nobody', async (t) => {
  const pollset = new SimPollset(2, { ...noFaults, latencyMs: 5 })
  const pool = new TaskPool(pollset, { name: 'hash', concurrencyMax: 1, queueMax: 1 })
  let aborted = false
  const first = pool.start<number>((settle, signal) => {
    signal.onabort = () => {
      aborted = true
    }
    settle(null, 1)
  })
  const second = pool.start<number>((settle) => settle(null, 2))
  let told = 0
  if (first !== null) first.onSettled = () => told++
  first?.cancel()
  t.equal(pool.running, 1)
  pollset.runUntil(() => second?.settled === true)
  t.ok(aborted)
  t.equal(told, 0)
  t.equal(first?.settled, false)
  t.equal(second?.value, 2)
})

t.test('K12: pools share threads, one of which is always left, and have them in turn', async (t) => {
  const pollset = new SimPollset(4, { ...noFaults, latencyMs: 5 })
  const threads = new ThreadShare(4)
  const begun: string[] = []
  const pools = ['a', 'b', 'c'].map(
    (name) => new TaskPool(pollset, { name, concurrencyMax: 3, queueMax: 10, threads }),
  )
  const start = (at: number, text: string) =>
    pools[at]?.start<null>((settle) => {
      begun.push(text)
      settle(null, null)
    })
  const first = [1, 2, 3, 4, 5].map((each) => start(0, `a${each}`))
  t.equal(threads.taken, 3)
  t.same(begun, ['a1', 'a2', 'a3'])
  t.match(first[3]?.holders()[0]?.reason, /its 3 places are taken, and 2 tasks wait/)
  const given = start(1, 'b1')
  t.match(given?.holders()[0]?.reason, /all 3 threads are taken, and 1 tasks wait/)
  start(2, 'c1')
  start(2, 'c2')
  given?.cancel()
  let most = 0
  pollset.runUntil(() => {
    most = Math.max(most, threads.taken)
    return pools.every((each) => each.running === 0)
  })
  t.equal(most, 3)
  t.equal(threads.taken, 0)
  t.same(begun.toSorted(), ['a1', 'a2', 'a3', 'a4', 'a5', 'c1', 'c2'], 'none is forgotten')
  t.equal(begun[3], 'c1', 'who waits for a thread comes before who gives one')
  t.equal(new ThreadShare(1).max, 1)
})

t.test('a task that throws, or fails by a fault of the simulation', async (t) => {
  const pollset = new SimPollset(3, { ...noFaults, taskFailPercent: 100 })
  const pool = new TaskPool(pollset, { name: 'zip', concurrencyMax: 4, queueMax: 0 })
  const failed = pool.start<number>((settle) => settle(null, 1))
  pollset.faults = noFaults
  const thrown = pool.start<number>(() => {
    throw new Error('boom')
  })
  pollset.runUntil(() => pool.running === 0)
  t.match(failed?.fault?.message, /as the simulation has it/)
  t.equal(failed?.value, null)
  t.equal(thrown?.fault?.message, 'boom')
})

t.test('on Node: a callback only marks; it settles in a turn, once', async (t) => {
  const pollset = new NodePollset()
  let settle: (fault: Error | null, value: number | null) => void = () => {}
  const task: Task<number> = pollset.task('t1', (given) => {
    settle = given
  })
  let told = 0
  task.onSettled = () => told++
  settle(null, 7)
  settle(null, 8)
  t.equal(told, 0, 'not in the callback')
  await new Promise((resolve) => setTimeout(resolve, 20))
  t.equal(told, 1)
  t.equal(task.value, 7)
  pollset.close()
})

t.test('K12: a promise that never settles frees its place, as often as the pool allows', async (t) => {
  const pollset = new SimPollset(4, { ...noFaults, latencyMs: 5 })
  const pool = new TaskPool(pollset, { name: 'user', concurrencyMax: 1, queueMax: 5, abandonedMax: 1 })
  let settleFirst: (fault: Error | null, value: number | null) => void = () => {}
  const first = pool.start<number>((settle) => {
    settleFirst = settle
  })
  const second = pool.start<number>(() => {})
  const third = pool.start<number>((settle) => settle(null, 3))
  first?.cancel()
  t.equal(pool.abandoned, 1)
  t.equal(pool.running, 1, 'the second has its place')
  second?.cancel()
  t.equal(pool.running, 1, 'no more may be abandoned: it keeps its place')
  t.equal(third?.settled, false)
  settleFirst(null, 1)
  pollset.runUntil(() => pool.abandoned === 0)
  t.equal(first?.value, null, 'its value is dropped')
  t.equal(pool.running, 1)
})

t.test('K18: promises settle in a turn, or fail with what they throw', async (t) => {
  const pollset = new NodePollset()
  const pool = new TaskPool(pollset, { name: 'user', concurrencyMax: 4, queueMax: 0 })
  const good = pool.start(promised(() => Promise.resolve(7)))
  const bad = pool.start(promised(() => Promise.reject(new Error('no'))))
  const odd = pool.start(promised(() => Promise.reject('text')))
  const thrown = pool.start(
    promised(() => {
      throw new Error('at once')
    }),
  )
  await Promise.resolve()
  t.equal(good?.settled, false, 'not in a microtask')
  while (pool.running > 0) await new Promise((resolve) => setImmediate(resolve))
  t.equal(good?.value, 7)
  t.same(
    [bad, odd, thrown].map((each) => each?.fault?.message),
    ['no', 'text', 'at once'],
  )
  pollset.close()
})

/** A filter that waits for one task of this pool, and marks the request with its value. */
const waits = (pool: TaskPool, work: TaskWork<string>): Filter<{ task: PooledTask<string> | null }> => ({
  begin: () => ({ task: null }),
  request(x, s) {
    s.task ??= pool.start(work)
    if (s.task === null) return x.refuse(RATE_LIMITED)
    if (!s.task.settled) return x.waitForTask(s.task, { within: 1_000 })
    if (s.task.fault !== null) throw s.task.fault
    x.fields.set('x-value', s.task.value as string)
    return PASS
  },
})

t.test('K18: a filter waits for a task; late, cancelled and failed ones leak nothing', async (t) => {
  for (const end of ['settled', 'failed', 'late', 'cancelled', 'cancelled in the queue'] as const) {
    let settle: (fault: Error | null, value: string | null) => void = () => {}
    let aborted = false
    const work: TaskWork<string> = (given, signal) => {
      settle = given
      signal.onabort = () => {
        aborted = true
      }
    }
    const p = filtered([])
    const pool = new TaskPool(p.pollset, { name: 'look', concurrencyMax: 1, queueMax: 1 })
    const queued = end === 'cancelled in the queue'
    if (queued) pool.start(() => {})
    p.proxy.routes = routerTo(p.world, [{ host: '', prefix: '/', backend: p.backend }], {}, {}, [
      use('look', waits(pool, work) as Filter<unknown>),
    ])
    p.far.send(headers(3, REQUEST))
    const x = [...p.world.scheduler.alive()].find((each) => each.id === 'm1/s3') as Continuation
    t.equal(pool.running, 1, end)
    const [wait] = why(x, p.pollset).waits
    t.match(wait.on, /^look/)
    t.match(wait.holders[0], {
      id: 'look',
      kind: 'task-pool',
      reason: queued ? /its 1 places are taken, and 1 tasks wait/ : /it runs outside of this thread/,
    })
    if (end === 'settled') settle(null, 'v')
    else if (end === 'failed') settle(new Error('boom'), null)
    else if (end === 'late') p.pollset.advance(1_000)
    else p.far.send(frame(3, 0, 3, Buffer.from([0, 0, 0, 8])))
    p.pollset.run()
    const settles = end === 'settled' || end === 'failed'
    t.equal(aborted, !settles && !queued, `${end}: the signal`)
    t.equal(pool.waiting, 0)
    if (end === 'settled') t.equal(valueIn(new Reader(p.backends[0]).blocks().at(-1), 'x-value'), 'v')
    if (end === 'failed') t.match(p.failures, ['look: boom'])
    if (end === 'late') t.equal(valueIn(p.client.blocks().at(-1), ':status'), '504')
    if (!settles && !queued) {
      t.equal(pool.running, 1, 'it keeps its place')
      settle(null, 'too late')
      p.pollset.run()
    }
    if (!queued) t.equal(pool.running, 0, end)
    t.equal(p.failures.length, end === 'failed' || end === 'late' ? 1 : 0, end)
  }
})
