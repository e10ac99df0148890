// Field blocks larger than we keep, from either side: they are their stream's fault, and the table stays in
// step (spec/http2/connection-grid.md, Bounds; RFC 9113 §4.3, §10.5.1).

import t from 'tap'
import { type Field, FieldTable } from '../../src/http/index.js'
import { HpackDecoder } from '../../src/http2/hpack/decoder.js'
import type { SomeLimits } from '../../src/server/index.js'
import { type Frame, frame, framesOf, headers, REQUEST } from '../../tools/testbed/frames.js'
import type { FarEnd } from '../../tools/testbed/memory-pollset.js'
import { memoryProxy } from '../../tools/testbed/memory-proxy.js'

const OK = [[':status', '200']] as const
const CONTINUATION = 9
const RST_STREAM = 3
const GOAWAY = 7

/** A string of HPACK without Huffman (RFC 7541 §5.2). */
function text(value: string): Buffer {
  const octets: number[] = []
  if (value.length < 127) octets.push(value.length)
  else {
    octets.push(127)
    let rest = value.length - 127
    for (; rest > 127; rest >>>= 7) octets.push((rest & 127) | 128)
    octets.push(rest)
  }
  return Buffer.concat([Buffer.from(octets), Buffer.from(value, 'latin1')])
}
const literal = (kind: number, name: string, value: string): Buffer =>
  Buffer.concat([Buffer.from([kind]), text(name), text(value)])
const indexed = (name: string, value: string): Buffer => literal(0x40, name, value)
const plain = (name: string, value: string): Buffer => literal(0, name, value)
const STATUS_200 = Buffer.from([0x88])
const GET = Buffer.concat(REQUEST.map(([name, value]) => plain(name, value)))
/** The newest entry of the table (RFC 7541 §2.3.3). */
const entry = (at: number): Buffer => Buffer.from([0x80 | (62 + at)])

/** One block in pieces of this size. */
function split(id: number, block: Buffer, size: number, endStream = true): Buffer {
  const frames: Buffer[] = []
  for (let at = 0; at < block.length; at += size) {
    const last = at + size >= block.length
    const flags = (last ? 4 : 0) | (at === 0 && endStream ? 1 : 0)
    frames.push(frame(at === 0 ? 1 : CONTINUATION, flags, id, block.subarray(at, at + size)))
  }
  return Buffer.concat(frames)
}

/** Past 64 KiB: 80 lines of 1,000 octets. */
const FILLER = Buffer.concat(Array.from({ length: 80 }, (_, i) => plain(`x-${i}`, 'v'.repeat(1000))))

class Reader {
  private readonly decoder = new HpackDecoder(new FieldTable(), { tableSizeMax: 4096 })
  readonly frames: Frame[] = []
  private readonly lists = new Map<number, Field[]>()
  private readonly far: FarEnd
  constructor(far: FarEnd) {
    this.far = far
  }
  read(): this {
    let octets = this.far.take()
    if (octets.subarray(0, 3).toString() === 'PRI') octets = octets.subarray(24)
    for (const each of framesOf(octets)) {
      this.frames.push(each)
      if (each.type !== 1) continue
      const fields: Field[] = []
      this.decoder.decode(each.payload, 0, each.payload.length, fields, 1 << 20, 1000)
      this.lists.set(each.stream, fields)
    }
    return this
  }
  /** `STATUS`, with the fields of this name behind. */
  head(id: number, name = 'x-mark'): string {
    const fields = this.read().lists.get(id) ?? []
    const of = (each: string) => fields.filter((field) => field.name === each).map((field) => field.value)
    return [...of(':status'), ...of(name)].join(' ')
  }
  resets(id: number): number[] {
    const own = this.read().frames.filter((each) => each.type === RST_STREAM && each.stream === id)
    return own.map((each) => each.payload.readUInt32BE(0))
  }
  get goaways(): number[] {
    return this.read()
      .frames.filter((each) => each.type === GOAWAY)
      .map((each) => each.payload.readUInt32BE(4))
  }
}

/** Three requests on one backend connection. */
function three(limits: SomeLimits = {}) {
  const proxy = memoryProxy(limits)
  const client = proxy.client()
  for (const id of [1, 3, 5]) client.send(headers(id, REQUEST))
  proxy.greet(proxy.backends[0])
  return { ...proxy, far: client, client: new Reader(client), backend: proxy.backends[0] }
}

