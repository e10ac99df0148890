// The operators' view of commands: the reason why a command waits, the holder of a session, and its end.

import t from 'tap'
import { why, whyText } from '../../src/continuation/index.js'
import { Command, shownKeys } from '../../src/redis/index.js'
import { Seen } from '../world/seen.js'
import { holdOne, over, sent, setUp, withOther } from './sim-redis.js'

const seen = new Seen()
const begin = (setting: Parameters<typeof setUp>[0] = {}) => setUp({ seen, ...setting })
type It = ReturnType<typeof begin>

/** The command of this name that lives, the newest first. */
function find(it: It, name: string): Command {
  for (const each of it.world.scheduler.alive())
    if (each instanceof Command && each.info.name === name) return each
  throw new Error(`no ${name} lives`)
}

function end(it: It, name: string): void {
  find(it, name).terminate()
  it.settle()
}

const whyOf = (it: It, name: string): string => whyText(why(find(it, name), it.pollset))

t.test('Y30: a command that waits for its reply is ended; what comes later is dropped', async (t) => {
  const it = begin()
  const one = it.client(sent('GET a', 'SET b 1', 'GET c'))
  end(it, 'set')
  t.equal(one.take(), '', 'the replies keep their order')
  it.answer('+A\r\n+B\r\n+C\r\n')
  t.match(one.take(), /^\+A\r\n-ERR command-ended [^\r]*\r\n\+C\r\n$/)
  over(t, it)
})

t.test('Y30: one that has no session yet, and one that waits for its turn', async (t) => {
  const it = begin({ limits: { exclusiveMax: 1 } })
  const blocks = it.client(sent('BLPOP q 0'))
  const one = it.client(sent('BLPOP r 0', 'LPUSH s x', 'BLMOVE a b LEFT LEFT 0', 'GET a'))
  end(it, 'lpush')
  end(it, 'blmove')
  t.equal(one.take(), '')
  end(it, 'blpop')
  t.match(one.take(), /^(-ERR command-ended [^\r]*\r\n){3}$/)
  t.equal(it.backends.at(-1)?.take(), sent('GET a'), 'the one behind them goes on')
  it.answer('+A\r\n')
  t.equal(one.take(), '+A\r\n')
  it.say(blocks, sent('GET a'))
  end(it, 'blpop')
  t.match(blocks.take(), /^-ERR command-ended /)
  t.ok(it.backends[0].closed, 'its server pops no element for it')
  it.answer('+A\r\n')
  t.equal(blocks.take(), '+A\r\n')
  over(t, it)
})

t.test('Y30: one whose reply has left in part ends with its client', async (t) => {
  const it = begin()
  const one = it.client(sent('GET a'))
  it.answer(`$9000000\r\n${'x'.repeat(100)}`)
  t.not(one.take(), '')
  end(it, 'get')
  t.ok(one.closed)
  over(t, it)
})

t.test('Y30: what is left of a transaction is not executed', async (t) => {
  for (const [ended, isSent] of [
    ['incr', true],
    ['incr', false],
    ['exec', true],
    ['multi', false],
  ] as const) {
    const it = begin({ limits: isSent ? {} : { exclusiveMax: 1 } })
    const other = isSent ? null : it.client(sent('BLPOP q 0'))
    const one = it.client(isSent ? sent('MULTI') : sent('MULTI', 'INCR k'))
    const say = (text: string): void => it.say(one, text)
    if (isSent) {
      it.answer('+OK\r\n')
      say(sent('INCR k'))
      if (ended === 'exec') {
        it.answer('+QUEUED\r\n')
        say(sent('EXEC'))
      }
      end(it, ended)
      if (ended !== 'exec') say(sent('EXEC'))
    } else {
      end(it, ended)
      if (other !== null) it.answer('*-1\r\n', 0)
      it.answer('+OK\r\n')
      say(sent('EXEC'))
    }
    t.match(one.take(), /-EXECABORT [^\r]*\r\n$/, `${ended} ${isSent}`)
    const asked = it.backends.map((each) => each.text).join('')
    if (ended !== 'exec') t.notMatch(asked, /EXEC/, `${ended} ${isSent}`)
    say(sent('GET after'))
    it.answer('+A\r\n')
    t.equal(one.take(), '+A\r\n', `and its client goes on: ${ended} ${isSent}`)
    over(t, it)
  }
})

t.test('Y30, Y31: one that is divided waits for its parts, and ends with them', async (t) => {
  const it = begin()
  const { others, backend } = withOther(it)
  const one = it.client(sent('MGET a o:1', 'GET b'))
  t.match(
    whyOf(it, 'mget'),
    /c0\.gather \(ALL_ENDED\)\n.*p0: is a part that has not ended\n.*redis\.part\.send(.*\n)+?.*sent nothing of the reply/,
  )
  t.match(find(it, 'mget').division, { size: 2, gather: { size: 2 } })
  others[0].say('*1\r\n+O\r\n')
  it.settle()
  t.match(find(it, 'mget').division, { size: 2, gather: { size: 1 } })
  end(it, 'mget')
  t.match(one.take(), /^-ERR command-ended /)
  it.answer('*1\r\n+A\r\n+B\r\n')
  t.equal(one.take(), '+B\r\n')
  backend.close()
  over(t, it)
})

