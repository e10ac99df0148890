// Connections of HTTP/1.1 clients to every backend: kept, up to a number of requests and a time; requests
// sent ahead are answered in their order.

import { type Answering, isHttp2, matrix, type Protocol } from '../../world/matrix.js'

const answer: Answering = (request, response) => {
  request.resume()
  request.on('end', () => {
    const body = `${request.method} ${request.url}`
    response.writeHead(200, { 'content-length': body.length })
    response.end(request.method === 'HEAD' ? undefined : body)
  })
}

const where = (frontend: Parameters<typeof isHttp2>[0]) => !isHttp2(frontend)
const get = (path: string) => `GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`
const post = (path: string) => `POST ${path} HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello`
const chunked = (path: string) =>
  `POST ${path} HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n`
const bodies = (text: string) => text.match(/(?:GET|POST) \/\d/g)

matrix(
  answer,
  [
    {
      title: 'requests sent ahead are answered in order, up to the last',
      where,
      async run(t, { raw }) {
        const seen = await raw()
        seen.socket.write(get('/1') + post('/2') + chunked('/3') + get('/4') + get('/5'))
        await seen.ended
        t.strictSame(bodies(seen.text), ['GET /1', 'POST /2', 'POST /3', 'GET /4'])
        const heads = seen.text.split('HTTP/1.1 200').slice(1)
        t.strictSame(
          heads.map((head) => /connection: close/.test(head)),
          [false, false, false, true],
          'the last says that it is',
        )
      },
    },
    {
      title: 'one connection after the other is used again',
      where,
      async run(t, { raw, origin, quiet }) {
        const before = origin.connections
        const client = await raw()
        for (const path of ['/1', '/2', '/3']) {
          client.socket.write(get(path))
          await client.until(new RegExp(`GET ${path}$`))
          await quiet(t)
        }
        t.ok(origin.connections - before <= 1, 'one connection of the backend carried them')
      },
    },
    {
      title: 'connection: close, and HTTP/1.0',
      where,
      async run(t, { raw }) {
        for (const request of [
          'GET /1 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n',
          'GET /1 HTTP/1.0\r\n\r\n',
        ]) {
          const client = await raw()
          client.socket.write(request)
          await client.ended
          t.strictSame(bodies(client.text), ['GET /1'])
          t.match(client.text, /connection: close/)
        }
      },
    },
  ],
  { http1: { keepAliveRequestsMax: 4 } },
)

matrix(answer, [
  {
    title: 'how long the backend keeps an idle connection is read',
    where: (frontend, backend) => frontend === 'http/1.1' && !isHttp2(backend),
    async run(t, { peer, server }) {
      t.match(await peer().get('/1'), { status: 200, whole: true })
      const backends = [...server.world.scheduler.alive()].filter(({ kind }) => kind === 'backend')
      t.ok(backends.length > 0)
      // Node's servers say `Keep-Alive: timeout=5`.
      for (const each of backends) t.match(each.describe(), { idleMs: 4_000 })
    },
  },
])

/** Pairs with one version of the backend: a request that waits here does not depend on it. */
const once = (frontend: Protocol, backend: Protocol) => where(frontend) && backend === 'http/1.1'

matrix(
  answer,
  [
    {
      title: 'a connection that asks for nothing is closed',
      where: once,
      async run(t, { raw }) {
        const [silent, used] = await Promise.all([raw(), raw()])
        used.socket.write(get('/1'))
        await used.ended
        t.strictSame(bodies(used.text), ['GET /1'])
        await silent.ended
        t.equal(silent.text, '')
      },
    },
    {
      title: 'a head that does not come to its end',
      where: once,
      async run(t, { raw }) {
        const client = await raw()
        client.socket.write('GET / HTTP/1.1\r\nHost: a\r\n')
        await client.ended
        t.match(client.text, /^HTTP\/1\.1 408 /)
      },
    },
  ],
  { http1: { keepAliveMs: 60, headMs: 60 }, server: { handshakeMs: 1_000 } },
)
