// Bounds on what a peer may do for long: each one, what it costs a peer that passes it, and that a connection
// beside it notices nothing.

import t from 'tap'
import { ErrorCode } from '../../src/http2/codes.js'
import { block, type Frame, frame, framesOf, headers, REQUEST, uint32 } from '../../tools/testbed/frames.js'
import { memoryProxy } from '../../tools/testbed/memory-proxy.js'

const calmed = (frames: readonly Frame[]) =>
  frames.some((each) => each.type === 7 && each.payload.readUInt32BE(4) === ErrorCode.ENHANCE_YOUR_CALM)

const many = (count: number, make: (i: number) => Buffer) =>
  Buffer.concat(Array.from({ length: count }, (_, i) => make(i)))

const FLOODS: Readonly<Record<string, (i: number) => Buffer>> = {
  PING: () => frame(6, 0, 0, Buffer.alloc(8)),
  SETTINGS: () => frame(4, 0, 0),
  PRIORITY: () => frame(2, 0, 3, Buffer.alloc(5)),
  'an unknown type': () => frame(77, 0, 0),
  'rapid reset': (i) => Buffer.concat([headers(2 * i + 3, REQUEST), frame(3, 0, 2 * i + 3, uint32(8))]),
  'streams made to err': (i) =>
    Buffer.concat([headers(2 * i + 3, REQUEST), frame(8, 0, 2 * i + 3, uint32(0))]),
}

for (const [name, make] of Object.entries(FLOODS)) {
  t.test(`a flood: ${name}`, (t) => {
    const proxy = memoryProxy()
    const good = proxy.client()
    good.send(headers(1, REQUEST))
    proxy.greet(proxy.backends[0])
    const bad = proxy.client()
    bad.send(many(400, make))
    t.notOk(calmed(framesOf(bad.take())), 'some are no harm')
    bad.send(many(1_000, (i) => make(i + 400)))
    t.ok(calmed(framesOf(bad.take())))
    t.equal(proxy.http2.counts.calmed, 1)
    proxy.backends[0].send(headers(1, [[':status', '200']]))
    t.equal(framesOf(good.take()).filter((each) => each.type === 1).length, 1, 'its neighbour is answered')
    t.end()
  })
}

t.test('SETTINGS that change the window of many streams weigh as the work they make', (t) => {
  const flaps = (id: number, count: number) =>
    many(count, (i) =>
      frame(4, 0, 0, Buffer.concat([Buffer.from([0, id]), uint32(i % 2 === 0 ? 0 : 65_535)])),
    )
  const requests = many(80, (i) => headers(2 * i + 1, REQUEST))
  for (const [streams, id, count, expected] of [
    [Buffer.alloc(0), 4, 900, false],
    [requests, 1, 900, false],
    [requests, 4, 80, false],
    [requests, 4, 100, true],
  ] as const) {
    const bad = memoryProxy().client()
    bad.send(Buffer.concat([streams, flaps(id, count)]))
    t.equal(
      calmed(framesOf(bad.take())),
      expected,
      `${streams.length > 0 ? 80 : 0} streams, ${count} times ${id}`,
    )
  }
  t.end()
})

t.test('I10: empty DATA is paid for until the frame budget is empty', (t) => {
  const proxy = memoryProxy()
  const bad = proxy.client()
  bad.send(headers(1, REQUEST, false))
  bad.send(many(1_500, () => frame(0, 0, 1)))
  t.ok(calmed(framesOf(bad.take())))
  t.end()
})

t.test('CONTINUATION, by count and by octets', (t) => {
  for (const [count, size] of [
    [140, 1],
    [20, 16_000],
  ]) {
    const proxy = memoryProxy()
    const bad = proxy.client()
    bad.send(frame(1, 0, 1, block(REQUEST)))
    bad.send(many(count, () => frame(9, 0, 1, Buffer.alloc(size, 0x82))))
    t.ok(calmed(framesOf(bad.take())))
  }
  t.end()
})

