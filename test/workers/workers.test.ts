// Workers in processes of their own, under a primary in this one: connections in turn, deaths, changes that
// all make or none, questions.

import { once } from 'node:events'
import { type AddressInfo, connect, createServer } from 'node:net'
import t, { type Test } from 'tap'
import { createWorld } from '../../src/continuation/index.js'
import { NodePollset } from '../../src/pollset/index.js'
import {
  type Answers,
  askingLife,
  isToPrimary,
  roundLife,
  SharedListeners,
  sharedListenerLife,
  Workers,
  type WorkersLimits,
  workerSlotLife,
  workersLimits,
} from '../../src/workers/index.js'
import { declared, Seen } from '../world/seen.js'
import { soon } from '../world/soon.js'
import type { SmallConfiguration, Wrong } from './small-worker.js'

// Workers would load tap's own hook, which takes longer than all that they do.
delete process.env['NODE_OPTIONS']

const seen = new Seen()
const HOST = '127.0.0.1'

/** A primary with workers, and what it was told. */
async function primary(
  t: Test,
  count: number,
  wrong: Readonly<Record<string, Wrong>> = {},
  limits: Partial<WorkersLimits> = {},
) {
  const pollset = new NodePollset()
  const world = createWorld(pollset)
  world.scheduler.tracer = seen
  const log: string[] = []
  const waiting = new Set<() => void>()
  const tell = (line: string): void => {
    log.push(line)
    for (const each of waiting) each()
  }
  /** Waits until a line like this was told, from this one on. */
  const until = (line: RegExp, from = 0): Promise<void> =>
    new Promise((resolve) => {
      const look = (): void => {
        if (!log.slice(from).some((each) => line.test(each))) return
        waiting.delete(look)
        resolve()
      }
      waiting.add(look)
      look()
    })
  let port = 0
  const listeners = new SharedListeners(world, 100, {
    bound: (address) => {
      if (port === 0) port = address.port
    },
    replaced: () => {},
  })
  const asked = { host: HOST, port: 0 }
  const bound = await new Promise((resolve) => listeners.bind([asked], resolve))
  t.equal(bound, null)
  const configured = (text: string, more: Partial<SmallConfiguration> = {}) => {
    const part: SmallConfiguration = { addresses: [asked], text, ...more }
    // Two parts, of which the last counts.
    return () => [0, part]
  }
  const workers: Workers = new Workers(
    world,
    {
      count,
      module: new URL('./small-worker.js', import.meta.url),
      args: ['worker'],
      limits: { ...workersLimits, backOffMs: 1, ...limits },
    },
    listeners,
    configured('one'),
    {
      settings: () => ({ settings: wrong, ticketKeys: Buffer.alloc(48) }),
      serving: () => tell('serving'),
      joined: (worker, isNew) => tell(`${worker} ${isNew ? 'joined' : 'replaced'}`),
      told: (worker, told) => tell(`${worker} told ${told}`),
      ended: (worker, { code, signal }, backOffMs, wasServing) =>
        tell(`${worker} ended ${code ?? signal} ${backOffMs} ${wasServing}`),
      faulty: (worker, why) => tell(`${worker} faulty ${why}`),
      refused: (worker, why) => tell(`${worker} refused ${why}`),
      gaveUp: () => tell('gave up'),
      over: () => tell('over'),
    },
  )
  workers.begin()
  t.teardown(async () => {
    listeners.keep([])
    workers.stop('drain')
    workers.kill()
    await until(/^over$/)
    pollset.close()
  })
  const get = async (at = port): Promise<string> => {
    const socket = connect(at, HOST)
    let text = ''
    socket.setEncoding('latin1').on('data', (part: string) => {
      text += part
    })
    await once(socket, 'close')
    if (text === '') throw new Error('it was closed without an answer')
    return text
  }
  const change = (
    parts: () => unknown[],
    to = count,
  ): Promise<{ wrong: string | null; superseded: boolean }> =>
    new Promise((resolve) =>
      workers.change(
        parts,
        to,
        () => tell('committed'),
        (wrong, superseded) => resolve({ wrong, superseded }),
      ),
    )
  const ask = (to: string, question: string): Promise<Answers> =>
    new Promise((resolve) => workers.ask(to, question, resolve))
  return { workers, listeners, world, log, until, get, change, ask, configured }
}