t.test(
  'Y31: the command before it, the one that its session answers, a client that does not take it',
  async (t) => {
    const it = begin()
    it.client(sent('KEYS *'))
    it.client(sent('GET a', 'GET b'))
    t.match(
      whyOf(it, 'keys'),
      /on m1\/c0\.reply \(ANSWERED\|STAYS\)\n {4}b\d: it has sent nothing of the reply in 0\.0 s$/,
    )
    t.match(
      whyOf(it, 'get'),
      /b\d: it answers number 3 of the 3 commands that it has\n {4}m1\/c0: is the one that it answers(.*\n)+.*\(see elsewhere\)/,
    )
    it.answer('*0\r\n+A\r\n+B\r\n')
    over(t, it)
    const full = begin({
      faults: { sendBufferBytes: 1_000 },
      limits: { clientWaitingBytes: 4_000, shareReplyBytesMax: 8_000, exclusiveMax: 0 },
    })
    const slow = full.client(sent('GET a'))
    slow.far.read(false)
    full.answer(`$90000\r\n${'x'.repeat(20_000)}`)
    full.answer('x'.repeat(20_000))
    t.match(
      whyOf(full, 'get'),
      /b\d: it has sent \d+ bytes of the reply in 0\.0 s\n {4}m1: does not take its replies/,
    )
    slow.far.reset()
    full.backends[0].far.reset()
    over(t, full)
  },
)

t.test(
  'Y31: who has a session alone: a transaction, watched keys, a command that blocks, a relay',
  async (t) => {
    for (const [first, reason] of [
      ['MULTI', /b1: open, with 1 of 1 places taken\n +m1: is in a transaction for 0\.0 s/],
      ['WATCH k', /m1: watches keys for 0\.0 s/],
      ['BRPOP x 0', /m1: has it alone for 0\.0 s, for brpop/],
      ['SUBSCRIBE c', /m1: has taken it over for 0\.0 s, by subscribe/],
    ] as const) {
      const it = begin({ limits: { exclusiveMax: 1 } })
      const one = it.client(sent(first))
      const two = it.client(sent('BLPOP q 0', 'GET a'))
      const text = whyOf(it, 'blpop')
      t.match(text, /waits for 0\.0 s, late in .*\n {2}on m\d+\/c0\.lease .*\n.*number 1 of 1 that wait/)
      t.match(text, reason)
      t.match(whyOf(it, 'get'), /c0: is the command before it of its client/)
      one.far.reset()
      two.far.reset()
      over(t, it)
    }
  },
)

t.test('Y32: one that is held while it waits for a session gets one when it goes on', async (t) => {
  const it = begin({ limits: { exclusiveMax: 1, commandMs: 20_000 } })
  it.client(sent('BLPOP q 0'))
  it.client(sent('GET late'))
  const one = it.client(sent('BRPOP x 0'))
  const held = find(it, 'brpop')
  t.ok(it.world.scheduler.hold(held))
  it.answer('*-1\r\n', 0)
  t.equal(it.backends[0].take(), sent('BLPOP q 0'))
  const { receivedAt } = held
  it.pollset.runUntil(() => false, 20_000)
  it.world.scheduler.release(held)
  it.settle()
  t.equal(it.backends[0].take(), sent('BRPOP x 0'))
  t.equal(held.receivedAt, receivedAt + 20_000, 'and is no older by that')
  it.answer('*-1\r\n', 0)
  t.equal(one.take(), '*-1\r\n')
  it.answer('+L\r\n', 1)
  over(t, it)
})

t.test('Y30: one whose whole reply is here has it', async (t) => {
  const it = begin()
  const one = it.client()
  const release = holdOne(t, it, (c) => c.kind === 'redis-command' && c.stepName === 'tell')
  it.say(one, sent('SELECT 2', 'GET a'))
  it.answer('+OK\r\n')
  find(it, 'select').terminate()
  release()
  t.equal(it.backends[1].take(), sent('SELECT 2'), 'it was agreed')
  it.answer('+OK\r\n')
  t.equal(it.backends[1].take(), sent('GET a'))
  it.answer('+A\r\n')
  t.equal(one.take(), '+OK\r\n+A\r\n')
  over(t, it)
})

t.test('the keys of commands, behind their turn too', async (t) => {
  const it = begin()
  it.client(sent('MSET a 1 b 2'))
  t.strictSame(shownKeys(find(it, 'mset'), 10), { keys: ['a', 'b'], more: false })
  t.strictSame(shownKeys(find(it, 'mset'), 1), { keys: ['a'], more: true })
  it.client(sent(`SET ${'k'.repeat(300)} ${'v'.repeat(2_000)}`))
  t.strictSame(shownKeys(find(it, 'set'), 10), { keys: [`${'k'.repeat(256)}…`], more: true })
  it.client(sent('MULTI', 'SET x 1', 'SET y 1', 'EXEC'))
  t.strictSame(shownKeys(find(it, 'multi'), 10), { keys: ['x', 'y'], more: false })
  it.answer('+OK\r\n+OK\r\n+OK\r\n+QUEUED\r\n+QUEUED\r\n*2\r\n+OK\r\n+OK\r\n')
  over(t, it)
})
