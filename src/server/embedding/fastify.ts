// A plugin of Fastify that hands the requests and WebSockets below its prefix to a proxy. The path behind the
// prefix stays as the client wrote it, and may not lead out again.

import type { IncomingMessage } from 'node:http'
import { ConfigError } from '../address.js'
import { leadsOut, Prefix } from './fastify-prefix.js'
import { type Routing, takeSocket, takeUpgrades, upgradeOf } from './fastify-upgrades.js'
import {
  checkRequestOptions,
  type ProxyReply,
  type ProxyRequest,
  type RequestOptions,
  type UpgradeSocket,
} from './options.js'
import { pathOf } from './paths.js'

/** The calls of a proxy that a plugin needs. */
interface Mounted {
  web(request: ProxyRequest, reply: ProxyReply, options?: RequestOptions): void
  ws(request: IncomingMessage, socket: UpgradeSocket, head: Buffer, options?: RequestOptions): void
}

interface RouterOptions {
  readonly caseSensitive?: boolean
  readonly ignoreDuplicateSlashes?: boolean
}

/** As much of a Fastify instance as is used. */
export interface FastifyLike extends Routing {
  readonly prefix: string
  readonly initialConfig?: RouterOptions & { readonly routerOptions?: RouterOptions }
  removeAllContentTypeParsers(): unknown
  addContentTypeParser(type: string, parser: (request: never, payload: never, done: never) => void): unknown
  route(options: never): unknown
}

export interface FastifyPluginOptions extends RequestOptions {
  readonly prefix?: string
  /**
   * The replacement of the prefix; '' by default. It may have the variables of the prefix, such as `/v2/:id`.
   */
  readonly rewritePrefix?: string
  /** Changes the path, with its query, before `rewritePrefix` does; gets the variables of the route too. */
  readonly preRewrite?: (path: string, params: Readonly<Record<string, string>>, prefix: string) => string
  /** False leaves a Location as it is; by default one below `rewritePrefix` gets the prefix back. */
  readonly rewriteLocation?: boolean
  /** Takes the WebSockets of paths below the prefix; hooks and constraints decide on them as on requests. */
  readonly websocket?: boolean
  /** The methods that are taken. Default: all that Fastify knows by itself. */
  readonly methods?: readonly string[]
  /** The routes below the prefix that are taken. Default: all. */
  readonly routes?: readonly string[]
  /** The constraints of its routes, as Fastify has them. */
  readonly constraints?: Readonly<Record<string, unknown>>
  /**
   * True: the scope's own parsers read bodies first, for hooks that look at them. The bodies they
   * have read are sent.
   */
  readonly parsesBodies?: boolean
}

export type FastifyPlugin = (
  instance: FastifyLike,
  options: FastifyPluginOptions,
  done: (error?: Error) => void,
) => void

const METHODS = ['DELETE', 'GET', 'HEAD', 'PATCH', 'POST', 'PUT', 'OPTIONS'] as const
const ROUTES = ['/', '/*'] as const

interface FastifyRequestLike {
  readonly raw: ProxyRequest
  readonly body?: unknown
  readonly params?: unknown
}

interface FastifyReplyLike {
  readonly raw: ProxyReply
  hijack(): unknown
  code(status: number): this
  send(body: unknown): unknown
  getHeaders(): Record<string, string | string[] | number | undefined>
}

interface FastifyRoute {
  readonly url: string
  readonly method: readonly string[]
  readonly constraints?: Readonly<Record<string, unknown>>
  readonly handler: (request: FastifyRequestLike, reply: FastifyReplyLike) => void
}

export function fastifyPlugin(proxy: Mounted): FastifyPlugin {
  return (instance, options, done) => {
    let mount: Mount
    try {
      mount = new Mount(proxy, instance, options)
    } catch (error) {
      done(error as ConfigError)
      return
    }
    if (options.parsesBodies !== true) takeBodies(instance)
    const { methods = METHODS, routes = ROUTES, constraints, websocket = false } = options
    const handler: FastifyRoute['handler'] = (request, reply) => mount.take(request, reply)
    // A WebSocket is a GET for the router.
    const onlySockets = websocket && !methods.includes('GET')
    for (const url of routes)
      for (const method of onlySockets ? [methods, ['GET']] : [methods]) {
        const of = method === methods ? handler : socketsOnly(handler)
        const route: FastifyRoute = { url, method, handler: of, ...(constraints && { constraints }) }
        instance.route(route as never)
      }
    if (websocket) takeUpgrades(instance, mount.prefix)
    done()
  }
}

const socketsOnly =
  (handler: FastifyRoute['handler']): FastifyRoute['handler'] =>
  (request, reply) => {
    if (upgradeOf(request.raw) !== null) handler(request, reply)
    else refuse(reply, 404, 'Not Found', 'the route takes WebSockets only')
  }

function refuse(reply: FastifyReplyLike, statusCode: number, error: string, message: string): void {
  reply.code(statusCode).send({ statusCode, error, message })
}

