// The cache in a whole proxy (spec/cache.md): what clients get, and what the backend is asked. One HTTP/2
// client and one HTTP/2 backend, in memory.

import t from 'tap'
import { cache } from '../../../src/filters/cache/cache.js'
import type { Fill } from '../../../src/filters/cache/fill.js'
import { fillLife } from '../../../src/filters/cache/fill-steps.js'
import type { CacheStore } from '../../../src/filters/cache/store.js'
import type { FilterContext } from '../../../src/filters/index.js'
import { frame, headers, REQUEST } from '../../../tools/testbed/frames.js'
import { declared, Seen } from '../../world/seen.js'
import { filtered, type Lines, Reader, use, valueIn } from '../small-proxy.js'

const [HEADERS, DATA, RST_STREAM] = [1, 0, 3] as const

/** Sees the edges that fills take in these tests. */
const seen = new Seen()

type Options = Parameters<(typeof cache)['create']>[0]

/** A proxy with a cache, and ways to ask and to answer. */
function cached(options: Options = {}) {
  const states = new Map<string, object>()
  let world: FilterContext['world'] | null = null
  const context = {
    name: 'pages',
    get world() {
      return world ?? { nextId: () => 'c1' }
    },
    state: (key: string, make: () => object) => {
      const found = states.get(key) ?? make()
      states.set(key, found)
      return found
    },
  } as unknown as FilterContext
  const filter = cache.create(options, context)
  const p = filtered(
    [use('pages', filter as never, 'pass')],
    [[':method', 'OPTIONS'], ...REQUEST.slice(1, 3), [':path', '/first']],
    { seen },
  )
  world = p.proxy.world
  const backend = p.backends[0]
  const asked = new Reader(backend)
  const store = [...states.values()][0] as CacheStore
  let next = 1
  let stream = -1
  const q = {
    ...p,
    store,
    backend,
    /** Sends a request; returns the number of its stream. */
    ask(path: string, more: Lines = [], method = 'GET', id = (next += 2)): number {
      const [, scheme, authority] = REQUEST
      p.far.send(headers(id, [[':method', method], scheme, authority, [':path', path], ...more]))
      return id
    },
    /** The requests that have come to the backend since. */
    requests: () => asked.blocks(),
    /** Answers the next request. */
    answer(fields: Lines, body = '', end = true): number {
      stream += 2
      const status: Lines = fields.some(([name]) => name === ':status') ? [] : [[':status', '200']]
      backend.send(headers(stream, [...status, ...fields], body === '' && end))
      if (body !== '') backend.send(frame(DATA, end ? 1 : 0, stream, Buffer.from(body)))
      return stream
    },
    got: () => p.client.read(),
    /** Asks, and answers what the backend is asked. Returns what the client gets. */
    fetch(path: string, fields: Lines, body = 'body', more: Lines = [], method = 'GET') {
      q.ask(path, more, method)
      const requests = q.requests()
      if (requests.length > 0) q.answer(fields, body)
      return { ...q.got(), requests }
    },
  }
  q.requests()
  q.answer([['cache-control', 'no-store']])
  q.got()
  return q
}

/** Short, so that the connection to the backend outlives it. */
const BRIEF: Lines = [['cache-control', 'max-age=5']]
const MINUTE: Lines = [['cache-control', 'max-age=60']]
const statusOf = (blocks: readonly Lines[], at = 0): string | undefined => valueIn(blocks[at], 'cache-status')

