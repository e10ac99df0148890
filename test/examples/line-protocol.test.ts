// The example of another protocol, tools/examples/line-protocol.ts: on the simulated network, well and ill,
// and on real sockets.

import { readFileSync } from 'node:fs'
import { type AddressInfo, connect, createServer, type Socket as NetSocket } from 'node:net'
import t, { type Test } from 'tap'
import { createWorld } from '../../src/continuation/index.js'
import {
  NodePollset,
  noFaults,
  type SimFaults,
  type SimPeerSocket,
  SimPollset,
} from '../../src/pollset/index.js'
import { createTransportWorld, type TransportLimits } from '../../src/transport/index.js'
import { type LineOptions, LineProxy } from '../../tools/examples/line-protocol.js'
import { once } from '../world/proxy-world.js'
import { Peer, until } from './peer.js'

const FRONT = { host: '192.0.2.1', port: 7 }
const BACK = { host: '192.0.2.9', port: 7 }
const SOURCE = 'tools/examples/line-protocol.ts'

t.test('E2: it imports three rooms and the pollset’s names, and no HTTP', (t) => {
  const imports = [...readFileSync(SOURCE, 'utf8').matchAll(/from '([^']+)'/g)].map((match) => match[1])
  t.same(
    imports.sort(),
    ['continuation', 'engine', 'pollset', 'transport'].map((room) => `../../src/${room}/index.js`),
  )
  t.end()
})

/** Answers each line with itself in capitals. */
const shouts = (peer: Peer): void => {
  const end = peer.text.lastIndexOf('\n') + 1
  peer.say(peer.text.slice(0, end).toUpperCase())
  peer.text = peer.text.slice(end)
}

interface Setting {
  readonly options?: Partial<LineOptions>
  readonly faults?: Partial<SimFaults>
  readonly seed?: number
  readonly limits?: Partial<TransportLimits>
  readonly heard?: (peer: Peer) => void
}

function setUp({ options = {}, faults = {}, seed = 1, limits = {}, heard = () => {} }: Setting = {}) {
  const pollset = new SimPollset(seed, { ...noFaults, ...faults })
  const world = createTransportWorld(createWorld(pollset), limits)
  const backends: Peer[] = []
  pollset.serve(BACK, (far) => backends.push(new Peer(far, heard)))
  const proxy = new LineProxy(world, FRONT, BACK, options)
  const settle = () => pollset.runUntil(() => false, 0)
  settle()
  let ports = 40_000
  const client = (text = '') => {
    const peer = new Peer(pollset.dial(FRONT, { host: '192.0.2.7', port: ports++ }) as SimPeerSocket)
    peer.say(text)
    settle()
    return peer
  }
  return { pollset, world, proxy, backends, client, settle }
}

/** Drained, and nothing is left. */
function over(t: Test, { pollset, world, proxy }: ReturnType<typeof setUp>): void {
  proxy.drain()
  pollset.runUntil(() => world.scheduler.living === 0, 120_000)
  t.strictSame(
    [...world.scheduler.alive()].map((each) => `${each.id} ${each.stepName}`),
    [],
  )
  t.strictSame([world.memory.bytes, world.slabs.lent, proxy.engine.sessions.length], [0, 0, 0])
}

t.test('two clients share a session; past its depth questions wait in order', async (t) => {
  const it = setUp({ options: { depth: 2, sessionsMax: 1 } })
  const one = it.client('a\nb\n')
  const two = it.client('c\n')
  const [backend] = it.backends
  t.equal(it.backends.length, 1)
  t.equal(backend.take(), 'a\nb\n')
  t.equal(it.proxy.engine.queued, 1)
  backend.say('A\n')
  it.settle()
  t.equal(backend.take(), 'c\n')
  backend.say('B\nC\n')
  it.settle()
  t.strictSame([one.take(), two.take()], ['A\nB\n', 'C\n'])
  t.equal(it.proxy.engine.sessions[0].leased, 0)
  over(t, it)
})

t.test('a dead backend is told of, and answers stay in order', async (t) => {
  const it = setUp({ options: { depth: 1, sessionsMax: 2, openingMax: 2 } })
  const one = it.client('a\nb\n')
  t.equal(it.backends.length, 2)
  it.backends[1].say('B\n')
  it.settle()
  t.equal(one.take(), '', 'b is answered, and a is not')
  it.backends[0].far.reset()
  it.settle()
  t.equal(one.take(), 'ERROR the backend has gone\nB\n')
  over(t, it)
})

