// Stores on the simulated network: their calls, and what becomes of them when a server is slow, silent or gone.

import t, { type Test } from 'tap'
import { why, whyText } from '../../src/continuation/index.js'
import { sha1Of } from '../../src/pollset/index.js'
import { RedisBackend, RedisStore, type StoreCall, storeCallLife } from '../../src/redis/index.js'
import { arrayOf } from '../../src/redis/inline.js'
import { declared, Seen } from '../world/seen.js'
import { BACK, over, type Peer, pass, type Setting, sent, setUp } from './sim-redis.js'

const seen = new Seen()
const SCRIPT = "return redis.call('GET', KEYS[1])"
const SHA = sha1Of(SCRIPT)
const WITHIN = 50

const asks = (key: string, ...args: string[]): string => sent(['EVALSHA', SHA, '1', key, ...args].join(' '))
const bulk = (text: string): string => `$${text.length}\r\n${text}\r\n`

/** A store before a server that says what a test has it say. */
function ground(setting: Setting = {}) {
  const it = setUp({ seen, ...setting })
  const only = { name: 'keys', shards: [{ endpoints: [{ name: 'only', target: BACK }] }], check: null }
  let backend: RedisBackend | null = new RedisBackend(it.world, only)
  const turns: string[] = []
  const store = new RedisStore(it.world, { name: 'keys' }, () => backend, {
    turned: (isAsked, reason) => void turns.push(`${isAsked ? 'asked' : 'alone'}: ${reason}`),
  })
  const run = (key = 'k', within = WITHIN): StoreCall | null => {
    const call = store.run(SCRIPT, key, [], within)
    it.settle()
    return call
  }
  const peer = (at = it.backends.length - 1): Peer => it.backends[at]
  const end = (t: Test): void => {
    store.close()
    backend?.close()
    pass(it, 1_000)
    over(t, it)
  }
  return {
    ...it,
    store,
    turns,
    run,
    pass: (ms: number) => pass(it, ms),
    peer,
    end,
    backendNow: () => backend,
    use: (other: RedisBackend | null) => {
      backend = other
    },
  }
}

t.test(
  'Y40: calls of one turn leave in one write; a script that is not known is sent with its text',
  async (t) => {
    const it = ground()
    const first = it.run('a') as StoreCall
    t.equal(it.peer().take(), asks('a'))
    it.answer('-NOSCRIPT No matching script.\r\n')
    const text = arrayOf(['EVAL', SCRIPT, '1', 'a']).toString('latin1')
    t.equal(it.peer().take(), text)
    t.notOk(first.isSettled)
    it.answer(bulk('one'))
    t.strictSame([first.isSettled, first.text], [true, 'one'])
    const { reads } = it.peer()
    const [b, c] = ['b', 'c'].map((key) => it.store.run(SCRIPT, key, ['1', '2'], WITHIN) as StoreCall)
    it.settle()
    t.equal(it.peer().take(), asks('b', '1', '2') + asks('c', '1', '2'))
    t.equal(it.peer().reads, reads + 1)
    it.answer('-NOSCRIPT No matching script.\r\n')
    it.answer(':7\r\n')
    t.strictSame([b.isSettled, c.text], [false, '7'], 'each has its own reply')
    it.answer('-NOSCRIPT still not\r\n')
    t.strictSame([b.isSettled, b.text, b.why], [true, null, 'it answered -NOSCRIPT still not'], 'once')
    t.equal(it.backends.length, 1)
    it.end(t)
  },
)

t.test(
  'Y40: a reply is read wherever it is split; one that is late, an error or too long is none',
  async (t) => {
    const it = ground({ limits: { storeReplyBytesMax: 20, storeFailuresMax: 100 } })
    const split = it.run() as StoreCall
    for (const byte of bulk('whole')) it.answer(byte)
    t.equal(split.text, 'whole')
    const long = it.run() as StoreCall
    it.answer(bulk('x'.repeat(13)))
    t.equal(long.text, 'x'.repeat(13), '20 bytes')
    const longer = it.run() as StoreCall
    for (const part of bulk('x'.repeat(14)).match(/[\s\S]{1,8}/g) ?? []) it.answer(part)
    t.match(longer, { text: null, why: 'its reply has more than 20 bytes' })
    const wrong = it.run() as StoreCall
    it.answer('-OOM not now\r\n')
    t.match(wrong, { text: null, why: 'it answered -OOM not now' })
    const late = it.run() as StoreCall
    it.pass(WITHIN + 1)
    t.match(late, { isSettled: true, text: null, why: 'it did not answer in time' })
    const next = it.run('next') as StoreCall
    it.answer(bulk('of late') + bulk('of next'))
    t.strictSame([late.text, next.text], [null, 'of next'], 'the late one is dropped')
    t.match(it.store.describe(), { calls: 6, failed: 3, late: 1 })
    it.end(t)
  },
)

