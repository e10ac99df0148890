// A middleware for Express, Connect and Koa. fastify.ts has the plugin of Fastify.

import type { IncomingMessage, ServerResponse } from 'node:http'
import type { ProxyReply, ProxyRequest, RequestOptions } from './options.js'

interface Mounted {
  web(request: ProxyRequest, reply: ProxyReply, options?: RequestOptions): void
}

/** The used part of a request's context in Koa. */
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
    // Koa answers when its middleware is done, unless it is told not to.
    first.respond = false
    const { req, res } = first
    return new Promise((resolve) => {
      res.once('close', resolve)
      proxy.web(req, res, options)
    })
  }
  return middleware as Middleware
}
