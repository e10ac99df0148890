// Attempts that count (spec/exchange.md, R8, R12, R13): a GOAWAY that says "not begun", a connection that we
// end for a frame of one stream, one that dies without a known cause, a refusal beside others.

import t from 'tap'
import type { SomeLimits } from '../../src/server/index.js'
import { limitsWith } from '../../src/server/index.js'
import { type Frame, frame, framesOf, headers, REQUEST, uint32 } from '../../tools/testbed/frames.js'
import type { FarEnd } from '../../tools/testbed/memory-pollset.js'
import { memoryProxy } from '../../tools/testbed/memory-proxy.js'

const OK = [[':status', '200']] as const
const SETTINGS = Buffer.concat([frame(4, 0, 0), frame(4, 1, 0)])
const goaway = (last: number): Buffer => frame(7, 0, 0, Buffer.concat([uint32(last), uint32(0)]))
const refuse = (id: number): Buffer => frame(3, 0, id, uint32(7))
const with_ = (method: string) =>
  REQUEST.map(([name, value]) => [name, name === ':method' ? method : value] as const)

const framesAt = (far: FarEnd): Frame[] => {
  const octets = far.take()
  return framesOf(octets.subarray(0, 3).toString() === 'PRI' ? octets.subarray(24) : octets)
}
/** Streams that were asked for since. */
const asked = (far: FarEnd): number[] =>
  framesAt(far)
    .filter((each) => each.type === 1)
    .map((each) => each.stream)

/** Statuses by stream; the proxy's own answers have theirs in Huffman or by index: the static table's, and our few. */
function statuses(far: FarEnd, seen: Map<number, string> = new Map()): Map<number, string> {
  for (const each of framesAt(far)) {
    if (each.type === 3) seen.set(each.stream, `reset ${each.payload.readUInt32BE(0)}`)
    if (each.type !== 1 || seen.has(each.stream)) continue
    seen.set(each.stream, each.payload.includes('stays') || each.payload[0] === 0x88 ? '200' : 'error')
  }
  return seen
}

/** `count` requests of one client, and a backend that is a function of what it is asked. */
function world(count: number, limits: SomeLimits = {}, method = 'GET') {
  const proxy = memoryProxy(limitsWith({ engine: { reopenDelayMs: 100 } }, limits))
  const far = proxy.client()
  for (let i = 0; i < count; i++) far.send(headers(2 * i + 1, with_(method)))
  const got = new Map<number, string>()
  const sent: number[] = []
  /** Until nothing moves: what each connection is asked, answered by `answer`. */
  const run = (answer: (far: FarEnd, ids: number[], at: number) => void, turns = 10_000) => {
    const met = new Set<FarEnd>()
    for (let turn = 0; turn < turns && got.size < count; turn++) {
      let quiet = true
      proxy.backends.forEach((each, at) => {
        if (each.ended && !each.closed) each.end()
        if (each.closed || each.ended) return
        if (!met.has(each)) {
          met.add(each)
          each.send(SETTINGS)
          quiet = false
        }
        const ids = asked(each)
        if (ids.length === 0) return
        quiet = false
        sent.push(...ids)
        answer(each, ids, at)
      })
      statuses(far, got)
      if (quiet) proxy.pollset.advance(50)
    }
    return { got: [...got.values()], sends: sent.length, connections: proxy.backends.length }
  }
  return { ...proxy, far, run }
}

const all = (got: string[], what: string): number => got.filter((each) => each === what).length

t.test(
  'R12: a backend of one request a connection: each request is answered, in three sends at most on average',
  async (t) => {
    for (const keep of [1, 3, 10]) {
      const { run } = world(100)
      const { got, sends } = run((far, ids) => {
        const served = ids.slice(0, keep)
        if (ids.length >= keep) far.send(goaway(served.at(-1) as number))
        far.send(Buffer.concat(served.map((id) => headers(id, OK))))
      })
      t.equal(all(got, '200'), 100, `keepalive_requests ${keep}`)
      t.ok(sends <= 300, `${sends} sends of 100 requests`)
    }
  },
)

t.test('R1, R12: so is a request that is not idempotent', async (t) => {
  const { got } = world(20, {}, 'POST').run((far, ids) => {
    far.send(Buffer.concat([goaway(ids[0]), headers(ids[0], OK)]))
  })
  t.equal(all(got, '200'), 20)
})

t.test('R12: a backend that begins none is asked attemptsMax times, and not at once', async (t) => {
  const it = world(10)
  const began = it.pollset.now
  const { got, sends } = it.run((far) => far.send(goaway(0)))
  t.equal(all(got, 'error'), 10)
  t.ok(sends <= 30, `${sends} sends of 10 requests`)
  t.ok(it.pollset.now - began >= 200, 'reopenDelayMs before each further connection')
  t.match(it.lines.join('\n'), /refuse/)
})

