// A connection's share of a turn (spec/pollset.md, P12): a connection that has sent more waits for the next one, and nothing is lost.

import t from 'tap'
import type { SomeLimits } from '../../src/server/index.js'
import { data, quiet } from '../../tools/attack/attack.js'
import { framesOf, headers, REQUEST } from '../../tools/testbed/frames.js'
import type { FarEnd } from '../../tools/testbed/memory-pollset.js'
import { memoryProxy } from '../../tools/testbed/memory-proxy.js'

const SIZE = 3_000

/** Octets of DATA that came. */
const bodyOf = (far: FarEnd) =>
  framesOf(far.take())
    .filter((each) => each.type === 0)
    .reduce((sum, each) => sum + each.payload.length, 0)

function uploading(limits: SomeLimits) {
  const proxy = memoryProxy(limits)
  const bad = proxy.client()
  bad.send(headers(1, REQUEST, false))
  proxy.greet(proxy.backends[0])
  proxy.backends[0].take()
  return { ...proxy, bad }
}

t.test('by octets, by frames', async (t) => {
  for (const [limits, share] of [
    [{ http2: { turnBytesMax: 2 * SIZE } }, 2],
    [{ http2: { turnFramesMax: 3 } }, 3],
    [{}, 12],
  ] as const) {
    const { bad, backends, pollset } = uploading(limits)
    for (let i = 0; i < 12; i++) bad.put(data(1, SIZE))
    for (let left = 12; left > 0; left -= share) {
      pollset.one()
      t.equal(bodyOf(backends[0]), share * SIZE, `${share} a turn`)
    }
    pollset.one()
    t.equal(bodyOf(backends[0]), 0)
  }
})

t.test('a neighbour waits for none of it', async (t) => {
  const { bad, backends, pollset, client } = uploading({ http2: { turnFramesMax: 1 } })
  const good = client()
  for (let i = 0; i < 10; i++) bad.put(data(1, SIZE))
  good.put(quiet(1))
  pollset.one()
  t.strictSame(
    framesOf(backends[0].take()).map((each) => [each.type, each.stream]),
    [
      [0, 1],
      [1, 3],
    ],
  )
})

t.test('an end that comes behind what is not read yet is seen after it', async (t) => {
  const { bad, lines } = uploading({ http2: { turnFramesMax: 1 } })
  lines.length = 0
  for (let i = 0; i < 5; i++) bad.put(data(1, SIZE))
  bad.end()
  const steps = lines.filter((line) => / m1 /.test(line)).map((line) => line.split(' ').slice(2, 5).join(' '))
  t.strictSame(steps, [
    ...Array(4).fill('readFrames suspend readFrames'),
    'readFrames goto close',
    'close goto linger',
    'linger suspend linger',
    'linger goto end',
    'end done -',
  ])
})
