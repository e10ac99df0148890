// TCP keepalive of Node's sockets (spec/engine.md, E43), as the operating system tells it: of both roles, over TLS too, and off.

import { execFileSync } from 'node:child_process'
import { createServer } from 'node:net'
import t from 'tap'
import { CLOSED, CONNECTED, type NodePollsetLimits, type Socket } from '../../src/pollset/index.js'
import { findProgram, unlessInstalled } from '../../tools/testbed/programs.js'
import { HERE, listening, until } from '../world/node-sockets.js'

const skip = unlessInstalled('ss')

/** Seconds until TCP asks, of the socket between these ports; 0 where it never does. */
function secondsToGo(from: number, to: number): number {
  const ss = findProgram('ss') as string
  const lines = execFileSync(ss, ['-tnoH', `( sport = :${from} and dport = :${to} )`], { encoding: 'utf8' })
  const [, minutes, seconds] = /timer:\(keepalive,(?:(\d+)min)?(\d+)?/.exec(lines) ?? []
  return Number(minutes ?? 0) * 60 + Number(seconds ?? 0)
}

const seconds = (socket: Socket): number => secondsToGo(socket.local.port, socket.remote.port)

/** A client's socket, and one to a backend, in clear text and over TLS. */
async function sockets(t: Parameters<typeof listening>[0], limits: Partial<NodePollsetLimits>) {
  const { pollset, pair } = await listening(t, limits)
  const { socket } = await pair()
  const server = createServer()
  t.teardown(() => server.close())
  const port = await new Promise<number>((resolve) =>
    server.listen(0, HERE, () => resolve((server.address() as { port: number }).port)),
  )
  const backend = pollset.connect({ host: HERE, port }, 'b1')
  const tls = pollset.tlsClient({ serverName: '', alpn: ['h2'], verify: false })
  const secured = pollset.connect({ host: HERE, port }, 'b2', tls)
  const preamble = pollset.connect({ host: HERE, port }, 'b3', undefined, Buffer.from('PROXY'))
  for (let accepted = 0; accepted < 3; accepted++)
    await new Promise<void>((resolve) =>
      server.once('connection', (peer) => {
        peer.on('error', () => {})
        t.teardown(() => peer.destroy())
        resolve()
      }),
    )
  await until(backend, CONNECTED | CLOSED)
  await until(preamble, CONNECTED | CLOSED)
  return { client: socket, backends: [backend, secured, preamble] }
}

t.test('E43: hosts that fall silent are asked for, clients later than backends', { skip }, async (t) => {
  const { client, backends } = await sockets(t, {})
  const toGo = seconds(client)
  t.ok(toGo > 110 && toGo <= 120, `${toGo} s`)
  for (const backend of backends) {
    const toGo = seconds(backend)
    t.ok(toGo > 50 && toGo <= 60, `${backend.id}: ${toGo} s`)
  }
})

t.test('E43: or never', { skip }, async (t) => {
  const { client, backends } = await sockets(t, { frontendTcpKeepAliveMs: 0, backendTcpKeepAliveMs: 0 })
  for (const each of [client, ...backends]) t.equal(seconds(each), 0, each.id)
})
