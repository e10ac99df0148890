// Defects that the simulator has found (npm run sim), each as the few frames that show it.

import t from 'tap'
import { serveHttp1 } from '../../src/http1/index.js'
import { webSocketAccept } from '../../src/http1/websocket.js'
import { serveHttp2 } from '../../src/http2/index.js'
import { CLOSED } from '../../src/pollset/index.js'
import type { SomeLimits } from '../../src/server/index.js'
import { limitsWith } from '../../src/server/index.js'
import { type Frame, frame, framesOf, headers, PREFACE, REQUEST, uint32 } from '../../tools/testbed/frames.js'
import type { FarEnd } from '../../tools/testbed/memory-pollset.js'
import { memoryProxy } from '../../tools/testbed/memory-proxy.js'

const OK = [[':status', '200']] as const
const WEBSOCKET = [
  [':method', 'CONNECT'],
  [':protocol', 'websocket'],
  [':scheme', 'http'],
  [':authority', 'a'],
  [':path', '/'],
  ['sec-websocket-version', '13'],
] as const
/** `:status: 200` of the static table (RFC 7541, appendix A) */
const STATUS_200 = 0x88
const DATA = 0
const RST_STREAM = 3
const SETTINGS = 4
const WINDOW_UPDATE = 8

const setting = (id: number, value: number): Buffer =>
  frame(SETTINGS, 0, 0, Buffer.concat([Buffer.from([0, id]), uint32(value)]))
const reset = (stream: number): Buffer => frame(RST_STREAM, 0, stream, uint32(8))
const window = (stream: number, by: number): Buffer => frame(WINDOW_UPDATE, 0, stream, uint32(by))
const of = (far: FarEnd, type: number, stream: number): Frame[] =>
  framesOf(far.take()).filter((each) => each.type === type && each.stream === stream)

t.test('a closing connection whose socket goes with something unwritten is over at once', async (t) => {
  const { pollset, http2, proxy, lines } = memoryProxy()
  const socket = pollset.socket()
  serveHttp2(http2, socket, proxy)
  socket.far.reading = false
  socket.far.send(Buffer.concat([PREFACE, frame(SETTINGS, 0, 0)]))
  socket.far.end()
  t.match(lines.at(-1), / m1 linger suspend /)
  pollset.mark(socket, CLOSED)
  pollset.one()
  t.match(lines.at(-1), / m1 end done /)
})

t.test('the same of HTTP/1.1', async (t) => {
  const { pollset, http1, proxy, lines } = memoryProxy()
  const socket = pollset.socket()
  serveHttp1(http1, socket, proxy)
  socket.far.reading = false
  socket.far.send(Buffer.from('nonsense\r\n\r\n'))
  t.match(lines.at(-1), / m1 linger suspend /)
  pollset.mark(socket, CLOSED)
  pollset.one()
  t.match(lines.at(-1), / m1 end done /)
})

t.test('a lease granted as its session is given up is not used', async (t) => {
  const { client, greet, backends, pollset } = memoryProxy({
    engine: { sessionsMax: 1 },
    http1: { lingerMs: 100 },
    http2: { lingerMs: 100 },
  })
  const far = client()
  far.send(headers(1, REQUEST))
  backends[0].send(setting(3, 1))
  greet(backends[0])
  far.send(headers(3, REQUEST))
  // In one read: stream 1 ends, which grants its place to the next, and the connection does.
  backends[0].put(headers(1, OK))
  backends[0].end()
  pollset.advance(101)
  t.equal(backends.length, 2, 'another session is opened')
  greet(backends[1])
  backends[1].send(headers(1, OK))
  t.same(
    framesOf(far.take()).map((each) => [each.type, each.stream]),
    [
      [1, 1],
      [1, 3],
    ],
  )
})

/** A backend stream that runs dry: the budget of resets is spent on one before it. */
function dry(more: Buffer, limits: SomeLimits = {}) {
  const world = memoryProxy(
    limitsWith({ http2: { backendResetsBurst: 1, backendResetsPerSecond: 1 } }, limits),
  )
  const far = world.client()
  far.send(setting(4, 0))
  far.send(Buffer.concat([headers(1, REQUEST), headers(3, REQUEST)]))
  const backend = world.backends[0]
  world.greet(backend)
  far.send(reset(1))
  backend.send(more)
  backend.take()
  far.send(reset(3))
  return { ...world, far, backend }
}

