// A request crosses in one turn in and one turn out, with one write each (design: Turn).

import t from 'tap'
import { frame, framesOf, headers, REQUEST } from '../../tools/testbed/frames.js'
import { memoryProxy } from '../../tools/testbed/memory-proxy.js'

t.test('P13: one turn in, one turn out', (t) => {
  const { pollset, client, greet, backends, lines } = memoryProxy()
  const far = client()
  // Warm: the backend connection is made.
  far.send(headers(1, REQUEST))
  greet(backends[0])
  backends[0].send(headers(1, [[':status', '200']]))
  far.take()
  backends[0].take()

  lines.length = 0
  const before = pollset.turns
  const writes = pollset.writes
  far.put(headers(3, REQUEST))
  pollset.one()
  t.same(
    framesOf(backends[0].take()).map((each) => [each.type, each.stream]),
    [[1, 3]],
  )
  t.equal(pollset.turns, before + 1)
  t.equal(pollset.writes, writes + 1)

  backends[0].put(
    Buffer.concat([headers(3, [[':status', '200']], false), frame(0, 1, 3, Buffer.from('hello'))]),
  )
  pollset.one()
  const answer = framesOf(far.take())
  t.same(
    answer.map((each) => [each.type, each.flags & 1, each.stream]),
    [
      [1, 0, 3],
      [0, 1, 3],
    ],
  )
  t.equal(pollset.turns, before + 2)
  t.equal(pollset.writes, writes + 2)
  t.ok(
    lines.some((line) => / m1\/s3 log done - -$/.test(line)),
    'it has ended in that turn',
  )
  t.end()
})

t.test('a slab in flight is not written into', (t) => {
  const { client, greet, backends } = memoryProxy()
  const far = client()
  far.send(headers(1, REQUEST))
  greet(backends[0])
  far.reading = false
  backends[0].send(
    Buffer.concat([headers(1, [[':status', '200']], false), frame(0, 0, 1, Buffer.from('first '))]),
  )
  backends[0].send(frame(0, 1, 1, Buffer.from('second')))
  const other = client()
  other.send(headers(1, REQUEST))
  backends[0].send(headers(3, [[':status', '200']]))
  far.drain()
  far.drain()
  const data = framesOf(far.take()).filter((each) => each.type === 0)
  t.equal(Buffer.concat(data.map((each) => each.payload)).toString(), 'first second')
  t.end()
})
