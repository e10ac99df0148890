// The embedded origin: a small HTTP/2 server on a loopback socket, for trying the proxy. It is Node's own
// server, so that the proxy is tried against code that is not ours.

import { createServer, type Http2Server, type Http2ServerRequest, type Http2ServerResponse } from 'node:http2'

export interface Origin {
  readonly port: number
  close(): void
}

const BYTES_MAX = 1024 * 1024 * 1024
const CHUNK = Buffer.alloc(16 * 1024, 'fermata\n')

const HELP = `This is Fermata's embedded origin, seen through the proxy.

  GET  /          this text, and the request as it arrived here
  ANY  /echo      the body of the request, sent back as it comes
  GET  /bytes/N   N octets
  GET  /wait      never answered: a request to look at while it waits
`

function hello(request: Http2ServerRequest, response: Http2ServerResponse): void {
  response.setHeader('content-type', 'text/plain; charset=utf-8')
  const lines = Object.entries(request.headers).map(([name, value]) => `  ${name}: ${String(value)}\n`)
  response.end(`${HELP}\nThe request as it arrived here:\n\n${lines.join('')}`)
}

function bytes(response: Http2ServerResponse, count: number): void {
  let left = Math.min(count, BYTES_MAX)
  response.setHeader('content-type', 'text/plain')
  response.setHeader('content-length', String(left))
  const more = () => {
    while (left > 0) {
      const chunk = left < CHUNK.length ? CHUNK.subarray(0, left) : CHUNK
      left -= chunk.length
      if (!response.write(chunk)) return
    }
    response.end()
  }
  response.on('drain', more)
  more()
}

function answer(request: Http2ServerRequest, response: Http2ServerResponse): void {
  const path = request.url.split('?')[0]
  const count = /^\/bytes\/(\d{1,10})$/.exec(path)
  if (path === '/wait') return
  if (path === '/echo') {
    response.setHeader('content-type', request.headers['content-type'] ?? 'application/octet-stream')
    request.pipe(response)
  } else if (count !== null) bytes(response, Number(count[1]))
  else if (path === '/') hello(request, response)
  else {
    response.statusCode = 404
    response.end('not found\n')
  }
}

const portOf = (address: ReturnType<Http2Server['address']>): number =>
  address !== null && typeof address === 'object' ? address.port : 0

/** Starts the origin on a free loopback port. */
export function startOrigin(ready: (origin: Origin) => void, failed: (error: Error) => void): void {
  const server = createServer({ settings: { maxConcurrentStreams: 1000 } }, answer)
  const sessions = new Set<{ destroy(): void }>()
  server.on('session', (session) => {
    sessions.add(session)
    session.on('close', () => sessions.delete(session))
  })
  server.on('error', failed)
  server.listen(0, '127.0.0.1', () => {
    ready({
      port: portOf(server.address()),
      close() {
        server.close()
        for (const session of sessions) session.destroy()
      },
    })
  })
}
