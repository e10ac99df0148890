// The filter compress in a whole proxy in memory: which responses are coded, and how they come. Here bodies are
// coded by a coder that does so at once; coder.test.ts and peers/compress.test.ts have those of zlib.

import { brotliDecompressSync, gunzipSync, gzipSync } from 'node:zlib'
import t from 'tap'
import { type Coder, type Coders, type Coding, zlibCoders } from '../../../src/filters/compress/coder.js'
import { CompressFilter } from '../../../src/filters/compress/compress.js'
import { type CompressOptions, settled } from '../../../src/filters/compress/options.js'
import { noFaults, Prng } from '../../../src/pollset/index.js'
import { TaskPool } from '../../../src/proxy/index.js'
import type { SomeLimits } from '../../../src/server/index.js'
import { frame, headers, REQUEST } from '../../../tools/testbed/frames.js'
import { filtered, type Lines, Reader, use, valueIn } from '../small-proxy.js'

const [DATA, HEADERS, RST_STREAM, WINDOW_UPDATE] = [0, 1, 3, 8] as const
const KIB = 1_024

/** Codes each part as a member of its own (RFC 1952 §2.2), at once. */
class Members implements Coder {
  readonly bytes = 100 * KIB
  readonly burstBytes = 32 * KIB
  closes = 0
  private kept: Buffer[] = []

  code(part: Buffer, as: 'more' | 'flush' | 'end') {
    return (settle: (fault: Error | null, value: readonly Buffer[] | null) => void) => {
      this.kept.push(Buffer.from(part))
      if (as === 'more') return settle(null, [])
      const whole = Buffer.concat(this.kept)
      this.kept = []
      settle(null, whole.length === 0 && as === 'flush' ? [] : [gzipSync(whole)])
    }
  }
  close(): void {
    this.closes++
  }
}

const ACCEPTS: readonly [string, string] = ['accept-encoding', 'gzip']
const HTML: readonly [string, string] = ['content-type', 'text/html; charset=utf-8']

/** A proxy whose client has sent a request. */
function compressed(
  fields: Lines = [ACCEPTS],
  options: CompressOptions = {},
  method = 'GET',
  limits: SomeLimits = {},
  pools: { concurrencyMax: number; queueMax: number } = { concurrencyMax: 4, queueMax: 100 },
) {
  const made: Members[] = []
  const coders: Coders = {
    codings: ['br', 'gzip'],
    facts: () => new Members(),
    coder: () => {
      const coder = new Members()
      made.push(coder)
      return coder
    },
    whole: (coding: Coding, level, body) => zlibCoders.whole(coding, level, body),
  }
  const context = {} as { world: never; coding: never }
  const filter = new CompressFilter(settled(options, coders.codings), context, coders)
  const p = filtered(
    [use('compress', filter, 'pass')],
    [[':method', method], ...REQUEST.slice(1), ...fields],
    {},
    limits,
  )
  const pool = new TaskPool(p.pollset, { name: 'coding', ...pools })
  Object.assign(context, { world: p.world, coding: pool })
  const [backend] = p.backends
  return {
    ...p,
    made,
    pool,
    filter,
    backend,
    answer(more: Lines, body: string | Buffer = '', end = true): void {
      const head = headers(1, [[':status', '200'], ...more], end && body.length === 0)
      backend.send(
        body.length === 0 ? head : Buffer.concat([head, frame(DATA, end ? 1 : 0, 1, Buffer.from(body))]),
      )
    },
  }
}

const text = (bytes: number): string => 'the quick brown fox '.repeat(Math.ceil(bytes / 20)).slice(0, bytes)
const gunzipped = (body: string): string => gunzipSync(Buffer.from(body, 'latin1')).toString()

t.test(
  'a small body that is all here is coded in the turn; the head is that of a changed body',
  async (t) => {
    const p = compressed()
    const body = text(4_000)
    p.answer(
      [
        HTML,
        ['content-length', '4000'],
        ['etag', '"a"'],
        ['accept-ranges', 'bytes'],
        ['repr-digest', 'x'],
        ['content-digest', 'x'],
        ['vary', 'origin'],
      ],
      body,
    )
    const { blocks, body: coded } = p.client.read()
    t.match(Object.fromEntries(blocks[0]), {
      etag: 'W/"a"',
      vary: 'accept-encoding',
      'content-length': String(coded.length),
      'content-encoding': 'gzip',
    })
    for (const gone of ['accept-ranges', 'repr-digest', 'content-digest'])
      t.equal(valueIn(blocks[0], gone), undefined, gone)
    t.equal(blocks[0].filter(([name]) => name === 'content-length').length, 1)
    t.equal(gunzipped(coded), body)
    t.equal(p.pool.started, 0, 'without a task')
    t.match(p.filter.describe(), { whole: 1, streamed: 0 })
    t.equal(p.world.memory.charged, 0)
    t.equal(p.proxy.logged, 1)
  },
)

