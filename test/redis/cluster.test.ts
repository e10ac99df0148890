// A cluster on the simulated network: how its slots are learned, and how commands find their keys.

import t from 'tap'
import { commandLife, partLife } from '../../src/redis/index.js'
import { redirectionIn } from '../../src/redis/redirects.js'
import { slotRangesOf } from '../../src/redis/slot-ranges.js'
import { Seen } from '../world/seen.js'
import { addressOf, CLUSTER_EDGES, SHARES, setUpCluster, slotsReply } from './sim-cluster.js'
import { sent } from './sim-redis.js'

const seen = new Seen()
const moved = (node: number): string => `-MOVED 1 ${addressOf(node)}\r\n`
const ask = (node: number): string => `-ASK 1 ${addressOf(node)}\r\n`
const AGAIN = '-TRYAGAIN Multiple keys request during rehashing of slot\r\n'
const ASKING = sent('ASKING')

t.test('Y26: the slots are asked of a node, soon after MOVED, and from time to time', async (t) => {
  const it = setUpCluster({ seen })
  const [first, , third, other] = it.nodes
  t.strictSame(it.told, ['3 nodes'])
  const client = it.client(sent('SET a 1', 'SET b 2', 'SET c 3'))
  t.strictSame(
    it.nodes.map((each) => each.take()),
    [sent('SET b 2'), sent('SET c 3'), sent('SET a 1'), ''],
  )
  for (const node of [0, 1]) it.reply(node, '+OK\r\n')
  for (const each of it.nodes) each.slots = slotsReply([...SHARES.slice(0, 2), [10_923, 16_383, 3]])
  const before = it.nodes.flatMap(({ asked }) => asked).length
  it.reply(2, moved(3))
  t.equal(other.take(), sent('SET a 1'), 'it is sent again at once')
  it.reply(3, '+OK\r\n')
  t.equal(client.take(), '+OK\r\n+OK\r\n+OK\r\n')
  for (let n = 0; n < 5; n++) {
    it.say(client, sent('GET a'))
    if (third.take() === '') break
    it.reply(2, moved(3))
    it.reply(3, '$1\r\n1\r\n')
  }
  it.pass(1_100)
  const asked = it.nodes.flatMap(({ asked }) => asked)
  t.equal(asked.length, before + 1, 'many commands were moved: one question')
  t.equal(other.asked.length, 1, 'the node that was named knows')
  t.strictSame(it.told, ['3 nodes', '3 nodes'])
  other.take()
  it.say(client, sent('GET a'))
  t.strictSame([other.take(), third.take()], [sent('GET a'), ''])
  it.reply(3, '$1\r\n1\r\n')
  it.pass(10)
  t.ok(third.peers[0].ended, 'the node that has left is drained')
  t.equal(it.backend.engines().filter(({ name }) => name.startsWith(addressOf(2))).length <= 1, true)
  it.pass(60_000)
  t.equal(it.nodes.flatMap((each) => each.asked).length, asked.length + 1)
  t.equal(first.peers.length, 1)
  it.end(t)
})