t.test('G1, G16: a fresh response answers the next request, with its age; HEAD too', async (t) => {
  const q = cached()
  const first = q.fetch('/', [...MINUTE, ['etag', '"e"']])
  t.equal(first.requests.length, 1)
  t.equal(first.body, 'body')
  t.equal(statusOf(first.blocks), 'fermata; fwd=uri-miss; fwd-status=200; stored')
  q.pollset.advance(10_000)
  const second = q.fetch('/', [])
  t.equal(second.requests.length, 0)
  t.equal(second.body, 'body')
  t.equal(valueIn(second.blocks[0], 'age'), '10')
  t.equal(valueIn(second.blocks[0], 'content-length'), '4')
  t.equal(statusOf(second.blocks), 'fermata; hit; ttl=50')
  const head = q.fetch('/', [], '', [], 'HEAD')
  t.equal(head.requests.length, 0)
  t.equal(head.body, '')
  t.equal(valueIn(head.blocks[0], 'content-length'), '4')
  q.fetch('/brief', BRIEF)
  q.pollset.advance(5_000)
  t.equal(q.fetch('/brief', BRIEF).requests.length, 1, 'it is stale')
})

t.test('G1, G16: each hit has what was stored, no type of ours, and the age of its second', async (t) => {
  const q = cached()
  q.fetch('/bare', MINUTE, 'bare')
  for (const seconds of [0, 0, 2, 0, 1]) {
    q.pollset.advance(seconds * 1_000)
    const { blocks, body, requests } = q.fetch('/bare', MINUTE, 'other')
    t.equal(requests.length, 0)
    t.equal(body, 'bare')
    t.equal(valueIn(blocks[0], 'content-type'), undefined)
    t.equal(valueIn(blocks[0], 'content-length'), '4')
    const ttl = Number(/^fermata; hit; ttl=(\d+)$/.exec(statusOf(blocks) ?? '')?.[1])
    t.equal(ttl, 60 - Number(valueIn(blocks[0], 'age')))
  }
  q.fetch('/none', MINUTE, '')
  const none = q.fetch('/none', MINUTE, 'other')
  t.equal(none.requests.length, 0)
  t.equal(none.body, '')
  t.equal(valueIn(none.blocks[0], 'content-length'), '0')
})

t.test('G1: requests get no response that they refuse', async (t) => {
  for (const [control, asks] of [
    ['no-cache', 1],
    ['max-age=5', 1],
    ['max-age=20', 0],
    ['min-fresh=55', 1],
    ['min-fresh=40', 0],
    ['no-store', 1],
    ['only-if-cached', 0],
  ] as const) {
    const q = cached()
    q.fetch('/', MINUTE)
    q.pollset.advance(10_000)
    t.equal(q.fetch('/', MINUTE, 'new', [['cache-control', control]]).requests.length, asks, control)
  }
  const q = cached()
  const none = q.fetch('/', [], '', [['cache-control', 'only-if-cached']])
  t.equal(none.requests.length, 0)
  t.equal(valueIn(none.blocks[0], ':status'), '504')
  q.fetch('/', BRIEF)
  q.pollset.advance(10_000)
  t.equal(q.fetch('/', [], '', [['cache-control', 'max-stale=20']]).requests.length, 0)
  t.equal(q.fetch('/', BRIEF, 'new', [['cache-control', 'max-stale=4']]).requests.length, 1)
  t.equal(q.fetch('/', BRIEF, 'new', [['pragma', 'no-cache']]).requests.length, 1)
})

t.test('G2: the key has the query and the fields that it is told of', async (t) => {
  const q = cached({ key: ['x-tenant'] })
  q.fetch('/a?x=1', MINUTE)
  t.equal(q.fetch('/a?x=2', MINUTE).requests.length, 1)
  t.equal(q.fetch('/a?x=1', MINUTE, 'b', [['x-tenant', 't']]).requests.length, 1)
  t.equal(q.fetch('/a?x=1', MINUTE).requests.length, 0)
  const ignoring = cached({ query: 'ignore' })
  ignoring.fetch('/a?x=1', MINUTE)
  t.equal(ignoring.fetch('/a?x=2', MINUTE).requests.length, 0)
})

