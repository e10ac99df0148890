// Every frontend with every backend (issue: four by four): a real server in this process, and around it peers
// of Node's own http, https and http2. One way to call whichever frontend, one way to answer on whichever
// backend (http2's compatibility API), so that one table of cases serves all pairs.

import * as http from 'node:http'
import * as http2 from 'node:http2'
import * as https from 'node:https'
import { type AddressInfo, connect as connectTcp, type Socket } from 'node:net'
import type { Duplex, Readable, Writable } from 'node:stream'
import { connect as connectTls } from 'node:tls'
import t, { type Test } from 'tap'
import { limitsWith, type SomeLimits } from '../../src/server/index.js'
import type { Server } from '../../src/server/server.js'
import { authority, localhost } from '../../tools/testbed/certificates/index.js'
import { startShortServer } from '../../tools/testbed/short-server.js'
import { once } from './proxy-world.js'

export const FRONTENDS = ['http/1.1', 'h2c', 'http/1.1 over TLS', 'h2 over TLS'] as const
export type Protocol = (typeof FRONTENDS)[number]
export const BACKENDS: readonly Protocol[] = FRONTENDS

export const isHttp2 = (protocol: Protocol): boolean => protocol.startsWith('h2')
export const isSecure = (protocol: Protocol): boolean => protocol.endsWith('TLS')

// The backend's side

export type Request = http.IncomingMessage & { readonly stream?: http2.ServerHttp2Stream }
export type Response = http.ServerResponse & { readonly stream?: http2.ServerHttp2Stream }
export type Answering = (request: Request, response: Response) => void

/** End a response in the middle, so that it cannot look complete. */
export function cut(request: Request, response: Response): void {
  if (response.stream === undefined) request.socket.destroy()
  else response.stream.close(http2.constants.NGHTTP2_INTERNAL_ERROR)
}

/** Is called when the client has left before the response was whole. */
export function leaving(response: Response): Promise<void> {
  return new Promise((resolve) =>
    (response.stream ?? response).on('close', () => {
      if (!response.writableEnded) resolve()
    }),
  )
}

export interface Origin {
  readonly url: string
  /** Connections made to it so far. */
  connections: number
  close(): Promise<void>
}

const SCHEMES: Readonly<Record<Protocol, string>> = {
  'http/1.1': 'http',
  h2c: 'h2c',
  'http/1.1 over TLS': 'https',
  'h2 over TLS': 'https',
}

function serverOf(protocol: Protocol): http.Server | http2.Http2Server {
  switch (protocol) {
    case 'http/1.1':
      return http.createServer()
    case 'h2c':
      return http2.createServer()
    case 'http/1.1 over TLS':
      return https.createServer(localhost)
    case 'h2 over TLS':
      return http2.createSecureServer(localhost)
  }
}