t.test('nobody answers a dial: its deadline is told', async (t) => {
  const it = setUp({ faults: { hangPercent: 100 }, options: { connectMs: 2_000, leaseMs: 60_000 } })
  const one = it.client('a\n')
  it.pollset.runUntil(() => one.text !== '')
  t.match(one.take(), /^ERROR no connection to the backend/)
  t.equal(it.pollset.clock, 2_000)
  over(t, it)
})

t.test('one question more than may wait for a session: told at once', async (t) => {
  const it = setUp({ options: { depth: 1, sessionsMax: 1, queueMax: 1 } })
  const one = it.client('a\n')
  one.say('b\nc\n')
  it.settle()
  it.backends[0].say('A\n')
  it.settle()
  it.backends[0].say('B\n')
  it.settle()
  t.equal(one.take(), 'A\nB\nERROR too many requests wait for this backend\n')
  over(t, it)
})

t.test('no answer, and no place on a session: each has its time', async (t) => {
  const it = setUp({ options: { depth: 1, sessionsMax: 1, leaseMs: 1_000, answerMs: 3_000 } })
  const one = it.client('a\nb\n')
  it.pollset.runUntil(() => one.text.split('\n').length === 3)
  t.equal(one.take(), 'ERROR no answer in time\nERROR no answer in time\n')
  t.equal(it.pollset.clock, 3_000)
  it.backends[0].say('A\n')
  it.settle()
  t.equal(one.take(), '', 'what comes late is not the answer to another question')
  t.ok(it.backends[0].closed, 'nothing is asked behind a question without an answer')
  one.say('c\n')
  it.settle()
  it.backends[1].say('C\n')
  it.settle()
  t.equal(one.take(), 'C\n')
  over(t, it)
})

t.test('a line without end: told, and closed; of a backend, reset', async (t) => {
  const it = setUp({ options: { lineBytesMax: 100 } })
  const long = it.client(`a\nb\n${'x'.repeat(101)}`)
  t.equal(long.take(), '', 'behind the answer before it')
  it.backends[0].say('A\nB\n')
  it.settle()
  t.equal(long.take(), 'A\nB\nERROR the line is too long\n')
  t.ok(long.ended)
  const two = it.client('b\n')
  it.backends[0].say('x'.repeat(101))
  it.settle()
  t.equal(two.take(), 'ERROR the backend has gone\n')
  t.ok(it.backends[0].closed)
  it.client('c\n')
  it.backends[1].say('C\nD\n')
  it.settle()
  t.ok(it.backends[1].closed, 'and so is one that says what nobody asked')
  over(t, it)
})

t.test('a client that asks and does not read is read no further, and costs its bounds', async (t) => {
  const it = setUp({
    heard: shouts,
    faults: { sendBufferBytes: 1_000 },
    options: { lineBytesMax: 1_000, questionsMax: 10, depth: 4 },
  })
  const greedy = it.client()
  greedy.far.read(false)
  const line = `${'q'.repeat(499)}\n`
  const LINES = 1_000
  greedy.say(line.repeat(LINES))
  let most = 0
  for (let step = 0; step < 10_000 && it.pollset.step(); step++) most = Math.max(most, it.world.memory.bytes)
  t.ok(most < 64 * 1024, `${most} bytes wait at most`)
  const sibling = it.client('b\n')
  t.equal(sibling.take(), 'B\n', 'others notice nothing')
  greedy.far.read(true)
  it.pollset.runUntil(() => greedy.text.length === LINES * line.length, 60_000)
  t.equal(greedy.take(), line.toUpperCase().repeat(LINES), 'and nothing is lost')
  over(t, it)
})

t.test('a backend that does not read gets no more than its depth', async (t) => {
  const it = setUp({ options: { depth: 3, sessionsMax: 1, answerMs: 600_000, leaseMs: 600_000 } })
  const one = it.client()
  it.pollset.serve(BACK, (far) => {
    far.read(false)
    it.backends.push(new Peer(far, shouts))
  })
  one.say(`${'q'.repeat(999)}\n`.repeat(50))
  it.settle()
  t.equal(it.proxy.engine.sessions[0].leased, 3)
  it.backends[0].far.read(true)
  it.settle()
  t.equal(one.take().length, 50_000)
  over(t, it)
})

t.test('one client more than there may be is closed as it comes', async (t) => {
  const it = setUp({ options: { clientsMax: 1 } })
  t.notOk(it.client().closed)
  t.ok(it.client().closed)
  t.equal(it.proxy.clients.refused, 1)
  over(t, it)
})

