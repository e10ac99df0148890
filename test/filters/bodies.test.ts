// Bodies through filters: transforms, whole bodies, and what a changed body obliges.

import t from 'tap'
import { Signal } from '../../src/pollset/index.js'
import {
  type Filter,
  PASS,
  type RequestPhase,
  type ResponsePhase,
  type Verdict,
  WAIT,
} from '../../src/proxy/index.js'
import type { SomeLimits } from '../../src/server/index.js'
import { frame, headers, REQUEST, uint32 } from '../../tools/testbed/frames.js'
import { filtered, Reader, use, valueIn } from './small-proxy.js'
import { Doubling, Mapping, Waiting } from './transforms.js'

const DATA = 0
const RST_STREAM = 3
const WINDOW_UPDATE = 8
const POST: [string, string][] = [[':method', 'POST'], ...(REQUEST.slice(1) as [string, string][])]
const upper = (octet: number): number => (octet >= 0x61 && octet <= 0x7a ? octet - 32 : octet)

const transforms = (make: () => Mapping | Doubling | Waiting): Filter<unknown> => ({
  request(x) {
    x.transformBody(make)
    return PASS
  },
  response(x) {
    x.transformBody(make)
    return PASS
  },
})

const response = (fields: [string, string][] = [], end = false): Buffer =>
  headers(3, [[':status', '200'], ...fields], end)

/** A proxy to which a POST is sent behind the first request; the backend's stream is 3. */
function posted(
  filter: Filter<unknown>,
  fields: [string, string][] = [],
  outer: Filter<unknown>[] = [],
  limits: SomeLimits = {},
) {
  const uses = [...outer.map((each, at) => use(`outer${at}`, each)), use('filter', filter)]
  const p = filtered(uses, [[':method', 'GET'], ...REQUEST.slice(1)], {}, limits)
  const [backend] = p.backends
  const reader = new Reader(backend)
  backend.send(headers(1, [[':status', '204']]))
  p.client.read()
  reader.read()
  p.far.send(headers(3, [...POST, ...fields], false))
  return { ...p, backend, reader }
}

t.test('X3, K14: an identity transform alters no byte, however a body is split', async (t) => {
  const body = 'the quick brown fox'
  for (let at = 0; at <= body.length; at++) {
    for (const bytesAtOnce of [1, 7, 100]) {
      const made: Mapping[] = []
      const identity = transforms(() => {
        const mapping = new Mapping(undefined, bytesAtOnce)
        made.push(mapping)
        return mapping
      })
      const p = posted(identity)
      p.far.send(frame(DATA, 0, 3, Buffer.from(body.slice(0, at))))
      p.far.send(frame(DATA, 1, 3, Buffer.from(body.slice(at))))
      t.equal(p.reader.read().body, body)
      p.backend.send(response())
      p.backend.send(frame(DATA, 0, 3, Buffer.from(body.slice(0, at))))
      p.backend.send(frame(DATA, 1, 3, Buffer.from(body.slice(at))))
      t.equal(p.client.read().body, body)
      t.equal(p.proxy.logged, 2)
      t.ok(
        made.every((each) => each.ends === 1),
        'each ends once',
      )
      t.equal(p.world.memory.charged, 0)
      t.equal(p.world.memory.bytes, 0)
    }
  }
})

t.test('K14: two transforms, the outer one of the response last', async (t) => {
  const marks = (mark: number): Filter<unknown> =>
    transforms(() => new Mapping((octet) => (octet === 0x61 ? mark : octet)))
  const p = posted(
    marks(0x62),
    [],
    [transforms(() => new Mapping((octet) => (octet === 0x62 ? 0x63 : octet)))],
  )
  p.far.send(frame(DATA, 1, 3, Buffer.from('a')))
  t.equal(p.reader.read().body, 'b', 'down the list: the outer one came first')
  p.backend.send(Buffer.concat([response(), frame(DATA, 1, 3, Buffer.from('a'))]))
  t.equal(p.client.read().body, 'c', 'up the list: the outer one came last')
})