t.test('Y26: servers that do not tell are passed over, and asked more and more rarely', async (t) => {
  const limits = { clusterAnswerMs: 100, clusterReplyBytesMax: 1_000, clusterNodesMax: 3 }
  const it = setUpCluster({ seen, limits }, [0, 1, 2])
  it.backend.configure({ ...it.options, cluster: { ...it.options.cluster } })
  const [one, two, three] = it.nodes
  for (const [words, why] of [
    [['', 'close', '-NOAUTH Authentication required.\r\n'], /it answers -NOAUTH/],
    [['+OK\r\n', '*0\r\n', '*1\r\n:1\r\n'], /is not one of CLUSTER SLOTS/],
    [['*0\r\n', '*0\r\n', '*0\r\n'], /no node that has slots/],
    [[`$2000\r\n${'x'.repeat(2_000)}\r\n`, '', 'close'], /.*/],
    [
      [0, 1, 2].map(() => slotsReply([0, 1, 2, 3].map((each) => [each, each, each]))),
      /names more than 3 nodes/,
    ],
  ] as const) {
    for (const [at, each] of words.entries()) it.nodes[at].slots = each
    it.told.length = 0
    it.pollset.runUntil(() => it.told.some((each) => why.test(each)), 200_000)
    t.ok(
      it.told.some((each) => why.test(each)),
      `${why}: ${it.told}`,
    )
  }
  for (const each of [one, two, three]) each.asked = []
  it.pass(200_000)
  const times = one.asked.map((each, at) => each - (one.asked[at - 1] ?? 0)).slice(2)
  t.ok(times.length > 1 && times.every((each) => each >= 59_000 && each < 62_000), `${times}`)
  const client = it.client(sent('DBSIZE', 'SCAN 0', 'GET a'))
  t.match(client.take(), /^-ERR cluster-unknown .*\r\n-ERR cluster-unknown .*\r\n$/)
  const asked = it.nodes.find((each) => each.peers.length > 0)
  t.equal(asked?.take(), sent('GET a'), 'a command with a key finds its way')
  asked?.peer.say('$-1\r\n')
  it.settle()
  two.slots = slotsReply(SHARES)
  it.told.length = 0
  it.pollset.runUntil(() => it.told.length > 0, 200_000)
  t.strictSame(it.told, ['3 nodes'])
  it.end(t)
})

t.test('Y26: what nodes say', async (t) => {
  const read = (text: string) => slotRangesOf(Buffer.from(text, 'latin1'))
  t.strictSame(read(slotsReply(SHARES.slice(0, 1))), [
    { first: 0, last: 5460, host: '192.0.2.31', port: 7_000 },
  ])
  const own = (host: string) => read(`*1\r\n*3\r\n:0\r\n:1\r\n*2\r\n${host}:7\r\n`)
  for (const each of ['$-1\r\n', '$0\r\n\r\n', '$1\r\n?\r\n']) t.equal(own(each)?.[0].host, '')
  t.equal(own('$6\r\nr.test\r\n')?.[0].host, 'r.test')
  for (const each of [
    '+OK\r\n',
    '*1\r\n:1\r\n',
    '*1\r\n*2\r\n:0\r\n:1\r\n',
    '*1\r\n*3\r\n:0\r\n:1\r\n:2\r\n',
  ])
    t.equal(read(each), null, each)
  for (const range of [':2\r\n:1', ':0\r\n:16384', ':x\r\n:1'])
    t.equal(read(`*1\r\n*3\r\n${range}\r\n*2\r\n$1\r\nh\r\n:7\r\n`), null, range)
  for (const end of ['*1\r\n$1\r\nh\r\n', '*2\r\n$1\r\nh\r\n:0\r\n', '*2\r\n$1\r\nh\r\n:65536\r\n'])
    t.equal(read(`*1\r\n*3\r\n:0\r\n:1\r\n${end}`), null, end)
  t.strictSame(redirectionIn('-MOVED 3999 127.0.0.1:6381\r\n'), {
    kind: 'moved',
    host: '127.0.0.1',
    port: 6381,
  })
  t.strictSame(redirectionIn('-ASK 3999 ::1:6381\r\n'), { kind: 'ask', host: '::1', port: 6381 })
  t.strictSame(redirectionIn('-MOVED 1 :6381\r\n'), { kind: 'moved', host: '', port: 6381 })
  t.strictSame(redirectionIn('-MOVED 1 ?:6381\r\n'), { kind: 'moved', host: '', port: 6381 })
  t.strictSame(redirectionIn(`+OK\r\n${AGAIN}-EXECABORT x\r\n`), { kind: 'again' })
  for (const each of ['-ERR MOVED 1 a:1\r\n', '-MOVED\r\n', '-CLUSTERDOWN x\r\n', '-MOVEDX 1 a:1\r\n'])
    t.equal(redirectionIn(each), null, each)
})

