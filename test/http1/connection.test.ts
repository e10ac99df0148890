// HTTP/1.1 at both ends of a proxy in memory: every row of spec/http1/strictness.md as a client or a backend would send it,
// and what becomes of the connections behind.

import { readFileSync } from 'node:fs'
import t, { type Test } from 'tap'
import { proxyLimits } from '../../src/proxy/index.js'
import type { SomeLimits } from '../../src/server/index.js'
import { tableOf } from '../../tools/testbed/frames.js'
import { read, wireOf } from '../../tools/testbed/http1-wire.js'
import type { FarEnd } from '../../tools/testbed/memory-pollset.js'
import { type MemoryProxyOptions, memoryProxy } from '../../tools/testbed/memory-proxy.js'

const strictness = readFileSync('spec/http1/strictness.md', 'utf8')
const REQUESTS = ['lines', 'the start line', 'target and Host', 'framing fields', 'bodies'] as const

const HTTP1: MemoryProxyOptions = { clients: 'http/1.1', speaks: 'http/1.1' }
const proxyOf = (limits: SomeLimits = {}, options: MemoryProxyOptions = {}) =>
  memoryProxy(limits, { ...HTTP1, ...options })
type Proxy = ReturnType<typeof proxyOf>

const bytesOf = (text: string) => Buffer.from(text, 'latin1')
const GET = bytesOf('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
const POST = bytesOf('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi')
const OK = bytesOf('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok')
const SMUGGLED = bytesOf('GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n')

/** S1, S4: nothing is left of any exchange. */
function over(t: Test, proxy: Proxy, title: string): void {
  t.equal(proxy.proxy.begun, proxy.proxy.logged, `${title}: each exchange is over`)
  const leased = proxy.backend.engines().flatMap(({ sessions }) => sessions.map((each) => each.leased))
  t.equal(
    leased.reduce((sum, each) => sum + each, proxy.world.memory.bytes),
    0,
    `${title}: no lease, nothing held`,
  )
}

const text = (far: FarEnd) => far.received.toString('latin1')

/** Send a wire whole, or octet by octet. */
function sendIn(far: FarEnd, bytes: Buffer, pieces: boolean): void {
  if (!pieces) far.send(bytes)
  else for (let at = 0; at < bytes.length; at++) far.send(bytes.subarray(at, at + 1))
}

/** Long wires say nothing more octet by octet, and take long. */
const ways = (bytes: Buffer) => (bytes.length < 400 ? [false, true] : [false])

function refusedRequest(t: Test, row: Record<string, string>, pieces: boolean): void {
  const { bytes, fin } = wireOf(row.wire)
  const proxy = proxyOf()
  const client = proxy.client()
  sendIn(client, fin ? bytes : Buffer.concat([bytes, SMUGGLED]), pieces)
  if (fin) client.end()
  const answer = text(client)
  t.ok(answer.startsWith(`HTTP/1.1 ${row.verdict} `), `${row.rule}: ${answer.slice(0, 40)}`)
  t.match(answer, `${row.verdict} ${row.code}: `, row.rule)
  t.match(answer, `\r\nx-fermata: ${row.code}\r\n`, row.rule)
  t.match(answer, '\r\nconnection: close\r\n', row.rule)
  t.equal(answer.match(/HTTP\/1\.1 \d/g)?.length, 1, `${row.rule}: one answer`)
  t.ok(client.ended, `${row.rule}: and the connection ends`)
  for (const far of proxy.backends) {
    t.equal(read(far.received).verdict, 'part', `${row.rule}: a backend saw no whole request`)
    t.notMatch(text(far), 'smuggled', row.rule)
    t.ok(far.wasReset || far.closed, `${row.rule}: and its connection is gone`)
  }
  over(t, proxy, row.rule)
}

function goodRequest(t: Test, row: Record<string, string>, pieces: boolean): void {
  const { bytes } = wireOf(row.wire)
  const proxy = proxyOf()
  const client = proxy.client()
  sendIn(client, bytes, pieces)
  t.equal(proxy.backends.length, 1, `${row.rule}: it reaches a backend`)
  const [backend] = proxy.backends
  const seen = read(backend.received, { limits: { fieldsMax: 300 } })
  t.equal(seen.verdict, 'ok', `${row.rule}: whole`)
  t.equal(seen.left, 0, `${row.rule}: and nothing else`)
  backend.take()
  backend.send(OK)
  t.match(text(client), /^HTTP\/1\.1 200 OK\r\n[\s\S]*\r\n\r\nok$/, row.rule)
  t.equal(client.ended, row.verdict === 'close', `${row.rule}: the connection ends, or goes on`)
  if (row.verdict !== 'close') {
    client.take()
    client.send(GET)
    t.match(text(backend), 'GET / HTTP/1.1', `${row.rule}: with the next request, on the same connection`)
    backend.send(OK)
  }
  over(t, proxy, row.rule)
}

for (const part of REQUESTS) {
  t.test(`requests: ${part}`, (t) => {
    for (const row of tableOf(strictness, `Requests: ${part}`)) {
      if (row.verdict === 'tunnel') continue
      for (const pieces of ways(wireOf(row.wire).bytes)) {
        if (row.verdict === 'ok' || row.verdict === 'close') goodRequest(t, row, pieces)
        else refusedRequest(t, row, pieces)
      }
    }
    t.end()
  })
}

/** Each backend that is asked sends this, as often as it is asked. */
function answerAll(proxy: Proxy, bytes: Buffer, fin: boolean, pieces: boolean): number {
  let asked = 0
  for (; asked < proxy.backends.length && asked < 10; asked++) {
    const far = proxy.backends[asked]
    sendIn(far, bytes, pieces)
    if (fin) far.end()
  }
  return asked
}

t.test('responses', (t) => {
  for (const row of tableOf(strictness, 'Responses')) {
    if (row.verdict === 'tunnel' || row.to === 'GET+upgrade' || row.to === '-') continue
    const { bytes, fin } = wireOf(row.wire)
    for (const pieces of ways(bytes)) {
      const title = `${row.rule}${pieces ? ', octet by octet' : ''}`
      const proxy = proxyOf()
      const client = proxy.client()
      client.send(bytesOf(`${row.to} / HTTP/1.1\r\nHost: a\r\n\r\n`))
      const asked = answerAll(proxy, bytes, fin, pieces)
      const got = read(client.received, { to: row.to })
      const final = got.sink.events.findLast((each) => each.kind === 'head')
      const status = final?.kind === 'head' ? String(final.head.status) : 'none'
      const wholeBefore = row.verdict !== '502' || row.code === 'unasked'
      if (wholeBefore) t.not(status, '502', `${title}: it is delivered`)
      else if (status === '502') t.equal(got.verdict, 'ok', `${title}: 502, whole`)
      else {
        t.ok(pieces || fin, `${title}: ${status}; it had begun before the fault`)
        t.equal(got.verdict, 'part', `${title}: never shown as whole`)
        t.ok(client.wasReset, `${title}: and cut`)
      }
      if (wholeBefore) t.equal(got.verdict, 'ok', `${title}: whole`)
      if (client.closed) {
        over(t, proxy, title)
        continue
      }
      for (const far of proxy.backends) far.take()
      client.take()
      client.send(GET)
      const again = row.verdict === 'ok'
      t.equal(
        proxy.backends.length,
        again ? asked : asked + 1,
        `${title}: the connection is used again, or not`,
      )
      proxy.backends[proxy.backends.length - 1].send(OK)
      t.match(text(client), /\r\n\r\nok$/, title)
      over(t, proxy, title)
    }
  }
  t.end()
})

/** A proxy whose backend has answered once, and its connection is idle. */
function idle(limits: SomeLimits = {}) {
  const proxy = proxyOf(limits)
  const client = proxy.client()
  client.send(GET)
  const [backend] = proxy.backends
  backend.take()
  backend.send(OK)
  client.take()
  return { proxy, client, backend }
}

t.test('a request of HTTP/1.0 that names no host is for where it came to', (t) => {
  const proxy = proxyOf()
  proxy.client().send(bytesOf('GET /x HTTP/1.0\r\n\r\n'))
  t.match(text(proxy.backends[0]), /^GET \/x HTTP\/1\.1\r\nhost: 127\.0\.0\.1:1\r\n/)
  t.end()
})

t.test('octets that answer nothing, on an idle connection', (t) => {
  const { proxy, client, backend } = idle()
  backend.send(bytesOf('HTTP/1.1 408 Request Timeout\r\nConnection: close\r\n\r\n'))
  t.ok(backend.ended || backend.closed, 'the connection is closed')
  client.send(GET)
  t.equal(proxy.backends.length, 2, 'and not used again')
  proxy.backends[1].send(OK)
  t.match(text(client), /^HTTP\/1\.1 200 /)
  over(t, proxy, 'it')
  t.end()
})

t.test('an idle connection that the backend closes as it is used', (t) => {
  for (const how of ['end', 'destroy'] as const) {
    const { proxy, client, backend } = idle()
    client.send(GET)
    t.match(text(backend), 'GET /', 'the request has left')
    backend[how]()
    t.equal(proxy.backends.length, 2, 'it is sent again')
    proxy.backends[1].send(OK)
    t.match(text(client), /^HTTP\/1\.1 200 /, 'and the client notices nothing')
    over(t, proxy, how)
  }
  t.end()
})

t.test('R8: however many idle connections the backend closes as they are used', (t) => {
  const proxy = proxyOf()
  const clients = Array.from({ length: 6 }, () => proxy.client())
  for (const client of clients) client.send(GET)
  t.equal(proxy.backends.length, 6)
  for (const backend of proxy.backends) {
    backend.send(OK)
    backend.take()
  }
  const [client] = clients
  client.take()
  client.send(GET)
  for (let closed = 0; closed < 6; closed++) {
    const used = proxy.backends.find((each) => each.received.length > 0 && !each.closed && !each.ended)
    t.ok(used, `after ${closed}`)
    used?.end()
  }
  t.equal(proxy.backends.length, 7, 'then another is opened')
  proxy.backends[6].send(OK)
  t.match(text(client), /^HTTP\/1\.1 200 /, 'and the client notices nothing')
  over(t, proxy, 'it')
  t.end()
})

t.test('a backend that closes new connections without a word is asked so many times, and no more', (t) => {
  const proxy = proxyOf()
  const client = proxy.client()
  client.send(GET)
  for (let asked = 0; asked < proxyLimits.attemptsMax; asked++) proxy.backends[asked].end()
  t.equal(proxy.backends.length, proxyLimits.attemptsMax)
  t.match(text(client), /^HTTP\/1\.1 502 [\s\S]*x-fermata: unanswered/)
  t.end()
})

t.test('a request that had not left yet is sent again, whatever it is', (t) => {
  const { proxy, client, backend } = idle()
  client.put(POST)
  // In the same turn.
  backend.end()
  t.equal(text(backend), '', 'nothing of it has left')
  t.equal(proxy.backends.length, 2)
  t.match(text(proxy.backends[1]), /^POST /)
  proxy.backends[1].send(OK)
  t.match(text(client), /^HTTP\/1\.1 200 /)
  over(t, proxy, 'it')
  t.end()
})

t.test('but not what may have had an effect', (t) => {
  for (const how of ['end', 'destroy'] as const) {
    const { proxy, client, backend } = idle()
    client.send(POST)
    backend[how]()
    t.equal(proxy.backends.length, 1, 'it is not sent again')
    t.match(text(client), /^HTTP\/1\.1 502 /)
    over(t, proxy, how)
  }
  t.end()
})

t.test('nor when we give its connection up ourselves, asked twice', (t) => {
  const { proxy, client, backend } = idle()
  client.send(POST)
  t.match(text(backend), /^POST /)
  const [session] = proxy.backend.engines()[0].sessions
  session.close()
  proxy.pollset.run()
  t.notOk(backend.closed, 'asked once, it waits for the answer')
  session.close()
  proxy.pollset.run()
  t.ok(backend.ended, 'asked twice, it does not')
  t.equal(proxy.backends.length, 1, 'and what has left is not sent again')
  t.match(text(client), /^HTTP\/1\.1 502 /)
  over(t, proxy, 'it')
  t.end()
})

t.test('an idle backend connection', (t) => {
  const { proxy, client, backend } = idle({
    http1: { backendIdleMs: 1_000 },
    http2: { backendIdleMs: 1_000 },
  })
  proxy.pollset.advance(500)
  client.send(GET)
  t.equal(proxy.backends.length, 1, 'is used again')
  backend.send(OK)
  proxy.pollset.advance(3_000)
  t.ok(backend.ended, 'is closed when its time is over')
  t.equal(proxy.backend.engines()[0].describe()['queued'], 0)
  client.send(GET)
  t.equal(proxy.backends.length, 2)
  t.end()
})

t.test('a backend that closes an idle connection', (t) => {
  const { proxy, client, backend } = idle()
  backend.end()
  t.ok(backend.ended)
  client.send(GET)
  t.equal(proxy.backends.length, 2, 'another is opened')
  proxy.backends[1].send(OK)
  t.match(text(client), /^HTTP\/1\.1 200 /)
  t.end()
})

t.test('requests sent ahead wait in the socket, for their turn', (t) => {
  const proxy = proxyOf()
  const client = proxy.client()
  client.send(Buffer.concat([GET, POST, GET]))
  const [backend] = proxy.backends
  for (const method of ['GET', 'POST', 'GET']) {
    const seen = read(backend.take())
    t.equal(seen.verdict, 'ok')
    t.equal(seen.left, 0, 'one at a time')
    t.match(seen.sink.plain[0], { fields: [[':method', method]] })
    backend.send(OK)
  }
  t.equal(text(client).split('HTTP/1.1 200').length, 4)
  t.equal(proxy.backends.length, 1)
  over(t, proxy, 'they')
  t.end()
})

t.test('a head that does not come', (t) => {
  const proxy = proxyOf({ http1: { headMs: 2_000, keepAliveMs: 10_000 } })
  const client = proxy.client()
  // An octet now and then does not help.
  for (const octet of 'GET ') {
    client.send(bytesOf(octet))
    proxy.pollset.advance(600)
  }
  proxy.pollset.advance(1_000)
  t.match(text(client), /^HTTP\/1\.1 408 [\s\S]*connection: close/)
  t.ok(client.ended)
  t.equal(proxy.http1.counts.headsLate, 1)
  t.equal(proxy.proxy.begun, 0)
  t.end()
})

t.test('a client that asks for nothing more', (t) => {
  const { proxy, client } = idle({ http1: { keepAliveMs: 2_000 } })
  proxy.pollset.advance(1_900)
  t.notOk(client.ended)
  proxy.pollset.advance(1_200)
  t.ok(client.ended, 'its time is over')
  t.equal(text(client), '', 'and nothing is said')
  t.end()
})

t.test('a client is not idle while it may still be reading the last response', (t) => {
  // 32 KiB are on their way for 2 s to the slowest reader.
  const { proxy, client } = idle({ http1: { keepAliveMs: 2_000 } })
  client.send(GET)
  const bytes = 32 * 1024
  proxy.backends[0].send(bytesOf(`HTTP/1.1 200 OK\r\nContent-Length: ${bytes}\r\n\r\n${'x'.repeat(bytes)}`))
  t.ok(text(client).endsWith('x'))
  proxy.pollset.advance(3_900)
  t.notOk(client.ended)
  proxy.pollset.advance(600)
  t.ok(client.ended)
  t.end()
})

t.test('a client is not idle before the operating system has taken the last response', (t) => {
  const { proxy, client } = idle({ http1: { keepAliveMs: 2_000 } })
  client.send(GET)
  client.reading = false
  proxy.backends[0].send(OK)
  proxy.pollset.advance(1_900)
  client.drain()
  proxy.pollset.advance(1_900)
  t.notOk(client.ended)
  proxy.pollset.advance(600)
  t.ok(client.ended)
  t.end()
})

t.test('the last of so many requests', (t) => {
  const proxy = proxyOf({ http1: { keepAliveRequestsMax: 2 } })
  const client = proxy.client()
  client.send(Buffer.concat([GET, GET, GET]))
  for (let i = 0; i < 2; i++) proxy.backends[0].send(OK)
  t.equal(proxy.proxy.begun, 2, 'a third is not read')
  t.match(
    text(client),
    /^HTTP\/1\.1 200 OK\r\ndate: .*\r\ncontent-length: 2\r\n\r\nok[\s\S]*connection: close\r\n\r\nok$/,
  )
  t.ok(client.ended)
  t.end()
})
