// P29: two Worlds in one process share nothing: ids, clocks, queues, deadlines, the living.

import t from 'tap'
import {
  Continuation,
  createWorld,
  defineLife,
  snapshot,
  TraceLines,
  type World,
} from '../../src/continuation/index.js'
import { COMMANDED, type Commands, NodePollset } from '../../src/pollset/index.js'
import { MemoryPollset } from '../../tools/testbed/memory-pollset.js'

const life = defineLife({
  name: 'test',
  edges: { begin: ['listen'], listen: ['hear', 'late'], hear: ['listen', 'done'], late: ['listen'] },
  waits: ['patience'],
})
const { goto, done, suspend } = life
const untilCommanded = suspend({ then: 'hear', late: 'late', within: 'patience' })

/** Hears the commands of its World, until it is told to stop. */
class Listener extends Continuation {
  readonly kind = 'listener'
  readonly id: string
  readonly commands: Commands
  readonly heard: string[] = []
  constructor(world: World, patience: number) {
    super(world, life.durations(world.pollset.deadlines, { patience }))
    this.id = world.nextId('m')
    this.commands = world.pollset.commands
    program.start(world, this, 'begin')
  }
  crashed(error: unknown): void {
    throw error
  }
}

const program = life.steps<Listener>({
  begin: () => goto.listen,
  listen(c) {
    c.waitOn(0, c.commands, COMMANDED)
    return untilCommanded
  },
  hear(c) {
    for (let order = c.commands.take(); order !== null; order = c.commands.take()) c.heard.push(order)
    return c.heard.includes('stop') ? done : goto.listen
  },
  late: () => goto.listen,
})

function inMemory() {
  const pollset = new MemoryPollset()
  const world = createWorld(pollset)
  const lines: string[] = []
  world.scheduler.tracer = new TraceLines(pollset, (line) => lines.push(line))
  return { pollset, world, lines }
}

/** A run in pieces, so that another can go on in between. */
function* story(patience: number, order: string) {
  const all = inMemory()
  const listener = new Listener(all.world, patience)
  yield all
  all.pollset.run()
  yield all
  all.pollset.advance(patience / 2)
  all.pollset.commands.give(order)
  yield all
  all.pollset.advance(patience)
  yield all
  all.pollset.commands.give('stop')
  all.pollset.run()
  if (!listener.finished) throw new Error('it goes on')
  return all
}

function alone(patience: number, order: string): string {
  const run = story(patience, order)
  for (let each = run.next(); ; each = run.next()) if (each.done === true) return each.value.lines.join('')
}

t.test('ids begin at 1 in each, and a prefix tells them apart', async (t) => {
  const first = createWorld(new MemoryPollset())
  const second = createWorld(new MemoryPollset(), { prefix: 'w2/' })
  t.strictSame([first.nextId('m'), first.nextId('m'), first.nextId('b')], ['m1', 'm2', 'b1'])
  t.strictSame([second.nextId('m'), second.nextId('b')], ['w2/m1', 'w2/b1'])
})

t.test('P29: a run beside another gives the trace that it gives alone', async (t) => {
  const first = story(100, 'hello')
  const second = story(7, 'goodbye')
  const traces: string[] = []
  for (const at of [0, 1, 1, 0, 0, 1, 1, 0, 0, 1]) {
    const each = (at === 0 ? first : second).next()
    if (each.done === true) traces[at] = each.value.lines.join('')
  }
  t.equal(traces[0], alone(100, 'hello'))
  t.equal(traces[1], alone(7, 'goodbye'))
  t.match(traces[0], /^0\.000 m1 begin/)
  t.match(traces[1], /^0\.000 m1 begin/)
})

t.test('P28: what a pollable shows of itself changes nothing', async (t) => {
  const run = story(100, 'hello')
  let shown = 0
  let trace = ''
  for (let each = run.next(); trace === ''; each = run.next()) {
    if (each.done === true) {
      trace = each.value.lines.join('')
      continue
    }
    const { commands } = each.value.pollset
    shown++
    t.match(commands.describe(), { id: commands.id, kind: commands.kind })
    t.strictSame(commands.holders(~0), [])
    for (const one of each.value.world.scheduler.alive())
      t.equal(snapshot(one, each.value.pollset).id, one.id)
  }
  t.ok(shown > 2)
  t.equal(trace, alone(100, 'hello'))
})

t.test('clocks, queues, deadlines and commands are apart', async (t) => {
  const first = inMemory()
  const second = inMemory()
  const one = new Listener(first.world, 100)
  const two = new Listener(second.world, 100)
  t.equal(one.id, two.id)
  first.pollset.run()
  t.equal(second.lines.length, 0, 'the other has not begun')
  second.pollset.run()
  first.pollset.commands.give('only here')
  first.pollset.advance(1_000)
  t.strictSame(one.heard, ['only here'])
  t.strictSame(two.heard, [])
  t.equal(second.pollset.now, 0)
  t.equal(second.pollset.deadlines.earliest(), 100)
  t.strictSame([...second.world.scheduler.alive()], [two])
  first.pollset.commands.give('stop')
  first.pollset.run()
  t.equal(first.world.scheduler.living, 0)
  t.equal(second.world.scheduler.living, 1)
})

t.test('on Node’s pollset too: one is closed, the other goes on', async (t) => {
  const [first, second] = [new NodePollset(), new NodePollset()]
  const one = new Listener(createWorld(first), 60_000)
  const world = createWorld(second)
  const two = new Listener(world, 60_000)
  first.close()
  const ended = new Promise<void>((resolve) => {
    world.scheduler.tracer = {
      transition: (c) => (c.finished || c.stepName === 'hear' ? resolve() : undefined),
      diverted: () => {},
    }
  })
  first.commands.give('stop')
  second.commands.give('stop')
  await ended
  t.strictSame(two.heard, ['stop'])
  t.strictSame(one.heard, [])
  t.equal(first.turns, 0)
  t.ok(second.turns > 0)
  second.close()
})
