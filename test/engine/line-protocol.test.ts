// The engine, the continuations and the pollset know no HTTP: a line protocol runs on them alone, in memory
// and on real sockets.

import { readFileSync } from 'node:fs'
import { type AddressInfo, connect, createServer, type Socket as NetSocket } from 'node:net'
import t from 'tap'
import { createWorld } from '../../src/continuation/index.js'
import { Engine, engineLimits } from '../../src/engine/index.js'
import { ACCEPTABLE, LISTENING, NodePollset } from '../../src/pollset/index.js'
import { type FarEnd, MemoryPollset } from '../../tools/testbed/memory-pollset.js'
import { once } from '../world/proxy-world.js'
import { LineFrontend, LineSession } from './line-protocol.js'

const backend = { host: '192.0.2.9', port: 7 }

function inMemory(depth: number, sessionsMax: number) {
  const pollset = new MemoryPollset()
  const world = createWorld(pollset)
  const fars: FarEnd[] = []
  pollset.serve(backend, (far) => fars.push(far))
  const engine = new Engine<LineSession>(
    world,
    'lines',
    (reports) => new LineSession(world, backend, depth, reports),
    {
      ...engineLimits,
      sessionsMax,
    },
  )
  const client = () => {
    const socket = pollset.socket()
    new LineFrontend(world, socket, engine)
    pollset.run()
    return socket.far
  }
  return { pollset, world, fars, engine, client }
}

t.test('E2: it imports nothing but the three rooms', (t) => {
  const source = readFileSync('test/engine/line-protocol.ts', 'utf8')
  const imports = [...source.matchAll(/from '([^']+)'/g)].map((match) => match[1])
  t.same(imports.sort(), [
    '../../src/continuation/index.js',
    '../../src/engine/index.js',
    '../../src/pollset/index.js',
  ])
  t.end()
})

t.test('two clients share a session; past its depth questions wait in order', (t) => {
  const { fars, engine, client } = inMemory(2, 1)
  const one = client()
  const two = client()
  one.send(Buffer.from('a\nb\n'))
  two.send(Buffer.from('c\n'))
  t.equal(fars.length, 1)
  t.equal(String(fars[0].take()), 'a\nb\n')
  t.equal(engine.queued, 1)
  fars[0].send(Buffer.from('A\n'))
  t.equal(String(fars[0].take()), 'c\n')
  fars[0].send(Buffer.from('B\nC\n'))
  t.equal(String(one.take()), 'A\nB\n')
  t.equal(String(two.take()), 'C\n')
  t.equal(engine.sessions[0].leased, 0)
  t.end()
})

t.test('a further session opens where the limit allows, and a dead backend is told of', (t) => {
  const { pollset, fars, engine, client } = inMemory(1, 2)
  const one = client()
  one.send(Buffer.from('a\nb\nc\n'))
  t.equal(fars.length, 2)
  t.equal(engine.queued, 1)
  fars[0].destroy()
  fars[1].send(Buffer.from('B\n'))
  t.equal(String(one.take()), 'sorry\nB\n')
  pollset.advance(5_000)
  t.equal(String(one.take()), 'sorry\n', 'the third was late')
  t.end()
})

t.test('two Worlds side by side do not touch', (t) => {
  const first = inMemory(1, 1)
  const second = inMemory(1, 1)
  const one = first.client()
  const two = second.client()
  one.send(Buffer.from('x\n'))
  t.equal(second.fars.length, 0)
  two.send(Buffer.from('y\n'))
  t.equal(first.engine.sessions[0].id, second.engine.sessions[0].id, 'ids begin anew in each')
  first.pollset.advance(10_000)
  t.equal(String(one.take()), 'sorry\n')
  t.equal(String(two.take()), '', 'the other clock stood still')
  second.fars[0].send(Buffer.from('Y\n'))
  t.equal(String(two.take()), 'Y\n')
  t.end()
})

t.test('on real sockets', async (t) => {
  const peers = new Set<NetSocket>()
  const server = createServer((socket) => {
    peers.add(socket)
    socket.on('data', (data) => socket.write(data.toString().toUpperCase()))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const pollset = new NodePollset()
  const world = createWorld(pollset)
  const address = { host: '127.0.0.1', port: (server.address() as AddressInfo).port }
  const engine = new Engine<LineSession>(
    world,
    'lines',
    (reports) => new LineSession(world, address, 4, reports),
  )
  const listener = pollset.listen({ host: '127.0.0.1', port: 0 }, 'l1')
  const ready = new Promise<void>((resolve) => {
    listener.waiter = {
      wake: () => {
        if ((listener.readiness & LISTENING) !== 0) resolve()
        for (let s = listener.accept(); s !== null; s = listener.accept()) new LineFrontend(world, s, engine)
      },
      resume: () => {},
    }
    listener.interest = LISTENING | ACCEPTABLE
  })
  await ready
  const client = connect(listener.address.port, '127.0.0.1')
  client.write('hello\nworld\n')
  let answer = ''
  while (answer.length < 12) {
    const [chunk] = (await once(client, 'data')) as [Buffer]
    answer += String(chunk)
  }
  t.equal(answer, 'HELLO\nWORLD\n')
  client.destroy()
  pollset.close()
  for (const peer of peers) peer.destroy()
  server.close()
  await once(server, 'close')
})
