// fault: delays and refuses a share of the requests.

import t from 'tap'
import { frame, headers, REQUEST } from '../../tools/testbed/frames.js'
import { memoryProxy } from '../../tools/testbed/memory-proxy.js'
import { Kept, mistakesOf } from './made.js'
import { filtered, Reader, valueIn } from './small-proxy.js'

const RST_STREAM = 3

t.test('a delay holds a request, then it goes on or is refused', async (t) => {
  const kept = new Kept()
  const { world } = memoryProxy()
  const delayed = filtered([kept.make('fault: { delay: { time: 2s } }', { world })])
  t.equal(delayed.backends.length, 0)
  delayed.pollset.advance(1_999)
  t.equal(delayed.backends.length, 0)
  delayed.pollset.advance(1)
  t.equal(delayed.backends.length, 1)
  const aborted = filtered([kept.make('fault: { delay: { time: 2s }, abort: { status: 418 } }', { world })])
  aborted.pollset.advance(2_000)
  t.equal(valueIn(aborted.client.blocks()[0], ':status'), '418')
  t.equal(aborted.proxy.outcomes.get('fault-injected'), 1)
})

t.test('a backend that a reload ends serves the requests that filters hold for it', async (t) => {
  const { world } = memoryProxy()
  const p = filtered([new Kept().make('fault: { delay: { time: 2s } }', { world })])
  p.backend.retire()
  p.pollset.advance(2_000)
  p.backends[0].send(Buffer.concat([frame(4, 0, 0), frame(4, 1, 0)]))
  p.backends[0].send(headers(1, [[':status', '200']]))
  t.equal(valueIn(p.client.blocks()[0], ':status'), '200')
  t.same(p.backend.endpoints, [], 'then it has none')
  const left = filtered([new Kept().make('fault: { delay: { time: 2s } }', { world })])
  left.backend.retire()
  left.far.send(frame(RST_STREAM, 0, 1, Buffer.from([0, 0, 0, 8])))
  t.same(left.backend.endpoints, [])
})

t.test('a client may leave during the delay', async (t) => {
  const { world } = memoryProxy()
  const p = filtered([new Kept().make('fault: { delay: { time: 2s } }', { world })])
  p.far.send(frame(RST_STREAM, 0, 1, Buffer.from([0, 0, 0, 8])))
  t.equal(p.proxy.logged, 1)
  p.pollset.advance(2_000)
  t.equal(p.backends.length, 0)
})

t.test('a share of the requests is drawn', async (t) => {
  let seed = 1
  const random = (bytes: Uint8Array): void => {
    for (let at = 0; at < bytes.length; at++) {
      seed = (Math.imul(seed, 1_103_515_245) + 12_345) >>> 0
      bytes[at] = seed >>> 24
    }
  }
  const world = { pollset: { random } } as never
  const filter = new Kept().make('fault: { abort: { percent: 25% } }', { world })
  const p = filtered([filter], REQUEST, {}, { http2: { concurrentStreamsMax: 1_000 } })
  for (let id = 3; id < 801; id += 2) p.far.send(headers(id, REQUEST))
  const { aborted = 0, passed = 0 } = (filter.filter.describe?.() ?? {}) as Record<string, number>
  t.equal(aborted + passed, 400)
  t.ok(aborted > 60 && aborted < 140, `${aborted} of 400`)
  t.ok(new Reader(p.backends[0]).blocks().length > 0)
})

t.test('mistakes have their place and what is right', async (t) => {
  t.notMatch(
    mistakesOf('filters: [{ fault: { delay: { time: 5 } } }]'),
    /it does nothing/,
    'one line for one mistake',
  )
  t.match(mistakesOf('filters: [{ fault: {} }]'), /it does nothing; write delay or abort/)
  t.match(mistakesOf('filters: [{ fault: { abort: { status: 200 } } }]'), /abort\.status 200 is /)
  t.match(
    mistakesOf('filters: [{ fault: { delay: { percent: 5% } } }]'),
    /delay\.time.* missing; write a duration/,
  )
})
