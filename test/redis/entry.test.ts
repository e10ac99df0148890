// Clients of a shared session that is full (Y43).

import t, { type Test } from 'tap'
import { over, type Peer, sent, setUp } from './sim-redis.js'

/** Returns which of the clients stand back, in the order in which they came. */
const standing = ({ proxy }: ReturnType<typeof setUp>): unknown[] =>
  [...proxy].map((each) => each.describe().standsBack)

/** Three clients, of which the second began three commands at once when it last did. */
function three(t: Test, it: ReturnType<typeof setUp>): [Peer, Peer, Peer] {
  const clients: [Peer, Peer, Peer] = [it.client(), it.client(sent('GET x', 'GET y', 'GET z')), it.client()]
  it.answer('+X\r\n+Y\r\n+Z\r\n')
  t.equal(clients[1].take(), '+X\r\n+Y\r\n+Z\r\n')
  it.backends[0].take()
  return clients
}

t.test(
  'Y43: clients stand back from a full session, and are let in, in order, with all they sent',
  async (t) => {
    const it = setUp({ limits: { gatherMs: 0, depth: 3 } })
    const [one, two, last] = three(t, it)
    it.say(one, sent('GET a', 'GET b', 'GET c'))
    it.say(two, sent('GET d', 'GET e', 'GET f'))
    it.say(last, sent('GET g'))
    t.equal(it.backends[0].take(), sent('GET a', 'GET b', 'GET c'))
    t.equal(it.proxy.begun, 6, 'no command of the others has begun')
    t.strictSame(standing(it), [false, true, true])
    it.answer('+A\r\n+B\r\n')
    t.equal(it.backends[0].take(), '', 'there is no room for three, and nobody passes the first in line')
    it.answer('+C\r\n')
    t.equal(it.backends[0].take(), sent('GET d', 'GET e', 'GET f'), 'a pipeline leaves whole')
    t.strictSame(standing(it), [false, false, true])
    it.answer('+D\r\n')
    t.equal(it.backends[0].take(), sent('GET g'))
    it.answer('+E\r\n+F\r\n+G\r\n')
    t.strictSame(
      [one.take(), two.take(), last.take()],
      ['+A\r\n+B\r\n+C\r\n', '+D\r\n+E\r\n+F\r\n', '+G\r\n'],
    )
    over(t, it)
  },
)

t.test('Y43: clients that come in one turn are counted with all that they send in it', async (t) => {
  const it = setUp({ limits: { gatherMs: 0, depth: 3 } })
  const [one, two, last] = three(t, it)
  one.say(sent('GET a', 'GET b', 'GET c'))
  two.say(sent('GET d', 'GET e', 'GET f'))
  last.say(sent('GET g'))
  it.settle()
  t.equal(it.proxy.begun, 6)
  t.strictSame(standing(it), [false, true, true])
  it.answer('+A\r\n+B\r\n+C\r\n')
  it.answer('+D\r\n+E\r\n+F\r\n')
  it.answer('+G\r\n')
  t.strictSame([one.take(), two.take(), last.take()], ['+A\r\n+B\r\n+C\r\n', '+D\r\n+E\r\n+F\r\n', '+G\r\n'])
  over(t, it)
})

t.test('Y43: a client that goes while it stands back, or when it is let in, holds up nobody', async (t) => {
  const it = setUp({ limits: { gatherMs: 0, depth: 3 } })
  const [one, two, last] = three(t, it)
  it.say(one, sent('GET a', 'GET b', 'GET c'))
  it.say(two, sent('GET d', 'GET e', 'GET f'))
  it.say(last, sent('GET g'))
  two.far.reset()
  it.settle()
  t.strictSame(standing(it), [false, true])
  it.answer('+A\r\n')
  t.equal(it.backends[0].take(), sent('GET a', 'GET b', 'GET c', 'GET g'))
  const late = it.client(sent('GET h'))
  t.strictSame(standing(it), [false, false, true])
  late.far.reset()
  // In the turn in which there is room for it.
  it.answer('+B\r\n+C\r\n+G\r\n')
  t.strictSame([one.take(), last.take()], ['+A\r\n+B\r\n+C\r\n', '+G\r\n'])
  it.say(one, sent('GET i', 'GET j', 'GET k'))
  t.equal(it.backends[0].take(), sent('GET i', 'GET j', 'GET k'), 'no room is kept for it')
  it.answer('+I\r\n+J\r\n+K\r\n')
  over(t, it)
})

t.test('Y43: a client that is ended while it stands back keeps no room', async (t) => {
  const it = setUp({ limits: { gatherMs: 0, depth: 3 } })
  const [one, two, last] = three(t, it)
  it.say(one, sent('GET a', 'GET b', 'GET c'))
  it.say(two, sent('GET d', 'GET e', 'GET f'))
  it.say(last, sent('GET g'))
  const [, ended] = it.proxy
  // It does not close in return, so the proxy lingers.
  two.far.owner = { received: () => {}, ended: () => {}, closed: () => {} }
  ended.cancel()
  it.answer('+A\r\n')
  t.equal(it.backends[0].take(), sent('GET a', 'GET b', 'GET c', 'GET g'))
  it.answer('+B\r\n+C\r\n+G\r\n')
  t.strictSame([one.take(), two.take(), last.take()], ['+A\r\n+B\r\n+C\r\n', '', '+G\r\n'])
  over(t, it)
})

t.test('Y43: the session is lost, or does not answer: who stands back gets another one', async (t) => {
  const it = setUp({ limits: { gatherMs: 0, depth: 1, sessionStallMs: 1_000, commandMs: 500 } })
  const one = it.client(sent('INCR a'))
  const two = it.client(sent('INCR b'))
  t.strictSame(standing(it), [false, true])
  it.backends[0].far.reset()
  it.settle()
  t.match(one.take(), /^-ERR backend-lost /)
  t.equal(it.backends[1].take(), sent('INCR b'))
  it.say(one, sent('INCR c'))
  t.strictSame(standing(it), [true, false])
  it.pollset.runUntil(() => it.backends.length === 3, 5_000)
  it.settle()
  t.match(two.take(), /^-ERR command-late /)
  t.equal(it.backends[2].take(), sent('INCR c'))
  it.answer(':1\r\n')
  t.equal(one.take(), ':1\r\n')
  over(t, it)
})

t.test('Y43: a client that has a session alone, or waits for replies, does not stand back', async (t) => {
  const it = setUp({ limits: { gatherMs: 0, depth: 1 } })
  const alone = it.client(sent('MULTI'))
  it.answer('+OK\r\n')
  const one = it.client(sent('GET a'))
  it.say(alone, sent('GET b'))
  t.equal(it.backends[0].take(), sent('MULTI', 'GET b'))
  it.say(one, sent('GET c'))
  t.strictSame(standing(it), [false, false])
  t.equal(it.proxy.begun, 4)
  it.answer('+A\r\n', 1)
  it.answer('+C\r\n', 1)
  t.equal(one.take(), '+A\r\n+C\r\n')
  it.say(alone, sent('DISCARD'))
  it.answer('+QUEUED\r\n+OK\r\n', 0)
  over(t, it)
})
