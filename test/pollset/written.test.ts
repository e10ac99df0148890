// A socket reports its writing (spec/pollset.md, P30 and P31): bytes, when the last of them was handed over,
// and when FIN was. On Node's pollset in clear text and over TLS, in both roles, and on the simulated
// network.

import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket as NetSocket } from 'node:net'
import { connect as connectTls, createServer as createTlsServer } from 'node:tls'
import t from 'tap'
import {
  CLOSED,
  CONNECTED,
  FINISHED,
  NodePollset,
  READABLE,
  SECURED,
  type Socket,
  WRITABLE,
} from '../../src/pollset/index.js'
import { authority, localhost } from '../../tools/testbed/certificates/index.js'
import { type Cleaning, HERE, listening, until } from '../world/node-sockets.js'
import { connection, pattern, settle } from './sim-ends.js'

/** More than the kernels of both ends take without a reader. */
const MANY_BYTES = 24 * 1024 * 1024

async function accepted(t: Cleaning) {
  const { pollset, pair } = await listening(t)
  return { pollset, ...(await pair()) }
}

async function acceptedTls(t: Cleaning) {
  const { pollset, listener, accept } = await listening(t)
  const peer = connectTls({ host: HERE, port: listener.address.port, ca: authority, servername: 'localhost' })
  t.teardown(() => peer.destroy())
  peer.on('error', () => {})
  const socket = await accept()
  await until(socket, READABLE)
  socket.secure(pollset.tlsServer({ certificates: [localhost], alpn: ['h2'] }))
  await until(socket, SECURED | CLOSED)
  return { pollset, socket, peer }
}

async function connected(t: Cleaning, tls = false) {
  const taken = (socket: NetSocket): void => {
    t.teardown(() => socket.destroy())
    socket.on('error', () => {})
  }
  const server = tls
    ? createTlsServer({ cert: localhost.cert, key: localhost.key, allowHalfOpen: true }, taken)
    : createServer({ allowHalfOpen: true }, taken)
  server.listen(0, HERE)
  await once(server, 'listening')
  t.teardown(() => server.close())
  const peer = once(server, tls ? 'secureConnection' : 'connection')
  const pollset = new NodePollset()
  t.teardown(() => pollset.close())
  const client = pollset.tlsClient({ serverName: 'localhost', alpn: [], verify: false })
  const { port } = server.address() as AddressInfo
  const socket = pollset.connect({ host: HERE, port }, 'b1.socket', tls ? client : undefined)
  await until(socket, CONNECTED | CLOSED)
  const [far] = (await peer) as [NetSocket]
  return { pollset, socket, peer: far }
}

const WAYS: Readonly<
  Record<string, (t: Cleaning) => Promise<{ pollset: NodePollset; socket: Socket; peer: NetSocket }>>
> = {
  accepted,
  'accepted, over TLS': acceptedTls,
  connected: (t) => connected(t),
  'connected, over TLS': (t) => connected(t, true),
}

for (const [way, meet] of Object.entries(WAYS)) {
  t.test(`P30, P31: what a socket tells of its writing: ${way}`, async (t) => {
    const { pollset, socket, peer } = await meet(t)
    peer.pause()
    t.equal(socket.writtenBytes, 0)
    socket.write(Buffer.from('a few'))
    await until(socket, WRITABLE)
    t.equal(socket.writtenBytes, 5)
    const { wroteAt } = socket
    t.ok(wroteAt > 0 && wroteAt <= pollset.now)
    socket.write(Buffer.alloc(MANY_BYTES))
    t.equal(socket.writtenBytes, MANY_BYTES + 5, 'those that wait are counted')
    socket.end()
    for (let i = 0; i < 50; i++) await new Promise((resolve) => setImmediate(resolve))
    t.equal(socket.readiness & (WRITABLE | FINISHED), 0)
    t.equal(socket.wroteAt, wroteAt, 'the operating system has not taken all of it')
    let told = 0
    peer.on('data', (chunk: Buffer) => {
      told += chunk.length
    })
    peer.resume()
    const ended = once(peer, 'end')
    await until(socket, FINISHED | CLOSED)
    t.equal(socket.readiness & FINISHED, FINISHED)
    t.ok(socket.wroteAt > wroteAt)
    await ended
    t.equal(told, MANY_BYTES + 5)
  })

  t.test(`P31: one that is destroyed before has not finished: ${way}`, async (t) => {
    const { socket, peer } = await meet(t)
    peer.pause()
    socket.write(Buffer.alloc(MANY_BYTES))
    socket.end()
    socket.destroy()
    await until(socket, CLOSED)
    await new Promise((resolve) => setImmediate(resolve))
    t.equal(socket.readiness & (FINISHED | WRITABLE), 0)
  })
}

t.test('P30, P31: the simulated network tells the same', (t) => {
  const { pollset, peer, socket } = connection({ sendBufferBytes: 50, latencyMs: 5 })
  peer.far.read(false)
  pollset.after(7, () => {})
  settle(pollset)
  socket.write(pattern(40))
  t.equal(socket.wroteAt, 7, 'taken at once')
  socket.write(pattern(120))
  t.equal(socket.writtenBytes, 160)
  socket.end()
  settle(pollset)
  t.equal(socket.wroteAt, 7)
  t.equal(socket.readiness & (WRITABLE | FINISHED), 0)
  pollset.after(1_000, () => peer.far.read(true))
  settle(pollset)
  t.ok(socket.wroteAt > 1_000)
  t.equal(socket.readiness & FINISHED, FINISHED)
  t.equal(peer.bytes.length, 160)
  t.end()
})
