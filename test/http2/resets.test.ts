// Streams whose client has left, on a backend connection that bears no more resets for now: they run dry, once
// each, and cost those beside them nothing (spec/engine.md).

import t from 'tap'
import { frame, framesOf, headers, REQUEST, uint32 } from '../world/frames.js'
import { memoryProxy } from '../world/memory-proxy.js'
import { play } from '../world/scenario.js'

const GET = ':method=GET :scheme=http :authority=a :path=/'
const PUT = GET.replace('GET', 'PUT')
/** A client that opens stream 1, which the backend gets under this id. */
const opens = (client: string, id: number, fields: string, flags = 'ES,EH') =>
  `${client}> HEADERS stream=1 flags=${flags} ${fields}\nbackend< HEADERS stream=${id} flags=${flags}`
const leaves = (client: string) => `${client}> RST_STREAM stream=1 code=CANCEL`
/** One reset for the budget, then none for this test. */
const BUDGET = 'given backendResetsBurst=1\ngiven backendResetsPerSecond=1\ngiven backendResetsReserve=0'

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

t.test('E20: each runs dry once', (t) => {
  const proxy = memoryProxy({ backendResetsBurst: 1, backendResetsPerSecond: 1 })
  const client = proxy.client()
  for (const id of [1, 3, 5]) client.send(headers(id, REQUEST))
  proxy.greet(proxy.backends[0])
  for (const id of [1, 3, 5]) client.send(frame(3, 0, id, uint32(8)))
  t.equal(framesOf(proxy.backends[0].take()).filter((each) => each.type === 3).length, 1)
  t.equal(proxy.http2.counts.dried, 2)
  t.match(proxy.backend.engines()[0].describe(), { sessions: [{ leased: 2 }] }, 'and keeps its lease so long')
  t.end()
})

t.test('a stream that paid for held bytes counts as no dry one', (t) => {
  const proxy = memoryProxy({ connectionHeldBytesMax: 20_000 })
  const [slow, steady] = [proxy.client(), proxy.client()]
  slow.send(frame(4, 0, 0, Buffer.from([0, 4, 0, 0, 0, 0])))
  slow.send(headers(1, REQUEST))
  steady.send(headers(1, REQUEST))
  const [backend] = proxy.backends
  proxy.greet(backend)
  backend.send(headers(1, [[':status', '200']], false))
  for (const _ of [1, 2]) backend.send(frame(0, 0, 1, Buffer.alloc(16_000)))
  t.equal(proxy.world.held.stalls, 1)
  // GOAWAY: it serves those it has, then it ends.
  backend.send(frame(7, 0, 0, Buffer.concat([uint32(3), uint32(0)])))
  t.equal(backend.ended, false)
  backend.send(headers(3, [[':status', '200']]))
  t.ok(backend.ended, 'nobody is left on it')
  t.end()
})
