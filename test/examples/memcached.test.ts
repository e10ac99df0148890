// The example of tools/examples/memcached.ts: before real servers of memcached, whose answers through the
// proxy are compared with their own; and on the simulated network, with servers and clients that misbehave.

import { readFileSync } from 'node:fs'
import { connect, type Socket as NetSocket } from 'node:net'
import t, { type Test } from 'tap'
import { createWorld } from '../../src/continuation/index.js'
import {
  NodePollset,
  noFaults,
  type SimFaults,
  type SimPeerSocket,
  SimPollset,
} from '../../src/pollset/index.js'
import { createTransportWorld } from '../../src/transport/index.js'
import { MemcachedProxy } from '../../tools/examples/memcached.js'
import type { MemcachedOptions } from '../../tools/examples/memcached-backend.js'
import { freePort, type Program, start, unlessInstalled } from '../../tools/testbed/programs.js'
import { Peer, until } from './peer.js'

t.test('E2: it imports four rooms, and no HTTP', async (t) => {
  const files = ['memcached', 'memcached-backend', 'memcached-text']
  const imports = files.flatMap((file) =>
    [...readFileSync(`tools/examples/${file}.ts`, 'utf8').matchAll(/from '([^']+)'/g)].map(
      ([, name]) => name,
    ),
  )
  const allowed = ['continuation', 'engine', 'pollset', 'transport'].map(
    (room) => `../../src/${room}/index.js`,
  )
  t.strictSame([...new Set(imports)].filter((each) => !each.startsWith('./')).sort(), allowed)
})

const skip = unlessInstalled('memcached')

async function server(t: Test): Promise<{ port: number; program: Program }> {
  const port = await freePort()
  const program = await start(
    'memcached',
    ['-l', '127.0.0.1', '-p', String(port), '-U', '0', '-u', 'nobody'],
    {
      port,
    },
  )
  t.teardown(() => program.stop())
  return { port, program }
}

/** A client on a real socket. */
class Client {
  text = ''
  ended = false
  readonly socket: NetSocket
  constructor(port: number) {
    this.socket = connect(port, '127.0.0.1')
    this.socket.on('data', (bytes) => {
      this.text += bytes.toString('latin1')
    })
    this.socket.on('end', () => {
      this.ended = true
    })
    this.socket.on('error', () => {
      this.ended = true
    })
  }
  /** Sends it, and `mn` behind it; returns what is answered. */
  async ask(text: string): Promise<string> {
    this.socket.write(`${text}mn\r\n`, 'latin1')
    await until(() => this.text.endsWith('MN\r\n') || this.ended)
    const { text: answer } = this
    this.text = ''
    return answer.replace(/MN\r\n$/, '')
  }
}

async function before(t: Test, ports: readonly number[], options: Partial<MemcachedOptions> = {}) {
  const pollset = new NodePollset()
  const world = createTransportWorld(createWorld(pollset))
  const targets = ports.map((port) => ({ host: '127.0.0.1', port }))
  const proxy = new MemcachedProxy(world, { host: '127.0.0.1', port: 0 }, targets, options)
  await until(() => proxy.listening.listener.address.port !== 0)
  const { port } = proxy.listening.listener.address
  const clients: Client[] = []
  t.teardown(async () => {
    for (const client of clients) client.socket.end()
    proxy.drain()
    await until(() => world.scheduler.living === 0)
    pollset.close()
    // tap counts no assertions here.
    if (world.memory.bytes + world.slabs.lent > 0) throw new Error('bytes are left')
  })
  const client = () => {
    const it = new Client(port)
    clients.push(it)
    return it
  }
  return { proxy, client }
}

const SCRIPT = [
  'set a 5 0 3\r\nabc\r\n',
  'get a\r\n',
  'get  a nothing a \r\n',
  'add a 0 0 1\r\nx\r\nadd b 0 0 1\r\nx\r\n',
  'replace c 0 0 1\r\nx\r\nreplace b 7 0 2\r\nyz\r\n',
  'append a 0 0 3\r\ndef\r\nprepend a 0 0 1\r\n_\r\nget a b\r\n',
  'set n 0 0 1\r\n9\r\nincr n 1\r\ndecr n 3\r\nincr nothing 1\r\nincr a 1\r\n',
  'touch a 100\r\ntouch nothing 100\r\ngat 100 a nothing\r\n',
  'delete a\r\ndelete a\r\ndelete b 0\r\n',
  'set q 0 0 1 noreply\r\nq\r\nget q\r\nincr q 1 noreply\r\ndelete q noreply\r\nget q\r\n',
  'set e 0 0 0\r\n\r\nget e\r\n',
  'set e 0 0 12\r\nEND\r\nVALUE e\r\nget e\r\n',
  `set long 0 0 300000\r\n${'x'.repeat(300_000)}\r\nget long\r\n`,
  'set old 0 -1 1\r\nx\r\nget old\r\n',
  'version\r\n',
  'flush_all\r\nget n\r\nflush_all 0 noreply\r\n',
]

