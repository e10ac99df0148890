// The lives of HTTP/2 connections, a frontend's and a backend's: the edges seen are those declared, and each
// wait ends in each way, ready, late and cancelled (design: Tests).

import t from 'tap'
import { frontendLife, sessionLife } from '../../src/http2/index.js'
import { frame, framesOf, headers, PREFACE, REQUEST, uint32 } from '../../tools/testbed/frames.js'
import { memoryProxy } from '../../tools/testbed/memory-proxy.js'
import { cancel, type MemoryProxy, type Way, Ways } from '../world/ways.js'

const PING_ACK = (payload: string) => frame(6, 1, 0, Buffer.from(payload, 'latin1'))
const RESPONSE = [[':status', '200']] as const

const ways = new Ways('h2c', headers(1, REQUEST))

/** The backend connection has missed a deadline. */
const seenLate = (proxy: MemoryProxy) => proxy.lines.some((line) => / b1 readFrames late /.test(line))

/** A socket that says nothing yet. */
const silent = (proxy: MemoryProxy) => proxy.client(Buffer.alloc(0))

const WAYS: readonly Way[] = [
  [
    'a backend whose TLS does not choose HTTP/2',
    () => {
      const proxy = ways.proxy({}, { alpn: 'http/1.1' })
      ways.asked(proxy)
      return proxy
    },
    'b1',
    'greet, end',
  ],
  [
    'a backend connection idle for long',
    () => {
      const proxy = ways.proxy({
        http1: { backendIdleMs: 12_000 },
        http2: { backendIdleMs: 12_000, pingAfterMs: 500 },
      })
      ways.asked(proxy)
      proxy.greet(proxy.backends[0])
      proxy.backends[0].send(headers(1, RESPONSE))
      proxy.backends[0].send(frame(6, 0, 0, Buffer.alloc(8)))
      proxy.pollset.advance(15_000)
      proxy.backends[0].end()
      return proxy
    },
    'b1',
    'greet, readFrames, checkHealth, readFrames, sendGoaway, drain, close, linger, end',
  ],
  [
    'a peer that does not answer PING',
    () => {
      const proxy = ways.proxy({
        http2: { pingAfterMs: 1_000, backendPingTimeoutMs: 1_000, lingerMs: 100 },
        http1: { lingerMs: 100 },
      })
      ways.asked(proxy)
      proxy.greet(proxy.backends[0])
      proxy.pollset.advance(4_000)
      return proxy
    },
    'b1',
    'greet, readFrames, checkHealth, readFrames, checkHealth, readFrames, checkHealth, close, linger, end',
  ],
  [
    'a client that does not answer PING',
    () => {
      const proxy = ways.proxy({
        http2: {
          pingAfterMs: 1_000,
          frontendPingTimeoutMs: 1_000,
          backendPingTimeoutMs: 60_000,
          lingerMs: 100,
        },
      })
      ways.asked(proxy)
      proxy.greet(proxy.backends[0])
      proxy.pollset.advance(4_000)
      return proxy
    },
    'm1',
    'awaitPreface, readFrames, checkHealth, close, linger, end',
  ],
  [
    'a backend that drops the connection',
    () => {
      const proxy = ways.proxy()
      ways.asked(proxy)
      proxy.greet(proxy.backends[0])
      proxy.backends[0].destroy()
      return proxy
    },
    'b1',
    'greet, readFrames, close, end',
  ],
  [
    'a backend that breaks the rules, told to end twice while it is waited for',
    () => {
      const proxy = ways.proxy()
      ways.asked(proxy)
      proxy.greet(proxy.backends[0])
      proxy.backends[0].send(frame(0, 0, 0, Buffer.from('x')))
      for (let i = 0; i < 2; i++) cancel(proxy, 'b1')
      return proxy
    },
    'b1',
    'greet, readFrames, close, linger, hurry, linger, hurry, end',
  ],
  [
    'a backend connection told to drain, with a request that goes on for long',
    () => {
      const proxy = ways.proxy({ http2: { pingAfterMs: 1_000 } })
      const far = ways.asked(proxy)
      proxy.greet(proxy.backends[0])
      cancel(proxy, 'b1')
      proxy.pollset.advance(1_500)
      far.send(PING_ACK('fermata!'))
      proxy.backends[0].send(PING_ACK('fermata!'))
      proxy.backends[0].send(headers(1, RESPONSE))
      proxy.backends[0].end()
      return proxy
    },
    'b1',
    'greet, readFrames, sendGoaway, drain, checkHealth, drain, close, linger, end',
  ],
  [
    'a backend connection told to drain, and then to end',
    () => {
      const proxy = ways.proxy()
      ways.asked(proxy)
      proxy.greet(proxy.backends[0])
      for (let i = 0; i < 2; i++) cancel(proxy, 'b1')
      proxy.backends[0].end()
      return proxy
    },
    'b1',
    'greet, readFrames, sendGoaway, drain, close, linger, end',
  ],
  [
    'nothing but the beginning of a preface',
    () => {
      const proxy = ways.proxy({ http2: { prefaceMs: 1_000 } })
      const far = silent(proxy)
      far.send(PREFACE.subarray(0, 10))
      proxy.pollset.advance(1_000)
      far.end()
      return proxy
    },
    'm1',
    'awaitPreface, close, linger, end',
  ],
  [
    'a preface in two parts, then the client drops the connection',
    () => {
      const proxy = ways.proxy()
      const far = silent(proxy)
      far.send(PREFACE.subarray(0, 10))
      far.send(PREFACE.subarray(10))
      far.destroy()
      return proxy
    },
    'm1',
    'awaitPreface, readFrames, close, end',
  ],
  [
    'told to end before its preface',
    () => {
      const proxy = ways.proxy()
      silent(proxy)
      for (let i = 0; i < 4; i++) cancel(proxy, 'm1')
      return proxy
    },
    'm1',
    'awaitPreface, close, linger, hurry, linger, hurry, end',
  ],
  [
    'told to drain before its preface, which is on its way',
    () => {
      const proxy = ways.proxy()
      const far = silent(proxy)
      cancel(proxy, 'm1')
      far.send(Buffer.concat([PREFACE, frame(4, 0, 0), headers(1, REQUEST)]))
      proxy.greet(proxy.backends[0])
      proxy.backends[0].send(headers(1, RESPONSE))
      const types = framesOf(far.take()).map(({ type, stream }) => `${type}.${stream}`)
      t.strictSame(
        types.filter((each) => /^[17]/.test(each)),
        ['7.0', '1.1'],
        'GOAWAY, and its request is served',
      )
      far.end()
      return proxy
    },
    'm1',
    'awaitPreface, readFrames, sendGoaway, drain, close, linger, end',
  ],
  [
    'told to drain before its preface, which does not come',
    () => {
      const proxy = ways.proxy({ http1: { drainIdleMs: 100 }, http2: { drainIdleMs: 100 } })
      const far = silent(proxy)
      cancel(proxy, 'm1')
      proxy.pollset.advance(99)
      t.notOk(far.ended)
      proxy.pollset.advance(1)
      t.ok(far.ended)
      far.end()
      return proxy
    },
    'm1',
    'awaitPreface, close, linger, end',
  ],
  [
    'no preface, and words after the last',
    () => {
      const proxy = ways.proxy()
      const far = silent(proxy)
      far.send(Buffer.from('GET / HTTP/1.1\r\n\r\n'))
      far.send(Buffer.from('and more'))
      far.end()
      return proxy
    },
    'm1',
    'awaitPreface, close, linger, end',
  ],
  [
    'an idle client',
    () => {
      const proxy = ways.proxy({
        http2: { frontendIdleMs: 1_000, pingAfterMs: 500, lingerMs: 100, drainIdleMs: 100 },
        http1: { lingerMs: 100, drainIdleMs: 100 },
      })
      proxy.client()
      proxy.pollset.advance(2_000)
      return proxy
    },
    'm1',
    'awaitPreface, readFrames, checkHealth, sendGoaway, drain, close, linger, end',
  ],
  [
    'told to drain while it is idle, and a request crosses that',
    () => {
      const proxy = ways.proxy()
      const far = proxy.client()
      cancel(proxy, 'm1')
      t.notOk(far.ended, 'it cannot know yet')
      far.take()
      far.send(headers(1, REQUEST))
      far.send(PING_ACK('goaway!!'))
      proxy.greet(proxy.backends[0])
      proxy.backends[0].send(headers(1, RESPONSE))
      const types = framesOf(far.take()).map(({ type, stream }) => `${type}.${stream}`)
      t.strictSame(types, ['7.0', '1.1'], 'then the last GOAWAY, and the response')
      t.ok(far.ended)
      far.end()
      return proxy
    },
    'm1',
    'awaitPreface, readFrames, sendGoaway, drain, close, linger, end',
  ],
  [
    'told to drain while it is idle, and to end',
    () => {
      const proxy = ways.proxy()
      const far = proxy.client()
      cancel(proxy, 'm1')
      cancel(proxy, 'm1')
      t.ok(far.ended)
      far.end()
      return proxy
    },
    'm1',
    'awaitPreface, readFrames, sendGoaway, drain, close, linger, end',
  ],
  [
    'told to drain, with a request that goes on for long, and then ends',
    () => {
      const proxy = ways.proxy({ http2: { pingAfterMs: 1_000 } })
      const far = ways.asked(proxy)
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
    'awaitPreface, readFrames, sendGoaway, drain, checkHealth, drain, close, linger, end',
  ],
  [
    'told to drain, and then to end',
    () => {
      const proxy = ways.proxy()
      const far = ways.asked(proxy)
      cancel(proxy, 'm1')
      cancel(proxy, 'm1')
      far.end()
      return proxy
    },
    'm1',
    'awaitPreface, readFrames, sendGoaway, drain, close, linger, end',
  ],
  ...(['ready', 'late', 'cancelled'] as const).map(
    (end): Way => [
      `streams that are discarded: ${end}`,
      () => {
        const proxy = ways.proxy({ http2: { backendResetsBurst: 1, backendResetsPerSecond: 1 } })
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
        ? 'greet, readFrames, checkHealth, readFrames, sendGoaway, drain, close, linger'
        : 'greet, readFrames, sendGoaway, drain, close, linger',
    ],
  ),
]

const FRONTEND_WAITS = [
  'awaitPreface until',
  'drain hasten',
  'drain until',
  'linger until',
  'readFrames check',
  'readFrames hasten',
]
const BACKEND_WAITS = [
  'drain hasten',
  'linger until',
  'readFrames check',
  'readFrames hasten',
  'readFrames pace',
]

ways.go(
  [
    [frontendLife.edges, FRONTEND_WAITS],
    [sessionLife.edges, BACKEND_WAITS],
  ],
  WAYS,
)

t.test('a client that has ended gets GOAWAY only where a stream of it is unanswered', async (t) => {
  for (const answered of [true, false]) {
    const { client, greet, backends } = memoryProxy()
    const far = client()
    far.send(headers(1, REQUEST))
    greet(backends[0])
    if (answered) backends[0].send(headers(1, [[':status', '200']]))
    far.take()
    far.end()
    const last = framesOf(far.take()).filter((each) => each.type === 7)
    t.equal(last.length, answered ? 0 : 1, answered ? 'answered' : 'unanswered')
  }
})
