// fermata-proxy/compat: http-proxy's createProxyServer on createProxy, for programs that leave
// http-proxy. The names, the order of arguments and the events are those of http-proxy 1.18;
// spec/compat.md lists the differences.

import { EventEmitter } from 'node:events'
import {
  createServer as createHttpServer,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from 'node:http'
import { createServer as createHttpsServer, type ServerOptions } from 'node:https'
import { compatError } from './compat-errors.js'
import { type CompatOptions, optionsOf, shownOptions, titledFields } from './compat-options.js'
import { EmbeddedProxy } from './create-proxy.js'
import type { ErrorCallback } from './events.js'
import type { UpgradeSocket } from './options.js'

export type { CompatOptions } from './compat-options.js'

/** Reports an error to those who then answer the client. */
type Teller = ErrorCallback & { answers?(): boolean }

type Extra = Buffer | CompatOptions | ErrorCallback | undefined

/** Returns the options and the callback among the arguments that all calls have. */
function extrasOf(extras: readonly Extra[]): {
  head: Buffer
  options: CompatOptions
  failed?: ErrorCallback
} {
  const head = extras.find((each) => Buffer.isBuffer(each)) as Buffer | undefined
  const options = extras.find(
    (each) => typeof each === 'object' && each !== null && !Buffer.isBuffer(each),
  ) as CompatOptions | undefined
  const failed = extras.find((each) => typeof each === 'function') as ErrorCallback | undefined
  return {
    head: head ?? Buffer.alloc(0),
    options: options ?? {},
    ...(failed === undefined ? {} : { failed }),
  }
}

/** http-proxy's server. */
export class ProxyServer extends EventEmitter {
  options: CompatOptions
  readonly proxyRequest: ProxyServer['web']
  readonly proxyWebsocketRequest: ProxyServer['ws']
  private server: Server | null = null
  /** The proxy, made when it is needed, also after {@link close}. */
  private inner: EmbeddedProxy | null = null
  /** The options of the call that took a request, for its listeners. */
  private readonly given = new WeakMap<IncomingMessage, CompatOptions>()

  constructor(options: CompatOptions = {}) {
    super()
    this.options = { ...options, prependPath: options.prependPath !== false }
    this.proxyRequest = this.web
    this.proxyWebsocketRequest = this.ws
  }

  /** Takes a request: `web(request, response, [options], [callback])`. */
  readonly web = (request: IncomingMessage, response: ServerResponse, ...extras: Extra[]): void => {
    const { options, failed } = extrasOf(extras)
    const all = { ...this.options, ...options }
    if (all.target == null && all.forward == null) {
      this.emit('error', new Error('Must provide a proper URL as target'), request, response)
      return
    }
    if (typeof all.timeout === 'number' && all.timeout > 0) request.socket.setTimeout(all.timeout)
    if (all.preserveHeaderKeyCase === true) titledFields(response)
    const inner = this.running()
    this.given.set(request, all)
    const tells = this.teller(failed, () => {})
    try {
      const { target, mirror, ...own } = optionsOf(all, request)
      if (target !== undefined) {
        const mirrored = mirror === undefined ? own : inner.mirrored(request, { ...own, mirror }, tells)
        inner.web(request, response, { ...mirrored, target }, tells)
        return
      }
      this.emit('start', request, response, all.forward)
      inner.mirrored(request, { ...own, ...(mirror === undefined ? {} : { mirror }) }, (error) =>
        tells(error, request, response, String(all.forward)),
      )
      response.end()
    } catch (error) {
      tells(error as Error, request, response, '')
    }
  }

  /** Takes a WebSocket: `ws(request, socket, head, [options], [callback])`. */
  readonly ws = (request: IncomingMessage, socket: UpgradeSocket, ...extras: Extra[]): void => {
    const { head, options, failed } = extrasOf(extras)
    const all = { ...this.options, ...options }
    const { upgrade = '' } = request.headers
    if (request.method !== 'GET' || upgrade.toLowerCase() !== 'websocket') {
      socket.destroy()
      return
    }
    const tells = this.teller(failed, () => void socket.destroy())
    if (all.target == null) {
      tells(new Error('Must provide a proper URL as target'), request, socket, '')
      return
    }
    this.given.set(request, all)
    try {
      this.running().ws(request, socket, head, optionsOf(all, request), tells)
    } catch (error) {
      tells(error as Error, request, socket, '')
    }
  }

  /**
   * Returns the function that reports to the callback of a call, or to the listeners. Without one
   * nothing is thrown.
   */
  private teller(failed: ErrorCallback | undefined, then: () => void): Teller {
    const tell: ErrorCallback = (error, request, reply, target) => {
      const told = compatError(error)
      if (failed !== undefined) failed(told, request, reply, target)
      else if (this.listenerCount('error') > 0) this.emit('error', told, request, reply, target)
      then()
    }
    return Object.assign(tell, { answers: () => failed !== undefined || this.listenerCount('error') > 0 })
  }

  private running(): EmbeddedProxy {
    if (this.inner !== null) return this.inner
    const inner = new EmbeddedProxy(
      { errors: 'detailed' },
      {
        listenersAnswer: (callback) => (callback as Teller | null)?.answers?.() === true,
        takesAnyUrl: true,
      },
    )
    this.inner = inner
    for (const event of ['start', 'proxyReq', 'proxyReqWs', 'proxyRes', 'end', 'open', 'close'] as const)
      this.relay(inner, event)
    inner.on('econnreset', (error, ...about) => this.emit('econnreset', compatError(error), ...about))
    return inner
  }

  /** Passes an event on while somebody listens for it here: an unheard event costs nothing. */
  private relay(inner: EmbeddedProxy, event: string): void {
    const emitter = inner as unknown as EventEmitter
    const hand = (...args: unknown[]): void => {
      if (event !== 'proxyReq' && event !== 'proxyReqWs') {
        this.emit(event, ...args)
        return
      }
      const [outgoing, request, reply, , ...more] = args as [unknown, IncomingMessage, unknown, unknown]
      // A client that waits for 100 has received it: http-proxy changes no such request.
      if (event === 'proxyReq' && request.headers.expect !== undefined) return
      this.emit(event, outgoing, request, reply, shownOptions(this.given.get(request) ?? {}), ...more)
    }
    if (this.listenerCount(event) > 0) emitter.on(event, hand)
    this.on('newListener', (name) => {
      if (name === event && emitter.listenerCount(event) === 0) emitter.on(event, hand)
    })
  }

  /** Listens, and proxies everything that comes; with `ssl` over TLS, with `ws` WebSockets too. */
  listen(port: number | string, hostname?: string): this {
    const closure = (request: IncomingMessage, response: ServerResponse): void => this.web(request, response)
    const { ssl } = this.options
    const server = ssl == null ? createHttpServer(closure) : createHttpsServer(ssl as ServerOptions, closure)
    this.server = server
    if (this.options.ws === true)
      server.on('upgrade', (request, socket, head) => this.ws(request, socket, head))
    server.listen(Number(port), hostname)
    return this
  }

  /** Stops listening. Running requests may end; idle connections to backends close. */
  close(callback?: (error?: Error) => void): void {
    const { server, inner } = this
    this.server = null
    this.inner = null
    void inner?.close()
    if (server !== null) server.close(callback)
    else callback?.()
  }

  /** http-proxy's passes do not exist here. */
  before(): never {
    throw new Error('there are no passes here: listen for proxyReq or proxyRes, or write transform')
  }

  /** http-proxy's passes do not exist here. */
  after(): never {
    return this.before()
  }
}

/** Makes a proxy with http-proxy's signature. */
export function createProxyServer(options?: CompatOptions): ProxyServer {
  // A function, since programs write `new httpProxy.createProxyServer()` too.
  return new ProxyServer(options)
}
export const createServer = createProxyServer
export const createProxy = createProxyServer
export { ProxyServer as Server }
export default { createProxyServer, createServer, createProxy, Server: ProxyServer }