t.test('G3: variants stand side by side', async (t) => {
  const q = cached()
  const vary: Lines = [...MINUTE, ['vary', 'Accept-Language']]
  q.fetch('/', vary, 'hallo', [['accept-language', 'de']])
  const english = q.fetch('/', vary, 'hello', [['accept-language', 'en']])
  t.match(statusOf(english.blocks), /fwd=vary-miss/)
  t.equal(q.fetch('/', [], '', [['accept-language', 'de']]).body, 'hallo')
  t.equal(q.fetch('/', [], '', [['accept-language', 'en']]).body, 'hello')
  t.equal(q.fetch('/', vary, 'x').requests.length, 1, 'without the field')
})

t.test('G4: what must not be stored is passed on as it came', async (t) => {
  const q = cached()
  for (const fields of [
    [['cache-control', 'no-store']],
    [['cache-control', 'private, max-age=60']],
    [...MINUTE, ['set-cookie', 'a=b']],
    [[':status', '400'], ...MINUTE],
  ] as Lines[]) {
    const path = `/${JSON.stringify(fields).replace(/[^a-z0-9]/g, '')}`
    const first = q.fetch(path, fields, 'own')
    t.equal(first.body, 'own')
    t.notMatch(statusOf(first.blocks), /stored/)
    t.equal(q.fetch(path, fields).requests.length, 1, path)
  }
  const small = cached({ object: 10 })
  t.equal(small.fetch('/', [...MINUTE, ['content-length', '11']], 'eleven chrs').body, 'eleven chrs')
  t.equal(small.fetch('/', [...MINUTE, ['content-length', '11']], 'eleven chrs').requests.length, 1)
})

t.test(
  'G5: what a request with an identity gets is stored if it says so, and it waits for nobody',
  async (t) => {
    for (const field of [
      ['authorization', 'Basic YQ=='],
      ['cookie', 'sid=1'],
    ] as const) {
      const q = cached()
      q.fetch('/', MINUTE, 'mine', [field])
      t.equal(q.fetch('/', MINUTE, 'all').requests.length, 1, 'nobody else gets it')
      q.fetch('/p', [['cache-control', 'public, max-age=60']], 'public', [field])
      t.equal(q.fetch('/p', [], '').body, 'public')
      q.ask('/w', [field])
      q.ask('/w', [field])
      t.equal(q.requests().length, 2, 'neither waits for the other')
    }
    const q = cached({ cookies: 'strip' })
    const stripped = q.fetch('/', MINUTE, 'same', [['cookie', 'sid=1']])
    t.equal(valueIn(stripped.requests[0], 'cookie'), undefined)
    t.equal(q.fetch('/', [], '', [['cookie', 'sid=2']]).body, 'same')
  },
)

t.test('G7: requests for the same thing wait for one fill, and stream from it as it grows', async (t) => {
  const q = cached()
  const streams = [q.ask('/'), q.ask('/'), q.ask('/')]
  t.equal(q.requests().length, 1)
  const stream = q.answer(MINUTE, 'first ', false)
  const begun = q.got()
  t.equal(begun.blocks.length, 3)
  t.equal(begun.body, 'first first first ')
  t.match(statusOf(begun.blocks, 1), /stored; collapsed/)
  q.far.send(frame(RST_STREAM, 0, streams[0], Buffer.from([0, 0, 0, 8])))
  const late = q.ask('/')
  t.equal(q.got().body, 'first ', 'one that comes later reads from the start')
  q.backend.send(frame(DATA, 1, stream, Buffer.from('last')))
  t.equal(q.got().body, 'lastlastlast')
  t.equal(q.store.counts.collapsed, 3)
  t.ok(late > 0)
  t.equal(q.store.fills.size, 0)
  t.equal(q.store.fillingBytes, 0)
})

