// The ways in which a request or a WebSocket ends: the acts of its client and of its backend.

import { type IncomingMessage, request, type Server, type ServerResponse } from 'node:http'
import {
  constants,
  createServer as createHttp2Server,
  type Http2Server,
  type ServerHttp2Stream,
} from 'node:http2'
import { connect, type Socket } from 'node:net'
import { echoUpgrades } from '../testbed/websocket-echo.js'

/** The ways in which a request ends. */
export const WAYS = [
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
export type Way = (typeof WAYS)[number]

/** The ways in which a WebSocket ends. */
export const SOCKET_WAYS = [
  'client-ends',
  'client-resets',
  'backend-resets',
  'refused',
  'idle',
  'at-once',
] as const
export type SocketWay = (typeof SOCKET_WAYS)[number]

const BIG = Buffer.alloc(512 * 1024)

/** Of so many streams of HTTP/2 one goes with its connection, and so with all others on it. */
const CONNECTION_EACH = 8
let gone = 0

/** The backend goes, before its head or after it. */
function go(asked: IncomingMessage, resets: boolean): void {
  const { stream } = asked as IncomingMessage & { readonly stream?: ServerHttp2Stream }
  if (stream !== undefined && gone++ % CONNECTION_EACH > 0) stream.close(constants.NGHTTP2_INTERNAL_ERROR)
  else if (resets && stream === undefined) asked.socket.resetAndDestroy()
  else asked.socket.destroy()
}

/** Answers as the path says. */
export function answer(asked: IncomingMessage, reply: ServerResponse): void {
  reply.on('error', () => {})
  asked.on('error', () => {})
  const way = asked.url?.slice(1) as Way
  switch (way) {
    case 'backend-gone-before-head':
      go(asked, true)
      return
    case 'both-gone':
    case 'backend-gone-in-body':
      reply.writeHead(200, { 'content-length': '100' })
      reply.write('half', () => go(asked, false))
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

/** Takes the WebSockets of a server: it echoes, refuses or resets. */
export function takeWebSockets(server: Server): void {
  echoUpgrades(server)
  server.prependListener('upgrade', (asked: IncomingMessage, socket: Socket) => {
    if (asked.url === '/refused') socket.end('HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n')
    socket.on('data', (chunk) => {
      if (String(chunk) === 'reset') socket.resetAndDestroy()
    })
  })
}

/** Returns a backend of HTTP/2, which takes WebSockets by extended CONNECT. */
export function http2Backend(): Http2Server {
  const server = createHttp2Server({ settings: { enableConnectProtocol: true } }, answer as never)
  server.on('sessionError', () => {})
  server.on('connect', ({ url }, { stream }) => {
    stream.on('error', () => {})
    if (url === '/refused') {
      stream.respond({ ':status': 403 }, { endStream: true })
      return
    }
    stream.respond({ ':status': 200 })
    stream.on('data', (chunk: Buffer) => {
      if (String(chunk) === 'reset') stream.close(constants.NGHTTP2_INTERNAL_ERROR)
    })
    stream.pipe(stream)
  })
  return server
}

/** Asks in this way; resolves when the client is done. */
export function ask(port: number, way: Way): Promise<void> {
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

/** Opens a WebSocket that ends in this way; resolves when its socket has closed. */
export function open(port: number, way: SocketWay): Promise<void> {
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
      if (way === 'client-ends' || way === 'refused') socket.end('bye')
      else if (way === 'client-resets') socket.resetAndDestroy()
      else if (way === 'backend-resets') socket.write('reset')
    })
  })
}