t.test('Y27: a command follows its keys; ASKING goes directly before it', async (t) => {
  const it = setUpCluster({ seen })
  const [, , third, other] = it.nodes
  const client = it.client(sent('SET a 1', 'GET a'))
  it.nodes[2].take()
  it.reply(2, `${ask(3)}${ask(3)}`)
  t.equal(other.take(), ASKING + sent('SET a 1') + ASKING + sent('GET a'))
  it.say(client, sent('SET b 1', 'GET a'))
  t.equal(it.nodes[0].peers.length, 0, 'what comes behind waits')
  it.reply(3, '+OK\r\n+OK\r\n+OK\r\n$1\r\n1\r\n')
  t.equal(client.take(), '+OK\r\n$1\r\n1\r\n')
  t.strictSame(
    [it.nodes[0].take(), third.take()],
    [sent('SET b 1'), sent('GET a')],
    'the map has not changed',
  )
  it.reply(0, '+OK\r\n')
  const whole = moved(1)
  for (const each of whole) it.reply(2, each)
  t.equal(it.nodes[1].take(), sent('GET a'), 'however it is split')
  it.reply(1, ask(3))
  t.equal(other.take(), ASKING + sent('GET a'))
  it.reply(3, '+OK\r\n$-1\r\n')
  t.equal(client.take(), '+OK\r\n$-1\r\n')
  it.say(client, sent('GET a'))
  for (let n = 0; n < 9; n++) it.reply(n % 2 === 0 ? 2 : 3, moved(n % 2 === 0 ? 3 : 2))
  t.match(client.take(), /^-ERR too-many-redirects /)
  it.say(client, sent('GET a'))
  it.reply(2, '-CLUSTERDOWN The cluster is down\r\n')
  t.equal(client.take(), '-CLUSTERDOWN The cluster is down\r\n', 'other errors pass')
  it.say(client, sent('INCR a'))
  third.take()
  it.reply(2, moved(3))
  other.take()
  other.peer.far.reset()
  it.settle()
  t.match(client.take(), /^-ERR backend-lost /, 'it may have run where it went')
  it.end(t)
})

t.test('Y27: a slot that comes back within a pipeline lets no command pass another on its key', async (t) => {
  const it = setUpCluster({ seen, limits: { tryAgainMs: 50 } })
  const [first, , third, other] = it.nodes
  const client = it.client(sent('SET a 1', 'SET a 2', 'GET {a}3'))
  third.take()
  it.reply(2, moved(3))
  t.equal(other.peers.length, 0, 'it waits for those behind it')
  it.reply(2, '+OK\r\n')
  it.reply(2, '$-1\r\n')
  t.equal(other.peers.length, 0)
  t.match(client.take(), /^-ERR slot-moved .*has run.*\r\n\+OK\r\n\$-1\r\n$/)

  it.say(client, sent('SET a 1', 'SET {a}2 2', 'INCR {a}2'))
  third.take()
  it.reply(2, `${ask(3)}+OK\r\n`)
  t.equal(other.take(), ASKING + sent('SET a 1'), 'they have another key of its slot')
  it.reply(2, ':3\r\n')
  it.reply(3, '+OK\r\n+OK\r\n')
  t.equal(client.take(), '+OK\r\n+OK\r\n:3\r\n')

  it.say(client, sent('SET a 1', 'SET a 2'))
  third.take()
  it.reply(2, moved(3))
  t.equal(other.take(), '')
  it.reply(2, moved(3))
  t.equal(other.take(), sent('SET a 1', 'SET a 2'), 'in order')
  it.reply(3, '+OK\r\n+OK\r\n')
  t.equal(client.take(), '+OK\r\n+OK\r\n')

  it.say(client, sent('SET a 1', 'MSET a 2 b 2', 'EXISTS a'))
  third.take()
  first.take()
  it.reply(2, `${moved(3)}+OK\r\n`)
  it.reply(2, ':1\r\n')
  it.reply(0, '+OK\r\n')
  t.match(client.take(), /^-ERR slot-moved .*\r\n\+OK\r\n:1\r\n$/, 'behind it is a part of another')

  it.say(client, sent('MSET a 1 b 1', 'SET a 2'))
  it.reply(0, '+OK\r\n')
  it.reply(2, `${moved(3)}+OK\r\n`)
  it.pass(60)
  t.match(client.take(), /^-ERR slot-moved .*\r\n\+OK\r\n$/, 'a part')
  t.equal(other.take(), '')
  third.take()
  it.say(client, sent('MSET a 1 b 1', 'SET a 2'))
  it.reply(0, '+OK\r\n')
  it.reply(2, moved(3) + moved(3))
  it.pass(60)
  t.equal(other.take(), sent('MSET a 1', 'SET a 2'), 'in order')
  it.reply(3, '+OK\r\n+OK\r\n')
  t.equal(client.take(), '+OK\r\n+OK\r\n')

  it.say(client, sent('GET a', 'SET a 2', 'GET a'))
  it.reply(2, moved(3))
  third.peer.far.reset()
  it.settle()
  t.match(client.text, /^-ERR slot-moved .*\r\n-ERR backend-lost .*\r\n$/, 'what was lost may have run')
  it.reply(2, '$1\r\n2\r\n')
  t.match(client.take(), /\$1\r\n2\r\n$/)
  it.end(t)
})