t.test('G7: a fill ends with its last reader', async (t) => {
  const q = cached()
  const waiting = q.ask('/')
  t.equal(q.requests().length, 1)
  q.far.send(frame(RST_STREAM, 0, waiting, Buffer.from([0, 0, 0, 8])))
  t.equal(q.store.fills.size, 0, 'nobody waits for its head')
  t.ok(q.backends[0].take().length > 0, 'the backend is told')
  const reading = q.ask('/long')
  q.requests()
  q.answer([], '')
  const stream = q.answer([...MINUTE, ['content-length', '1000000']], 'some', false)
  t.ok(stream > 0)
  q.far.send(frame(RST_STREAM, 0, reading, Buffer.from([0, 0, 0, 8])))
  t.equal(q.store.fills.size, 0, 'most of it is missing')
})

t.test('G7: a request waits no longer than collapse for the fill of another', async (t) => {
  const q = cached({ collapse: 1_000 })
  q.ask('/')
  q.ask('/')
  t.equal(q.requests().length, 1)
  q.pollset.advance(1_000)
  t.equal(q.requests().length, 1, 'the second asks for itself')
  q.answer(MINUTE, 'a')
  q.answer(MINUTE, 'b')
  t.equal(q.got().body, 'ab')
})

t.test('G8: a fill sends no conditions, no range, no address, and no other host', async (t) => {
  const q = cached()
  const { requests } = q.fetch('/', MINUTE, 'body', [
    ['if-none-match', '"x"'],
    ['range', 'bytes=0-1'],
    ['accept-encoding', 'br'],
    ['x-forwarded-host', 'evil'],
    ['x-original-url', '/admin'],
    ['forwarded', 'for=192.0.2.1'],
    ['x-own', '1'],
  ])
  const names = requests[0].map(([name]) => name)
  for (const name of [
    'if-none-match',
    'range',
    'x-forwarded-host',
    'x-original-url',
    'forwarded',
    'x-forwarded-for',
  ])
    t.notOk(names.includes(name), name)
  t.equal(valueIn(requests[0], 'accept-encoding'), 'identity')
  t.equal(valueIn(requests[0], 'x-own'), '1')
})

t.test('G9: what must not be stored goes to one, and all others go on at once', async (t) => {
  const q = cached()
  q.ask('/')
  q.ask('/')
  q.ask('/')
  t.equal(q.requests().length, 1)
  q.answer([['cache-control', 'private']], 'one')
  t.equal(q.requests().length, 2, 'both others, in one turn')
  q.answer([['cache-control', 'private']], 'two')
  q.answer([['cache-control', 'private']], 'three')
  t.equal(q.got().body, 'onetwothree')
  q.ask('/')
  q.ask('/')
  t.equal(q.requests().length, 2, 'its key is remembered')
  q.answer(MINUTE, 'a')
  q.answer(MINUTE, 'b')
  q.ask('/')
  q.ask('/')
  t.equal(q.requests().length, 1, 'it could have been stored: they wait again')
})

t.test('G10: a body that grows past object goes to its readers, and is not stored', async (t) => {
  const q = cached({ object: 100 })
  q.ask('/')
  q.ask('/')
  const stream = q.answer(MINUTE, 'x'.repeat(90), false)
  for (let at = 0; at < 5; at++) q.backend.send(frame(DATA, at === 4 ? 1 : 0, stream, Buffer.alloc(90, 'y')))
  const { body } = q.got()
  t.equal(body.length, 2 * 540)
  t.equal(q.store.bytes, 0)
  t.equal(q.store.fillingBytes, 0)
})

t.test('G10: also where its last bytes come with those that are too many', async (t) => {
  const q = cached({ object: 10 })
  q.ask('/')
  q.answer(MINUTE, 'eleven chrs')
  t.equal(q.got().body, 'eleven chrs')
  t.equal(q.store.entries, 0)
  t.equal(q.fetch('/exact', MINUTE, 'ten chars.').body, 'ten chars.')
  t.equal(q.store.entries, 1)
})

