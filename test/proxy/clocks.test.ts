// The clocks of an exchange, each in every pair of HTTP versions: what ends it ends it at most a tenth late
// and never early, counted from the last octet that moved, however often it was looked at between; and the
// side that owed octets is blamed.

import t, { type Test } from 'tap'
import type { Stream } from '../../src/http/index.js'
import { proxyLimits } from '../../src/proxy/index.js'
import { Progress } from '../../src/proxy/progress.js'
import type { SomeLimits } from '../../src/server/index.js'
import { limitsWith } from '../../src/server/index.js'
import { frame, headers, REQUEST, uint32 } from '../../tools/testbed/frames.js'
import { memoryProxy } from '../../tools/testbed/memory-proxy.js'
import { acceptOf, handshake } from './tunnel/tunnel-world.js'

type Version = 'http/1.1' | 'h2c'
const VERSIONS: readonly Version[] = ['http/1.1', 'h2c']
const PAIRS = VERSIONS.flatMap((front) => VERSIONS.map((back) => [front, back] as const))

/** ms: the limit in question; all others are far away */
const T = 1_000
const DATA = 0
const FAR: SomeLimits = {
  proxy: { headTimeoutMs: 1e6, bodyTimeoutMs: 1e6, tunnelIdleMs: 1e6, exchangeTimeoutMs: 1e7 },
  http2: { pingAfterMs: 1e6, prefaceMs: 1e6, frontendIdleMs: 1e6 },
}

/** A client and a backend in whichever version, and when the one exchange between them ended. */
function setUp(front: Version, back: Version, limits: SomeLimits, options = {}) {
  const proxy = memoryProxy(limitsWith(FAR, limits), { clients: front, speaks: back, ...options })
  const { pollset } = proxy
  const ended: { at: number; outcome: string }[] = []
  proxy.proxy.watch({ ended: ({ outcome }) => ended.push({ at: pollset.now, outcome }) })
  const client = proxy.client()
  const far = () => proxy.backends[0]
  return {
    ...proxy,
    front,
    client,
    far,
    ended,
    /** A request: GET; or POST with this content-length, or without one and unfinished. */
    ask(length?: number | 'unknown') {
      const method = length === undefined ? 'GET' : 'POST'
      const known = typeof length === 'number'
      if (front === 'http/1.1') {
        const framing = known ? `Content-Length: ${length}\r\n` : 'Transfer-Encoding: chunked\r\n'
        const more = length === undefined ? '' : framing
        client.send(Buffer.from(`${method} / HTTP/1.1\r\nHost: a\r\n${more}\r\n`))
      } else {
        const fields = REQUEST.map(([name, value]) => [name, name === ':method' ? method : value] as const)
        const list = known ? [...fields, ['content-length', String(length)] as const] : fields
        client.send(headers(1, list, length === undefined))
      }
      if (back === 'h2c' && far() !== undefined) proxy.greet(far())
    },
    /** Octets of a request of unknown length, or of a known one; `end`: its last. */
    upload(text: string, chunked: boolean, end = false) {
      if (front === 'h2c') client.send(frame(DATA, end ? 1 : 0, 1, Buffer.from(text)))
      else if (!chunked) client.send(Buffer.from(text))
      else client.send(Buffer.from(`${text.length.toString(16)}\r\n${text}\r\n${end ? '0\r\n\r\n' : ''}`))
    },
    /** A response head, with a content-length or without. */
    answer(length?: number) {
      if (back === 'http/1.1') {
        const known = length === undefined ? '' : `Content-Length: ${length}\r\n`
        far().send(Buffer.from(`HTTP/1.1 200 OK\r\n${known}\r\n`))
      } else {
        const list: [string, string][] = [[':status', '200']]
        if (length !== undefined) list.push(['content-length', String(length)])
        far().send(headers(1, list, false))
      }
    },
    interim() {
      far().send(
        back === 'http/1.1' ? Buffer.from('HTTP/1.1 103 P\r\n\r\n') : headers(1, [[':status', '103']], false),
      )
    },
    respond(text: string) {
      far().send(back === 'http/1.1' ? Buffer.from(text) : frame(DATA, 0, 1, Buffer.from(text)))
    },
    /** The client takes no octet more. */
    stopReading() {
      if (front === 'http/1.1') client.reading = false
      else client.send(frame(4, 0, 0, Buffer.concat([Buffer.from([0, 4]), uint32(0)])))
    },
    /** The client's answer: its status and `x-fermata`. */
    said: () => /(?:408|504)[\s\S]*?(request-late|head-late)/.exec(client.received.toString('latin1'))?.[1],
  }
}
type SetUp = ReturnType<typeof setUp>

