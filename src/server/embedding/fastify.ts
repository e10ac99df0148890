// A plugin of Fastify that hands the requests and WebSockets below its prefix to a proxy. A path is compared
// with the prefix as Fastify's router does, segment by segment and decoded; what is behind it stays as the
// client wrote it, and may not lead out again. Of several plugins of one server the longest prefix takes a
// WebSocket.

import type { IncomingMessage } from 'node:http'
import type { ProxyReply, ProxyRequest, RequestOptions, UpgradeSocket } from './options.js'

/** The calls of a proxy that a plugin needs. */
interface Mounted {
  web(request: ProxyRequest, reply: ProxyReply, options?: RequestOptions): void
  ws(request: IncomingMessage, socket: UpgradeSocket, head: Buffer, options?: RequestOptions): void
}

/** As much of a Fastify instance as is used. */
export interface FastifyLike {
  readonly prefix: string
  readonly server: unknown
  removeAllContentTypeParsers(): unknown
  addContentTypeParser(type: string, parser: (request: never, payload: never, done: never) => void): unknown
  route(options: never): unknown
  addHook(name: 'preClose', hook: (done: () => void) => void): unknown
}

export interface FastifyPluginOptions extends RequestOptions {
  readonly prefix?: string
  /** Goes in place of the prefix; '' by default. It may have the variables of the prefix, as `/v2/:id`. */
  readonly rewritePrefix?: string
  /** False leaves a Location as it is; by default one below `rewritePrefix` gets the prefix back. */
  readonly rewriteLocation?: boolean
  /** Takes the WebSockets of paths below the prefix. */
  readonly websocket?: boolean
  /** The methods that are taken. Default: all that Fastify knows without being told. */
  readonly methods?: readonly string[]
  /** The constraints of its routes, as Fastify has them. */
  readonly constraints?: Readonly<Record<string, unknown>>
  /** The scope's own parsers read bodies first, for hooks that look at them. What they have read is sent. */
  readonly parsesBodies?: boolean
}

export type FastifyPlugin = (
  instance: FastifyLike,
  options: FastifyPluginOptions,
  done: (error?: Error) => void,
) => void

const METHODS = ['DELETE', 'GET', 'HEAD', 'PATCH', 'POST', 'PUT', 'OPTIONS'] as const

interface FastifyRoute {
  readonly url: string
  readonly method: readonly string[]
  readonly constraints?: Readonly<Record<string, unknown>>
  readonly handler: (
    request: { readonly raw: ProxyRequest; readonly body?: unknown },
    reply: FastifyReplyLike,
  ) => void
}

interface FastifyReplyLike {
  readonly raw: ProxyReply
  hijack(): unknown
  code(status: number): this
  send(body: unknown): unknown
  getHeaders(): Record<string, string | string[] | number | undefined>
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

const isVariable = (segment: string): boolean => segment.startsWith(':')

/** A prefix, whose segments may be variables: `/api/:id`. */
export class Prefix {
  readonly text: string
  readonly segments: readonly string[]

  constructor(text: string) {
    this.text = text
    this.segments = text.split('/').filter((each) => each !== '')
  }