t.test(
  'Y41: after so many failed calls in a row it is left alone; a script that writes shows that it is back',
  async (t) => {
    const it = ground()
    for (let at = 0; at < 4; at++) it.run()
    it.pass(WITHIN + 1)
    it.run()
    it.peer().take()
    it.answer(bulk('late').repeat(4) + bulk('in time'))
    for (let at = 0; at < 4; at++) it.run()
    it.pass(WITHIN + 1)
    t.ok(it.store.isAsked, 'a reply between them: they are counted again')
    t.strictSame(it.turns, [])
    it.run()
    it.pass(WITHIN + 1)
    t.strictSame(it.turns, ['alone: it did not answer in time'])
    t.ok(it.peer().closed || it.peer().ended, 'its session is of no use')
    t.equal(it.run(), null)
    it.pass(999)
    t.equal(it.backends.length, 1, 'nothing for redis.storePauseMs')
    it.pass(2)
    t.equal(it.backends.length, 2)
    t.match(it.peer().take(), /EVALSHA.*fermata:probe/s)
    t.equal(it.run(), null)
    it.pass(500)
    it.pass(498)
    t.equal(it.backends.length, 2, 'the question has failed after redis.storeProbeMs')
    it.pass(2)
    t.equal(it.backends.length, 3)
    it.answer('-READONLY You can not write against a read only replica.\r\n')
    t.equal(it.run(), null, 'a server that takes no writes counts nothing')
    it.pass(1_000)
    it.answer('-NOSCRIPT no\r\n')
    it.answer('+OK\r\n')
    t.strictSame(it.turns, ['alone: it did not answer in time', 'asked: it answers'])
    const call = it.run() as StoreCall
    it.answer(bulk('again'))
    t.equal(call.text, 'again')
    it.end(t)
  },
)

t.test(
  'Y41: of many calls that wait for a silent server only so many wait for longer than half of their time',
  async (t) => {
    const it = ground({ limits: { storeFailuresMax: 3 } })
    const calls = Array.from({ length: 10 }, () => it.run() as StoreCall)
    it.pass(24)
    t.notOk(calls.some(({ isSettled }) => isSettled))
    it.pass(2)
    t.strictSame(
      calls.map(({ isSettled }) => isSettled),
      [false, false, false, true, true, true, true, true, true, true],
    )
    t.equal(it.run(), null, 'nor does one that comes now')
    it.answer(bulk('x'))
    t.equal(calls[0].text, 'x', 'it was slow')
    const more = it.run() as StoreCall
    it.answer(bulk('x').repeat(10))
    t.equal(more.text, 'x')
    const others = Array.from({ length: 10 }, () => it.run() as StoreCall)
    it.pass(49)
    t.equal(others.filter(({ isSettled }) => isSettled).length, 7)
    it.pass(2)
    t.equal(others.filter(({ isSettled }) => isSettled).length, 10)
    t.match(it.store.describe(), { isAsked: false, failed: 3, late: 3, givenUp: 14, timesAlone: 1 })
    it.end(t)
  },
)

t.test('Y41: failed calls count: fewer of the next ones may wait for all of their time', async (t) => {
  const it = ground()
  for (let at = 0; at < 4; at++) it.run()
  it.pass(WITHIN + 1)
  const next = Array.from({ length: 4 }, () => it.run())
  t.strictSame(
    next.map((each) => each !== null),
    [true, false, false, false],
  )
  it.pass(WITHIN)
  t.ok(it.store.isAsked)
  it.pass(1)
  t.match(it.store.describe(), { isAsked: false, late: 5, givenUp: 0 })
  it.end(t)
})

t.test('Y41: a server that closes, or takes no connection, fails calls at once', async (t) => {
  const it = ground()
  const calls = Array.from({ length: 8 }, () => it.run() as StoreCall)
  it.peer().far.reset()
  it.settle()
  t.ok(calls.every(({ isSettled, text }) => isSettled && text === null))
  t.equal(calls[0].why, 'the connection was closed')
  t.match(it.turns, ['alone: the connection was closed'])
  t.match(it.store.describe(), { failed: 5, late: 0 })
  it.end(t)
  const refused = ground()
  refused.use(
    new RedisBackend(refused.world, {
      name: 'keys',
      shards: [{ endpoints: [{ name: 'gone', target: { host: '192.0.2.99', port: 1 } }] }],
      check: null,
    }),
  )
  for (let at = 0; at < 5; at++) {
    const call = refused.run()
    refused.pass(10)
    t.match(call?.isSettled, true)
  }
  t.notOk(refused.store.isAsked)
  refused.end(t)
})