t.test('J2: connections go to the workers in turn', async (t) => {
  const { until, get } = await primary(t, 2)
  // They wait for a worker.
  t.match(await get(), /^w[12] one$/)
  await until(/^serving$/)
  const all: string[] = []
  for (let at = 0; at < 20; at++) all.push(await get())
  t.equal(all.filter((each) => each === 'w1 one').length, 10)
})

t.test('J3: connections that a dying worker has not taken go to another', async (t) => {
  const { workers, until, get } = await primary(t, 2)
  await until(/^serving$/)
  const [pid] = workers.pids
  process.kill(pid, 'SIGSTOP')
  const all = Array.from({ length: 6 }, () => get())
  // Those of the other worker are answered, the rest are on their way to this one.
  await Promise.any(all)
  process.kill(pid, 'SIGKILL')
  t.strictSame(new Set(await Promise.all(all)), new Set(['w2 one']))
})

t.test('J3: a worker that dies is replaced, and connections find another meanwhile', async (t) => {
  const { workers, until, get, log } = await primary(t, 2)
  await until(/^serving$/)
  const [pid] = workers.pids
  process.kill(pid, 'SIGKILL')
  await until(/^w1 ended SIGKILL 1 true$/)
  t.equal(await get(), 'w2 one')
  while (workers.servingCount < 2) await soon()
  t.not(workers.pids[0], pid)
  t.equal(workers.restarts, 1)
  t.strictSame([await get(), await get()].sort(), ['w1 one', 'w2 one'])
  t.equal(log.filter((line) => line === 'serving').length, 1)
})

t.test('J3: it waits twice as long after each death soon after a start', async (t) => {
  const { until, log } = await primary(t, 2, { w1: 'exits' }, { backOffMaxMs: 4 })
  await until(/^w1 ended 3 4 false$/)
  await until(/^w1 ended 3 4 false$/, log.length)
  t.strictSame(log.filter((line) => line.startsWith('w1 ended')).slice(0, 4), [
    'w1 ended 3 1 false',
    'w1 ended 3 2 false',
    'w1 ended 3 4 false',
    'w1 ended 3 4 false',
  ])
  t.notOk(log.includes('gave up'), 'w2 serves')
})

t.test('J4: if none ever starts it gives up', async (t) => {
  const { until, log, workers } = await primary(
    t,
    3,
    { w1: 'exits', w2: 'silent', w3: 'babbles' },
    { startsMax: 1, startMs: 3_000 },
  )
  await until(/^gave up$/)
  t.ok(log.includes('w2 faulty it did not serve within 3 s'))
  t.ok(log.includes('w3 faulty it has sent what is no message'))
  t.equal(workers.servingCount, 0)
})