t.test('which responses are coded, and which have Vary', async (t) => {
  const big = text(2_000)
  const table: readonly {
    readonly it: string
    readonly request?: Lines
    readonly response?: Lines
    readonly body?: string
    readonly options?: CompressOptions
    readonly coding?: string
    readonly varies?: boolean
  }[] = [
    { it: 'text', coding: 'gzip', varies: true },
    {
      it: 'br where the client likes it as much',
      request: [['accept-encoding', 'gzip, br']],
      coding: 'br',
      varies: true,
    },
    { it: 'a client that accepts nothing gets it as it is', request: [], varies: true },
    { it: 'identity', request: [['accept-encoding', 'identity']], varies: true },
    { it: 'q=0', request: [['accept-encoding', 'gzip;q=0']], varies: true },
    { it: 'no 406', request: [['accept-encoding', 'identity;q=0']], varies: true },
    {
      it: 'several lines of the field',
      request: [['accept-encoding', 'br;q=0'], ACCEPTS],
      coding: 'gzip',
      varies: true,
    },
    { it: 'coded already', response: [HTML, ['content-encoding', 'br']] },
    {
      it: 'identity is no coding',
      response: [HTML, ['content-encoding', 'identity']],
      coding: 'gzip',
      varies: true,
    },
    { it: 'no-transform', response: [HTML, ['cache-control', 'public, no-transform']] },
    { it: 'small', response: [HTML], body: text(1_023) },
    { it: 'small, announced', response: [HTML, ['content-length', '1023']], body: text(1_023) },
    {
      it: 'large enough',
      response: [HTML, ['content-length', '1024']],
      body: text(1_024),
      coding: 'gzip',
      varies: true,
    },
    { it: 'a minimum', options: { minimum: 3_000 } },
    { it: 'an image', response: [['content-type', 'image/png']] },
    { it: 'an image of text', response: [['content-type', 'image/svg+xml']], coding: 'gzip', varies: true },
    {
      it: 'a type of JSON',
      response: [['content-type', 'Application/Vnd.Api+JSON']],
      coding: 'gzip',
      varies: true,
    },
    { it: 'without a type', response: [] },
    { it: 'gRPC', response: [['content-type', 'application/grpc+json']] },
    {
      it: 'gRPC, with types',
      response: [['content-type', 'application/grpc']],
      options: { types: ['application/*'] },
    },
    {
      it: 'types',
      response: [['content-type', 'image/png']],
      options: { types: ['image/*'] },
      coding: 'gzip',
      varies: true,
    },
    { it: 'not of the types', options: { types: ['application/json'] } },
    { it: 'an error', response: [[':status', '404'], HTML], coding: 'gzip', varies: true },
    { it: 'a range', response: [[':status', '206'], HTML, ['content-range', 'bytes 0-1999/5000']] },
    {
      it: 'Vary is there',
      response: [HTML, ['vary', 'Accept-Encoding, Origin']],
      coding: 'gzip',
      varies: true,
    },
    { it: 'Vary: *', response: [HTML, ['vary', '*']], coding: 'gzip' },
    {
      it: 'encodings',
      request: [['accept-encoding', 'gzip, br']],
      options: { encodings: ['gzip'] },
      coding: 'gzip',
      varies: true,
    },
  ]
  for (const {
    it,
    request = [ACCEPTS],
    response = [HTML],
    body = big,
    options,
    coding,
    varies = false,
  } of table) {
    const p = compressed(request, options)
    const status = response.some(([name]) => name === ':status') ? [] : ([[':status', '200']] as Lines)
    p.backend.send(
      Buffer.concat([headers(1, [...status, ...response], false), frame(DATA, 1, 1, Buffer.from(body))]),
    )
    const { blocks, body: got } = p.client.read()
    const before = response.find(([name]) => name === 'content-encoding')?.[1]
    const after = blocks[0].filter(([name]) => name === 'content-encoding').map(([, value]) => value)
    t.same(after, coding === undefined ? (before === undefined ? [] : [before]) : [coding], it)
    const vary = blocks[0].filter(([name, value]) => name === 'vary' && /accept-encoding/i.test(value))
    t.equal(vary.length, varies ? 1 : 0, `${it}: Vary`)
    if (coding === 'gzip') t.equal(gunzipped(got), body, it)
    else if (coding === 'br') t.equal(brotliDecompressSync(Buffer.from(got, 'latin1')).toString(), body, it)
    else t.equal(got, body, it)
    t.same(p.failures, [], it)
  }
})

