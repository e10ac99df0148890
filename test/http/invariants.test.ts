// A broken invariant in the flush or the settling of a connection (spec/design.md, House rules): it ends with nothing further
// written, is told and counted, and its siblings notice nothing.

import t, { type Test } from 'tap'
import { InvariantBroken, invariant } from '../../src/pollset/index.js'
import { frame, framesOf, headers, REQUEST } from '../../tools/testbed/frames.js'
import { memoryProxy } from '../../tools/testbed/memory-proxy.js'

const BODY = Buffer.from('body')
const UPLOAD: [string, string][] = [...REQUEST.slice(1), [':method', 'POST']] as [string, string][]
const breaks = () => invariant(BODY.length === 0, 'an octet counts once')

/** Two clients with a request each; each part of a connection of ours is at hand by its name. */
function setUp(fields = REQUEST, ended = true) {
  const proxy = memoryProxy()
  const crashes: string[] = []
  proxy.world.scheduler.onCrash = (c, error) => {
    if (!(error instanceof InvariantBroken)) throw error
    crashes.push(`${c.id}: ${error.message}`)
  }
  const clients = [proxy.client(), proxy.client()]
  for (const client of clients) client.send(headers(1, fields, ended))
  const [backend] = proxy.backends
  proxy.greet(backend)
  const inside = proxy.frontends.map((each) => each as unknown as Record<string, Record<string, unknown>>)
  return { proxy, crashes, clients, backend, inside }
}

/** The first has closed with nothing written, the second has its whole response, and nothing is left. */
function over(t: Test, { proxy, crashes, clients, backend }: ReturnType<typeof setUp>): void {
  t.strictSame(crashes, [`${proxy.frontends[0].id}: this does not hold: an octet counts once`])
  t.equal(proxy.world.scheduler.crashes, 1)
  const [broken, sibling] = clients
  t.equal(broken.take().length, 0, 'nothing further is written')
  t.ok(broken.wasReset, 'and what was written does not look complete')
  backend.send(Buffer.concat([headers(3, [[':status', '200']], false), frame(0, 1, 3, BODY)]))
  t.same(
    framesOf(sibling.take())
      .filter(({ type }) => type === 0 || type === 1)
      .map(({ stream, flags }) => [stream, flags & 1]),
    [
      [1, 0],
      [1, 1],
    ],
  )
  t.equal(proxy.world.memory.bytes, 0)
  t.equal(proxy.proxy.begun, 2)
  t.equal(proxy.proxy.logged, 2)
}

t.test('in a flush', async (t) => {
  const it = setUp()
  it.inside[0].output.fill = breaks
  it.backend.send(Buffer.concat([headers(1, [[':status', '200']], false), frame(0, 1, 1, BODY)]))
  over(t, it)
})

t.test('in settling', async (t) => {
  const it = setUp(UPLOAD, false)
  it.clients[1].send(frame(0, 1, 1, BODY))
  it.inside[0].intake.settle = breaks
  it.clients[0].send(frame(0, 0, 1, BODY))
  over(t, it)
})

t.test('what breaks again as it is let go of is told again, and nothing worse', async (t) => {
  const it = setUp()
  it.inside[0].output.fill = breaks
  const failing = it.inside[0] as unknown as { failAll(): void }
  failing.failAll = breaks
  it.backend.send(headers(1, [[':status', '200']], false))
  t.equal(it.crashes.length, 2)
  t.equal(it.proxy.world.scheduler.crashes, 2)
  t.equal(it.clients[0].take().length, 0)
  t.ok(it.clients[0].wasReset)
})