t.test('J5: a change is made by all workers, or by none', async (t) => {
  const { workers, until, get, change, configured, log, world } = await primary(t, 2)
  const limits = workers.limits as { prepareMs: number }
  await until(/^serving$/)
  const all = async () => [...new Set([await get(), await get(), await get(), await get()])].sort()
  t.strictSame(await change(configured('two')), { wrong: null, superseded: false })
  t.strictSame(await all(), ['w1 two', 'w2 two'])
  t.strictSame(await change(configured('three', { refusedBy: 'w2' })), {
    wrong: 'w2 refuses it',
    superseded: false,
  })
  limits.prepareMs = 300
  t.match(await change(configured('four', { ignoredBy: 'w1' })), { wrong: /^not ready within 0\.3 s: w1/ })
  limits.prepareMs = 60_000
  const other = createServer().listen(0, HOST)
  await once(other, 'listening')
  t.teardown(() => void other.close())
  const { port } = other.address() as AddressInfo
  const taken = {
    addresses: [
      { host: HOST, port: 0 },
      { host: HOST, port },
    ],
  }
  t.match(await change(configured('five', taken)), { wrong: 'EADDRINUSE' })
  t.strictSame(await all(), ['w1 two', 'w2 two'], 'the old one serves')
  limits.prepareMs = 1_500
  t.match(await change(configured('five', { forgottenBy: 'w2' })), { wrong: null })
  limits.prepareMs = 60_000
  t.strictSame(await all(), ['w1 five', 'w2 five'])
  const first = change(configured('six', { ignoredBy: 'w1' }))
  await new Promise(setImmediate)
  const second = change(configured('seven'))
  t.match(await first, { superseded: true })
  t.match(await second, { wrong: null })
  t.strictSame(await all(), ['w1 seven', 'w2 seven'])
  t.equal(log.filter((line) => line === 'committed').length, 3)
  t.equal(world.scheduler.crashes, 0)
})

t.test('J5: a new listener is bound for all, and closes when the last worker has left it', async (t) => {
  const { until, get, change, configured, listeners } = await primary(t, 2)
  await until(/^serving$/)
  const free = createServer().listen(0, HOST)
  await once(free, 'listening')
  const { port } = free.address() as AddressInfo
  await new Promise((resolve) => free.close(resolve))
  const both = {
    addresses: [
      { host: HOST, port: 0 },
      { host: HOST, port },
    ],
  }
  t.match(await change(configured('two', both)), { wrong: null })
  t.strictSame([await get(port), await get(port)].sort(), ['w1 two', 'w2 two'])
  t.match(await change(configured('three')), { wrong: null })
  listeners.keep([{ host: HOST, port: 0 }])
  const refused = async (): Promise<boolean> =>
    get(port).then(
      () => false,
      () => true,
    )
  while (!(await refused())) await soon()
  t.match(await get(), /three/)
})

t.test('J6: a worker that starts gets what is committed by then', async (t) => {
  const { workers, until, get, change, ask, configured, log } = await primary(t, 2, {}, { backOffMs: 50 })
  await until(/^serving$/)
  process.kill(workers.pids[1], 'SIGKILL')
  await until(/^w2 ended/)
  t.match(await change(configured('two')), { wrong: null })
  while (workers.servingCount < 2) await soon()
  t.strictSame([await get(), await get()].sort(), ['w1 two', 'w2 two'])
  // One that dies during a change is not waited for; one that begins to serve meanwhile follows.
  const changing = change(configured('three', { ignoredBy: 'w1' }))
  process.kill(workers.pids[0], 'SIGKILL')
  t.match(await changing, { wrong: null })
  while (workers.servingCount < 2) await soon()
  t.strictSame([await get(), await get()].sort(), ['w1 three', 'w2 three'])
  // One that dies when it was ready, before the last is: the other commits, and the one in its place starts with it.
  const another = change(configured('four', { asksBefore: 'w2' }))
  await ask('w1', 'are you ready')
  const told = log.length
  process.kill(workers.pids[0], 'SIGKILL')
  await until(/^w1 ended/, told)
  await ask('w2', 'be ready')
  t.match(await another, { wrong: null })
  while (workers.servingCount < 2) await soon()
  t.strictSame([await get(), await get()].sort(), ['w1 four', 'w2 four'])
})