t.test('what a stream holds that begins to run dry is credited to it', async (t) => {
  const body = Buffer.alloc(16_000)
  const { backend, http2 } = dry(
    Buffer.concat([
      headers(3, OK, false),
      ...[1, 2, 3, 4].map(() => frame(DATA, 0, 3, body)),
      frame(DATA, 0, 3, Buffer.alloc(1535)),
    ]),
  )
  t.equal(http2.counts.discarded, 1)
  t.same(
    of(backend, WINDOW_UPDATE, 3).map((each) => each.payload.readUInt32BE()),
    [65_535],
  )
})

t.test('a stream that runs dry is not held against its content-length', async (t) => {
  const { backend, http2 } = dry(headers(3, [...OK, ['content-length', '5']], false))
  backend.send(frame(DATA, 1, 3, Buffer.from('hello')))
  t.equal(of(backend, RST_STREAM, 3).length, 0)
  t.equal(http2.counts.streamErrors, 0)
})

t.test('a stream that is reset twice runs dry once, and its session closes', async (t) => {
  const { far, backend, pollset, http2, backends } = dry(Buffer.alloc(0), {
    proxy: { headTimeoutMs: 500 },
    http1: { backendIdleMs: 2000 },
    http2: { backendIdleMs: 2000 },
  })
  far.send(headers(5, REQUEST))
  pollset.advance(501)
  t.equal(http2.counts.discarded, 2, 'streams 3 and 5')
  pollset.advance(20_000)
  t.ok(backend.ended || backend.closed, 'idle, and nobody waits for it')
  t.equal(backends.length, 1)
})

t.test('a stream that stalled does not keep its session open', async (t) => {
  const { client, greet, backends, backend, pollset } = memoryProxy({
    transport: { heldBytesSoft: 1, heldBytesMax: 1 },
  })
  const far = client()
  far.send(setting(4, 0))
  far.send(headers(1, REQUEST))
  greet(backends[0])
  backends[0].send(Buffer.concat([headers(1, OK, false), frame(DATA, 0, 1, Buffer.alloc(1000))]))
  backend.close()
  pollset.advance(10_000)
  t.ok(backends[0].ended)
})

t.test('an answer of ours does not follow a reset', async (t) => {
  const { client, pollset, world } = memoryProxy({}, { prefix: '/elsewhere' })
  const far = client()
  world.scheduler.gate = { holds: (each) => each.stepName === 'refuse' }
  far.send(headers(1, REQUEST))
  far.send(reset(1))
  world.scheduler.gate = null
  for (const each of [...world.scheduler.alive()]) world.scheduler.release(each)
  pollset.run()
  t.same(
    framesOf(far.take()).filter((each) => each.stream === 1),
    [],
  )
})

t.test('a response that lost its body by stalling does not look complete', async (t) => {
  const { client, greet, backends, pollset, world } = memoryProxy({
    transport: { heldBytesSoft: 1, heldBytesMax: 1 },
  })
  const far = client()
  far.send(setting(4, 0))
  far.send(headers(1, REQUEST))
  greet(backends[0])
  backends[0].send(headers(1, OK, false))
  world.scheduler.gate = { holds: (each) => each.stepName === 'transfer' }
  backends[0].send(frame(DATA, 0, 1, Buffer.alloc(1000)))
  t.equal(world.memory.stalls, 1)
  backends[0].send(frame(DATA, 1, 1, Buffer.alloc(10)))
  world.scheduler.gate = null
  for (const each of [...world.scheduler.alive()]) world.scheduler.release(each)
  pollset.run()
  far.send(window(1, 100_000))
  const frames = framesOf(far.take()).filter((each) => each.stream === 1)
  t.same(
    frames.map((each) => [each.type, each.flags & 1]),
    [
      [1, 0],
      [RST_STREAM, 0],
    ],
  )
})

t.test('a request of HTTP/1.1 that lost its body by stalling does not look complete', async (t) => {
  const limits = { transport: { heldBytesSoft: 1, heldBytesMax: 1 } }
  const { client, greet, backends, pollset, world } = memoryProxy(limits, { clients: 'http/1.1' })
  const far = client()
  far.send(Buffer.from('POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 1010\r\n\r\n'))
  world.scheduler.gate = { holds: (each) => each.stepName === 'lease' }
  greet(backends[0])
  far.send(Buffer.alloc(1000))
  t.equal(world.memory.stalls, 1)
  far.send(Buffer.alloc(10))
  world.scheduler.gate = null
  for (const each of [...world.scheduler.alive()]) world.scheduler.release(each)
  pollset.run()
  const frames = framesOf(backends[0].take()).filter((each) => each.stream === 1)
  t.equal(frames.filter((each) => each.type < 2 && (each.flags & 1) !== 0).length, 0, 'no END_STREAM')
  const answer = far.take().toString('latin1')
  t.match(answer, /^HTTP\/1.1 503 /)
  t.match(answer, /\r\nconnection: close\r\n/)
})