t.test(
  'Y27: a command that waits so ends when its client goes, and when those behind it are late',
  async (t) => {
    const it = setUpCluster({ seen, limits: { commandMs: 1_000 } })
    const [, , third, other] = it.nodes
    const client = it.client(sent('SET a 1'))
    third.take()
    it.pass(500)
    it.say(client, sent('SET a 2'))
    it.reply(2, moved(3))
    it.pass(1_100)
    t.match(client.take(), /^-ERR slot-moved .*\r\n-ERR command-late .*\r\n$/)
    t.equal(other.peers.length, 0)
    it.reply(2, '+OK\r\n')
    it.say(client, sent('SET a 1', 'SET a 2'))
    it.reply(2, moved(3))
    client.far.reset()
    it.settle()
    it.end(t)
  },
)

t.test('Y27: a command whose keys are just moving is sent again after a while', async (t) => {
  const it = setUpCluster({ seen, limits: { tryAgainMs: 50, commandMs: 1_000 } })
  const [, , third, other] = it.nodes
  const client = it.client(sent('MGET {a}1 {a}2', 'SET {a}1 x', 'SET b 1', 'GET c'))
  t.equal(third.take(), sent('MGET {a}1 {a}2'), 'with several keys: nothing of its slot follows it')
  t.equal(it.nodes[0].peers.length + it.nodes[1].peers.length, 0, 'and commands stay in order')
  it.reply(2, AGAIN)
  it.pass(49)
  t.equal(third.take(), '')
  it.pass(2)
  t.equal(third.take(), sent('MGET {a}1 {a}2'))
  it.reply(2, ask(3))
  t.equal(other.take(), ASKING + sent('MGET {a}1 {a}2'))
  it.reply(3, `+OK\r\n${AGAIN}`)
  it.pass(51)
  t.equal(other.take(), ASKING + sent('MGET {a}1 {a}2'))
  it.reply(3, '+OK\r\n*2\r\n$-1\r\n$-1\r\n')
  t.equal(client.take(), '*2\r\n$-1\r\n$-1\r\n')
  t.strictSame(
    it.nodes.map((each) => each.take()),
    [sent('SET b 1'), sent('GET c'), sent('SET {a}1 x'), ''],
  )
  it.reply(0, '+OK\r\n')
  it.reply(1, '$-1\r\n')
  it.reply(2, '+OK\r\n')
  t.equal(client.take(), '+OK\r\n+OK\r\n$-1\r\n')
  it.say(client, sent('MGET {a}1 {a}2'))
  for (let n = 0; n < 30 && client.text === ''; n++) {
    it.reply(2, AGAIN)
    it.pass(51)
  }
  t.match(client.take(), /^-ERR too-many-redirects /, 'not for ever')
  it.say(client, sent('GET b', 'MGET {a}1 {a}2'))
  third.take()
  it.reply(2, AGAIN)
  t.equal(third.take(), '')
  it.reply(0, '$-1\r\n')
  t.equal(third.take(), sent('MGET {a}1 {a}2'), 'the oldest of its client does not pause')
  it.reply(2, AGAIN)
  client.far.reset()
  it.settle()
  it.end(t)
})

