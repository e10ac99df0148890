// Streams whose client has left, on a backend connection whose reset budget is spent: they run dry, once
// each, and cost the other streams nothing (spec/engine.md).

import t from 'tap'
import { FrameBudget } from '../../src/http2/frame-budget.js'
import { HpackEncoder } from '../../src/http2/hpack/encoder.js'
import { http2Limits } from '../../src/http2/limits.js'
import { Output } from '../../src/http2/output.js'
import { limitsWith } from '../../src/server/index.js'
import { OutputSlabs } from '../../src/transport/index.js'
import { frame, framesOf, headers, REQUEST, uint32 } from '../../tools/testbed/frames.js'
import { type FarEnd, MemoryPollset } from '../../tools/testbed/memory-pollset.js'
import { memoryProxy } from '../../tools/testbed/memory-proxy.js'
import { raise } from '../world/raise.js'
import { play } from '../world/scenario.js'

const GET = ':method=GET :scheme=http :authority=a :path=/'
const PUT = GET.replace('GET', 'PUT')
/** A client that opens stream 1, which the backend gets under this id. */
const opens = (client: string, id: number, fields: string, flags = 'ES,EH') =>
  `${client}> HEADERS stream=1 flags=${flags} ${fields}\nbackend< HEADERS stream=${id} flags=${flags}`
const leaves = (client: string) => `${client}> RST_STREAM stream=1 code=CANCEL`
/** One reset for the budget, then none for this test. */
const BUDGET =
  'given http2.backendResetsBurst=1\ngiven http2.backendResetsPerSecond=1\ngiven http2.backendResetsReserve=0'

const STORIES: Readonly<Record<string, string>> = {
  'E20: what runs dry to its end is not reset': `${BUDGET}
${opens('client', 1, GET)}
${opens('client2', 3, GET)}
backend> HEADERS stream=3 flags=EH :status=200 content-length=4
client2< HEADERS stream=1 flags=EH :status=200
${leaves('client')}
backend< RST_STREAM stream=1 code=CANCEL
${leaves('client2')}
backend> DATA stream=3 flags=ES text=rest
backend< NOTHING stream=3`,
  'E21: past the budget an unfinished request is reset out of the reserve, and never ended': `${BUDGET.replace('Reserve=0', 'Reserve=1')}
${opens('client', 1, GET)}
${opens('client2', 3, PUT, 'EH')}
${leaves('client')}
backend< RST_STREAM stream=1 code=CANCEL
${leaves('client2')}
backend< RST_STREAM stream=3 code=CANCEL`,
  'E22: a retired connection carries the siblings of what runs dry to their end': `${BUDGET}
${opens('client', 1, GET)}
${opens('client2', 3, PUT, 'EH')}
${opens('client3', 5, GET)}
${leaves('client')}
backend< RST_STREAM stream=1 code=CANCEL
${leaves('client2')}
backend< NOTHING stream=3
backend> HEADERS stream=5 flags=ES,EH :status=200
client3< HEADERS stream=1 flags=ES,EH :status=200
backend< GOAWAY code=NO_ERROR
backend< CLOSE`,
}

for (const [title, story] of Object.entries(STORIES)) {
  t.test(title, (t) => {
    t.strictSame(play(`\`\`\`scenario\n${story}\n\`\`\`\n`), [])
    t.end()
  })
}

t.test('E19, E20: each runs dry once', (t) => {
  const proxy = memoryProxy({ http2: { backendResetsBurst: 1, backendResetsPerSecond: 1 } })
  const client = proxy.client()
  for (const id of [1, 3, 5]) client.send(headers(id, REQUEST))
  proxy.greet(proxy.backends[0])
  for (const id of [1, 3, 5]) client.send(frame(3, 0, id, uint32(8)))
  t.equal(framesOf(proxy.backends[0].take()).filter((each) => each.type === 3).length, 1)
  t.equal(proxy.http2.counts.discarded, 2)
  t.match(proxy.backend.engines()[0].describe(), { sessions: [{ leased: 2 }] }, 'and keeps its lease so long')
  t.end()
})

t.test('a stream that paid for held bytes counts as no dry one', (t) => {
  const proxy = memoryProxy({ transport: { connectionHeldBytesMax: 20_000 } })
  const [slow, steady] = [proxy.client(), proxy.client()]
  slow.send(frame(4, 0, 0, Buffer.from([0, 4, 0, 0, 0, 0])))
  slow.send(headers(1, REQUEST))
  steady.send(headers(1, REQUEST))
  const [backend] = proxy.backends
  proxy.greet(backend)
  backend.send(headers(1, [[':status', '200']], false))
  for (const _ of [1, 2]) backend.send(frame(0, 0, 1, Buffer.alloc(16_000)))
  t.equal(proxy.world.memory.stalls, 1)
  // GOAWAY: it serves those it has, then it ends.
  backend.send(frame(7, 0, 0, Buffer.concat([uint32(3), uint32(0)])))
  t.equal(backend.ended, false)
  backend.send(headers(3, [[':status', '200']]))
  t.ok(backend.ended, 'nobody is left on it')
  t.end()
})