t.test('a response of HTTP/1.1 that lost its body by stalling does not look complete', async (t) => {
  const limits = { transport: { heldBytesSoft: 1, heldBytesMax: 1 } }
  const { client, backends, pollset, world } = memoryProxy(limits, {
    clients: 'http/1.1',
    speaks: 'http/1.1',
  })
  const far = client()
  far.send(Buffer.from('GET / HTTP/1.1\r\nhost: a\r\n\r\n'))
  backends[0].send(Buffer.from('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n'))
  world.scheduler.gate = { holds: (each) => each.stepName === 'transfer' }
  backends[0].send(Buffer.from(`3e8\r\n${'x'.repeat(1000)}\r\n`))
  t.equal(world.memory.stalls, 1)
  backends[0].send(Buffer.from('0\r\n\r\n'))
  world.scheduler.gate = null
  for (const each of [...world.scheduler.alive()]) world.scheduler.release(each)
  pollset.run()
  t.notMatch(far.take().toString('latin1'), /0\r\n\r\n$/, 'no last chunk')
  t.ok(far.wasReset)
})

t.test('a response that stalled stays so when its backend goes: it is not sent again', async (t) => {
  const limits = { transport: { heldBytesSoft: 1, heldBytesMax: 1 } }
  for (const speaks of ['http/1.1', 'h2c'] as const) {
    for (const way of speaks === 'h2c' ? ['close', 'reset'] : ['close']) {
      const it = memoryProxy(limits, { clients: 'http/1.1', speaks })
      const outcomes: string[] = []
      it.proxy.watch({ ended: ({ outcome }) => outcomes.push(outcome) })
      const far = it.client()
      far.send(Buffer.from('GET / HTTP/1.1\r\nhost: a\r\n\r\n'))
      const [backend] = it.backends
      if (speaks === 'h2c') it.greet(backend)
      it.world.scheduler.gate = { holds: (each) => each.stepName === 'awaitHead' }
      const body = 'x'.repeat(1000)
      if (speaks === 'h2c')
        backend.send(Buffer.concat([headers(1, OK, false), frame(DATA, 0, 1, Buffer.from(body))]))
      else
        backend.send(Buffer.from(`HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3e8\r\n${body}\r\n`))
      t.equal(it.world.memory.stalls, 1)
      if (way === 'reset') backend.send(reset(1))
      else backend.destroy()
      it.world.scheduler.gate = null
      for (const each of [...it.world.scheduler.alive()]) it.world.scheduler.release(each)
      it.pollset.run()
      t.match(far.take().toString('latin1'), /^HTTP\/1\.1 503 [\s\S]*x-fermata: stall/, `${speaks}, ${way}`)
      t.strictSame([outcomes, it.backends.length], [['stall'], 1])
    }
  }
})

t.test('a tunnel over HTTP/1.1 that lost its octets by stalling does not end as if whole', async (t) => {
  for (const way of ['end', 'none'] as const) {
    const limits = { transport: { heldBytesSoft: 1, heldBytesMax: 1 } }
    const { client, backends, pollset, world } = memoryProxy(limits, { speaks: 'http/1.1' })
    const far = client()
    far.send(headers(1, WEBSOCKET, false))
    const [, key] = /sec-websocket-key: (\S+)/.exec(backends[0].take().toString('latin1')) ?? ['', '']
    world.scheduler.gate = { holds: (each) => each.stepName === 'filterResponse' }
    const accept = webSocketAccept(key)
    backends[0].send(
      Buffer.from(
        `HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-accept: ${accept}\r\n\r\n`,
      ),
    )
    backends[0].send(Buffer.alloc(1000))
    t.equal(world.memory.stalls, 1)
    const { turns } = pollset
    if (way === 'end') backends[0].end()
    t.ok(pollset.turns < turns + 5, 'and nobody is woken by it again and again')
    // Where the tunnel opened, what has left by then would show its end.
    world.scheduler.gate = { holds: (each) => each.stepName === 'tunnel' }
    for (const each of [...world.scheduler.alive()]) world.scheduler.release(each)
    pollset.run()
    const frames = framesOf(far.take()).filter((each) => each.stream === 1)
    t.equal(frames[0]?.type, 1)
    t.not(frames[0]?.payload[0], STATUS_200, 'it is refused, not opened and ended')
    t.ok(backends[0].wasReset)
  }
})