t.test('before one server, each answer is the server’s own', { skip }, async (t) => {
  const { port } = await server(t)
  const { client } = await before(t, [port])
  const direct = new Client(port)
  const answers: string[] = []
  for (const each of SCRIPT) answers.push(await direct.ask(each))
  await direct.ask('flush_all\r\n')
  direct.socket.destroy()
  const through = client()
  for (const [at, each] of SCRIPT.entries()) t.equal(await through.ask(each), answers[at], each.slice(0, 60))
  const all = SCRIPT.join('')
  t.equal(await through.ask(all), answers.join(''), 'all of them in one piece')
  await through.ask('set cas 0 0 1\r\nx\r\n')
  const unique = /VALUE cas 0 1 (\d+)/.exec(await through.ask('gets cas\r\n'))?.[1]
  t.equal(
    await through.ask(`cas cas 0 0 1 ${unique}\r\ny\r\ncas cas 0 0 1 ${unique}\r\nz\r\n`),
    'STORED\r\nEXISTS\r\n',
  )
})

t.test(
  'fifty clients of two servers: few connections, keys in order, what is not served',
  { skip },
  async (t) => {
    const servers = [await server(t), await server(t)]
    const { client, proxy } = await before(
      t,
      servers.map(({ port }) => port),
    )
    const keys = Array.from({ length: 200 }, (_, at) => `key${at}`)
    const clients = Array.from({ length: 50 }, client)
    await Promise.all(
      clients.map((each, which) =>
        each.ask(
          keys.map((key) => `add ${key} 0 0 ${key.length}\r\n${key}\r\nincr count${which} 1\r\n`).join(''),
        ),
      ),
    )
    const values = keys.map((key) => `VALUE ${key} 0 ${key.length}\r\n${key}\r\n`).join('')
    for (const each of clients.slice(0, 3))
      t.equal(await each.ask(`get ${keys.join(' ')}\r\n`), `${values}END\r\n`)
    for (const { port } of servers) {
      const direct = new Client(port)
      const held = (await direct.ask(`get ${keys.join(' ')}\r\n`)).split('VALUE').length - 1
      t.ok(held > 50 && held < 150, `one server holds ${held} of 200 keys`)
      const connections = /STAT curr_connections (\d+)/.exec(await direct.ask('stats\r\n'))?.[1]
      // Its own one, ours, and the two of the proxy at most.
      t.ok(Number(connections) <= 4, `${connections} connections`)
      direct.socket.destroy()
    }
    t.ok(proxy.engines.every(({ sessions }) => sessions.length <= 2))
    const [one] = clients
    t.equal(await one.ask('stats\r\n'), "CLIENT_ERROR this proxy does not serve 'stats' in this form\r\n")
    t.equal(
      await one.ask(`get ${'k'.repeat(251)}\r\n`),
      "CLIENT_ERROR this proxy does not serve 'get' in this form\r\n",
    )
    t.equal(
      await one.ask(`set large 0 0 1048577\r\n${'x'.repeat(1_048_577)}\r\nget large\r\n`),
      'SERVER_ERROR object too large for cache\r\nEND\r\n',
    )
    t.equal(await one.ask('set k 0 0 1\r\nlonger\r\n'), 'CLIENT_ERROR bad data chunk\r\n')
    t.ok(one.ended, 'behind it nothing can be read')
    t.equal(await clients[1].ask('flush_all\r\n'), 'OK\r\n')
    t.equal(await clients[1].ask(`get ${keys.join(' ')}\r\n`), 'END\r\n', 'of both servers')
    clients[2].socket.write('get key1\r\nquit\r\nget key2\r\n')
    await until(() => clients[2].ended)
    t.equal(clients[2].text, 'END\r\n')
  },
)