const RST_STREAM = 3
const PING = 6
const GOAWAY = 7
const OK = [[':status', '200']] as const
const cancel = (id: number) => frame(RST_STREAM, 0, id, uint32(8))
/** Stream ids, in the order of what has come, of the frames of this type. */
const ids = (far: FarEnd, type: number) =>
  framesOf(far.take())
    .filter((each) => each.type === type)
    .map((each) => each.stream)
const odd = (count: number) => Array.from({ length: count }, (_, i) => 2 * i + 1)

t.test('E20: what streams that run dry draw is bounded; the sibling beside them is served', (t) => {
  const [burst, perSecond, window] = [100_000, 10_000, 65_535]
  const limits = { http2: { backendResetsBurst: 1, backendResetsPerSecond: 1, discardMs: 60_000 } }
  const proxy = memoryProxy(
    limitsWith(limits, { http2: { discardBytesBurst: burst, discardBytesPerSecond: perSecond } }),
  )
  const [client, sibling] = [proxy.client(), proxy.client()]
  const stays = 1
  // The budget has one reset for stream 3.
  const dry = [5, 7, 9, 11, 13]
  sibling.send(headers(1, REQUEST))
  for (const id of odd(6)) client.send(headers(id, REQUEST))
  const [backend] = proxy.backends
  proxy.greet(backend)
  const windows = new Map([stays, ...dry].map((id) => [id, window]))
  const sent = new Map<number, number>()
  /** Sends DATA on these streams until their windows are empty. */
  const pay = (streams: readonly number[]) => {
    // The most repetitions: without the bound it had no end.
    let times = 0
    for (let more = true; more && times < 100; times++) {
      more = false
      for (const each of framesOf(backend.take()))
        if (each.type === 8 && each.stream > 0)
          windows.set(each.stream, (windows.get(each.stream) ?? 0) + each.payload.readUInt32BE(0))
      for (const id of streams) {
        const size = Math.min(16_384, windows.get(id) ?? 0)
        if (size === 0) continue
        more = true
        windows.set(id, (windows.get(id) ?? 0) - size)
        sent.set(id, (sent.get(id) ?? 0) + size)
        backend.send(frame(0, 0, id, Buffer.alloc(size)))
      }
    }
  }
  for (const id of [stays, 3, ...dry]) backend.send(headers(id, OK, false))
  for (const id of odd(6)) client.send(cancel(id))
  t.equal(proxy.http2.counts.discarded, dry.length)
  pay(dry)
  const all = () => dry.reduce((sum, id) => sum + (sent.get(id) ?? 0), 0)
  const windowed = dry.length * window
  t.ok(all() > windowed, 'they had some credit')
  t.ok(all() <= windowed + burst, `${all()} octets of ${dry.length} streams`)
  // The client of the other stream reads, so its stream goes on without end.
  for (let i = 0; i < 20; i++) {
    pay([stays])
    sibling.take()
    sibling.send(Buffer.concat([0, 1].map((id) => frame(8, 0, id, uint32(65_536)))))
  }
  t.ok((sent.get(stays) ?? 0) > 10 * window, `${sent.get(stays)} octets`)
  t.end()
})

t.test('E20: credit of a stream that runs dry is paid for once, however many frames come in a turn', (t) => {
  const limits = { http2: { backendResetsBurst: 1, backendResetsPerSecond: 1, discardMs: 60_000 } }
  const proxy = memoryProxy(
    limitsWith(limits, { http2: { discardBytesBurst: 120_000, discardBytesPerSecond: 1 } }),
  )
  const [client, sibling] = [proxy.client(), proxy.client()]
  sibling.send(headers(1, REQUEST))
  for (const id of [1, 3]) client.send(headers(id, REQUEST))
  const [backend] = proxy.backends
  proxy.greet(backend)
  // The budget has one reset, for stream 3.
  for (const id of [3, 5]) backend.send(headers(id, OK, false))
  for (const id of [1, 3]) client.send(cancel(id))
  backend.take()
  const window = Buffer.concat(Array.from({ length: 8 }, () => frame(0, 0, 5, Buffer.alloc(8_190))))
  const credit = () =>
    framesOf(backend.take()).reduce(
      (sum, each) => sum + (each.type === 8 && each.stream === 5 ? each.payload.readUInt32BE(0) : 0),
      0,
    )
  backend.send(window)
  t.equal(credit(), 8 * 8_190)
  backend.send(window)
  t.ok(credit() > 0, 'there is budget for most of another')
  t.end()
})