t.test('K14: a body much larger than windows passes; the sender gets all its credit back', async (t) => {
  const p = posted(transforms(() => new Mapping(upper)))
  p.backend.send(response())
  p.client.read()
  const piece = Buffer.alloc(16_000, 'a')
  let sent = 0
  let got = 0
  let window = 65_535
  while (sent < 400_000) {
    if (window < piece.length) {
      t.fail('the window stays shut')
      return
    }
    p.backend.send(frame(DATA, 0, 3, piece))
    sent += piece.length
    window -= piece.length
    const { body } = p.client.read()
    t.notMatch(body, /a/)
    got += body.length
    p.far.send(
      Buffer.concat([
        frame(WINDOW_UPDATE, 0, 3, uint32(Math.max(1, body.length))),
        frame(WINDOW_UPDATE, 0, 0, uint32(Math.max(1, body.length))),
      ]),
    )
    const bytes = p.backend.take()
    for (let at = 0; at + 9 <= bytes.length; at += 9 + bytes.readUIntBE(at, 3))
      if (bytes[at + 3] === WINDOW_UPDATE && bytes.readUInt32BE(at + 5) === 3)
        window += bytes.readUInt32BE(at + 9)
  }
  p.backend.send(frame(DATA, 1, 3))
  got += p.client.read().body.length
  t.equal(got, sent)
})

t.test(
  'K15: a client that does not read stops the transform and its sender; held bytes stay bounded',
  async (t) => {
    const p = posted(transforms(() => new Mapping()))
    p.backend.send(response())
    for (let i = 0; i < 4; i++) p.backend.send(frame(DATA, 0, 3, Buffer.alloc(16_000)))
    p.client.read()
    const before = p.world.memory.bytes
    p.backend.send(frame(DATA, 0, 3, Buffer.alloc(1_535)))
    t.ok(p.world.memory.bytes <= before + 20_000)
    p.far.destroy()
    t.equal(p.world.memory.bytes, 0)
    t.equal(p.world.memory.charged, 0)
  },
)

t.test('X4, K15: a transform that holds more than it has declared: 413, or a cut', async (t) => {
  const p = posted(transforms(() => new Doubling(100)))
  p.far.send(frame(DATA, 0, 3, Buffer.alloc(101)))
  t.match(Object.fromEntries(p.client.blocks()[0]), { ':status': '413', 'x-fermata': 'body-too-large' })

  const q = posted({ response: (x) => (x.transformBody(() => new Doubling(100)) ? PASS : PASS) })
  q.far.send(frame(DATA, 1, 3))
  q.backend.send(Buffer.concat([response(), frame(DATA, 0, 3, Buffer.alloc(101))]))
  t.ok(q.client.read().types.includes(RST_STREAM))
  t.equal(q.proxy.outcomes.get('response-too-large'), 1)

  const r = posted(transforms(() => new Doubling(100)))
  r.far.send(frame(DATA, 1, 3, Buffer.from('ab')))
  t.equal(r.reader.read().body, 'abab')
})

t.test('K17: a body that is collected after its stream has stalled: 503, and no step after it', async (t) => {
  const gate = new Signal('gate', 'opens', ['OPEN'])
  const waits: Filter<unknown> = {
    request: (x) =>
      x.request.method === 'POST' && gate.readiness === 0 ? x.waitFor(gate, 1, { within: 10_000 }) : PASS,
  }
  let calls = 0
  const collects: Filter<unknown> = {
    request(x) {
      calls++
      return x.wholeBody(100_000, { within: 10_000 }) === null ? WAIT : PASS
    },
  }
  const limits = { transport: { heldBytesSoft: 1_000, heldBytesMax: 1_000 } }
  const p = posted(collects, [], [waits], limits)
  const before = calls
  p.far.send(frame(DATA, 0, 3, Buffer.alloc(2_000)))
  gate.raise(1)
  p.pollset.run()
  t.match(Object.fromEntries(p.client.blocks()[0]), { ':status': '503', 'x-fermata': 'stall' })
  t.equal(calls, before + 1)
})

t.test('K15: no transform begins past the bound of all held bytes: 503, or a cut', async (t) => {
  const ends: Mapping[] = []
  const made = () => {
    ends.push(new Mapping())
    return ends[ends.length - 1]
  }
  // Two transforms would have 16 KiB each.
  const limits = { transport: { heldBytesSoft: 20_000, heldBytesMax: 30_000 } }
  const twice = (x: RequestPhase | ResponsePhase): Verdict => {
    for (let each = 0; each < 2; each++) x.transformBody(made)
    return PASS
  }
  const p = posted({ request: twice }, [], [], limits)
  p.far.send(frame(DATA, 1, 3, Buffer.alloc(10)))
  t.match(Object.fromEntries(p.client.blocks()[0]), { ':status': '503', 'x-fermata': 'stall' })

  const q = posted({ response: twice }, [], [], limits)
  q.far.send(frame(DATA, 1, 3))
  q.backend.send(Buffer.concat([response(), frame(DATA, 0, 3, Buffer.alloc(10))]))
  t.ok(q.client.read().types.includes(RST_STREAM))
  t.equal(q.proxy.outcomes.get('stall'), 1)
  for (const each of [p, q]) t.equal(each.world.memory.bytes, 0)
  t.ok(ends.length >= 4)
  t.ok(ends.every((each) => each.ends === 1))
})

