// A response that is cut behind others on its connection (spec/output.md, O25): RST could take from the client
// what it has not read yet, and the framing shows the cut.

import t from 'tap'
import { lingerLimits } from '../../src/transport/index.js'
import { type MemoryProxyOptions, memoryProxy } from '../../tools/testbed/memory-proxy.js'
import { acceptOf } from '../proxy/tunnel/tunnel-world.js'

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

const HTTP1: MemoryProxyOptions = { clients: 'http/1.1', speaks: 'http/1.1' }
const KEPT = 'GET / HTTP/1.0\r\nhost: a\r\nconnection: keep-alive\r\n\r\n'
const SWITCHING = /sec-websocket-key: (\S+)/
const UPGRADE = [
  'GET / HTTP/1.1',
  'host: a',
  'connection: upgrade',
  'upgrade: websocket',
  'sec-websocket-version: 13',
  'sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==',
  '\r\n',
].join('\r\n')

type Proxy = ReturnType<typeof memoryProxy>

/** The second response, which has no end of its own, is in its midst; its client sent both requests at once. */
const UNENDED: readonly [string, string, (proxy: Proxy) => void][] = [
  [
    'to the end of the connection',
    KEPT,
    ({ backends }) =>
      backends
        .at(-1)
        ?.send(Buffer.from('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\nhalf\r\n')),
  ],
  [
    'a WebSocket',
    UPGRADE,
    ({ backends }) => {
      const backend = backends.at(-1)
      const key = SWITCHING.exec(backend?.take().toString() ?? '')?.[1] ?? ''
      const fields = `connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-accept: ${acceptOf(key)}`
      backend?.send(Buffer.from(`HTTP/1.1 101 Switching Protocols\r\n${fields}\r\n\r\nhalf`))
    },
  ],
]

for (const [title, second, answer] of UNENDED) {
  const begun = () => {
    const proxy = memoryProxy({}, HTTP1)
    const far = proxy.client()
    far.send(Buffer.from(`${second === KEPT ? KEPT : GET}${second}`))
    proxy.backends[0].send(Buffer.from(WHOLE))
    answer(proxy)
    return { ...proxy, far }
  }

  t.test(`O31: a second response is cut, ${title}: RST once the first must have been read`, (t) => {
    const { far, backends, pollset, world } = begun()
    backends.at(-1)?.destroy()
    t.match(far.take().toString('latin1'), /whole[\s\S]*half$/)
    far.send(Buffer.from('what is said meanwhile is discarded'))
    pollset.advance(lingerLimits.lingerMs)
    t.notOk(far.wasReset, 'what was written may still be on its way')
    t.notOk(far.ended, 'FIN would make it look whole')
    pollset.advance(100)
    t.ok(far.wasReset)
    t.notOk(far.ended)
    t.equal(world.scheduler.living, 0)
    t.end()
  })

  t.test(`O31: a second response is cut, ${title}, long after the first: RST at once`, (t) => {
    const { far, backends, pollset } = begun()
    pollset.advance(lingerLimits.lingerMs + 100)
    t.notOk(far.closed)
    backends.at(-1)?.destroy()
    t.ok(far.wasReset)
    t.end()
  })

  t.test(`O31: a second response is cut, ${title}: the client leaves before the reset is due`, (t) => {
    const { far, backends, world } = begun()
    backends.at(-1)?.destroy()
    t.notOk(far.wasReset)
    far.destroy()
    t.equal(world.scheduler.living, 0, 'nothing waits for it')
    t.end()
  })

  t.test(`O31: a second response is cut, ${title}: what the client says meanwhile is bounded`, (t) => {
    const { far, backends, pollset } = begun()
    backends.at(-1)?.destroy()
    const piece = Buffer.alloc(1024 * 1024)
    for (let sent = 0; sent < lingerLimits.lingerBytesMax; sent += piece.length) far.send(piece)
    t.notOk(far.wasReset)
    far.send(piece)
    t.ok(far.wasReset)
    pollset.advance(1)
    t.end()
  })
}
