// A response that is whole before its request is, over HTTP/1.1 in memory: what its head says, and that it stands when the
// backend that sent it resets its connection.

import t from 'tap'
import type { SomeLimits } from '../../src/server/index.js'
import { memoryProxy } from '../../tools/testbed/memory-proxy.js'

const UPLOAD = Buffer.from('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nbegun')
const bytesOf = (text: string): Buffer => Buffer.from(text, 'latin1')

const asked = (limits: SomeLimits = {}) => {
  const proxy = memoryProxy(limits, { clients: 'http/1.1', speaks: 'http/1.1' })
  const client = proxy.client()
  client.send(UPLOAD)
  return { ...proxy, client, backend: proxy.backends[0] }
}

for (const [what, response] of [
  ['a response that has come whole', 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'],
  ['one without content', 'HTTP/1.1 204 No Content\r\n\r\n'],
  ['a refusal, of which there is more to come', 'HTTP/1.1 413 Too Large\r\nContent-Length: 9\r\n\r\nok'],
] as const) {
  t.test(`O29: connection: close, where no more of a request will be read: ${what}`, async (t) => {
    const { client, backend } = asked()
    backend.send(bytesOf(response))
    t.match(client.received.toString(), /\r\nconnection: close\r\n/)
  })
}

t.test('a response that begins before its request has ended may be followed by another', async (t) => {
  const { client, backend } = asked()
  backend.send(bytesOf('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok'))
  t.notMatch(client.received.toString(), /connection: close/)
  client.send(Buffer.alloc(95))
  backend.send(bytesOf('1234567'))
  t.match(client.received.toString(), /ok1234567$/)
  t.notOk(client.ended)
})

t.test(
  'after it the rest of the request is read and dropped, and the connection ends with the client',
  async (t) => {
    const { client, backend } = asked()
    backend.send(bytesOf('HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\nok'))
    t.ok(client.ended && !client.closed)
    client.send(Buffer.alloc(95))
    t.notOk(client.closed)
    client.end()
    t.ok(client.closed && !client.wasReset)
  },
)

t.test('an answer that came before the backend reset its connection is passed on whole', async (t) => {
  const { client, backend, pollset } = asked({ http1: { bodyAheadBytesMax: 1_000 } })
  client.reading = false
  backend.put(bytesOf('HTTP/1.1 413 Too Large\r\nContent-Length: 6000\r\n\r\n'))
  for (let i = 0; i < 6; i++) backend.put(Buffer.alloc(1_000, 97))
  // The backend's reset, in the turn in which its answer comes: of that the client takes a part at a time.
  backend.destroy()
  for (let i = 0; i < 20; i++) client.drain()
  pollset.run()
  t.match(client.received.toString(), /^HTTP\/1\.1 413 [\s\S]*\r\n\r\na{6000}$/)
  t.ok(client.ended && !client.wasReset)
})

t.test('one that came in part is not', async (t) => {
  const { client, backend } = asked()
  backend.put(bytesOf('HTTP/1.1 413 Too Large\r\nContent-Length: 6000\r\n\r\nand'))
  backend.destroy()
  t.match(client.received.toString(), /^HTTP\/1\.1 502 |^HTTP\/1\.1 413 /)
  t.ok(client.wasReset || /^HTTP\/1\.1 502/.test(client.received.toString()))
})

t.test('nor one that ends with the connection, where a reset has ended it', async (t) => {
  const { client, backend } = asked()
  backend.put(bytesOf('HTTP/1.0 413 Too Large\r\n\r\nand'))
  backend.destroy()
  t.ok(client.wasReset || /^HTTP\/1\.1 502/.test(client.received.toString()))
})
