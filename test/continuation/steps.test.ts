// Steps, edges, outcomes and the scheduler, against spec/pollset.md, spec/properties.md and spec/trace.md.

import { readFileSync } from 'node:fs'
import t from 'tap'
import {
  type Cause,
  Continuation,
  createWorld,
  DONE,
  defineLife,
  type Gate,
  GOTO,
  type Outcome,
  Scheduler,
  StepError,
  SUSPEND,
  snapshot,
  TraceLines,
  WaitTimes,
  type Watcher,
} from '../../src/continuation/index.js'
import { Signal } from '../../src/pollset/index.js'
import { tableOf } from '../../tools/testbed/frames.js'
import { MemoryPollset } from '../../tools/testbed/memory-pollset.js'
import { seeded } from '../world/random.js'

const signalOf = (id: string) => new Signal(id, 'bell', ['RUNG', 'CRACKED'])
const RUNG = 1
const CRACKED = 2

const life = defineLife({
  name: 'test',
  edges: {
    begin: ['begin', 'wait', 'fine', 'late', 'gone', 'done'],
    wait: ['fine', 'late', 'gone'],
    fine: ['wait', 'fine', 'done'],
    late: ['done'],
    gone: ['wait', 'done'],
    never: ['done'],
  },
  waits: ['short', 'long'],
})
const { goto, done, suspend } = life
const untilRung = suspend({ then: 'fine', late: 'late', cancelled: 'gone', within: 'short' })
const untilRungDeaf = suspend({ then: 'fine', late: 'late', within: 'short' })
const untilRungPatient = suspend({ then: 'fine', within: 'short' })
const atATime = suspend({ then: 'fine', late: 'late' })

type Step = 'begin' | 'wait' | 'fine' | 'late' | 'gone'
type Does = { readonly [K in Step]?: (w: Worker) => Outcome<string> }

/** A life whose steps the test writes. A step that it leaves out ends the life, and `wait` waits. */
class Worker extends Continuation {
  readonly kind = 'worker'
  readonly id: string
  readonly taken: string[] = []
  readonly bells: Signal[]
  readonly does: Does
  crash: unknown = null
  mayHold = true
  shiftedBy = 0
  lateByHand = 0
  refuses: string | null = null
  constructor(ground: Ground, does: Does, bells: Signal[]) {
    super(ground.world, ground.durations)
    this.id = ground.world.nextId('x')
    this.does = does
    this.bells = bells
  }
  override get holdable(): boolean {
    return this.mayHold
  }
  override released(ms: number): void {
    this.shiftedBy += ms
  }
  override madeLate(): void {
    this.lateByHand++
  }
  override mayEnter(): string | null {
    return this.refuses
  }
  crashed(error: unknown): void {
    this.crash = error
  }
  override describe() {
    return { taken: this.taken.length }
  }
  waitAll(bits = RUNG | CRACKED): void {
    this.bells.forEach((bell, at) => {
      this.waitOn(at as 0 | 1 | 2, bell, bits)
    })
  }
}

/** The edges of the test's steps are checked by the scheduler only. */
const step =
  (name: Step, otherwise: (w: Worker) => Outcome<string>) =>
  (w: Worker): Outcome<never> => {
    w.taken.push(name)
    return (w.does[name] ?? otherwise)(w) as Outcome<never>
  }

const program = life.steps<Worker>({
  begin: step('begin', () => goto.wait),
  wait: step('wait', (w) => {
    w.waitAll()
    return untilRung
  }),
  fine: step('fine', () => done),
  late: step('late', () => done),
  gone: step('gone', () => done),
  never: () => done,
})

function ground(stepsMax = 64) {
  const pollset = new MemoryPollset()
  const world = createWorld(pollset, { limits: { stepsMax } })
  const lines: string[] = []
  world.scheduler.tracer = new TraceLines(pollset, (line) => lines.push(line))
  const durations = life.durations(pollset.deadlines, { short: 100, long: 1_000 })
  const all = { pollset, world, lines, durations, scheduler: world.scheduler }
  const start = (does: Does = {}, bells: Signal[] = [signalOf('bell')]) => {
    const worker = new Worker(all, does, bells)
    program.start(world, worker, 'begin')
    return worker
  }
  return { ...all, start }
}
type Ground = Pick<ReturnType<typeof ground>, 'world' | 'durations'>

