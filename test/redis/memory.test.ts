// The bytes that the proxy keeps for clients of Redis, within the World's memory budget (Y46).

import t from 'tap'
import type { Continuation } from '../../src/continuation/index.js'
import { addressOf, setUpCluster } from './sim-cluster.js'
import { holdOne, over, pass, sent, setUp, withOther } from './sim-redis.js'

const long = (bytes: number): string => 'x'.repeat(bytes)
/** The beginning of a command, and its rest. */
const halves = (command: string, at = command.length - 20): [string, string] => [
  command.slice(0, at),
  command.slice(at),
]
/** Only the most counts. */
const unstalled = (heldBytesSoft: number) => ({
  heldBytesSoft,
  heldBytesMax: heldBytesSoft,
  stallMs: 1_000_000,
})

t.test('Y46: the bytes of commands in flight are counted, once for all that came together', async (t) => {
  const it = setUp({ limits: { gatherMs: 0 } })
  const { memory } = it.world
  const text = sent(...Array.from({ length: 100 }, (_, n) => `GET key${n}`))
  const client = it.client(text)
  t.equal(memory.bytes, text.length)
  it.answer('+A\r\n'.repeat(99))
  t.equal(memory.bytes, text.length, 'one of them still needs the copy')
  it.answer('+A\r\n')
  t.equal(memory.bytes, 0)
  t.equal(client.take(), '+A\r\n'.repeat(100))
  it.say(client, sent(`SET a ${long(10_000)}`))
  t.equal(memory.bytes, it.world.redisLimits.retryBytesMax, 'the beginning is kept for people')
  it.answer('+OK\r\n')
  t.equal(memory.bytes, 0)
  over(t, it)
})

t.test(
  'Y46: names, identities, parts and their replies, and replies behind others are counted',
  async (t) => {
    const it = setUp({ limits: { gatherMs: 0 } })
    const { memory } = it.world
    const client = it.client(sent(`CLIENT SETNAME ${long(3_000)}`))
    t.equal(memory.bytes, 3_000, 'as long as the client is there')
    it.say(client, sent('CLIENT SETNAME b'))
    t.equal(memory.bytes, 1)
    it.say(client, sent('RESET'))
    t.equal(memory.bytes, 0)
    client.take()
    const auth = sent(`AUTH ${long(500)}`)
    it.say(client, auth)
    t.equal(memory.bytes, auth.length + 500)
    it.answer('-WRONGPASS\r\n')
    t.equal(memory.bytes, 0)
    client.take()
    const { others, backend } = withOther(it)
    const get = sent('MGET a o:b')
    const slow = it.client(sent('GET o:a') + get)
    const [parts] = [sent('MGET a').length + sent('MGET o:b').length]
    t.equal(memory.bytes, sent('GET o:a').length + get.length + parts)
    it.answer(`*1\r\n$2000\r\n${long(2_000)}\r\n`)
    t.ok(memory.bytes >= 2_000 + get.length + parts, 'the reply of the first part')
    others[0].say('+A\r\n*1\r\n$2\r\nbb\r\n')
    it.settle()
    t.equal(memory.bytes, 0)
    t.equal(slow.take(), `+A\r\n*2\r\n$2000\r\n${long(2_000)}\r\n$2\r\nbb\r\n`)
    it.say(slow, sent('GET o:a', 'GET a'))
    it.answer(`$2000\r\n${long(2_000)}\r\n`)
    t.ok(memory.bytes >= 2_000, 'it waits behind the first')
    others[0].say('+A\r\n')
    it.settle()
    t.equal(memory.bytes, 0)
    slow.take()
    backend.close()
    over(t, it)
  },
)

t.test('Y46: a merged reply that waits behind another one is counted', async (t) => {
  const it = setUp({ limits: { gatherMs: 0 } })
  const { memory } = it.world
  const { others, backend } = withOther(it)
  it.client(sent('GET a'))
  it.answer('+A\r\n')
  const slow = it.client(sent('GET a', 'MGET a o:b'))
  others[0].say(`*1\r\n$2000\r\n${long(2_000)}\r\n`)
  it.settle()
  const before = holdOne(t, it, (c) => (c as { info?: { name: string } }).info?.name === 'get')
  it.answer(`+A\r\n*1\r\n$2000\r\n${long(2_000)}\r\n`)
  t.ok(memory.bytes >= 4_000, 'it is whole, and waits')
  before()
  t.equal(memory.bytes, 0)
  t.match(slow.take(), /^\+A\r\n\*2\r\n\$2000\r\nx+\r\n\$2000\r\nx+\r\n$/)
  backend.close()
  over(t, it)
})

