// rateLimit: what passes, what is held and what is refused, by key; its table; what a reload keeps.

import t from 'tap'
import { Bucket, Buckets } from '../../src/filters/rate-limit/buckets.js'
import { keyReader } from '../../src/filters/request-key.js'
import type { FilterUse } from '../../src/proxy/index.js'
import { frame, headers, REQUEST } from '../../tools/testbed/frames.js'
import { Kept, mistakesOf } from './made.js'
import { filtered, type Lines, Reader, valueIn } from './small-proxy.js'

const RST_STREAM = 3
const CANCEL = Buffer.from([0, 0, 0, 8])

type Proxy = ReturnType<typeof filtered>

/** Sends a request. Returns its status; '' if it has no answer yet. */
function ask(p: Proxy, id: number, fields: Lines = []): string {
  p.far.send(headers(id, [...REQUEST, ...fields]))
  return valueIn(p.client.blocks()[0], ':status') ?? ''
}

const cancel = (p: Proxy, id: number): void => p.far.send(frame(RST_STREAM, 0, id, CANCEL))
const countsOf = ({ filter }: FilterUse) => filter.describe?.() ?? {}
/** The requests that have come to the backend since it was last asked. */
const arrived = (reader: Reader): number => reader.blocks().length

t.test('2/1s: two pass at once, then one every 500 ms; others get 429 with the fields', async (t) => {
  const filter = new Kept().make('rateLimit: { limit: 2/1s }')
  const p = filtered([filter])
  t.equal(ask(p, 3), '', 'the second goes to the backend')
  p.far.send(headers(5, REQUEST))
  t.match(Object.fromEntries(p.client.blocks()[0]), {
    ':status': '429',
    'x-fermata': 'rate-limited',
    'retry-after': '1',
    'ratelimit-policy': '"rateLimit";q=2;w=1',
    ratelimit: '"rateLimit";r=0;t=1',
  })
  p.pollset.advance(499)
  t.equal(ask(p, 7), '429')
  p.pollset.advance(1)
  t.equal(ask(p, 9), '')
  t.equal(ask(p, 11), '429')
  t.match(countsOf(filter), { passed: 3, refused: 3, keys: 1 })
  t.equal(p.proxy.outcomes.get('rate-limited'), 3)
})

t.test('Retry-After is when a request of this cost passes; a burst is apart from the limit', async (t) => {
  const p = filtered([new Kept().make('rateLimit: { limit: 1/1s, burst: 3, cost: 3, fields: none }')])
  p.far.send(headers(3, REQUEST))
  const [refused] = p.client.blocks()
  t.equal(valueIn(refused, 'retry-after'), '3')
  t.equal(valueIn(refused, 'ratelimit'), undefined)
  p.pollset.advance(2_999)
  t.equal(ask(p, 5), '429')
  p.pollset.advance(1)
  t.equal(ask(p, 7), '')
})

t.test('delay: requests are held in turn until they conform; past it they are refused', async (t) => {
  const filter = new Kept().make('rateLimit: { limit: 10/1s, burst: 1, delay: 250ms }')
  const p = filtered([filter])
  const backend = new Reader(p.backends[0])
  t.equal(arrived(backend), 1)
  p.far.send(Buffer.concat([3, 5, 7].map((id) => headers(id, REQUEST))))
  t.equal(valueIn(p.client.blocks()[0], ':status'), '429', 'the third would wait for 300 ms')
  t.match(countsOf(filter), { holds: 2, held: 2, refused: 1 })
  p.pollset.advance(99)
  t.equal(arrived(backend), 0)
  p.pollset.advance(1)
  t.equal(arrived(backend), 1)
  p.pollset.advance(100)
  t.equal(arrived(backend), 1)
  t.match(countsOf(filter), { holds: 0 })
})