/** Property S5, asked from outside. */
function armed(w: Worker, on: boolean): boolean {
  return (
    w.deadlineArmed === on &&
    w.bells.every((bell) => (bell.waiter === w) === on && (bell.interest !== 0) === on)
  )
}

t.test('the compiler knows the edges', async (t) => {
  // Each line below is an error, and the compiler says so if one ceases to be.
  // @ts-expect-error an edge to a step that does not exist
  defineLife({ name: 'test', edges: { a: ['b'] } })
  const two = defineLife({ name: 'test', edges: { a: ['b'], b: ['done'] }, waits: ['w'] })
  // @ts-expect-error no such step
  two.goto.c
  // @ts-expect-error suspended to a step that does not exist
  two.suspend({ then: 'c' })
  // @ts-expect-error late to a step that does not exist
  two.suspend({ then: 'a', late: 'c' })
  // @ts-expect-error a wait that has no name
  two.suspend({ then: 'a', within: 'v' })
  two.steps<Worker>({
    // @ts-expect-error leaves by an edge that is not declared
    a: () => two.goto.a,
    b: () => two.done,
  })
  two.steps<Worker>({
    // @ts-expect-error the end is an edge too
    a: () => two.done,
    b: () => two.done,
  })
  const sideways = two.suspend({ then: 'b', late: 'a' })
  two.steps<Worker>({
    // @ts-expect-error so is lateness
    a: () => sideways,
    b: () => two.done,
  })
  const cancelled = two.suspend({ then: 'b', cancelled: 'a' })
  two.steps<Worker>({
    // @ts-expect-error and a cancel
    a: () => cancelled,
    b: () => two.done,
  })
  // @ts-expect-error a step without a function
  two.steps<Worker>({ a: () => two.goto.b })
  const good = two.steps<Worker>({ a: () => two.goto.b, b: () => two.done })
  t.strictSame(good.names, ['a', 'b'])
  t.same(good.edges, { a: ['b'], b: ['done'] })
  const { world, scheduler, start } = ground()
  class Idler extends Continuation {
    readonly id = 'idler'
    readonly kind = 'idler'
    crashed(): void {}
  }
  for (const wrong of [
    // @ts-expect-error begins at a step that does not exist
    () => good.start(world, start(), 'c'),
    // @ts-expect-error a continuation of another class than the steps'
    () => good.start(world, new Idler(world), 'a'),
  ])
    t.type(wrong, 'function')
  t.equal(scheduler.living, 0)
})

t.test('a continuation starts once, in its own World', async (t) => {
  const { world, scheduler, start } = ground()
  const worker = start()
  t.throws(() => program.start(world, worker, 'begin'), new StepError('x1 has already started'))
  const other = ground()
  const foreign = new Worker(other, {}, [])
  t.equal(foreign.stepName, '-')
  t.throws(() => program.start(world, foreign, 'begin'), new StepError('x1 is of another World'))
  t.equal(scheduler.living, 1)
})

t.test('any number of watchers is told of each transition, after the trace', async (t) => {
  const { pollset, scheduler, start, lines } = ground()
  const told: string[] = []
  const watching = (name: string): Watcher => ({
    transition: (c, step, out) =>
      told.push(`${name} ${lines.length} ${c.program.names[step]} ${out.kind === DONE ? 'done' : out.kind}`),
    diverted: (c, step, cause) => told.push(`${name} ${lines.length} ${c.program.names[step]} ${cause}`),
  })
  const [a, b] = [watching('a'), watching('b')]
  scheduler.watch(a)
  scheduler.watch(b)
  const worker = start()
  pollset.run()
  t.strictSame(told, [`a 1 begin ${GOTO}`, `b 1 begin ${GOTO}`, `a 2 wait ${SUSPEND}`, `b 2 wait ${SUSPEND}`])
  told.length = 0
  scheduler.unwatch(a)
  worker.cancel()
  pollset.run()
  t.strictSame(told, ['b 3 wait cancelled', 'b 4 gone done'], 'the one that is left')
  scheduler.unwatch(b)
  scheduler.tracer = null
  start()
  pollset.run()
  t.equal(told.length, 2, 'nobody is told')
  t.equal(lines.length, 4)
  scheduler.watch(a)
  start()
  pollset.run()
  t.equal(told.length, 4, 'without a trace too')
})