t.test('a server is killed: its keys say so, and those of the other are served', { skip }, async (t) => {
  const servers = [await server(t), await server(t)]
  const { client } = await before(
    t,
    servers.map(({ port }) => port),
  )
  const one = client()
  const keys = Array.from({ length: 20 }, (_, at) => `key${at}`)
  await one.ask(keys.map((key) => `set ${key} 0 0 1\r\nx\r\n`).join(''))
  await servers[0].program.stop()
  const answers = await Promise.all(keys.map((key) => client().ask(`get ${key}\r\n`)))
  const served = answers.filter((each) => each.startsWith('VALUE')).length
  const failed = answers.filter((each) => /^SERVER_ERROR \S+ .+\r\n$/.test(each)).length
  t.ok(served > 0 && failed > 0)
  t.equal(served + failed, 20)
  t.match(await one.ask(`get ${keys.join(' ')}\r\n`), /^SERVER_ERROR \S+ .+\r\n$/, 'a part of it')
})

const FRONT = { host: '192.0.2.1', port: 11_211 }
const BACKS = [
  { host: '192.0.2.8', port: 11_211 },
  { host: '192.0.2.9', port: 11_211 },
]

function simulated(
  faults: Partial<SimFaults> = {},
  options: Partial<MemcachedOptions> = {},
  seed = 1,
  servers = 1,
) {
  const pollset = new SimPollset(seed, { ...noFaults, ...faults })
  const world = createTransportWorld(createWorld(pollset))
  const backends: Peer[] = []
  const targets = BACKS.slice(0, servers)
  for (const at of targets) pollset.serve(at, (far) => backends.push(new Peer(far)))
  const proxy = new MemcachedProxy(world, FRONT, targets, { sessionsMax: 1, ...options })
  const settle = () => pollset.runUntil(() => false, 0)
  settle()
  let ports = 40_000
  const client = (text = '') => {
    const peer = new Peer(pollset.dial(FRONT, { host: '192.0.2.7', port: ports++ }) as SimPeerSocket)
    peer.say(text)
    settle()
    return peer
  }
  /** Drained, and nothing is left. */
  const over = (t: Test) => {
    proxy.drain()
    pollset.runUntil(() => world.scheduler.living === 0, 120_000)
    t.strictSame(
      [...world.scheduler.alive()].map((each) => `${each.id} ${each.stepName}`),
      [],
    )
    t.strictSame([world.memory.bytes, world.slabs.lent], [0, 0])
  }
  return { pollset, world, proxy, backends, client, settle, over }
}

t.test('requests and answers split anywhere are the same', async (t) => {
  const text = 'set a 0 0 5 noreply\r\nEND\r\n\r\nget a b\r\nincr c 1\r\n'
  const answer = 'STORED\r\nVALUE a 0 5\r\nEND\r\n\r\nEND\r\nNOT_FOUND\r\n'
  for (const pieceOf of [1, 2, 3, 7, 1_000]) {
    const it = simulated()
    const one = it.client()
    for (let at = 0; at < text.length; at += pieceOf) {
      one.say(text.slice(at, at + pieceOf))
      it.settle()
    }
    t.equal(it.backends[0].take(), text.replace(' noreply', ''))
    for (let at = 0; at < answer.length; at += pieceOf) {
      it.backends[0].say(answer.slice(at, at + pieceOf))
      it.settle()
    }
    t.equal(one.take(), answer.replace('STORED\r\n', ''))
    it.over(t)
  }
})

t.test(
  'a client that is slow to send a value stops nobody, and one that leaves takes it with it',
  async (t) => {
    const it = simulated()
    const slow = it.client('set a 0 0 100\r\nhalf')
    const other = it.client('get b\r\n')
    t.equal(it.backends[0].take(), 'get b\r\n')
    it.backends[0].say('END\r\n')
    it.settle()
    t.equal(other.take(), 'END\r\n')
    slow.far.reset()
    other.say('get c d\r\nget e\r\n')
    it.settle()
    other.far.reset()
    it.settle()
    it.backends[0].say('VALUE c 0 1\r\nx\r\nEND\r\n')
    it.settle()
    t.equal(it.proxy.engines[0].sessions[0].leased, 1, 'the place of what was asked is kept up to its answer')
    it.backends[0].say('END\r\n')
    it.settle()
    t.equal(it.proxy.engines[0].sessions[0].leased, 0)
    it.over(t)
  },
)

