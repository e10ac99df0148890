// A backend that speaks another protocol than configured: waiting requests are refused at once, nothing is
// sent twice, and the fault's detail says which scheme to write.

import t from 'tap'
import { frame, headers, REQUEST } from '../../tools/testbed/frames.js'
import { memoryProxy } from '../../tools/testbed/memory-proxy.js'

const SETTINGS = frame(4, 0, 0)
const ALERT = Buffer.from([21, 3, 3, 0, 2, 2, 70])
const ANSWER = Buffer.from('HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n')
const POST = 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx'

/** Requests that are refused, and the message to the operator. */
function watched(proxy: ReturnType<typeof memoryProxy>): string[] {
  const told: string[] = []
  proxy.proxy.watch({
    refused: ({ cause, attempts }, { status, code }) =>
      told.push(`${status} ${code} after ${attempts}: ${cause?.detail}`),
    aborted: () => told.push('aborted'),
  })
  return told
}

for (const [speaks, octets, scheme] of [
  ['h2c', ANSWER, 'it seems to speak HTTP/1.1: write http:// in place of h2c://'],
  ['h2c', ALERT, 'it seems to speak TLS: write https:// in place of h2c://'],
  ['http/1.1', SETTINGS, 'it seems to speak HTTP/2: write h2c:// in place of http://'],
  ['http/1.1', frame(7, 0, 0, Buffer.alloc(8)), 'it seems to speak HTTP/2: write h2c:// in place of http://'],
  ['http/1.1', ALERT, 'it seems to speak TLS: write https:// in place of http://'],
] as const) {
  t.test(`${speaks} before one that begins with ${JSON.stringify(octets.toString('latin1', 0, 8))}`, (t) => {
    for (const when of ['after the request', 'with its connection'] as const) {
      const proxy = memoryProxy({}, { clients: 'http/1.1', speaks })
      const told = watched(proxy)
      if (when === 'with its connection')
        proxy.pollset.serveFar({ host: '192.0.2.9', port: 9 }, (far) => {
          proxy.backends.push(far)
          far.put(octets)
          far.putEnd()
        })
      const client = proxy.client()
      client.send(Buffer.from(POST))
      if (when === 'after the request') {
        proxy.backends[0].send(octets)
        proxy.backends[0].end()
      }
      const attempts = speaks === 'h2c' || when === 'with its connection' ? 0 : 1
      t.strictSame(told, [`502 other-protocol after ${attempts}: 192.0.2.9:9: ${scheme}`], when)
      t.match(client.take().toString(), /^HTTP\/1\.1 502 [\s\S]*x-fermata: other-protocol\r\n/)
      t.equal(proxy.backends.length, 1, 'it is not tried again')
      t.ok(proxy.backends[0].closed)
    }
    t.end()
  })
}

t.test('HTTP/2 that begins with another frame than SETTINGS is a fault of HTTP/2', (t) => {
  const proxy = memoryProxy({ http1: { lingerMs: 10 }, http2: { lingerMs: 10 } })
  const told = watched(proxy)
  proxy.client().send(headers(1, REQUEST))
  proxy.backends[0].send(frame(6, 0, 0, Buffer.alloc(8)))
  proxy.backends[0].end()
  t.strictSame(told, ['502 protocol-error after 0: undefined'])
  t.end()
})
