// Interim (1xx) responses: which of them pass, at what rate, and which wait while a client does not read. In
// both versions, front and back.

import t, { type Test } from 'tap'
import { defaultLimits, type SomeLimits } from '../../src/server/limits.js'
import { framesOf, headers } from '../../tools/testbed/frames.js'
import { Recorder, readerFor } from '../../tools/testbed/http1-wire.js'
import type { FarEnd } from '../../tools/testbed/memory-pollset.js'
import { memoryProxy } from '../../tools/testbed/memory-proxy.js'

type Version = 'http/1.1' | 'h2c'
const VERSIONS = ['http/1.1', 'h2c'] as const
const BURST = defaultLimits.http2.interimsBurst
const PER_SECOND = defaultLimits.http2.interimsPerSecond

interface Asked {
  readonly minor?: 0 | 1
  readonly expect?: boolean
}

/** A client with one request for a backend, and the backend that has it. */
function asked(clients: Version, speaks: Version, limits: SomeLimits = {}, how: Asked = {}) {
  const proxy = memoryProxy(limits, { clients, speaks })
  const client = proxy.client()
  const { minor = 1, expect = false } = how
  if (clients === 'h2c') {
    const fields: [string, string][] = [
      [':method', 'POST'],
      [':scheme', 'http'],
      [':authority', 'a'],
      [':path', '/'],
    ]
    if (expect) fields.push(['expect', '100-continue'])
    client.send(headers(1, fields, !expect))
  } else {
    const line = expect ? 'Expect: 100-Continue\r\n' : ''
    client.send(
      Buffer.from(`POST / HTTP/1.${minor}\r\nHost: a\r\n${line}Content-Length: ${expect ? 5 : 0}\r\n\r\n`),
    )
  }
  const [backend] = proxy.backends
  if (speaks === 'h2c') proxy.greet(backend)
  backend.take()
  client.take()
  return { proxy, client, backend }
}

/** A head of this status; a final one ends its message. */
function head(version: Version, status: number, padding = ''): Buffer {
  const final = status >= 200
  const pad: [string, string][] = padding === '' ? [] : [['x', padding]]
  if (version === 'h2c') return headers(1, [[':status', String(status)], ...pad], final)
  const length = final ? 'content-length: 0\r\n' : ''
  return Buffer.from(`HTTP/1.1 ${status} X\r\n${length}${padding === '' ? '' : `x: ${padding}\r\n`}\r\n`)
}

const repeated = (count: number, bytes: Buffer): Buffer => Buffer.concat(Array(count).fill(bytes))

/** Returns the heads that have come: 100 for an interim one, 200 for a final one. */
function heads(version: Version, far: FarEnd): number[] {
  const bytes = far.take()
  if (version === 'h2c')
    return framesOf(bytes)
      .filter((each) => each.type === 1)
      .map((each) => ((each.flags & 1) !== 0 ? 200 : 100))
  const sink = new Recorder()
  readerFor({ to: 'POST' }, sink).feed(bytes)
  return sink.events.flatMap((each) => (each.kind === 'head' ? [each.head.status < 200 ? 100 : 200] : []))
}

const interims = (got: readonly number[]): number => got.filter((each) => each === 100).length

