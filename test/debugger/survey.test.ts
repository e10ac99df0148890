// A survey looks at thousands of requests in slices, and a debugger's connection answers by it: in order,
// whatever ends meanwhile. Continuations that a client was told of are forgotten when they end.

import t from 'tap'
import { Continuation, createWorld, defineLife, type Watcher } from '../../src/continuation/index.js'
import {
  BROKEN,
  type DapObject,
  DapReader,
  type DapResponse,
  DapSession,
  Debugger,
  dapBytes,
  debuggerLimits,
  Foremost,
  MESSAGE,
  numbersInText,
  Sources,
} from '../../src/debugger/index.js'
import { Survey, type SurveyQuestion } from '../../src/debugger/survey.js'
import type { Row, Target } from '../../src/debugger/target.js'
import { TurnShare } from '../../src/debugger/turn-share.js'
import { Signal } from '../../src/pollset/index.js'
import { createTransportWorld, type TransportWorld } from '../../src/transport/index.js'
import { MemoryPollset } from '../../tools/testbed/memory-pollset.js'
import { seeded } from '../world/random.js'

const life = defineLife({ name: 'job', edges: { wait: ['end'], end: ['done'] } })
const untilRung = life.suspend({ then: 'end' })

/** A request. It waits until it is rung. */
class Job extends Continuation {
  readonly kind = 'job'
  readonly id: string
  readonly number: number
  readonly bell: Signal
  override get holdable(): boolean {
    return true
  }
  constructor(world: TransportWorld, number: number) {
    super(world)
    this.number = number
    this.id = `m1/s${number}`
    this.bell = new Signal(`${this.id}.bell`, 'bell', ['RUNG'])
    steps.start(world, this, 'wait')
  }
  crashed(): void {}
}

const steps = life.steps<Job>({
  wait(job) {
    job.waitOn(0, job.bell, 1)
    return untilRung
  },
  end: () => life.done,
})

const COUNT = 5_000

function ground(count = COUNT) {
  const pollset = new MemoryPollset()
  const world = createTransportWorld(createWorld(pollset))
  const watching = new Set<Watcher>()
  const { scheduler } = world
  scheduler.onCrash = () => {}
  const { watch, unwatch } = scheduler
  scheduler.watch = (each) => {
    watching.add(each)
    watch.call(scheduler, each)
  }
  scheduler.unwatch = (each) => {
    watching.delete(each)
    unwatch.call(scheduler, each)
  }
  /** The work of each turn: continuations that were looked at, and rows that were made. */
  const looks = new Map<number, number>()
  const looked = (): void => void looks.set(pollset.turns, (looks.get(pollset.turns) ?? 0) + 1)
  const target = {
    world,
    vocabulary: {},
    isRequest(each: Continuation) {
      looked()
      return each instanceof Job
    },
    keyOf: (each: Continuation, by: string) => (by === 'age' ? (each as Job).number : each.id),
    row(each: Continuation) {
      looked()
      return { id: each.id, method: '', path: '', step: '', sinceMs: 0 } as Row
    },
    tally: () => {
      let inFlight = 0
      return {
        add: (each: Continuation) => void (each instanceof Job && inFlight++),
        *overview() {
          yield 1
          return { inFlight }
        },
      }
    },
    waitersOn: () => [],
    lastPlace: () => null,
  } as unknown as Target
  const jobs = Array.from({ length: count }, (_, at) => new Job(world, at))
  pollset.run()
  const mostLooks = (): number => Math.max(...looks.values())
  return { pollset, world, target, jobs, watching, looks, mostLooks }
}

const QUESTION: SurveyQuestion = { condition: null, by: 'age', reversed: false, limit: 3, overview: true }

/** A survey, and what it has told. */
function asked(
  target: Target,
  question: Partial<SurveyQuestion> = {},
  share = new TurnShare(target.world.pollset),
) {
  const told = {
    body: null as { [name: string]: unknown; rows: { id: string }[] } | null,
    pieces: [] as Buffer[],
    errors: [] as unknown[],
  }
  let bytes = 0
  const survey = new Survey(target, { ...QUESTION, ...question }, share, {
    surveyed: (expected) => {
      bytes = expected
    },
    surveyPiece: (piece) => void told.pieces.push(piece),
    surveyOver: () => {
      const body = Buffer.concat(told.pieces)
      if (body.length === bytes) told.body = JSON.parse(body.toString())
    },
    surveyFailed: (error) => void told.errors.push(error),
  })
  return { survey, told }
}

t.test('the foremost of many, in any order of any size', async (t) => {
  const random = seeded(11)
  for (let round = 0; round < 200; round++) {
    const keys = Array.from({ length: random(60) }, () => random(20))
    const max = random(20)
    const reversed = random(2) === 0
    const foremost = new Foremost<string>(max, (a, b) => Number(a) - Number(b), reversed)
    for (const [at, key] of keys.entries()) foremost.add(`${key} ${at}`, key)
    const found = Array.from({ length: foremost.size }, () => foremost.takeLast()).reverse()
    const sorted = keys.map((key, at) => ({ key, at })).sort((a, b) => a.key - b.key || b.at - a.at)
    if (reversed) sorted.reverse()
    t.strictSame(
      found,
      sorted.slice(0, max).map(({ key, at }) => `${key} ${at}`),
      `round ${round}`,
    )
  }
})