t.test('J17: a change starts more workers, or has the last ones end', async (t) => {
  const { workers, until, get, change, ask, configured, log } = await primary(t, 2)
  await until(/^serving$/)
  process.kill(workers.pids[1], 'SIGKILL')
  await until(/^w2 replaced$/)
  t.match(await change(configured('two'), 3), { wrong: null })
  await until(/^w3 joined$/)
  t.strictSame(workers.ids, ['w1', 'w2', 'w3'])
  t.strictSame([await get(), await get(), await get()].sort(), ['w1 two', 'w2 two', 'w3 two'])
  t.match(await change(configured('three', { refusedBy: 'w1' }), 1), { wrong: 'w1 refuses it' })
  t.equal(workers.servingCount, 3, 'a change that is refused changes their number neither')
  t.match(await change(configured('four'), 1), { wrong: null })
  t.strictSame(workers.ids, ['w1'])
  for (let at = 0; at < 4; at++) t.equal(await get(), 'w1 four', 'the others get no connection')
  await until(/^w2 ended 0 null true$/)
  await until(/^w3 ended 0 null true$/)
  t.strictSame((await ask('all', 'x')).answers, [{ from: 'w1', answer: 'w1 x four' }])
  t.equal(workers.restarts, 1, 'the count does not fall')
  // One that waits to be started, and one that does not serve yet, end at once.
  t.match(await change(configured('five'), 3), { wrong: null })
  t.match(await change(configured('six'), 1), { wrong: null })
  t.strictSame(workers.ids, ['w1'])
  while (workers.pids.length > 1) await soon()
  t.match(await change(configured('seven'), 2), { wrong: null })
  await until(/^w2 joined$/)
  t.strictSame([await get(), await get()].sort(), ['w1 seven', 'w2 seven'])
  t.notOk(log.includes('over'))
})

t.test('J7: questions, in time or not', async (t) => {
  const { workers, until, ask } = await primary(t, 2, {}, { answerMs: 300, questionsMax: 1 })
  t.strictSame(await ask('all', 'early'), { answers: [], silent: ['w1', 'w2'] })
  await until(/^serving$/)
  t.strictSame(await ask('all', 'x'), {
    answers: [
      { from: 'w1', answer: 'w1 x one' },
      { from: 'w2', answer: 'w2 x one' },
    ],
    silent: [],
  })
  t.strictSame(await ask('w2', 'x'), { answers: [{ from: 'w2', answer: 'w2 x one' }], silent: [] })
  // One has nothing to say.
  t.match(await ask('all', 'w1'), { answers: [{ from: 'w2' }], silent: ['w1'] })
  t.strictSame(await ask('w3', 'x'), { answers: [], silent: [] })
  const one = ask('w1', 'die')
  t.strictSame(await ask('w2', 'x'), { answers: [], silent: ['w2'] }, 'one question at a time')
  t.strictSame(await one, { answers: [], silent: ['w1'] })
  await until(/^w1 ended 4/)
  t.equal(workers.servingCount, 1)
})

t.test('J8: the order to end, also to workers that wait to be started, or do not serve yet', async (t) => {
  const { workers, until, listeners } = await primary(
    t,
    2,
    { w1: 'exits', w2: 'silent' },
    { backOffMs: 60_000 },
  )
  await until(/^w1 ended 3 60000 false$/)
  listeners.keep([])
  workers.stop('shutdown')
  await until(/^w2 ended SIGKILL null false$/)
  await until(/^over$/)
})

t.test('messages that a worker must not send', async (t) => {
  t.ok(isToPrimary({ kind: 'here' }))
  for (const wrong of [
    null,
    1,
    {},
    { kind: 'toString' },
    { kind: 'ready' },
    { kind: 'ready', version: -1 },
    { kind: 'refused', version: 1, why: 2 },
    { kind: 'listen', listener: 1, address: { host: 'a', port: 70_000 }, ordinal: 0 },
  ])
    t.notOk(isToPrimary(wrong), JSON.stringify(wrong))
})

t.test('the edges seen are the edges declared', async (t) => {
  for (const { name, edges } of [workerSlotLife, roundLife, askingLife, sharedListenerLife]) {
    t.strictSame(seen.taken(edges), declared(edges), name)
    t.strictSame(seen.waitsEnded(edges), seen.mayEnd(edges), `${name}: every wait ended in every way`)
  }
})
