// An endpoint to kill: HTTP/1.1 on one port, HTTP/2 in clear text on another. It is a process of its own:
//
//   endpoint.js NAME HTTP1_PORT H2C_PORT STATUS
//
// A path that ends in `/parts` has its head after up to 10 ms and the rest of its body 5 ms later, so that a
// kill meets requests in each part of their lives. Everything else is answered at once. Upgrades are echoed.
// Over IPC it sends `ready`, and answers each message with the number of requests in each second.

import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import {
  createServer as createHttp2Server,
  type Http2ServerRequest,
  type Http2ServerResponse,
} from 'node:http2'
import { echoUpgrades } from '../testbed/websocket-echo.js'

/** The requests seen in each second of the wall clock. */
export type Seen = Readonly<Record<number, number>>

const HEAD_MS_MAX = 10
const BODY_MS = 5

const [name = '', http1Port, h2cPort, status] = process.argv.slice(2)
const seen: Record<number, number> = {}

function answer(
  request: IncomingMessage | Http2ServerRequest,
  response: ServerResponse | Http2ServerResponse,
): void {
  const second = Math.floor(Date.now() / 1_000)
  seen[second] = (seen[second] ?? 0) + 1
  response.statusCode = Number(status)
  response.setHeader('x-endpoint', name)
  if (request.url?.endsWith('/parts') !== true) {
    response.setHeader('content-length', 12)
    response.end('twelve bytes')
    return
  }
  response.setHeader('content-length', 24)
  setTimeout(() => {
    // Both kinds of server take this function, but their types differ.
    ;(response as ServerResponse).write('twelve bytes')
    setTimeout(() => response.end('twelve bytes'), BODY_MS)
  }, Math.random() * HEAD_MS_MAX)
}

const http1 = createServer(answer)
http1.keepAliveTimeout = 0
echoUpgrades(http1)
const h2c = createHttp2Server(answer)
h2c.on('session', (session) => session.on('error', () => {}))
let listening = 0
const ready = (): void => {
  if (++listening === 2) process.send?.('ready')
}
http1.listen(Number(http1Port), '127.0.0.1', ready)
h2c.listen(Number(h2cPort), '127.0.0.1', ready)
process.on('message', () => process.send?.(seen satisfies Seen))
process.on('disconnect', () => process.exit(0))
