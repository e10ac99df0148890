// A stream that a store follows, on the simulated network: its entries come once and in order, and a reader
// that may have missed some says so.

import t, { type Test } from 'tap'
import { why, whyText } from '../../src/continuation/index.js'
import { RedisBackend, RedisStore, streamLife } from '../../src/redis/index.js'
import { declared, Seen } from '../world/seen.js'
import { BACK, over, Peer, pass, type Setting, sent, setUp } from './sim-redis.js'

const seen = new Seen()
const LAST = sent('XREVRANGE s + - COUNT 1')
const next = (id: string): string => sent(`XREAD COUNT 64 BLOCK 10000 STREAMS s ${id}`)
const bulk = (text: string): string => `$${text.length}\r\n${text}\r\n`
const array = (...parts: string[]): string => `*${parts.length}\r\n${parts.join('')}`
const entry = (id: string, after: string, text: string): string =>
  array(bulk(id), array(bulk('after'), bulk(after), bulk('entry'), bulk(text)))
const read = (...entries: string[]): string => array(array(bulk('s'), array(...entries)))

/** A reader before a server that says what a test has it say. */
function ground(setting: Setting = {}) {
  const it = setUp({ seen, ...setting })
  const only = { name: 'keys', shards: [{ endpoints: [{ name: 'only', target: BACK }] }], check: null }
  const state: { backend: RedisBackend | null } = { backend: new RedisBackend(it.world, only) }
  const told: string[] = []
  const store = new RedisStore(it.world, { name: 'keys' }, () => state.backend, {
    turned() {},
    followed: (follows, reason) => void told.push(follows ? 'follows' : `not: ${reason}`),
  })
  const heard: string[] = []
  const stream = store.follow('s', {
    entry: (text) => void heard.push(text),
    missed: () => void heard.push('MISSED'),
  })
  it.settle()
  const end = (t: Test): void => {
    store.close()
    pass(it, 100)
    state.backend?.close()
    pass(it, 100)
    over(t, it)
  }
  const asked = (): string => it.backends.at(-1)?.take() ?? ''
  return { ...it, state, only, store, stream, told, heard, asked, end, pass: (ms: number) => pass(it, ms) }
}

t.test('Y42: it begins at the end of the stream, and tells of what comes, once and in order', async (t) => {
  const it = ground()
  t.equal(it.asked(), LAST)
  it.answer(array(entry('5-1', '4-0', 'before')))
  t.strictSame([it.heard, it.told], [['MISSED'], ['follows']], 'the past is unknown')
  t.equal(it.asked(), next('5-1'))
  for (const byte of read(entry('6-0', '5-1', 'a'), entry('6-1', '6-0', 'b'))) it.answer(byte)
  t.equal(it.asked(), next('6-1'))
  it.answer('*-1\r\n')
  t.equal(it.asked(), next('6-1'), 'nothing has come in time')
  it.answer(read(entry('7-0', '6-1', 'c')))
  t.strictSame(it.heard, ['MISSED', 'a', 'b', 'c'])
  t.match(it.stream.describe(), { follows: true, lastId: '7-0', entries: 3, missed: 1, begun: 1 })
  it.end(t)
})

t.test('Y42: a stream that is trimmed past it, or lost, has it say that it has missed entries', async (t) => {
  const it = ground()
  it.answer(array())
  it.answer(read(entry('5-0', '0-0', 'a'), entry('9-0', '8-0', 'b')))
  t.strictSame(it.heard, ['MISSED', 'a', 'MISSED', 'b'], '6 to 8 are trimmed')
  it.backends[0].far.reset()
  it.settle()
  t.strictSame(it.told, ['follows', 'not: the connection was closed'])
  it.pass(999)
  t.equal(it.backends.length, 1)
  it.pass(2)
  t.equal(it.asked(), LAST, 'after redis.storePauseMs')
  it.answer(array(entry('11-0', '10-0', 'd')))
  t.equal(it.asked(), next('9-0'), 'it reads on')
  it.answer(read(entry('10-0', '9-0', 'c'), entry('11-0', '10-0', 'd')))
  t.strictSame(it.heard.slice(4), ['c', 'd'])
  it.backends[1].far.reset()
  it.pass(1_001)
  it.answer(array(entry('11-0', '10-0', 'd')))
  t.equal(it.asked().endsWith(next('11-0')), true)
  t.equal(it.heard.length, 6, 'nothing is missed')
  it.backends[2].far.reset()
  it.pass(1_001)
  it.answer(array(entry('10-7', '0-0', 'x')))
  t.equal(it.asked().endsWith(next('10-7')), true, 'a stream that is younger, or of another clock')
  it.backends[3].far.reset()
  it.pass(1_001)
  it.answer(array())
  t.strictSame(it.heard.slice(6), ['MISSED', 'MISSED'], 'an empty one')
  t.equal(it.asked().endsWith(next('0-0')), true)
  it.end(t)
})

t.test(
  'Y42: behind a look at an empty stream it may have missed entries that have come and gone',
  async (t) => {
    const it = ground()
    it.answer(array())
    t.equal(it.asked(), LAST + next('0-0'))
    it.backends[0].far.reset()
    it.pass(1_001)
    // Redis was started again: the first entry of now names none before it, and nor did the first one of then.
    it.answer(array(entry('5-0', '0-0', 'b')))
    t.strictSame(it.heard, ['MISSED', 'MISSED'])
    t.equal(it.asked(), LAST + next('5-0'))
    it.end(t)
  },
)