t.test('a life has at most thirty steps', async (t) => {
  const edges = (n: number) => Object.fromEntries(Array.from({ length: n }, (_, at) => [`s${at}`, ['done']]))
  const define = defineLife as unknown as (life: { edges: unknown }) => { done: Outcome<'done'> }
  t.equal(define({ edges: edges(30) }).done.mask, 1 << 30)
  t.throws(() => define({ edges: edges(31) }), RangeError)
})

t.test('the scheduler checks the edges again', async (t) => {
  const wrong: [string, Step, Outcome<string>][] = [
    ['goto', 'late', goto.fine],
    ['done', 'wait', done],
    ['then', 'late', suspend({ then: 'wait' })],
    ['late', 'fine', suspend({ then: 'wait', late: 'late' })],
    ['cancelled', 'fine', suspend({ then: 'wait', cancelled: 'gone' })],
  ]
  for (const [name, at, out] of wrong) {
    const { pollset, scheduler, start } = ground()
    const crashes: unknown[] = []
    scheduler.onCrash = (_, error) => crashes.push(error)
    const worker = start({ begin: () => goto[at === 'wait' ? 'wait' : at], [at]: () => out })
    pollset.run()
    t.ok(worker.crash instanceof StepError, name)
    t.match(String(worker.crash), new RegExp(`x1: ${at} left by an edge`))
    t.equal(crashes[0], worker.crash)
    t.ok(armed(worker, false), 'nothing is armed')
    t.equal(scheduler.living, 0)
  }
})

t.test('ready: by what raises, once, disarmed before the step', async (t) => {
  const { pollset, start } = ground()
  const bells = ['a', 'b', 'c'].map((id) => signalOf(id))
  let whole = false
  const worker = start(
    {
      fine: (w) => {
        whole = armed(w, false)
        return done
      },
    },
    bells,
  )
  pollset.run()
  t.ok(armed(worker, true), 'S5: on all three and the deadline')
  bells[1].raise(RUNG)
  bells[2].raise(CRACKED)
  bells[1].raise(CRACKED)
  t.ok(worker.queued)
  pollset.run()
  t.strictSame(worker.taken, ['begin', 'wait', 'fine'], 'woken once')
  t.ok(whole, 'S5: on none')
  t.ok(worker.finished)
  bells[0].raise(RUNG)
  pollset.advance(10_000)
  t.equal(worker.taken.length, 3, 'what comes after concerns it no more')
})

t.test('what is ready already does not wait, and bits it does not wait for do not wake', async (t) => {
  const { pollset, start } = ground()
  const bell = signalOf('bell')
  bell.raise(CRACKED)
  const waits: Does = {
    wait: (w) => {
      w.waitAll(RUNG)
      return untilRung
    },
  }
  const worker = start(waits, [bell])
  pollset.run()
  bell.raise(CRACKED)
  pollset.run()
  t.strictSame(worker.taken, ['begin', 'wait'])
  bell.raise(RUNG)
  pollset.run()
  t.equal(worker.taken[2], 'fine')
  const ready = start(waits, [bell])
  pollset.one()
  t.strictSame(ready.taken, ['begin', 'wait', 'fine'], 'in one turn')
})

t.test('P8: tested again, since an earlier one may have taken it', async (t) => {
  const { pollset, start } = ground()
  const shared = signalOf('shared')
  const first = signalOf('first')
  const thief = start(
    {
      fine: () => {
        shared.lower(RUNG)
        return done
      },
    },
    [first],
  )
  const second = start({}, [shared])
  pollset.run()
  first.raise(RUNG)
  shared.raise(RUNG)
  pollset.run()
  t.ok(thief.finished)
  t.strictSame(second.taken, ['begin', 'wait'], 'it sleeps on')
  t.ok(armed(second, true), 'and is armed as before')
  shared.raise(RUNG)
  pollset.run()
  t.ok(second.finished)
})

