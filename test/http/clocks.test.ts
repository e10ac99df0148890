// The clocks of connections, in both versions and roles: each limit ends its connection at most a tenth late and never early, whatever
// the peer says in between to be looked at.

import t, { type Test } from 'tap'
import type { SomeLimits } from '../../src/server/index.js'
import { limitsWith } from '../../src/server/index.js'
import { frame, framesOf, headers, PREFACE, REQUEST } from '../../tools/testbed/frames.js'
import type { FarEnd } from '../../tools/testbed/memory-pollset.js'
import { type MemoryProxyOptions, memoryProxy } from '../../tools/testbed/memory-proxy.js'

/** ms: the limit in question; all others are far away */
const T = 1_000
const FAR: SomeLimits = {
  http1: { headMs: 1e6, keepAliveMs: 1e6, backendIdleMs: 1e6 },
  http2: {
    backendIdleMs: 1e6,
    frontendIdleMs: 1e6,
    prefaceMs: 1e6,
    frameMs: 1e6,
    pingAfterMs: 1e6,
    frontendPingTimeoutMs: 1e6,
    backendPingTimeoutMs: 1e6,
    discardMs: 1e6,
  },
  proxy: { headTimeoutMs: 1e6 },
}
const OK = Buffer.from('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok')
const GET = Buffer.from('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
const RESPONSE = [[':status', '204']] as const

type Proxy = ReturnType<typeof memoryProxy>
/** Names the connection and the sign of its end; an octet of `trickle` is sent at each third of the limit. */
type Story = (proxy: Proxy) => { far: FarEnd; trickle?: readonly Buffer[]; over?: (far: FarEnd) => boolean }

const saidGoaway = (far: FarEnd): boolean =>
  far.ended || far.closed || framesOf(far.received).some((each) => each.type === 7)

const h1: MemoryProxyOptions = { clients: 'http/1.1', speaks: 'http/1.1' }

function asked(proxy: Proxy): FarEnd {
  const client = proxy.client()
  client.send(headers(1, REQUEST))
  proxy.greet(proxy.backends[0])
  return client
}

/** A client whose first octets are these. */
function silent(proxy: Proxy, octets: Buffer): FarEnd {
  const socket = proxy.pollset.socket()
  proxy.serve(socket)
  if (octets.length > 0) socket.far.send(octets)
  socket.far.take()
  return socket.far
}

const CASES: readonly (readonly [string, SomeLimits, MemoryProxyOptions, Story])[] = [
  [
    'headMs',
    { http1: { headMs: T } },
    h1,
    (proxy) => {
      const far = proxy.client()
      far.send(Buffer.from('GET / HTTP/1.1\r\n'))
      return { far }
    },
  ],
  [
    'headMs of a head that trickles',
    { http1: { headMs: T } },
    h1,
    (proxy) => {
      const far = proxy.client()
      far.send(Buffer.from('G'))
      return { far, trickle: ['E', 'T', ' ', '/'].map((each) => Buffer.from(each)) }
    },
  ],
  ['keepAliveMs', { http1: { keepAliveMs: T } }, h1, (proxy) => ({ far: proxy.client() })],
  [
    'keepAliveMs behind a request',
    { http1: { keepAliveMs: T } },
    h1,
    (proxy) => {
      const far = proxy.client()
      far.send(GET)
      proxy.backends[0].send(OK)
      return { far }
    },
  ],
  [
    'backendIdleMs of HTTP/1.1',
    { http1: { backendIdleMs: T }, http2: { backendIdleMs: T } },
    h1,
    (proxy) => {
      proxy.client().send(GET)
      proxy.backends[0].send(OK)
      return { far: proxy.backends[0] }
    },
  ],
  [
    'frontendIdleMs',
    { http2: { frontendIdleMs: T } },
    {},
    (proxy) => ({ far: proxy.client(), over: saidGoaway }),
  ],
  [
    'frontendIdleMs of a client that sends PING',
    { http2: { frontendIdleMs: T } },
    {},
    (proxy) => {
      const ping = frame(6, 0, 0, Buffer.alloc(8))
      return { far: proxy.client(), trickle: [ping, ping, ping, ping], over: saidGoaway }
    },
  ],
  [
    'frontendIdleMs behind a request',
    { http2: { frontendIdleMs: T } },
    {},
    (proxy) => {
      const far = asked(proxy)
      proxy.backends[0].send(headers(1, RESPONSE))
      return { far, over: saidGoaway }
    },
  ],
  [
    'backendIdleMs of HTTP/2',
    { http1: { backendIdleMs: T }, http2: { backendIdleMs: T } },
    {},
    (proxy) => {
      asked(proxy)
      proxy.backends[0].send(headers(1, RESPONSE))
      return { far: proxy.backends[0], over: saidGoaway }
    },
  ],
  [
    'prefaceMs: no preface',
    { http2: { prefaceMs: T } },
    {},
    (proxy) => ({ far: silent(proxy, Buffer.alloc(0)) }),
  ],
  [
    'prefaceMs: a preface that trickles',
    { http2: { prefaceMs: T } },
    {},
    (proxy) => ({
      far: silent(proxy, PREFACE.subarray(0, 1)),
      trickle: [1, 2, 3, 4].map((at) => PREFACE.subarray(at, at + 1)),
    }),
  ],
  [
    'prefaceMs: no SETTINGS',
    { http2: { prefaceMs: T } },
    {},
    (proxy) => ({ far: silent(proxy, PREFACE), over: saidGoaway }),
  ],
  [
    'prefaceMs: our SETTINGS are not acknowledged',
    { http2: { prefaceMs: T } },
    {},
    (proxy) => ({
      far: silent(proxy, Buffer.concat([PREFACE, frame(4, 0, 0)])),
      over: saidGoaway,
    }),
  ],
  [
    'prefaceMs: a backend says nothing',
    { http2: { prefaceMs: T } },
    {},
    (proxy) => {
      proxy.client().send(headers(1, REQUEST))
      proxy.backends[0].take()
      return { far: proxy.backends[0], over: saidGoaway }
    },
  ],
  [
    'frameMs',
    { http2: { frameMs: T } },
    {},
    (proxy) => {
      const far = proxy.client()
      far.send(headers(1, REQUEST).subarray(0, 10))
      return { far, over: saidGoaway }
    },
  ],
  [
    'frameMs of a frame that trickles',
    { http2: { frameMs: T } },
    {},
    (proxy) => {
      const far = proxy.client()
      const octets = headers(1, REQUEST)
      far.send(octets.subarray(0, 3))
      return { far, trickle: [3, 4, 5, 6].map((at) => octets.subarray(at, at + 1)), over: saidGoaway }
    },
  ],
]

function endsInTime(t: Test, proxy: Proxy, story: ReturnType<Story>): void {
  const { far, trickle = [], over = ({ ended, closed }: FarEnd) => ended || closed } = story
  const { pollset } = proxy
  const since = pollset.now
  let step = 0
  let next = T / 3
  for (; pollset.now - since < 3 * T && !over(far); pollset.advance(1)) {
    if (step < trickle.length && pollset.now - since >= next) {
      far.send(trickle[step++])
      next += T / 3
    }
  }
  const ms = pollset.now - since
  t.ok(ms >= T, `not early: after ${ms} ms`)
  t.ok(ms <= T * 1.1 + 1, `not late: after ${ms} ms`)
}

for (const [title, limits, options, story] of CASES) {
  t.test(title, async (t) => {
    // Not at the beginning of a look.
    const proxy = memoryProxy(limitsWith(FAR, limits), options)
    proxy.pollset.advance(37)
    endsInTime(t, proxy, story(proxy))
  })
}