const LARGE: Readonly<Record<string, (id: number) => Buffer>> = {
  'more than 64 KiB': (id) => split(id, Buffer.concat([STATUS_200, FILLER]), 16_000),
  '33 CONTINUATIONs': (id) =>
    Buffer.concat([
      frame(1, 1, id, STATUS_200),
      ...Array.from({ length: 32 }, () => frame(CONTINUATION, 0, id, plain('a', 'b'))),
      frame(CONTINUATION, 4, id),
    ]),
}

for (const [name, make] of Object.entries(LARGE)) {
  t.test(`a response head of ${name} is its own request's fault alone, and that is sent once`, async (t) => {
    const { client, backend, backends, proxy } = three()
    backend.send(make(3))
    t.equal(client.head(3, 'x-fermata'), '502 stream-error')
    backend.send(Buffer.concat([headers(1, OK), headers(5, OK)]))
    t.same([client.head(1), client.head(5)], ['200', '200'], 'its neighbours are answered')
    t.same(new Reader(backend).resets(3), [8], 'CANCEL: MAX_HEADER_LIST_SIZE is advice')
    t.equal(backends.length, 1, 'all on one connection')
    t.equal(proxy.begun, proxy.logged)
  })
  t.test(`a request head of ${name} gets 431, whatever follows it in the same read`, async (t) => {
    const large = (id: number, endStream: boolean) => {
      const whole = make(id)
      if (!endStream) whole[4] &= ~1
      return whole
    }
    for (const [what, behind] of [
      ['nothing', []],
      ['DATA', [frame(0, 0, 1, Buffer.alloc(1000))]],
      ['DATA and its end', [frame(0, 0, 1, Buffer.alloc(1000)), frame(0, 1, 1, Buffer.alloc(10))]],
      ['trailers', [headers(1, [['x', 'y']])]],
      ['a pseudo-header field as a trailer', [headers(1, [[':status', '200']])]],
    ] as const) {
      const proxy = memoryProxy()
      const far = proxy.client()
      const client = new Reader(far)
      far.send(Buffer.concat([large(1, what === 'nothing'), ...behind]))
      t.equal(client.head(1, 'x-fermata'), '431 fields-too-large', what)
      const reset = what === 'DATA' ? [0] : []
      t.same(client.resets(1), reset, 'NO_ERROR at most: the answer can be read (RFC 9113 §8.1)')
      far.send(headers(3, REQUEST))
      proxy.greet(proxy.backends[0])
      proxy.backends[0].send(headers(1, OK))
      t.equal(client.head(3), '200', 'and the connection goes on')
      t.equal(proxy.http2.counts.headersTooLarge, 1)
      t.equal(proxy.http2.counts.streamErrors, 0)
    }
  })
}

t.test('the table of a backend is in step behind a head that was discarded', async (t) => {
  const others: Readonly<Record<string, readonly [Buffer, Buffer, string]>> = {
    'entries are taken in': [
      Buffer.concat([STATUS_200, indexed('x-mark', 'a'), FILLER, indexed('x-mark', 'b')]),
      Buffer.concat([STATUS_200, entry(0), entry(1)]),
      '200 b a',
    ],
    'an entry larger than the table empties it': [
      Buffer.concat([
        STATUS_200,
        FILLER,
        indexed('x-mark', 'a'),
        indexed('x', 'v'.repeat(70_000)),
        indexed('x-mark', 'c'),
      ]),
      Buffer.concat([STATUS_200, entry(0)]),
      '200 c',
    ],
    'entries push others out': [
      Buffer.concat([
        STATUS_200,
        FILLER,
        indexed('x-mark', 'a'),
        ...Array.from({ length: 4 }, () => indexed('x-mark', 'v'.repeat(2000))),
        indexed('x-mark', 'd'),
      ]),
      Buffer.concat([STATUS_200, entry(0), plain('x-mark', 'e')]),
      '200 d e',
    ],
    'names of entries': [
      Buffer.concat([STATUS_200, indexed('x-mark', 'a'), FILLER, Buffer.from([0x40 | 62]), text('f')]),
      Buffer.concat([STATUS_200, entry(0), entry(1)]),
      '200 f a',
    ],
  }
  for (const [what, [first, next, expected]] of Object.entries(others))
    for (const size of [16_000, 1_001]) {
      const { client, backend } = three({ http2: { continuationsMax: 500, continuationsDiscardMax: 500 } })
      backend.send(split(3, first, size))
      t.equal(client.head(3, 'x-fermata'), '502 stream-error')
      backend.send(frame(1, 5, 5, next))
      t.equal(client.head(5), expected, `${what}, in pieces of ${size}`)
    }
  const { client, backend } = three()
  backend.send(split(3, Buffer.concat([STATUS_200, FILLER]), 16_000))
  backend.send(frame(1, 5, 5, Buffer.concat([STATUS_200, entry(0)])))
  t.same(new Reader(backend).goaways, [9], 'an index of no entry is still COMPRESSION_ERROR')
  t.equal(client.head(5, 'x-fermata'), '502 protocol-error')
})

