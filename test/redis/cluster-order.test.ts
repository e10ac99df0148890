// The order of the commands of one client before a cluster whose slots move, as the simulator has found it broken
// (spec/simulator.md).

import t from 'tap'
import type { Command } from '../../src/redis/index.js'
import { addressOf, SHARES, setUpCluster, slotsReply } from './sim-cluster.js'
import { holdOne, sent } from './sim-redis.js'

const moved = (node: number): string => `-MOVED 1 ${addressOf(node)}\r\n`
const commandAt = (name: string, step: string) => (c: object) =>
  'info' in c && (c as Command).info.name === name && (c as Command).stepName === step

t.test('Y27: what is held on its way to another node is not passed', async (t) => {
  const it = setUpCluster()
  const [, , three, other] = it.nodes
  const client = it.client()
  it.say(client, sent('GET b'))
  it.reply(0, '$-1\r\n')
  client.take()
  // The second has its session, and is held while the first is told of another node, and is held then.
  const second = holdOne(t, it, commandAt('incr', 'send'))
  it.say(client, sent('APPEND a 1', 'INCR a'))
  t.equal(three.take(), sent('APPEND a 1'))
  const first = holdOne(t, it, commandAt('append', 'tell'))
  it.reply(2, moved(3))
  second()
  t.equal(three.take() + other.take(), '', 'it waits')
  first()
  t.equal(other.take(), sent('APPEND a 1'))
  it.reply(3, ':1\r\n')
  it.reply(2, ':2\r\n')
  t.equal(client.take(), ':1\r\n:2\r\n')
  it.end(t)
})

t.test('Y27: a part of a command that is held on its way is not passed', async (t) => {
  const it = setUpCluster()
  const [one, , three, other] = it.nodes
  const client = it.client(sent('GET a', 'GET b'))
  it.reply(0, '$-1\r\n')
  it.reply(2, '$-1\r\n')
  client.take()
  one.take()
  three.take()
  const second = holdOne(t, it, commandAt('incr', 'send'))
  it.say(client, sent('MSET a 1 b 1', 'INCR a'))
  t.equal(three.take() + one.take(), sent('MSET a 1', 'MSET b 1'))
  const first = holdOne(t, it, (c) => c.kind === 'redis-part' && c.stepName === 'judge')
  it.reply(2, moved(3))
  second()
  t.equal(three.take() + other.take(), '', 'it waits')
  first()
  t.equal(other.take(), sent('MSET a 1'))
  it.reply(3, '+OK\r\n')
  it.reply(0, '+OK\r\n')
  it.reply(2, ':2\r\n')
  t.equal(client.take(), '+OK\r\n:2\r\n')
  it.end(t)
})

t.test('Y27: commands that are told of different nodes go there one after the other', async (t) => {
  const it = setUpCluster()
  const [one, two, three, other] = it.nodes
  const client = it.client(sent('APPEND a 1', 'APPEND a 2', 'APPEND a 3'))
  three.take()
  it.reply(2, moved(3) + moved(1) + moved(1))
  t.strictSame([other.take(), two.take()], [sent('APPEND a 1'), ''])
  it.reply(3, moved(1))
  t.equal(two.take(), sent('APPEND a 1', 'APPEND a 2', 'APPEND a 3'), 'to one node they go at once')
  it.reply(1, ':1\r\n:2\r\n:3\r\n')
  t.equal(client.take(), ':1\r\n:2\r\n:3\r\n')
  it.say(client, sent('MSET b 1 c 1', 'APPEND c 2'))
  it.reply(0, '+OK\r\n')
  it.reply(1, moved(3) + moved(2))
  three.take()
  t.equal(other.take(), sent('MSET c 1'))
  it.reply(3, moved(2))
  t.equal(three.take(), sent('MSET c 1', 'APPEND c 2'), 'parts too')
  it.reply(2, '+OK\r\n:2\r\n')
  one.take()
  t.equal(client.take(), '+OK\r\n:2\r\n')
  it.end(t)
})

