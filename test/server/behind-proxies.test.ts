// The server and connections of trusted proxies, over sockets.

import { connect, Socket as NetSocket } from 'node:net'
import t, { type Test } from 'tap'
import type { Configuration } from '../../src/config/index.js'
import { NodePollset } from '../../src/pollset/index.js'
import type { NodeListener } from '../../src/pollset/node/listener.js'
import { serveText } from '../../tools/testbed/text-server.js'
import { soon } from '../world/soon.js'

const text = (trusted: string): string => `
version: 1
listeners: { plain: { address: "127.0.0.1:0" } }
trustedProxies: { addresses: [${trusted}], fields: [x-forwarded-for] }
limits: { server: { connectionsPerAddressMax: 1 } }
routes: [{ name: all, answer: { status: 204 } }]
`

/** Connects from this address and asks; the status, or what became of the connection. */
async function ask(t: Test, port: number, localAddress: string) {
  const socket = connect({ port, host: '127.0.0.1', localAddress })
  t.teardown(() => socket.destroy())
  socket.setEncoding('latin1')
  socket.write('GET / HTTP/1.1\r\nhost: a\r\n\r\n')
  const answer = await new Promise<string>((resolve) => {
    socket.on('data', (data) => resolve(String(data).slice(9, 12)))
    socket.on('error', () => resolve('closed'))
    socket.on('close', () => resolve('closed'))
  })
  return { answer, socket }
}

t.test('N13: the connections of a trusted proxy are not counted for its address', async (t) => {
  const { server, portOf } = await serveText(t, text('127.0.0.1'))
  const port = portOf()
  for (let i = 0; i < 3; i++) t.equal((await ask(t, port, '127.0.0.1')).answer, '204')
  const { answer, socket } = await ask(t, port, '127.0.0.2')
  t.equal(answer, '204')
  t.equal((await ask(t, port, '127.0.0.2')).answer, 'closed', 'one of a stranger')

  t.test('also if it was trusted after it was counted', async (t) => {
    const configuration = (server as unknown as { configuration: Configuration }).configuration
    const apply = (addresses: readonly string[]): Promise<Error | null> =>
      new Promise((resolve) =>
        server.apply(
          { ...configuration, trustedProxies: { ...configuration.trustedProxies, addresses } },
          resolve,
        ),
      )
    t.equal(await apply(['127.0.0.2']), null)
    const open = server.openClients
    socket.destroy()
    while (server.openClients === open) await soon()
    t.equal(await apply([]), null)
    t.equal((await ask(t, port, '127.0.0.2')).answer, '204')
  })
})

t.test('N11: a client that has left before it was accepted is not served', async (t) => {
  const pollset = new NodePollset()
  t.teardown(() => pollset.close())
  const listener = pollset.listen({ host: '127.0.0.1', port: 0 }, 'l1') as NodeListener
  const gone = new NetSocket()
  t.equal(gone.remoteAddress, undefined, 'the system does not know its address')
  listener.arrived(gone, null)
  t.ok(gone.destroyed)
  t.equal(listener.accept(), null)
  listener.close()
})