t.test('P9: what is raised within the turn is served in it, in the order of raising', async (t) => {
  const { pollset, start, lines } = ground()
  const bells = ['a', 'b', 'c'].map((id) => signalOf(id))
  const ring = (next: Signal | null): Does => ({
    fine: () => {
      next?.raise(RUNG)
      return done
    },
  })
  start(ring(null), [bells[2]])
  start(ring(bells[2]), [bells[1]])
  start(ring(bells[1]), [bells[0]])
  pollset.run()
  const turns = pollset.turns
  lines.length = 0
  bells[0].raise(RUNG)
  pollset.run()
  t.equal(pollset.turns, turns + 1)
  t.strictSame(
    lines.map((line) => line.split(' ')[1]),
    ['x3', 'x2', 'x1'],
  )
})

t.test('late: once, at its time and not before', async (t) => {
  const { pollset, start } = ground()
  const worker = start({
    late: (w) => {
      t.ok(w.late, 'the step that it leads to can tell')
      return done
    },
    fine: (w) => {
      t.notOk(w.late)
      return done
    },
  })
  pollset.run()
  pollset.advance(99)
  t.strictSame(worker.taken, ['begin', 'wait'])
  pollset.advance(1)
  t.strictSame(worker.taken, ['begin', 'wait', 'late'])
  t.ok(armed(worker, false))
  t.equal(pollset.deadlines.earliest(), Number.POSITIVE_INFINITY)
})

t.test('P16: lateness and readiness in one turn: late, once', async (t) => {
  const { pollset, start } = ground()
  const bell = signalOf('rings as it falls due')
  start({
    late: () => {
      bell.raise(RUNG)
      return done
    },
  })
  const worker = start({}, [bell])
  pollset.run()
  pollset.advance(100)
  t.strictSame(worker.taken, ['begin', 'wait', 'late'])
  t.ok(armed(worker, false))
})

t.test('a wait with a name and no late edge waits on', async (t) => {
  const { pollset, start } = ground()
  const worker = start({
    wait: (w) => {
      w.waitAll()
      return untilRungPatient
    },
  })
  pollset.run()
  pollset.advance(1_000)
  t.strictSame(worker.taken, ['begin', 'wait'])
  worker.bells[0].raise(RUNG)
  pollset.run()
  t.ok(worker.finished)
})

t.test('waitUntil: late at a point in time, which does not outlive the wait', async (t) => {
  const { pollset, lines, start } = ground()
  const bell = signalOf('bell')
  let waits = 0
  const worker = start(
    {
      wait: (w) => {
        if (waits++ === 0) w.waitUntil(pollset.now + 123)
        w.waitAll()
        return atATime
      },
      fine: () => {
        bell.lower(RUNG)
        return goto.wait
      },
    },
    [bell],
  )
  pollset.run()
  t.ok(lines.some((line) => line.endsWith(' x1 wait suspend fine bell:RUNG|CRACKED,until:123.000\n')))
  pollset.advance(122)
  t.equal(worker.taken.length, 2)
  bell.raise(RUNG)
  pollset.run()
  t.strictSame(worker.taken.slice(2), ['fine', 'wait'])
  t.notOk(worker.deadlineArmed, 'the second wait has no deadline')
  pollset.advance(10_000)
  t.equal(worker.taken.length, 4)

  const late = start({
    wait: (w) => {
      w.waitUntil(pollset.now + 5)
      return atATime
    },
  })
  pollset.advance(5)
  t.strictSame(late.taken, ['begin', 'wait', 'late'])
})

t.test('cancelled: by its edge, once; pending where there is none', async (t) => {
  const { pollset, start } = ground()
  const worker = start({ gone: () => goto.wait })
  pollset.run()
  worker.cancel()
  worker.bells[0].raise(RUNG)
  pollset.run()
  t.strictSame(worker.taken, ['begin', 'wait', 'gone', 'wait', 'fine'], 'before readiness, and taken once')

  const deaf = start({
    wait: (w) => {
      w.waitAll()
      return untilRungDeaf
    },
  })
  pollset.run()
  deaf.cancel()
  pollset.run()
  t.strictSame(deaf.taken, ['begin', 'wait'], 'no edge for it')
  t.ok(armed(deaf, true))
  t.ok(deaf.cancelAsked)

  const early = start()
  early.cancel()
  pollset.run()
  t.strictSame(early.taken, ['begin', 'wait', 'gone'], 'asked for before it waits')
  early.cancel()
  t.notOk(early.cancelAsked, 'it is over')
})