t.test('Y40: it follows its backend through reloads, and goes to the shard of the key', async (t) => {
  const it = ground()
  const OTHER = { host: '192.0.2.10', port: 6379 }
  const others: Peer[] = []
  const { Peer: APeer } = await import('../world/text-peer.js')
  it.pollset.serve(OTHER, (far) => others.push(new APeer(far)))
  const first = { endpoints: [{ name: 'only', target: BACK }] }
  const second = { endpoints: [{ name: 'other', target: OTHER }], prefixes: ['b:'] }
  const before = it.run('b:1') as StoreCall
  t.equal(it.peer().take(), asks('b:1'))
  it.backendNow()?.configure({ name: 'keys', shards: [first, second], check: null })
  const after = it.run('b:1') as StoreCall
  t.equal(others[0].take(), asks('b:1'))
  const other = it.run('a:1') as StoreCall
  t.ok(it.backends.length <= 2)
  others[0].say(bulk('there'))
  it.peer(0).say(bulk('before'))
  it.peer().say(bulk('here'))
  it.settle()
  t.equal(after.text, 'there')
  t.ok(before.isSettled && other.isSettled)
  const old = it.backendNow() as RedisBackend
  old.retire()
  it.use(null)
  t.equal(it.run(), null, 'its backend is gone')
  it.use(
    new RedisBackend(it.world, {
      name: 'keys',
      shards: [second, first].map((each) => ({ endpoints: each.endpoints })),
      check: null,
    }),
  )
  t.not(it.run(), null)
  old.close()
  it.end(t)
})

t.test('Y13, Y40: a session of a silent server that a reload has taken away closes in the end', async (t) => {
  const it = ground({ limits: { sessionStallMs: 5_000, backendIdleMs: 1_000_000 } })
  it.run()
  const elsewhere = { endpoints: [{ name: 'other', target: { host: '192.0.2.10', port: 6379 } }] }
  it.backendNow()?.configure({ name: 'keys', shards: [elsewhere], check: null })
  it.run()
  it.pass(4_990)
  t.notOk(it.backends[0].closed, 'a reply may still come')
  it.pass(20)
  t.ok(it.backends[0].closed, 'it owes one for redis.sessionStallMs')
  it.end(t)
})

t.test('Y40: why tells which session has a call, and its place; no client holds it up', async (t) => {
  const it = ground()
  it.run('a')
  const call = it.run('b') as StoreCall
  const text = whyText(why(call, it.pollset))
  t.match(text, /it answers number 2 of the 2 that it was asked/)
  const [holder] = call.settled.holders(1)
  t.match(holder, { subject: call, reason: 'asks only db0' })
  it.answer(bulk('x').repeat(2))
  it.end(t)
})

t.test('a call waits for its session, is cancelled, and its store is closed', async (t) => {
  const it = ground({ faults: { latencyMs: 30 } })
  const call = it.run('k', 1_000) as StoreCall
  t.match(whyText(why(call, it.pollset)), /wait for only db0/)
  call.cancel()
  it.settle()
  t.match(call, { isSettled: true, text: null })
  const asked = it.run('k', 1_000) as StoreCall
  it.pass(200)
  t.match(it.peer().text, /EVALSHA/)
  asked.cancel()
  it.settle()
  t.match(asked, { isSettled: true, text: null })
  const late = it.run('k', 10) as StoreCall
  it.pass(11)
  t.ok(late.isSettled)
  const open = it.run('k', 1_000) as StoreCall
  it.store.close()
  t.ok(open.isSettled)
  t.equal(it.run(), null)
  it.peer().say(bulk('x').repeat(3))
  it.pass(100)
  it.end(t)
})

t.test('a call to a silent network is late while it waits for its session', async (t) => {
  const it = ground({ faults: { hangPercent: 100 }, limits: { storeFailuresMax: 1 } })
  const call = it.run() as StoreCall
  it.pass(WITHIN + 1)
  t.match(call, { isSettled: true, text: null, why: 'it did not answer in time' })
  it.pass(1_000)
  it.pass(500)
  t.notOk(it.store.isAsked)
  it.store.close()
  it.end(t)
})

t.test('Y40: a reply that is at hand at the deadline counts', async (t) => {
  const it = ground()
  const calls = Array.from({ length: 5 }, () => it.run() as StoreCall)
  it.pass(WITHIN)
  it.answer(bulk('x').repeat(5))
  t.strictSame(
    calls.map(({ text }) => text),
    ['x', 'x', 'x', 'x', 'x'],
    'read behind it, in the same turn',
  )
  const cancelled = it.run() as StoreCall
  it.pass(WITHIN)
  cancelled.cancel()
  it.settle()
  t.ok(cancelled.isSettled)
  t.match(it.store.describe(), { isAsked: true, late: 0 })
  it.answer(bulk('x'))
  it.end(t)
})

t.test('the edges of a call', async (t) => {
  t.strictSame(seen.taken(storeCallLife.edges), declared(storeCallLife.edges))
  t.strictSame(seen.waitsEnded(storeCallLife.edges), seen.mayEnd(storeCallLife.edges))
})
