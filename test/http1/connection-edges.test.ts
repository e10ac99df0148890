// The life of an HTTP/1.1 connection, of either role: the edges seen are those declared, and each wait ends in each way,
// ready, late and cancelled (design: Tests).

import t from 'tap'
import { connectionLife } from '../../src/http1/index.js'
import { cancel, type Way, Ways } from '../world/ways.js'

const GET = Buffer.from('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
const OK = Buffer.from('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok')

const ways = new Ways('http/1.1', GET)

const WAYS: readonly Way[] = [
  ...ways.unmade,
  [
    'a backend connection idle for long',
    () => {
      const proxy = ways.proxy({ backendIdleMs: 1_000 })
      ways.asked(proxy)
      proxy.backends[0].send(OK)
      proxy.pollset.advance(2_500)
      proxy.backends[0].end()
      return proxy
    },
    'b1',
    'resolve, connect, greet, messages, tend, messages, drain, messages, closing, linger, closed',
  ],
  [
    'a client that is gone at once',
    () => {
      const proxy = ways.proxy()
      proxy.client().destroy()
      return proxy
    },
    'm1',
    'messages, closing, closed',
  ],
  [
    'a client that asks for nothing, and stays',
    () => {
      const proxy = ways.proxy({ keepAliveMs: 1_000, lingerMs: 500 })
      proxy.client()
      proxy.pollset.advance(3_000)
      return proxy
    },
    'm1',
    'messages, tend, closing, linger, closed',
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
    'messages, drain, messages, closing, linger, closed',
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
    'messages, drain, messages, drain, messages, closing, linger, closed',
  ],
  [
    'told to drain while it is idle, and no request comes',
    () => {
      const proxy = ways.proxy({ drainIdleMs: 100 })
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
    'messages, drain, messages, tend, closing, linger, closed',
  ],
  [
    'told to drain while it is idle, and a request is on its way',
    () => {
      const proxy = ways.proxy({ drainIdleMs: 100 })
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
    'messages, drain, messages, closing, linger, closed',
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
    'messages, drain, messages, drain, messages, closing, linger, hurry, closed',
  ],
  [
    'FIN behind a request whose answer is late',
    () => {
      const proxy = ways.proxy({ halfClosedMs: 100 })
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
    'messages, tend, closing, linger, closed',
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
    'messages, closing, linger, hurry, linger, hurry, closed',
  ],
]

ways.go(
  connectionLife.edges,
  ['connect until', 'linger until', 'messages tend', 'messages until', 'resolve until'],
  WAYS,
)
