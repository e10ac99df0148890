// A response that is cut behind others on its connection (spec/output.md, O25): RST could take from the client
// what it has not read yet, and the framing shows the cut.

import t from 'tap'
import { memoryProxy } from '../../tools/testbed/memory-proxy.js'

const GET = 'GET / HTTP/1.1\r\nhost: a\r\n\r\n'
const WHOLE = 'HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nwhole'

for (const [title, head] of [
  ['chunked', 'transfer-encoding: chunked\r\n\r\n4\r\nhalf\r\n'],
  ['with a length', 'content-length: 8\r\n\r\nhalf'],
] as const)
  t.test(`a second response is cut, ${title}: FIN behind the first`, (t) => {
    const { client, backends } = memoryProxy({}, { clients: 'http/1.1', speaks: 'http/1.1' })
    const far = client()
    far.send(Buffer.from(GET + GET))
    backends[0].send(Buffer.from(WHOLE))
    const last = backends.at(-1)
    last?.send(Buffer.from(`HTTP/1.1 200 OK\r\n${head}`))
    last?.destroy()
    t.match(far.take().toString('latin1'), /whole[\s\S]*half\r?\n?$/)
    t.notOk(far.wasReset)
    t.ok(far.ended)
    t.end()
  })

t.test('the first response of a connection is cut by RST', (t) => {
  const { client, backends } = memoryProxy({}, { clients: 'http/1.1', speaks: 'http/1.1' })
  const far = client()
  far.send(Buffer.from(GET))
  backends[0].send(Buffer.from('HTTP/1.1 200 OK\r\ncontent-length: 8\r\n\r\nhalf'))
  backends[0].destroy()
  t.ok(far.wasReset)
  t.end()
})
