// Transactions of which a part was lost or ended: those before and behind them are as they were (Y14, Y30).
// Sessions that were taken over, and end with their client.

import t from 'tap'
import { Command } from '../../src/redis/index.js'
import { Broken, IN_MULTI, WATCHES } from '../../src/redis/pin.js'
import { addressOf, setUpCluster } from './sim-cluster.js'
import { holdOne, over, pass, sent, setUp, withOther } from './sim-redis.js'

type It = Pick<ReturnType<typeof setUp>, 'world' | 'settle'>

/** Ends the newest command of this name. */
function end(it: It, name: string): void {
  for (const each of it.world.scheduler.alive())
    if (each instanceof Command && each.info.name === name) {
      each.terminate()
      it.settle()
      return
    }
  throw new Error(`no ${name} lives`)
}

const ENDED = '-ERR command-ended [^\r]*\r\n'
const LOST = '-ERR backend-lost [^\r]*\r\n'
const ABORTED = '-EXECABORT [^\r]*\r\n'
const gateAt = (name: string) => (c: object) => 'info' in c && (c as Command).info.name === name

t.test('Y30: commands before an ended MULTI run, and its own transaction does not', async (t) => {
  const it = setUp({ limits: { gatherMs: 0 } })
  const first = holdOne(t, it, gateAt('get'))
  const client = it.client(sent('GET a', 'ECHO b', 'MULTI', 'SET c 1'))
  it.say(client, sent('EXEC', 'GET d'))
  end(it, 'multi')
  first()
  t.equal(it.backends[0].take(), sent('GET a', 'ECHO b', 'GET d'))
  it.answer('+A\r\n+B\r\n+D\r\n')
  t.match(client.take(), new RegExp(`^\\+A\r\n\\+B\r\n${ENDED}${LOST}${ABORTED}\\+D\r\n$`))
  over(t, it)
})

t.test('Y30: commands behind an ended EXEC are no part of its transaction', async (t) => {
  const it = setUp({ limits: { gatherMs: 0 } })
  const client = it.client(sent('MULTI'))
  it.answer('+OK\r\n')
  const exec = holdOne(t, it, gateAt('exec'))
  it.say(client, sent('SET a 1'))
  it.say(client, sent('EXEC'))
  it.say(client, sent('GET b'))
  end(it, 'exec')
  exec()
  it.settle()
  t.ok(it.backends[0].closed)
  t.equal(it.backends[1].take(), sent('GET b'))
  it.answer('+B\r\n')
  t.match(client.take(), new RegExp(`^\\+OK\r\n${LOST}${ABORTED}\\+B\r\n$`))
  over(t, it)
})

t.test('Y14: commands behind an UNWATCH that was lost are in no transaction', async (t) => {
  const it = setUp({ limits: { gatherMs: 0 } })
  const client = it.client(sent('WATCH a'))
  it.answer('+OK\r\n')
  it.say(client, sent('UNWATCH'))
  it.backends[0].far.reset()
  it.settle()
  it.say(client, sent('GET b'))
  t.equal(it.backends.at(-1)?.take(), sent('GET b'))
  it.answer('+B\r\n')
  t.match(client.take(), new RegExp(`^\\+OK\r\n${LOST}\\+B\r\n$`))
  over(t, it)
})

t.test('Y30: an ended MULTI takes its EXEC with it that was sent, and nothing behind that', async (t) => {
  const it = setUp({ limits: { gatherMs: 0 } })
  const last = holdOne(t, it, (c) => gateAt('watch')(c) && (c as unknown as Command).number === 5)
  const client = it.client(sent('WATCH a', 'MULTI', 'GET a', 'EXEC', 'GET b', 'WATCH c'))
  t.equal(it.backends[0].take(), sent('WATCH a', 'MULTI', 'GET a', 'EXEC', 'GET b'))
  // In the turn in which its session begins to close.
  for (const each of it.world.scheduler.alive()) if (gateAt('multi')(each)) (each as Command).terminate()
  last()
  t.equal(it.backends.at(-1)?.take(), sent('WATCH c'))
  it.answer('+OK\r\n')
  t.match(client.take(), new RegExp(`^${LOST}${ENDED}${LOST}${ABORTED}${LOST}\\+OK\r\n$`))
  over(t, it)
})