t.test('O18: a response that ends with its connection is not whole when that is reset', async (t) => {
  for (const way of ['end', 'destroy'] as const) {
    const { client, backends } = memoryProxy({}, { speaks: 'http/1.1' })
    const far = client()
    far.send(headers(1, REQUEST))
    backends[0].send(Buffer.from('HTTP/1.1 200 OK\r\n\r\nhalf of it'))
    backends[0][way]()
    const frames = framesOf(far.take()).filter((each) => each.stream === 1)
    const ended = frames.some((each) => each.type < 2 && (each.flags & 1) !== 0)
    t.equal(ended, way === 'end', way)
    t.equal(
      frames.some((each) => each.type === RST_STREAM),
      way === 'destroy',
    )
  }
})

t.test('credit that arises after FIN is not written', async (t) => {
  const { client, greet, backends, pollset } = memoryProxy({
    transport: { heldBytesSoft: 1, stallMs: 1_000_000 },
    http2: { connectionWindow: 65_535, pingAfterMs: 1_000, backendPingTimeoutMs: 1_000, lingerMs: 10_000 },
    http1: { lingerMs: 10_000 },
  })
  const far = client()
  far.send(setting(4, 0))
  far.send(Buffer.concat([headers(1, REQUEST), headers(3, REQUEST)]))
  const [backend] = backends
  greet(backend)
  // Something is held already: what follows is not credited on receipt.
  backend.send(Buffer.concat([headers(1, OK, false), frame(DATA, 0, 1, Buffer.alloc(1000))]))
  backend.send(Buffer.concat([1, 2, 3].map((n) => frame(DATA, n === 3 ? 1 : 0, 1, Buffer.alloc(16_000)))))
  // The backend is silent on stream 3 and does not answer PING: it is given up, and we wait for the end of
  // its connection. The client is still there.
  for (let i = 0; i < 5; i++) {
    pollset.advance(500)
    far.send(window(0, 1))
    pollset.advance(500)
    far.send(window(0, 1))
  }
  t.ok(backend.ended && !backend.closed)
  backend.take()
  far.send(window(1, 49_000))
  t.equal(
    of(far, DATA, 1).reduce((sum, each) => sum + each.payload.length, 0),
    49_000,
  )
  t.equal(backend.take().length, 0)
})

t.test('a connection that is not made in time is told as late', async (t) => {
  const { backend, client, hang, pollset } = memoryProxy({ transport: { connectMs: 1_000 } })
  const told: string[] = []
  backend.endpoints[0].engines.onUnreached = (why) => told.push(why.detail ?? '')
  hang()
  client().send(headers(1, REQUEST))
  pollset.advance(1_001)
  t.match(told, [/ETIMEDOUT/])
})

t.test('F24: a client may fill the default window before it has heard of a smaller one', async (t) => {
  const { pollset, http2, proxy, backends, greet } = memoryProxy({ http2: { streamWindow: 1000 } })
  const socket = pollset.socket()
  serveHttp2(http2, socket, proxy)
  const post = [[':method', 'POST'], ...REQUEST.slice(1)] as const
  socket.far.send(
    Buffer.concat([
      PREFACE,
      frame(SETTINGS, 0, 0),
      headers(1, post, false),
      frame(DATA, 0, 1, Buffer.alloc(5000)),
    ]),
  )
  greet(backends[0])
  socket.far.send(Buffer.concat([frame(SETTINGS, 1, 0), frame(DATA, 1, 1)]))
  t.equal(of(socket.far, RST_STREAM, 1).length, 0)
  t.equal(
    of(backends[0], DATA, 1).reduce((sum, each) => sum + each.payload.length, 0),
    0,
    'it went with the head',
  )
  backends[0].send(headers(1, OK))
  socket.far.send(Buffer.concat([headers(3, post, false), frame(DATA, 1, 3, Buffer.alloc(1001))]))
  t.equal(of(socket.far, RST_STREAM, 3)[0]?.payload.readUInt32BE(), 3, 'after that it may not')
})

t.test('a backend that hangs up before its SETTINGS costs each request one connection', async (t) => {
  for (const how of ['end', 'destroy'] as const) {
    const { client, backends, pollset, proxy } = memoryProxy()
    const far = client()
    for (let asked = 1; asked <= 5; asked++) {
      far.send(headers(2 * asked - 1, REQUEST))
      pollset.advance(1_000)
      for (const backend of backends) if (!backend.closed && !backend.ended) backend[how]()
      pollset.advance(1_000)
      t.equal(backends.length, asked, `${how}: it is not dialled again for that one`)
      t.equal(proxy.logged, asked, 'which is answered')
    }
  }
})