t.test('G11: a stale response is validated, and a 304 changes its fields', async (t) => {
  const q = cached()
  q.fetch('/', [...BRIEF, ['etag', '"e"'], ['x-a', '1'], ['last-modified', 'Sun, 01 Nov 2026 12:00:00 GMT']])
  q.pollset.advance(6_000)
  q.ask('/')
  const [request] = q.requests()
  t.equal(valueIn(request, 'if-none-match'), '"e"')
  t.equal(valueIn(request, 'if-modified-since'), 'Sun, 01 Nov 2026 12:00:00 GMT')
  q.answer([[':status', '304'], ...MINUTE, ['x-a', '2'], ['etag', '"other"']])
  const got = q.got()
  t.equal(got.body, 'body')
  t.equal(valueIn(got.blocks[0], 'x-a'), '2')
  t.equal(valueIn(got.blocks[0], 'etag'), '"e"')
  t.equal(statusOf(got.blocks), 'fermata; fwd=stale; fwd-status=304; stored')
  t.equal(q.fetch('/', []).requests.length, 0, 'it is fresh again')
})

t.test('G12: stale while it is validated, or if that fails', async (t) => {
  const q = cached({ stale: { whileRevalidate: 2_000, ifError: 10_000 } })
  q.fetch('/', BRIEF, 'old')
  q.pollset.advance(6_000)
  q.ask('/')
  t.equal(q.got().body, 'old', 'at once')
  q.ask('/')
  t.equal(q.got().body, 'old')
  t.equal(q.requests().length, 1, 'it is validated once')
  q.answer(BRIEF, 'new')
  t.equal(q.fetch('/', []).body, 'new')
  q.pollset.advance(10_000)
  q.ask('/')
  t.equal(q.requests().length, 1)
  q.answer([[':status', '503']], 'down')
  t.equal(q.got().body, 'new', 'in the place of the error')
  q.pollset.advance(6_000)
  t.match(q.fetch('/', [[':status', '503']], 'down').blocks[0]?.[0], [':status', '503'])
  for (const control of ['must-revalidate', 'proxy-revalidate', 'no-cache', 's-maxage=5'] as const) {
    const strict = cached({ stale: { whileRevalidate: 10_000, ifError: 60_000 } })
    strict.fetch('/', [['cache-control', `max-age=5, ${control}`]], 'old')
    strict.pollset.advance(6_000)
    strict.ask('/')
    t.equal(strict.got().body, '', control)
  }
})

t.test(
  'G12: requests with an identity have a key validated once at a time, each sort by itself',
  async (t) => {
    const q = cached({ stale: { whileRevalidate: 60_000 } })
    q.fetch('/', [['cache-control', 'public, max-age=5']], 'old')
    q.pollset.advance(6_000)
    for (const id of ['1', '2', '3']) q.ask('/', [['cookie', `sid=${id}`]])
    t.equal(q.got().body, 'oldoldold')
    t.equal(q.requests().length, 1)
    q.ask('/')
    const [request] = q.requests()
    t.equal(valueIn(request, 'cookie'), undefined, 'that of a request without one is another')
  },
)

t.test('G13: conditions and ranges are answered from what is stored', async (t) => {
  const q = cached()
  q.fetch('/', [...MINUTE, ['etag', '"e"'], ['x-a', '1']], '0123456789')
  const unchanged = q.fetch('/', [], '', [['if-none-match', '"e"']])
  t.equal(valueIn(unchanged.blocks[0], ':status'), '304')
  t.equal(valueIn(unchanged.blocks[0], 'etag'), '"e"')
  t.equal(valueIn(unchanged.blocks[0], 'x-a'), undefined)
  const part = q.fetch('/', [], '', [['range', 'bytes=2-4']])
  t.equal(part.body, '234')
  t.equal(valueIn(part.blocks[0], 'content-range'), 'bytes 2-4/10')
  t.equal(valueIn(q.fetch('/', [], '', [['range', 'bytes=10-']]).blocks[0], 'content-range'), 'bytes */10')
})