for (const clients of VERSIONS) {
  for (const speaks of VERSIONS) {
    const ways = `${clients} to ${speaks}`

    t.test(`${ways}: more than pass are dropped, never the response`, (t: Test) => {
      const { proxy, client, backend } = asked(clients, speaks)
      backend.send(repeated(1_000, head(speaks, 103)))
      t.equal(interims(heads(clients, client)), BURST)
      proxy.pollset.advance(1_000)
      backend.send(repeated(1_000, head(speaks, 103)))
      t.equal(interims(heads(clients, client)), PER_SECOND, 'a second later')
      backend.send(Buffer.concat([repeated(1_000, head(speaks, 103)), head(speaks, 200)]))
      t.equal(heads(clients, client).at(-1), 200)
      t.equal(proxy.proxy.outcomes.get('ok'), 1)
      t.end()
    })

    t.test(`${ways}: progress is told for hours`, (t: Test) => {
      // No peer answers a PING here.
      const { proxy, client, backend } = asked(clients, speaks, { http2: { pingAfterMs: 1_000_000_000 } })
      for (let times = 0; times < 144; times++) {
        proxy.pollset.advance(50_000)
        client.take()
        backend.send(head(speaks, times % 2 === 0 ? 102 : 104))
        t.equal(interims(heads(clients, client)), 1, `after ${times} of them`)
      }
      backend.send(head(speaks, 200))
      t.strictSame(heads(clients, client), [200])
      t.equal(proxy.proxy.outcomes.get('ok'), 1)
      t.end()
    })

    t.test(`${ways}: other interim responses do not prolong the wait for the head`, (t: Test) => {
      const { proxy, backend } = asked(clients, speaks, { http2: { pingAfterMs: 1_000_000_000 } })
      for (let i = 0; i < 13; i++) {
        backend.send(head(speaks, 103))
        proxy.pollset.advance(5_000)
      }
      t.equal(proxy.proxy.outcomes.get('head-late'), 1)
      t.end()
    })

    t.test(`${ways}: a 100 passes where it was asked for`, (t: Test) => {
      const unasked = asked(clients, speaks)
      unasked.backend.send(head(speaks, 100))
      unasked.backend.send(head(speaks, 103))
      t.equal(interims(heads(clients, unasked.client)), 1, 'of two, the 103')
      unasked.backend.send(head(speaks, 200))
      t.strictSame(heads(clients, unasked.client), [200])
      const { client, backend } = asked(clients, speaks, {}, { expect: true })
      backend.send(head(speaks, 100))
      t.equal(interims(heads(clients, client)), 1)
      t.end()
    })

    t.test(`${ways}: what waits for a client that does not read is bounded`, (t: Test) => {
      const limits = {
        http1: { interimsBurst: 1_000, interimBytesMax: 4_096 },
        http2: { interimsBurst: 1_000, interimBytesMax: 4_096 },
        transport: { flushBytesMax: 65_536 },
      }
      const { proxy, client, backend } = asked(clients, speaks, limits)
      client.reading = false
      // Past what the socket takes: all that follows waits with the stream.
      for (let i = 0; i < 500; i++) backend.send(head(speaks, 103, 'x'.repeat(100)))
      const stream = [...proxy.world.scheduler.alive()].find((each) => each.kind === 'exchange')
      const { frontend } = stream as unknown as {
        frontend: { pendingInterims: readonly { size: number }[] | null }
      }
      const waiting = (frontend.pendingInterims ?? []).reduce((sum, each) => sum + each.size, 0)
      t.ok(waiting > 0, 'some wait')
      t.ok(waiting <= 4_096, `${waiting} bytes wait`)
      backend.send(head(speaks, 200))
      client.reading = true
      client.drain()
      t.equal(heads(clients, client).at(-1), 200, 'the response is not dropped')
      t.end()
    })
  }
}

t.test('a client of HTTP/1.0 gets no interim response', (t) => {
  for (const speaks of VERSIONS) {
    const { client, backend } = asked('http/1.1', speaks, {}, { minor: 0, expect: true })
    backend.send(head(speaks, 100))
    backend.send(head(speaks, 103))
    t.equal(client.take().length, 0, speaks)
  }
  t.end()
})

t.test('a storm over HTTP/1.1 is read a piece a turn', (t) => {
  const { proxy, client, backend } = asked('http/1.1', 'http/1.1')
  const storm = repeated(2_000, head('http/1.1', 103))
  for (let i = 0; i < 8; i++) backend.put(storm)
  backend.put(head('http/1.1', 200))
  let turns = 0
  while (proxy.proxy.logged === 0 && turns < 100) {
    proxy.pollset.one()
    turns++
  }
  t.ok(turns >= 8, `${turns} turns for eight pieces`)
  t.equal(heads('http/1.1', client).at(-1), 200)
  t.end()
})
