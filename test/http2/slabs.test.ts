// Clients that do not read keep what was written to them in flight (spec/output.md, O10): small slabs but for a few, and
// each gets all of its octets in the end.

import t from 'tap'
import { slabLimits } from '../../src/transport/index.js'
import { frame, framesOf, headers, REQUEST } from '../../tools/testbed/frames.js'
import { memoryProxy } from '../../tools/testbed/memory-proxy.js'

const BODY = Buffer.alloc(16_000, 'x')
const PARTS = 4

t.test('stalled clients hold few large slabs, and lose nothing', (t) => {
  const proxy = memoryProxy({ transport: { largeSlabsMax: 2 } })
  const clients = Array.from({ length: 6 }, () => proxy.client())
  for (const client of clients) client.send(headers(1, REQUEST))
  const [backend] = proxy.backends
  proxy.greet(backend)
  for (const client of clients) client.reading = false
  const response = clients.flatMap((_, at) => {
    const id = at * 2 + 1
    const parts = Array.from({ length: PARTS }, (_, part) => frame(0, part === PARTS - 1 ? 1 : 0, id, BODY))
    return [headers(id, [[':status', '200']], false), ...parts]
  })
  backend.send(Buffer.concat(response))
  const { slabs } = proxy.world
  t.equal(slabs.lent, clients.length)
  t.equal(slabs.lentBytes, 2 * slabLimits.flushBytesMax + 4 * slabs.smallSize)
  for (const client of clients) {
    client.reading = true
    client.drain()
    const sent = framesOf(client.take())
    t.equal(
      sent.reduce((sum, each) => sum + (each.type === 0 ? each.payload.length : 0), 0),
      PARTS * BODY.length,
    )
    t.equal(sent.filter((each) => each.type === 0).at(-1)?.flags, 1)
  }
  t.equal(slabs.lent, 0)
  t.end()
})
