// A response whose content-length has come in full is whole, though the backend's HTTP/2 stream ends without
// END_STREAM: by RST_STREAM(NO_ERROR), as node:http2 ends one that it is asked to close, or with its
// connection.

import t from 'tap'
import { frame, framesOf, headers, REQUEST, uint32 } from '../../tools/testbed/frames.js'
import { read } from '../../tools/testbed/http1-wire.js'
import type { FarEnd } from '../../tools/testbed/memory-pollset.js'
import { memoryProxy } from '../../tools/testbed/memory-proxy.js'
import { get, setUp } from '../world/proxy-world.js'

type Fields = readonly (readonly [string, string])[]
const FIVE: Fields = [
  [':status', '200'],
  ['content-length', '5'],
]
const HELLO = Buffer.from('hello')
const NO_ERROR = 0
const CANCEL = 8
const reset = (code: number): Buffer => frame(3, 0, 1, uint32(code))

/** Returns what a client gets of these frames of a backend: `whole`, `cut`, or `status NNN` of an answer of ours. */
function got(
  version: 'http/1.1' | 'h2c',
  answer: Buffer,
  then?: (far: FarEnd) => void,
  method = 'GET',
): string {
  const proxy = memoryProxy({}, { clients: version })
  const client = proxy.client()
  const h2 = version === 'h2c'
  const request = [[':method', method], ...REQUEST.slice(1)] as Fields
  client.send(h2 ? headers(1, request) : Buffer.from(`${method} / HTTP/1.1\r\nHost: a\r\n\r\n`))
  const [backend] = proxy.backends
  proxy.greet(backend)
  client.take()
  backend.send(answer)
  then?.(backend)
  proxy.pollset.advance(1)
  const bytes = client.take()
  if (!h2) {
    const { sink, verdict } = read(bytes, { to: method })
    const head = sink.events.find((each) => each.kind === 'head')
    if (head?.kind === 'head' && head.head.status >= 500) return `status ${head.head.status}`
    return verdict === 'ok' ? 'whole' : 'cut'
  }
  const frames = framesOf(bytes).filter((each) => each.stream === 1)
  if (bytes.includes('x-fermata')) return 'status 502'
  return frames.some((each) => each.type <= 1 && (each.flags & 1) !== 0) ? 'whole' : 'cut'
}

for (const version of ['http/1.1', 'h2c'] as const) {
  t.test(`to a client of ${version}: a full length is the end`, async (t) => {
    const head = headers(1, FIVE, false)
    const full = Buffer.concat([head, frame(0, 0, 1, HELLO)])
    t.equal(got(version, Buffer.concat([full, reset(NO_ERROR)])), 'whole', 'in one read')
    t.equal(
      got(version, full, (far) => far.send(reset(NO_ERROR))),
      'whole',
      'in two',
    )
    t.equal(
      got(version, full, (far) => far.end()),
      'whole',
      'and the connection ends',
    )
    const empty: Fields = [
      [':status', '200'],
      ['content-length', '0'],
    ]
    t.equal(got(version, Buffer.concat([headers(1, empty, false), reset(NO_ERROR)])), 'whole', 'of nothing')
    t.equal(
      got(version, Buffer.concat([head, reset(NO_ERROR)]), undefined, 'HEAD'),
      'whole',
      'HEAD has no content',
    )
    const none: Fields = [[':status', '204']]
    t.equal(got(version, Buffer.concat([headers(1, none, false), reset(NO_ERROR)])), 'whole', '204 has none')
  })

  t.test(`to a client of ${version}: and nothing else is`, async (t) => {
    // A client of HTTP/1.1 has counted the octets before it could hear of the failure.
    const counted = version === 'h2c' ? 'cut' : 'whole'
    const full = Buffer.concat([headers(1, FIVE, false), frame(0, 0, 1, HELLO)])
    t.equal(
      got(version, full, (far) => far.send(reset(CANCEL))),
      counted,
      'another code is a failure',
    )
    const short = Buffer.concat([headers(1, FIVE, false), frame(0, 0, 1, HELLO.subarray(1))])
    t.equal(
      got(version, short, (far) => far.send(reset(NO_ERROR))),
      'cut',
      'less than its length',
    )
    const unknown = Buffer.concat([headers(1, [[':status', '200']], false), frame(0, 0, 1, HELLO)])
    t.equal(
      got(version, unknown, (far) => far.send(reset(NO_ERROR))),
      'cut',
      'of unknown length',
    )
    const trailed = Buffer.concat([headers(1, [...FIVE, ['trailer', 'x-sum']], false), frame(0, 0, 1, HELLO)])
    t.equal(
      got(version, trailed, (far) => far.send(reset(NO_ERROR))),
      'cut',
      'trailers were announced',
    )
    t.equal(
      got(version, full, (far) => far.send(frame(0, 0, 1, HELLO))),
      counted,
      'more than its length',
    )
  })
}

t.test('node:http2 closes a stream whose content-length it has written', async (t) => {
  const world = await setUp((stream) => {
    stream.respond({ 'content-length': 5 })
    stream.write('hello', () => stream.close(NO_ERROR))
  })
  t.teardown(() => world.close())
  const client = world.client()
  for (let i = 0; i < 20; i++) {
    const answer = await get(client, '/')
    t.strictSame([answer.status, String(answer.body), answer.code, answer.ended], [200, 'hello', 0, true])
  }
})
