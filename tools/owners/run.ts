// Requests and WebSockets that end in every way, through a proxy in a program of node:http: what is left of
// them afterwards. Each socket has an owner until it closes, so nothing may be left: no handle, no warning of
// Node's about listeners, no error that nobody caught.

import { once } from 'node:events'
import { createServer, type IncomingMessage, request, type Server, type ServerResponse } from 'node:http'
import { createServer as createHttp2Server, type ServerHttp2Session } from 'node:http2'
import { type AddressInfo, connect, type Socket } from 'node:net'
import { createProxy, type HttpProxy } from '../../src/server/index.js'
import { echoUpgrades } from '../testbed/websocket-echo.js'

export interface OwnersOptions {
  readonly requests: number
  readonly sockets: number
  /** How many run at once. */
  readonly atOnce: number
}

export interface OwnersReport {
  /** The handles that are left, by kind, beyond those before. */
  readonly left: Readonly<Record<string, number>>
  readonly warnings: readonly string[]
  readonly uncaught: readonly string[]
  /** Exchanges by how they ended. */
  readonly outcomes: Readonly<Record<string, number>>
  /** Exchanges that have begun and not ended. */
  readonly unended: number
}

/** How a request ends. */
const WAYS = [
  'whole',
  'post',
  'client-gone-before-head',
  'client-gone-in-body',
  'client-gone-in-upload',
  'client-gone-unread',
  'backend-gone-before-head',
  'backend-gone-in-body',
  'both-gone',
  'head-late',
  'body-late',
  'client-gone-at-once',
] as const
type Way = (typeof WAYS)[number]

/** How a WebSocket ends. */
const SOCKET_WAYS = ['client-ends', 'client-resets', 'backend-resets', 'refused', 'idle', 'at-once'] as const
type SocketWay = (typeof SOCKET_WAYS)[number]

const HEAD_MS = 60
const BIG = Buffer.alloc(512 * 1024)

/** Answers as the path says. */
function answer(asked: IncomingMessage, reply: ServerResponse): void {
  reply.on('error', () => {})
  asked.on('error', () => {})
  const way = asked.url?.slice(1) as Way
  switch (way) {
    case 'backend-gone-before-head':
      asked.socket.resetAndDestroy()
      return
    case 'both-gone':
    case 'backend-gone-in-body':
      reply.writeHead(200, { 'content-length': '100' })
      reply.write('half', () => asked.socket.destroy())
      return
    case 'client-gone-before-head':
    case 'head-late':
      asked.resume()
      return
    case 'client-gone-in-body':
    case 'body-late':
      reply.write('half')
      return
    case 'client-gone-unread':
      reply.end(BIG)
      return
    default:
      asked.resume().on('end', () => reply.end('whole'))
  }
}

async function listening(server: Server | ReturnType<typeof createHttp2Server>): Promise<number> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return (server.address() as AddressInfo).port
}

/** Asks in this way; resolves when the client is done. */
function ask(port: number, way: Way): Promise<void> {
  return new Promise((resolve) => {
    const isPost = way === 'post' || way === 'client-gone-in-upload'
    const asking = request({
      port,
      host: '127.0.0.1',
      path: `/${way}`,
      method: isPost ? 'POST' : 'GET',
      agent: false,
    })
    const leave = (): void => void asking.destroy()
    asking.on('error', () => {})
    asking.on('close', () => resolve())
    asking.on('response', (reply) => {
      reply.on('error', () => {})
      if (way === 'client-gone-unread') {
        reply.pause()
        setImmediate(leave)
        return
      }
      reply.on('data', () => {
        if (way === 'client-gone-in-body' || way === 'both-gone') leave()
      })
    })
    if (way === 'client-gone-before-head') asking.on('finish', () => setTimeout(leave, 5))
    if (way === 'client-gone-at-once') asking.on('finish', leave)
    if (way === 'client-gone-in-upload') {
      asking.setHeader('content-length', String(2 * BIG.length))
      asking.write(BIG, () => setImmediate(leave))
    } else if (way === 'post') asking.end(BIG)
    else asking.end()
  })
}

function handshake(way: SocketWay): string {
  return `GET /${way} HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n`
}

function open(port: number, way: SocketWay): Promise<void> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    let came = 0
    socket.on('error', () => {})
    socket.on('close', () => resolve())
    socket.on('connect', () => {
      socket.write(handshake(way))
      if (way === 'at-once') socket.resetAndDestroy()
    })
    socket.on('data', () => {
      if (came++ > 0) return
      if (way === 'client-ends') socket.end('bye')
      else if (way === 'client-resets') socket.resetAndDestroy()
      else if (way === 'backend-resets') socket.write('reset')
    })
  })
}

