// A backend that says how long it keeps an idle connection (`Keep-Alive: timeout=N`) is left before it closes: a request that
// crossed its FIN would be lost, and a POST could not be sent again.

import t from 'tap'
import { keepAliveTimeout } from '../../src/http1/message.js'
import type { SomeLimits } from '../../src/server/index.js'
import { memoryProxy } from '../../tools/testbed/memory-proxy.js'

const POST = Buffer.from('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi')
const answer = (line: string) => Buffer.from(`HTTP/1.1 200 OK\r\n${line}Content-Length: 2\r\n\r\nok`)

t.test('the timeout of a Keep-Alive field', (t) => {
  const values: [string, number][] = [
    ['timeout=5', 5],
    ['timeout=5, max=100', 5],
    ['max=100, TIMEOUT = 7', 7],
    ['timeout="3"', 3],
    ['timeout=0', 0],
    ['', -1],
    ['max=5', -1],
    ['timeout', -1],
    ['timeout=-5', -1],
    ['timeout=5s', -1],
    ['xtimeout=5', -1],
    ['timeout=99999999999', -1],
  ]
  for (const [value, seconds] of values) t.equal(keepAliveTimeout(value), seconds, value)
  t.end()
})

/** A proxy whose backend has answered once, with this line. */
function answered(line: string, limits: SomeLimits = {}) {
  const proxy = memoryProxy(limits, { clients: 'http/1.1', speaks: 'http/1.1' })
  const client = proxy.client()
  const ask = () => {
    client.take()
    client.send(POST)
  }
  ask()
  proxy.backends[0].send(answer(line))
  return { proxy, client, ask }
}

t.test('an idle connection is closed a second before the backend closes it', (t) => {
  const cases: [string, number][] = [
    ['Keep-Alive: timeout=5\r\n', 4_000],
    ['Connection: keep-alive\r\nKeep-Alive: timeout=5, max=100\r\n', 4_000],
    ['Keep-Alive: timeout=2\r\n', 1_000],
    ['Keep-Alive: timeout=1\r\n', 500],
    ['Keep-Alive: timeout=100000\r\n', 60_000],
  ]
  for (const [line, ms] of cases) {
    const { proxy, client, ask } = answered(line)
    proxy.pollset.advance(ms - 1)
    t.notOk(proxy.backends[0].ended, `${line} not before`)
    ask()
    t.equal(proxy.backends.length, 1, 'it is used again')
    proxy.backends[0].send(answer(line))
    proxy.pollset.advance(ms)
    t.ok(proxy.backends[0].ended, `${line} in time`)
    ask()
    t.equal(proxy.backends.length, 2, 'and the next request goes on another')
    proxy.backends[1].send(answer(line))
    t.match(client.received.toString(), /^HTTP\/1\.1 200 [\s\S]*ok$/)
    t.equal(proxy.proxy.begun, proxy.proxy.logged)
  }
  t.end()
})

t.test('the last response tells', (t) => {
  const { proxy, ask } = answered('Keep-Alive: timeout=5\r\n')
  ask()
  proxy.backends[0].send(answer(''))
  proxy.pollset.advance(30_000)
  t.notOk(proxy.backends[0].ended, 'it says nothing of time any more')
  ask()
  proxy.backends[0].send(answer('Keep-Alive: timeout=10\r\n'))
  proxy.pollset.advance(9_000)
  t.ok(proxy.backends[0].ended)
  t.end()
})

t.test('a timeout of 0 lets no request follow', (t) => {
  const { proxy, ask } = answered('Keep-Alive: timeout=0\r\n')
  t.ok(proxy.backends[0].ended)
  ask()
  t.equal(proxy.backends.length, 2)
  t.end()
})

/** A backend that has sent all of a response and keeps the connection for 5 s, before a client that reads slowly. */
function unread() {
  const proxy = memoryProxy(
    { http1: { bodyAheadBytesMax: 1_000 } },
    { clients: 'http/1.1', speaks: 'http/1.1' },
  )
  proxy.pollset.advance(1)
  const client = proxy.client()
  client.send(POST)
  client.reading = false
  const [backend] = proxy.backends
  const body = (bytes: number) => Buffer.alloc(bytes, 'x')
  backend.send(Buffer.from('HTTP/1.1 200 OK\r\nKeep-Alive: timeout=5\r\nContent-Length: 5000\r\n\r\n'))
  // The first is in flight, the second waits, and the third is not read.
  for (const bytes of [2_000, 2_000, 1_000]) backend.send(body(bytes))
  const readAll = () => {
    while (!client.received.toString().endsWith('\r\n\r\n' + 'x'.repeat(5_000))) client.drain()
    client.reading = true
  }
  return { proxy, client, backend, readAll }
}

t.test('a response that waits for its client: the backend is idle since its last byte may have left', (t) => {
  const { proxy, client, backend, readAll } = unread()
  proxy.pollset.advance(3_000)
  readAll()
  t.notOk(backend.ended)
  proxy.pollset.advance(999)
  t.notOk(backend.ended)
  proxy.pollset.advance(1)
  t.ok(backend.ended, 'four seconds behind the last byte')
  client.send(POST)
  t.equal(proxy.backends.length, 2)
  t.end()
})

t.test('a response that waits for its client for longer: no request follows', (t) => {
  const { proxy, client, backend, readAll } = unread()
  proxy.pollset.advance(4_500)
  readAll()
  t.ok(backend.ended)
  client.send(POST)
  t.equal(proxy.backends.length, 2)
  t.end()
})

t.test('a connection that is granted as its time ends is used', (t) => {
  const { proxy, client } = answered('Keep-Alive: timeout=5\r\n')
  client.take()
  client.put(POST)
  proxy.pollset.advance(4_000)
  const posts = proxy.backends.map((each) => each.received.toString().split('POST ').length - 1)
  t.equal(
    posts.reduce((sum, each) => sum + each, 0),
    2,
    'the request is sent once',
  )
  t.equal(proxy.proxy.begun, 2)
  proxy.backends.at(-1)?.send(answer(''))
  t.match(client.received.toString(), /^HTTP\/1\.1 200 /)
  t.end()
})

t.test(
  'a clock whose readings are no whole numbers: it is closed in time, and nobody goes round in circles',
  (t) => {
    for (let offset = 0.1; offset < 40; offset += 1.7) {
      const proxy = memoryProxy({}, { clients: 'http/1.1', speaks: 'http/1.1' })
      proxy.pollset.advance(offset)
      proxy.client().send(POST)
      proxy.backends[0].send(answer('Keep-Alive: timeout=2\r\n'))
      const before = proxy.lines.length
      proxy.pollset.advance(1_001)
      t.ok(proxy.backends[0].ended, String(offset))
      t.ok(proxy.lines.length - before < 20, `${proxy.lines.length - before} transitions`)
    }
    t.end()
  },
)