t.test('drained: no newcomers, what was asked is answered, then all closes', async (t) => {
  const it = setUp({ options: { depth: 1, sessionsMax: 1 } })
  const one = it.client('a\nb\n')
  const idle = it.client()
  it.proxy.drain()
  it.settle()
  t.equal(it.pollset.dial(FRONT, { host: '192.0.2.7', port: 1 }), null)
  t.ok(idle.ended)
  one.say('c\n')
  it.settle()
  for (const text of ['A\n', 'B\n']) {
    t.notOk(one.ended)
    it.backends[0].say(text)
    it.settle()
  }
  t.equal(one.take(), 'A\nB\n', 'what it asks after that is not read')
  t.ok(one.ended)
  t.ok(it.backends[0].ended)
  over(t, it)
})

t.test('a client that leaves takes its questions with it', async (t) => {
  const it = setUp({ options: { depth: 1, sessionsMax: 1 } })
  const one = it.client('a\nb\nc\n')
  one.far.reset()
  it.settle()
  t.equal(it.proxy.engine.queued, 0)
  it.backends[0].say('A\n')
  it.settle()
  t.equal(it.proxy.engine.sessions[0].leased, 0)
  over(t, it)
})

t.test(
  'any network: split, late, coalesced, slow, with short writes: each answer is its question’s',
  async (t) => {
    for (let seed = 1; seed <= 40; seed++) {
      const faults = {
        latencyMs: 20,
        splitPercent: 50,
        coalescePercent: 50,
        sendBufferBytes: 40,
        stallPercent: 5,
        stallMs: 50,
      }
      const it = setUp({
        seed,
        faults,
        heard: shouts,
        options: { depth: 2, questionsMax: 5, lineBytesMax: 60 },
      })
      const clients = [1, 2, 3].map((which) => ({
        peer: it.client(),
        lines: Array.from({ length: 20 }, (_, at) => `c${which} q${at} ${'x'.repeat((at * seed) % 50)}`),
      }))
      for (const { peer, lines } of clients) peer.say(`${lines.join('\n')}\n`)
      it.pollset.runUntil(() => clients.every(({ peer }) => peer.text.split('\n').length === 21), 60_000)
      t.strictSame(
        clients.map(({ peer }) => peer.take()),
        clients.map(({ lines }) => `${lines.join('\n').toUpperCase()}\n`),
        `seed ${seed}`,
      )
      over(t, it)
    }
  },
)

t.test('networks that break: each question is answered or told of, and nothing is left', async (t) => {
  for (let seed = 1; seed <= 40; seed++) {
    const faults = { latencyMs: 10, resetPercent: 30, refusePercent: 20, faultWithinMs: 100 }
    const it = setUp({ seed, faults, heard: shouts, options: { depth: 2, leaseMs: 500, answerMs: 500 } })
    const peer = it.client()
    peer.say('a\nb\nc\nd\n')
    it.pollset.runUntil(() => peer.closed || peer.text.split('\n').length === 5, 60_000)
    if (!peer.closed) t.match(peer.take(), /^(([A-D]|ERROR .*)\n){4}$/, `seed ${seed}`)
    over(t, it)
  }
})

t.test('an address that is taken', async (t) => {
  const it = setUp()
  const second = new LineProxy(it.world, FRONT, BACK)
  it.settle()
  t.equal(second.listening.listener.fault?.code, 'EADDRINUSE')
  over(t, it)
})

t.test('on real sockets', async (t) => {
  const peers = new Set<NetSocket>()
  const server = createServer((socket) => {
    peers.add(socket)
    socket.on('data', (data) => socket.write(data.toString().toUpperCase()))
    socket.on('end', () => socket.end())
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const pollset = new NodePollset()
  t.teardown(() => pollset.close())
  const world = createTransportWorld(createWorld(pollset))
  const back = { host: 'localhost', port: (server.address() as AddressInfo).port }
  const proxy = new LineProxy(world, { host: '127.0.0.1', port: 0 }, back)
  await until(() => proxy.listening.listener.address.port !== 0)
  const { port } = proxy.listening.listener.address
  const client = connect(port, '127.0.0.1')
  client.write('hello\nworld\n')
  let answer = ''
  client.on('data', (chunk) => {
    answer += String(chunk)
  })
  await until(() => answer === 'HELLO\nWORLD\n')
  client.write('last\n')
  await until(() => proxy.engine.sessions.some(({ leased }) => leased > 0) || answer.includes('LAST'))
  proxy.drain()
  await once(client, 'end')
  t.equal(answer, 'HELLO\nWORLD\nLAST\n')
  client.end()
  await until(() => world.scheduler.living === 0)
  t.strictSame([world.memory.bytes, world.slabs.lent], [0, 0])
  server.close()
  await once(server, 'close')
})