t.test('P14, P15: arming is all or nothing, and another’s wait is left alone', async (t) => {
  const { pollset, scheduler, start } = ground()
  scheduler.onCrash = () => {}
  const [a, b, c] = ['a', 'b', 'c'].map((id) => signalOf(id))
  const owner = start({}, [b])
  pollset.run()
  const intruder = start({}, [a, b, c])
  pollset.run()
  t.match(String(intruder.crash), /b already has a waiter/)
  t.equal(a.waiter, null)
  t.equal(c.waiter, null)
  t.equal(c.interest, 0)
  t.notOk(intruder.deadlineArmed)
  t.ok(armed(owner, true), 'the first is armed as before')
  b.raise(RUNG)
  pollset.run()
  t.ok(owner.finished)

  const other = start({}, [a])
  pollset.run()
  start(
    {
      wait: (w) => {
        w.waitAll()
        throw new Error('after filling its slots')
      },
    },
    [a],
  )
  pollset.run()
  t.ok(armed(other, true), 'not even by one that filled a slot and threw')
})

t.test('a step that throws costs its own continuation alone', async (t) => {
  const { pollset, scheduler, start } = ground()
  const crashes: string[] = []
  scheduler.onCrash = (c, error) => crashes.push(`${c.id}: ${(error as Error).message}`)
  const before = start()
  const worker = start({
    fine: () => {
      throw new Error('oh')
    },
  })
  const after = start()
  pollset.run()
  for (const each of [before, worker, after]) each.bells[0].raise(RUNG)
  pollset.run()
  t.strictSame(crashes, ['x2: oh'])
  t.equal((worker.crash as Error).message, 'oh')
  t.ok(worker.finished && before.finished && after.finished)
  t.equal(before.crash, null)
  t.equal(after.crash, null)
  t.equal(scheduler.living, 0)
  t.strictSame([...scheduler.alive()], [])
  worker.wake()
  pollset.run()
  t.equal(worker.taken.length, 3, 'no step runs again')
})

t.test('with nobody to tell, the error goes up', async (t) => {
  const { pollset, start } = ground()
  start({
    begin: () => {
      throw new Error('up')
    },
  })
  t.throws(() => pollset.run(), { message: 'up' })
})

t.test('P12: one that never suspends takes its bound of steps a turn; its siblings go on', async (t) => {
  const { pollset, start } = ground(10)
  const spinner = start({ begin: () => goto.begin })
  const bell = signalOf('bell')
  const sibling = start({}, [bell])
  pollset.one()
  t.equal(spinner.taken.length, 10)
  t.equal(sibling.taken.length, 2)
  bell.raise(RUNG)
  pollset.one()
  t.equal(spinner.taken.length, 20)
  t.ok(sibling.finished)
  pollset.one()
  t.equal(spinner.taken.length, 30)
})

/** Holds where the test says. */
class Holding implements Gate {
  readonly asked: string[] = []
  readonly where: (c: Continuation, cause: Cause) => boolean
  constructor(where: (c: Continuation, cause: Cause) => boolean) {
    this.where = where
  }
  holds(c: Continuation, cause: Cause): boolean {
    this.asked.push(`${c.id} ${c.stepName} ${cause}`)
    return this.where(c, cause)
  }
}

t.test('S6: held before any step, for each cause; released, it goes on from there', async (t) => {
  const cases: [string, Cause, (w: Worker, pollset: MemoryPollset) => void][] = [
    ['begin', 'started', () => {}],
    ['wait', 'goto', () => {}],
    ['fine', 'ready', (w) => w.bells[0].raise(RUNG)],
    ['late', 'late', (_, pollset) => pollset.advance(100)],
    ['gone', 'cancelled', (w) => w.cancel()],
  ]
  for (const [at, cause, provoke] of cases) {
    const { pollset, scheduler, start } = ground()
    const gate = new Holding((c, why) => c.id === 'x1' && c.stepName === at && why === cause)
    scheduler.gate = gate
    const worker = start()
    const sibling = start()
    pollset.run()
    provoke(worker, pollset)
    pollset.run()
    t.ok(worker.held, `${at}, ${cause}`)
    t.notOk(worker.taken.includes(at))
    t.ok(armed(worker, false), 'S5')
    t.equal(snapshot(worker, pollset).state, 'held')
    sibling.bells[0].raise(RUNG)
    worker.wake()
    worker.bells[0].raise(RUNG)
    pollset.advance(10_000)
    t.ok(sibling.finished, 'its sibling goes on')
    t.notOk(worker.taken.includes(at), 'and it takes no step')
    scheduler.release(worker)
    pollset.run()
    t.ok(worker.taken.includes(at))
    t.equal(gate.asked.filter((each) => each === `x1 ${at} ${cause}`).length, 1, 'asked once')
  }
})

