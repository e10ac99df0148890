// Tasks of filters, on the simulated network and on Node.

import t from 'tap'
import { NodePollset, noFaults, SETTLED, SimPollset, type Task } from '../../src/pollset/index.js'
import { TaskPool } from '../../src/proxy/index.js'

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