t.test('a client that leaves while it is held gives its place back, if nobody came after it', async (t) => {
  const filter = new Kept().make('rateLimit: { limit: 10/1s, burst: 1, delay: 200ms }')
  const p = filtered([filter])
  const backend = new Reader(p.backends[0])
  p.far.send(Buffer.concat([3, 5].map((id) => headers(id, REQUEST))))
  t.equal(ask(p, 7), '429')
  cancel(p, 3)
  t.equal(ask(p, 9), '429', 'the second still waits for 200 ms')
  cancel(p, 5)
  t.match(countsOf(filter), { holds: 0 })
  t.equal(ask(p, 11), '', 'the place of the second')
  p.pollset.advance(200)
  t.equal(arrived(backend), 2, 'the first, and the last')
})

t.test('pending: so many requests are held at most', async (t) => {
  const p = filtered([new Kept().make('rateLimit: { limit: 1/1s, delay: 1h, pending: 1, key: route }')])
  t.equal(ask(p, 3), '')
  t.equal(ask(p, 5), '429')
  cancel(p, 3)
  t.equal(ask(p, 7), '')
})

t.test('a held request is late by timeouts.request as any other', async (t) => {
  const filter = new Kept().make('rateLimit: { limit: 1/1m, delay: 1h }')
  const p = filtered([filter], REQUEST, {}, { proxy: { exchangeTimeoutMs: 10_000, headTimeoutMs: 5_000 } })
  p.far.send(headers(3, REQUEST))
  p.client.read()
  p.pollset.advance(10_000)
  t.match(countsOf(filter), { holds: 0 })
  t.equal(p.proxy.logged, 2)
})

t.test('by key: a field, a cookie, the host, several; a value that is missing is a key too', async (t) => {
  const field = filtered([new Kept().make('rateLimit: { limit: 1/1h, key: field.X-Key }')])
  t.equal(ask(field, 3), '429', 'without the field all are one')
  t.equal(ask(field, 5, [['x-key', 'a']]), '')
  t.equal(ask(field, 7, [['x-key', 'a']]), '429')
  t.equal(ask(field, 9, [['x-key', 'b']]), '')
  const both = filtered([new Kept().make('rateLimit: { limit: 1/1h, key: [route, cookie.sid] }')])
  t.equal(ask(both, 3, [['cookie', 'a=1; sid=x']]), '')
  t.equal(ask(both, 5, [['cookie', 'sid=x']]), '429')
  t.equal(ask(both, 7, [['cookie', 'sid=y']]), '')
})