export async function startOrigin(protocol: Protocol, answer: Answering): Promise<Origin> {
  const server = serverOf(protocol)
  const sockets = new Set<Duplex>()
  const answering = (request: unknown, response: unknown): void => {
    const [req, res] = [request as Request, response as Response]
    req.on('error', () => {})
    res.on('error', () => {})
    res.stream?.on('error', () => {})
    answer(req, res)
  }
  server.on('request', answering)
  server.on('checkContinue', answering)
  server.on('sessionError', () => {})
  // A TLS server tells of the clear socket first; what counts is the connection.
  server.on('connection', (socket: Socket) => {
    origin.connections++
    sockets.add(socket)
    socket.on('error', () => {})
    socket.on('close', () => sockets.delete(socket))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const origin: Origin = {
    url: `${SCHEMES[protocol]}://127.0.0.1:${(server.address() as AddressInfo).port}`,
    connections: 0,
    close() {
      for (const socket of sockets) socket.destroy()
      return new Promise((resolve) => void server.close(() => resolve()))
    },
  }
  return origin
}

// The client's side

export interface Answer {
  readonly status: number
  readonly headers: http.IncomingHttpHeaders
  readonly trailers: http.IncomingHttpHeaders
  readonly interims: readonly number[]
  readonly body: Buffer
  /** It came whole, by its own framing. */
  readonly whole: boolean
}

export interface CallOptions {
  readonly method?: string
  readonly path: string
  readonly headers?: Readonly<Record<string, string | string[]>>
  /** All of the body, or `open`: it is written to {@link Call.body}. None ends the request with its head. */
  readonly body?: Uint8Array | 'open'
  readonly trailers?: Readonly<Record<string, string>>
  /** Do not read the response before {@link Call.readOn}. */
  readonly unread?: boolean
}

export interface Call {
  readonly body: Writable
  /** The final head; rejects if none comes. */
  readonly head: Promise<{ status: number; headers: http.IncomingHttpHeaders }>
  readonly continued: Promise<unknown>
  /** The response's body, once its head is here. */
  readonly response: Readable
  /** Never rejects. */
  readonly answer: Promise<Answer>
  /** Resolves when this number of octets of the response's body has been read. */
  received(bytes: number): Promise<void>
  readOn(): void
  cancel(): void
}

export interface Peer {
  call(options: CallOptions): Call
  get(path: string, headers?: CallOptions['headers']): Promise<Answer>
  close(): void
}

/** Gathers the answers of either version. */
class Gathered {
  status = 0
  headers: http.IncomingHttpHeaders = {}
  trailers: http.IncomingHttpHeaders = {}
  readonly interims: number[] = []
  readonly chunks: Buffer[] = []
  private bytes = 0
  private wanted = 0
  private enough: () => void = () => {}
  whole = false
  readonly answer: Promise<Answer>
  readonly head: Promise<{ status: number; headers: http.IncomingHttpHeaders }>
  over: () => void = () => {}
  private headCame: (head: { status: number; headers: http.IncomingHttpHeaders }) => void = () => {}

  constructor() {
    let none: (error: Error) => void = () => {}
    this.head = new Promise((resolve, reject) => {
      this.headCame = resolve
      none = reject
    })
    this.head.catch(() => {})
    this.answer = new Promise((resolve) => {
      this.over = () => {
        none(new Error('no response'))
        const { status, headers, trailers, interims, whole } = this
        resolve({ status, headers, trailers, interims, whole, body: Buffer.concat(this.chunks) })
      }
    })
  }

  begin(status: number, headers: http.IncomingHttpHeaders, body: Readable, unread: boolean): void {
    this.status = status
    this.headers = headers
    if (!unread) this.read(body)
    this.headCame({ status, headers })
  }

  read(body: Readable): void {
    body.on('data', (chunk: Buffer) => {
      this.chunks.push(chunk)
      this.bytes += chunk.length
      if (this.bytes >= this.wanted) this.enough()
    })
  }

  received(bytes: number): Promise<void> {
    this.wanted = bytes
    return this.bytes >= bytes
      ? Promise.resolve()
      : new Promise((resolve) => {
          this.enough = resolve
        })
  }
}

const write = (body: Writable, bytes: CallOptions['body']): void => {
  if (bytes === undefined) body.end()
  else if (bytes !== 'open') body.end(bytes)
}

function http1Peer(port: number, secure: boolean): Peer {
  const options = { keepAlive: true, maxSockets: 1 }
  const agent = secure
    ? new https.Agent({ ...options, ca: authority, servername: 'localhost' })
    : new http.Agent(options)
  const call = ({
    method = 'GET',
    path,
    headers = {},
    body,
    trailers,
    unread = false,
  }: CallOptions): Call => {
    const gathered = new Gathered()
    let response: http.IncomingMessage | null = null
    const length =
      body instanceof Uint8Array && trailers === undefined ? { 'content-length': body.length } : {}
    const request = (secure ? https : http).request({
      host: '127.0.0.1',
      port,
      agent,
      method,
      path,
      headers: { ...length, ...headers } as http.OutgoingHttpHeaders,
    })
    const continued = once(request, 'continue').catch(() => {})
    request.on('error', () => {})
    request.on('information', ({ statusCode }) => gathered.interims.push(statusCode))
    request.on('response', (message) => {
      response = message
      message.on('error', () => {})
      message.on('end', () => {
        gathered.whole = message.complete
        gathered.trailers = message.trailers as http.IncomingHttpHeaders
      })
      message.on('close', () => gathered.over())
      gathered.begin(message.statusCode ?? 0, message.headers, message, unread)
    })
    request.on('close', () => {
      if (response === null) gathered.over()
    })
    if (trailers !== undefined) request.addTrailers(trailers)
    if (body === 'open') request.flushHeaders()
    write(request, body)
    return {
      body: request,
      head: gathered.head,
      continued,
      get response() {
        return response as http.IncomingMessage
      },
      answer: gathered.answer,
      received: (bytes) => gathered.received(bytes),
      readOn: () => gathered.read(response as http.IncomingMessage),
      cancel: () => request.destroy(),
    }
  }
  return withGet(call, () => agent.destroy())
}

function http2Peer(port: number, secure: boolean): Peer {
  const session = secure
    ? http2.connect(`https://localhost:${port}`, { ca: authority, host: '127.0.0.1' } as object)
    : http2.connect(`http://127.0.0.1:${port}`)
  session.on('error', () => {})
  const call = ({
    method = 'GET',
    path,
    headers = {},
    body,
    trailers,
    unread = false,
  }: CallOptions): Call => {
    const gathered = new Gathered()
    const length =
      body instanceof Uint8Array && trailers === undefined ? { 'content-length': body.length } : {}
    const stream = session.request(
      { ...length, ...headers, ':method': method, ':path': path },
      { endStream: body === undefined, waitForTrailers: trailers !== undefined },
    )
    const continued = once(stream, 'continue').catch(() => {})
    stream.on('error', () => {})
    stream.on('headers', (each) => gathered.interims.push(Number(each[':status'])))
    stream.on('response', (each) =>
      gathered.begin(Number(each[':status']), each as http.IncomingHttpHeaders, stream, unread),
    )
    stream.on('trailers', (each) => {
      gathered.trailers = each as http.IncomingHttpHeaders
    })
    stream.on('wantTrailers', () => stream.sendTrailers(trailers ?? {}))
    let ended = false
    stream.on('end', () => {
      ended = true
    })
    stream.on('close', () => {
      gathered.whole = ended && stream.rstCode === 0
      gathered.over()
    })
    if (body !== undefined) write(stream, body)
    return {
      body: stream,
      head: gathered.head,
      continued,
      response: stream,
      answer: gathered.answer,
      received: (bytes) => gathered.received(bytes),
      readOn: () => gathered.read(stream),
      cancel: () => stream.close(http2.constants.NGHTTP2_CANCEL),
    }
  }
  return withGet(call, () => session.destroy())
}

const withGet = (call: Peer['call'], close: () => void): Peer => ({
  call,
  get: (path, headers = {}) => call({ path, headers }).answer,
  close,
})

/** A client that writes HTTP/1.1 by hand. */
export interface Raw {
  readonly socket: Socket
  readonly text: string
  /** Until what has come matches. */
  until(pattern: RegExp): Promise<void>
  /** Until the server has ended the connection. */
  readonly ended: Promise<unknown>
}

async function rawClient(t: Test, port: number, secure: boolean): Promise<Raw> {
  const to = { host: '127.0.0.1', port }
  const socket = secure
    ? connectTls({ ...to, ca: authority, servername: 'localhost', ALPNProtocols: ['http/1.1'] })
    : connectTcp(to)
  t.teardown(() => socket.destroy())
  socket.on('error', () => {})
  let text = ''
  let look = () => {}
  socket.setEncoding('latin1').on('data', (chunk: string) => {
    text += chunk
    look()
  })
  const ended = once(socket, 'end')
  await once(socket, secure ? 'secureConnect' : 'connect')
  return {
    socket,
    get text() {
      return text
    },
    until: (pattern) =>
      new Promise((resolve) => {
        look = () => {
          if (pattern.test(text)) resolve()
        }
        look()
      }),
    ended,
  }
}

// The pair

export interface Pair {
  readonly frontend: Protocol
  readonly backend: Protocol
  readonly server: Server
  readonly origin: Origin
  /** The port of the frontend's listener. */
  readonly port: number
  /** A client connection of its own. */
  peer(): Peer
  /** A connection of octets, for HTTP/1.1 frontends: what is written by hand, and all that comes back. */
  raw(): Promise<Raw>
  /** Until all exchanges are over; then no lease may be taken, and nothing may be held. */
  quiet(t: Test): Promise<void>
}

export interface Case {
  readonly title: string
  /** The pairs for which it has a meaning; by default all. */
  readonly where?: (frontend: Protocol, backend: Protocol) => boolean
  run(t: Test, pair: Pair): Promise<void>
}

/** Exchanges over, leases back, nothing held: S1, S4. Frees may take some turns more, and no time. */
async function quiet(t: Test, server: Server): Promise<void> {
  const { proxy, world } = server
  const left = () => {
    const engines = server.describe()['engines'] as { queued: number; sessions: { leased: number }[] }[]
    const leases = engines.flatMap((each) => [each.queued, ...each.sessions.map(({ leased }) => leased)])
    return proxy.begun - proxy.logged + world.memory.bytes + leases.reduce((sum, each) => sum + each, 0)
  }
  for (let turns = 0; left() > 0 && turns < 20_000; turns++) await new Promise(setImmediate)
  t.equal(proxy.begun, proxy.logged, 'every exchange is over (S1)')
  t.equal(left(), 0, 'no lease is taken, nothing is held')
}

/** For all of a file, on a machine that has much else to do. */
const TIMEOUT_MS = 120_000

/** Run these cases on every pair. */
export function matrix(answer: Answering, cases: readonly Case[], limits: SomeLimits = {}): void {
  t.setTimeout(TIMEOUT_MS)
  for (const backend of BACKENDS.filter((each) =>
    cases.some(({ where }) => FRONTENDS.some((from) => where === undefined || where(from, each))),
  )) {
    t.test(`to ${backend}`, async (t) => {
      const origin = await startOrigin(backend, answer)
      const server = startShortServer({
        listen: [
          { host: '127.0.0.1', port: 0 },
          { host: '127.0.0.1', port: 0, secure: true },
        ],
        certificates: () => ({ certificates: [localhost] }),
        backendTls: { ca: authority, serverName: 'localhost' },
        routes: [{ host: '', prefix: '/', url: origin.url }],
        // Nothing is under way at the end of a table: what idles need not be waited for.
        limits: limitsWith({ http1: { drainIdleMs: 1 }, http2: { drainIdleMs: 1 } }, limits),
      })
      const crashes: unknown[] = []
      server.on('crashed', (_id, error) => crashes.push(error))
      const ports = { clear: 0, secure: 0 }
      await new Promise<void>((resolve) =>
        server.on('listening', (address, secure) => {
          ports[secure ? 'secure' : 'clear'] = address.port
          if (ports.clear * ports.secure > 0) resolve()
        }),
      )
      for (const frontend of FRONTENDS) {
        const port = isSecure(frontend) ? ports.secure : ports.clear
        const mine = cases.filter(({ where }) => where === undefined || where(frontend, backend))
        for (const { title, run } of mine) {
          await t.test(`${frontend} to ${backend}: ${title}`, async (t) => {
            const peer = () => {
              const made = (isHttp2(frontend) ? http2Peer : http1Peer)(port, isSecure(frontend))
              t.teardown(() => made.close())
              return made
            }
            const raw = () => rawClient(t, port, isSecure(frontend))
            await run(t, {
              frontend,
              backend,
              server,
              origin,
              port,
              peer,
              raw,
              quiet: (t) => quiet(t, server),
            })
            await quiet(t, server)
          })
        }
      }
      const stopped = once(server, 'stopped')
      server.command('drain')
      await stopped
      await origin.close()
      t.strictSame(crashes, [])
    })
  }
}