t.test('Y27: where nobody knows who has a slot, its commands go one by one', async (t) => {
  const it = setUpCluster()
  const [one] = it.nodes
  for (const each of it.nodes) each.slots = slotsReply(SHARES.slice(0, 2))
  const client = it.client(sent('GET c'))
  it.reply(1, moved(3))
  it.reply(3, '$-1\r\n')
  client.take()
  it.pass(1_100)
  it.say(client, sent('APPEND a 1', 'APPEND a 2', 'GET b'))
  t.equal(one.take(), sent('APPEND a 1'), 'the first node is a guess')
  it.reply(0, moved(3))
  it.reply(3, ':1\r\n')
  t.equal(one.take(), sent('APPEND a 2', 'GET b'))
  it.reply(0, ':2\r\n$-1\r\n')
  t.equal(client.take(), ':1\r\n:2\r\n$-1\r\n')
  it.end(t)
})

t.test('Y27: a command that leaves the session of its client does not take that of all', async (t) => {
  const it = setUpCluster()
  const [one, , , other] = it.nodes
  const client = it.client(sent('MULTI'))
  it.say(client, sent('SET b 1'))
  it.reply(0, '+OK\r\n+QUEUED\r\n')
  it.say(client, sent('EXEC'))
  it.say(client, sent('GET b'))
  it.say(client, sent('GET {b}2'))
  t.equal(one.take(), sent('MULTI', 'SET b 1', 'EXEC', 'GET b', 'GET {b}2'))
  const [pin] = one.peers
  pin.say(`*1\r\n+OK\r\n${moved(3)}`)
  it.settle()
  t.equal(other.take(), sent('GET b'))
  const sibling = it.client(sent('GET a'))
  it.reply(2, moved(3))
  t.strictSame([other.take(), other.peers.length], [sent('GET a'), 1], 'on the session that it shares')
  pin.say('$1\r\n2\r\n')
  it.settle()
  it.reply(3, '$1\r\n1\r\n$1\r\n5\r\n')
  t.equal(client.take(), '+OK\r\n+QUEUED\r\n*1\r\n+OK\r\n$1\r\n1\r\n$1\r\n2\r\n')
  t.equal(sibling.take(), '$1\r\n5\r\n')
  it.end(t)
})

t.test('Y28: a transaction whose first command finds its keys nowhere is over', async (t) => {
  const it = setUpCluster({ limits: { redirectsMax: 1 } })
  const [one, two, , other] = it.nodes
  const client = it.client(sent('MULTI'))
  it.say(client, sent('SET b 1'))
  it.reply(0, `+OK\r\n${moved(1)}`)
  it.reply(1, `+OK\r\n${moved(3)}`)
  it.say(client, sent('SET b 2', 'EXEC', 'GET b'))
  t.match(
    client.take(),
    /^\+OK\r\n-ERR too-many-redirects .*\r\n-ERR backend-lost .*\r\n-EXECABORT .*\r\n$/,
    'the others do not run alone',
  )
  for (const each of [two, other]) each.take()
  t.equal(one.take(), sent('MULTI', 'SET b 1', 'GET b'))
  it.reply(0, '$-1\r\n')
  it.end(t)
})

t.test('Y28: MULTI does not begin with a command before it that is sent again', async (t) => {
  const it = setUpCluster()
  const [one, , three] = it.nodes
  const client = it.client(sent('GET a', 'MULTI'))
  three.take()
  three.peer.far.reset()
  it.settle()
  it.say(client, sent('SET b 1'))
  t.equal(three.take(), sent('GET a'))
  it.reply(2, '$1\r\n1\r\n')
  t.equal(client.take(), '$1\r\n1\r\n+OK\r\n')
  t.equal(one.take(), sent('MULTI', 'SET b 1'))
  it.reply(0, '+OK\r\n+QUEUED\r\n')
  client.far.reset()
  it.settle()
  it.end(t)
})

