// Tunnels through a real server: the two frontends a client may come by, the backends it may reach, and a
// WebSocket over either end of a stream of node:http2 (RFC 8441), by the same `ws` that speaks HTTP/1.1.

import { createHash, randomBytes } from 'node:crypto'
import * as http from 'node:http'
import * as http2 from 'node:http2'
import * as https from 'node:https'
import { type AddressInfo, connect, type Server as NetServer } from 'node:net'
import type { Duplex } from 'node:stream'
import type { Test } from 'tap'
import { WebSocket, WebSocketServer } from 'ws'
import { limitsWith, type SomeLimits } from '../../../src/server/index.js'
import { authority, localhost } from '../../../tools/testbed/certificates/index.js'
import { type ShortServerOptions, startShortServer } from '../../../tools/testbed/short-server.js'
import { once } from '../../world/proxy-world.js'

/** `http:` HTTP/1.1, `h2c:` HTTP/2, both in clear text; `https:`, `h2:` the same over TLS. */
export type Kind = 'http' | 'h2c' | 'https' | 'h2'
export const isH2 = (kind: Kind): boolean => kind.startsWith('h2')
export const isSecure = (kind: Kind): boolean => kind === 'https' || kind === 'h2'

export interface Backend {
  readonly url: string
  /** Tunnels that were opened, by what was asked for. */
  readonly asked: Asked[]
  close(): void
}

/** A request for a tunnel as the backend saw it. */
export interface Asked {
  readonly path: string
  readonly headers: http.IncomingHttpHeaders
}

/** Gets an opened WebSocket, or a raw duplex. */
export type OnSocket = (socket: WebSocket, asked: Asked) => void
export type OnDuplex = (duplex: Duplex, asked: Asked) => void

/** The methods that `ws` needs of an HTTP/2 stream to take it for a socket. */
const asSocket = (stream: Duplex): Duplex =>
  Object.assign(stream, { setNoDelay() {}, setTimeout() {}, setKeepAlive() {} })

/** A WebSocket on a stream whose handshake is done; `isServer` by its role. */
export function webSocketOn(stream: Duplex, isServer: boolean): WebSocket {
  const socket = new WebSocket(null as never, undefined, {
    autoPong: true,
    closeTimeout: 30_000,
  } as never) as WebSocket & {
    _isServer: boolean
    setSocket(socket: Duplex, head: Buffer, options: object): void
  }
  // Without an address it takes itself for a server's.
  socket._isServer = isServer
  socket.setSocket(asSocket(stream), Buffer.alloc(0), { maxPayload: 64 * 1024 * 1024 })
  return socket
}

const listening = async (server: NetServer): Promise<number> => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return (server.address() as AddressInfo).port
}

/** A backend of WebSockets, by `ws` over HTTP/1.1 and by node:http2 with extended CONNECT. */
export function webSocketBackend(kind: Kind, onSocket: OnSocket): Promise<Backend> {
  const sockets = new WebSocketServer({ noServer: true, maxPayload: 64 * 1024 * 1024 })
  return rawBackend(
    kind,
    (duplex, asked) => {
      if (isH2(kind)) onSocket(webSocketOn(duplex, true), asked)
    },
    (request, socket, head, asked) =>
      sockets.handleUpgrade(request, socket, head, (opened) => onSocket(opened, asked)),
  )
}

type OnUpgrade = (request: http.IncomingMessage, socket: Duplex, head: Buffer, asked: Asked) => void

/** A backend that gives each tunnel as a duplex. `onUpgrade` makes the handshake of HTTP/1.1 in place of ours. */
export async function rawBackend(kind: Kind, onDuplex: OnDuplex, onUpgrade?: OnUpgrade): Promise<Backend> {
  const asked: Asked[] = []
  const open = new Set<{ destroy(): void }>()
  const settings = { enableConnectProtocol: true }
  const server = isH2(kind)
    ? kind === 'h2'
      ? http2.createSecureServer({ ...localhost, settings })
      : http2.createServer({ settings })
    : kind === 'https'
      ? https.createServer(localhost)
      : http.createServer()
  server.on('session', (session: http2.ServerHttp2Session) => {
    open.add(session)
    session.on('error', () => {})
  })
  server.on('stream', (stream: http2.ServerHttp2Stream, headers: http2.IncomingHttpHeaders) => {
    stream.on('error', () => {})
    if (headers[':method'] !== 'CONNECT' || headers[':protocol'] !== 'websocket') {
      stream.respond({ ':status': 400 }, { endStream: true })
      return
    }
    const one = { path: headers[':path'] ?? '', headers: headers as http.IncomingHttpHeaders }
    asked.push(one)
    const protocol = headers['sec-websocket-protocol']
    stream.respond({
      ':status': 200,
      ...(protocol === undefined ? {} : { 'sec-websocket-protocol': protocol }),
    })
    onDuplex(stream, one)
  })
  server.on('upgrade', (request: http.IncomingMessage, socket: Duplex, head: Buffer) => {
    open.add(socket)
    socket.on('error', () => {})
    const one = { path: request.url ?? '', headers: request.headers }
    asked.push(one)
    if (onUpgrade !== undefined) {
      onUpgrade(request, socket, head, one)
      return
    }
    const accept = acceptOf(request.headers['sec-websocket-key'] ?? '')
    socket.write(
      `HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`,
    )
    onDuplex(socket, one)
  })
  const port = await listening(server as NetServer)
  const host = isSecure(kind) ? 'localhost' : '127.0.0.1'
  return {
    url: `${kind}://${host}:${port}`,
    asked,
    close() {
      server.close()
      for (const each of open) each.destroy()
    },
  }
}

