// Questions to the name system: the additions of Node's pollset to Node's DNS queries, and the ends of
// questions. test/peers/dnsmasq.test.ts has the answers of a real server.

import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import t, { type Test } from 'tap'
import { ANSWERED, NodePollset, type Query, type Question } from '../../src/pollset/index.js'
import { hostsOf, namesToAsk, ofOneFamily, searchOf } from '../../src/pollset/node/name-files.js'
import { MemoryPollset } from '../../tools/testbed/memory-pollset.js'

const plain: Question = { kind: 'addresses', name: '', servers: [], search: [] }

const HOSTS = `127.0.0.1 localhost
# 192.0.2.1 shop.internal
192.0.2.2	shop.internal SHOP # 192.0.2.3 other
2001:db8::2 shop.internal

no-address shop.internal
2001:db8::3 six.internal
192.0.2.4 shop.internal
192.0.2.2 shop.internal
`

t.test('P35: names of the hosts file: of one family, without regard to case and a final dot', async (t) => {
  for (const name of ['shop.internal', 'SHOP.internal', 'shop.internal.'])
    t.strictSame(hostsOf(HOSTS, name), ['192.0.2.2', '192.0.2.4'], name)
  t.strictSame(hostsOf(HOSTS, 'shop'), ['192.0.2.2'])
  t.strictSame(hostsOf(HOSTS, 'six.internal'), ['2001:db8::3'])
  for (const name of ['other', 'internal', '192.0.2.2', '']) t.strictSame(hostsOf(HOSTS, name), [])
  t.strictSame(ofOneFamily(['::1', '127.0.0.1']), ['127.0.0.1'])
})

t.test('P36: the search list of resolv.conf', async (t) => {
  t.strictSame(searchOf('nameserver 192.0.2.53\n'), { search: [], ndots: 1 })
  t.strictSame(
    searchOf(
      '# search x\ndomain a.example\nsearch ns.svc.cluster.local svc.cluster.local\noptions edns0 ndots:5\n',
    ),
    { search: ['ns.svc.cluster.local', 'svc.cluster.local'], ndots: 5 },
  )
  t.strictSame(searchOf('search a b\ndomain c d\noptions ndots:99'), { search: ['c'], ndots: 15 })
  t.strictSame(searchOf('search ; nothing\noptions ndots:x\nsearch'), { search: [], ndots: 1 })
})

t.test('P36: the names that are asked for, in order', async (t) => {
  const list = { search: ['a.example', 'b.example.', '.'], ndots: 2 }
  t.strictSame(namesToAsk('shop', list), ['shop.a.example', 'shop.b.example', 'shop'])
  t.strictSame(namesToAsk('shop.x', list), ['shop.x.a.example', 'shop.x.b.example', 'shop.x'])
  t.strictSame(namesToAsk('shop.x.y', list), ['shop.x.y', 'shop.x.y.a.example', 'shop.x.y.b.example'])
  t.strictSame(namesToAsk('shop.', list), ['shop'], 'complete')
  t.strictSame(namesToAsk('shop', { search: [], ndots: 1 }), ['shop'])
  const many = Array.from({ length: 40 }, (_, i) => `d${i}`)
  t.equal(namesToAsk('shop', { search: many, ndots: 1 }).length, 17)
})

function asking(t: Test, question: Partial<Question>) {
  const pollset = new NodePollset()
  t.teardown(() => pollset.close())
  return { pollset, query: pollset.query({ ...plain, ...question }) }
}

const answered = (query: Query): Promise<void> =>
  new Promise((resolve) => {
    query.interest = ANSWERED
    query.waiter = { wake: resolve, resume() {} }
  })

t.test('P35: a numeric name and localhost have their addresses without DNS, in a later turn', async (t) => {
  for (const [name, host] of [
    ['192.0.2.7', '192.0.2.7'],
    ['2001:db8::7', '2001:db8::7'],
    ['localhost', '127.0.0.1'],
    ['localhost.', '127.0.0.1'],
  ]) {
    const { query } = asking(t, { name, servers: ['192.0.2.1'] })
    t.equal(query.readiness, 0, 'P3: only marked')
    await answered(query)
    t.strictSame(
      query.records.map((each) => each.host),
      [host],
    )
    t.strictSame([query.ttlMs, query.fault], [null, null])
  }
})