t.test('Y25, Y28: a transaction whose session goes before it has begun gets another', async (t) => {
  const it = setUpCluster()
  const [one] = it.nodes
  const before = it.client(sent('MULTI', 'WATCH b'))
  it.say(before, sent('SET b 0', 'DISCARD'))
  it.reply(0, '+OK\r\n+QUEUED\r\n+OK\r\n')
  const client = it.client(sent('MULTI'))
  const release = holdOne(t, it, commandAt('set', 'send'))
  it.say(client, sent('SET b 1'))
  for (const { far } of one.peers) far.reset()
  it.settle()
  release()
  t.equal(client.take(), '+OK\r\n')
  t.equal(one.peer.take(), sent('MULTI', 'SET b 1'))
  it.reply(0, '+OK\r\n+QUEUED\r\n')
  t.equal(client.take(), '+QUEUED\r\n')
  client.far.reset()
  it.settle()
  it.end(t)
})

t.test('Y25, Y28: what comes behind EXEC is no part of the transaction, before its reply too', async (t) => {
  const it = setUpCluster()
  const [one, two, three] = it.nodes
  const client = it.client(sent('MULTI'))
  it.say(client, sent('SET b 1'))
  it.reply(0, '+OK\r\n+QUEUED\r\n')
  // Another shard, several, a transaction of another one, and an identity.
  it.say(client, sent('EXEC'))
  it.say(client, sent('MGET a c', 'SET a 1'))
  it.say(client, sent('MULTI'))
  it.say(client, sent('SET c 1'))
  it.say(client, sent('EXEC'))
  t.equal(one.take(), sent('MULTI', 'SET b 1', 'EXEC'))
  it.reply(0, '*1\r\n+OK\r\n')
  t.equal(client.take(), '+OK\r\n+QUEUED\r\n*1\r\n+OK\r\n')
  t.equal(three.take(), sent('MGET a', 'SET a 1'))
  t.equal(two.take(), sent('MGET c', 'MULTI', 'SET c 1', 'EXEC'), 'all of it has come by now')
  it.reply(1, '*1\r\n$-1\r\n+OK\r\n+QUEUED\r\n*1\r\n+OK\r\n')
  it.reply(2, '*1\r\n$-1\r\n+OK\r\n')
  t.equal(client.take(), '*2\r\n$-1\r\n$-1\r\n+OK\r\n+OK\r\n+QUEUED\r\n*1\r\n+OK\r\n')
  it.end(t)
})

t.test('Y25: what comes behind a large command has its own shards', async (t) => {
  const it = setUpCluster({ limits: { shareBytesMax: 1_000 } })
  const [one, two, three] = it.nodes
  const large = sent(`SET b ${'x'.repeat(2_000)}`)
  const client = it.client(large.slice(0, 1_500))
  it.say(client, large.slice(1_500))
  it.say(client, sent('MGET a c'))
  it.say(client, sent('MULTI', 'SET a 1'))
  it.reply(0, '+OK\r\n')
  it.reply(1, '*1\r\n$-1\r\n')
  it.reply(2, '*1\r\n$-1\r\n')
  t.equal(client.take(), '+OK\r\n*2\r\n$-1\r\n$-1\r\n+OK\r\n')
  two.take()
  one.take()
  t.equal(three.take(), sent('MGET a', 'MULTI', 'SET a 1'))
  it.reply(2, '+OK\r\n+QUEUED\r\n')
  client.far.reset()
  it.settle()
  it.end(t)
})

t.test('Y28: a transaction in one piece that is discarded shows no node', async (t) => {
  const it = setUpCluster()
  const [one, two] = it.nodes
  const client = it.client(sent('MULTI', 'SET b 1', 'DISCARD', 'MULTI', 'CLUSTER NODES', 'EXEC'))
  one.take()
  it.reply(0, `+OK\r\n${moved(1)}`)
  t.equal(two.take(), sent('MULTI', 'SET b 1'))
  it.reply(1, '+OK\r\n+QUEUED\r\n')
  it.reply(1, '+OK\r\n')
  t.equal(
    client.take(),
    '+OK\r\n+QUEUED\r\n+OK\r\n+OK\r\n-ERR This instance has cluster support disabled\r\n*0\r\n',
  )
  it.end(t)
})