t.test('Y14: a command that is found lost late breaks no later transaction', async (t) => {
  const broken = new Broken()
  broken.lost('watch', 1)
  broken.lost('multi', 2)
  t.equal(broken.bits, IN_MULTI | WATCHES)
  broken.lost('unwatch', 3)
  t.equal(broken.bits, IN_MULTI | WATCHES, 'it was to be queued')
  broken.endWith(5)
  for (const each of ['multi', 'watch', 'exec']) broken.lost(each, 4)
  t.equal(broken.bits, 0)
  broken.lost('multi', 7)
  broken.lost('exec', 5)
  t.equal(broken.bits, IN_MULTI, 'EXEC was before it')
  broken.lost('exec', 8)
  t.equal(broken.bits, 0)
  broken.lost('watch', 9)
  broken.lost('unwatch', 10)
  t.equal(broken.bits, 0)
})

t.test('Y30: after an ended MULTI, EXEC ends the watching of keys too', async (t) => {
  const it = setUp({ limits: { gatherMs: 0 } })
  const client = it.client(sent('WATCH a'))
  it.answer('+OK\r\n')
  const multi = holdOne(t, it, gateAt('multi'))
  it.say(client, sent('MULTI'))
  it.say(client, sent('GET a', 'EXEC'))
  end(it, 'multi')
  multi()
  t.match(client.take(), new RegExp(`^\\+OK\r\n${ENDED}${LOST}${ABORTED}$`))
  t.equal(it.backends[0].take(), sent('WATCH a', 'RESET'))
  it.answer('+RESET\r\n', 0)
  it.say(client, sent('GET b'))
  it.answer('+B\r\n')
  t.equal(client.take(), '+B\r\n')
  over(t, it)
})

t.test('Y14, Y25: a transaction that another server’s key ends leaves the next one whole', async (t) => {
  const it = setUp({ limits: { gatherMs: 0 } })
  const { others, backend } = withOther(it)
  const client = it.client(sent('GET a', 'GET o:a'))
  it.answer('+A\r\n')
  others[0].say('+A\r\n')
  it.settle()
  client.take()
  it.backends[0].take()
  it.say(client, sent('MULTI'))
  // The first command of it is in flight when the next one breaks it, and the next transaction begins.
  it.say(client, sent('SET a 1', 'SET o:a 1', 'EXEC', 'SET b 1', 'MULTI', 'SET c 1', 'EXEC', 'GET b'))
  const shared = it.backends.findIndex((each) => each.text.includes('SET'))
  it.answer('+OK\r\n', shared)
  const own = it.backends.length - 1
  t.equal(it.backends[own].take(), sent('MULTI', 'SET c 1', 'EXEC', 'GET b'))
  it.answer('+OK\r\n+QUEUED\r\n*1\r\n+OK\r\n+B\r\n', own)
  const crosses = `${LOST}-CROSSSLOT [^\r]*\r\n${ABORTED}`
  t.match(
    client.take(),
    new RegExp(`^\\+OK\r\n${crosses}(\\+OK\r\n){2}\\+QUEUED\r\n\\*1\r\n\\+OK\r\n\\+B\r\n$`),
  )
  backend.close()
  over(t, it)
})

t.test('Y27: one that pauses is woken when it becomes the oldest, and not by others', async (t) => {
  const it = setUpCluster({ limits: { gatherMs: 0, tryAgainMs: 50 } })
  const client = it.client(sent('GET a', 'GET b'))
  it.reply(2, '+A\r\n')
  it.reply(0, '+B\r\n')
  client.take()
  const [one, , three] = it.nodes
  one.take()
  three.take()
  it.say(client, sent('MGET a a', 'GET b', 'GET b'))
  t.equal(three.take(), sent('MGET a a'))
  it.reply(2, '-TRYAGAIN later\r\n')
  it.reply(0, '+B\r\n')
  it.reply(0, '+B\r\n')
  t.equal(three.take(), '', 'it pauses')
  pass(it, 60)
  t.equal(three.take(), sent('MGET a a'))
  it.reply(2, `*2\r\n+A\r\n+A\r\n`)
  t.equal(client.take(), '*2\r\n+A\r\n+A\r\n+B\r\n+B\r\n')
  it.end(t)
})

