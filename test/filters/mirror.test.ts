// mirror: copies of requests, with their bodies; the original never waits for one, nor fails by one.

import t from 'tap'
import { frame, headers, REQUEST } from '../../tools/testbed/frames.js'
import { memoryProxy } from '../../tools/testbed/memory-proxy.js'
import { Kept, mistakesOf } from './made.js'
import { filtered, type Lines, Reader, valueIn } from './small-proxy.js'

const RST_STREAM = 3
const HELLO = Buffer.concat([frame(4, 0, 0), frame(4, 1, 0)])
const POST: Lines = [[':method', 'POST'], ...REQUEST.slice(1)]
const OK = (id: number) => headers(id, [[':status', '200']])
const data = (text: string, ended = false, id = 1) => frame(0, ended ? 1 : 0, id, Buffer.from(text))

/** A proxy with a mirror to the backend of the route beside. */
function mirrored(options = '', request: Lines = REQUEST, kept = new Kept()) {
  const { world } = memoryProxy()
  const filter = kept.make(`mirror: { backend: copy${options} }`, { world })
  Object.assign(filter.filter, { backend: 'h2c://beside' })
  const p = filtered([filter], request, { beside: '/beside' })
  const counts = (): unknown => filter.filter.describe?.()
  return { ...p, filter, counts, kept }
}

t.test('a request without a body is copied at once, and its answer is dropped', async (t) => {
  const p = mirrored()
  t.equal(p.backends.length, 1)
  t.equal(p.beside.length, 1)
  p.beside[0].send(HELLO)
  const [copy] = new Reader(p.beside[0]).blocks()
  t.equal(valueIn(copy, ':path'), valueIn(REQUEST, ':path'))
  t.equal(valueIn(copy, ':method'), 'GET')
  p.backends[0].send(OK(1))
  t.equal(valueIn(p.client.blocks()[0], ':status'), '200', 'the copy has no answer yet')
  t.match(p.counts(), { running: 1 })
  // More than the windows: all of it is taken.
  p.beside[0].send(headers(1, [[':status', '503']], false))
  for (let left = 12; left > 0; left--) p.beside[0].send(data('x'.repeat(16_000)))
  const credit = new Reader(p.beside[0]).read().types
  t.ok(credit.includes(8), 'its credit comes back')
  p.beside[0].send(data('', true))
  t.match(p.counts(), { running: 0, answered: 1, failed: 0 })
  t.equal(p.world.memory.bytes, 0)
  t.equal(p.proxy.logged, p.proxy.begun)
})

t.test(
  'a body that has come is copied with it; one that comes later, when the original is answered',
  async (t) => {
    const p = mirrored()
    p.beside[0].send(HELLO)
    const beside = new Reader(p.beside[0])
    beside.read()
    p.far.send(Buffer.concat([headers(3, POST, false), data('at once', true, 3)]))
    t.equal(beside.read().body, 'at once')
    p.far.send(headers(5, [...POST, ['content-length', '5']], false))
    p.far.send(data('la', false, 5))
    p.far.send(data('ter', true, 5))
    t.equal(beside.read().blocks.length, 0)
    p.backends[0].send(OK(1))
    p.backends[0].send(OK(3))
    p.backends[0].send(OK(5))
    const read = beside.read()
    t.equal(read.body, 'later')
    t.equal(valueIn(read.blocks[0], 'content-length'), '5')
    for (const id of [1, 3, 5]) p.beside[0].send(OK(id))
    t.match(p.counts(), { answered: 3, running: 0, passedOver: 0 })
    t.equal(p.world.memory.bytes, 0)
  },
)

t.test('what is larger than body, or answered before it has come, is not copied', async (t) => {
  const p = mirrored(', body: 4B', POST)
  p.far.send(Buffer.concat([headers(3, POST, false), data('12345', true, 3)]))
  p.far.send(headers(5, POST, false))
  p.backends[0].send(HELLO)
  p.backends[0].send(Buffer.concat([3, 5].map((id) => OK(id))))
  t.match(p.counts(), { passedOver: 2 })
})

t.test('a body is not copied where filters hold their part of the memory', async (t) => {
  const { world } = memoryProxy()
  const filter = new Kept().make('mirror: { backend: copy }', { world })
  Object.assign(filter.filter, { backend: 'h2c://beside' })
  const p = filtered([filter], REQUEST, { beside: '/beside' }, { transport: { heldBytesSoft: 40 } })
  p.far.send(Buffer.concat([headers(3, POST, false), data('0123456789', true, 3)]))
  t.match(filter.filter.describe?.(), { running: 2 })
  p.far.send(Buffer.concat([headers(5, POST, false), data('0', true, 5)]))
  t.match(filter.filter.describe?.(), { running: 2, passedOver: 1 })
})

t.test('most: no more copies than that; percent: a share', async (t) => {
  const p = mirrored(', most: 1')
  for (const id of [3, 5]) p.far.send(headers(id, REQUEST))
  t.match(p.counts(), { running: 1, passedOver: 2 })
  const none = mirrored(', percent: 0%')
  t.equal(none.beside.length, 0)
})

t.test('the original goes on, whatever becomes of the copy', async (t) => {
  for (const fails of ['reset', 'closed', 'refused', 'late', 'unknown'] as const) {
    const kept = new Kept()
    const { world } = memoryProxy()
    const filter = kept.make('mirror: { backend: copy }', { world })
    Object.assign(filter.filter, { backend: fails === 'unknown' ? 'none' : 'h2c://beside' })
    const p = filtered([filter], POST.slice(0, 4), { beside: '/beside' }, { proxy: { headTimeoutMs: 1_000 } })
    if (fails === 'reset') {
      p.beside[0].send(HELLO)
      p.beside[0].send(frame(RST_STREAM, 0, 1, Buffer.from([0, 0, 0, 2])))
    } else if (fails === 'closed') p.beside[0].end()
    else if (fails === 'refused') {
      p.refuseBeside()
      p.beside[0].end()
    }
    p.backends[0].send(OK(1))
    t.equal(valueIn(p.client.blocks()[0], ':status'), '200', fails)
    p.pollset.advance(30_000)
    if (fails === 'unknown') t.match(p.failures, [/there is no backend 'none'/])
    else t.match(filter.filter.describe?.(), { failed: 1, running: 0 }, fails)
    t.equal(p.proxy.logged, p.proxy.begun, `${fails}: all have ended`)
    t.equal(p.world.memory.bytes, 0)
  }
})

t.test('a client that leaves does not end the copy; the end of the filter does', async (t) => {
  const p = mirrored()
  p.beside[0].send(HELLO)
  p.far.send(frame(RST_STREAM, 0, 1, Buffer.from([0, 0, 0, 8])))
  t.match(p.counts(), { running: 1 })
  for (const state of p.kept.states.values()) (state as { close?(): void }).close?.()
  p.pollset.run()
  t.match(p.counts(), { running: 0, failed: 1 })
  t.equal(p.proxy.logged, p.proxy.begun)
})

t.test('mistakes have their place and what is right', async (t) => {
  t.match(
    mistakesOf('filters: [{ mirror: { backend: cpoy } }]'),
    /mirror\.backend there is no backend "cpoy"; did you mean copy/,
  )
  t.match(mistakesOf('filters: [mirror]'), /backend.* missing/)
})