t.test('a server that dies: what only reads is asked once more, what writes is told', async (t) => {
  const it = simulated()
  const one = it.client('get a\r\nincr b 1\r\n')
  it.backends[0].say('VALUE a 0 1\r\nx\r\n')
  it.settle()
  it.backends[0].far.reset()
  it.settle()
  t.equal(it.backends[1].take(), 'get a\r\n')
  it.backends[1].say('END\r\n')
  it.settle()
  t.equal(one.take(), 'END\r\nSERVER_ERROR backend-lost the request may have run\r\n')
  one.say('get a\r\n')
  it.settle()
  it.backends[1].far.reset()
  it.settle()
  it.backends[2].far.reset()
  it.settle()
  t.match(one.take(), /^SERVER_ERROR backend-lost/, 'and not for ever')
  it.over(t)
})

t.test('no answer in time: told, and the connection is of no use', async (t) => {
  const it = simulated({}, { answerMs: 1_000 })
  const one = it.client('get a\r\nget b\r\n')
  it.pollset.runUntil(() => one.text.split('\r\n').length === 3)
  t.equal(it.pollset.clock, 1_000)
  t.equal(one.take(), 'SERVER_ERROR answer-late there was no answer in time\r\n'.repeat(2))
  t.equal(it.proxy.engines[0].sessions.length, 0)
  it.over(t)
})

t.test('what no server may say, and an answer that is too large', async (t) => {
  const it = simulated({}, { answerBytesMax: 100 })
  const one = it.client('get a\r\nget b\r\n')
  it.backends[0].say(`VALUE a 0 200\r\n${'x'.repeat(200)}\r\nEND\r\nEND\r\n`)
  it.settle()
  t.equal(one.take(), 'SERVER_ERROR answer-too-large ask for fewer keys at once\r\nEND\r\n')
  it.backends[0].say('END\r\n')
  it.settle()
  t.ok(it.backends[0].closed, 'an answer that nobody asked for')
  one.say('set a 0 0 x\r\nget a\r\n')
  it.settle()
  t.equal(one.take(), 'CLIENT_ERROR bad command line format\r\n')
  t.ok(one.ended)
  it.over(t)
})

t.test('keys of two servers: parts are asked at once, and each alone may fail', async (t) => {
  const it = simulated({}, {}, 1, 2)
  const one = it.client('get a b c d e f\r\n')
  t.equal(it.backends.length, 2)
  const asked = it.backends.map((each) => each.take())
  t.strictSame(
    asked
      .join('')
      .match(/\b[a-f]\b/g)
      ?.sort(),
    ['a', 'b', 'c', 'd', 'e', 'f'],
  )
  it.backends[1].say('END\r\n')
  it.settle()
  t.equal(one.take(), '', 'before the other has answered')
  it.backends[0].say('SERVER_ERROR out of memory\r\n')
  it.settle()
  t.equal(one.take(), 'SERVER_ERROR out of memory\r\n')
  one.say('get a b c d e f\r\n')
  it.settle()
  one.far.reset()
  it.settle()
  for (const each of it.backends) each.say('END\r\n')
  it.over(t)
})

t.test('any network: each request has its answer, and nothing is left', async (t) => {
  for (let seed = 1; seed <= 30; seed++) {
    const faults = {
      latencyMs: 10,
      splitPercent: 50,
      coalescePercent: 30,
      resetPercent: 20,
      refusePercent: 10,
      faultWithinMs: 100,
    }
    const it = simulated(faults, { leaseMs: 500, answerMs: 500 }, seed, 2)
    const peer = it.client()
    peer.say('get a b c d\r\nset a 0 0 1\r\nx\r\nmn\r\n')
    const serve = () => {
      for (const each of it.backends) {
        const whole = each.text.lastIndexOf('\n') + 1
        const lines = each.text.slice(0, whole).split('\r\n')
        each.text = each.text.slice(whole)
        for (const line of lines)
          if (/^(get|set)/.test(line)) each.say(line.startsWith('get') ? 'END\r\n' : 'STORED\r\n')
      }
      return peer.closed || peer.text.endsWith('MN\r\n')
    }
    it.pollset.runUntil(serve, 60_000)
    if (!peer.closed)
      t.match(peer.take(), /^(END|SERVER_ERROR .*)\r\n(STORED|SERVER_ERROR .*)\r\nMN\r\n$/, `seed ${seed}`)
    it.over(t)
  }
})