/** When it ended, and how: at most a tenth of `limitMs` behind `due`, and never before. */
function endsAt(t: Test, it: SetUp, due: number, outcome: string, limitMs = T): void {
  it.pollset.advance(due + 10 * limitMs - it.pollset.now)
  t.equal(it.ended.length, 1, 'it has ended')
  const { at, outcome: how } = it.ended[0] ?? { at: -1, outcome: '' }
  t.ok(at >= due, `not early: at ${at}, due at ${due}`)
  t.ok(at <= due + limitMs / 10 + 1e-6, `not late: at ${at}, due at ${due}`)
  t.equal(how, outcome)
  t.equal(it.world.memory.bytes, 0)
}

/** Every case: its limits, and the story up to where the clock is left to itself; answers when it is due. */
const CASES: readonly {
  readonly title: string
  readonly limits: SomeLimits
  readonly outcome: string
  readonly story: (it: SetUp) => number
}[] = [
  {
    title: 'headTimeoutMs: a backend that says nothing',
    limits: { proxy: { headTimeoutMs: T } },
    outcome: 'head-late',
    story(it) {
      it.ask()
      return T
    },
  },
  {
    title: 'headTimeoutMs: interim responses but 102 and 104 do not prolong it',
    limits: { proxy: { headTimeoutMs: T } },
    outcome: 'head-late',
    story(it) {
      it.ask()
      for (const ms of [300, 650]) {
        it.pollset.advance(ms)
        it.interim()
      }
      return T
    },
  },
  {
    title: 'headTimeoutMs: begins with the last octet of the request',
    limits: { proxy: { headTimeoutMs: T } },
    outcome: 'head-late',
    story(it) {
      it.ask('unknown')
      it.pollset.advance(370)
      it.upload('some', true)
      it.pollset.advance(370)
      it.upload('more', true, true)
      return 740 + T
    },
  },
  {
    title: 'headTimeoutMs: a client that does not send its body is blamed itself',
    limits: { proxy: { headTimeoutMs: T } },
    outcome: 'request-late',
    story(it) {
      it.ask(10)
      return T
    },
  },
  {
    title: 'headTimeoutMs: a client that sends some of its body and no more is blamed itself',
    limits: { proxy: { headTimeoutMs: T } },
    outcome: 'request-late',
    story(it) {
      it.ask('unknown')
      it.pollset.advance(370)
      it.upload('some', true)
      return 370 + T
    },
  },
  {
    title: 'headTimeoutMs: a trickle of what was promised does not prolong it',
    limits: { proxy: { headTimeoutMs: T, bodyBytesMin: 100 } },
    outcome: 'request-late',
    story(it) {
      it.ask(10_000)
      it.pollset.advance(10)
      it.upload('x'.repeat(100), false)
      for (let i = 0; i < 9; i++) {
        it.pollset.advance(100)
        it.upload('x', false)
      }
      return 10 + T
    },
  },
  {
    title: 'bodyTimeoutMs: a backend that says nothing behind its head',
    limits: { proxy: { bodyTimeoutMs: T } },
    outcome: 'body-late',
    story(it) {
      it.ask()
      it.pollset.advance(370)
      it.answer()
      return 370 + T
    },
  },
  {
    title: 'bodyTimeoutMs: begins with the last octet that left',
    limits: { proxy: { bodyTimeoutMs: T } },
    outcome: 'body-late',
    story(it) {
      it.ask()
      it.answer()
      for (const ms of [370, 995]) {
        it.pollset.advance(ms)
        it.respond('x')
      }
      return 370 + 995 + T
    },
  },
  {
    title: 'bodyTimeoutMs: a trickle of what was promised does not prolong it',
    limits: { proxy: { bodyTimeoutMs: T, bodyBytesMin: 100 } },
    outcome: 'body-late',
    story(it) {
      it.ask()
      it.answer(10_000)
      it.pollset.advance(10)
      it.respond('x'.repeat(100))
      for (let i = 0; i < 9; i++) {
        it.pollset.advance(100)
        it.respond('x')
      }
      return 10 + T
    },
  },
  {
    title: 'bodyTimeoutMs: a client that does not read is blamed, and has all its time from when it could',
    limits: { proxy: { bodyTimeoutMs: T } },
    outcome: 'response-unread',
    story(it) {
      it.ask()
      it.answer()
      it.stopReading()
      it.pollset.advance(370)
      it.respond('x')
      it.pollset.advance(950)
      it.respond('y'.repeat(10))
      // To HTTP/1.1 the first write is taken by the socket.
      return it.front === 'http/1.1' ? 370 + 950 + T : 370 + T
    },
  },
  {
    title: 'bodyTimeoutMs: a client that stops its upload is blamed, where the response ends with it',
    limits: { proxy: { bodyTimeoutMs: T } },
    outcome: 'request-late',
    story(it) {
      it.ask(10_000)
      it.answer()
      it.pollset.advance(370)
      it.upload('some', false)
      // Too little of what was promised: the period began with the head.
      return T
    },
  },
  {
    title: 'exchangeTimeoutMs: whatever moves before the head',
    limits: { proxy: { exchangeTimeoutMs: T } },
    outcome: 'request-late',
    story(it) {
      it.ask('unknown')
      for (let i = 0; i < 9; i++) {
        it.pollset.advance(100)
        it.upload('x', true)
      }
      return T
    },
  },
  {
    title: 'exchangeTimeoutMs: whatever moves behind the head',
    limits: { proxy: { exchangeTimeoutMs: T } },
    outcome: 'body-late',
    story(it) {
      it.ask()
      it.pollset.advance(50)
      it.answer()
      for (let i = 0; i < 9; i++) {
        it.pollset.advance(100)
        it.respond('x')
      }
      return T
    },
  },
  {
    title: 'exchangeTimeoutMs: nothing moves before the head',
    limits: { proxy: { exchangeTimeoutMs: T } },
    outcome: 'head-late',
    story(it) {
      it.ask()
      return T
    },
  },
]