t.test('Y27: parts of a command follow their keys, each by itself', async (t) => {
  const it = setUpCluster({ seen, limits: { tryAgainMs: 50 } })
  const [one, two, three, other] = it.nodes
  const client = it.client(sent('MGET b {a}1 c {a}2', 'GET {a}1'))
  t.strictSame(
    [one.take(), two.take(), three.take()],
    [sent('MGET b'), sent('MGET c'), sent('MGET {a}1 {a}2')],
    'a part for each slot',
  )
  it.reply(0, '*1\r\n$1\r\nB\r\n')
  it.reply(1, moved(3))
  t.equal(other.take(), sent('MGET c'))
  it.reply(3, ask(0))
  t.equal(one.take(), ASKING + sent('MGET c'))
  it.reply(0, '+OK\r\n*1\r\n$1\r\nC\r\n')
  it.reply(2, AGAIN)
  t.equal(three.take(), '', 'the next command waits for it')
  it.pass(51)
  t.equal(three.take(), sent('MGET {a}1 {a}2'))
  it.reply(2, '*2\r\n$1\r\n1\r\n$1\r\n2\r\n')
  t.equal(client.take(), '*4\r\n$1\r\nB\r\n$1\r\n1\r\n$1\r\nC\r\n$1\r\n2\r\n')
  t.equal(three.take(), sent('GET {a}1'))
  it.reply(2, '$1\r\n1\r\n')
  client.take()
  it.say(client, sent('DEL b c'))
  it.reply(0, ':1\r\n')
  for (let n = 0; n < 9; n++) it.reply(n % 2 === 0 ? 1 : 3, moved(n % 2 === 0 ? 3 : 1))
  t.match(client.take(), /^-ERR too-many-redirects /)
  it.say(client, sent('DEL b c'))
  it.reply(1, AGAIN)
  client.far.reset()
  it.settle()
  it.reply(0, ':1\r\n')
  it.pass(100)
  it.end(t)
})

t.test('Y27: a client whose commands may have to be sent again is read no further', async (t) => {
  const it = setUpCluster({ seen, limits: { clusterHeldBytes: 10_000 } })
  const value = 'x'.repeat(6_000)
  const client = it.client()
  for (let n = 0; n < 4; n++) it.say(client, sent(`SET a ${n}${value}`))
  const [, , third, other] = it.nodes
  t.equal(third.take(), sent(`SET a 0${value}`, `SET a 1${value}`))
  it.reply(2, moved(3) + moved(3))
  t.equal(other.take(), sent(`SET a 0${value}`, `SET a 1${value}`), 'they were kept whole')
  t.equal(third.take(), '')
  it.reply(3, '+OK\r\n+OK\r\n')
  t.equal(third.take(), sent(`SET a 2${value}`, `SET a 3${value}`))
  it.reply(2, '+OK\r\n+OK\r\n')
  t.equal(client.take(), '+OK\r\n'.repeat(4))
  it.end(t)
})

