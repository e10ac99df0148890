// A request crosses in one turn in and one turn out, with one write each (design: Turn).

import t from 'tap'
import { frame, framesOf, headers, PREFACE, REQUEST } from '../../tools/testbed/frames.js'
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

t.test('E4: the requests of one turn share a session, so that they leave in one write', (t) => {
  const { pollset, client, backends } = memoryProxy({ engine: { sessionsMax: 4 } })
  const far = client()
  const tenStreams = Buffer.concat([frame(4, 0, 0, Buffer.from([0, 3, 0, 0, 0, 10])), frame(4, 1, 0)])
  const streamsOf = (bytes: Buffer) =>
    framesOf(bytes)
      .filter((each) => each.type === 1)
      .map((each) => each.stream)
  const answers = (streams: readonly number[]) =>
    Buffer.concat(streams.map((stream) => headers(stream, [[':status', '200']])))
  let stream = 1
  const ask = (requests: number) => {
    const all = Array.from({ length: requests }, (_, at) => headers(stream + 2 * at, REQUEST))
    stream += 2 * requests
    return Buffer.concat(all)
  }
  // Forty at once need four sessions.
  far.send(ask(40))
  for (let at = 0; at < 4; at++) backends[at].send(tenStreams)
  for (let at = 0; at < 4; at++)
    backends[at].send(answers(streamsOf(backends[at].take().subarray(PREFACE.length))))
  far.take()

  const before = pollset.writes
  let requests = 0
  for (let turn = 0; turn < 5; turn++) {
    far.send(ask(8))
    for (let at = 0; at < 4; at++) {
      const streams = streamsOf(backends[at].take())
      requests += streams.length
      if (streams.length > 0) backends[at].send(answers(streams))
    }
  }
  t.equal(requests, 40)
  t.equal(framesOf(far.take()).filter((each) => each.type === 1).length, 40)
  t.equal(pollset.writes - before, 10, 'two writes for eight requests')
  t.end()
})
