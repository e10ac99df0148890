// The life of a connection, of either role: the edges seen are those declared, and each wait ends in each way, ready,
// late and cancelled (design, section 8).

import t from 'tap'
import { connectionLife } from '../../src/http2/index.js'
import type { Limits } from '../../src/server/index.js'
import { frame, headers, PREFACE, REQUEST, uint32 } from '../world/frames.js'
import { type MemoryProxyOptions, memoryProxy } from '../world/memory-proxy.js'
import { stepsOf } from '../world/scenario.js'
import { declared, Seen } from '../world/seen.js'

const seen = new Seen()
const proxyOf = (limits: Partial<Limits> = {}, options: MemoryProxyOptions = {}) =>
  memoryProxy(limits, { ...options, seen })
type Proxy = ReturnType<typeof proxyOf>

const PING_ACK = (payload: string) => frame(6, 1, 0, Buffer.from(payload, 'latin1'))
const RESPONSE = [[':status', '200']] as const

/** A request that has opened, or is opening, a backend connection. */
function asked(proxy: Proxy) {
  const client = proxy.client()
  client.send(headers(1, REQUEST))
  return client
}

/** The continuation of this id is told to end. */
function cancel(proxy: Proxy, id: string): void {
  const found = [...proxy.world.scheduler.alive()].find((each) => each.id === id)
  if (found === undefined) throw new Error(`${id} does not live`)
  found.cancel()
  proxy.pollset.run()
}

/** The backend connection has missed a deadline. */
const seenLate = (proxy: Proxy) => proxy.lines.some((line) => / b1 frames late /.test(line))

/** A socket that says nothing yet. */
const silent = (proxy: Proxy) => proxy.client(Buffer.alloc(0))

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
    'a backend whose TLS does not choose HTTP/2',
    () => {
      const proxy = proxyOf({}, { alpn: 'http/1.1' })
      asked(proxy)
      return proxy
    },
    'b1',
    'resolve, connect, greet, closed',
  ],
  [
    'a backend connection idle for long',
    () => {
      const proxy = proxyOf({ backendIdleMs: 1_000, pingAfterMs: 500 })
      asked(proxy)
      proxy.greet(proxy.backends[0])
      proxy.backends[0].send(headers(1, RESPONSE))
      proxy.pollset.advance(3_000)
      proxy.backends[0].end()
      return proxy
    },
    'b1',
    'resolve, connect, greet, frames, tend, frames, goaway, drain, closing, linger, closed',
  ],
  [
    'a peer that does not answer PING',
    () => {
      const proxy = proxyOf({ pingAfterMs: 1_000, pingTimeoutMs: 1_000, lingerMs: 100 })
      asked(proxy)
      proxy.greet(proxy.backends[0])
      proxy.pollset.advance(3_000)
      return proxy
    },
    'b1',
    'resolve, connect, greet, frames, tend, frames, tend, closing, linger, closed',
  ],
  [
    'nothing but the beginning of a preface',
    () => {
      const proxy = proxyOf({ prefaceMs: 1_000 })
      const far = silent(proxy)
      far.send(PREFACE.subarray(0, 10))
      proxy.pollset.advance(1_000)
      far.end()
      return proxy
    },
    'm1',
    'preface, closing, linger, closed',
  ],
  [
    'a preface in two parts, then the client drops the connection',
    () => {
      const proxy = proxyOf()
      const far = silent(proxy)
      far.send(PREFACE.subarray(0, 10))
      far.send(PREFACE.subarray(10))
      far.destroy()
      return proxy
    },
    'm1',
    'preface, frames, closing, closed',
  ],
  [
    'told to end before its preface',
    () => {
      const proxy = proxyOf()
      silent(proxy)
      cancel(proxy, 'm1')
      cancel(proxy, 'm1')
      return proxy
    },
    'm1',
    'preface, closing, linger, closed',
  ],
  [
    'no preface, and words after the last',
    () => {
      const proxy = proxyOf()
      const far = silent(proxy)
      far.send(Buffer.from('GET / HTTP/1.1\r\n\r\n'))
      far.send(Buffer.from('and more'))
      far.end()
      return proxy
    },
    'm1',
    'preface, closing, linger, closed',
  ],
  [
    'an idle client',
    () => {
      const proxy = proxyOf({ frontendIdleMs: 1_000, pingAfterMs: 500, lingerMs: 100 })
      proxy.client()
      proxy.pollset.advance(2_000)
      return proxy
    },
    'm1',
    'preface, frames, tend, goaway, drain, closing, linger, closed',
  ],
  [
    'told to drain, with a request that goes on for long, and then ends',
    () => {
      const proxy = proxyOf({ pingAfterMs: 1_000 })
      const far = asked(proxy)
      proxy.greet(proxy.backends[0])
      cancel(proxy, 'm1')
      far.send(PING_ACK('goaway!!'))
      proxy.pollset.advance(1_500)
      far.send(PING_ACK('fermata!'))
      proxy.backends[0].send(PING_ACK('fermata!'))
      proxy.backends[0].send(headers(1, RESPONSE))
      far.end()
      return proxy
    },
    'm1',
    'preface, frames, goaway, drain, tend, drain, closing, linger, closed',
  ],
  [
    'told to drain, and then to end',
    () => {
      const proxy = proxyOf()
      const far = asked(proxy)
      cancel(proxy, 'm1')
      cancel(proxy, 'm1')
      far.end()
      return proxy
    },
    'm1',
    'preface, frames, goaway, drain, closing, linger, closed',
  ],
  ...(['ready', 'late', 'cancelled'] as const).map((end): (typeof WAYS)[number] => [
    `streams that run dry: ${end}`,
    () => {
      const proxy = proxyOf({ backendResetsBurst: 1, backendResetsPerSecond: 1 })
      const far = proxy.client()
      for (const id of [1, 3]) far.send(headers(id, REQUEST))
      const [backend] = proxy.backends
      proxy.greet(backend)
      for (const id of [1, 3]) far.send(frame(3, 0, id, uint32(8)))
      // So that it comes to wait at that pace.
      backend.send(frame(6, 0, 0, Buffer.alloc(8)))
      if (end === 'ready') backend.send(headers(3, RESPONSE))
      if (end === 'late') for (let i = 0; i < 1_000 && !seenLate(proxy); i++) proxy.pollset.advance(1)
      cancel(proxy, 'b1')
      return proxy
    },
    'b1',
    end === 'late'
      ? 'resolve, connect, greet, frames, tend, frames, goaway, drain, closing, linger'
      : 'resolve, connect, greet, frames, goaway, drain, closing, linger',
  ]),
]

for (const [title, run, id, steps] of WAYS) {
  t.test(title, (t) => {
    const proxy = run()
    t.equal(stepsOf(proxy.lines, id).join(', '), steps)
    t.end()
  })
}

t.test('the edges seen are the edges declared', (t) => {
  t.strictSame(seen.taken(connectionLife.edges), declared(connectionLife.edges))
  const waits = [
    'drain tend',
    'frames pace',
    'frames tend',
    'linger until',
    'preface until',
    'connect until',
    'resolve until',
  ]
  t.strictSame(
    seen.ended(connectionLife.edges),
    waits.sort().map((wait) => `${wait}: cancelled, late, ready`),
    'and every wait ended in each way: ready, late, cancelled',
  )
  t.end()
})
