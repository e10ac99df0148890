// Commands that are gathered while their server answers (Y44).

import t, { type Test } from 'tap'
import { over, pass, sent, setUp } from './sim-redis.js'

/** A proxy whose session has been answered once in no time, and clients. */
function near(t: Test, gatherMs = 0.5) {
  const it = setUp({ limits: { gatherMs } })
  const clients = [it.client(sent('GET x')), it.client(), it.client()]
  it.answer('+X\r\n')
  t.equal(clients[0].take(), '+X\r\n')
  it.backends[0].take()
  return { ...it, clients }
}

t.test('Y44: commands wait while the server answers, and leave with its last answer', async (t) => {
  const it = near(t)
  const [one, two, last] = it.clients
  it.say(one, sent('GET a', 'GET b'))
  t.equal(it.backends[0].take(), sent('GET a', 'GET b'), 'the first leave at once')
  it.say(two, sent('GET c'))
  it.say(last, sent('SET d 1'))
  t.equal(it.backends[0].take(), '')
  it.answer('+A\r\n')
  t.equal(it.backends[0].take(), '', 'one is not answered yet')
  it.answer('+B\r\n')
  t.equal(it.backends[0].take(), sent('GET c', 'SET d 1'))
  it.say(one, sent('GET e'))
  it.answer('+C\r\n+OK\r\n')
  t.equal(it.backends[0].take(), sent('GET e'))
  it.answer('+E\r\n')
  t.strictSame(
    [one.take(), two.take(), last.take()],
    ['+A\r\n+B\r\n+E\r\n', '+C\r\n', '+OK\r\n'],
    'everyone has its own replies',
  )
  over(t, it)
})

t.test('Y44: what is put in one turn is not parted, and 16 KiB do not wait', async (t) => {
  const it = near(t)
  const [one, two, last] = it.clients
  one.say(sent('GET a'))
  two.say(sent('GET b'))
  it.settle()
  t.equal(it.backends[0].take(), sent('GET a', 'GET b'))
  const half = sent(`SET c ${'c'.repeat(8_000)}`)
  it.say(last, half)
  t.equal(it.backends[0].take(), '')
  it.say(last, half)
  t.equal(it.backends[0].take(), '')
  it.say(two, half)
  t.equal(it.backends[0].take(), half.repeat(3))
  it.answer('+A\r\n+B\r\n+OK\r\n+OK\r\n+OK\r\n')
  t.equal(last.take(), '+OK\r\n+OK\r\n')
  over(t, it)
})

t.test('Y44: nothing is gathered before the first answer, for a far server, or by gatherMs 0', async (t) => {
  const fresh = setUp()
  const first = fresh.client(sent('GET a'))
  fresh.say(first, sent('GET b'))
  t.equal(fresh.backends[0].take(), sent('GET a', 'GET b'), 'nobody knows yet how near it is')
  fresh.answer('+A\r\n+B\r\n')
  over(t, fresh)

  const off = near(t, 0)
  off.say(off.clients[0], sent('GET a'))
  off.say(off.clients[1], sent('GET b'))
  t.equal(off.backends[0].take(), sent('GET a', 'GET b'))
  off.answer('+A\r\n+B\r\n')
  over(t, off)
})

t.test(
  'Y44: a server that becomes far is noticed within 128 answers, and one that is near again',
  async (t) => {
    const it = near(t)
    const [one, two] = it.clients
    const isGathered = (): boolean => {
      it.say(one, sent('GET a'))
      it.backends[0].take()
      it.say(two, sent('GET b'))
      const gathered = it.backends[0].take() === ''
      it.answer('+A\r\n')
      it.answer('+B\r\n')
      return gathered
    }
    t.ok(isGathered())
    const answeredAfter = (ms: number, times: number): void => {
      for (let at = 0; at < times; at++) {
        it.say(one, sent('GET c'))
        pass(it, ms)
        it.answer('+C\r\n')
      }
    }
    answeredAfter(2, 128)
    t.notOk(isGathered())
    answeredAfter(0, 1)
    t.ok(isGathered(), 'one fast answer shows that it is near')
    over(t, it)
  },
)

t.test(
  'Y44: a session that is lost has not sent what it gathered: it is sent on another, once',
  async (t) => {
    for (const end of ['reset', 'end'] as const) {
      const it = near(t)
      const [one, two] = it.clients
      it.say(one, sent('SET a 1'))
      it.say(two, sent('SET b 1'))
      t.equal(it.backends[0].take(), sent('SET a 1'))
      it.backends[0].far[end]()
      it.settle()
      t.equal(it.backends[0].take(), '', `${end}: it gets nothing more`)
      t.equal(it.backends.length, 2)
      t.equal(it.backends[1].take(), sent('SET b 1'))
      it.answer('+OK\r\n')
      t.match(one.take(), /^-ERR backend-lost/)
      t.equal(two.take(), '+OK\r\n')
      over(t, it)
    }
  },
)