t.test('ids are in the order of their numbers', async (t) => {
  const ids = [
    'b1/r3',
    'e1',
    'm1',
    'm1/s1',
    'm1/s9',
    'm1/s10',
    'm1/s10.lease',
    'm1/s11',
    'm2/s1',
    'm10/s2',
    'mx',
  ]
  for (const [i, a] of ids.entries())
    for (const [j, b] of ids.entries()) t.equal(Math.sign(numbersInText(a, b)), Math.sign(i - j), `${a} ${b}`)
})

t.test('thousands are looked at in slices, and the answer is whole', async (t) => {
  const { pollset, target, mostLooks, watching } = ground()
  const { survey, told } = asked(target)
  const before = pollset.turns
  survey.begin()
  t.equal(told.body, null, 'not in this turn')
  pollset.run()
  t.match(told.body, { total: COUNT, matched: COUNT, inFlight: COUNT })
  t.strictSame(
    told.body?.rows.map(({ id }) => id),
    ['m1/s0', 'm1/s1', 'm1/s2'],
  )
  t.ok(pollset.turns - before >= 10, 'in many turns')
  t.ok(mostLooks() <= 410, `at most 400 a turn, and the last eight: ${mostLooks()}`)
  t.equal(watching.size, 0, 'it watches no more')
})

t.test('eight surveys of 10,000 share the work of a turn, and all come to an end', async (t) => {
  const { pollset, world, target, mostLooks } = ground(10_000)
  const share = new TurnShare(world.pollset)
  const all = Array.from({ length: 8 }, () => asked(target, { limit: 100 }, share))
  for (const { survey } of all) survey.begin()
  pollset.run()
  for (const { told } of all) t.match(told.body, { matched: 10_000, rows: { length: 100 } })
  t.ok(mostLooks() <= 410 + 7 * 16, `one does its slice, the others a little: ${mostLooks()}`)
})

t.test('where the clock says that a slice is late, it ends', async (t) => {
  const { pollset, target, mostLooks, looks } = ground(1_000)
  // Each look at the clock finds that 0.15 ms have passed.
  let ms = 0
  pollset.spentMs = () => {
    ms += 0.15
    return ms
  }
  const { survey, told } = asked(target)
  survey.begin()
  pollset.run()
  t.match(told.body, { matched: 1_000, rows: { length: 3 } }, 'it comes to its end')
  t.ok(mostLooks() <= 40, `it looked at the clock twice: ${mostLooks()}`)
  t.ok(looks.size >= 25)
})

t.test('the rows of a long list are made in slices too, in each order', async (t) => {
  const { pollset, target, mostLooks, looks } = ground()
  for (const [by, reversed, first, last] of [
    ['age', false, 0, COUNT - 1],
    ['age', true, COUNT - 1, 0],
    ['id', false, 0, COUNT - 1],
    ['id', true, COUNT - 1, 0],
  ] as const) {
    const { survey, told } = asked(target, { by, reversed, limit: COUNT })
    looks.clear()
    survey.begin()
    while (told.pieces.length === 0) pollset.one()
    const before = pollset.turns
    t.ok(told.body === null && told.pieces.length <= 7, 'the first pieces of an answer')
    pollset.run()
    const bytes = told.pieces.reduce((sum, { length }) => sum + length, 0)
    t.ok((pollset.turns - before) * 7 >= told.pieces.length - 7, 'the others in further turns')
    t.ok(Math.max(...told.pieces.map(({ length }) => length)) <= 17_000, `${bytes} bytes in small pieces`)
    const rows = told.body?.rows ?? []
    t.equal(rows.length, COUNT)
    t.strictSame([rows[0].id, rows[COUNT - 1].id], [`m1/s${first}`, `m1/s${last}`], `${by} ${reversed}`)
  }
  t.ok(mostLooks() <= 410)
})

t.test('what ends between two slices', async (t) => {
  const { pollset, target, jobs, watching } = ground()
  const { survey, told } = asked(target, { by: 'id', reversed: true, limit: 2 })
  survey.begin()
  // All that have not been looked at yet, and those whose rows are not made yet.
  for (const each of jobs) if (each.number % 2 === 0 || each.number > COUNT - 100) each.bell.raise(1)
  pollset.run()
  const left = jobs.filter(({ finished }) => !finished).length
  t.ok(told.body !== null && Number(told.body.total) >= left, 'the survey came to its end')
  t.strictSame(told.body?.rows, [], 'what has ended has no row')
  t.equal(watching.size, 0)

  const stopped = asked(target)
  stopped.survey.begin()
  stopped.survey.stop()
  pollset.run()
  t.strictSame([stopped.told.body, watching.size], [null, 0], 'one that is stopped says nothing')

  const broken = asked({
    ...target,
    tally: () => ({
      add: () => {
        throw new Error('a defect')
      },
    }),
  } as never)
  broken.survey.begin()
  pollset.run()
  t.match(broken.told.errors, [{ message: 'a defect' }], 'a defect costs the answer, and nothing else')
})