t.test('Y46: no command begins without room; one that has begun to come is read', async (t) => {
  const it = setUp({ limits: { gatherMs: 0 }, transport: { heldBytesSoft: 4_000, stallMs: 1_000_000 } })
  const [first, rest] = halves(sent(`SET a ${long(4_500)}`))
  const one = it.client(first)
  const others = [it.client(sent('GET b')), it.client(sent('GET c'))]
  t.equal(it.proxy.begun, 0, 'they wait')
  it.say(others[0], sent('GET d'))
  it.say(one, rest)
  t.match(it.backends[0].take(), /^\*3\r\n\$3\r\nSET/)
  it.answer('+OK\r\n')
  pass(it, 5)
  t.equal(it.backends[0].take(), sent('GET b', 'GET c', 'GET d'), 'in turn')
  it.answer('+B\r\n+C\r\n+D\r\n')
  t.strictSame([one.take(), others[0].take(), others[1].take()], ['+OK\r\n', '+B\r\n+D\r\n', '+C\r\n'])
  t.notOk(it.world.memoryLine.deadlineArmed, 'nobody waits')
  over(t, it)
})

t.test('Y46: those who wait are let in a few at a time, and one that goes gives up its place', async (t) => {
  const it = setUp({ limits: { gatherMs: 0 }, transport: { heldBytesSoft: 100_000, stallMs: 1_000_000 } })
  const [first, rest] = halves(sent(`SET a ${long(110_000)}`))
  const one = it.client(first)
  t.ok(it.world.memory.aboveSoft)
  const clients = Array.from({ length: 6 }, () => it.client(sent('GET b')))
  clients[0].far.reset()
  it.say(one, rest)
  let begun: number[] = []
  it.world.scheduler.tracer = {
    transition: () => void begun.push(it.proxy.begun),
    diverted() {},
    held() {},
    released() {},
    redirected() {},
  }
  it.answer('+OK\r\n')
  t.equal(it.proxy.begun, 3, 'there is room for what two may send')
  pass(it, 10)
  begun = begun.filter((each, at) => each !== begun[at - 1])
  t.strictSame(begun.slice(-3), [4, 5, 6], 'then the others')
  it.answer('+B\r\n'.repeat(5))
  t.strictSame(
    clients.slice(1).map((each) => each.take()),
    Array.from({ length: 5 }, () => '+B\r\n'),
  )
  over(t, it)
})

t.test(
  'Y46: a client that sends the rest of its command too slowly is closed for those who wait',
  async (t) => {
    const it = setUp({ limits: { gatherMs: 0 }, transport: { heldBytesSoft: 4_000, stallMs: 300 } })
    const [first] = halves(sent(`SET a ${long(4_500)}`))
    const slow = it.client(first)
    const other = it.client(sent('GET b'))
    pass(it, 200)
    t.strictSame([slow.closed, it.proxy.begun], [false, 0])
    pass(it, 400)
    t.strictSame([slow.closed, it.proxy.begun, it.world.memory.stalls], [true, 1, 1])
    it.answer('+B\r\n')
    t.equal(other.take(), '+B\r\n')
    over(t, it)
  },
)

t.test('Y46: held bytes do not pass the most, and siblings are unharmed', async (t) => {
  const it = setUp({ limits: { gatherMs: 0 }, transport: unstalled(10_000) })
  const sibling = it.client(sent('GET a'))
  const [first] = halves(sent(`SET a ${long(12_000)}`))
  const large = it.client(first)
  t.ok(large.closed)
  t.equal(it.world.memory.bytes, sent('GET a').length)
  it.answer('+A\r\n')
  t.equal(sibling.take(), '+A\r\n')
  over(t, it)
})