t.test('G14: a success of an unsafe method makes what is stored of its URL invalid', async (t) => {
  for (const [status, more, path, asks] of [
    ['200', [], '/', 1],
    ['302', [['location', '/other']], '/other', 1],
    ['200', [['content-location', 'http://a/other']], '/other', 1],
    ['200', [['location', 'http://b/other']], '/other', 0],
    ['500', [], '/', 0],
  ] as const) {
    const q = cached()
    q.fetch('/', MINUTE)
    q.fetch('/other', MINUTE)
    q.fetch('/', [[':status', status], ...(more as Lines)], 'done', [], 'POST')
    t.equal(q.fetch(path, MINUTE).requests.length, asks, `${status} ${JSON.stringify(more)}`)
  }
})

t.test('G17: a reload that changes other options keeps what is stored', async (t) => {
  const states = new Map<string, object>()
  const context = {
    world: { nextId: () => 'c1' },
    state(key: string, make: () => object) {
      const found = states.get(key) ?? make()
      states.set(key, found)
      return found
    },
  } as unknown as FilterContext
  for (const options of [{}, { memory: 1_000_000, collapse: 1 }, { stale: { ifError: 1 } }])
    cache.create(options, context)
  t.equal(states.size, 1)
  for (const options of [{ key: ['x'] }, { query: 'ignore' as const }, { shared: true }])
    cache.create(options, context)
  t.equal(states.size, 4)
})

t.test('a backend that fails is told to all who wait, and asked once', async (t) => {
  const q = cached()
  q.ask('/')
  q.ask('/')
  t.equal(q.requests().length, 1)
  q.pollset.advance(60_000)
  const { blocks } = q.got()
  t.equal(blocks.length, 2)
  for (const each of blocks) t.match(valueIn(each, 'x-fermata'), /./, 'the refusal of its fill')
  t.equal(valueIn(blocks[0], ':status'), valueIn(blocks[1], ':status'))
  t.equal(q.store.fills.size, 0)
})

t.test('a response that breaks behind its head breaks for its readers, and is not stored', async (t) => {
  const q = cached()
  q.ask('/')
  q.requests()
  const stream = q.answer(MINUTE, 'half', false)
  q.backend.send(frame(RST_STREAM, 0, stream, Buffer.from([0, 0, 0, 2])))
  const frames = q.got()
  t.ok(frames.types.includes(RST_STREAM) && frames.types.includes(HEADERS))
  t.equal(q.fetch('/', MINUTE).requests.length, 1)
})

t.test('fills that end in every way, and every wait of theirs', async (t) => {
  const running = (q: ReturnType<typeof cached>): Fill => [...q.store.fills.values()][0]
  const ended = cached()
  ended.ask('/')
  running(ended).request.stream.owner?.cancel()
  ended.pollset.advance(1)
  t.equal(ended.store.fills.size, 0, 'its exchange was ended: before the head')
  const gone = cached()
  gone.ask('/')
  gone.requests()
  gone.answer(MINUTE, 'some', false)
  gone.store.close()
  gone.pollset.advance(1)
  t.equal(gone.store.fills.size, 0, 'its cache has gone: while it stores')
  t.equal(gone.store.fillingBytes, 0)
  for (const way of ['cancelled', 'broken']) {
    const q = cached({ object: 10 })
    q.ask('/')
    q.requests()
    const fill = running(q)
    const stream = q.answer(MINUTE, 'more than ten', false)
    t.equal(q.store.fills.size, 0, 'nobody finds it any longer')
    if (way === 'cancelled') {
      fill.cancel()
      q.pollset.advance(1)
    } else q.backend.send(frame(RST_STREAM, 0, stream, Buffer.from([0, 0, 0, 2])))
    t.ok(q.got().types.includes(RST_STREAM), way)
    t.equal(q.store.fillingBytes, 0)
  }
  t.strictSame(seen.taken(fillLife.edges), declared(fillLife.edges))
  t.strictSame(seen.waitsEnded(fillLife.edges), seen.mayEnd(fillLife.edges))
})