/** A server that says nothing, or the bytes that this returns. */
async function server(t: Test, answer: (asked: Buffer) => Buffer | null) {
  const socket = createSocket('udp4')
  const names: string[] = []
  socket.on('message', (asked, { port, address }) => {
    let at = 12
    const labels: string[] = []
    for (; asked[at] > 0; at += asked[at] + 1)
      labels.push(asked.toString('latin1', at + 1, at + 1 + asked[at]))
    names.push(labels.join('.'))
    const bytes = answer(asked)
    if (bytes !== null) socket.send(bytes, port, address)
  })
  socket.bind(0, '127.0.0.1')
  await once(socket, 'listening')
  t.teardown(() => void socket.close())
  return { at: `127.0.0.1:${socket.address().port}`, names, socket }
}

/** Answers with this code, and no records. */
const withCode = (code: number) => (asked: Buffer) => {
  const bytes = Buffer.from(asked)
  bytes[2] |= 0x80
  bytes[3] = (bytes[3] & 0xf0) | code
  return bytes
}

const NXDOMAIN = 3
const SERVFAIL = 2

t.test('P36: no such name: the next domain of the search list is asked', async (t) => {
  const { at, names } = await server(t, withCode(NXDOMAIN))
  const { query } = asking(t, { name: 'shop', servers: [at], search: ['a.example', 'b.example'] })
  await answered(query)
  t.equal(query.fault?.code, 'ENOTFOUND')
  t.strictSame(names, ['shop.a.example', 'shop.b.example', 'shop'])
})

t.test('P36: a server that fails: no other name is asked for in its place', async (t) => {
  for (const kind of ['addresses', 'services'] as const) {
    const { at, names } = await server(t, withCode(SERVFAIL))
    const { query } = asking(t, { kind, name: 'shop', servers: [at], search: ['a.example'] })
    await answered(query)
    t.equal(query.fault?.code, 'ESERVFAIL')
    t.strictSame([...new Set(names)], ['shop.a.example'])
  }
})

t.test('P37: a question that was given up, and one of a closed pollset, raise nothing', async (t) => {
  for (const end of ['cancel', 'close']) {
    const { at, socket } = await server(t, () => null)
    const asked = once(socket, 'message')
    const { pollset, query } = asking(t, { name: 'shop.', servers: [at] })
    await asked
    if (end === 'cancel') query.cancel()
    else pollset.close()
    query.cancel()
    await new Promise((resolve) => setImmediate(resolve))
    t.strictSame([query.readiness, query.fault, query.records], [0, null, []])
  }
})

t.test('P37: cancelled before its files are read, it asks no server', async (t) => {
  const { at, names } = await server(t, withCode(NXDOMAIN))
  const { query } = asking(t, { name: 'shop', servers: [at], search: null })
  query.cancel()
  const { query: other } = asking(t, { name: 'other.', servers: [at] })
  await answered(other)
  t.strictSame(names, ['other'])
  t.equal(query.readiness, 0)
})

t.test('servers that cannot be servers are a fault', async (t) => {
  const { query } = asking(t, { name: 'shop.', servers: ['nowhere'] })
  await answered(query)
  t.type(query.fault?.code, 'string')
})

t.test('the simulated name system answers as it is told', async (t) => {
  const pollset = new MemoryPollset()
  const ask = (kind: Question['kind'], name: string) => {
    const query = pollset.query({ ...plain, kind, name })
    pollset.run()
    return query.readiness === 0 ? null : (query.fault?.code ?? query.records.map((each) => each.host))
  }
  t.equal(ask('addresses', 'shop'), 'ENOTFOUND')
  t.equal(ask('services', 'shop'), 'ENOTFOUND')
  t.strictSame(ask('addresses', '192.0.2.1'), ['192.0.2.1'])
  pollset.name('shop', ['192.0.2.2'])
  t.strictSame(ask('addresses', 'shop.'), ['192.0.2.2'])
  pollset.name('shop', [])
  t.equal(ask('addresses', 'shop'), 'ENOTFOUND')
  pollset.name('shop', null)
  t.equal(ask('addresses', 'shop'), null)
  pollset.answer('addresses', 'shop', { addresses: ['192.0.2.3'], ttlMs: 1 })
  t.strictSame(ask('addresses', 'shop'), ['192.0.2.3'])
  pollset.answer('services', 'shop', { fault: 'ESERVFAIL' })
  t.equal(ask('services', 'shop'), 'ESERVFAIL')
  pollset.faults = { ...pollset.faults, unresolvedPercent: 100 }
  t.equal(ask('addresses', '192.0.2.1'), 'ENOTFOUND')
})
