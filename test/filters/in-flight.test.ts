// inFlight: places by key, the wait for one, and that each is given back exactly once.

import t from 'tap'
import { Places } from '../../src/filters/in-flight/places.js'
import type { FilterUse } from '../../src/proxy/index.js'
import { frame, headers, REQUEST } from '../../tools/testbed/frames.js'
import { Kept, mistakesOf } from './made.js'
import { filtered, type Lines, Reader, valueIn } from './small-proxy.js'

const RST_STREAM = 3
const CANCEL = Buffer.from([0, 0, 0, 8])
const answer = (id: number) => headers(id, [[':status', '200']])

type Proxy = ReturnType<typeof filtered>
const cancel = (p: Proxy, id: number): void => p.far.send(frame(RST_STREAM, 0, id, CANCEL))
const statuses = (p: Proxy): (string | undefined)[] =>
  p.client.blocks().map((each) => valueIn(each, ':status'))
const countsOf = ({ filter }: FilterUse) => filter.describe?.() ?? {}

t.test('a request above most is refused; a place is free when an exchange has ended', async (t) => {
  const filter = new Kept().make('inFlight: { most: 1 }')
  const p = filtered([filter])
  p.far.send(headers(3, REQUEST))
  t.same(statuses(p), ['429'])
  t.equal(p.proxy.outcomes.get('in-flight-full'), 1)
  p.backends[0].send(answer(1))
  t.match(countsOf(filter), { running: 0, keys: 0 })
  p.far.send(headers(5, REQUEST))
  t.match(countsOf(filter), { running: 1, granted: 2, refused: 1 })
})

t.test('pending: requests wait in order, and go on as places are free', async (t) => {
  const filter = new Kept().make('inFlight: { most: 1, pending: 2 }')
  const p = filtered([filter])
  const backend = new Reader(p.backends[0])
  p.far.send(Buffer.concat([3, 5, 7].map((id) => headers(id, [...REQUEST, ['x-n', String(id)]]))))
  t.same(statuses(p), ['429'], 'one too many')
  backend.read()
  p.backends[0].send(answer(1))
  const sent = backend.blocks()
  t.same(
    sent.map((each) => valueIn(each, 'x-n')),
    ['3'],
  )
  cancel(p, 3)
  t.same(
    backend.blocks().map((each) => valueIn(each, 'x-n')),
    ['5'],
  )
  p.backends[0].send(answer(5))
  t.match(countsOf(filter), { running: 0, waiting: 0, keys: 0, granted: 3, waited: 2 })
})

t.test('a request that waits may leave, and is late', async (t) => {
  const filter = new Kept().make('inFlight: { most: 1, pending: 5, wait: 1s }')
  const p = filtered([filter])
  p.far.send(Buffer.concat([3, 5].map((id) => headers(id, REQUEST))))
  cancel(p, 3)
  t.match(countsOf(filter), { running: 1, waiting: 1 })
  p.pollset.advance(1_000)
  t.same(statuses(p), ['503'])
  t.equal(p.proxy.outcomes.get('in-flight-late'), 1)
  t.match(countsOf(filter), { running: 1, waiting: 0, late: 1 })
  p.backends[0].send(answer(1))
  t.match(countsOf(filter), { running: 0, keys: 0 })
})

t.test('keys are apart; a refusal of a filter behind it gives the place back', async (t) => {
  const kept = new Kept()
  const filter = kept.make('inFlight: { most: 1, key: field.x-key }')
  const p = filtered([filter])
  const ask = (id: number, key: string): void =>
    p.far.send(headers(id, [...REQUEST, ['x-key', key]] as Lines))
  ask(3, 'a')
  ask(5, 'a')
  ask(7, 'b')
  t.same(statuses(p), ['429'])
  t.match(countsOf(filter), { running: 3, keys: 3 })
  const first = kept.make('inFlight: { most: 1 }')
  const refusing = filtered([first, kept.make('rateLimit: { limit: 1/1h }')])
  refusing.backends[0].send(answer(1))
  for (const id of [3, 5]) refusing.far.send(headers(id, REQUEST))
  t.same(statuses(refusing), ['200', '429', '429'])
  t.match(countsOf(first), { running: 0, keys: 0, granted: 3 })
})

t.test(
  'K11: after a reload places are counted on, and those that wait go by the limit they came with',
  async (t) => {
    const kept = new Kept()
    const before = kept.make('inFlight: { most: 1, pending: 3 }')
    const p = filtered([before])
    p.far.send(headers(3, REQUEST))
    const after = kept.make('inFlight: { most: 2, pending: 3 }')
    const q = filtered([after])
    t.match(countsOf(after), { running: 1, waiting: 2 }, 'behind the one that waits')
    p.backends[0].send(answer(1))
    q.pollset.run()
    t.match(countsOf(after), { running: 2, waiting: 0 })
  },
)

t.test('why names the key that is full', async (t) => {
  const places = new Places()
  places.enter('m1/s1', 'a', 1, 1)
  const waits = places.enter('m1/s3', 'a', 1, 1)
  t.equal(waits?.holders()[0].reason, '1 of its requests are in flight, of 1')
  if (waits !== null) {
    places.leave(waits)
    places.leave(waits)
  }
  t.equal(places.waiting, 0, 'left once')
})

t.test('mistakes have their place and what is right', async (t) => {
  t.match(mistakesOf('filters: [inFlight]'), /most.* missing; write a whole number/)
  t.match(
    mistakesOf('filters: [{ inFlight: { most: 5, wait: 1s } }]'),
    /wait no request waits without pending/,
  )
  t.match(mistakesOf('filters: [{ inFlight: { most: 0 } }]'), /most 0 is /)
})
