// Node reports a TLS connection whose peer leaves without close_notify (RFC 9112 §9.8) in the same way as one
// that ends it well. So a close-delimited response that is cut passes as whole. A Node that tells them apart
// fails this test, and then src/pollset/node/socket.ts can tell too.

import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket as NetSocket } from 'node:net'
import { createServer as createTlsServer, type SecureVersion, type TLSSocket } from 'node:tls'
import t, { type Test } from 'tap'
import { CLOSED, CONNECTED, ENDED, NodePollset } from '../../src/pollset/index.js'
import { authority, localhost } from '../../tools/testbed/certificates/index.js'
import { HERE, takeBytes, until } from '../world/node-sockets.js'

/** A client of ours that has got `half` from a peer, which then goes in this way: what it sees. */
async function seen(t: Test, version: SecureVersion, way: 'end' | 'cut') {
  const inner = createTlsServer({ ...localhost, minVersion: version, maxVersion: version })
  const outer = createServer((socket) => void inner.emit('connection', socket))
  outer.listen(0, HERE)
  await once(outer, 'listening')
  const pollset = new NodePollset()
  t.teardown(() => {
    pollset.close()
    outer.close()
  })
  const tls = pollset.tlsClient({ serverName: 'localhost', alpn: [], verify: true, ca: authority })
  const secured = once(inner, 'secureConnection') as Promise<[TLSSocket]>
  const clear = once(outer, 'connection') as Promise<[NetSocket]>
  const socket = pollset.connect({ host: HERE, port: (outer.address() as AddressInfo).port }, 's1', tls)
  await until(socket, CONNECTED | CLOSED)
  const [[peer], [below]] = await Promise.all([secured, clear])
  t.equal(peer.getProtocol(), version)
  peer.on('error', () => {})
  peer.write('half')
  const came = (await takeBytes(socket, 4)).toString()
  // FIN of TCP, without close_notify.
  if (way === 'cut') below.end()
  else peer.end()
  await until(socket, ENDED | CLOSED)
  const found = { came, ended: (socket.readiness & ENDED) !== 0, fault: socket.fault?.code ?? null }
  peer.destroy()
  return found
}

for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
  t.test(`a FIN without close_notify looks like an end, ${version}`, async (t) => {
    const [well, cut] = [await seen(t, version, 'end'), await seen(t, version, 'cut')]
    t.strictSame(well, { came: 'half', ended: true, fault: null })
    t.strictSame(cut, well)
  })
}
