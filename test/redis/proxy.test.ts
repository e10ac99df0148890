// The proxy for Redis on the simulated network: order, loss, lateness, bounds, and the edges of a command.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import type { Continuation } from '../../src/continuation/index.js'
import { type Command, commandLife, partLife, RedisBackend } from '../../src/redis/index.js'
import { arrayOf } from '../../src/redis/inline.js'
import { tableOf } from '../../tools/testbed/frames.js'
import { filesUnder, read, root } from '../house/source-rules.js'
import { declared, Seen } from '../world/seen.js'
import { CLUSTER_EDGES } from './sim-cluster.js'
import { BACK, holdOne, over, Peer, sent, setUp, withOther } from './sim-redis.js'

const seen = new Seen()
const begin = (setting: Parameters<typeof setUp>[0] = {}) => setUp({ seen, ...setting })
const LOST = /^-ERR backend-lost /

t.test('it imports neither http nor proxy, and no file of another room but its index', async (t) => {
  for (const file of filesUnder('src/redis'))
    for (const [, name] of read(file).matchAll(/from '(\.\.[^']+)'/g))
      t.match(name, /^\.\.\/(pollset|continuation|transport|engine)\/index\.js$/, file)
})

t.test('the errors are those of the page', async (t) => {
  const codes = new Set(
    tableOf(readFileSync(join(root, 'spec/redis.md'), 'utf8'), 'Errors').map((row) => row.code),
  )
  const made = new Set(['backend-not-connected', 'backend-not-resolved'])
  for (const file of filesUnder('src/redis'))
    for (const [, code] of read(file).matchAll(/(?:errorReply|fault)\(\s*'([a-z-]+)'/g)) made.add(code)
  t.strictSame([...made].sort(), [...codes].sort())
})

t.test('Y1, Y3: two clients share a session; one write each way', async (t) => {
  const it = begin()
  const one = it.client()
  const two = it.client(sent('GET z'))
  it.answer('+Z\r\n')
  t.equal(two.take(), '+Z\r\n')
  it.backends[0].take()
  it.backends[0].reads = 0
  one.say(sent('GET a', 'GET b'))
  two.say(sent('GET c'))
  it.settle()
  t.equal(it.backends.length, 1)
  t.equal(it.backends[0].take(), sent('GET a', 'GET b', 'GET c'))
  t.equal(it.backends[0].reads, 1, 'all in one write')
  const before = one.reads
  it.answer('$1\r\na\r\n$1\r\nb\r\n$1\r\nc\r\n')
  t.strictSame([one.take(), two.take()], ['$1\r\na\r\n$1\r\nb\r\n', '$1\r\nc\r\n'])
  t.equal(one.reads, before + 1)
  over(t, it)
})

t.test('Y1: answers of our own keep their places', async (t) => {
  const it = begin()
  const one = it.client(
    sent(
      'GET a',
      'CLIENT SETNAME x',
      'GET b',
      'CLIENT GETNAME',
      'SHUTDOWN',
      'WAIT 0 0',
      'CLIENT SETINFO a b',
    ),
  )
  t.equal(one.take(), '')
  it.answer('+A\r\n')
  t.equal(one.take(), '+A\r\n+OK\r\n')
  it.answer('$300\r\n')
  it.answer(`${'b'.repeat(300)}\r\n`)
  t.match(
    one.take(),
    /^\$300\r\nb{300}\r\n\$1\r\nx\r\n-ERR needs-admin .*\r\n-ERR needs-writer .*\r\n\+OK\r\n$/,
  )
  const two = it.client(sent('QUIT', 'GET a'))
  t.equal(two.take(), '+OK\r\n')
  t.ok(two.ended, 'nothing behind QUIT is read')
  t.notMatch(it.backends[0].take(), /GET a.*GET a/s)
  over(t, it)
})

t.test('Y2: BLPOP waits for what was sent before it, and holds up what follows', async (t) => {
  const it = begin()
  const one = it.client(sent('LPUSH q x', 'BLPOP q 0', 'GET a'))
  t.equal(it.backends.length, 1)
  t.equal(it.backends[0].take(), sent('LPUSH q x'))
  it.answer(':1\r\n')
  t.equal(it.backends.length, 2)
  t.equal(it.backends[1].take(), sent('BLPOP q 0'))
  it.answer('*2\r\n$1\r\nq\r\n$1\r\nx\r\n')
  t.equal(it.backends[0].take(), sent('GET a'), 'back on the shared session')
  it.answer('$-1\r\n', 0)
  t.equal(one.take(), ':1\r\n*2\r\n$1\r\nq\r\n$1\r\nx\r\n$-1\r\n')
  it.say(one, sent('BLPOP q 0'))
  t.equal(it.backends.length, 2, 'the session was given back, and is used again')
  it.answer('*-1\r\n')
  over(t, it)
})

t.test(
  'E49: a session without commands closes after backendIdleMs, and the next command opens one',
  async (t) => {
    const it = begin({ limits: { backendIdleMs: 1_000 } })
    const one = it.client(sent('GET a'))
    it.answer('+A\r\n')
    it.pollset.runUntil(() => false, 900)
    one.say(sent('GET b'))
    it.settle()
    it.answer('+B\r\n')
    it.pollset.runUntil(() => false, 900)
    t.equal(one.take(), '+A\r\n+B\r\n')
    t.notOk(it.backends[0].ended, 'it was used in time')
    it.pollset.runUntil(() => false, 1_100)
    t.ok(it.backends[0].ended)
    t.notOk(one.ended, 'its client stays')
    one.say(sent('GET c'))
    it.settle()
    it.answer('+C\r\n')
    t.equal(one.take(), '+C\r\n')
    t.equal(it.backends.length, 2)
    over(t, it)
  },
)

t.test('Y4: what is malformed reaches no session; replies before it come first', async (t) => {
  const it = begin()
  const sibling = it.client(sent('GET s'))
  it.backends[0].take()
  for (const [input, error] of [
    ['*1000000000000\r\n', 'invalid multibulk length'],
    ['*1\r\n$-7\r\n', 'invalid bulk length'],
    ['x'.repeat(70_000), 'too big inline request'],
  ] as const) {
    const one = it.client(sent('GET a') + input)
    t.equal(it.backends[0].take(), sent('GET a'))
    t.equal(one.take(), '')
    t.notOk(one.ended)
    it.answer(sibling.text === '' ? '+S\r\n+A\r\n' : '+A\r\n')
    t.equal(one.take(), `+A\r\n-ERR Protocol error: ${error}\r\n`)
    t.ok(one.ended)
  }
  const http = it.client('POST / HTTP/1.1\r\nHost: a\r\n\r\n')
  t.match(http.take(), /^-ERR not-http /)
  t.ok(http.ended)
  t.equal(sibling.take(), '+S\r\n')
  t.equal(it.backends.length, 1)
  over(t, it)
})

t.test('Y4: a client that sends on is closed after redis.clientLingerMs', async (t) => {
  const it = begin({ limits: { clientLingerMs: 3_000 } })
  const one = it.client()
  // It does not end when the proxy does.
  Object.assign(one.far.owner as object, { ended: () => {} })
  it.say(one, '*x\r\n')
  t.match(one.take(), /^-ERR Protocol error/)
  const from = it.pollset.now
  const sendOn = (): void => {
    one.say('more')
    it.pollset.after(100, sendOn)
  }
  sendOn()
  it.pollset.runUntil(() => one.closed, 60_000)
  const ms = it.pollset.now - from
  t.ok(one.closed && ms > 2_900 && ms < 5_000, `${ms} ms`)
  t.equal(it.backends.length, 0)
  over(t, it)
})

t.test('Y7: another identity has other sessions; AUTH is asked each time', async (t) => {
  const it = begin()
  const one = it.client(sent('HELLO 3 AUTH u p', 'GET a'))
  t.equal(it.backends[0].take(), sent('HELLO 3 AUTH u p'))
  it.answer('%1\r\n+server\r\n+redis\r\n')
  t.equal(it.backends[1].take(), sent('HELLO 3 AUTH u p'), 'the greeting of a session of that user')
  t.equal(it.backends[0].take(), sent('RESET'), 'the one that was asked is reset')
  it.answer('%1\r\n+server\r\n+redis\r\n', 1)
  t.equal(it.backends[1].take(), sent('GET a'))
  it.answer('_\r\n', 1)
  it.answer('+RESET\r\n', 0)
  t.equal(one.take(), '%1\r\n+server\r\n+redis\r\n_\r\n')
  const two = it.client(sent('AUTH u wrong', 'GET a'))
  t.equal(it.backends[0].take(), sent('AUTH u wrong'))
  it.answer('-WRONGPASS no\r\n', 0)
  t.equal(it.backends[2].take(), sent('GET a'), 'it stays who it was')
  it.answer('-NOAUTH\r\n', 2)
  it.answer('+RESET\r\n', 0)
  t.equal(two.take(), '-WRONGPASS no\r\n-NOAUTH\r\n')
  over(t, it)
})

t.test('Y7: the backend refuses a greeting: its text is told', async (t) => {
  const it = begin()
  const one = it.client(sent('AUTH p', 'GET a'))
  it.answer('+OK\r\n')
  t.equal(it.backends[1].take(), sent('AUTH p'))
  it.answer('-ERR gone\r\n', 1)
  t.match(one.take(), /^\+OK\r\n-ERR backend-refused the backend refused: -ERR gone\r\n$/)
  it.answer('+RESET\r\n', 0)
  over(t, it)
})

t.test('Y7: a database that was selected before AUTH, as a user who may not select', async (t) => {
  for (const [before, behind] of [
    ['+OK\r\n', '-NOPERM no\r\n'],
    ['-NOAUTH first\r\n', '+OK\r\n'],
    ['-NOAUTH first\r\n', '-NOPERM no\r\n'],
  ]) {
    const it = begin()
    const one = it.client(sent('SELECT 9', 'AUTH u p', 'GET a'))
    it.answer('+OK\r\n', 0)
    t.equal(it.backends[1].take(), sent('SELECT 9'))
    it.answer('+OK\r\n', 1)
    t.equal(it.backends[1].take(), sent('AUTH u p'))
    it.answer('+OK\r\n', 1)
    t.equal(it.backends[2].take(), sent('SELECT 9', 'AUTH u p', 'SELECT 9'), 'the greeting')
    it.answer(`${before}+OK\r\n${behind}`, 2)
    if (behind.startsWith('-') && before.startsWith('-'))
      t.match(one.take(), /^\+OK\r\n\+OK\r\n-ERR backend-refused [^\r]*-NOPERM no\r\n$/)
    else {
      t.equal(it.backends[2].take(), sent('GET a'))
      it.answer('$1\r\nx\r\n', 2)
      t.equal(one.take(), '+OK\r\n+OK\r\n$1\r\nx\r\n')
    }
    it.answer('+RESET\r\n', 0)
    it.answer('+RESET\r\n+OK\r\n', 1)
    over(t, it)
  }
})

t.test('Y7: CLIENT ID is no number of a server; a name is one that a server takes', async (t) => {
  const it = begin()
  const one = it.client(sent('CLIENT ID'))
  t.ok(Number(one.take().slice(1)) > 2 ** 40)
  it.say(
    one,
    '*3\r\n$6\r\nCLIENT\r\n$7\r\nSETNAME\r\n$3\r\na b\r\n' + sent('CLIENT GETNAME', 'CLIENT SETNAME ab'),
  )
  t.match(one.take(), /^-ERR Client names cannot contain spaces.*\r\n\$-1\r\n\+OK\r\n$/)
  over(t, it)
})

t.test('Y38: a client that was told its number is meant by it while it has a session alone', async (t) => {
  for (const cut of [0, 1, 3, 4, 5]) {
    const it = begin({ options: { allowAdmin: true } })
    const one = it.client(sent('CLIENT ID'))
    const id = one.take().slice(1).trim()
    const two = it.client(sent(`CLIENT UNBLOCK ${id}`))
    t.equal(it.backends[0].take(), sent(`CLIENT UNBLOCK ${id}`), 'it has no session')
    it.answer(':0\r\n')
    it.say(one, sent('SUBSCRIBE c'))
    const [, relay] = it.backends.length === 2 ? it.backends : [null, it.backends[0]]
    t.equal(relay.take(), sent('CLIENT ID', 'SUBSCRIBE c'))
    const answers = ':17\r\n*3\r\n+subscribe\r\n'
    it.say(relay, answers.slice(0, cut))
    it.say(relay, answers.slice(cut))
    t.equal(one.take(), answers.slice(5), `the answer to the proxy is not passed on, cut at ${cut}`)
    two.take()
    const before = it.backends.length
    it.say(two, sent(`CLIENT TRACKING on REDIRECT ${id} PREFIX 7`))
    const other = it.backends[it.backends.length === before ? before - 1 : before]
    t.equal(other.take(), sent('CLIENT TRACKING on REDIRECT 17 PREFIX 7'))
    it.say(two, sent(`CLIENT KILL ID ${id}`, `CLIENT LIST ID 1 ${id}`, `GET ${id}`, `CLIENT UNBLOCK ${id}1`))
    t.equal(
      other.take(),
      sent('CLIENT KILL ID 17', 'CLIENT LIST ID 1 17', `GET ${id}`, `CLIENT UNBLOCK ${id}1`),
      'within a relay, and nothing else',
    )
    one.far.reset()
    it.settle()
    it.say(two, sent(`CLIENT UNBLOCK ${id}`))
    t.equal(other.take(), sent(`CLIENT UNBLOCK ${id}`), 'it has gone')
    two.far.reset()
    over(t, it)
  }
})

t.test(
  'Y38: the number of a session is asked once, outside of transactions; it may be refused',
  async (t) => {
    const it = begin()
    const one = it.client(sent('WATCH k'))
    t.equal(it.backends[0].take(), sent('WATCH k'), 'nobody was told a number')
    it.answer('+OK\r\n')
    it.say(one, sent('MULTI'))
    it.answer('+OK\r\n')
    it.say(one, sent('CLIENT ID', 'GET a'))
    t.equal(it.backends[0].take(), sent('MULTI', 'GET a'))
    it.answer('+QUEUED\r\n')
    it.say(one, sent('DISCARD'))
    it.answer('+OK\r\n')
    it.say(one, sent('BLPOP q 0'))
    t.match(it.backends[0].take(), /CLIENT\r\n\$2\r\nID\r\n\*3\r\n\$5\r\nBLPOP/)
    it.answer('-NOPERM no\r\n*-1\r\n')
    it.say(one, sent('BLPOP q 0'))
    t.equal(it.backends[0].take(), sent('BLPOP q 0'), 'once')
    it.answer('*-1\r\n')
    const heard = one.take()
    t.match(heard, /^\+OK\r\n\+OK\r\n:\d+\r\n\+QUEUED\r\n\+OK\r\n\*-1\r\n\*-1\r\n$/)
    const id = /:(\d+)/.exec(heard)?.[1]
    const two = it.client(sent(`CLIENT UNBLOCK ${id}`))
    t.equal(it.backends.at(-1)?.take(), sent(`CLIENT UNBLOCK ${id}`))
    it.answer(':0\r\n')
    t.equal(two.take(), ':0\r\n')
    over(t, it)
  },
)

t.test('Y8: a transaction in one read needs no session; one that is typed does', async (t) => {
  const it = begin()
  const one = it.client(sent('MULTI', 'INCR a', 'EXEC', 'GET a'))
  t.equal(it.backends[0].take(), sent('MULTI', 'INCR a', 'EXEC', 'GET a'))
  it.answer('+OK\r\n+QUEUED\r\n*1\r\n')
  it.answer(':1\r\n$1\r\n1\r\n')
  t.equal(one.take(), '+OK\r\n+QUEUED\r\n*1\r\n:1\r\n$1\r\n1\r\n')
  for (const inside of [sent('MULTI'), sent('MULTI', 'SELECT 1', 'EXEC').slice(0, 30)]) {
    it.say(one, inside)
    t.equal(it.backends.at(-1)?.take(), sent('MULTI'))
    it.answer('+OK\r\n')
    it.say(
      one,
      inside === sent('MULTI') ? sent('INCR a', 'DISCARD') : sent('MULTI', 'SELECT 1', 'EXEC').slice(30),
    )
    if (inside === sent('MULTI')) {
      t.equal(it.backends[1].take(), sent('INCR a', 'DISCARD'))
      it.answer('+QUEUED\r\n+OK\r\n')
      t.equal(one.take(), '+OK\r\n+QUEUED\r\n+OK\r\n')
    }
  }
  one.far.reset()
  it.settle()
  over(t, it)
})

t.test('Y8: watched keys keep the session until UNWATCH or EXEC', async (t) => {
  const it = begin()
  const one = it.client(sent('WATCH k', 'GET k', 'UNWATCH', 'GET k'))
  t.equal(it.backends[0].take(), sent('WATCH k', 'GET k', 'UNWATCH', 'GET k'))
  it.answer('+OK\r\n+v\r\n+OK\r\n+v\r\n')
  it.say(one, sent('GET k'))
  t.equal(it.backends[1].take(), sent('GET k'))
  it.answer('+v\r\n')
  it.say(one, sent('WATCH k', 'MULTI', 'GET k', 'EXEC'))
  t.equal(it.backends[0].take(), sent('WATCH k', 'MULTI', 'GET k', 'EXEC'))
  it.answer('+OK\r\n+OK\r\n+QUEUED\r\n*-1\r\n', 0)
  it.say(one, sent('EXEC', 'UNWATCH'))
  t.equal(it.backends[1].take(), sent('EXEC', 'UNWATCH'), 'without a transaction they are like others')
  it.answer('-ERR EXEC without MULTI\r\n+OK\r\n', 1)
  t.equal(it.backends.length, 2)
  over(t, it)
})

t.test('Y9: the client goes, and the session on which it blocks closes in the same turn', async (t) => {
  for (const ends of ['reset', 'end'] as const) {
    const it = begin()
    const one = it.client(sent('BLPOP q 0'))
    t.equal(it.backends[0].take(), sent('BLPOP q 0'))
    one.far[ends]()
    it.settle()
    t.ok(it.backends[0].closed, ends)
    over(t, it)
  }
})

t.test('Y10: a session that was left in a transaction is reset', async (t) => {
  const it = begin()
  const one = it.client(sent('MULTI'))
  it.backends[0].take()
  it.answer('+OK\r\n')
  one.far.reset()
  it.settle()
  t.equal(it.backends[0].take(), sent('RESET'))
  const two = it.client(sent('BLPOP q 1'))
  t.equal(it.backends.length, 2, 'nobody gets it meanwhile')
  it.answer('+RESET\r\n', 0)
  it.answer('*-1\r\n', 1)
  it.say(two, sent('BLPOP q 2'))
  t.equal(it.backends[0].take() + it.backends[1].take(), sent('BLPOP q 2', 'BLPOP q 1'))
  it.backends[0].say('*-1\r\n')
  it.settle()
  over(t, it)
})

t.test('Y11, Y16: what changes its connection takes the session over; bytes pass as they come', async (t) => {
  const it = begin()
  const one = it.client(sent('GET a', 'SUBSCRIBE c', 'PING', 'SHUTDOWN'))
  it.answer('+A\r\n')
  t.match(
    it.backends[1].take(),
    new RegExp(`^${sent('SUBSCRIBE c', 'PING').replace(/[$*]/g, '\\$&')}\\*1\r\n\\$\\d+\r\nneeds-admin`),
  )
  it.answer('*3\r\n$9\r\nsubscribe\r\n$1\r\nc\r\n:1\r\n*2\r\n$4\r\npong\r\n$0\r\n\r\n-ERR unknown\r\n')
  it.answer('*3\r\n$7\r\nmess')
  t.match(one.take(), /^\+A\r\n\*3.*subscribe.*:1\r\n\*2.*-ERR unknown\r\n\*3\r\n\$7\r\nmess$/s)
  it.say(one, sent('DEBUG SLEEP 1', 'UNSUBSCRIBE'))
  t.match(it.backends[1].take(), /needs-admin.*UNSUBSCRIBE/s)
  it.backends[1].far.end()
  it.settle()
  t.ok(one.ended, 'the session and its client end together')
  const two = it.client(sent('NO.SUCH a'))
  t.equal(it.backends[2].take(), sent('NO.SUCH a'))
  two.far.end()
  it.settle()
  t.ok(it.backends[2].ended, 'and so the other way')
  over(t, it)
})

t.test('Y12: a session dies: what only reads is sent again, once, and nothing else is', async (t) => {
  const it = begin()
  const one = it.client(sent('GET a', 'GET b'))
  const two = it.client(sent('INCR c'))
  const three = it.client(sent('GET d', 'INCR d'))
  it.backends[0].far.reset()
  it.settle()
  t.match(two.take(), LOST)
  t.match(three.take(), /^(-ERR backend-lost [^\r]*\r\n){2}$/, 'a write behind it may have run')
  t.equal(it.backends[1].take(), sent('GET a', 'GET b'))
  it.answer('+A\r\n')
  it.backends[1].far.reset()
  it.settle()
  t.match(one.take(), /^\+A\r\n-ERR backend-lost/, 'once')
  t.equal(it.backends.length, 2)
  it.say(one, sent('GET e'))
  t.equal(it.backends[2].take(), sent('GET e'), 'its client goes on')
  it.answer('+E\r\n')
  over(t, it)
})

t.test('Y12: a reply that has begun to leave cannot be taken back', async (t) => {
  const it = begin()
  const one = it.client(sent('GET a'))
  it.answer('$100\r\nabc')
  t.equal(one.take(), '$100\r\nabc')
  it.backends[0].far.reset()
  it.settle()
  t.ok(one.closed)
  over(t, it)
})

t.test('Y12: no session can be opened: it is told at once', async (t) => {
  const it = begin({ faults: { refusePercent: 100 } })
  const one = it.client(sent('GET a', 'BLPOP q 0'))
  t.match(one.take(), /^(-ERR backend-not-connected [^\r]*\r\n){2}$/)
  t.notOk(one.ended)
  over(t, it)
})

t.test('Y13: a late command gets an error, and its reply goes to nobody', async (t) => {
  const it = begin({ limits: { commandMs: 1_000, sessionStallMs: 5_000 } })
  const one = it.client(sent('GET a', 'GET b'))
  it.pollset.runUntil(() => one.text.split('\n').length === 3)
  t.match(one.take(), /^(-ERR command-late [^\r]*\r\n){2}$/)
  it.say(one, sent('GET c'))
  it.answer('$300\r\n')
  it.answer(`${'a'.repeat(300)}\r\n+B\r\n+C\r\n`)
  t.equal(one.take(), '+C\r\n')
  it.say(one, sent('GET d'))
  it.pollset.runUntil(() => one.text !== '')
  one.take()
  for (let n = 0; n < 8 && !it.backends[0].closed; n++) {
    it.say(one, sent('GET e'))
    it.pollset.runUntil(() => one.text !== '')
    t.match(one.take(), /^-ERR (command-late|backend-lost)/)
  }
  t.ok(it.backends[0].closed, 'its oldest is too old')
  over(t, it)
})

t.test('Y13: nobody answers a dial, and a session alone is late', async (t) => {
  const hung = begin({ faults: { hangPercent: 100 }, limits: { leaseMs: 1_000 } })
  const one = hung.client(sent('GET a'))
  hung.pollset.runUntil(() => one.text !== '')
  t.match(one.take(), /^-ERR lease-late /)
  over(t, hung)
  const it = begin({ limits: { commandMs: 1_000 } })
  const two = it.client(sent('MULTI', 'GET a'))
  it.pollset.runUntil(() => two.text.split('\n').length === 3)
  t.match(two.take(), /^(-ERR command-late|-ERR backend-lost)/)
  t.ok(it.backends[0].closed)
  over(t, it)
})

t.test('Y14: the session of a transaction dies: nothing of it is executed', async (t) => {
  const it = begin()
  const one = it.client(sent('MULTI'))
  it.answer('+OK\r\n')
  it.backends[0].far.reset()
  it.settle()
  it.say(one, sent('INCR a', 'EXEC', 'GET a'))
  t.match(
    one.take(),
    /^\+OK\r\n-ERR backend-lost [^\r]* did not run\r\n-EXECABORT backend-lost [^\r]*previous errors[^\r]* did not run\r\n$/,
  )
  t.equal(it.backends[1].take(), sent('GET a'))
  it.answer('+0\r\n')
  t.equal(one.take(), '+0\r\n')
  over(t, it)
})

t.test('Y14: with EXEC in flight too, the transaction is over', async (t) => {
  const it = begin()
  const one = it.client(sent('MULTI'))
  it.say(one, sent('INCR a'))
  it.say(one, sent('EXEC'))
  it.backends[0].far.reset()
  it.settle()
  t.match(one.take(), /^(-ERR backend-lost [^\r]*\r\n){2}-EXECABORT [^\r]*\r\n$/)
  it.say(one, sent('GET a'))
  it.answer('+0\r\n')
  t.equal(one.take(), '+0\r\n')
  over(t, it)
})

t.test('Y14: a MULTI that gets no session: what follows is no transaction, and does not run', async (t) => {
  const it = begin({ limits: { exclusiveMax: 1, leaseMs: 1_000 } })
  it.client(sent('BLPOP q 0'))
  const one = it.client(sent('MULTI', 'INCR a'))
  it.pollset.runUntil(() => one.text.split('\n').length === 3, 5_000)
  it.say(one, sent('EXEC'))
  t.match(one.take(), /^-ERR lease-late [^\r]*\r\n-ERR backend-lost [^\r]*\r\n-EXECABORT /)
  t.equal(it.backends.length, 1, 'nothing was sent')
  it.answer('*-1\r\n')
  over(t, it)
})

t.test('Y14: a transaction in one piece is lost whole', async (t) => {
  const it = begin()
  const one = it.client(sent('MULTI', 'INCR a', 'EXEC'))
  it.backends[0].far.reset()
  it.settle()
  t.match(one.take(), /^(-ERR backend-lost [^\r]*\r\n){2}-EXECABORT [^\r]*\r\n$/)
  over(t, it)
})

t.test(
  'Y15: a client that does not take its replies costs its bounds, and its sibling nothing',
  async (t) => {
    const it = begin({
      faults: { sendBufferBytes: 1_000 },
      limits: {
        clientWaitingBytes: 4_000,
        clientHeldBytesMax: 20_000,
        clientAheadBytes: 4_000,
        commandsMax: 16,
      },
      heard: (peer) => {
        const asked = peer.take().split('GET').length - 1
        peer.say(`$500\r\n${'x'.repeat(500)}\r\n`.repeat(asked))
      },
    })
    const greedy = it.client()
    greedy.far.read(false)
    for (let n = 0; n < 20; n++) greedy.say(sent(...new Array<string>(50).fill('GET a')))
    let most = 0
    for (let step = 0; step < 10_000 && it.pollset.step(); step++)
      most = Math.max(most, it.world.memory.bytes)
    t.ok(most < 64 * 1024, `${most} bytes wait at most`)
    const sibling = it.client(sent('GET b'))
    t.equal(sibling.take().length, 508)
    greedy.far.read(true)
    it.pollset.runUntil(() => greedy.text.length === 508_000)
    t.equal(greedy.text.length, 508_000, 'and has all of them later')
    over(t, it)
  },
)

t.test('Y37: a client that reads nothing before it has sent all its commands', async (t) => {
  for (const [clientAheadBytes, unread] of [
    [200_000, 0],
    [20_000, 1],
  ]) {
    const it = begin({
      faults: { sendBufferBytes: 1_000 },
      limits: { clientWaitingBytes: 4_000, clientAheadBytes, commandsMax: 4 },
      heard: (peer) => {
        for (const [, key] of peer.take().matchAll(/GET\r\n\$\d+\r\n(\w+)\r\n/g)) peer.say(`+${key}\r\n`)
      },
    })
    const client = it.client()
    client.far.read(false)
    const keys = Array.from({ length: 4_000 }, (_, n) => `key${n}`)
    for (let n = 0; n < keys.length; n += 7) {
      client.say(sent(...keys.slice(n, n + 7).map((key) => `GET ${key}`)))
      it.settle()
    }
    t.equal(Math.min(client.far.near.toNear.bytes, 1), unread, `${clientAheadBytes}`)
    t.ok(it.world.memory.bytes < clientAheadBytes + 70_000, `${it.world.memory.bytes} bytes are held`)
    client.far.read(true)
    it.settle()
    t.equal(client.take(), keys.map((key) => `+${key}\r\n`).join(''), 'all replies, in order')
    t.equal(it.world.memory.bytes, 0)
    over(t, it)
  }
})

t.test('Y37: a client that goes, quits or takes a session over with commands behind', async (t) => {
  const ends = { far: '', quit: sent('QUIT'), relay: sent('SUBSCRIBE a', 'PING') }
  for (const [end, last] of Object.entries(ends)) {
    const it = begin({ limits: { commandsMax: 2 } })
    const client = it.client(sent('GET a', 'GET b'))
    it.say(client, sent('GET c') + last)
    t.ok(it.world.memory.bytes > 0, 'they are kept')
    if (end === 'far') client.far.reset()
    it.settle()
    it.answer('+a\r\n+b\r\n', 0)
    if (end !== 'far') {
      it.answer('+c\r\n', 0)
      if (end === 'relay') {
        t.equal(it.backends[1].take(), sent('SUBSCRIBE a', 'PING'))
        it.answer('+in\r\n+pong\r\n', 1)
      }
      t.equal(client.take(), `+a\r\n+b\r\n+c\r\n${end === 'quit' ? '+OK\r\n' : '+in\r\n+pong\r\n'}`)
    }
    t.equal(it.world.memory.bytes, 0, end)
    client.far.end()
    over(t, it)
  }
})

/** A backend that answers a GET of `big` by a long reply, and others by their key. */
const withLongReply =
  (bytes: number) =>
  (peer: Peer): void => {
    for (const [, name, key] of peer.take().matchAll(/\$\d\r\n(GET|INCR)\r\n\$\d\r\n(\w+)/g))
      if (key === 'big') peer.say(`$${bytes}\r\n${'x'.repeat(bytes)}\r\n`)
      else peer.say(name === 'GET' ? `+${key}\r\n` : ':1\r\n')
  }

/** A session stays while others are slow. */
const SLOW = {
  clientWaitingBytes: 4_000,
  shareReplyBytesMax: 20_000,
  slowReaderMs: 1_000,
  backendIdleMs: Number.POSITIVE_INFINITY,
}

t.test('Y15: a long reply passes as its client takes it, and holds up nobody', async (t) => {
  const it = begin({
    faults: { sendBufferBytes: 1_000 },
    limits: SLOW,
    heard: withLongReply(1_000_000),
  })
  const slow = it.client()
  const sibling = it.client()
  const writer = it.client()
  it.settle()
  slow.far.read(false)
  slow.say(sent('GET big', 'GET after'))
  sibling.say(sent('GET s', 'GET t'))
  let most = 0
  it.pollset.runUntil(() => {
    most = Math.max(most, it.world.memory.bytes)
    return sibling.text === '+s\r\n+t\r\n'
  })
  t.equal(sibling.take(), '+s\r\n+t\r\n', 'sent again on another session')
  t.equal(it.backends.length, 2)
  it.say(writer, sent('INCR c'))
  it.pollset.runUntil(() => writer.text !== '')
  t.equal(writer.take(), ':1\r\n')
  for (let part = 0; part < 100 && slow.text.length < 1_000_017; part++) {
    slow.far.read(part % 2 === 1)
    const until = it.pollset.now + 300
    it.pollset.runUntil(() => {
      most = Math.max(most, it.world.memory.bytes)
      return it.pollset.now >= until
    })
  }
  slow.far.read(true)
  it.pollset.runUntil(() => slow.text.length >= 1_000_021)
  t.equal(slow.take().slice(-11), 'x\r\n+after\r\n', 'however long it takes')
  t.ok(most < 100_000, `${most} bytes wait at most`)
  t.ok(it.backends[0].closed, 'its session ends with it')
  it.say(slow, sent('GET again'))
  it.pollset.runUntil(() => slow.text !== '')
  t.strictSame([slow.take(), it.backends.length, it.proxy.overflows], ['+again\r\n', 2, 0])
  over(t, it)
})

t.test('Y15, Y2: a write behind it is not passed; its client waits, and the reader is closed', async (t) => {
  const it = begin({ faults: { sendBufferBytes: 1_000 }, limits: SLOW })
  const slow = it.client(sent('GET a'))
  it.answer('+A\r\n')
  slow.far.read(false)
  it.say(slow, sent('GET big'))
  const writer = it.client(sent('INCR c', 'GET c'))
  it.backends[0].take()
  it.answer(`$1000000\r\n${'x'.repeat(50_000)}`)
  it.say(writer, sent('GET d'))
  const reader = it.client(sent('GET e'))
  t.equal(it.backends[1].take(), sent('GET e'), 'GET d would pass INCR c')
  it.answer('+E\r\n', 1)
  t.equal(reader.take(), '+E\r\n')
  const began = it.pollset.now
  it.backends[0].say(`${'x'.repeat(950_000)}\r\n:1\r\n$1\r\n1\r\n`)
  it.pollset.runUntil(() => writer.text.length === 11)
  t.equal(writer.take(), ':1\r\n$1\r\n1\r\n')
  t.ok(it.pollset.now - began <= 1_100, `${it.pollset.now - began} ms`)
  t.strictSame([it.proxy.overflows, it.proxy.clients.size], [1, 2])
  it.settle()
  t.equal(it.backends[1].take(), sent('GET d'))
  it.answer('+D\r\n', 1)
  t.equal(writer.take(), '+D\r\n')
  over(t, it)
})

t.test(
  'Y15: a client that takes nothing of a long reply is closed; one whose backend stops is too',
  async (t) => {
    for (const reads of [false, true]) {
      const it = begin({
        faults: { sendBufferBytes: 1_000 },
        limits: { ...SLOW, commandMs: 3_000, sessionStallMs: 3_000 },
      })
      const slow = it.client(sent('GET a'))
      it.answer('+A\r\n')
      slow.far.read(reads)
      it.say(slow, sent('GET big', 'GET b'))
      const began = it.pollset.now
      it.answer(`$1000000\r\n${'x'.repeat(500_000)}`)
      it.pollset.runUntil(() => it.proxy.clients.size === 0, 20_000)
      it.settle()
      t.strictSame([it.proxy.clients.size, it.backends[0].closed], [0, true])
      const ms = it.pollset.now - began
      t.ok(reads ? ms >= 3_000 && ms < 5_000 : ms >= 1_000 && ms < 3_000, `${ms} ms`)
      t.equal(it.proxy.overflows, reads ? 0 : 1)
      over(t, it)
    }
  },
)

t.test('Y15: its client goes, and so does its session', async (t) => {
  const it = begin({ faults: { sendBufferBytes: 1_000 }, limits: SLOW })
  const slow = it.client(sent('GET big'))
  it.answer(`$1000000\r\n${'x'.repeat(50_000)}`)
  slow.far.reset()
  it.settle()
  t.ok(it.backends[0].closed)
  over(t, it)
})

t.test('Y15: a late reply that is long is in nobody’s way', async (t) => {
  const it = begin({ limits: { ...SLOW, commandMs: 1_000 } })
  const one = it.client(sent('GET big'))
  it.pollset.runUntil(() => one.text !== '')
  t.match(one.take(), /^-ERR command-late/)
  const two = it.client(sent('GET a'))
  it.answer(`$1000000\r\n${'x'.repeat(50_000)}`)
  t.equal(it.backends[1].take(), sent('GET a'))
  it.answer('+A\r\n', 1)
  t.equal(two.take(), '+A\r\n')
  t.ok(it.backends[0].closed)
  over(t, it)
})

t.test('Y15: a transaction of its own is taken slowly, for longer than a command may take', async (t) => {
  const it = begin({ faults: { sendBufferBytes: 1_000 }, limits: { ...SLOW, commandMs: 1_000 } })
  const slow = it.client(sent('WATCH a'))
  it.answer('+OK\r\n')
  it.say(slow, sent('GET big'))
  it.backends[0].say(`$200000\r\n${'x'.repeat(200_000)}\r\n`)
  for (let part = 0; part < 20; part++) {
    slow.far.read(part % 2 === 1)
    const until = it.pollset.now + 200
    it.pollset.runUntil(() => it.pollset.now >= until)
    if (part % 2 === 1 && slow.text.length > 10_000 * part) slow.far.read(false)
  }
  slow.far.read(true)
  it.pollset.runUntil(() => slow.text.length >= 200_016)
  t.equal(slow.take().length, 200_016)
  slow.far.reset()
  it.settle()
  it.answer('+RESET\r\n')
  over(t, it)
})

t.test('Y17: each client its own session, or none at all', async (t) => {
  const never = begin({ options: { share: 'never' } })
  const one = never.client(sent('PING', 'AUTH u p'))
  never.client(sent('PING'))
  t.strictSame(
    never.backends.map((each) => each.take()),
    [sent('PING', 'AUTH u p'), sent('PING')],
  )
  one.far.reset()
  never.settle()
  t.ok(never.backends[0].closed)
  over(t, never)
  const always = begin({ options: { share: 'always' } })
  const two = always.client(sent('WATCH a', 'BLPOP q 0', 'SUBSCRIBE c', 'GET a'))
  always.answer('+A\r\n')
  t.match(two.take(), /^(-ERR needs-session [^\r]*\r\n){3}\+A\r\n$/)
  over(t, always)
})

t.test('Y18: drained: what has come is answered, then FIN', async (t) => {
  const it = begin()
  const one = it.client(sent('GET a'))
  const idle = it.client()
  it.proxy.drain()
  it.settle()
  t.ok(idle.ended)
  t.notOk(one.ended)
  it.answer('+A\r\n')
  t.equal(one.take(), '+A\r\n')
  t.ok(one.ended)
  over(t, it)
})

t.test('Y19: identities are bounded; one that no client has makes room', async (t) => {
  const it = begin({ limits: { identitiesMax: 2 } })
  const one = it.client(sent('SELECT 1'))
  it.answer('+OK\r\n')
  it.answer('+RESET\r\n')
  t.equal(one.take(), '+OK\r\n')
  const two = it.client(sent('SELECT 2'))
  it.answer('+OK\r\n')
  it.answer('+RESET\r\n')
  t.match(two.take(), /^-ERR too-many-identities /)
  one.far.reset()
  it.settle()
  it.say(two, sent('SELECT 2'))
  it.answer('+OK\r\n')
  it.answer('+RESET\r\n')
  t.equal(two.take(), '+OK\r\n')
  t.equal(it.proxy.options.backend.map.first.current.identities.size, 2)
  over(t, it)
})

t.test('Y6: a large command passes as it comes, and is never whole in memory', async (t) => {
  const it = begin({
    limits: { shareBytesMax: 1_000, sessionWaitingBytes: 8_000 },
    faults: { sendBufferBytes: 4_000 },
  })
  const value = 'v'.repeat(100_000)
  const one = it.client()
  one.say('*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$100000\r\n')
  it.settle()
  one.say(`${value}\r\n${sent('GET k')}`)
  let most = 0
  const whole = `*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$100000\r\n${value}\r\n`
  for (
    let step = 0;
    step < 10_000 && (it.backends[0]?.text.length ?? 0) < whole.length && it.pollset.step();
    step++
  )
    most = Math.max(most, it.world.memory.bytes)
  it.settle()
  t.equal(it.backends[0].take(), whole + sent('GET k'), 'it keeps the session until all is answered')
  t.ok(most < 50_000, `${most} bytes at most`)
  it.answer('+OK\r\n+V\r\n')
  t.equal(one.take(), '+OK\r\n+V\r\n')
  it.say(one, sent('GET k'))
  it.pollset.runUntil(() => it.backends.length === 2 && it.backends[1].text !== '')
  t.equal(it.backends[1].take(), sent('GET k'))
  it.answer('+V\r\n')
  one.take()
  it.say(one, whole.slice(0, 3_000))
  it.say(one, whole.slice(3_000))
  t.equal(it.backends[0].take(), whole, 'on the session that is there, and its client is read to the end')
  it.answer('+OK\r\n', 0)
  t.equal(one.take(), '+OK\r\n')
  over(t, it)
})

t.test('Y6: its client goes within it, or its session does', async (t) => {
  const it = begin({ limits: { shareBytesMax: 1_000 } })
  const head = '*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$100000\r\nabc'
  const one = it.client(head)
  t.equal(it.backends[0].take(), head)
  one.far.reset()
  it.settle()
  t.ok(it.backends[0].closed, 'a half of a command is followed by nothing')
  const two = it.client(head)
  it.backends[1].far.reset()
  it.settle()
  it.say(two, `${'v'.repeat(99_997)}\r\n${sent('GET a')}`)
  t.match(two.take(), LOST)
  t.equal(it.backends[2].take(), sent('GET a'))
  it.answer('+A\r\n')
  t.equal(two.take(), '+A\r\n')
  over(t, it)
})

t.test('clients go while their commands wait for a session, for their turn, or for a reply', async (t) => {
  const it = begin({ faults: { hangPercent: 100 } })
  const one = it.client(sent('GET a', 'GET b'))
  one.far.reset()
  it.settle()
  over(t, it)
  const other = begin()
  const two = other.client(sent('GET a'))
  const three = other.client(sent('GET c'))
  two.far.reset()
  other.settle()
  other.answer('+A\r\n+C\r\n')
  t.equal(three.take(), '+C\r\n', 'its reply is dropped')
  over(t, other)
})

/** Two servers: `b` is a key of the first, `a` of the second. */
const FAR = { host: '192.0.2.10', port: 6379 }
function beginTwo(setting: Parameters<typeof setUp>[0] = {}) {
  const it = begin(setting)
  const shards = [BACK, FAR].map((target) => ({ endpoints: [{ name: target.host, target }] }))
  it.proxy.configure({
    ...it.proxy.options,
    backend: new RedisBackend(it.world, { name: 'two', shards, check: null }),
  })
  const others: Peer[] = []
  it.pollset.serve(FAR, (socket) => others.push(new Peer(socket)))
  const far = (text: string) => {
    others.at(-1)?.say(text)
    it.settle()
  }
  return { ...it, others, far, shards }
}

t.test('Y23: a reload moves keys: a client follows when all its commands are answered', async (t) => {
  const it = beginTwo()
  const { backend } = it.proxy.options
  const one = it.client(sent('GET b', 'MGET a b'))
  it.others[0].take()
  backend.configure({ name: 'two', shards: it.shards.toReversed(), check: null })
  it.say(one, sent('SET b 1', 'DEL a b'))
  t.equal(it.others[0].take(), '', 'what came before is not answered')
  it.backends[0].take()
  it.answer('+B\r\n*1\r\n+B\r\n')
  it.far('*1\r\n+A\r\n')
  t.equal(it.others[0].take(), sent('SET b 1', 'DEL b'))
  t.equal(it.backends[0].take(), sent('DEL a'))
  it.far('+OK\r\n:1\r\n')
  it.answer(':1\r\n')
  t.equal(one.take(), '+B\r\n*2\r\n+A\r\n+B\r\n+OK\r\n:2\r\n')
  over(t, it)
})

t.test('Y24: parts of a command: in order, lost, late, and without a client', async (t) => {
  const it = beginTwo({ limits: { commandMs: 1_000 } })
  const one = it.client(sent('MGET a b', 'GET a'))
  t.equal(it.backends[0].take(), sent('MGET b'))
  t.equal(it.others[0].take(), sent('MGET a', 'GET a'))
  it.answer('*1\r\n$1\r\nB\r\n')
  t.equal(one.take(), '')
  it.far('*1\r\n$1\r\nA\r\n$1\r\nA\r\n')
  t.equal(one.take(), '*2\r\n$1\r\nA\r\n$1\r\nB\r\n$1\r\nA\r\n')
  it.say(one, sent('MGET a b'))
  it.others[0].far.reset()
  it.answer('*1\r\n$1\r\nB\r\n')
  t.equal(it.others[1].take(), sent('MGET a'), 'what only reads is sent again')
  it.far('*1\r\n$1\r\nA\r\n')
  t.equal(one.take(), '*2\r\n$1\r\nA\r\n$1\r\nB\r\n')
  it.say(one, sent('DEL a b'))
  it.answer(':1\r\n')
  it.others[1].far.reset()
  it.settle()
  t.match(one.take(), LOST)
  const two = it.client(sent('MGET a b'))
  two.far.reset()
  it.settle()
  it.say(one, sent('MGET a b'))
  it.pollset.runUntil(() => one.text !== '')
  t.match(one.take(), /^-ERR command-late /)
  it.answer('*1\r\n$1\r\nB\r\n'.repeat(2))
  it.far('*1\r\n$1\r\nA\r\n'.repeat(2))
  t.equal(one.take(), '', 'late replies are dropped')
  over(t, it)
})

t.test('Y24: parts that get no session: late, cancelled', async (t) => {
  const setting = { limits: { leaseMs: 1_000 } }
  const it = beginTwo({ ...setting, faults: { hangPercent: 100 } })
  const one = it.client(sent('MGET a b'))
  it.client(sent('MGET a b')).far.reset()
  it.settle()
  it.pollset.runUntil(() => one.text !== '')
  t.match(one.take(), /^-ERR lease-late /)
  over(t, it)
  const refused = beginTwo({ ...setting, faults: { refusePercent: 100 } })
  t.match(refused.client(sent('MGET a b')).take(), /^-ERR backend-not-connected /)
  over(t, refused)
})

const hold = (it: ReturnType<typeof setUp>, picks: (c: Continuation) => boolean): (() => void) =>
  holdOne(t, it, picks)

t.test('Y10: a transaction begun behind EXEC is not ended by its reply', async (t) => {
  const it = begin()
  const one = it.client(sent('MULTI'))
  it.answer('+OK\r\n')
  it.say(one, sent('EXEC', 'MULTI'))
  it.answer('*0\r\n+OK\r\n')
  it.say(one, sent('GET a'))
  t.equal(it.backends.length, 1, 'it has its session still')
  it.answer('+QUEUED\r\n')
  one.far.reset()
  it.settle()
  t.equal(it.backends[0].text.slice(-sent('RESET').length), sent('RESET'), 'nobody gets it as it is')
  it.answer('+RESET\r\n')
  over(t, it)
})

t.test('Y10: RESET ends a transaction; a session that is being reset closes with the proxy', async (t) => {
  const it = begin()
  const one = it.client(sent('MULTI'))
  it.answer('+OK\r\n')
  one.take()
  it.backends[0].take()
  it.say(one, sent('RESET', 'GET a'))
  t.equal(one.take(), '+RESET\r\n')
  t.strictSame([it.backends[0].take(), it.backends[1]?.take()], [sent('RESET'), sent('GET a')])
  it.answer('+A\r\n')
  t.equal(one.take(), '+A\r\n')
  // Its server never answers RESET.
  over(t, it)
})

t.test('Y9: behind FIN a command that blocks gets an error, and those behind it their replies', async (t) => {
  const it = begin()
  const one = it.client(sent('BLPOP q 0', 'GET a'))
  one.far.end()
  it.settle()
  t.ok(it.backends[0].closed, 'its server pops no element for it')
  it.answer('+A\r\n')
  t.match(one.take(), /^-ERR client-ended [^\r]*\r\n\+A\r\n$/)
  over(t, it)
})

t.test(
  'Y9: behind FIN the last command that blocks gets nothing: a client closes so, and expects no error',
  async (t) => {
    const it = begin()
    const one = it.client(sent('BLPOP q 0'))
    one.far.end()
    it.settle()
    t.ok(it.backends[0].closed, 'its server pops no element for it')
    t.equal(one.take(), '')
    over(t, it)
  },
)

t.test('Y11: a large command of a client that has a session passes from its beginning on', async (t) => {
  const it = begin()
  const one = it.client(sent('NOSUCH x'))
  it.answer('-ERR unknown\r\n')
  it.backends[0].take()
  // Several reads of one turn.
  const large = sent(`SET k ${'x'.repeat(300_000)}`)
  it.say(one, large)
  t.ok(it.backends[0].take() === large)
  it.say(one, sent(`SHUTDOWN ${'x'.repeat(300_000)}`, 'GET a'))
  t.equal(
    it.backends[0].take(),
    `${arrayOf(['needs-admin (refused by the proxy, which has no --allow-admin)']).toString('latin1')}${sent('GET a')}`,
  )
  over(t, it)
})

t.test('Y19: the reply of a refused change of identity is one error, however it came', async (t) => {
  const it = begin({ limits: { identitiesMax: 2 } })
  it.client(sent('SELECT 1'))
  it.answer('+OK\r\n')
  const two = it.client(sent('SELECT 2'))
  it.answer('+RESET\r\n')
  it.answer('+O')
  it.answer('K\r\n')
  t.match(two.take(), /^-ERR too-many-identities [^\r]*\r\n$/)
  over(t, it)
})

t.test('Y7: SELECT behind a command that blocks takes no session over', async (t) => {
  const it = begin()
  const one = it.client(sent('BLPOP q 0', 'SELECT 1', 'GET a'))
  it.answer('*-1\r\n')
  it.answer('+OK\r\n')
  t.strictSame(
    [...it.proxy].map(({ place: { relay, pin } }) => [relay, pin]),
    [[null, null]],
  )
  t.equal(it.backends.at(-1)?.take(), sent('SELECT 1'), 'a session of its new identity')
  it.answer('+OK\r\n')
  it.answer('+A\r\n')
  t.equal(one.take(), '*-1\r\n+OK\r\n+A\r\n')
  over(t, it)
})

t.test('Y2, Y12: what is sent again is not passed', async (t) => {
  const it = begin({ limits: { depth: 1 } })
  const one = it.client(sent('GET k', 'SET k 1'))
  t.equal(it.backends[0].take(), sent('GET k'), 'the other one waits for its place')
  it.backends[0].far.reset()
  it.settle()
  t.equal(it.backends[1].take(), sent('GET k'))
  it.answer('+0\r\n')
  t.equal(it.backends[1].take(), sent('SET k 1'))
  it.answer('+OK\r\n')
  t.equal(one.take(), '+0\r\n+OK\r\n')
  over(t, it)
})

t.test('Y2, Y12, Y24: nor is it by the parts of a command behind it', async (t) => {
  const it = begin({ limits: { depth: 1 } })
  const { others, backend } = withOther(it)
  const one = it.client(sent('GET k', 'MGET k o:1'))
  it.backends[0].far.reset()
  it.settle()
  t.equal(it.backends[1].take(), sent('GET k'))
  it.answer('+0\r\n')
  it.pollset.runUntil(() => it.backends[1].text !== '', 1_000)
  t.equal(it.backends[1].take(), sent('MGET k'))
  it.answer('*1\r\n+A\r\n')
  others[0].say('*1\r\n+B\r\n')
  it.settle()
  t.equal(one.take(), '+0\r\n*2\r\n+A\r\n+B\r\n')
  // A part has its session, which goes before it is sent.
  const release = hold(it, (c) => c.kind === 'redis-part' && c.stepName === 'send')
  it.say(one, sent('MGET k o:1'))
  it.backends[1].far.reset()
  it.settle()
  release()
  t.equal(it.backends[2].take(), sent('MGET k'))
  it.answer('*1\r\n+A\r\n')
  others[0].say('*1\r\n+B\r\n')
  it.settle()
  t.equal(one.take(), '*2\r\n+A\r\n+B\r\n')
  backend.close()
  over(t, it)
})

t.test('Y12, Y32: a session that goes while its command is held is replaced', async (t) => {
  const it = begin()
  const one = it.client(sent('GET a'))
  it.answer('+A\r\n')
  const release = hold(it, (c) => c.kind === 'redis-command' && c.stepName === 'send')
  it.say(one, sent('SET b 1'))
  it.backends[0].far.reset()
  it.settle()
  release()
  t.equal(it.backends[1].take(), sent('SET b 1'))
  it.answer('+OK\r\n')
  t.equal(one.take(), '+A\r\n+OK\r\n')
  over(t, it)
})

t.test('Y32: a held command whose client goes, or that is ended, is not sent', async (t) => {
  for (const step of ['route', 'lease', 'send']) {
    const it = begin()
    const one = it.client(sent('GET a'))
    it.answer('+A\r\n')
    it.backends[0].take()
    const release = hold(it, (c) => c.kind === 'redis-command' && c.stepName === step)
    it.say(one, sent('GET b'))
    if (step === 'route') [...it.proxy][0].ring.first?.terminate()
    else one.far.reset()
    it.settle()
    release()
    t.equal(it.backends[0].take(), '', step)
    if (step === 'route') t.match(one.take(), /-ERR command-ended /)
    over(t, it)
  }
})

t.test('Y13: a command that is late when its session goes is answered once', async (t) => {
  const it = begin({ limits: { commandMs: 1_000 } })
  const one = it.client(sent('GET a'))
  const release = hold(it, (c) => c.kind === 'redis-command' && c.stepName === 'giveUp')
  it.pollset.runUntil(() => false, 1_000)
  it.backends[0].far.reset()
  it.settle()
  release()
  t.match(one.take(), /^-ERR command-late [^\r]*\r\n$/)
  t.equal(it.backends.length, 1, 'it is not sent again')
  over(t, it)
})

t.test('Y13, Y24: a late part whose session goes later stops nobody', async (t) => {
  const it = begin({ limits: { commandMs: 1_000 } })
  const { backend } = withOther(it)
  const one = it.client(sent('MGET k o:1'))
  it.pollset.runUntil(() => one.text !== '', 2_000)
  t.match(one.take(), /^-ERR command-late [^\r]*\r\n$/)
  it.backends[0].far.reset()
  it.settle()
  it.say(one, sent('GET k'))
  t.equal(it.backends[1].take(), sent('GET k'))
  it.answer('+0\r\n')
  t.equal(one.take(), '+0\r\n')
  backend.close()
  over(t, it)
})

t.test('Y14, Y30: a read within a transaction that is ended does not run alone', async (t) => {
  const it = begin()
  const one = it.client(sent('MULTI'))
  it.answer('+OK\r\n')
  const release = hold(it, (c) => c.kind === 'redis-command' && (c as Command).info.name === 'exec')
  it.say(one, sent('GET a', 'EXEC'))
  for (const each of [...it.proxy][0].ring) if (each.info.name === 'exec') each.terminate()
  release()
  t.match(one.take(), /^\+OK\r\n-ERR backend-lost [^\r]*\r\n-EXECABORT command-ended /)
  t.equal(it.backends.length, 1)
  over(t, it)
})

t.test('Y13: a session whose server has fallen silent closes, though nobody waits for it', async (t) => {
  const it = begin({ limits: { commandMs: 1_000, sessionStallMs: 3_000 } })
  const one = it.client(sent('GET a', 'GET b'))
  it.pollset.runUntil(() => false, 1_500)
  t.match(one.take(), /^(-ERR command-late [^\r]*\r\n){2}$/)
  t.notOk(it.backends[0].closed)
  it.pollset.runUntil(() => false, 2_000)
  t.ok(it.backends[0].closed)
  over(t, it)
})

t.test('Y14: UNWATCH does not end a transaction that was lost', async (t) => {
  const it = begin()
  const one = it.client(sent('WATCH k', 'MULTI'))
  it.answer('+OK\r\n+OK\r\n')
  it.backends[0].far.reset()
  it.settle()
  one.take()
  it.say(one, sent('UNWATCH', 'SET k 1', 'EXEC'))
  t.match(one.take(), /^(-ERR backend-lost [^\r]*\r\n){2}-EXECABORT /)
  t.equal(it.backends.length, 1, 'nothing has run')
  const two = it.client(sent('WATCH k'))
  it.answer('+OK\r\n')
  it.backends[1].far.reset()
  it.settle()
  two.take()
  it.say(two, sent('UNWATCH'))
  t.equal(two.take(), '+OK\r\n', 'without one, it is over')
  over(t, it)
})

t.test('Y30: a command that is ended before its client takes a session over keeps its place', async (t) => {
  const it = begin({ options: { share: 'never' }, limits: { exclusiveMax: 1 } })
  const other = it.client(sent('GET x'))
  const one = it.client(sent('GET a', 'GET b', 'GET c'))
  const [, frontend] = it.proxy
  frontend.ring.peek(1)?.terminate()
  it.settle()
  other.far.reset()
  it.settle()
  t.equal(one.take(), '', 'the reply before it is still to come')
  t.match(it.backends[1].take(), /GET\r\n\$1\r\na\r\n[^G]*command-ended[^G]*GET\r\n\$1\r\nc\r\n$/)
  it.answer('+A\r\n-ERR unknown command\r\n+C\r\n')
  t.equal(one.take(), '+A\r\n-ERR unknown command\r\n+C\r\n')
  over(t, it)
})

t.test('Y30: nothing follows the bytes of a session that was taken over and has gone', async (t) => {
  const it = begin({ options: { share: 'never' } })
  const one = it.client()
  const release = hold(it, (c) => c.id.endsWith('/c1') && c.stepName === 'route')
  it.say(one, sent('GET a', 'GET b'))
  const [frontend] = it.proxy
  frontend.ring.peek(0)?.terminate()
  it.answer('+A')
  it.backends[0].far.reset()
  it.settle()
  release()
  it.settle()
  t.equal(one.take(), '+A', 'its own error would complete the half of a reply')
  t.ok(frontend.finished)
  over(t, it)
})

t.test(
  'Y4: the rest of a large command follows its beginning to a session that was taken over',
  async (t) => {
    const large = sent(`SET k ${'x'.repeat(5_000)}`)
    for (const ends of [false, true]) {
      const it = begin({ options: { share: 'never' }, limits: { shareBytesMax: 1_000 } })
      const one = it.client()
      const release = hold(it, (c) => c.id.endsWith('/c1') && c.stepName === 'send')
      it.say(one, sent('GET a') + large + sent('GET b'))
      t.equal(it.backends[0].take(), sent('GET a'), 'nothing of it while its beginning is held')
      const [frontend] = it.proxy
      if (ends) frontend.ring.peek(0)?.terminate()
      release()
      it.settle()
      const got = it.backends[0].take()
      if (ends) t.match(got, /^(?!.*xxx).*command-ended.*GET\r\n\$1\r\nb\r\n$/s)
      else t.equal(got, large + sent('GET b'))
      one.far.end()
      over(t, it)
    }
  },
)

t.test('the edges seen are the edges declared, and each wait ended in each way', async (t) => {
  const own = (edges: Parameters<typeof declared>[0]) =>
    declared(edges).filter((each) => !CLUSTER_EDGES.has(each))
  t.strictSame(seen.taken(commandLife.edges), own(commandLife.edges))
  t.strictSame(seen.waitsEnded(commandLife.edges), [
    'divide for ever: cancelled, ready',
    'lease leaseMs: cancelled, late, ready',
    'route for ever: cancelled, ready',
    'send commandMs: cancelled, late, ready',
    'send for ever: cancelled, ready',
    'stream slowReaderMs: cancelled, late, ready',
  ])
  t.strictSame(seen.taken(partLife.edges), [...own(partLife.edges), 'pause → lease'].sort())
  t.strictSame(seen.waitsEnded(partLife.edges), [
    'lease leaseMs: cancelled, late, ready',
    'pause tryAgainMs: late',
    'send commandMs: late, ready',
  ])
})