t.test('Y14: the reply to EXEC ends its transaction wherever the reply is split', async (t) => {
  const it = setUp({ limits: { gatherMs: 0 } })
  const client = it.client(sent('MULTI'))
  it.answer('+OK\r\n')
  it.say(client, sent('EXEC', 'GET a'))
  it.answer('-')
  it.answer('EXECABORT Transaction discarded\r\n+A\r\n')
  it.say(client, sent('MULTI', 'INCR a'))
  it.say(client, sent('EXEC'))
  it.answer('+OK\r\n+QUEUED\r\n-CROSSSLOT Keys in request\r\n')
  client.take()
  const other = it.client(sent('BLPOP q 0'))
  t.equal(it.backends.length, 1, 'the session is free again')
  it.answer('*-1\r\n')
  t.equal(other.take(), '*-1\r\n')
  over(t, it)
})

t.test('Y27, S8: one that blocks, and is sent to another node, does not pass those before it', async (t) => {
  const it = setUpCluster({ limits: { gatherMs: 0 } })
  const [, , three, other] = it.nodes
  const moved = `-MOVED 1 ${addressOf(3)}\r\n`
  const client = it.client(sent('MULTI', 'GET a'))
  three.take()
  it.reply(2, '+OK\r\n+QUEUED\r\n')
  it.say(client, sent('EXEC', 'RPUSH a 1', 'BLPOP a 0'))
  t.equal(three.take(), sent('EXEC', 'RPUSH a 1', 'BLPOP a 0'))
  it.reply(2, `*1\r\n+A\r\n${moved}${moved}`)
  t.equal(other.take(), sent('RPUSH a 1'), 'it waits until the one before it is answered')
  it.reply(3, ':1\r\n')
  t.equal(other.take(), sent('BLPOP a 0'))
  it.reply(3, '*2\r\n+a\r\n+1\r\n')
  t.equal(client.take(), '+OK\r\n+QUEUED\r\n*1\r\n+A\r\n:1\r\n*2\r\n+a\r\n+1\r\n')
  it.end(t)
})

t.test(
  'Y9, Y11: a client that takes a session over, and sends FIN, is not told of an operator',
  async (t) => {
    const it = setUp({ limits: { gatherMs: 0 } })
    const blocks = holdOne(t, it, gateAt('blpop'))
    const client = it.client(sent('SUBSCRIBE news', 'BLPOP q 0', 'GET b'))
    client.far.end()
    it.settle()
    t.notOk(it.backends[0].ended, 'commands are to come')
    blocks()
    const text = it.backends[0].take()
    t.match(text, /SUBSCRIBE[\s\S]*client-ended \(the client sends nothing more\)[\s\S]*GET/)
    t.notMatch(text, /operator/)
    t.ok(it.backends[0].ended)
    over(t, it)
  },
)

t.test('Y11: the last bytes of a server that ends after its client reach the client', async (t) => {
  const it = setUp({ limits: { gatherMs: 0 } })
  const client = it.client(sent('SUBSCRIBE news'))
  it.answer('*3\r\n+subscribe\r\n+news\r\n:1\r\n')
  client.take()
  const { far } = it.backends[0]
  const last = '*3\r\n+message\r\n+news\r\n+last\r\n'
  far.owner = {
    received: () => {},
    closed: () => {},
    ended: () => {
      far.send(Buffer.from(last))
      far.end()
    },
  }
  client.far.end()
  it.settle()
  t.equal(client.take(), last)
  t.ok(client.ended)
  over(t, it)
})
