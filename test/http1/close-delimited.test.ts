// A response of unknown length to a client of HTTP/1.0 ends with its connection, also where the client asked to keep it
// (RFC 9112 §6.3): nothing else may come behind it. The simulator found it.

import t from 'tap'
import { frame, headers } from '../../tools/testbed/frames.js'
import { memoryProxy } from '../../tools/testbed/memory-proxy.js'

t.test('the connection ends with the response, though the client would keep it', (t) => {
  const proxy = memoryProxy({}, { clients: 'http/1.1' })
  const client = proxy.client()
  client.send(Buffer.from('GET / HTTP/1.0\r\nhost: a\r\nconnection: keep-alive\r\n\r\n'))
  const [backend] = proxy.backends
  proxy.greet(backend)
  backend.send(Buffer.concat([headers(1, [[':status', '200']], false), frame(0, 1, 1, Buffer.from('whole'))]))
  const response = client.take().toString('latin1')
  t.match(response, /\r\nconnection: close\r\n/)
  t.match(response, /\r\n\r\nwhole$/)
  t.ok(client.ended, 'the end of the response is told')
  client.send(Buffer.from('GET / HT'))
  client.end()
  t.equal(client.take().length, 0, 'and nothing comes behind it')
  t.end()
})