for (const [front, back] of PAIRS) {
  for (const { title, limits, outcome, story } of CASES) {
    t.test(`${front} to ${back}: ${title}`, async (t) => {
      const it = setUp(front, back, limits)
      endsAt(t, it, story(it), outcome)
    })
  }

  t.test(`${front} to ${back}: tunnelIdleMs`, async (t) => {
    for (const words of [[], [370], [370, 995, 50]]) {
      const it = setUp(front, back, { proxy: { tunnelIdleMs: T } })
      const open = openTunnel(it, front, back)
      for (const ms of words) {
        it.pollset.advance(ms)
        open.say('word')
      }
      endsAt(t, it, words.reduce((sum, ms) => sum + ms, 0) + T, 'tunnel-idle')
    }
  })

  t.test(`${front} to ${back}: who owed is told to the client: 408 or 504`, async (t) => {
    for (const [length, said] of [
      [undefined, 'head-late'],
      [10, 'request-late'],
    ] as const) {
      const it = setUp(front, back, { proxy: { headTimeoutMs: T } })
      it.ask(length)
      it.pollset.advance(2 * T)
      t.equal(it.said(), said)
      t.equal(it.backends.length, 1, 'and it is not sent again')
    }
  })

  t.test(
    `${front} to ${back}: a lease is waited for until leaseTimeoutMs, or exchangeTimeoutMs`,
    async (t) => {
      for (const limits of [
        { proxy: { leaseTimeoutMs: T } },
        { proxy: { leaseTimeoutMs: 1e6, exchangeTimeoutMs: T } },
      ]) {
        const it = setUp(front, back, limitsWith({ transport: { connectMs: 1e6 } }, limits))
        it.hang()
        it.ask()
        endsAt(t, it, T, 'lease-late')
      }
    },
  )
}

/** Open the tunnel of a WebSocket; `say`: octets from the client. */
function openTunnel(it: SetUp, front: Version, back: Version) {
  if (front === 'http/1.1') {
    const fields = lines(handshake())
    it.client.send(Buffer.from(`GET / HTTP/1.1\r\nHost: a\r\n${fields}\r\n`))
  } else {
    const head: [string, string][] = [
      [':method', 'CONNECT'],
      [':protocol', 'websocket'],
      [':scheme', 'http'],
      [':path', '/'],
      [':authority', 'a'],
    ]
    it.client.send(headers(1, head, false))
  }
  const far = it.far()
  if (back === 'h2c') {
    far.send(Buffer.concat([frame(4, 0, 0, Buffer.from('000800000001', 'hex')), frame(4, 1, 0)]))
    far.send(headers(1, [[':status', '200']], false))
  } else {
    const key = /sec-websocket-key: (\S+)/.exec(far.take().toString())?.[1] ?? ''
    const fields = { connection: 'upgrade', upgrade: 'websocket', 'sec-websocket-accept': acceptOf(key) }
    far.send(Buffer.from(`HTTP/1.1 101 Switching Protocols\r\n${lines(fields)}\r\n`))
  }
  return {
    say: (text: string) =>
      it.client.send(front === 'h2c' ? frame(DATA, 0, 1, Buffer.from(text)) : Buffer.from(text)),
  }
}

const lines = (fields: Readonly<Record<string, string>>) =>
  Object.entries(fields)
    .map(([name, value]) => `${name}: ${value}\r\n`)
    .join('')

t.test(
  'after a hold: what left before it counts from then, later by the hold; what left meanwhile, from now',
  (t) => {
    const still = { sentBytes: 0, sentAt: 0, arrivingUntil: 0, localEnded: false }
    for (const [sentAt, headBy] of [
      [100, 1150],
      [420, 1450],
    ]) {
      const progress = new Progress({ ...proxyLimits, headTimeoutMs: 1000 }, 0)
      const backend = { ...still }
      progress.sendingBegins()
      t.equal(progress.checkHead(0, backend as Stream, false), false)
      Object.assign(backend, { sentBytes: 100_000, sentAt })
      progress.shifted(50, 450, still as Stream, backend as Stream)
      t.equal(progress.headBy, headBy)
    }
    t.end()
  },
)