  /** Returns what is behind the prefix, and the values of its variables; null if the path is not below it. */
  read(path: string): { readonly rest: string; readonly values: ReadonlyMap<string, string> } | null {
    const mark = path.search(/[?#]/)
    const end = mark < 0 ? path.length : mark
    const values = new Map<string, string>()
    let at = 0
    for (const segment of this.segments) {
      if (path[at] !== '/') return null
      const slash = path.indexOf('/', at + 1)
      const next = slash < 0 || slash > end ? end : slash
      const text = path.slice(at + 1, next)
      if (isVariable(segment)) {
        if (text === '') return null
        values.set(segment, text)
      } else if (decoded(text) !== segment) return null
      at = next
    }
    return { rest: path.slice(at), values }
  }

  /** Returns this prefix with these values, and the rest behind it. */
  write(values: ReadonlyMap<string, string>, rest: string): string {
    const segments = this.segments.map((each) => values.get(each) ?? each)
    const before = segments.map((each) => `/${each}`).join('')
    return `${before}${rest}` || '/'
  }
}

/** Whether a path has a segment `..` in any spelling, also as a variable: it could lead out of the prefix. */
const leadsOut = (path: string): boolean =>
  path
    .replace(/[?#].*$/s, '')
    .split(/[\\/]|%2f|%5c/i)
    .some((each) => /^(?:\.|%2e){2}$/i.test(each))

interface Mount {
  readonly proxy: Mounted
  readonly prefix: Prefix
  readonly options: RequestOptions
  readonly sockets: Set<UpgradeSocket>
  /** Its instance closes. */
  isClosing: boolean
}

/** The property of a server that has its mounts, so that one of them takes each WebSocket. */
const MOUNTS = Symbol('fermata.mounts')
type MountedServer = NodeJS.EventEmitter & { [MOUNTS]?: Mount[] }

export function fastifyPlugin(proxy: Mounted): FastifyPlugin {
  return (instance, options, done) => {
    const {
      prefix: _,
      rewritePrefix = '',
      rewriteLocation = true,
      websocket = false,
      methods = METHODS,
      constraints,
      parsesBodies = false,
      ...own
    } = options
    const prefix = new Prefix(instance.prefix)
    const inside = new Prefix(rewritePrefix)
    const pathRewrite = (path: string): string => {
      const read = prefix.read(path)
      return read === null ? path : inside.write(read.values, read.rest)
    }
    const of = { pathRewrite, ...own }
    if (!parsesBodies) takeBodies(instance)
    const handler: FastifyRoute['handler'] = (request, reply) => {
      const { raw } = reply
      const path = request.raw.url ?? '/'
      const read = prefix.read(path)
      if (leadsOut(path)) {
        reply
          .code(400)
          .send({ statusCode: 400, error: 'Bad Request', message: 'the path leads out of its prefix' })
        return
      }
      // Fields that hooks have set go with the response.
      for (const [name, value] of Object.entries(reply.getHeaders()))
        if (value !== undefined) raw.setHeader(name, value as string)
      reply.hijack()
      const body = parsesBodies ? bodyOf(request.body) : null
      const back =
        rewriteLocation && read !== null && prefix.text !== rewritePrefix
          ? (location: string): string => locationBack(location, inside, prefix, read.values)
          : null
      proxy.web(request.raw, raw, {
        ...of,
        ...(body === null ? {} : { body }),
        ...(back === null ? {} : { locationRewrite: back }),
      })
    }
    for (const url of ['/', '/*']) {
      const route: FastifyRoute = {
        url,
        method: methods,
        handler,
        ...(constraints === undefined ? {} : { constraints }),
      }
      instance.route(route as never)
    }
    if (websocket)
      takeUpgrades(instance, { proxy, prefix, options: of, sockets: new Set(), isClosing: false })
    done()
  }
}

/** Bodies pass unread. */
function takeBodies(instance: FastifyLike): void {
  instance.removeAllContentTypeParsers()
  instance.addContentTypeParser('*', (_request: never, _payload: never, ready: never) =>
    (ready as (error: null) => void)(null),
  )
}

/** Returns a body that a parser has read, as it is sent; null for none. */
function bodyOf(body: unknown): RequestOptions['body'] | null {
  if (body === undefined || body === null) return null
  return typeof body === 'string' || Buffer.isBuffer(body) ? body : JSON.stringify(body)
}

/** Returns a Location that leads below the inner prefix with the outer one in its place. */
function locationBack(
  location: string,
  inside: Prefix,
  prefix: Prefix,
  values: ReadonlyMap<string, string>,
): string {
  if (!location.startsWith('/') || location.startsWith('//')) return location
  const read = inside.read(location)
  return read === null ? location : prefix.write(new Map([...values, ...read.values]), read.rest)
}

function takeUpgrades(instance: FastifyLike, mount: Mount): void {
  const server = instance.server as MountedServer
  let mounts = server[MOUNTS]
  if (mounts === undefined) {
    const all: Mount[] = []
    mounts = all
    server[MOUNTS] = all
    server.on('upgrade', (request: IncomingMessage, socket: UpgradeSocket, head: Buffer) =>
      upgraded(all, request, socket, head),
    )
  }
  mounts.push(mount)
  // Fastify waits for all connections of its server.
  instance.addHook('preClose', (closed) => {
    mount.isClosing = true
    for (const each of mount.sockets) each.destroy()
    closed()
  })
}

function upgraded(
  mounts: readonly Mount[],
  request: IncomingMessage,
  socket: UpgradeSocket,
  head: Buffer,
): void {
  const path = request.url ?? '/'
  let found: Mount | null = null
  for (const each of mounts)
    if (
      each.prefix.read(path) !== null &&
      each.prefix.segments.length >= (found?.prefix.segments.length ?? 0)
    )
      found = each
  if (found === null) return
  if (found.isClosing || leadsOut(path)) {
    const status = found.isClosing ? '503 Service Unavailable' : '400 Bad Request'
    socket.on('error', () => {})
    socket.end(`HTTP/1.1 ${status}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n`)
    return
  }
  const { proxy, options, sockets } = found
  sockets.add(socket)
  socket.once('close', () => sockets.delete(socket))
  proxy.ws(request, socket, head, options)
}