t.test(
  'Y28: a transaction that did not run is sent again, as a whole or from its first command',
  async (t) => {
    const it = setUpCluster({ seen, limits: { tryAgainMs: 50 } })
    const [one, two, three, other] = it.nodes
    const whole = sent('MULTI', 'SET a 1', 'GET a', 'EXEC')
    const client = it.client(whole)
    t.equal(three.take(), whole)
    it.reply(2, `+OK\r\n${ask(3)}${ask(3)}-EXECABORT Transaction discarded\r\n`)
    t.equal(client.text, '')
    t.equal(other.take(), ASKING + whole)
    it.reply(3, `+OK\r\n+OK\r\n+QUEUED\r\n+QUEUED\r\n${moved(2)}`)
    t.equal(three.take(), whole)
    it.reply(2, '+OK\r\n+QUEUED\r\n+QUEUED\r\n*2\r\n+OK\r\n')
    t.equal(client.take(), '+OK\r\n+QUEUED\r\n+QUEUED\r\n*2\r\n+OK\r\n', 'a reply leaves as it comes')
    it.reply(2, '$1\r\n1\r\n')
    t.equal(client.take(), '$1\r\n1\r\n')
    it.say(client, whole)
    it.reply(2, '+OK\r\n-ERR x\r\n+QUEUED\r\n-EXECABORT y\r\n')
    t.equal(client.take(), '+OK\r\n-ERR x\r\n+QUEUED\r\n-EXECABORT y\r\n')
    for (const each of it.nodes) each.take()
    it.say(client, sent('MULTI'))
    it.say(client, sent('SET b 1', 'GET b'))
    t.equal(one.take(), sent('MULTI', 'SET b 1'), 'the next waits: it may be the wrong node')
    it.reply(0, `+OK\r\n${moved(1)}`)
    t.equal(two.take(), sent('MULTI', 'SET b 1'))
    it.reply(1, '+OK\r\n+QUEUED\r\n')
    t.equal(two.take(), sent('GET b'))
    it.reply(1, moved(2))
    it.say(client, sent('EXEC'))
    it.reply(1, '-EXECABORT Transaction discarded\r\n')
    t.match(
      client.take(),
      /^\+OK\r\n\+QUEUED\r\n-ERR slot-moved .*\r\n-EXECABORT /,
      'within one it cannot follow',
    )
    it.say(client, sent('WATCH b'))
    one.take()
    it.reply(0, ask(3))
    t.equal(other.take(), ASKING + sent('WATCH b'))
    it.reply(3, '+OK\r\n+OK\r\n')
    it.say(client, sent('MULTI', 'INCR b', 'EXEC'))
    t.equal(other.take(), sent('MULTI', 'INCR b', 'EXEC'), 'it stays where it watches')
    it.reply(3, `+OK\r\n+QUEUED\r\n${moved(1)}`)
    t.match(client.take(), /^\+OK\r\n\+OK\r\n\+QUEUED\r\n-EXECABORT slot-moved /)
    it.say(client, sent('MULTI', 'SET a 1', 'SET b 1', 'EXEC'))
    t.match(client.take(), /^\+OK\r\n-CROSSSLOT .*\r\n-CROSSSLOT .*\r\n-EXECABORT /)
    it.end(t)
  },
)

t.test('Y28: what has a session alone follows its keys; what is not whole here cannot', async (t) => {
  const it = setUpCluster({ seen, limits: { shareBytesMax: 1_000 } })
  const [one, , three, other] = it.nodes
  const client = it.client(sent('BLPOP b 0', 'GET a'))
  t.equal(one.take(), sent('BLPOP b 0'))
  it.pass(200_000)
  it.reply(0, moved(3))
  t.equal(other.take(), sent('BLPOP b 0'))
  t.equal(three.peers.length, 0)
  it.reply(3, '*2\r\n$1\r\nb\r\n$1\r\nx\r\n')
  t.equal(three.take(), sent('GET a'))
  it.reply(2, '$-1\r\n')
  t.equal(client.take(), '*2\r\n$1\r\nb\r\n$1\r\nx\r\n$-1\r\n')
  const large = sent(`SET b ${'x'.repeat(4_000)}`)
  it.say(client, large.slice(0, 2_000))
  it.say(client, large.slice(2_000) + sent('GET a'))
  it.reply(0, moved(3))
  t.match(client.take(), /^-ERR slot-moved /)
  it.reply(2, '$-1\r\n')
  t.equal(client.take(), '$-1\r\n')
  it.say(client, sent('BLPOP b 0'))
  for (let n = 0; n < 9; n++) it.reply(n % 2 === 0 ? 0 : 3, moved(n % 2 === 0 ? 3 : 0))
  t.match(client.take(), /^-ERR too-many-redirects /)
  it.say(client, sent('GET a'))
  it.reply(2, '$-1\r\n')
  t.equal(client.take(), '$-1\r\n')
  it.end(t)
})

