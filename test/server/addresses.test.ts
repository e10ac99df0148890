// A backend whose name has several addresses, over sockets: it is reached though the first of them refuses, whatever it
// speaks. Only what the name gives is told by the test.

import { type AddressInfo, createServer } from 'node:net'
import t from 'tap'
import { createWorld } from '../../src/continuation/index.js'
import { LEASED, Lease, UNLEASED } from '../../src/engine/index.js'
import type { Client } from '../../src/http/index.js'
import { createHttpWorld } from '../../src/http/index.js'
import { NodePollset, type Resolution } from '../../src/pollset/index.js'
import type { ExchangeSession } from '../../src/proxy/index.js'
import { defaultLimits } from '../../src/server/limits.js'
import { Protocols } from '../../src/server/protocols.js'
import { configurationOf } from '../../src/server/short-form.js'
import { authority } from '../../tools/testbed/certificates/index.js'
import { BACKENDS, startOrigin } from '../world/matrix.js'
import { soon } from '../world/soon.js'

/** `many` has these addresses. */
class Named extends NodePollset {
  private readonly addresses: readonly string[]
  constructor(addresses: readonly string[]) {
    super()
    this.addresses = addresses
  }
  override resolve(host: string): Resolution {
    const found = super.resolve('127.0.0.1')
    if (host === 'many') Object.assign(found, { addresses: this.addresses })
    return found
  }
}

/** Until the engine has said yes or no. */
async function leaseOf(pollset: NodePollset, scheme: string, port: number) {
  const world = createHttpWorld(createWorld(pollset))
  const { backends } = configurationOf({
    listen: [],
    routes: [{ host: '', prefix: '/', url: `${scheme}://many:${port}` }],
    backendTls: { ca: authority, serverName: 'localhost' },
  })
  const protocols = new Protocols(world, defaultLimits)
  const engine = protocols.enginesTo(backends[0].name, backends[0]).engineFor({} as Client)
  const lease = new Lease<ExchangeSession>({ id: 'm1/s1' })
  engine.lease(lease)
  while (lease.readiness === 0) await soon()
  return lease
}

for (const backend of BACKENDS) {
  t.test(`${backend}: the second address is taken`, async (t) => {
    const origin = await startOrigin(backend, (_request, response) => response.end())
    const { protocol, port } = new URL(origin.url)
    const pollset = new Named(['127.0.0.2', '127.0.0.1'])
    t.teardown(() => {
      pollset.close()
      return origin.close()
    })
    const lease = await leaseOf(pollset, protocol.slice(0, -1), Number(port))
    t.equal(lease.readiness, LEASED)
    t.equal(origin.connections, 1)
  })
}

t.test('nobody is there, on either family', async (t) => {
  const closed = createServer().listen(0, '127.0.0.1')
  await new Promise((resolve) => closed.on('listening', resolve))
  const { port } = closed.address() as AddressInfo
  await new Promise((resolve) => closed.close(resolve))
  const pollset = new Named(['::1', '127.0.0.1'])
  t.teardown(() => pollset.close())
  const lease = await leaseOf(pollset, 'http', port)
  t.equal(lease.readiness, UNLEASED)
  t.match(
    lease.fault?.detail,
    /^many:\d+: E(CONNREFUSED|ADDRNOTAVAIL|NETUNREACH) \(::1\), ECONNREFUSED \(127\.0\.0\.1\)$/,
  )
})
