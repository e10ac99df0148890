// The life of an HTTP/1.1 connection, of either role: the edges seen are those declared, and each wait ends in each way,
// ready, late and cancelled (design, section 8).

import t from 'tap'
import { connectionLife } from '../../src/http1/index.js'
import type { Limits } from '../../src/server/index.js'
import { type MemoryProxyOptions, memoryProxy } from '../world/memory-proxy.js'
import { stepsOf } from '../world/scenario.js'
import { declared, Seen } from '../world/seen.js'

const seen = new Seen()
const proxyOf = (limits: Partial<Limits> = {}, options: MemoryProxyOptions = {}) =>
  memoryProxy(limits, { clients: 'http/1.1', speaks: 'http/1.1', ...options, seen })
type Proxy = ReturnType<typeof proxyOf>

const GET = Buffer.from('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
const OK = Buffer.from('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok')

function asked(proxy: Proxy) {
  const client = proxy.client()
  client.send(GET)
  return client
}

function cancel(proxy: Proxy, id: string): void {
  const found = [...proxy.world.scheduler.alive()].find((each) => each.id === id)
  if (found === undefined) throw new Error(`${id} does not live`)
  found.cancel()
  proxy.pollset.run()
}

const WAYS: readonly (readonly [string, () => Proxy, string, string])[] = [
  [
    'a name that is resolved late',
    () => {
      const proxy = proxyOf({ connectMs: 1_000 }, { host: 'never.example' })
      asked(proxy)
      proxy.pollset.advance(1_000)
      return proxy
    },
    'b1',
    'resolve, closed',
  ],
  [
    'closed while its name is resolved',
    () => {
      const proxy = proxyOf({}, { host: 'never.example' })
      asked(proxy)
      proxy.backend.close()
      proxy.pollset.run()
      return proxy
    },
    'b1',
    'resolve, closed',
  ],
  [
    'a name of nobody',
    () => {
      const proxy = proxyOf({}, { host: 'nobody.invalid' })
      asked(proxy)
      return proxy
    },
    'b1',
    'resolve, connect, closed',
  ],
  [
    'not connected in time',
    () => {
      const proxy = proxyOf({ connectMs: 1_000 })
      proxy.hang()
      asked(proxy)
      proxy.pollset.advance(1_000)
      return proxy
    },
    'b1',
    'resolve, connect, closed',
  ],
  [
    'closed while it connects',
    () => {
      const proxy = proxyOf()
      proxy.hang()
      asked(proxy)
      proxy.backend.close()
      proxy.pollset.run()
      return proxy
    },
    'b1',
    'resolve, connect, closed',
  ],
  [
    'refused',
    () => {
      const proxy = proxyOf()
      proxy.refuse()
      asked(proxy)
      return proxy
    },
    'b1',
    'resolve, connect, closed',
  ],
  [
    'a backend connection idle for long',
    () => {
      const proxy = proxyOf({ backendIdleMs: 1_000 })
      asked(proxy)
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
      const proxy = proxyOf()
      proxy.client().destroy()
      return proxy
    },
    'm1',
    'messages, closing, closed',
  ],
  [
    'a client that asks for nothing, and stays',
    () => {
      const proxy = proxyOf({ keepAliveMs: 1_000, lingerMs: 500 })
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
      const proxy = proxyOf()
      const client = asked(proxy)
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
      const proxy = proxyOf()
      const client = asked(proxy)
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
    'told to end while it waits for the client to leave',
    () => {
      const proxy = proxyOf()
      const client = proxy.client()
      cancel(proxy, 'm1')
      t.ok(client.ended)
      cancel(proxy, 'm1')
      return proxy
    },
    'm1',
    'messages, drain, messages, closing, linger, closed',
  ],
]

for (const [title, run, id, steps] of WAYS) {
  t.test(title, (t) => {
    const proxy = run()
    t.equal(stepsOf(proxy.lines, id).join(', '), steps)
    t.equal(proxy.proxy.begun, proxy.proxy.logged)
    t.end()
  })
}

t.test('the edges seen are the edges declared', (t) => {
  t.strictSame(seen.taken(connectionLife.edges), declared(connectionLife.edges))
  t.strictSame(
    seen.ended(connectionLife.edges),
    ['connect until', 'linger until', 'messages tend', 'resolve until'].map(
      (wait) => `${wait}: cancelled, late, ready`,
    ),
    'and every wait ended in each way: ready, late, cancelled',
  )
  t.end()
})