t.test('K15: a transform that throws costs its own exchange', async (t) => {
  const throws = transforms(
    () =>
      new Mapping(() => {
        throw new Error('boom')
      }),
  )
  const p = posted(throws)
  p.far.send(frame(DATA, 0, 3, Buffer.from('a')))
  t.match(Object.fromEntries(p.client.blocks()[0]), { ':status': '500', 'x-fermata': 'filter-failed' })
  t.same(p.failures, ['filter: boom'])
  const q = posted({ response: throws.response as never })
  q.far.send(frame(DATA, 1, 3))
  q.backend.send(Buffer.concat([response(), frame(DATA, 0, 3, Buffer.from('a'))]))
  t.ok(q.client.read().types.includes(RST_STREAM))
  t.equal(q.proxy.outcomes.get('filter-failed'), 1)
  t.equal(q.world.scheduler.crashes, 0)
})

t.test('K14: a transform that waits for a task goes on when it is woken', async (t) => {
  const made: Waiting[] = []
  const p = posted({
    response(x) {
      x.transformBody(() => {
        const waiting = new Waiting()
        made.push(waiting)
        return waiting
      })
      return PASS
    },
  })
  p.far.send(frame(DATA, 1, 3))
  p.backend.send(Buffer.concat([response(), frame(DATA, 1, 3, Buffer.alloc(2_500, 'x'))]))
  for (const size of [1_000, 1_000, 500]) {
    t.equal(p.client.read().body, '')
    made[0].goOn()
    p.pollset.run()
    t.equal(p.client.read().body.length, size)
  }
  t.equal(p.proxy.logged, 2)
})

t.test('K16: a changed body obliges: length, digests, ranges, ETag; HEAD alike', async (t) => {
  const fields: [string, string][] = [
    ['content-length', '3'],
    ['content-md5', 'x'],
    ['digest', 'x'],
    ['repr-digest', 'x'],
    ['content-digest', 'x'],
    ['accept-ranges', 'bytes'],
    ['etag', '"a"'],
    ['content-type', 'text/plain'],
  ]
  for (const method of ['GET', 'HEAD']) {
    const p = filtered(
      [use('filter', { response: (x) => (x.transformBody(() => new Mapping(upper)) ? PASS : PASS) })],
      [[':method', method], ...REQUEST.slice(1)],
    )
    p.backends[0].send(headers(1, [[':status', '200'], ...fields], method === 'HEAD'))
    if (method === 'GET') p.backends[0].send(frame(DATA, 1, 1, Buffer.from('abc')))
    const { blocks, body } = p.client.read()
    t.same(
      blocks[0].filter(([name]) => name !== 'date' && name !== 'via'),
      [
        [':status', '200'],
        ['etag', 'W/"a"'],
        ['content-type', 'text/plain'],
      ],
      method,
    )
    t.equal(body, method === 'GET' ? 'ABC' : '')
  }
})

t.test('K16: what must stay as it is: 204, 206, 304, no-transform', async (t) => {
  for (const [status, more] of [
    ['204', []],
    ['206', []],
    ['304', []],
    ['200', [['cache-control', 'private, no-transform']]],
  ] as [string, [string, string][]][]) {
    let transformed: boolean | null = null
    const p = filtered([
      use('filter', {
        response(x) {
          transformed = x.transformBody(() => new Mapping(upper))
          return PASS
        },
      }),
    ])
    p.backends[0].send(
      headers(1, [[':status', status], ['etag', '"a"'], ...more], status !== '206' && status !== '200'),
    )
    if (status === '206' || status === '200') p.backends[0].send(frame(DATA, 1, 1, Buffer.from('abc')))
    const { blocks, body } = p.client.read()
    t.equal(transformed, false, status)
    t.equal(valueIn(blocks[0], 'etag'), '"a"')
    t.equal(body, status === '206' || status === '200' ? 'abc' : '')
  }
})

/** Collects the whole body in this phase, and puts another in its place. */
const collects = (
  phase: 'request' | 'response',
  change: ((body: Buffer) => string) | null,
  told: string[],
): Filter<unknown> => {
  const run = (x: RequestPhase | ResponsePhase): Verdict => {
    const body = x.wholeBody(100, { within: 1_000 })
    if (body === null) return WAIT
    if (body.length > 0) told.push(body.toString())
    if (change !== null) x.setBody(change(body))
    return PASS
  }
  return { [phase]: run }
}

