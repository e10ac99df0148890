// The life of the frontend of a program: each edge, and each wait late and cancelled (design: Tests).

import t from 'tap'
import { nodeFrontendLife } from '../../src/node/index.js'
import type { EmbeddedProxy } from '../../src/server/embedding/create-proxy.js'
import { createProxy } from '../../src/server/index.js'
import { declared, Seen } from '../world/seen.js'
import { ask, http1Backend, mounted, until } from './servers.js'

const seen = new Seen()

function watched(url: string) {
  const proxy = createProxy({ target: url }) as EmbeddedProxy
  proxy.world.scheduler.tracer = seen
  return proxy
}

t.test(
  'closed with nothing, with a request that ends, with one that is cut, and with one that resists',
  async (t) => {
    let finish = (): void => {}
    let came = 0
    const url = await http1Backend(t, (_request, reply) => {
      came++
      finish = () => void reply.end()
    })
    await watched(url).close()
    const ending = watched(url)
    const first = ask(await mounted(t, ending))
    await until(() => came === 1)
    const closing = ending.close()
    finish()
    t.equal((await first).status, 200)
    await closing
    const cut = watched(url)
    const second = ask(await mounted(t, cut))
    await until(() => came === 2)
    await cut.close({ timeoutMs: 1 })
    t.equal((await second).status, 503)
    const resisting = watched(url)
    // It does not end when it is cut: closing does not wait for it for ever.
    resisting.frontend.begin({ cut() {} })
    await resisting.close({ timeoutMs: 1 })
  },
)

t.test('the edges seen are those declared, and each wait has ended in each way', (t) => {
  const { edges } = nodeFrontendLife
  t.strictSame(seen.taken(edges), declared(edges))
  t.strictSame(seen.waitsEnded(edges), seen.mayEnd(edges))
  t.end()
})