t.test('one that is not holdable is asked about too, and goes on', async (t) => {
  const { pollset, scheduler, start } = ground()
  const gate = new Holding(() => true)
  scheduler.gate = gate
  const worker = start({}, [])
  t.ok(worker.held)
  worker.mayHold = false
  gate.asked.length = 0
  scheduler.release(worker)
  pollset.advance(100)
  t.strictSame(worker.taken, ['begin', 'wait', 'late'])
  t.strictSame(gate.asked, ['x1 wait goto', 'x1 wait arm', 'x1 late late'])
  t.notOk(scheduler.hold(worker), 'nor is it held by hand')
})

t.test('held before its wait is armed: its time begins with the release', async (t) => {
  const { pollset, scheduler, start } = ground()
  const gate = new Holding((_, cause) => cause === 'arm')
  scheduler.gate = gate
  const worker = start()
  pollset.run()
  t.ok(worker.held)
  t.ok(armed(worker, false), 'S5')
  t.strictSame(worker.taken, ['begin', 'wait'])
  t.equal(worker.hold?.point, 'arm')
  pollset.advance(10_000)
  t.strictSame(worker.taken, ['begin', 'wait'])
  scheduler.release(worker)
  t.ok(armed(worker, true))
  t.equal(worker.shiftedBy, 10_000, 'its own clocks stood still')
  pollset.advance(99)
  t.strictSame(worker.taken, ['begin', 'wait'])
  pollset.advance(1)
  t.strictSame(worker.taken, ['begin', 'wait', 'late'])
})

t.test('parked while it waits: nothing wakes it, and the rest of its time is kept', async (t) => {
  const { pollset, scheduler, start } = ground()
  const worker = start()
  pollset.run()
  pollset.advance(60)
  t.ok(scheduler.hold(worker))
  t.notOk(scheduler.hold(worker), 'only once')
  t.ok(armed(worker, false), 'S5')
  pollset.advance(10_000)
  t.strictSame(worker.taken, ['begin', 'wait'])
  scheduler.release(worker)
  pollset.advance(39)
  t.strictSame(worker.taken, ['begin', 'wait'])
  pollset.advance(1)
  t.strictSame(worker.taken, ['begin', 'wait', 'late'])
})

t.test('the waits of each step, however they end, without the time held', async (t) => {
  const ends: [string, (w: Worker) => void, number][] = [
    ['fine', (w) => w.bells[0].raise(RUNG), 70],
    ['gone', (w) => w.cancel(), 70],
    ['late', () => {}, 100],
    ['crashed', (w) => w.crashWith(new Error('from outside')), 70],
  ]
  for (const [how, end, expected] of ends) {
    const { pollset, scheduler, start } = ground()
    scheduler.onCrash = () => {}
    const worker = start()
    const unasked = start()
    const parts: number[] = []
    worker.waitTimes = new WaitTimes()
    worker.waited = (ms) => parts.push(ms)
    pollset.run()
    pollset.advance(60)
    scheduler.hold(worker)
    pollset.advance(1_000)
    scheduler.release(worker)
    pollset.advance(10)
    end(worker)
    pollset.advance(30)
    t.strictSame(
      program.names.map((_, step) => worker.waitTimes?.at(step)),
      program.names.map((name) => (name === 'wait' ? expected : 0)),
      how,
    )
    t.strictSame(parts, [60, expected - 60], 'told of each wait')
    t.equal(unasked.waitTimes, null)
  }
})

t.test('parked: what became ready, was cancelled or made late is seen at the release', async (t) => {
  const cases: [string, (w: Worker, scheduler: Scheduler) => void][] = [
    ['fine', (w) => w.bells[0].raise(RUNG)],
    ['gone', (w) => w.cancel()],
    ['late', (w, scheduler) => void t.equal(scheduler.makeLate(w), null)],
  ]
  for (const [end, happen] of cases) {
    const { pollset, scheduler, start } = ground()
    const worker = start()
    pollset.run()
    scheduler.hold(worker)
    happen(worker, scheduler)
    pollset.advance(10_000)
    t.strictSame(worker.taken, ['begin', 'wait'], end)
    scheduler.release(worker)
    pollset.advance(1)
    t.strictSame(worker.taken, ['begin', 'wait', end])
  }
})

