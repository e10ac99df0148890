// The life of an HTTP/1.1 connection, of either role: the edges seen are those declared, and each wait ends
// in each way, ready, late and cancelled (design: Tests).

import t from 'tap'
import { frontendLife, sessionLife } from '../../src/http1/index.js'
import { cancel, type Way, Ways } from '../world/ways.js'

const GET = Buffer.from('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
const OK = Buffer.from('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok')

/** The backend closes after this response; and it closes after three seconds without a request. */
const LAST = Buffer.from('HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok')
const THREE_SECONDS = Buffer.from('HTTP/1.1 200 OK\r\nKeep-Alive: timeout=3\r\nContent-Length: 2\r\n\r\nok')

const ways = new Ways('http/1.1', GET)

const WAYS: readonly Way[] = [
  [
    'a backend connection idle for long',
    () => {
      const proxy = ways.proxy({ http1: { backendIdleMs: 1_000 }, http2: { backendIdleMs: 1_000 } })
      ways.asked(proxy)
      proxy.backends[0].send(OK)
      proxy.pollset.advance(2_500)
      proxy.backends[0].end()
      return proxy
    },
    'b1',
    'greet, readMessages, drain, readMessages, close, linger, end',
  ],
  [
    'a backend that tells when it closes an idle connection',
    () => {
      const proxy = ways.proxy()
      const client = ways.asked(proxy)
      proxy.backends[0].send(THREE_SECONDS)
      client.send(GET)
      proxy.backends[0].send(THREE_SECONDS)
      proxy.pollset.advance(1_999)
      t.notOk(proxy.backends[0].ended)
      proxy.pollset.advance(1)
      t.ok(proxy.backends[0].ended, 'we close a second before it does')
      proxy.backends[0].end()
      return proxy
    },
    'b1',
    'greet, readMessages, drain, readMessages, close, linger, end',
  ],
  [
    'told to end while the backend may keep it idle',
    () => {
      const proxy = ways.proxy()
      ways.asked(proxy)
      proxy.backends[0].send(THREE_SECONDS)
      cancel(proxy, 'b1')
      t.ok(proxy.backends[0].ended)
      proxy.backends[0].end()
      return proxy
    },
    'b1',
    'greet, readMessages, drain, readMessages, close, linger, end',
  ],
  [
    'a backend that does not close after its last response',
    () => {
      const proxy = ways.proxy({ http1: { lingerMs: 500 }, http2: { lingerMs: 500 } })
      ways.asked(proxy)
      proxy.backends[0].send(LAST)
      t.ok(proxy.backends[0].ended)
      proxy.pollset.advance(500)
      t.ok(proxy.backends[0].closed)
      return proxy
    },
    'b1',
    'greet, readMessages, close, linger, end',
  ],
  [
    'told to end while it waits for the backend to close, and again',
    () => {
      const proxy = ways.proxy()
      ways.asked(proxy)
      proxy.backends[0].send(LAST)
      cancel(proxy, 'b1')
      t.notOk(proxy.backends[0].closed, 'it ends already')
      cancel(proxy, 'b1')
      t.ok(proxy.backends[0].closed)
      return proxy
    },
    'b1',
    'greet, readMessages, close, linger, hurry, linger, hurry, end',
  ],
  [
    'a client that is gone at once',
    () => {
      const proxy = ways.proxy()
      proxy.client().destroy()
      return proxy
    },
    'm1',
    'readMessages, close, end',
  ],
  [
    'a client that asks for nothing, and stays',
    () => {
      const proxy = ways.proxy({ http1: { keepAliveMs: 1_000, lingerMs: 500 }, http2: { lingerMs: 500 } })
      proxy.client()
      proxy.pollset.advance(3_000)
      return proxy
    },
    'm1',
    'readMessages, checkHealth, close, linger, end',
  ],
  [
    'told to drain with a request under way',
    () => {
      const proxy = ways.proxy()
      const client = ways.asked(proxy)
      cancel(proxy, 'm1')
      proxy.backends[0].send(OK)
      t.match(client.received.toString(), /connection: close\r\n\r\nok$/, 'it is the last')
      client.end()
      return proxy
    },
    'm1',
    'readMessages, drain, readMessages, close, linger, end',
  ],
  [
    'told to drain a second time',
    () => {
      const proxy = ways.proxy()
      const client = ways.asked(proxy)
      cancel(proxy, 'm1')
      t.notOk(client.ended)
      cancel(proxy, 'm1')
      t.ok(client.ended, 'it closes')
      t.ok(proxy.backends[0].wasReset, 'and the request is taken back')
      client.end()
      return proxy
    },
    'm1',
    'readMessages, drain, readMessages, drain, readMessages, close, linger, end',
  ],
  [
    'told to drain while it is idle, and no request comes',
    () => {
      const proxy = ways.proxy({ http1: { drainIdleMs: 100 }, http2: { drainIdleMs: 100 } })
      const client = proxy.client()
      cancel(proxy, 'm1')
      proxy.pollset.advance(99)
      t.notOk(client.ended, 'one may be on its way')
      proxy.pollset.advance(1)
      t.ok(client.ended)
      client.end()
      return proxy
    },
    'm1',
    'readMessages, drain, readMessages, checkHealth, close, linger, end',
  ],
  [
    'told to drain while it is idle, and a request is on its way',
    () => {
      const proxy = ways.proxy({ http1: { drainIdleMs: 100 }, http2: { drainIdleMs: 100 } })
      const client = proxy.client()
      cancel(proxy, 'm1')
      client.send(GET)
      proxy.pollset.advance(200)
      proxy.backends[0].send(OK)
      t.match(client.received.toString(), /connection: close\r\n\r\nok$/, 'it is the last')
      client.end()
      return proxy
    },
    'm1',
    'readMessages, drain, readMessages, close, linger, end',
  ],
  [
    'told to end while it waits for the client to leave',
    () => {
      const proxy = ways.proxy()
      const client = proxy.client()
      cancel(proxy, 'm1')
      t.notOk(client.ended)
      cancel(proxy, 'm1')
      t.ok(client.ended)
      cancel(proxy, 'm1')
      t.ok(client.closed)
      return proxy
    },
    'm1',
    'readMessages, drain, readMessages, drain, readMessages, close, linger, hurry, end',
  ],
  [
    'FIN behind a request whose answer is late',
    () => {
      const proxy = ways.proxy({ http1: { halfClosedMs: 100 } })
      const client = ways.asked(proxy)
      client.end()
      proxy.pollset.advance(99)
      t.equal(client.received.length, 0)
      proxy.pollset.advance(1)
      t.match(client.received.toString(), /^HTTP\/1.1 504 [\s\S]*x-fermata: half-closed-late/)
      t.ok(proxy.backends[0].wasReset, 'the backend is told')
      return proxy
    },
    'm1',
    'readMessages, checkHealth, close, linger, end',
  ],
  [
    'told to end while it waits for the client to read its last response, and again',
    () => {
      const proxy = ways.proxy()
      const client = proxy.client()
      client.send(Buffer.from('GET / HTTP/1.0\r\n\r\n'))
      proxy.backends[0].send(OK)
      t.ok(client.ended)
      cancel(proxy, 'm1')
      t.notOk(client.closed, 'it ends already')
      cancel(proxy, 'm1')
      t.ok(client.closed)
      return proxy
    },
    'm1',
    'readMessages, close, linger, hurry, linger, hurry, end',
  ],
]

ways.go(
  [
    [frontendLife.edges, ['linger until', 'readMessages check', 'readMessages until']],
    [sessionLife.edges, ['linger until', 'readMessages for ever']],
  ],
  WAYS,
)
