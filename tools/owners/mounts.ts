// The places in which a proxy stands: in front of backends of both versions in a program of node:http, as a
// server of its own, and as a server with an app of the program behind it. Each is opened and closed whole.

import { once } from 'node:events'
import { createServer as createHttpServer, type Server } from 'node:http'
import type { Http2Server } from 'node:http2'
import type { AddressInfo } from 'node:net'
import type { Duplex } from 'node:stream'
import { createProxy, createServer, defineConfig, type ServerConfig } from '../../src/server/index.js'
import { answer, http2Backend, takeWebSockets, WAYS } from './ways.js'

/** The ms that a head, a body, and a quiet tunnel have. */
export const LATE_MS = 60

export interface Mount {
  readonly port: number
  /** Closes the proxy, and then all that is around it, while some requests may run. */
  close(): Promise<void>
  /** Returns what each of its proxies tells of itself. */
  describe(): readonly Readonly<Record<string, unknown>>[]
  /** Counts connections of apps that are open. */
  local(): number
}

async function listening(server: Server | Http2Server): Promise<number> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return (server.address() as AddressInfo).port
}

const closed = (server: Server | Http2Server): Promise<void> =>
  new Promise((resolve) => server.close(() => resolve()))

interface Backends {
  readonly http1: string
  readonly http2: string
  close(): Promise<void>
}

async function backends(): Promise<Backends> {
  const http1 = createHttpServer(answer)
  takeWebSockets(http1)
  const http2 = http2Backend()
  const sessions = new Set<{ destroy(): void }>()
  http2.on('session', (session) => {
    sessions.add(session)
    session.on('error', () => {}).on('close', () => sessions.delete(session))
  })
  const ports = [await listening(http1), await listening(http2)]
  return {
    http1: `127.0.0.1:${ports[0]}`,
    http2: `127.0.0.1:${ports[1]}`,
    close: async () => {
      for (const each of sessions) each.destroy()
      http1.closeAllConnections()
      await Promise.all([closed(http1), closed(http2)])
    },
  }
}

/** `createProxy` in a program of node:http: one proxy for each version of backends. */
async function inProgram(): Promise<Mount> {
  const behind = await backends()
  const timeouts = { head: LATE_MS, idle: LATE_MS, tunnel: LATE_MS }
  const proxies = [`http://${behind.http1}`, `h2c://${behind.http2}`].map((target) =>
    createProxy({ target, timeouts }),
  )
  proxies[0]?.on('error', () => {})
  let asked = 0
  // Each proxy meets each way.
  const next = () => proxies[Math.floor(asked++ / WAYS.length) % proxies.length]
  const program = createHttpServer((request, reply) => next()?.web(request, reply))
  program.on('upgrade', (request, socket, head) => next()?.ws(request, socket, head))
  program.on('clientError', (_error, socket) => socket.destroy())
  return {
    port: await listening(program),
    describe: () => proxies.map((each) => each.describe()),
    local: () => 0,
    close: async () => {
      await Promise.all(proxies.map((each) => each.close({ timeoutMs: LATE_MS })))
      program.closeAllConnections()
      await closed(program)
      await behind.close()
    },
  }
}

const TIMEOUTS = { head: `${LATE_MS}ms`, idle: `${LATE_MS}ms`, tunnel: `${LATE_MS}ms` } as const

async function served(
  config: Pick<ServerConfig, 'backends' | 'routes'>,
  local: () => number,
  after: () => Promise<void>,
): Promise<Mount> {
  const server = createServer(defineConfig({ listeners: { web: { address: '127.0.0.1:0' } }, ...config }))
  const [address] = await server.listen()
  return {
    port: address?.port as number,
    describe: () => [server.describe()],
    local,
    close: async () => {
      await server.close(LATE_MS)
      await after()
    },
  }
}

/** `createServer` in front of backends of both versions. */
async function asServer(): Promise<Mount> {
  const behind = await backends()
  const to = [
    { to: 'one', weight: 1 },
    { to: 'two', weight: 1 },
  ]
  return served(
    {
      backends: {
        one: { protocol: 'http', endpoints: [behind.http1] },
        two: { protocol: 'h2c', endpoints: [behind.http2] },
      },
      routes: [{ name: 'all', backend: to, timeouts: TIMEOUTS }],
    },
    () => 0,
    behind.close,
  )
}

/** `createServer` in front of an app of the program. */
async function beforeApp(): Promise<Mount> {
  const app = createHttpServer(answer)
  takeWebSockets(app)
  const sockets = new Set<Duplex>()
  const met = ({ socket }: { readonly socket: Duplex }): void => {
    if (sockets.has(socket)) return
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
  }
  app.prependListener('request', met)
  app.prependListener('upgrade', met)
  return served(
    {
      backends: { app: { handler: app } },
      routes: [{ name: 'all', backend: 'app', timeouts: TIMEOUTS }],
    },
    () => sockets.size,
    async () => {},
  )
}

export const MOUNTS: Readonly<Record<string, () => Promise<Mount>>> = {
  createProxy: inProgram,
  createServer: asServer,
  handler: beforeApp,
}