t.test('K17: the whole body of a request: collected, changed, and sent again in a retry', async (t) => {
  const told: string[] = []
  const p = posted(
    collects('request', (body) => `<${body}>`, told),
    [
      ['content-length', '6'],
      ['expect', '100-continue'],
    ],
  )
  t.equal(valueIn(p.client.blocks()[0], ':status'), '100', 'the client is told to send it')
  p.far.send(frame(DATA, 0, 3, Buffer.from('abc')))
  t.same(p.reader.blocks(), [], 'the backend waits')
  p.far.send(frame(DATA, 1, 3, Buffer.from('def')))
  t.same(told, ['abcdef'])
  const first = p.reader.read()
  t.equal(first.body, '<abcdef>')
  t.equal(valueIn(first.blocks[0], 'content-length'), '8')
  t.equal(valueIn(first.blocks[0], 'expect'), undefined)
  p.backend.send(frame(RST_STREAM, 0, 3, uint32(7)))
  t.equal(p.reader.read().body, '<abcdef>', 'again')
  t.equal(told.length, 1)
})

t.test('K17: too large, late, and cancelled', async (t) => {
  const announced = posted(collects('request', null, []), [['content-length', '101']])
  t.equal(valueIn(announced.client.blocks()[0], ':status'), '413')
  const counted = posted(collects('request', null, []))
  counted.far.send(frame(DATA, 0, 3, Buffer.alloc(60)))
  counted.far.send(frame(DATA, 0, 3, Buffer.alloc(41)))
  t.equal(valueIn(counted.client.blocks()[0], ':status'), '413')
  const late = posted(collects('request', null, []))
  late.far.send(frame(DATA, 0, 3, Buffer.alloc(60)))
  late.pollset.advance(1_000)
  t.match(Object.fromEntries(late.client.blocks()[0]), { ':status': '504', 'x-fermata': 'filter-late' })
  const gone = posted(collects('request', null, []))
  gone.far.send(frame(DATA, 0, 3, Buffer.alloc(60)))
  gone.far.destroy()
  for (const p of [announced, counted, late, gone]) {
    t.equal(p.proxy.logged, 2)
    t.equal(p.world.memory.charged, 0)
  }
})

t.test('K17: the whole body of a response; 502 if it is too large', async (t) => {
  const told: string[] = []
  const p = posted(collects('response', (body) => body.toString().toUpperCase(), told))
  p.far.send(frame(DATA, 1, 3))
  p.backend.send(Buffer.concat([response([['etag', '"a"']]), frame(DATA, 0, 3, Buffer.from('ab'))]))
  t.same(p.client.blocks(), [], 'its head waits')
  p.backend.send(frame(DATA, 1, 3, Buffer.from('c')))
  const { blocks, body } = p.client.read()
  t.match(Object.fromEntries(blocks[0]), { ':status': '200', 'content-length': '3', etag: 'W/"a"' })
  t.equal(body, 'ABC')
  const q = posted(collects('response', null, told))
  q.far.send(frame(DATA, 1, 3))
  q.backend.send(Buffer.concat([response(), frame(DATA, 0, 3, Buffer.alloc(101))]))
  t.match(Object.fromEntries(q.client.blocks()[0]), { ':status': '502', 'x-fermata': 'response-too-large' })
  const r = posted(collects('response', null, told))
  r.far.send(frame(DATA, 1, 3))
  r.backend.send(Buffer.concat([response(), frame(DATA, 0, 3, Buffer.from('ab'))]))
  r.backend.send(frame(RST_STREAM, 0, 3, uint32(2)))
  t.equal(valueIn(r.client.blocks()[0], ':status'), '502', 'its backend gives up')
})

t.test('an answer of a filter is transformed and replaced by those outside of it', async (t) => {
  const answers: Filter<unknown> = { request: (x) => x.answer({ status: 404, body: 'none' }) }
  const p = filtered([
    use(
      'up',
      transforms(() => new Mapping(upper)),
    ),
    use('a', answers),
  ])
  const read = p.client.read()
  t.equal(read.body, 'NONE')
  t.equal(valueIn(read.blocks[0], 'content-length'), undefined)
  const page: Filter<unknown> = {
    response(x) {
      if (x.status >= 400) x.setBody('<h1>sorry</h1>')
      return PASS
    },
  }
  const q = filtered([use('page', page), use('a', answers)])
  const replaced = q.client.read()
  t.equal(replaced.body, '<h1>sorry</h1>')
  t.equal(valueIn(replaced.blocks[0], 'content-length'), '14')
})