t.test('and the table of a client', async (t) => {
  const proxy = memoryProxy()
  const far = proxy.client()
  far.send(split(1, Buffer.concat([GET, FILLER, indexed('x-mark', 'a')]), 16_000))
  t.equal(new Reader(far).head(1), '431')
  far.send(frame(1, 5, 3, Buffer.concat([GET, entry(0)])))
  proxy.greet(proxy.backends[0])
  t.equal(proxy.proxy.begun, 1)
  t.equal(proxy.http2.counts.connectionErrors, 0)
})

t.test('a block that does not decode is COMPRESSION_ERROR, discarded or not (RFC 9113 §4.3)', async (t) => {
  for (const bad of [
    Buffer.from([0x80]),
    Buffer.from([0x20]),
    Buffer.from([0x00, 0x81, 0x00]),
    Buffer.from([0x40]),
  ]) {
    const proxy = memoryProxy()
    const far = proxy.client()
    far.send(split(1, Buffer.concat([GET, FILLER, bad]), 16_000))
    t.same(new Reader(far).goaways, [9], bad.toString('hex'))
    t.ok(far.ended)
  }
})

t.test('nothing of a discarded block is kept', async (t) => {
  const proxy = memoryProxy()
  const far = proxy.client()
  const { reader } = proxy.frontends[0] as unknown as { reader: { bufferedBytes: number } }
  const frames = framesOf(split(1, Buffer.concat([GET, ...Array.from({ length: 3 }, () => FILLER)]), 16_000))
  let most = 0
  for (const { type, flags, stream, payload } of frames) {
    far.send(frame(type, flags, stream, payload))
    most = Math.max(most, reader.bufferedBytes)
  }
  t.ok(most <= 65_536, `${most} bytes of 240,000`)
  t.equal(reader.bufferedBytes, 0)
  t.equal(new Reader(far).head(1), '431')
})

t.test('past what is discarded the connection ends: by bytes, by frames, by time', async (t) => {
  const begun = (id: number) => frame(1, 1, id, Buffer.concat([STATUS_200, plain('a', 'b')]))
  const past: Readonly<Record<string, readonly [Buffer, number]>> = {
    bytes: [
      Buffer.concat(Array.from({ length: 17 }, () => frame(CONTINUATION, 0, 3, Buffer.alloc(16_000, 0x88)))),
      0,
    ],
    frames: [Buffer.concat(Array.from({ length: 129 }, () => frame(CONTINUATION, 0, 3))), 0],
    time: [Buffer.alloc(0), 12_000],
  }
  for (const [what, [octets, ms]] of Object.entries(past)) {
    const { client, backend, backends, pollset } = three({ http2: { frameMs: 5_000 } })
    backend.send(Buffer.concat([begun(3), octets]))
    for (let passed = 0; passed < ms; passed += 1_000) {
      if (!backend.ended) backend.send(frame(CONTINUATION, 0, 3))
      pollset.advance(1_000)
    }
    t.same(new Reader(backend).goaways, [11], `${what}: ENHANCE_YOUR_CALM`)
    t.equal(client.head(3, 'x-fermata'), '502 calm', 'its request fails')
    t.equal(backends.length, 2, 'its neighbours get another connection')
    backends[1].send(Buffer.concat([frame(4, 0, 0), frame(4, 1, 0)]))
    const asked = new Reader(backends[1]).read().frames.filter((each) => each.type === 1)
    t.equal(asked.length, 2, 'and it is not sent again')
    backends[1].send(Buffer.concat([headers(1, OK), headers(3, OK)]))
    t.same([client.head(1), client.head(5)], ['200', '200'])
  }
  const far = memoryProxy().client()
  far.send(
    Buffer.concat([frame(1, 1, 1, GET), ...Array.from({ length: 129 }, () => frame(CONTINUATION, 0, 1))]),
  )
  t.same(new Reader(far).goaways, [11], 'of a client')
})

t.test('clients that send such heads again and again are reset-abusers', async (t) => {
  const proxy = memoryProxy({ http2: { resetsBurst: 10 } })
  const far = proxy.client()
  const client = new Reader(far)
  for (let id = 1; id < 30 && !far.ended; id += 2) far.send(LARGE['33 CONTINUATIONs'](id))
  t.same(client.goaways, [11])
  t.equal(proxy.http2.counts.headersTooLarge, 11)
})
