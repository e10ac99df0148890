// The life of what reads the configuration again: its orders, changes and times, on a simulated pollset with a
// thread and a watch that the test answers for.

import t from 'tap'
import { createWorld } from '../../src/continuation/index.js'
import { CHANGED, LOOKED, REPLIED, Signal } from '../../src/pollset/index.js'
import { NOTHING_FOUND_OUT } from '../../src/server/check-configuration.js'
import type { AnswerPart, ReadAnswer, ReadRequest } from '../../src/server/reading.js'
import { type Reading, Reloader, reloadLife } from '../../src/server/reloading.js'
import { MemoryPollset } from '../../tools/testbed/memory-pollset.js'
import { declared, Seen } from '../world/seen.js'

const seen = new Seen()

class FakeThread extends Signal {
  readonly asked: unknown[] = []
  answer: unknown = null
  fault: string | null = null
  isRunning = false

  ask(message: unknown): void {
    structuredClone(message)
    this.lower(REPLIED)
    this.answer = null
    this.fault = null
    this.asked.push(message)
    this.isRunning = true
  }

  reply(answer: AnswerPart | null, fault: string | null = null): void {
    this.answer = answer
    this.fault = fault
    this.raise(REPLIED)
  }

  end(): void {
    this.isRunning = false
    this.lower(REPLIED)
  }
}

class FakeWatch extends Signal {
  digest = 'as read'
  looks = 0
  closed = false
  followed: readonly string[] = []

  follow(files: readonly string[]): void {
    this.followed = files
  }

  look(): void {
    this.looks++
    this.lower(LOOKED)
  }

  close(): void {
    this.closed = true
  }
}

function reloader(watches: boolean) {
  const pollset = new MemoryPollset()
  const thread = new FakeThread('reload.thread', 'thread', ['REPLIED'])
  const watch = new FakeWatch('reload.watch', 'watch', ['CHANGED', 'LOOKED'])
  const world = createWorld(Object.assign(pollset, { thread: () => thread, fileWatch: () => watch }))
  world.scheduler.tracer = seen
  const readings: string[] = []
  const order = (name: string, document: unknown = name) => ({
    source: { document },
    done: (reading: Reading) =>
      readings.push(`${name}: ${'fault' in reading ? reading.fault : `digest ${reading.answer.digest}`}`),
  })
  const watched = watches ? order('watched') : null
  const it = new Reloader(world, 'key', watched, { paths: ['/a'], digest: 'as read' })
  pollset.run()
  /** The documents that were asked for. */
  const asked = () =>
    thread.asked.map((each) =>
      each === 'next' ? 'next' : String(((each as ReadRequest).source as { document: unknown }).document),
    )
  const reply = (digest: string, isLast = true) => {
    thread.reply({ first: { ...NOTHING, digest }, isLast })
    pollset.run()
  }
  return { it, pollset, thread, watch, readings, order, asked, reply }
}

const NOTHING: ReadAnswer = {
  configuration: null,
  errors: [],
  warnings: [],
  files: [],
  contents: { paths: ['/a', '/b'], digest: 'as read' },
  foundOut: NOTHING_FOUND_OUT,
  digest: '',
}
const PART: AnswerPart = { list: 'routes', entries: [], isLast: true }

t.test('orders: the newest of those that wait is read, and each is told what came of it', async (t) => {
  const { it, pollset, thread, readings, order, asked, reply } = reloader(false)
  it.order(order('one'))
  pollset.run()
  it.order(order('two'))
  it.order(order('three'))
  t.strictSame(readings, ['two: a newer configuration came before it was read'])
  reply('1', false)
  t.strictSame(asked(), ['one', 'next'])
  thread.reply(PART)
  pollset.run()
  reply('3')
  t.strictSame(asked(), ['one', 'next', 'three'])
  t.strictSame(readings.slice(1), ['one: digest 1', 'three: digest 3'])
  pollset.advance(4_999)
  t.ok(thread.isRunning, 'a thread is kept for the next reading')
  pollset.advance(1)
  t.notOk(thread.isRunning, 'and ends when there is none')
  it.cancel()
  pollset.run()
  t.ok(it.finished)
})

