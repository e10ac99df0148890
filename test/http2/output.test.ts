// The output of a connection, and its order (spec/output.md). The test plays the peers, and reads every
// frame.

import t from 'tap'
import { limitsWith, type SomeLimits } from '../../src/server/index.js'
import { type Frame, frame, framesOf, headers, REQUEST, uint32 } from '../../tools/testbed/frames.js'
import { memoryProxy } from '../../tools/testbed/memory-proxy.js'
import { faced } from '../world/faced.js'

const OK = [[':status', '200']] as const
const DATA = 0
const HEADERS = 1
const RST_STREAM = 3
const PING = 6
const CONTINUATION = 9
const WIDE = Buffer.concat([0, 1, 3, 5].map((id) => frame(8, 0, id, uint32(10_000_000))))
const SIZE_MAX = 16_384

const data = (stream: number, bytes: number, flags = 0): Buffer =>
  frame(DATA, flags, stream, Buffer.alloc(bytes))
const bodies = (frames: readonly Frame[]): Frame[] => frames.filter((each) => each.type === DATA)

/** A client that has asked for so much, and whose backend has begun to answer all of it. */
function answered(streams: number, limits: SomeLimits = {}) {
  const proxy = memoryProxy(limitsWith({ http2: { connectionWindow: 10_000_000 } }, limits))
  const client = proxy.client()
  const [first] = [Buffer.concat(Array.from({ length: streams }, (_, i) => headers(2 * i + 1, REQUEST)))]
  client.send(first)
  const [backend] = proxy.backends
  proxy.greet(backend)
  client.send(WIDE.subarray(0, 13))
  for (let i = 0; i < streams; i++) backend.send(headers(2 * i + 1, OK, false))
  client.take()
  backend.take()
  return { ...proxy, client, backend }
}

t.test('O4: DATA is not queued for a connection that reads nothing: it stays with its stream', (t) => {
  const it = answered(1)
  it.client.reading = false
  // One write is in flight from here on.
  it.backend.send(data(1, 10))
  it.backend.send(Buffer.concat([data(1, 16_000), data(1, 16_000)]))
  t.match(it.frontends[0].describe(), { output: { inFlight: true, controlBytes: 0 } })
  t.ok(it.world.memory.bytes >= 32_000, 'in the hold of its stream')
  it.client.drain()
  it.client.reading = true
  it.client.drain()
  t.equal(
    bodies(framesOf(it.client.take())).reduce((all, each) => all + each.payload.length, 0),
    32_010,
  )
  t.end()
})

t.test('O5: streams take turns, within a flush and from one to the next', (t) => {
  const it = answered(3, { transport: { flushBytesMax: 65_536 } })
  it.client.reading = false
  it.backend.send(data(1, 10))
  for (const id of [1, 3]) for (let i = 0; i < 4; i++) it.backend.send(data(id, 16_000))
  it.backend.send(data(5, 100, 1))
  it.client.drain()
  it.client.reading = true
  it.client.drain()
  const order = bodies(framesOf(it.client.take()))
    .slice(1)
    .map((each) => each.stream)
  t.ok(order.indexOf(5) <= 2, `the short one is not last: ${order}`)
  const [one, two] = [order.slice(0, 5), order.slice(5)]
  for (const half of [one, two]) t.ok(half.includes(1) || half.includes(3), `${half}`)
  for (let at = 0; at + 1 < order.length && order.includes(1, at) && order.includes(3, at); at++)
    t.not(order[at], order[at + 1], `in turns: ${order}`)
  t.end()
})

t.test('O7: control frames go before DATA, and DATA does not take their room', (t) => {
  const it = answered(1)
  it.client.reading = false
  it.backend.send(data(1, 10))
  for (let i = 0; i < 4; i++) it.backend.send(data(1, 16_000))
  for (let i = 0; i < 20; i++) it.client.send(frame(PING, 0, 0, Buffer.alloc(8, i)))
  it.client.drain()
  it.client.take()
  it.client.drain()
  const types = framesOf(it.client.take()).map((each) => each.type)
  t.strictSame(
    types.slice(0, 20),
    Array.from({ length: 20 }, () => PING),
  )
  t.equal(types[20], DATA)
  t.end()
})

/** Field lines of about this many bytes. */
const large = (bytes: number): [string, string][] =>
  Array.from({ length: Math.ceil(bytes / 120) }, (_, i) => [
    `x-${String(i).padStart(3, '0')}`,
    `${i}`.repeat(115).slice(0, 115),
  ])