function session(count: number) {
  const all = ground(count)
  const { pollset, world, target } = all
  const its = new Debugger(target, debuggerLimits)
  const socket = pollset.socket()
  const dap = new DapSession(
    {
      world,
      debugger: its,
      sources: new Sources(),
      token: null,
      secrets: false,
      refusedAt: Number.NEGATIVE_INFINITY,
      closed: () => {},
    },
    socket,
  )
  const reader = new DapReader<DapResponse>(1 << 20, () => null)
  let seq = 0
  const bytes = (command: string, given: DapObject = {}): Buffer =>
    dapBytes({ seq: ++seq, type: 'request', command, arguments: given })
  /** Returns the messages that have come since. */
  const heard = () => {
    const chunk = socket.far.take()
    const messages: { [name: string]: unknown; body?: unknown }[] = []
    for (let at = 0; at < chunk.length && reader.found !== BROKEN; ) {
      at = reader.read(chunk, at, chunk.length)
      if (reader.found === MESSAGE) messages.push(reader.message as never)
    }
    return messages
  }
  socket.far.send(bytes('attach'))
  heard()
  return { ...all, its, socket, dap, bytes, heard }
}

t.test('answers keep their order; FIN and RST in the middle of a survey', async (t) => {
  const first = session(COUNT)
  const { bytes } = first
  first.socket.far.send(
    Buffer.concat([bytes('fermata/top'), bytes('threads'), bytes('fermata/list', { limit: 1 })]),
  )
  t.match(first.heard(), [
    {
      command: 'fermata/top',
      success: true,
      body: { inFlight: COUNT, matched: COUNT, rows: { length: 100 } },
    },
    { command: 'threads' },
    { command: 'fermata/list', body: { total: COUNT, rows: [{ id: 'm1/s0' }] } },
  ])
  first.socket.far.put(bytes('fermata/list', { limit: 1 }))
  first.socket.far.putEnd()
  first.pollset.run()
  t.match(first.heard(), [{ command: 'fermata/list', success: true }], 'it has its answer after its FIN')
  t.ok(first.dap.ending)

  const { socket, pollset, watching, dap, bytes: next } = session(COUNT)
  socket.far.put(next('fermata/top'))
  pollset.one()
  pollset.one()
  t.equal(watching.size, 1, 'in the middle')
  socket.far.destroy()
  t.equal(dap.finished, true)
  t.equal(watching.size, 0, 'nothing goes on for one that has gone')
})

t.test('what happens while a long answer is written is told behind it', async (t) => {
  const { pollset, bytes, socket, heard, its, dap, jobs } = session(COUNT)
  socket.far.put(bytes('fermata/list', { limit: COUNT }))
  while (socket.far.received.length === 0) pollset.one()
  t.ok(dap.owes, 'in the middle')
  t.equal(its.hold(jobs[0], dap), null)
  pollset.run()
  const messages = heard()
  t.match(messages[0], { command: 'fermata/list', body: { rows: { length: COUNT } } })
  t.match(messages.find(({ event }) => event === 'stopped')?.seq, Number)
  const numbers = messages.map(({ seq }) => Number(seq))
  t.strictSame(
    numbers,
    numbers.map((_, at) => numbers[0] + at),
    'in the order of their numbers',
  )
})

t.test('a client that never asks for threads: what it was shown is forgotten when it ends', async (t) => {
  const { pollset, jobs, its, dap, heard, watching, world } = session(0)
  for (let n = 0; n < 50; n++) {
    const job = new Job(world, n)
    pollset.run()
    t.equal(its.hold(job, dap), null)
    its.release(job, dap)
    pollset.run()
    const [started] = heard().filter(({ event }) => event === 'thread')
    job.bell.raise(1)
    pollset.run()
    const [exited] = heard().filter(({ event }) => event === 'thread')
    t.match(started, { body: { reason: 'started' } })
    t.match(exited, {
      body: { reason: 'exited', threadId: (started.body as { threadId: number }).threadId },
    })
    t.equal(dap.views.size, 0)
  }
  t.equal(watching.size, 0, 'it watches only what it was shown')
  t.equal(jobs.length, 0)

  // One that was not shown tells nothing; one that ends while it is held ends once.
  const [quiet, held] = [new Job(world, 100), new Job(world, 101)]
  pollset.run()
  its.hold(held, dap)
  pollset.run()
  heard()
  quiet.bell.raise(1)
  held.crashWith(new Error('a defect'))
  pollset.run()
  t.equal(heard().filter(({ event }) => event === 'thread').length, 1)
  t.equal(dap.views.size, 0)
  t.equal(watching.size, 0)
})