t.test('R12: within the one deadline', async (t) => {
  const it = world(2, { proxy: { retryTimeoutMs: 500, leaseTimeoutMs: 5_000 } })
  // The second request is never begun, and each connection serves another request: without the bound it would
  // go on for ever.
  let id = 5
  const { got } = it.run((far, ids) => {
    it.far.send(headers(id, REQUEST))
    id += 2
    it.pollset.advance(60)
    if (ids.length === 1) far.send(Buffer.concat([headers(ids[0], OK)]))
    else far.send(Buffer.concat([goaway(ids[0]), headers(ids[0], OK)]))
  }, 60)
  t.ok(got.length >= 2)
  t.ok(it.backends.length <= 20, `${it.backends.length} connections`)
})

t.test(
  'R13: for a frame of one stream we end the connection: it is not repeated, its neighbours are',
  async (t) => {
    const bad: Readonly<Record<string, (id: number) => Buffer>> = {
      'a head that does not decode': (id) => frame(1, 5, id, Buffer.from([0x80])),
      'a frame too large': (id) => frame(0, 0, id, Buffer.alloc(16_385)),
      'padding longer than its frame': (id) => frame(0, 8, id, Buffer.from([9, 0])),
      'a field block without its end': (id) =>
        Buffer.concat([frame(1, 0, id), frame(6, 0, 0, Buffer.alloc(8))]),
      'HEADERS too short': (id) => frame(1, 0x24, id, Buffer.alloc(2)),
    }
    for (const [what, octets] of Object.entries(bad)) {
      const { run } = world(10)
      let culprits = 0
      const { got, sends, connections } = run((far, ids) => {
        if (ids.length === 10) {
          culprits++
          far.send(octets(ids[4]))
        } else far.send(Buffer.concat(ids.map((id) => headers(id, OK))))
      })
      t.equal(all(got, '200'), 9, what)
      t.equal(all(got, 'error'), 1)
      t.same([culprits, sends, connections], [1, 19, 2], 'the culprit was sent once')
    }
  },
)

t.test('R13: neighbours keep their attempt twice, and those that are not idempotent get 502', async (t) => {
  // One request. The backend answers it each time with a new connection fault.
  const { run } = world(7, { proxy: { attemptsMax: 1 } })
  const { got } = run((far, ids, at) => {
    if (at < 2) far.send(frame(1, 5, ids[0], Buffer.from([0x80])))
    else far.send(Buffer.concat(ids.map((id) => headers(id, OK))))
  })
  t.same([all(got, '200'), all(got, 'error')], [5, 2], 'two connections, two culprits')
  const third = world(7, { proxy: { attemptsMax: 1 } }).run((far, ids, at) => {
    if (at < 3) far.send(frame(1, 5, ids[0], Buffer.from([0x80])))
    else far.send(Buffer.concat(ids.map((id) => headers(id, OK))))
  })
  t.same([all(third.got, '200'), all(third.got, 'error')], [0, 7], 'not a third time')
  const posts = world(5, {}, 'POST').run((far, ids) => far.send(frame(1, 5, ids[0], Buffer.from([0x80]))))
  t.same([all(posts.got, 'error'), posts.sends], [5, 5])
})

t.test('R13: a death without a known cause costs every request an attempt', async (t) => {
  const { run } = world(4)
  const { got, sends, connections } = run((far) => far.destroy())
  t.equal(all(got, 'error'), 4)
  t.same([sends, connections], [12, 3], 'attemptsMax times each')
  const flood = world(4).run((far) => far.send(frame(4, 0, 0, Buffer.alloc(5))))
  t.same([all(flood.got, 'error'), flood.sends], [4, 12], 'an error of no stream is none known')
})

t.test(
  'R13: a backend that serves fewer at once than it says refuses the others, who wait for room',
  async (t) => {
    const it = world(60, { engine: { sessionsMax: 1 } })
    let open: number[] = []
    const { got, sends } = it.run((far, ids) => {
      const room = ids.splice(0, 10 - open.length)
      open.push(...room)
      far.send(Buffer.concat(ids.map(refuse)))
      // Each answer makes room for the next; those that come of it are seen in the next turn.
      const [first, ...others] = open
      open = others
      far.send(headers(first, OK))
      if (ids.length === 0) far.send(Buffer.concat(open.splice(0).map((id) => headers(id, OK))))
    })
    t.equal(all(got, '200'), 60)
    t.ok(sends <= 180, `${sends} sends of 60 requests`)
  },
)

t.test(
  'R13: one that is always refused is sent attemptsMax times, and twice more beside others',
  async (t) => {
    const { run } = world(1)
    const { got, sends } = run((far, ids) => far.send(refuse(ids[0])))
    t.same([all(got, 'error'), sends], [1, 3])
    const beside = world(20).run((far, ids) => far.send(Buffer.concat(ids.map(refuse))))
    t.equal(all(beside.got, 'error'), 20)
    t.ok(beside.sends <= 20 * 5, `${beside.sends} sends of 20 requests`)
  },
)