t.test('its deadline passes, and it is parked in the same turn: late at the release', async (t) => {
  const { pollset, scheduler, start } = ground()
  const worker = start()
  pollset.run()
  worker.expire()
  t.ok(scheduler.hold(worker))
  pollset.advance(10)
  t.strictSame(worker.taken, ['begin', 'wait'])
  scheduler.release(worker)
  pollset.advance(1)
  t.strictSame(worker.taken, ['begin', 'wait', 'late'])
})

t.test('made late by hand', async (t) => {
  const { pollset, scheduler, start } = ground()
  const worker = start()
  t.match(scheduler.makeLate(worker), /does not wait/)
  pollset.run()
  t.equal(scheduler.makeLate(worker), null)
  pollset.run()
  t.strictSame(worker.taken, ['begin', 'wait', 'late'])
  t.equal(worker.lateByHand, 1)
})

t.test('sent to another step, along a declared edge only', async (t) => {
  const { pollset, scheduler, start } = ground()
  const worker = start()
  pollset.run()
  t.match(scheduler.redirect(worker, 'late'), /is not held/)
  scheduler.hold(worker)
  t.match(scheduler.redirect(worker, 'nowhere'), /has no step 'nowhere'/)
  t.match(scheduler.redirect(worker, 'begin'), /wait has no edge to begin: it has edges to fine, late, gone/)
  worker.refuses = 'not now'
  t.equal(scheduler.redirect(worker, 'gone'), 'not now')
  worker.refuses = null
  t.equal(scheduler.redirect(worker, 'gone'), null)
  t.ok(armed(worker, false))
  pollset.run()
  t.strictSame(worker.taken, ['begin', 'wait'], 'it stays held')
  scheduler.release(worker)
  pollset.run()
  t.strictSame(worker.taken, ['begin', 'wait', 'gone', 'wait'].slice(0, worker.taken.length))
  t.ok(worker.taken.includes('gone'))
})

t.test('watchers are told of all that happens, in order', async (t) => {
  const { pollset, scheduler, start } = ground()
  const told: string[] = []
  const tell =
    (name: string) =>
    (c: Continuation): void =>
      void told.push(`${name} ${c.stepName}`)
  scheduler.watch({
    started: tell('started'),
    before: tell('before'),
    transition: tell('transition'),
    armed: tell('armed'),
    diverted: tell('diverted'),
    held: tell('held'),
    released: tell('released'),
    redirected: tell('redirected'),
    cancelAsked: tell('cancelAsked'),
    ended: tell('ended'),
  })
  scheduler.watch({})
  const worker = start()
  pollset.run()
  scheduler.hold(worker)
  worker.cancel()
  scheduler.release(worker)
  pollset.run()
  t.strictSame(told, [
    'started begin',
    'before begin',
    'transition begin',
    'before wait',
    'transition wait',
    'armed wait',
    'held wait',
    'cancelAsked wait',
    'released wait',
    'armed wait',
    'diverted wait',
    'before gone',
    'transition gone',
    'ended gone',
  ])
})

t.test('snapshot', async (t) => {
  const { pollset, start } = ground()
  const worker = start()
  t.same(snapshot(worker, pollset), {
    id: 'x1',
    kind: 'worker',
    step: 'begin',
    state: 'queued',
    waits: '-',
    lateInMs: null,
    data: { taken: 0 },
  })
  pollset.run()
  pollset.advance(30)
  const shot = snapshot(worker, pollset)
  t.equal(shot.state, 'suspended')
  t.equal(shot.waits, 'bell:RUNG|CRACKED,within:100')
  t.equal(shot.lateInMs, 70)
  t.same(JSON.parse(JSON.stringify(shot)), shot, 'plain data')
  pollset.advance(70)
  t.equal(snapshot(worker, pollset).state, 'done')
})