t.test('Y29: a cluster is one server for its clients', async (t) => {
  const it = setUpCluster({ seen })
  const [one, two, three] = it.nodes
  const client = it.client(
    sent('CLUSTER SLOTS', 'CLUSTER', 'READONLY', 'READWRITE', 'ASKING', 'CLUSTER KEYSLOT a'),
  )
  t.equal(client.take(), '-ERR This instance has cluster support disabled\r\n'.repeat(6))
  it.proxy.configure({ ...it.proxy.options, allowAdmin: true })
  it.say(client, sent('CLUSTER INFO'))
  t.equal(one.take(), sent('CLUSTER INFO'), 'but an operator may ask')
  it.reply(0, '+x\r\n')
  client.take()
  it.say(client, sent('RENAME b c', 'DBSIZE'))
  t.match(client.take(), /^-CROSSSLOT /)
  for (const node of [0, 1, 2]) it.reply(node, `:${node + 1}\r\n`)
  t.equal(client.take(), ':6\r\n')
  for (const each of it.nodes) each.take()
  const scan = (cursor: string, node: number, answer: string): string => {
    it.say(client, sent(`SCAN ${cursor}`))
    it.reply(node, `*2\r\n$${answer.length}\r\n${answer}\r\n*0\r\n`)
    return /\r\n(\d+)\r\n/.exec(client.take())?.[1] ?? ''
  }
  const within = scan('0', 0, '5')
  const next = scan(within, 0, '0')
  t.equal(one.take(), sent('SCAN 0', 'SCAN 5'))
  const inSecond = scan(next, 1, '7')
  t.equal(two.take(), sent('SCAN 0'))
  for (const each of it.nodes)
    each.slots = slotsReply([
      [0, 5460, 0],
      [5461, 10_922, 3],
      [10_923, 16_383, 2],
    ])
  it.pass(61_000)
  const third = scan(inSecond, 2, '0')
  t.equal(three.take(), sent('SCAN 0'), 'the node of this cursor has gone: the next one')
  t.equal(scan(third, 3, '0'), '0', 'and the new one comes last')
  t.equal(it.nodes[3].take(), sent('SCAN 0'))
  it.say(client, sent('SCAN 900'))
  t.equal(client.take(), '*2\r\n$1\r\n0\r\n*0\r\n')
  it.end(t)
})

t.test('Y26: a reload keeps its cluster, or takes another', async (t) => {
  const it = setUpCluster({ seen })
  const client = it.client(sent('GET a'))
  it.reply(2, '$-1\r\n')
  const { map } = it.backend
  const check = { intervalMs: 1_000, timeoutMs: 500, healthy: 2, unhealthy: 2 }
  it.backend.configure({ ...it.options, check })
  t.equal(it.backend.map, map)
  it.pass(10)
  t.equal(it.nodes[1].pings, 1, 'its nodes are checked from now on')
  it.backend.configure({ ...it.options, cluster: { ...it.options.cluster } })
  it.settle()
  t.not(it.backend.map, map)
  it.nodes[2].take()
  it.say(client, sent('GET a'))
  t.equal(it.nodes[2].take(), sent('GET a'))
  it.reply(2, '$-1\r\n')
  t.equal(client.take(), '$-1\r\n$-1\r\n')
  it.backend.configure({
    name: 'main',
    shards: [{ endpoints: [{ name: 'x', target: { host: '192.0.2.34', port: 7_000 } }] }],
    check: null,
  })
  t.equal(it.backend.cluster, null)
  it.say(client, sent('GET a'))
  t.equal(it.nodes[3].take(), sent('GET a'))
  it.reply(3, '$-1\r\n')
  client.far.reset()
  it.end(t)
})

t.test('the edges and waits of commands and parts in a cluster', async (t) => {
  const taken = [...seen.taken(commandLife.edges), ...seen.taken(partLife.edges)]
  t.strictSame(taken.filter((each) => CLUSTER_EDGES.has(each)).sort(), [...CLUSTER_EDGES].sort())
  t.ok(seen.waitsEnded(commandLife.edges).includes('pause tryAgainMs: cancelled, late, ready'))
  t.ok(seen.waitsEnded(partLife.edges).includes('pause tryAgainMs: cancelled, late'))
})