t.test(
  'Y13, Y27: a command that is late, and was told of another node while it was held, has one reply',
  async (t) => {
    const it = setUpCluster({ limits: { commandMs: 100 } })
    const [, , three, other] = it.nodes
    const client = it.client()
    const release = holdOne(t, it, commandAt('incr', 'giveUp'))
    it.say(client, sent('INCR a', 'GET a'))
    t.equal(three.take(), sent('INCR a', 'GET a'))
    it.pass(99)
    it.reply(2, '')
    it.pass(2)
    it.reply(2, `${moved(3)}$1\r\n1\r\n`)
    release()
    t.match(client.take(), /^-ERR command-late .*\r\n(\$1\r\n1\r\n|-ERR command-late .*\r\n)$/)
    t.equal(other.peers.length, 0, 'it is not sent again')
    it.end(t)
  },
)

t.test('Y26: a node that has left is known as long as a command is on its way to it', async (t) => {
  const it = setUpCluster({ limits: { clusterEveryMs: 1_000 } })
  const release = holdOne(t, it, (c) => c.kind === 'redis-part' && c.stepName === 'lease')
  const client = it.client(sent('MGET b a'))
  for (const each of it.nodes) each.slots = slotsReply([[0, 16_383, 2]])
  const isListed = () => it.backend.engines().some(({ name }) => name.startsWith(addressOf(0)))
  it.pass(2_500)
  t.notOk(isListed(), 'nobody uses it')
  release()
  t.ok(isListed())
  it.reply(0, '*1\r\n$-1\r\n')
  it.reply(2, '*1\r\n$-1\r\n')
  t.equal(client.take(), '*2\r\n$-1\r\n$-1\r\n')
  it.end(t)
})

t.test('Y12: a read that was lost is sent again once, wherever its keys are', async (t) => {
  const it = setUpCluster()
  const [, , three, other] = it.nodes
  const client = it.client(sent('GET a'))
  for (let n = 0; n < 2; n++) {
    t.equal(three.take(), sent('GET a'))
    if (n === 0) three.peer.far.reset()
    else it.reply(2, moved(3))
    it.settle()
  }
  t.equal(other.take(), sent('GET a'))
  other.peer.far.reset()
  it.settle()
  t.match(client.take(), /^-ERR backend-lost /)
  t.equal(three.take() + other.peers.map((each) => each.take()).join(''), '')
  it.end(t)
})

t.test(
  'Y30: one that waits to be sent again, behind a loss and MOVED, has a reply when it is ended',
  async (t) => {
    const it = setUpCluster()
    const [, , three] = it.nodes
    const client = it.client(sent('GET a'))
    three.take()
    three.peer.far.reset()
    it.settle()
    t.equal(three.take(), sent('GET a'))
    const release = holdOne(t, it, commandAt('get', 'route'))
    it.reply(2, moved(3))
    for (const each of it.world.scheduler.alive()) if ('info' in each) (each as Command).terminate()
    release()
    t.match(client.take(), /^-ERR command-ended /)
    it.end(t)
  },
)

t.test('Y26: a new node has not the place of one that has left', async (t) => {
  const it = setUpCluster({ limits: { clusterEveryMs: 1_000 } }, [0], 5)
  const placeOf = (node: number): number => {
    for (const each of it.nodes) each.slots = slotsReply([...SHARES.slice(0, 2), [10_923, 16_383, node]])
    it.pass(2_500)
    return it.backend.map.shards.find(({ name }) => name === addressOf(node))?.index ?? -1
  }
  const places = [3, 4, 3].map(placeOf)
  t.equal(new Set(places).size, 3, `${places}`)
  t.notOk(places.includes(-1))
  it.end(t)
})