t.test('HEAD has the head that GET has, as far as it can be known', async (t) => {
  const p = compressed([ACCEPTS], {}, 'HEAD')
  p.answer([HTML, ['content-length', '5000'], ['etag', '"a"']])
  const { blocks, body } = p.client.read()
  t.match(Object.fromEntries(blocks[0]), {
    'content-encoding': 'gzip',
    etag: 'W/"a"',
    vary: 'accept-encoding',
  })
  t.equal(valueIn(blocks[0], 'content-length'), undefined)
  t.equal(body, '')
  t.equal(p.made.length, 0)
  const small = compressed([ACCEPTS], {}, 'HEAD')
  small.answer([HTML, ['content-length', '50']])
  t.equal(valueIn(small.client.blocks()[0], 'content-length'), '50')
})

t.test('304 has Vary, and the weak ETag that a client of the coded body knows', async (t) => {
  for (const [asked, etag] of [
    ['W/"a"', 'W/"a"'],
    ['"a"', '"a"'],
  ]) {
    const p = compressed([ACCEPTS, ['if-none-match', asked]])
    p.backend.send(
      headers(1, [
        [':status', '304'],
        ['etag', '"a"'],
      ]),
    )
    t.match(Object.fromEntries(p.client.blocks()[0]), { vary: 'accept-encoding', etag })
  }
})

t.test(
  'a body that comes in parts: each split, with trailers; every byte, and nothing is left held',
  async (t) => {
    const body = text(40_000)
    for (const at of [0, 1, 16_383, 16_384, 16_385, 39_999, 40_000]) {
      const p = compressed()
      p.backend.send(headers(1, [[':status', '200'], HTML, ['content-length', '40000']], false))
      for (const part of [body.slice(0, at), body.slice(at)])
        for (let from = 0; from < part.length; from += 16_000)
          p.backend.send(frame(DATA, 0, 1, Buffer.from(part.slice(from, from + 16_000))))
      p.backend.send(headers(1, [['x-sum', '1']]))
      p.pollset.run()
      const { blocks, body: coded } = p.client.read()
      t.equal(gunzipped(coded), body, `at ${at}`)
      t.equal(valueIn(blocks[0], 'content-length'), undefined)
      t.same(blocks[1], [['x-sum', '1']])
      t.equal(p.made.length, 1)
      t.equal(p.made[0].closes, 1)
      t.equal(p.world.memory.charged, 0)
      t.equal(p.proxy.logged, 1)
    }
  },
)

t.test('credit is honest: a client that does not read stops its backend, and its coder', async (t) => {
  const p = compressed([ACCEPTS], { flush: 0 })
  p.backend.send(headers(1, [[':status', '200'], HTML], false))
  const noise = Buffer.alloc(16_000)
  const chance = new Prng(1)
  let window = 65_535
  let sent = 0
  for (let i = 0; i < 60 && window >= noise.length; i++) {
    for (let at = 0; at < noise.length; at++) noise[at] = chance.below(256)
    p.backend.send(frame(DATA, 0, 1, noise))
    p.pollset.run()
    sent += noise.length
    window -= noise.length
    const bytes = p.backend.take()
    for (let at = 0; at + 9 <= bytes.length; at += 9 + bytes.readUIntBE(at, 3))
      if (bytes[at + 3] === WINDOW_UPDATE && bytes.readUInt32BE(at + 5) === 1)
        window += bytes.readUInt32BE(at + 9)
  }
  t.ok(window < noise.length, `it is stopped, after ${sent} bytes`)
  t.ok(p.world.memory.charged <= 300 * KIB)
  p.far.destroy()
  p.pollset.run()
  t.equal(p.world.memory.charged, 0)
  t.equal(p.made[0].closes, 1)
})

