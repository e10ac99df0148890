// A real server in this process with real peers of node:http2 around it, and what must hold when all is over.

import events, { type EventEmitter } from 'node:events'
import * as http2 from 'node:http2'
import type { AddressInfo } from 'node:net'
import { limitsWith, type SomeLimits } from '../../src/server/index.js'
import type { Server } from '../../src/server/server.js'
import { type ShortServerOptions, startShortServer } from '../../tools/testbed/short-server.js'

export interface Setting {
  readonly server: Server
  readonly url: string
  readonly origin: http2.Http2Server
  /** Sessions the origin has seen, in order. */
  readonly sessions: http2.ServerHttp2Session[]
  client(settings?: http2.Settings): http2.ClientHttp2Session
  close(): Promise<void>
}

export type OnStream = (stream: http2.ServerHttp2Stream, headers: http2.IncomingHttpHeaders) => void

/** The next event of this name. */
export const once = (emitter: unknown, name: string) => events.once(emitter as EventEmitter, name)

/** Start an origin, a proxy before it, and wait until both are ready. */
export async function setUp(
  onStream: OnStream,
  limits: SomeLimits = {},
  options: Partial<ShortServerOptions> & { settings?: http2.Settings } = {},
): Promise<Setting> {
  const { settings, ...more } = options
  const origin = http2.createServer(settings === undefined ? {} : { settings })
  const sessions: http2.ServerHttp2Session[] = []
  origin.on('session', (session) => {
    sessions.push(session)
    session.on('error', () => {})
  })
  origin.on('stream', (stream, headers) => {
    stream.on('error', () => {})
    onStream(stream, headers)
  })
  await new Promise<void>((resolve) => origin.listen(0, '127.0.0.1', resolve))
  const port = (origin.address() as AddressInfo).port
  const server = startShortServer({
    listen: [{ host: '127.0.0.1', port: 0 }],
    routes: [{ host: '', prefix: '/', url: `h2c://127.0.0.1:${port}` }],
    limits: limitsWith({ http1: { drainIdleMs: 1 }, http2: { drainIdleMs: 1 } }, limits),
    ...more,
  })
  const crashes: unknown[] = []
  server.on('crashed', (_id, error) => crashes.push(error))
  const url = await new Promise<string>((resolve) =>
    server.on('listening', (address) => resolve(`http://127.0.0.1:${address.port}`)),
  )
  const clients: http2.ClientHttp2Session[] = []
  return {
    server,
    url,
    origin,
    sessions,
    client(settings) {
      const client = http2.connect(url, settings === undefined ? {} : { settings })
      client.on('error', () => {})
      clients.push(client)
      return client
    },
    async close() {
      for (const client of clients) client.destroy()
      const stopped = once(server, 'stopped')
      server.command('drain')
      await stopped
      for (const session of sessions) session.destroy()
      await new Promise<void>((resolve) => origin.close(() => resolve()))
      if (crashes.length > 0) throw crashes[0]
      if (server.proxy.begun !== server.proxy.logged) throw new Error('an exchange was not logged (S1)')
      if (server.world.memory.bytes !== 0)
        throw new Error(`${server.world.memory.bytes} octets are still held (S4)`)
    },
  }
}

export interface Answer {
  readonly status: number
  readonly headers: http2.IncomingHttpHeaders
  readonly trailers: http2.IncomingHttpHeaders
  readonly interims: number[]
  readonly body: Buffer
  /** The RST_STREAM code, NO_ERROR when it ended well. */
  readonly code: number
  /** END_STREAM has come. */
  readonly ended: boolean
}

/** All of a response; never rejects. */
export function answerOf(stream: http2.ClientHttp2Stream): Promise<Answer> {
  return new Promise((resolve) => {
    let headers: http2.IncomingHttpHeaders = {}
    let trailers: http2.IncomingHttpHeaders = {}
    let ended = false
    const interims: number[] = []
    const chunks: Buffer[] = []
    stream.on('headers', (each) => interims.push(Number(each[':status'])))
    stream.on('response', (each) => {
      headers = each
    })
    stream.on('trailers', (each) => {
      trailers = each
    })
    stream.on('data', (chunk: Buffer) => chunks.push(chunk))
    stream.on('end', () => {
      ended = true
    })
    stream.on('error', () => {})
    stream.on('close', () =>
      resolve({
        status: Number(headers[':status'] ?? 0),
        headers,
        trailers,
        interims,
        body: Buffer.concat(chunks),
        code: stream.rstCode ?? 0,
        ended,
      }),
    )
  })
}

export async function get(
  client: http2.ClientHttp2Session,
  path: string,
  headers: http2.OutgoingHttpHeaders = {},
) {
  return answerOf(client.request({ ':path': path, ...headers }))
}