t.test('a header list too large is answered with 431, and the connection goes on', (t) => {
  const proxy = memoryProxy()
  const far = proxy.client()
  const fields = Array.from({ length: 300 }, (_, i): [string, string] => [`x-${i}`, 'v'.repeat(100)])
  const all = block([...REQUEST, ...fields])
  far.send(frame(1, 1, 1, all.subarray(0, 16_000)))
  far.send(
    Buffer.concat([frame(9, 0, 1, all.subarray(16_000, 32_000)), frame(9, 4, 1, all.subarray(32_000))]),
  )
  const answers = framesOf(far.take())
  t.same(
    answers.map((each) => [each.type, each.flags & 1]),
    [[1, 1]],
  )
  t.equal(proxy.http2.counts.headersTooLarge, 1)
  t.equal(proxy.proxy.begun, 0)
  far.send(headers(3, REQUEST))
  t.equal(proxy.proxy.begun, 1)
  t.end()
})

t.test('streams past the limit are refused, the others go on', (t) => {
  const proxy = memoryProxy({ http2: { concurrentStreamsMax: 10 } })
  const far = proxy.client()
  far.send(many(12, (i) => headers(2 * i + 1, REQUEST)))
  const refused = framesOf(far.take()).filter((each) => each.type === 3)
  t.same(
    refused.map((each) => [each.stream, each.payload.readUInt32BE(0)]),
    [
      [21, ErrorCode.REFUSED_STREAM],
      [23, ErrorCode.REFUSED_STREAM],
    ],
  )
  t.equal(proxy.proxy.begun, 10)
  t.end()
})

t.test('O8: a peer that makes us answer and does not read', (t) => {
  const proxy = memoryProxy({ http2: { idleFramesBurst: 100_000 } })
  const bad = proxy.client()
  bad.reading = false
  bad.send(many(2_000, FLOODS.PING))
  t.equal(proxy.http2.counts.calmed, 1)
  // At the latest lingerTotalMs behind what may be on its way (spec/attacks.md, unread-answers).
  proxy.pollset.advance(31_000)
  t.ok(bad.closed, 'and does not hold the connection open')
  t.end()
})

t.test('interim responses past their rate', (t) => {
  const proxy = memoryProxy()
  const far = proxy.client()
  far.send(headers(1, REQUEST))
  proxy.greet(proxy.backends[0])
  far.take()
  proxy.backends[0].send(many(400, () => headers(1, [[':status', '103']], false)))
  t.equal(framesOf(proxy.backends[0].take()).length, 0, 'nobody is blamed')
  t.equal(framesOf(far.take()).length, proxy.http2.limits.interimsBurst, 'what exceeds is dropped')
  proxy.backends[0].send(headers(1, [[':status', '200']]))
  t.same(
    framesOf(far.take()).map((each) => [each.type, each.flags & 1]),
    [[1, 1]],
    'the response is not',
  )
  t.end()
})

t.test('connections that say nothing are closed, dead backends are found', (t) => {
  const proxy = memoryProxy({ http2: { frontendIdleMs: 20_000 } })
  const far = proxy.client()
  far.send(headers(1, REQUEST))
  proxy.greet(proxy.backends[0])
  proxy.pollset.advance(16_000)
  t.ok(
    framesOf(proxy.backends[0].take()).some((each) => each.type === 6),
    'PING',
  )
  // The client answers its own, the backend does not.
  far.send(frame(6, 1, 0, Buffer.alloc(8)))
  proxy.pollset.advance(8_000)
  t.ok(proxy.backends[0].ended)
  t.equal(proxy.backends.length, 2, 'the GET is sent again elsewhere')
  proxy.greet(proxy.backends[1])
  proxy.backends[1].send(headers(1, [[':status', '200']]))
  far.take()
  proxy.pollset.advance(30_000)
  t.ok(framesOf(far.take()).some((each) => each.type === 7))
  t.ok(far.ended)
  t.end()
})