t.test('what fails: the thread, the time, a source that cannot be sent', async (t) => {
  const { it, pollset, thread, readings, order } = reloader(false)
  it.order(order('one'))
  pollset.run()
  thread.reply(null, 'out of memory')
  pollset.run()
  it.order(order('two'))
  pollset.run()
  pollset.advance(60_000)
  it.order(order('three', () => 1))
  pollset.run()
  it.order(order('four'))
  pollset.run()
  thread.reply({ first: NOTHING, isLast: false })
  pollset.run()
  pollset.advance(60_000)
  t.match(readings, [
    'one: it could not be read: out of memory',
    'two: it could not be read: it was not read within 60 s',
    /^three: .*could not be cloned/,
    'four: it could not be read: it was not read within 60 s',
  ])
  t.notOk(thread.isRunning, 'a thread that is late is ended')
})

t.test('changes: they are read when they are over, or after a second', async (t) => {
  const { pollset, watch, readings, asked, reply } = reloader(true)
  const change = () => {
    watch.raise(CHANGED)
    pollset.run()
  }
  change()
  pollset.advance(150)
  change()
  pollset.advance(199)
  t.strictSame(asked(), [])
  pollset.advance(1)
  t.strictSame(asked(), ['watched'])
  reply('1')
  t.strictSame(watch.followed, ['/a', '/b'])
  for (let i = 0; i < 10; i++) {
    change()
    pollset.advance(120)
  }
  t.strictSame(asked(), ['watched', 'watched'], 'they do not end')
  reply('2')
  t.strictSame(readings, ['watched: digest 1', 'watched: digest 2'])
})

t.test('files are compared now and then', async (t) => {
  const { it, pollset, watch, asked, reply, order } = reloader(true)
  const look = (digest: string) => {
    pollset.advance(5_000)
    watch.digest = digest
    watch.raise(LOOKED)
    pollset.run()
  }
  look('as read')
  t.strictSame(asked(), [])
  look('another')
  t.strictSame(asked(), ['watched'])
  reply('1')
  pollset.advance(5_000)
  t.equal(watch.looks, 3)
  // A look that hangs does not end the watching.
  pollset.advance(60_000)
  watch.raise(CHANGED)
  pollset.run()
  it.order(order('ordered'))
  pollset.run()
  t.strictSame(asked(), ['watched', 'ordered'], 'an order does not wait for changes to end')
})

t.test('what was found and is refused is not read again and again', async (t) => {
  const { pollset, watch, asked, reply } = reloader(true)
  const look = (digest: string) => {
    pollset.advance(5_000)
    watch.digest = digest
    watch.raise(LOOKED)
    pollset.run()
  }
  look('too large')
  // The reading refuses the file, and so has another digest of it than the look.
  reply('1')
  look('too large')
  look('too large')
  t.strictSame(asked(), ['watched'])
  look('mended')
  t.strictSame(asked(), ['watched', 'watched'])
})

t.test('cancelled in each wait, it tells those who wait, and ends the thread and the watch', async (t) => {
  const reach: Record<string, (all: ReturnType<typeof reloader>) => void> = {
    'idle for ever': () => {},
    'idle compare': () => {},
    'settle quiet': ({ watch }) => watch.raise(CHANGED),
    'compare read': ({ pollset }) => pollset.advance(5_000),
    'read read': ({ it, order }) => it.order(order('one')),
    'take read': ({ it, order, thread, pollset }) => {
      it.order(order('one'))
      pollset.run()
      thread.reply({ first: NOTHING, isLast: false })
    },
  }
  for (const [wait, go] of Object.entries(reach)) {
    const all = reloader(wait !== 'idle for ever')
    go(all)
    all.pollset.run()
    t.match(`${all.it.stepName} `, new RegExp(`^${wait.split(' ')[0]} `))
    all.it.cancel()
    all.pollset.run()
    t.ok(all.it.finished, wait)
    t.notOk(all.thread.isRunning)
    t.equal(all.watch.closed, wait !== 'idle for ever')
    if (/^read|^take/.test(wait)) t.strictSame(all.readings, ['one: the server is closing'])
  }
})

t.test('the edges seen are the edges declared', (t) => {
  const { edges } = reloadLife
  t.strictSame(seen.taken(edges), declared(edges))
  t.strictSame(seen.waitsEnded(edges), seen.mayEnd(edges), 'and every wait ended in every way')
  t.end()
})
