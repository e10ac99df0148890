// Servers that accept a connection and do not answer its greeting (Y45).

import t from 'tap'
import { over, pass, sent, setUp } from './sim-redis.js'

t.test('Y45: a session whose greeting has no reply in time is closed, and another is opened', async (t) => {
  const it = setUp({ limits: { leaseMs: 1_000 } })
  const client = it.client(sent('SELECT 1'))
  it.answer('+OK\r\n')
  it.say(client, sent('GET a'))
  t.equal(it.backends.length, 2)
  t.equal(it.backends[1].take(), sent('SELECT 1'), 'the session of the other database begins')
  pass(it, 1_000)
  t.match(client.take(), /^\+OK\r\n-ERR lease-late /)
  t.ok(it.backends[1].closed)
  it.say(client, sent('GET b'))
  pass(it, 500)
  t.equal(it.backends.length, 3)
  it.answer('+OK\r\n', 2)
  it.answer('$1\r\nB\r\n', 2)
  t.equal(client.take(), '$1\r\nB\r\n')
  over(t, it)
})

t.test('Y45: neither is one kept that was to be cleaned for its next owner', async (t) => {
  const it = setUp({ limits: { leaseMs: 1_000 } })
  const client = it.client(sent('MULTI', 'SET a 1'))
  it.answer('+OK\r\n+QUEUED\r\n')
  client.far.reset()
  it.settle()
  const [session] = it.backends.slice(-1)
  t.match(session.text, /RESET/)
  pass(it, 999)
  t.notOk(session.closed)
  pass(it, 1)
  t.ok(session.closed)
  over(t, it)
})

t.test('Y45: a session that was greeted is not closed later', async (t) => {
  const it = setUp({ limits: { leaseMs: 1_000 } })
  const client = it.client(sent('SELECT 1'))
  it.answer('+OK\r\n')
  it.say(client, sent('GET a'))
  it.answer('+OK\r\n')
  pass(it, 5_000)
  t.notOk(it.backends[1].closed)
  it.answer('$1\r\nA\r\n')
  t.equal(client.take(), '+OK\r\n$1\r\nA\r\n')
  over(t, it)
})
