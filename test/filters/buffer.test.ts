// buffer: whole requests and whole responses, within bounds, and counted as held.

import t from 'tap'
import { frame, headers, REQUEST } from '../../tools/testbed/frames.js'
import { Kept, mistakesOf } from './made.js'
import { filtered, type Lines, Reader, valueIn } from './small-proxy.js'

const RST_STREAM = 3
const POST: Lines = [[':method', 'POST'], ...REQUEST.slice(1)]
const data = (text: string, ended = false, id = 1) => frame(0, ended ? 1 : 0, id, Buffer.from(text))

function posted(options: string, more: Lines = []) {
  const kept = new Kept()
  const p = filtered([kept.make(`buffer: { ${options} }`)])
  for (const each of p.backends) each.take()
  p.backends[0].send(headers(1, [[':status', '204']]))
  p.client.read()
  p.far.send(headers(3, [...POST, ...more], false))
  return p
}

t.test('a request is sent when it is whole; no lease is held before', async (t) => {
  const p = posted('request: 1KiB')
  p.far.send(data('one ', false, 3))
  const backend = new Reader(p.backends[0])
  t.equal(p.backends[0].take().length, 0)
  t.ok(p.world.memory.charged > 0, 'it is held')
  p.far.send(data('two', true, 3))
  const read = backend.read()
  t.equal(read.body, 'one two')
  p.backends[0].send(headers(3, [[':status', '200']]))
  t.equal(valueIn(p.client.blocks()[0], ':status'), '200')
  t.equal(p.world.memory.charged, 0)
})

t.test('a request with more is refused: by its length before it is read, else as it comes', async (t) => {
  const announced = posted('request: 5B', [['content-length', '6']])
  t.equal(valueIn(announced.client.blocks()[0], ':status'), '413')
  const counted = posted('request: 5B')
  counted.far.send(data('123456', false, 3))
  t.equal(valueIn(counted.client.blocks()[0], ':status'), '413')
  t.equal(counted.world.memory.charged, 0)
})

t.test('a request that does not come, or whose client leaves', async (t) => {
  const late = posted('request: 1KiB, wait: 1s')
  late.far.send(data('one', false, 3))
  late.pollset.advance(1_000)
  t.equal(valueIn(late.client.blocks()[0], ':status'), '408')
  t.equal(late.proxy.outcomes.get('request-late'), 1)
  t.equal(late.world.memory.charged, 0)
  const left = posted('request: 1KiB')
  left.far.send(data('one', false, 3))
  left.far.send(frame(RST_STREAM, 0, 3, Buffer.from([0, 0, 0, 8])))
  t.equal(left.world.memory.charged, 0)
  t.equal(left.proxy.logged, 2)
})

t.test('a response is sent when it is whole; one that is too large or breaks off is a 502', async (t) => {
  const answered = (options: string) => {
    const p = filtered([new Kept().make(`buffer: { ${options} }`)])
    p.backends[0].send(Buffer.concat([headers(1, [[':status', '200']], false), data('one ')]))
    return p
  }
  const whole = answered('response: 1KiB')
  t.equal(whole.client.read().blocks.length, 0)
  whole.backends[0].send(data('two', true))
  const read = whole.client.read()
  t.equal(read.body, 'one two')
  t.equal(whole.world.memory.charged, 0)
  const large = answered('response: 5B')
  large.backends[0].send(data('two'))
  t.match(Object.fromEntries(large.client.blocks()[0]), {
    ':status': '502',
    'x-fermata': 'response-too-large',
  })
  const broken = answered('response: 1KiB')
  broken.backends[0].send(frame(RST_STREAM, 0, 1, Buffer.from([0, 0, 0, 2])))
  t.equal(valueIn(broken.client.blocks()[0], ':status'), '502')
  const late = answered('response: 1KiB, wait: 1s')
  late.pollset.advance(1_000)
  t.equal(valueIn(late.client.blocks()[0], ':status'), '504')
  for (const each of [large, broken, late]) t.equal(each.world.memory.charged, 0)
})

t.test('an event stream passes as it comes', async (t) => {
  const p = filtered([new Kept().make('buffer: { response: 1KiB }')])
  const stream: Lines = [
    [':status', '200'],
    ['content-type', 'text/event-stream; charset=utf-8'],
  ]
  p.backends[0].send(Buffer.concat([headers(1, stream, false), data('data: 1\n\n')]))
  t.equal(p.client.read().body, 'data: 1\n\n')
})

t.test('mistakes have their place and what is right', async (t) => {
  t.match(mistakesOf('filters: [{ buffer: {} }]'), /it holds nothing; write request or response/)
  t.match(
    mistakesOf('filters: [{ buffer: { request: 1MiB } }, { bodyLimit: { bytes: 1MiB } }]'),
    /bodyLimit stands inside buffer/,
  )
})