t.test('spec/trace.md: every line, in one grammar', async (t) => {
  const page = readFileSync('spec/trace.md', 'utf8')
  t.match(page, /TIME ID STEP OUTCOME NEXT WAITS/)
  const words = tableOf(page.replaceAll('\\|', '/'), 'Words')
  t.equal(words.map((row) => row.word).join(' '), 'TIME ID STEP OUTCOME NEXT WAITS')
  const said = words.map((row) => row.what).join()
  for (const word of ['goto', 'suspend', 'done', 'late', 'cancelled', 'within:MS', 'until:MS'])
    t.ok(said.includes(word), word)
  const { pollset, lines, start } = ground()
  start()
  const ready = start()
  const cancelled = start()
  pollset.advance(12.5)
  ready.bells[0].raise(RUNG)
  cancelled.cancel()
  pollset.advance(100)
  t.strictSame(
    lines.filter((line) => !line.includes(' begin ')).map((line) => line.replace(/\n$/, '')),
    [
      '0.000 x1 wait suspend fine bell:RUNG|CRACKED,within:100',
      '0.000 x2 wait suspend fine bell:RUNG|CRACKED,within:100',
      '0.000 x3 wait suspend fine bell:RUNG|CRACKED,within:100',
      '12.500 x2 fine done - -',
      '12.500 x3 wait cancelled gone -',
      '12.500 x3 gone done - -',
      '100.000 x1 wait late late -',
      '100.000 x1 late done - -',
    ],
  )
  const wait = String.raw`[^\s:,|]+:[A-Z]+(\|[A-Z]+)*|within:\d+|until:\d+\.\d{3}`
  const grammar = new RegExp(
    String.raw`^\d+\.\d{3} \S+ [A-Za-z]+ (goto|suspend|done|late|cancelled) ([A-Za-z]+|-) (-|(${wait})(,(${wait}))*)\n$`,
  )
  for (const line of lines) t.match(line, grammar)
})

t.test(
  'S5, S7 at random: armed together or not at all, and the same seed twice is the same trace',
  async (t) => {
    const play = (seed: number): string => {
      const next = seeded(seed)
      const { pollset, scheduler, lines, start } = ground(5)
      scheduler.onCrash = (_, error) => {
        throw error
      }
      const held: Worker[] = []
      scheduler.gate = new Holding((c) => {
        if (next(10) > 0) return false
        held.push(c as Worker)
        return true
      })
      const workers: Worker[] = []
      const bells = Array.from({ length: 6 }, (_, at) => signalOf(`bell${at}`))
      const free = [...bells]
      for (let turn = 0; turn < 300; turn++) {
        if (free.length > 2 && next(3) === 0) {
          const mine = free.splice(0, 1 + next(3))
          for (const bell of mine) bell.lower(RUNG | CRACKED)
          const leave = (w: Worker) => {
            free.push(...w.bells)
            return done
          }
          const again = (w: Worker) => {
            for (const bell of w.bells) bell.lower(RUNG | CRACKED)
            return next(2) === 0 ? goto.wait : leave(w)
          }
          workers.push(start({ fine: again, gone: again, late: leave }, mine))
        }
        const what = next(5)
        const bell = bells[next(bells.length)]
        if (what === 0) bell.raise(1 + next(3))
        else if (what === 1) bell.lower(1 + next(3))
        else if (what === 2) workers[next(workers.length)]?.cancel()
        else if (what === 3) for (const each of held.splice(0)) scheduler.release(each)
        pollset.advance(next(30))
        for (const worker of workers) {
          const suspended = worker.suspended !== null
          if (
            !armed(worker, suspended) &&
            !(worker.finished && !worker.deadlineArmed && worker.bells.every((b) => b.waiter !== worker))
          )
            throw new Error(`seed ${seed}, turn ${turn}: ${worker.id} is armed by half`)
          if (worker.held && suspended) throw new Error(`${worker.id} held and waiting`)
        }
      }
      return lines.join('')
    }
    for (let seed = 1; seed <= 20; seed++) t.equal(play(seed), play(seed), `seed ${seed}`)
    t.not(play(1), play(2))
  },
)

t.test('a scheduler of its own has its own living', async (t) => {
  const pollset = new MemoryPollset()
  t.equal(new Scheduler(pollset).living, 0)
  const { world, start, scheduler } = ground()
  const [a, b, c] = [start(), start(), start()]
  t.strictSame([...world.scheduler.alive()], [c, b, a])
  t.equal(scheduler.living, 3)
})