t.test('Y46: copies of commands that are sent are given up first, and end nothing', async (t) => {
  const it = setUp({ limits: { gatherMs: 0, retryBytesMax: 4_000 }, transport: unstalled(6_000) })
  const reader = it.client(sent(`GET ${long(2_000)}`))
  pass(it, 10)
  const [first, rest] = halves(sent(`SET a ${long(4_500)}`))
  const writer = it.client(first)
  t.ok(it.world.memory.bytes <= 6_000)
  t.equal(it.world.memory.stalls, 0)
  it.say(writer, rest)
  it.answer('+A\r\n+OK\r\n')
  t.strictSame([reader.take(), writer.take()], ['+A\r\n', '+OK\r\n'])
  // It is not sent again without its bytes.
  it.say(reader, sent(`GET ${long(2_000)}`))
  pass(it, 10)
  it.say(writer, first)
  it.backends[0].far.reset()
  it.settle()
  t.match(reader.take(), /^-ERR backend-lost/)
  over(t, it)
})

t.test('Y46: no copy is made without room, except of what has not left', async (t) => {
  const it = setUp({ limits: { gatherMs: 0, retryBytesMax: 4_000 }, transport: { heldBytesSoft: 4_000 } })
  const { memory } = it.world
  const [first, rest] = halves(sent(`SET a ${long(4_500)}`))
  const one = it.client(sent('GET a'))
  it.answer('+A\r\n')
  one.take()
  it.say(one, first)
  t.equal(memory.bytes, 5_120)
  it.say(one, `${rest}${sent(`GET ${long(1_000)}`)}`)
  t.equal(memory.bytes, 0, 'all have left')
  it.answer('+OK\r\n+A\r\n')
  t.equal(one.take(), '+OK\r\n+A\r\n')
  t.equal(memory.bytes, 0)
  over(t, it)
})

t.test('Y46: the bytes of what a debugger holds are given up first, and it is told', async (t) => {
  const it = setUp({ limits: { gatherMs: 0 }, transport: unstalled(6_000) })
  const lost: string[] = []
  it.world.memory.onHeldLoss = (held: Continuation, bytes, limit) =>
    void lost.push(`${held.id} ${bytes} ${limit}`)
  let held = ''
  const goesOn = holdOne(t, it, (c) => {
    if (c.kind !== 'redis-command') return false
    held = c.id
    return true
  })
  const command = sent(`GET ${long(1_500)}`)
  const debugged = it.client(command)
  const older = it.client()
  pass(it, 10)
  it.say(older, halves(sent(`SET a ${long(4_500)}`))[0])
  t.ok(debugged.closed)
  t.strictSame(lost, [`${held} ${command.length} transport.heldBytesMax`])
  t.notOk(older.closed)
  goesOn()
  older.far.reset()
  it.settle()
  over(t, it)
})

t.test('Y46, Y28: a command whose bytes were given up does not follow its keys', async (t) => {
  const it = setUpCluster({ limits: { gatherMs: 0 }, transport: unstalled(6_000) })
  const client = it.client(sent(`APPEND a ${long(2_000)}`))
  pass(it, 10)
  const other = it.client(halves(sent(`SET b ${long(4_500)}`))[0])
  t.equal(it.world.memory.stalls, 0)
  it.reply(2, `-MOVED 1 ${addressOf(3)}\r\n`)
  t.match(client.take(), /^-ERR slot-moved/)
  other.far.reset()
  it.settle()
  it.end(t)
})

t.test('Y46, S8: a command is not sent again behind a later one whose bytes are not kept', async (t) => {
  const it = setUpCluster({
    limits: { gatherMs: 0 },
    transport: { heldBytesSoft: 6_000, stallMs: 1_000_000 },
  })
  const client = it.client(sent('GET a'))
  it.reply(2, '+A\r\n')
  client.take()
  const [first, rest] = halves(sent(`APPEND a ${long(300)}`))
  it.say(client, sent('APPEND a 1') + first)
  const other = it.client(halves(sent(`SET b ${long(5_600)}`))[0])
  it.say(client, rest)
  t.match(it.nodes[2].take(), /APPEND.*APPEND/s)
  // The slot has come back between the two, and the second has run.
  it.reply(2, `-MOVED 1 ${addressOf(3)}\r\n:301\r\n`)
  t.match(client.take(), /^-ERR slot-moved .*\r\n:301\r\n$/)
  t.equal(it.nodes[3].peers.length, 0)
  other.far.reset()
  it.settle()
  it.end(t)
})