t.test(
  'O20: SETTINGS is the first of all frames, also where a stream is ended in the same turn (9113 §3.4)',
  (t) => {
    const pollset = new MemoryPollset()
    const socket = pollset.socket()
    const output = new Output(
      pollset,
      new HpackEncoder({ tableSizeMax: 4096 }),
      new OutputSlabs(),
      16_384,
      new FrameBudget(http2Limits, 0),
    )
    output.attach(socket, { crashWith: raise })
    output.settings([])
    output.endStreamEarly(1, 8)
    pollset.run()
    t.strictSame(
      framesOf(socket.far.take()).map(({ type }) => type),
      [4, RST_STREAM],
    )
    output.endStreamEarly(3, 8)
    output.goaway(3, 1, '')
    pollset.run()
    t.strictSame(
      framesOf(socket.far.take()).map(({ type }) => type),
      [RST_STREAM, 7],
      'and nothing comes behind the last word',
    )
    t.end()
  },
)

t.test('E17, O24: a backend that reads slowly does not pay for the resets that clients cause', (t) => {
  const proxy = memoryProxy({ http2: { controlBytesMax: 1024, concurrentStreamsMax: 100 } })
  const client = proxy.client()
  for (const id of odd(90)) client.send(headers(id, REQUEST))
  const [backend] = proxy.backends
  proxy.greet(backend)
  backend.reading = false
  client.send(headers(181, REQUEST))
  for (const id of odd(90)) client.send(cancel(id))
  backend.send(frame(PING, 0, 0, Buffer.alloc(8)))
  t.equal(proxy.http2.counts.calmed, 0)
  backend.take()
  backend.reading = true
  backend.drain()
  const frames = framesOf(backend.take())
  t.strictSame(
    frames.filter((each) => each.type === RST_STREAM).map((each) => each.stream),
    odd(90),
    'each is told, more than the reserve of 1,024 octets has room for',
  )
  t.equal(frames.filter((each) => each.type === PING).length, 1, 'and what it asked is answered')
  t.equal(frames.filter((each) => each.type === GOAWAY).length, 0)
  t.end()
})

t.test('more resets than one slab takes leave one slab after the other, before any new stream', (t) => {
  const count = 1400
  const proxy = memoryProxy({
    http2: { concurrentStreamsMax: 2000, backendResetsBurst: 2000, resetsBurst: 2000 },
    transport: { flushBytesMax: 16 * 1024 + 1, largeSlabsMax: 0 },
  })
  const client = proxy.client()
  client.send(Buffer.concat(odd(count).map((id) => headers(id, REQUEST))))
  const [backend] = proxy.backends
  proxy.greet(backend)
  backend.reading = false
  client.send(headers(2 * count + 1, REQUEST))
  client.send(Buffer.concat(odd(count).map(cancel)))
  client.send(headers(2 * count + 3, REQUEST))
  backend.drain()
  backend.take()
  backend.drain()
  t.ok(framesOf(backend.take()).every((each) => each.type === RST_STREAM))
  backend.drain()
  const rest = framesOf(backend.take()).map((each) => each.type)
  t.equal(rest.pop(), 1, 'the new request is behind them')
  t.ok(rest.length > 0 && rest.every((type) => type === RST_STREAM))
  t.end()
})

/** A client that reads nothing, and whose two streams were reset with their backend's. */
function unread() {
  const proxy = memoryProxy({ http2: { concurrentStreamsMax: 2 } })
  const client = proxy.client()
  for (const id of [1, 3]) client.send(headers(id, REQUEST))
  const [backend] = proxy.backends
  proxy.greet(backend)
  client.reading = false
  for (const id of [1, 3]) backend.send(headers(id, OK, false))
  for (const id of [1, 3]) backend.send(cancel(id))
  return { ...proxy, client }
}

t.test('O24: a stream whose RST_STREAM has not left is open as its client sees it', (t) => {
  const { client, http2 } = unread()
  client.send(headers(5, REQUEST))
  t.equal(http2.counts.refused, 1)
  client.drain()
  client.take()
  client.drain()
  t.strictSame(ids(client, RST_STREAM).sort(), [1, 3, 5])
  client.send(headers(7, REQUEST))
  t.equal(http2.counts.refused, 1, 'once they have left there is room')
  t.end()
})

t.test('a stream that its client resets as our RST_STREAM waits needs none', (t) => {
  const { client, http2 } = unread()
  client.send(cancel(1))
  client.send(headers(5, REQUEST))
  t.equal(http2.counts.refused, 0)
  client.drain()
  client.take()
  client.drain()
  t.strictSame(ids(client, RST_STREAM), [3])
  t.end()
})
