// How a proxy is mounted in frameworks: a middleware for Express, Connect and Koa, and a plugin of Fastify.

import type { IncomingMessage, ServerResponse } from 'node:http'
import type { ProxyReply, ProxyRequest, RequestOptions, UpgradeSocket } from './options.js'

interface Mounted {
  web(request: ProxyRequest, reply: ProxyReply, options?: RequestOptions): void
  ws(request: IncomingMessage, socket: UpgradeSocket, head: Buffer, options?: RequestOptions): void
}

/** The context of a request in Koa, as much of it as is used. */
export interface KoaContext {
  readonly req: IncomingMessage
  readonly res: ServerResponse
  respond?: boolean
}

/** A middleware: `(request, response, next)`, or Koa's `(context, next)`. */
export interface Middleware {
  (request: ProxyRequest, reply: ProxyReply, next?: (error?: unknown) => void): void
  (context: KoaContext, next: () => Promise<unknown>): Promise<void>
}

const isContext = (first: ProxyRequest | KoaContext): first is KoaContext => 'req' in first && 'res' in first

export function middlewareOf(proxy: Mounted, options?: RequestOptions): Middleware {
  const middleware = (first: ProxyRequest | KoaContext, second: unknown): undefined | Promise<void> => {
    if (!isContext(first)) {
      proxy.web(first, second as ProxyReply, options)
      return undefined
    }
    // Koa answers for itself when its middleware is done, unless it is told not to.
    first.respond = false
    const { req, res } = first
    return new Promise((resolve) => {
      res.once('close', resolve)
      proxy.web(req, res, options)
    })
  }
  return middleware as Middleware
}

/** As much of a Fastify instance as is used. */
export interface FastifyLike {
  readonly prefix: string
  readonly server: unknown
  removeAllContentTypeParsers(): unknown
  addContentTypeParser(type: string, parser: (request: never, payload: never, done: never) => void): unknown
  route(options: never): unknown
  addHook(name: 'onClose', hook: (instance: never, done: () => void) => void): unknown
}

export interface FastifyPluginOptions extends RequestOptions {
  readonly prefix?: string
  /** Goes in place of the prefix; '' by default. */
  readonly rewritePrefix?: string
  /** Takes the WebSockets of paths below the prefix. */
  readonly websocket?: boolean
}

export type FastifyPlugin = (
  instance: FastifyLike,
  options: FastifyPluginOptions,
  done: (error?: Error) => void,
) => void

const METHODS = ['DELETE', 'GET', 'HEAD', 'OPTIONS', 'PATCH', 'POST', 'PUT'] as const

interface FastifyRoute {
  readonly url: string
  readonly method: readonly string[]
  readonly handler: (request: { readonly raw: ProxyRequest }, reply: FastifyReplyLike) => void
}

interface FastifyReplyLike {
  readonly raw: ProxyReply
  hijack(): unknown
  getHeaders(): Record<string, string | string[] | number | undefined>
}

/** Returns the path without the prefix; null if it is not below it. */
function below(path: string, prefix: string): string | null {
  if (!path.startsWith(prefix)) return null
  const rest = path.slice(prefix.length)
  return rest === '' || rest.startsWith('/') || rest.startsWith('?') || prefix.endsWith('/') ? rest : null
}

export function fastifyPlugin(proxy: Mounted): FastifyPlugin {
  return (instance, options, done) => {
    const { prefix: _, rewritePrefix = '', websocket = false, ...own } = options
    const { prefix } = instance
    const pathRewrite = (path: string): string => {
      const rest = below(path, prefix)
      return rest === null ? path : `${rewritePrefix}${rest}` || '/'
    }
    const of = { pathRewrite, ...own }
    // Bodies pass unread.
    instance.removeAllContentTypeParsers()
    instance.addContentTypeParser('*', (_request: never, _payload: never, ready: never) =>
      (ready as (error: null) => void)(null),
    )
    const handler: FastifyRoute['handler'] = (request, reply) => {
      const { raw } = reply
      // Fields that hooks have set go with the response.
      for (const [name, value] of Object.entries(reply.getHeaders()))
        if (value !== undefined) raw.setHeader(name, value as string)
      reply.hijack()
      proxy.web(request.raw, raw, of)
    }
    for (const url of ['/', '/*']) {
      const route: FastifyRoute = { url, method: METHODS, handler }
      instance.route(route as never)
    }
    if (websocket) takeUpgrades(proxy, instance, prefix, of)
    done()
  }
}

function takeUpgrades(proxy: Mounted, instance: FastifyLike, prefix: string, options: RequestOptions): void {
  const server = instance.server as NodeJS.EventEmitter
  const upgrade = (request: IncomingMessage, socket: UpgradeSocket, head: Buffer): void => {
    if (below(request.url ?? '', prefix) !== null) proxy.ws(request, socket, head, options)
  }
  server.on('upgrade', upgrade)
  instance.addHook('onClose', (_instance, done) => {
    server.off('upgrade', upgrade)
    done()
  })
}