t.test('a long value is told apart, and takes no more than a short one', async (t) => {
  const keyOf = keyReader({ kind: 'field', name: 'x-key' })
  const keys = new Set<string>()
  for (let at = 0; at < 1_000; at++) {
    const key = keyOf({ request: { fields: { get: () => `${'k'.repeat(60_000)}${at}` } } } as never)
    if (key.length > 200) t.fail(key)
    keys.add(key)
  }
  t.equal(keys.size, 1_000)
  for (const address of ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::1'])
    t.equal(keyReader()({ clientAddress: address } as never), '2001:db8:1:2', 'by its /64')
  t.equal(keyReader()({ clientAddress: '::ffff:192.0.2.1' } as never), '192.0.2.1')
})

t.test('fields: all has responses tell what is left; shadow counts and refuses nothing', async (t) => {
  const kept = new Kept()
  const p = filtered([kept.make('rateLimit: { limit: 5/1s, fields: all }')])
  p.backends[0].send(headers(1, [[':status', '200']]))
  t.match(Object.fromEntries(p.client.blocks()[0]), {
    ':status': '200',
    ratelimit: '"rateLimit";r=4;t=1',
    'ratelimit-policy': '"rateLimit";q=5;w=1',
  })
  const shadow = kept.make('rateLimit: { limit: 1/1h, shadow: true }')
  const q = filtered([shadow])
  t.equal(ask(q, 3), '')
  t.match(countsOf(shadow), { passed: 2, refused: 0 })
})

t.test(
  'K11: uses of one name share a count, and a limit that was changed applies to the old count',
  async (t) => {
    const kept = new Kept()
    const one = filtered([kept.make('rateLimit: { limit: 4/1h }')])
    const other = filtered([kept.make('rateLimit: { limit: 4/1h }')])
    t.equal(ask(one, 3), '')
    t.equal(ask(other, 3), '')
    t.equal(ask(other, 5), '429', 'four in both')
    const reloaded = kept.make('rateLimit: { limit: 6/1h }')
    const next = filtered([reloaded])
    t.equal(ask(next, 3), '', 'the sixth')
    t.equal(ask(next, 5), '429')
  },
)

t.test('the table is bounded: only what has passed goes, and then new keys share one count', async (t) => {
  const rate = { perMs: 1 / 1_000, burst: 1 }
  const buckets = new Buckets()
  const counts = (key: string, now: number): boolean => {
    const bucket = buckets.find(key, now, 3)
    if (bucket.waitMs(now, rate, 1) > 0) return false
    bucket.add(now, rate, 1)
    return true
  }
  for (const key of ['a', 'b', 'c']) t.ok(counts(key, 0))
  t.equal(buckets.size, 3)
  t.ok(counts('d', 500), 'the first that shares')
  t.notOk(counts('e', 500), 'the second pays for it')
  t.notOk(counts('a', 500), 'none was evicted')
  t.equal(buckets.counts.sharing, 2)
  t.ok(counts('f', 1_000), 'a, b and c have passed')
  t.equal(buckets.size, 1)
  // However many keys come, what is kept is what counts.
  for (let at = 0; at < 10_000; at++)
    buckets.find(`k${at}`, 2_000 + at * 1_000, 1_000).add(at * 1_000, rate, 1)
  t.ok(buckets.size < 20, `${buckets.size} entries`)
})

t.test('it is GCRA: as its form with a theoretical arrival time, over random arrivals', async (t) => {
  let seed = 7
  const random = (below: number): number => {
    seed = (Math.imul(seed, 1_103_515_245) + 12_345) >>> 0
    return Math.floor((seed / 2 ** 32) * below)
  }
  for (const [interval, burst] of [
    [10, 1],
    [7, 5],
    [1_000, 20],
  ]) {
    const bucket = new Bucket()
    const rate = { perMs: 1 / interval, burst }
    let arrival = 0
    let now = 0
    let passed = 0
    for (let round = 0; round < 5_000; round++) {
      now += random(interval * 2)
      const cost = 1 + random(Math.min(burst, 3))
      const next = Math.max(now, arrival) + cost * interval
      const waitMs = next - burst * interval - now
      const own = bucket.waitMs(now, rate, cost)
      if (Math.abs(own - Math.max(0, waitMs)) > 0.01) t.fail(`${own} is not ${waitMs}`)
      if (waitMs > 0) continue
      arrival = next
      passed++
      bucket.add(now, rate, cost)
    }
    t.ok(passed > 500)
  }
})

t.test('mistakes have their place and what is right', async (t) => {
  const mistakes: readonly (readonly [string, RegExp])[] = [
    ['rateLimit: {}', /rateLimit\.limit missing; write requests and a time, as 100\/1s/],
    ['rateLimit: { limit: 5 }', /limit.*5/],
    ['rateLimit: { limit: 5/1 }', /"5\/1" is not a limit; write a number of requests and a time, as 100\/1s/],
    ['rateLimit: { limit: 0/1s }', /0 requests are no limit/],
    ['rateLimit: { limit: 5/90d }', /90d is out of bounds/],
    ['rateLimit: { limit: 5/s, key: adress }', /"adress" is not a key; write address, route, host/],
    ['rateLimit: { limit: 5/s, key: "field.a b" }', /"a b" is not the name of a field/],
    ['rateLimit: { limit: 5/s, cost: 6 }', /cost a request costs 6 and the burst is 5, so none would pass/],
    ['rateLimit: { limit: 5/s, pending: 6 }', /no request is held without delay/],
    ['rateLimit: { limit: 5/s, burts: 6 }', /unknown key; did you mean burst\?/],
  ]
  for (const [text, message] of mistakes) t.match(mistakesOf(`filters: [{ ${text} }]`), message, text)
})