/** RFC 6455 §4.2.2, written here once more: the code is not its own judge. */
export const acceptOf = (key: string): string =>
  createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64')

/** A proxy before this backend; `port` of the listener, and what must hold when the test is over. */
export async function proxyTo(
  t: Test,
  backend: string,
  options: { secure?: boolean; limits?: SomeLimits; more?: Partial<ShortServerOptions> } = {},
) {
  const secure = options.secure === true
  const server = startShortServer({
    listen: [{ host: '127.0.0.1', port: 0, secure }],
    certificates: () => ({ certificates: [localhost] }),
    backendTls: { ca: authority },
    routes: [{ host: '', prefix: '/', url: backend }],
    limits: limitsWith({ http1: { drainIdleMs: 1 }, http2: { drainIdleMs: 1 } }, options.limits),
    drainTimeoutMs: 5_000,
    ...options.more,
  })
  const crashes: unknown[] = []
  server.on('crashed', (_id, error) => crashes.push(error))
  const [address] = (await once(server, 'listening')) as [{ port: number }]
  let stopped = false
  server.on('stopped', () => {
    stopped = true
  })
  t.teardown(async () => {
    if (!stopped) {
      const end = once(server, 'stopped')
      server.command('drain')
      await end
    }
    // A tap test is over when it is torn down: what is wrong then has to be thrown.
    if (crashes.length > 0) throw crashes[0]
    const { proxy, world } = server
    if (proxy.logged !== proxy.begun) throw new Error('an exchange was not logged (S1)')
    if (proxy.tunnels !== 0) throw new Error(`${proxy.tunnels} tunnels are counted`)
    if (world.memory.bytes !== 0) throw new Error(`${world.memory.bytes} octets are still held (S4)`)
  })
  return { server, port: address.port, secure }
}

export type ProxyPort = Pick<Awaited<ReturnType<typeof proxyTo>>, 'port' | 'secure'>

/** Open a WebSocket by HTTP/1.1 or, on an HTTP/2 connection of its own, by extended CONNECT. */
export async function openWebSocket(t: Test, kind: Kind, { port }: ProxyPort, path = '/chat') {
  if (!isH2(kind)) {
    const scheme = kind === 'https' ? 'wss' : 'ws'
    const socket = new WebSocket(`${scheme}://localhost:${port}${path}`, 'x-test', { ca: authority })
    t.teardown(() => socket.terminate())
    await once(socket, 'open')
    return socket
  }
  const stream = await openStream(t, kind, port, path)
  const socket = webSocketOn(stream, false)
  t.teardown(() => socket.terminate())
  return socket
}

/** A client's HTTP/2 connection, its peer's SETTINGS known. */
export async function connectH2(t: Test, kind: Kind, port: number): Promise<http2.ClientHttp2Session> {
  const url = `${kind === 'h2' ? 'https' : 'http'}://localhost:${port}`
  const client = http2.connect(url, { ca: authority })
  client.on('error', () => {})
  t.teardown(() => client.destroy())
  await once(client, 'remoteSettings')
  return client
}

const CONNECT = { ':method': 'CONNECT', ':protocol': 'websocket', 'sec-websocket-version': '13' }

export async function openStream(t: Test, kind: Kind, port: number, path = '/chat') {
  const client = await connectH2(t, kind, port)
  t.equal(client.remoteSettings.enableConnectProtocol, true, 'RFC 8441 §3: it is offered')
  const stream = client.request({ ...CONNECT, ':path': path }, { endStream: false })
  stream.on('error', () => {})
  const [headers] = (await once(stream, 'response')) as [http2.IncomingHttpHeaders]
  t.equal(headers[':status'], 200)
  return stream
}

/** A raw duplex through the proxy, its handshake made by hand: in clear text. */
export async function openDuplex(t: Test, kind: 'http' | 'h2c', { port }: ProxyPort): Promise<Duplex> {
  if (kind === 'h2c') return openStream(t, kind, port)
  const socket = connect({ host: '127.0.0.1', port, allowHalfOpen: true })
  socket.on('error', () => {})
  t.teardown(() => socket.destroy())
  const lines = Object.entries(handshake()).map(([name, value]) => `${name}: ${value}\r\n`)
  socket.write(`GET /chat HTTP/1.1\r\nhost: a\r\n${lines.join('')}\r\n`)
  const [head] = (await once(socket, 'data')) as [Buffer]
  t.match(head.toString('latin1'), /^HTTP\/1.1 101 [\s\S]*\r\n\r\n$/)
  return socket
}

export const handshake = (key = randomBytes(16).toString('base64')) => ({
  connection: 'Upgrade',
  upgrade: 'websocket',
  'sec-websocket-key': key,
  'sec-websocket-version': '13',
})

/** Returns this number of octets, no four of which come twice. */
export function counting(size: number): Buffer {
  const words = new Uint32Array(size / 4)
  for (let at = 0; at < words.length; at++) words[at] = at
  return Buffer.from(words.buffer)
}
