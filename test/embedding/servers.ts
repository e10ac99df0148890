// Servers for the tests of embedded proxies: backends of both versions that echo, and programs that mount a
// proxy. Each is closed with its test.

import { once } from 'node:events'
import { createServer, type IncomingMessage, type RequestListener, request, type Server } from 'node:http'
import { createServer as createHttp2Server, type Http2Server } from 'node:http2'
import type { AddressInfo } from 'node:net'
import type { Test } from 'tap'
import { createProxy, type HttpProxy, type ProxyOptions } from '../../src/server/index.js'
import { echoUpgrades } from '../../tools/testbed/websocket-echo.js'
import { soon } from '../world/soon.js'

export const portOf = (server: Server | Http2Server): number => (server.address() as AddressInfo).port

async function listening(t: Test, server: Server | Http2Server): Promise<number> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    if ('closeAllConnections' in server) server.closeAllConnections()
    server.close()
  })
  return portOf(server)
}

/** A backend of HTTP/1.1. Without `listener` it answers with what it was asked. */
export async function http1Backend(t: Test, listener: RequestListener = tellRequest): Promise<string> {
  const server = createServer(listener)
  echoUpgrades(server)
  return `http://127.0.0.1:${await listening(t, server)}`
}

/** A request that came to a backend. */
export interface Asked {
  readonly method: string
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

export const tellRequest: RequestListener = (asked, reply) => {
  const chunks: Buffer[] = []
  asked.on('data', (chunk) => chunks.push(chunk))
  asked.on('end', () => {
    const { method, url, headers } = asked
    reply.setHeader('content-type', 'application/json')
    reply.end(JSON.stringify({ method, url, headers, body: Buffer.concat(chunks).toString() }))
  })
}

/** A backend of HTTP/2 in clear text, which counts its connections, and echoes what extended CONNECT sends. */
export async function http2Backend(t: Test): Promise<{ url: string; sessions: () => number }> {
  const server = createHttp2Server({ settings: { enableConnectProtocol: true } })
  let sessions = 0
  const open = new Set<{ destroy(): void }>()
  server.on('session', (session) => {
    sessions++
    open.add(session)
    session.on('close', () => open.delete(session))
    session.on('error', () => {})
  })
  t.teardown(() => {
    for (const each of open) each.destroy()
  })
  server.on('stream', (stream, headers) => {
    stream.on('error', () => {})
    if (headers[':method'] === 'CONNECT') {
      stream.respond({ ':status': 200 })
      stream.pipe(stream)
      return
    }
    const chunks: Buffer[] = []
    stream.on('data', (chunk: Buffer) => chunks.push(chunk))
    stream.on('end', () => {
      stream.respond({ ':status': 200, 'content-type': 'application/json' })
      const body = Buffer.concat(chunks).toString()
      stream.end(JSON.stringify({ method: headers[':method'], url: headers[':path'], headers, body }))
    })
  })
  return { url: `h2c://127.0.0.1:${await listening(t, server)}`, sessions: () => sessions }
}

/** A proxy that is closed with its test. */
export function proxyFor(t: Test, options: ProxyOptions): HttpProxy {
  const proxy = createProxy(options)
  t.teardown(() => proxy.close({ timeoutMs: 1 }))
  return proxy
}

/** A program of node:http that gives all to a proxy. */
export async function mounted(t: Test, proxy: HttpProxy, listener?: RequestListener): Promise<number> {
  const server = createServer(listener ?? ((asked, reply) => proxy.web(asked, reply)))
  server.on('upgrade', (asked, socket, head) => proxy.ws(asked, socket, head))
  return listening(t, server)
}

export interface Told {
  readonly status: number
  readonly headers: IncomingMessage['headers']
  readonly rawHeaders: readonly string[]
  readonly trailers: NodeJS.Dict<string>
  readonly body: string
  /** The message was whole. */
  readonly complete: boolean
}

export interface Question {
  readonly path?: string
  readonly method?: string
  readonly headers?: Readonly<Record<string, string | string[]>>
  readonly body?: string | Buffer
}

/** Asks a server, on a connection of its own. */
export function ask(
  port: number,
  { path = '/', method = 'GET', headers, body }: Question = {},
): Promise<Told> {
  return new Promise((resolve, reject) => {
    const asking = request({ port, host: '127.0.0.1', path, method, headers, agent: false }, (reply) => {
      const chunks: Buffer[] = []
      reply.on('data', (chunk) => chunks.push(chunk))
      reply.on('error', () => {})
      reply.on('close', () =>
        resolve({
          status: reply.statusCode ?? 0,
          headers: reply.headers,
          rawHeaders: reply.rawHeaders,
          trailers: reply.trailers,
          body: Buffer.concat(chunks).toString(),
          complete: reply.complete,
        }),
      )
    })
    asking.on('error', reject)
    asking.end(body)
  })
}

export const asked = (told: Told): Asked => JSON.parse(told.body) as Asked

export const until = async (holds: () => boolean): Promise<void> => {
  while (!holds()) await soon()
}