async function all(count: number, atOnce: number, begin: (n: number) => Promise<void>): Promise<void> {
  let next = 0
  const worker = async (): Promise<void> => {
    while (next < count) await begin(next++)
  }
  await Promise.all(Array.from({ length: Math.min(atOnce, count) }, worker))
}

const handles = (): Record<string, number> => {
  const counts: Record<string, number> = {}
  for (const each of process.getActiveResourcesInfo()) counts[each] = (counts[each] ?? 0) + 1
  return counts
}

/** Runs all, and says what is left. */
export async function runOwners({ requests, sockets, atOnce }: OwnersOptions): Promise<OwnersReport> {
  // The streams of this process are made when they are first used: before the count.
  process.stdout.write('')
  process.stderr.write('')
  const before = handles()
  const warnings: string[] = []
  const uncaught: string[] = []
  const warned = (warning: Error): void => void warnings.push(`${warning.name}: ${warning.message}`)
  const thrown = (error: unknown): void => void uncaught.push(String(error))
  process.on('warning', warned)
  process.on('uncaughtException', thrown)
  process.on('unhandledRejection', thrown)

  const http1 = createServer(answer)
  echoUpgrades(http1)
  http1.prependListener('upgrade', (asked: IncomingMessage, socket: Socket) => {
    if (asked.url === '/refused') socket.end('HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n')
    socket.on('data', (chunk) => {
      if (String(chunk) === 'reset') socket.resetAndDestroy()
    })
  })
  const http2 = createHttp2Server({}, answer as never)
  const sessions = new Set<ServerHttp2Session>()
  http2.on('session', (session) => {
    sessions.add(session)
    session.on('error', () => {}).on('close', () => sessions.delete(session))
  })
  http2.on('sessionError', () => {})
  const timeouts = { head: HEAD_MS, idle: HEAD_MS, tunnel: HEAD_MS }
  const proxies: HttpProxy[] = []
  for (const target of [
    `http://127.0.0.1:${await listening(http1)}`,
    `h2c://127.0.0.1:${await listening(http2)}`,
  ])
    proxies.push(createProxy({ target, timeouts }))
  const [first, second] = proxies as [HttpProxy, HttpProxy]
  first.on('error', () => {})
  const program = createServer((asked, reply) =>
    (Number(asked.headers['x-n'] ?? asked.socket.remotePort) % 2 === 0 ? first : second).web(asked, reply),
  )
  program.on('upgrade', (asked, socket, head) => first.ws(asked, socket, head))
  program.on('clientError', (_error, socket) => socket.destroy())
  const port = await listening(program)

  await all(requests, atOnce, (n) => ask(port, WAYS[n % WAYS.length] as Way))
  await all(sockets, atOnce, (n) => open(port, SOCKET_WAYS[n % SOCKET_WAYS.length] as SocketWay))
  // The program closes while some still run.
  const running = Array.from({ length: 20 }, (_, n) =>
    n % 2 === 0 ? ask(port, 'client-gone-in-body') : open(port, 'idle'),
  )
  await new Promise(setImmediate)
  await Promise.all(proxies.map((each) => each.close({ timeoutMs: HEAD_MS })))
  program.closeAllConnections()
  await Promise.all(running)
  for (const each of sessions) each.destroy()
  http1.closeAllConnections()
  await Promise.all([http1, http2, program].map((each) => new Promise((resolve) => each.close(resolve))))
  // Handles are let go after their last callbacks.
  const after = await settled(before)
  process.off('warning', warned)
  process.off('uncaughtException', thrown)
  process.off('unhandledRejection', thrown)
  const outcomes: Record<string, number> = {}
  let unended = 0
  for (const each of proxies) {
    const { exchanges } = each.describe() as {
      exchanges: { begun: number; ended: number; outcomes: Record<string, number> }
    }
    unended += exchanges.begun - exchanges.ended
    for (const [name, count] of Object.entries(exchanges.outcomes))
      outcomes[name] = (outcomes[name] ?? 0) + count
  }
  return { left: after, warnings, uncaught, outcomes, unended }
}

/** The handles beyond `before`, once they do not change any more. */
async function settled(before: Readonly<Record<string, number>>): Promise<Record<string, number>> {
  let left: Record<string, number> = {}
  for (let turn = 0; turn < 500; turn++) {
    await new Promise(setImmediate)
    left = {}
    for (const [kind, count] of Object.entries(handles()))
      if (kind !== 'Immediate' && count > (before[kind] ?? 0)) left[kind] = count - (before[kind] ?? 0)
    if (Object.keys(left).length === 0) break
  }
  return left
}