function longHead(fields: readonly (readonly [string, string])[], id: number): Buffer {
  const whole = headers(id, fields, false)
  const payload = whole.subarray(9)
  const parts: Buffer[] = []
  for (let at = 0; at < payload.length; at += SIZE_MAX) {
    const end = at + SIZE_MAX >= payload.length
    parts.push(frame(at === 0 ? HEADERS : CONTINUATION, end ? 4 : 0, id, payload.subarray(at, at + SIZE_MAX)))
  }
  return Buffer.concat(parts)
}

t.test('O14: nothing comes between HEADERS and its CONTINUATIONs', (t) => {
  const it = faced('client', { http2: { connectionWindow: 10_000_000 } }, 3)
  it.client.send(WIDE)
  it.backend.send(headers(1, OK, false))
  it.client.reading = false
  it.backend.send(data(1, 10))
  it.client.send(frame(PING, 0, 0, Buffer.alloc(8)))
  for (let i = 0; i < 3; i++) it.backend.send(data(1, 16_000))
  it.backend.send(longHead([...OK, ...large(24_000)], 3))
  it.backend.send(longHead([...OK, ...large(24_000)], 5))
  it.client.drain()
  it.client.reading = true
  it.client.drain()
  const frames = framesOf(it.client.take())
  const heads = frames.filter((each) => each.type === HEADERS && (each.flags & 4) === 0)
  t.equal(heads.length, 2, 'both heads take more than one frame')
  for (const head of heads) {
    let at = frames.indexOf(head)
    do {
      at++
      t.match(frames[at], { type: CONTINUATION, stream: head.stream })
    } while ((frames[at].flags & 4) === 0)
  }
  t.end()
})

t.test("O15: no frame is larger than the peer's SETTINGS_MAX_FRAME_SIZE, raised and lowered", (t) => {
  const it = faced('client', { http2: { connectionWindow: 10_000_000 } }, 2)
  it.client.send(WIDE)
  for (const id of [1, 3])
    it.backend.send(id === 1 ? headers(1, OK, false) : longHead([...OK, ...large(24_000)], 3))
  for (const size of [65_536, SIZE_MAX]) {
    it.client.send(frame(4, 0, 0, Buffer.concat([Buffer.from([0, 5]), uint32(size)])))
    it.client.reading = false
    it.backend.send(data(1, 10))
    for (let i = 0; i < 3; i++) it.backend.send(data(1, 16_384))
    it.client.drain()
    it.client.reading = true
    it.client.drain()
    const sizes = framesOf(it.client.take()).map((each) => each.payload.length)
    t.ok(Math.max(...sizes) <= SIZE_MAX, `${sizes}`)
  }
  t.end()
})

t.test('O16: frames of a stream leave in the order in which they arose', (t) => {
  const it = faced('client')
  it.client.reading = false
  it.backend.send(headers(1, [[':status', '103']], false))
  it.backend.send(headers(1, OK, false))
  it.backend.send(data(1, 1_000))
  it.backend.send(data(1, 1_000))
  it.backend.send(headers(1, [['x-sum', '1']]))
  it.client.drain()
  it.client.reading = true
  it.client.drain()
  t.strictSame(
    framesOf(it.client.take())
      .filter((each) => each.stream === 1 && each.type < 2)
      .map((each) => [each.type, each.flags & 1]),
    [
      [HEADERS, 0],
      [HEADERS, 0],
      [DATA, 0],
      [HEADERS, 1],
    ],
  )
  t.end()
})

t.test('O17: behind RST_STREAM nothing of its stream leaves, and the table of fields stays in step', (t) => {
  const it = answered(2)
  it.client.reading = false
  it.backend.send(data(3, 10))
  for (let i = 0; i < 3; i++) it.backend.send(data(1, 16_000))
  it.backend.send(frame(RST_STREAM, 0, 1, uint32(2)))
  it.client.drain()
  it.client.reading = true
  it.client.drain()
  const of1 = framesOf(it.client.take()).filter((each) => each.stream === 1)
  t.strictSame(
    of1.map((each) => each.type),
    [RST_STREAM],
    'what waited is dropped',
  )
  // Heads behind it are read with the same table.
  it.client.send(headers(5, REQUEST))
  it.backend.send(headers(5, OK))
  const [head] = framesOf(it.client.take()).filter((each) => each.stream === 5)
  t.match(head, { type: HEADERS })
  t.equal(head.payload[0], 0x88, ':status 200 of the static table')
  t.end()
})

t.test('O20: as a client, SETTINGS come first behind the preface', (t) => {
  const proxy = memoryProxy()
  proxy.client().send(headers(1, REQUEST))
  const octets = proxy.backends[0].take()
  t.equal(octets.subarray(0, 24).toString('latin1'), 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')
  t.match(framesOf(octets.subarray(24))[0], { type: 4, flags: 0, stream: 0 })
  t.end()
})