t.test('Y42: errors, nonsense, silence and long replies: it begins again', async (t) => {
  const it = ground({ limits: { storeReplyBytesMax: 200 } })
  it.answer('-NOPERM no\r\n')
  it.pass(1_001)
  it.answer('+what\r\n')
  it.pass(1_001)
  it.answer(array(':1\r\n'))
  it.pass(1_001)
  it.answer(array(array()))
  t.strictSame(it.told, ['not: it answered -NOPERM no'], 'it is told once')
  it.pass(1_001)
  it.pass(501)
  t.match(it.stream.describe(), { follows: false, why: 'it did not answer in time' })
  it.pass(1_001)
  it.answer(array(entry('5-0', '4-0', 'x')))
  it.answer(':7\r\n')
  t.match(it.told.at(-1), /not: it answered ":7/)
  it.pass(1_001)
  it.answer(array(entry('5-0', '4-0', 'x')))
  it.answer(array(array(bulk('s'), ':1\r\n')))
  it.pass(1_001)
  it.answer(array(entry('5-0', '4-0', 'x')))
  it.pass(10_501)
  t.equal(it.told.at(-1), 'not: it did not answer in time', 'redis.streamBlockMs and more')
  it.pass(1_001)
  it.answer(array(entry('5-0', '4-0', 'x')))
  it.answer(read(entry('6-0', '5-0', 'y'.repeat(200))))
  t.match(it.told.at(-1), 'not: its reply has more than 200 bytes')
  it.pass(1_001)
  it.answer(array(entry('6-0', '5-0', 'z')))
  t.strictSame(it.heard, ['MISSED', 'MISSED'], 'it goes on behind the long one')
  t.ok(it.asked().endsWith(next('6-0')))
  it.end(t)
})

t.test('Y42: it follows its backend; why tells which session it waits for', async (t) => {
  const it = ground()
  it.answer(array())
  const reader = [...it.world.scheduler.alive()].find(({ kind }) => kind === 'redis-stream')
  t.match(reader && whyText(why(reader, it.pollset)), /it has been asked for entries for/)
  const OTHER = { host: '192.0.2.10', port: 6379 }
  const others: Peer[] = []
  it.pollset.serve(OTHER, (far) => others.push(new Peer(far)))
  const there = { endpoints: [{ name: 'other', target: OTHER }] }
  it.state.backend?.configure({ name: 'keys', shards: [there], check: null })
  it.answer('*-1\r\n')
  t.equal(it.told.at(-1), 'not: the stream is elsewhere')
  it.pass(1_001)
  t.equal(others[0].take(), LAST)
  const old = it.state.backend
  it.state.backend = null
  others[0].say(array())
  it.settle()
  it.pass(1_001)
  t.match(it.stream.describe(), { follows: false, why: 'no server of the backend is up' })
  it.state.backend = new RedisBackend(it.world, it.only)
  it.pass(1_001)
  it.answer(array())
  t.match(it.stream.describe(), { follows: true })
  old?.close()
  it.end(t)
})

t.test('Y42: closed while it waits for a session, for a reply, and between two', async (t) => {
  for (const [ms, setting] of [
    [5, { faults: { latencyMs: 30 } }],
    [5, { faults: { hangPercent: 100 } }],
    [600, { faults: { hangPercent: 100 } }],
    [100, { faults: { latencyMs: 30 } }],
    [0, {}],
    [1_600, {}],
  ] as const) {
    const it = ground(setting)
    it.pass(ms)
    it.stream.close()
    it.settle()
    t.match(it.stream.describe(), { follows: false })
    it.end(t)
  }
  const it = ground()
  it.answer(array())
  it.stream.close()
  it.settle()
  t.ok(it.backends[0].closed, 'in the same turn')
  it.end(t)
})

t.test('Y42: an entry is appended by a script, which names the one before it', async (t) => {
  const it = ground()
  it.answer(array())
  const told: string[] = []
  it.store.append('s', '{"all":true}', 100, 50, (id, reason) => void told.push(`${id} ${reason}`))
  it.settle()
  t.match(it.asked(), /EVALSHA.*\{"all":true\}.*100/s)
  it.answer(bulk('7-0'))
  it.store.append('s', 'x', 100, 50, (id, reason) => void told.push(`${id} ${reason}`))
  it.pass(51)
  t.strictSame(told, ['7-0 ', 'null it did not answer in time'])
  it.store.close()
  it.store.append('s', 'x', 100, 50, (id, reason) => void told.push(`${id} ${reason}`))
  t.equal(told[2], 'null it does not answer')
  it.end(t)
  const other = ground()
  other.answer(array())
  other.store.append('s', 'x', 100, 50, (id, reason) => void told.push(`${id} ${reason}`))
  other.settle()
  other.answer('+PONG\r\n')
  t.equal(told[3], 'null it answered "PONG"', 'no id')
  other.end(t)
})

t.test('the edges of a reader', async (t) => {
  t.strictSame(seen.taken(streamLife.edges), declared(streamLife.edges))
  t.strictSame(seen.waitsEnded(streamLife.edges), seen.mayEnd(streamLife.edges))
})