t.test('an event stream is flushed at once; another body after 10 ms at most', async (t) => {
  const p = compressed()
  p.backend.send(
    headers(
      1,
      [
        [':status', '200'],
        ['content-type', 'text/event-stream'],
      ],
      false,
    ),
  )
  t.equal(p.client.read().blocks.length, 1, 'the head leaves before the first byte is coded')
  for (const event of ['data: 1\n\n', 'data: 2\n\n']) {
    p.backend.send(frame(DATA, 0, 1, Buffer.from(event)))
    p.pollset.run()
    t.equal(gunzipped(p.client.read().body), event)
  }
  const q = compressed()
  q.backend.send(headers(1, [[':status', '200'], HTML], false))
  q.backend.send(frame(DATA, 0, 1, Buffer.from('one')))
  q.pollset.run()
  t.equal(q.client.read().body, '')
  q.pollset.advance(6)
  q.backend.send(frame(DATA, 0, 1, Buffer.from('two')))
  t.equal(q.client.read().body, '')
  q.pollset.advance(4)
  q.pollset.run()
  t.equal(gunzipped(q.client.read().body), 'onetwo', '10 ms after its first byte')
  q.backend.send(frame(DATA, 0, 1, Buffer.from('x')))
  q.far.destroy()
  q.pollset.advance(20)
  t.equal(q.made[0].closes, 1)
  t.equal(q.world.memory.charged, 0)
})

t.test('past a quarter of the soft bound on held bytes it goes out as it is, and is counted', async (t) => {
  const p = compressed([ACCEPTS], {}, 'GET', { transport: { heldBytesSoft: 4 * 100 * KIB } })
  p.answer([HTML, ['content-length', '40000']], '', false)
  const { blocks } = p.client.read()
  t.equal(valueIn(blocks[0], 'content-encoding'), undefined)
  t.equal(valueIn(blocks[0], 'content-length'), '40000')
  t.equal(valueIn(blocks[0], 'vary'), 'accept-encoding')
  t.match(p.filter.describe(), { busy: 1, streamed: 0 })
})

t.test(
  'a client that leaves while a piece waits, or is coded: it is given up, and its place is free',
  async (t) => {
    const p = compressed([ACCEPTS], { flush: 0 }, 'GET', {}, { concurrencyMax: 1, queueMax: 1 })
    // Another one's task has the only place.
    let settle: (() => void) | null = null
    const other = p.pool.start<number>((done) => {
      settle = () => done(null, 1)
    })
    p.answer([HTML], 'abc', false)
    t.equal(p.pool.waiting, 1)
    p.far.destroy()
    p.pollset.run()
    t.equal(p.pool.waiting, 0)
    t.equal(p.made[0].closes, 1)
    t.equal(p.world.memory.charged, 0)
    ;(settle as unknown as () => void)()
    p.pollset.run()
    t.ok(other?.settled)
    t.equal(p.pool.running, 0)
  },
)

t.test('a piece for which the queue has no place is tried again', async (t) => {
  const p = compressed([ACCEPTS], { flush: 0 }, 'GET', {}, { concurrencyMax: 1, queueMax: 0 })
  let settle: (() => void) | null = null
  p.pool.start<number>((done) => {
    settle = () => done(null, 1)
  })
  p.answer([HTML], text(3_000), false)
  p.backend.send(frame(DATA, 1, 1))
  p.pollset.run()
  t.equal(p.client.read().body, '')
  t.ok(p.pool.refused > 0)
  ;(settle as unknown as () => void)()
  p.pollset.run()
  p.pollset.advance(10)
  p.pollset.run()
  t.equal(gunzipped(p.client.read().body), text(3_000))
})

t.test('a task that fails: the response has begun, so it is cut', async (t) => {
  const p = compressed([ACCEPTS], { flush: 0 })
  p.pollset.faults = { ...noFaults, taskFailPercent: 100 }
  p.answer([HTML], 'abc', false)
  p.pollset.run()
  t.ok(p.client.read().types.includes(RST_STREAM))
  t.match(p.failures, [/as the simulation has it/])
  t.equal(p.world.memory.charged, 0)
  t.equal(p.made[0].closes, 1)
})

t.test('as many bytes are coded in one turn as its bound says; then by tasks', async (t) => {
  const p = compressed()
  p.answer([HTML], text(16_000))
  t.match(p.filter.describe(), { whole: 1 })
  p.pollset.advance(1)
  const heads: Buffer[] = []
  for (let i = 1; i <= 6; i++) {
    p.far.send(headers(1 + 2 * i, [...REQUEST, ACCEPTS]))
    heads.push(
      headers(1 + 2 * i, [[':status', '200'], HTML], false),
      frame(DATA, 1, 1 + 2 * i, Buffer.from(text(15_000))),
    )
  }
  new Reader(p.backend).read()
  p.backend.send(Buffer.concat(heads))
  p.pollset.run()
  t.match(p.filter.describe(), { whole: 5, streamed: 2 })
  t.equal(p.client.read().types.filter((each) => each === HEADERS).length, 7)
})