/** The plugin at one prefix. */
class Mount {
  readonly prefix: Prefix
  private readonly inside: Prefix
  private readonly proxy: Mounted
  private readonly options: FastifyPluginOptions
  /** The options of each request, but for what depends on its path. */
  private readonly own: RequestOptions
  private readonly rewritesLocation: boolean

  constructor(proxy: Mounted, instance: FastifyLike, options: FastifyPluginOptions) {
    const {
      prefix: _prefix,
      rewritePrefix = '',
      preRewrite: _preRewrite,
      rewriteLocation = true,
      websocket: _websocket,
      methods: _methods,
      routes: _routes,
      constraints: _constraints,
      parsesBodies: _parsesBodies,
      ...own
    } = options
    if (options.preRewrite !== undefined && options.pathRewrite !== undefined)
      throw new ConfigError('preRewrite is for rewritePrefix: leave it out beside pathRewrite')
    checkRequestOptions(own)
    const { initialConfig = {} } = instance
    this.proxy = proxy
    this.options = options
    this.prefix = new Prefix(instance.prefix, { ...initialConfig, ...initialConfig.routerOptions })
    this.inside = new Prefix(rewritePrefix)
    this.rewritesLocation = rewriteLocation && this.prefix.text !== rewritePrefix
    this.own = this.optionsAt(own)
  }

  /** Adds what is the same for all paths. */
  private optionsAt(own: RequestOptions): RequestOptions {
    const pathRewrite = (path: string): string => {
      const read = this.prefix.read(path)
      return read === null ? path : this.inside.write(read.values, read.rest)
    }
    const isFixed = this.rewritesLocation && !this.prefix.hasVariables
    return { pathRewrite, ...(isFixed && { locationRewrite: (it) => this.locationBack(it, NONE) }), ...own }
  }

  take(request: FastifyRequestLike, reply: FastifyReplyLike): void {
    const upgrade = upgradeOf(request.raw)
    // Another plugin has routed it once more.
    if (upgrade?.isTaken === true) {
      reply.hijack()
      return
    }
    const sent = pathOf(request.raw.url ?? '/')
    const path = this.options.preRewrite?.(sent, paramsOf(request), this.prefix.text) ?? sent
    if (leadsOut(path) || !path.startsWith('/')) {
      refuse(reply, 400, 'Bad Request', 'the path leads out of its prefix')
      return
    }
    if (upgrade === null) {
      this.web(request, reply, path)
      return
    }
    if (this.options.websocket !== true) {
      refuse(reply, 404, 'Not Found', 'the route takes no WebSockets')
      return
    }
    reply.hijack()
    takeSocket(upgrade, reply.raw)
    this.proxy.ws(request.raw as IncomingMessage, upgrade.socket, upgrade.head, this.optionsOf(request, path))
  }

  private web(request: FastifyRequestLike, reply: FastifyReplyLike, path: string): void {
    const { raw } = reply
    // Fields that hooks have set go with the response.
    for (const [name, value] of Object.entries(reply.getHeaders()))
      if (value !== undefined) raw.setHeader(name, value as string)
    reply.hijack()
    this.proxy.web(request.raw, raw, this.optionsOf(request, path))
  }

  private optionsOf(request: FastifyRequestLike, path: string): RequestOptions {
    const { prefix, inside, own, options } = this
    let of = own
    if (options.preRewrite !== undefined) {
      const read = prefix.read(path)
      of = { ...of, pathRewrite: () => (read === null ? path : inside.write(read.values, read.rest)) }
    }
    if (this.rewritesLocation && prefix.hasVariables) {
      const values = prefix.read(path)?.values ?? NONE
      of = { locationRewrite: (location) => this.locationBack(location, values), ...of }
    }
    const body = options.parsesBodies === true ? bodyOf(request.body) : null
    return body === null ? of : { ...of, body }
  }

  /** Returns a Location that leads below the inner prefix with the outer one in its place. */
  private locationBack(location: string, values: ReadonlyMap<string, string>): string {
    if (!location.startsWith('/') || location.startsWith('//')) return location
    const read = this.inside.read(location)
    if (read === null) return location
    return this.prefix.write(new Map([...values, ...read.values]), read.rest)
  }
}

const NONE: ReadonlyMap<string, string> = new Map()

const paramsOf = ({ params }: FastifyRequestLike): Record<string, string> =>
  (params ?? {}) as Record<string, string>

/** Bodies pass unread. */
function takeBodies(instance: FastifyLike): void {
  instance.removeAllContentTypeParsers()
  instance.addContentTypeParser('*', (_request: never, _payload: never, ready: never) =>
    (ready as (error: null) => void)(null),
  )
}

/** Returns a body that a parser has read, in the form to send; null for none. */
function bodyOf(body: unknown): RequestOptions['body'] | null {
  if (body === undefined || body === null) return null
  return typeof body === 'string' || Buffer.isBuffer(body) ? body : JSON.stringify(body)
}
