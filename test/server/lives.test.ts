// The server's own lives, of its control and of its listeners: the edges seen are those declared, and each
// wait ends in every way it may (design: Tests).

import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import t, { type Test } from 'tap'
import { controlLife } from '../../src/server/control.js'
import { listeningLife } from '../../src/transport/index.js'
import { headers, PREFACE, REQUEST } from '../../tools/testbed/frames.js'
import { type ShortServerOptions, startShortServer } from '../../tools/testbed/short-server.js'
import { declared, Seen } from '../world/seen.js'
import { soon } from '../world/soon.js'

const seen = new Seen()
/** The backend is never asked here. */
const routes = [{ host: '', prefix: '/', url: 'h2c://127.0.0.1:1' }]

/** A server on this port, its end, and its port once it listens. */
function serve(port: number, options: Partial<ShortServerOptions> = {}) {
  const server = startShortServer({ listen: [{ host: '127.0.0.1', port }], routes, ...options })
  server.world.scheduler.tracer = seen
  const stopped = once(server as never, 'stopped')
  const listening = new Promise<number>((resolve) =>
    server.on('listening', (address) => resolve(address.port)),
  )
  return { server, stopped, listening }
}

/** A client with a connection, which says this. */
async function client(t: Test, port: number, ...octets: Buffer[]): Promise<Socket> {
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true }).on('error', () => {})
  t.teardown(() => socket.destroy())
  await once(socket, 'connect')
  socket.write(Buffer.concat(octets))
  return socket
}

const SETTINGS = Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0])

t.test('told to drain before it listens', async (t) => {
  const { server, stopped } = serve(0)
  server.command('drain')
  await stopped
  t.equal(server.describe()['clients'], 0)
})

t.test('an address in use', async (t) => {
  const other = createServer().listen(0, '127.0.0.1')
  await once(other, 'listening')
  t.teardown(() => void other.close())
  const { server, stopped } = serve((other.address() as AddressInfo).port)
  const failed = new Promise((resolve) => server.on('failed', (_address, code) => resolve(code)))
  t.equal(await failed, 'EADDRINUSE')
  server.command('drain')
  await stopped
})

t.test('a client that leaves when it is told', async (t) => {
  const { server, stopped, listening } = serve(0)
  const socket = await client(t, await listening, PREFACE, SETTINGS)
  await once(socket, 'data')
  server.command('drain')
  socket.resume()
  await once(socket, 'end')
  socket.end()
  await stopped
})

for (const [title, leaves] of [
  ['a client that goes only when its time is over', true],
  ['a client that stays then, too', false],
] as const) {
  t.test(title, async (t) => {
    // A request without an answer: its backend is never connected.
    const limits = {
      server: { cutMs: leaves ? 10_000 : 50 },
      http1: { lingerMs: 10_000 },
      http2: { lingerMs: 10_000 },
    }
    const silent = createServer().listen(0, '127.0.0.1')
    await once(silent, 'listening')
    const { port } = silent.address() as AddressInfo
    silent.on('connection', (socket) => {
      socket.resume().on('error', () => {})
      t.teardown(() => socket.destroy())
    })
    t.teardown(() => void silent.close())
    const { server, stopped, listening } = serve(0, {
      drainTimeoutMs: 50,
      limits,
      routes: [{ host: '', prefix: '/', url: `h2c://127.0.0.1:${port}` }],
    })
    const socket = await client(t, await listening, PREFACE, SETTINGS, headers(1, REQUEST))
    await once(silent, 'connection')
    socket.resume()
    server.command('drain')
    await once(socket, 'end')
    if (leaves) socket.end()
    await stopped
    t.equal(server.proxy.begun, server.proxy.logged)
  })
}

t.test(
  'a client that has connected and says nothing is waited for a little, requests that run longer',
  async (t) => {
    const silent = createServer((socket) => void socket.resume().on('error', () => {})).listen(0, '127.0.0.1')
    await once(silent, 'listening')
    t.teardown(() => void silent.close())
    const { port } = silent.address() as AddressInfo
    const { server, stopped, listening } = serve(0, {
      limits: { http1: { drainIdleMs: 1 }, http2: { drainIdleMs: 1 } },
      routes: [{ host: '', prefix: '/', url: `h2c://127.0.0.1:${port}` }],
    })
    const at = await listening
    const asks = await client(t, at, PREFACE, SETTINGS, headers(1, REQUEST))
    await once(silent, 'connection')
    const says = await client(t, at)
    while (server.describe()['arriving'] === 0) await soon()
    server.command('drain')
    says.resume()
    await once(says, 'end')
    t.match(server.describe(), { clients: 1, arriving: 0 })
    asks.destroy()
    await stopped
  },
)

t.test('a request of a client that had connected when the drain began', async (t) => {
  const { server, stopped, listening } = serve(0, {
    limits: { http1: { drainIdleMs: 60_000 }, http2: { drainIdleMs: 60_000 } },
  })
  const socket = await client(t, await listening)
  while (server.describe()['arriving'] === 0) await soon()
  server.command('drain')
  await once(server as never, 'draining')
  socket.end('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
  let text = ''
  socket.setEncoding('latin1').on('data', (chunk: string) => {
    text += chunk
  })
  await once(socket, 'end')
  t.match(text, /^HTTP\/1\.1 502 [\s\S]*connection: close/, 'it is served, and is the last')
  await stopped
})

t.test('told to shut down, it serves on for a while, unless it is told to drain', async (t) => {
  for (const shutdownDelayMs of [1, 60_000]) {
    const { server, stopped, listening } = serve(0, { shutdownDelayMs })
    const port = await listening
    server.command('shutdown')
    if (shutdownDelayMs > 1) {
      const socket = await client(t, port)
      socket.end('GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n')
      socket.resume()
      await once(socket, 'end')
      // An order that it does not know does not end the delay.
      server.command('reload')
      await new Promise(setImmediate)
      await new Promise(setImmediate)
      server.command('drain')
    }
    await stopped
    t.equal(server.describe()['clients'], 0)
  }
})

t.test('the edges seen are the edges declared', (t) => {
  for (const { edges } of [controlLife, listeningLife] as const) {
    t.strictSame(seen.taken(edges), declared(edges))
    t.strictSame(seen.waitsEnded(edges), seen.mayEnd(edges), 'and every wait ended in every way')
  }
  t.strictSame(seen.waitsEnded(controlLife.edges), [
    'cut cut: late, ready',
    'delay until: late, ready',
    'drain until: late, ready',
    'serve for ever: ready',
    'settle until: late, ready',
  ])
  t.strictSame(seen.waitsEnded(listeningLife.edges), [
    'accept for ever: cancelled, ready',
    'bind for ever: cancelled, ready',
  ])
  t.end()
})
