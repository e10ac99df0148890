// A client of HTTP/1.1 that sends FIN behind its request (spec/http1/framing.md): it is answered, then the connection closes.
// That it may have left as well has its bounds, in time and in number.

import t, { type Test } from 'tap'
import type { SomeLimits } from '../../src/server/index.js'
import { limitsWith } from '../../src/server/index.js'
import { frame, framesOf, headers, REQUEST } from '../../tools/testbed/frames.js'
import type { FarEnd } from '../../tools/testbed/memory-pollset.js'
import { type MemoryProxyOptions, memoryProxy } from '../../tools/testbed/memory-proxy.js'

const HTTP1: MemoryProxyOptions = { clients: 'http/1.1', speaks: 'http/1.1' }
const bytesOf = (text: string) => Buffer.from(text, 'latin1')
const GET = bytesOf('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
const POST = bytesOf('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi')
const CHUNKS = bytesOf('POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n')
const OLD = bytesOf('GET / HTTP/1.0\r\n\r\n')
const OK = bytesOf('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok')
const UNTIL_CLOSE = bytesOf('HTTP/1.1 200 OK\r\n\r\nok')

const text = (far: FarEnd) => far.received.toString('latin1')
const proxyOf = (limits: SomeLimits = {}) =>
  memoryProxy(limitsWith({ http1: { lingerMs: 100 }, http2: { lingerMs: 100 } }, limits), HTTP1)
type Proxy = ReturnType<typeof proxyOf>

function over(t: Test, { proxy, backend, world }: Proxy): void {
  t.equal(proxy.begun, proxy.logged, 'each exchange is over')
  const leased = backend.engines().flatMap(({ sessions }) => sessions.map((each) => each.leased))
  t.equal(
    leased.reduce((sum, each) => sum + each, world.memory.bytes),
    0,
    'no lease, nothing held',
  )
}

/** A client that has sent this, and FIN. */
function half(proxy: Proxy, request: Buffer): FarEnd {
  const client = proxy.client()
  client.send(request)
  client.end()
  return client
}

t.test('FIN behind a whole request: it is answered, then the connection closes', (t) => {
  for (const [name, request] of Object.entries({ GET, POST, CHUNKS, OLD })) {
    for (const answer of [OK, UNTIL_CLOSE]) {
      const proxy = proxyOf()
      const client = half(proxy, request)
      const [backend] = proxy.backends
      t.notOk(backend.wasReset || client.ended, `${name}: it waits`)
      proxy.pollset.advance(4_000)
      backend.send(answer)
      if (answer === UNTIL_CLOSE) backend.end()
      t.match(text(client), /^HTTP\/1\.1 200 OK\r\n[\s\S]*connection: close\r\n\r\n[\s\S]*ok/, name)
      t.ok(client.ended && !client.wasReset, `${name}: and the connection closes`)
      over(t, proxy)
    }
  }
  t.end()
})

t.test('FIN before the head has come: the body has the time of any body', (t) => {
  const proxy = proxyOf()
  const client = half(proxy, GET)
  const [backend] = proxy.backends
  backend.send(bytesOf('HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nok'))
  proxy.pollset.advance(20_000)
  t.notOk(client.ended)
  backend.send(bytesOf('ay'))
  t.match(text(client), /okay$/)
  t.ok(client.ended)
  over(t, proxy)
  t.end()
})

t.test('FIN behind the head of the response: more of it must come in halfClosedMs, once', (t) => {
  for (const leaves of [false, true]) {
    const proxy = proxyOf({ http1: { halfClosedMs: 5_000 } })
    const client = proxy.client()
    client.send(GET)
    const [backend] = proxy.backends
    backend.send(bytesOf('HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\no'))
    client.end()
    proxy.pollset.advance(4_999)
    t.notOk(client.ended || client.wasReset)
    if (leaves) {
      proxy.pollset.advance(1)
      t.ok(backend.wasReset, 'nobody shows that the client is there: the backend is told')
      t.ok(client.wasReset, 'and what has left does not look whole')
    } else {
      backend.send(bytesOf('k'))
      proxy.pollset.advance(20_000)
      t.notOk(client.ended, 'what was written met no RST: the rest has the time of any body')
      backend.send(bytesOf('ay'))
      t.match(text(client), /okay$/)
      t.ok(client.ended)
    }
    over(t, proxy)
  }
  t.end()
})

t.test('FIN behind two whole requests: both are answered, in order', (t) => {
  for (const late of [false, true]) {
    const proxy = proxyOf({ http1: { halfClosedMs: 1_000 } })
    const client = proxy.client()
    client.send(Buffer.concat([GET, POST]))
    if (late) t.match(text(proxy.backends[0]), /^GET /, 'FIN comes after what waits in the socket')
    client.end()
    const [backend] = proxy.backends
    backend.take()
    proxy.pollset.advance(900)
    backend.send(OK)
    t.match(text(backend), /^POST /, 'then the second')
    t.notMatch(text(client), 'connection: close')
    proxy.pollset.advance(900)
    backend.send(OK)
    const heads = text(client).split('HTTP/1.1 200').slice(1)
    t.strictSame(
      heads.map((head) => /connection: close/.test(head)),
      [false, true],
      'the last says that it is',
    )
    t.ok(client.ended)
    over(t, proxy)
  }
  t.end()
})

t.test('FIN in the middle of the second request: the first is answered, the second is truncated', (t) => {
  const proxy = proxyOf()
  const client = half(proxy, Buffer.concat([GET, GET.subarray(0, 20)]))
  proxy.backends[0].send(OK)
  t.match(text(client), /^HTTP\/1\.1 200 [\s\S]*okHTTP\/1\.1 400 [\s\S]*truncated/)
  over(t, proxy)
  t.end()
})

t.test('no head for halfClosedMs: 504, and the backend is told', (t) => {
  const proxy = proxyOf({ http1: { halfClosedMs: 3_000 } })
  const client = half(proxy, GET)
  proxy.pollset.advance(2_999)
  // An interim response is no answer.
  proxy.backends[0].send(bytesOf('HTTP/1.1 102 Processing\r\n\r\n'))
  t.match(text(client), 'HTTP/1.1 102')
  proxy.pollset.advance(1)
  t.match(text(client), /HTTP\/1\.1 504 [\s\S]*x-fermata: half-closed-late\r\n/)
  t.ok(client.ended)
  t.ok(proxy.backends[0].wasReset)
  over(t, proxy)
  t.end()
})

t.test('the same in the queue', (t) => {
  const proxy = proxyOf({ http1: { halfClosedMs: 3_000 }, engine: { sessionsMax: 1 } })
  const first = proxy.client()
  first.send(GET)
  const client = half(proxy, GET)
  proxy.pollset.advance(3_000)
  t.match(text(client), /^HTTP\/1\.1 504 /)
  proxy.backends[0].send(OK)
  t.match(text(first), /^HTTP\/1\.1 200 /)
  t.equal(proxy.backends.length, 1)
  over(t, proxy)
  t.end()
})

t.test('halfClosedMs of 0: FIN is taken for leaving', (t) => {
  for (const request of [GET, POST]) {
    const proxy = proxyOf({ http1: { halfClosedMs: 0 } })
    const client = half(proxy, request)
    t.ok(proxy.backends[0].wasReset, 'the backend is told')
    t.ok(client.ended)
    over(t, proxy)
  }
  t.end()
})

t.test('a client that has left after all: RST is heard, before the head and behind it', (t) => {
  const proxy = proxyOf()
  const client = half(proxy, GET)
  client.destroy()
  t.ok(proxy.backends[0].wasReset, 'the backend is told')
  over(t, proxy)
  const second = half(proxy, GET)
  proxy.backends[1].send(bytesOf('HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nok'))
  second.destroy()
  t.ok(proxy.backends[1].wasReset)
  over(t, proxy)
  t.end()
})

t.test('R11: nothing is sent again after FIN', (t) => {
  // A connection that had served before, and closes as it is used again: any other GET goes on another.
  const proxy = proxyOf()
  const before = proxy.client()
  before.send(GET)
  proxy.backends[0].send(OK)
  proxy.backends[0].take()
  const client = half(proxy, GET)
  t.match(text(proxy.backends[0]), /^GET /)
  proxy.backends[0].end()
  t.equal(proxy.backends.length, 1, 'it is not sent again')
  t.match(text(client), /^HTTP\/1\.1 502 [\s\S]*x-fermata: unanswered/)
  over(t, proxy)
  // Nor what an HTTP/2 backend has refused.
  const h2 = memoryProxy({}, { clients: 'http/1.1' })
  const other = half(h2, GET)
  const [backend] = h2.backends
  h2.greet(backend)
  backend.send(frame(3, 0, 1, Buffer.from([0, 0, 0, 7])))
  t.equal(framesOf(backend.take()).filter(({ type }) => type === 1).length, 0)
  t.match(text(other), /^HTTP\/1\.1 503 [\s\S]*x-fermata: retries-spent/)
  t.end()
})

t.test('half-closed-clients: a thousand that ask and leave, before a silent backend', (t) => {
  const proxy = proxyOf({ engine: { sessionsMax: 256, openingMax: 64 }, http1: { halfClosedMs: 5_000 } })
  for (let i = 0; i < 1_000; i++) half(proxy, GET)
  const asked = () => proxy.backends.filter((each) => !each.closed && !each.wasReset)
  t.ok(asked().length <= 128, `they have half of the sessions: ${asked().length}`)
  const before = proxy.backends.length
  const good = proxy.client()
  good.send(POST)
  const mine = proxy.backends.slice(before).find((each) => text(each).startsWith('POST'))
  t.ok(mine, 'a good client has one at once')
  mine?.send(OK)
  t.match(text(good), /^HTTP\/1\.1 200 /)
  proxy.pollset.advance(5_000)
  t.equal(asked().length, 1, 'and when their time is over they have none')
  t.equal(proxy.proxy.begun, proxy.proxy.logged)
  over(t, proxy)
  t.end()
})

t.test('the same before a backend of HTTP/2: half of its streams', (t) => {
  const proxy = memoryProxy(
    { engine: { sessionsMax: 2 }, http1: { halfClosedMs: 5_000 } },
    { clients: 'http/1.1' },
  )
  for (let i = 0; i < 40; i++) half(proxy, GET)
  // Before its SETTINGS its limit is unknown.
  t.equal(proxy.proxy.logged, 0)
  for (const backend of proxy.backends)
    backend.send(Buffer.concat([frame(4, 0, 0, Buffer.from([0, 3, 0, 0, 0, 20])), frame(4, 1, 0)]))
  t.equal(proxy.proxy.begun - proxy.proxy.logged, 20)
  proxy.pollset.advance(5_000)
  t.equal(proxy.proxy.begun, proxy.proxy.logged)
  t.end()
})

t.test('a client of HTTP/2 that sends FIN has left: its streams are cancelled', (t) => {
  const proxy = memoryProxy()
  const client = proxy.client()
  client.send(headers(1, REQUEST))
  const [backend] = proxy.backends
  proxy.greet(backend)
  client.end()
  t.ok(client.ended)
  const reset = framesOf(backend.take()).find(({ type }) => type === 3)
  t.equal(reset?.payload.readUInt32BE(0), 8, 'CANCEL')
  t.equal(proxy.proxy.begun, proxy.proxy.logged)
  t.end()
})

t.test('a drain behind a head that lets a request follow', (t) => {
  const proxy = proxyOf({ http1: { drainIdleMs: 1_000 }, http2: { drainIdleMs: 1_000 } })
  const client = proxy.client()
  client.send(GET)
  const [backend] = proxy.backends
  backend.send(bytesOf('HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nok'))
  const frontend = [...proxy.world.scheduler.alive()].find(({ kind }) => kind === 'frontend')
  frontend?.cancel()
  proxy.pollset.advance(5_000)
  backend.send(bytesOf('ay'))
  t.match(text(client), /okay$/)
  t.notOk(client.ended, 'the client may have sent another')
  proxy.pollset.advance(999)
  client.take()
  client.send(POST)
  backend.send(OK)
  t.match(text(client), /connection: close\r\n\r\nok$/)
  t.ok(client.ended)
  over(t, proxy)
  t.end()
})

t.test('a request that has lost its body for want of memory, with FIN behind it, is answered too', (t) => {
  for (const reached of [true, false]) {
    const limits = {
      transport: { connectionHeldBytesMax: 2_000 },
      http1: { bodyAheadBytesMax: 100_000, halfClosedMs: 3_000 },
    }
    const proxy = memoryProxy(limits, HTTP1)
    if (!reached) proxy.hang()
    const client = proxy.client()
    const body = Buffer.alloc(40_000, 'x')
    client.put(bytesOf(`POST / HTTP/1.1\r\nHost: a\r\nContent-Length: ${body.length}\r\n\r\n`))
    client.put(body)
    client.end()
    proxy.pollset.advance(2_999)
    if (!reached) t.equal(text(client), '', 'it waits for its turn')
    proxy.pollset.advance(1)
    t.match(text(client), reached ? /^HTTP\/1\.1 503 [\s\S]*x-fermata: stall/ : /^HTTP\/1\.1 504 /)
    t.ok(client.ended && !client.wasReset)
    t.equal(proxy.proxy.begun, proxy.proxy.logged)
  }
  t.end()
})
