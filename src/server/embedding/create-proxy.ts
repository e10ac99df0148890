// A proxy inside a Node program: it takes the requests of the program's own servers, and multiplexes them
// over connections to backends. It has its own World. Calls of the program only queue; promises serve targets
// that a function finds, and closing.

import type { IncomingMessage } from 'node:http'
import type { TLSSocket } from 'node:tls'
import { createWorld } from '../../continuation/index.js'
import { createHttpWorld, type FrontendStream, type HttpWorld } from '../../http/index.js'
import { NodeFrontend, NodeFrontendStream } from '../../node/index.js'
import { Networks, NodePollset, type Secured, securedBy } from '../../pollset/index.js'
import { type Exchange, ReverseProxy, type Route, Router, TrustedProxies } from '../../proxy/index.js'
import { ConfigError } from '../address.js'
import { type Emitter, emitterOf } from '../emitter.js'
import { type LiveExchange, liveExchanges, reportOf } from '../exchange-views.js'
import { checkLimits, defaultLimits, type Limits, limitsWith } from '../limits.js'
import { checkLimitValues } from '../option-checks.js'
import { check, checkKeys, MS } from '../option-kinds.js'
import { Protocols } from '../protocols.js'
import { refusalBeside } from './allowed.js'
import type { EmbeddedParts, Running } from './embedded-parts.js'
import { type ErrorCallback, errorOf, ProxyError, type ProxyEvents } from './events.js'
import { type FastifyPlugin, fastifyPlugin } from './fastify.js'
import { LateTargets } from './late-targets.js'
import { ListenersOf } from './listener-calls.js'
import { copiesOf, nobody } from './mirror.js'
import { type Middleware, middlewareOf } from './mounts.js'
import {
  checkProxyOptions,
  checkRequestOptions,
  type ProxyOptions,
  type ProxyReply,
  type ProxyRequest,
  REQUEST_OPTIONS,
  type RequestOptions,
  type Target,
  type UpgradeSocket,
} from './options.js'
import { ProxyResponse } from './proxy-response.js'
import { checkWhole, type ReadTarget, readTarget } from './target-url.js'
import { Targets } from './targets.js'
import { UpgradeRequest } from './upgrade-request.js'
import { WebRequest } from './web-request.js'

/** The default ms that running requests have to end when a proxy closes. */
const CLOSE_MS = 30_000

/** A proxy inside a program: see spec/embedding.md. */
export interface HttpProxy extends Emitter<ProxyEvents> {
  /** Takes a request. @param options the options of this request, over those of the proxy */
  web(request: ProxyRequest, reply: ProxyReply, options?: RequestOptions, failed?: ErrorCallback): void
  /** Takes a WebSocket, with the socket and the bytes that the program was given with `upgrade`. */
  ws(
    request: IncomingMessage,
    socket: UpgradeSocket,
    head: Buffer,
    options?: RequestOptions,
    failed?: ErrorCallback,
  ): void
  /** Returns a middleware for Express, Connect and Koa. */
  middleware(options?: RequestOptions): Middleware
  /** A plugin of Fastify: `fastify.register(proxy.fastify, { prefix: '/api' })`. */
  readonly fastify: FastifyPlugin
  /** Lists the running requests and WebSockets, with their waits. */
  exchanges(): readonly LiveExchange[]
  /** Describes connections and counts, for people. */
  describe(): Readonly<Record<string, unknown>>
  /**
   * Takes no more requests, lets running ones end, then closes. Resolves when no connection is open.
   * @param options.timeoutMs the ms after which running requests are cut; 30,000 by default
   */
  close(options?: { readonly timeoutMs?: number }): Promise<void>
}

const TypedEvents = emitterOf<ProxyEvents>({
  start: true,
  proxyReq: true,
  proxyReqWs: true,
  proxyRes: true,
  end: true,
  open: true,
  close: true,
  error: true,
  econnreset: true,
  exchange: true,
})

/** The differences of a proxy for programs of http-proxy. */
export interface Manners {
  /** Returns true if the receiver of an error answers the client, at any time: then we do not. */
  listenersAnswer(callback: ErrorCallback | null): boolean
  /** True: parts of a target's URL that no request is sent with are dropped. */
  readonly takesAnyUrl: boolean
}

export class EmbeddedProxy extends TypedEvents implements HttpProxy, EmbeddedParts {
  readonly world: HttpWorld
  readonly pollset: NodePollset
  readonly protocols: Protocols
  readonly frontend: NodeFrontend
  readonly reverse: ReverseProxy
  readonly events: ListenersOf
  readonly fastify: FastifyPlugin
  private readonly base: ProxyOptions
  private readonly own: RequestOptions
  private readonly manners: Manners
  private readonly targets: Targets
  private readonly late: LateTargets
  private readonly running = new Map<FrontendStream, Running>()
  private readonly checked = new WeakSet<object>()
  /** The outcome of the exchange that is being aborted. */
  private abortedAs = ''
  private baseTarget: ReadTarget | null
  private baseRoute: Route | null = null
  private closed: Promise<void> | null = null
  private onClosed: (() => void) | null = null

  constructor(options: ProxyOptions, manners: Manners) {
    super()
    checkProxyOptions(options)
    if (options.limits !== undefined) checkLimitValues(options.limits)
    const limits: Limits = limitsWith(defaultLimits, options.limits)
    checkLimits(limits)
    this.base = options
    this.own = ownOf(options)
    this.manners = manners
    const { target } = options
    this.baseTarget =
      target === undefined || typeof target === 'function' ? null : this.readOf(target, options)
    this.pollset = new NodePollset(limits.pollset, true)
    const world = createWorld(this.pollset, { limits: limits.continuation })
    this.world = createHttpWorld(world, limits.transport)
    this.protocols = new Protocols(this.world, limits)
    this.reverse = new ReverseProxy(this.world, new Router<Route>([]), limits.proxy)
    const { trustedProxies, allowPrivate = false } = options
    this.reverse.tellsClient = trustedProxies !== undefined
    if (trustedProxies !== undefined)
      this.reverse.trusted = new TrustedProxies(new Networks(trustedProxies.addresses), trustedProxies.fields)
    this.targets = new Targets(this.world, this.protocols, limits, refusalBeside(allowPrivate))
    this.late = new LateTargets(this.world, limits.node.targetMs)
    this.frontend = new NodeFrontend(this.world, this.pollset, limits.node, limits.transport.flushBytesMax, {
      clientClosed: (client) => this.targets.clientClosed(client),
      gaveUp: (stream, reason) =>
        this.running.get(stream)?.gaveUp(reason === 'refused' ? 'refused-stream' : this.abortedAs),
      crashed: (stream, error) => this.told(`internal error in ${stream.id}`, error),
      closed: () => this.over(),
    })
    this.events = new ListenersOf(this, (error) => this.told('an error without a listener', error))
    this.fastify = fastifyPlugin(this)
    this.world.scheduler.onCrash = (continuation, error) =>
      this.told(`internal error in ${continuation.id} (closed); other requests are unaffected`, error)
    this.reverse.watch({
      refused: (x) => {
        const running = this.running.get(x.frontend)
        if (running instanceof UpgradeRequest) running.refused(x)
      },
      aborted: (x) => {
        this.abortedAs = x.outcome
      },
      answered: (x) => {
        const running = this.running.get(x.frontend)
        if (running instanceof UpgradeRequest) running.opened(x)
      },
      ended: (x) => this.ended(x),
    })
  }

  web(request: ProxyRequest, reply: ProxyReply, options?: RequestOptions, failed?: ErrorCallback): void {
    const all = this.optionsOf(options)
    const own = all.mirror === undefined ? all : this.mirrored(request, all, null)
    const it = new WebRequest(this, request, reply, own, failed ?? null)
    if (!this.frontend.isOpen) {
      it.refuse(new ProxyError('closing', 503, 'the proxy is closing'))
      return
    }
    this.aim(request, own.target, it, options?.target !== undefined)
  }

  /** Sends a copy of the request to its mirror. Returns the options of the request itself. */
  mirrored(request: ProxyRequest, options: RequestOptions, failed: ErrorCallback | null): RequestOptions {
    const { mirror, ...own } = options
    const copies = copiesOf(request, own)
    const of = { ...own, ...copies.mirror, target: mirror, timeouts: own.timeouts ?? {} }
    const it = new WebRequest(this, request, nobody(), of, failed, true)
    this.aim(request, mirror, it, true)
    return { ...own, ...copies.own }
  }

  ws(
    request: IncomingMessage,
    socket: UpgradeSocket,
    head: Buffer,
    options?: RequestOptions,
    failed?: ErrorCallback,
  ): void {
    const it = new UpgradeRequest(this, request, socket, head, this.optionsOf(options), failed ?? null)
    const { isOpen } = this.frontend
    if (!isOpen || !it.adopt()) {
      refuseUpgrade(socket, isOpen ? '400 Bad Request' : '503 Service Unavailable')
      return
    }
    this.aim(request, it.options.target, it, options?.target !== undefined)
  }

  /** Finds the target, then has the request accepted in the turn. */
  private aim(
    request: ProxyRequest,
    target: RequestOptions['target'],
    it: WebRequest | UpgradeRequest,
    ofRequest: boolean,
  ): void {
    const isGuarded = typeof target === 'function'
    if (!isGuarded && !ofRequest && this.baseTarget !== null) {
      this.begins(it, this.baseTarget)
      return
    }
    try {
      if (target === undefined)
        throw new ProxyError('no-target', 500, 'Must provide a proxy target: write target')
      const found = typeof target === 'function' ? target(request) : target
      if (isPromise(found))
        this.late.wait(
          request,
          found,
          (named) => this.aimed(it, named, isGuarded),
          (error) => it.refuse(asError(error)),
        )
      else this.aimed(it, found, isGuarded)
    } catch (error) {
      it.refuse(asError(error))
    }
  }

  private readOf(target: Target, { ignorePath }: RequestOptions): ReadTarget {
    const read = readTarget(target)
    return this.manners.takesAnyUrl ? read : checkWhole(read, ignorePath === true)
  }

  private aimed(it: WebRequest | UpgradeRequest, target: Target, isGuarded: boolean): void {
    try {
      const read = this.readOf(target, it.options)
      this.begins(it, isGuarded && this.base.allowPrivate !== true ? { ...read, guarded: true } : read)
    } catch (error) {
      it.refuse(asError(error))
    }
  }

  private begins(it: WebRequest | UpgradeRequest, target: ReadTarget): void {
    it.target = target
    if (it instanceof WebRequest && it.isTold && this.events.listens('start'))
      this.events.emit('start', it.request, it.reply, it.targetText)
    this.frontend.inTurn(() => it.accept())
  }

  private optionsOf(options: RequestOptions | undefined): RequestOptions {
    if (options === undefined) return this.own
    if (!this.checked.has(options)) {
      checkRequestOptions(options)
      this.checked.add(options)
    }
    return { ...this.own, ...options }
  }

  routeTo(target: ReadTarget, options: RequestOptions): Route {
    const isBase = options === this.own && target === this.baseTarget
    if (isBase && this.baseRoute !== null) return this.baseRoute
    const { timeouts = {}, tls = {} } = options
    const { share = 'process', attempts = 0, errors = 'plain' } = this.base
    const route = this.targets.routeTo(target, {
      timeouts,
      tls,
      share,
      attempts,
      errors,
      guarded: target.guarded === true,
    })
    if (isBase) this.baseRoute = route
    return route
  }

  middleware(options?: RequestOptions): Middleware {
    if (options !== undefined) checkRequestOptions(options)
    return middlewareOf(this, options)
  }

  exchanges(): readonly LiveExchange[] {
    return [...this.late.list(), ...liveExchanges(this.world)]
  }

  describe(): Readonly<Record<string, unknown>> {
    const { reverse, targets, frontend } = this
    return {
      running: frontend.running,
      exchanges: {
        begun: reverse.begun,
        ended: reverse.logged,
        outcomes: Object.fromEntries(reverse.outcomes),
      },
      sessions: targets.sessions,
      held: { bytes: this.world.memory.bytes, stalls: this.world.memory.stalls },
      internalErrors: this.world.scheduler.crashes,
    }
  }

  close(options: { readonly timeoutMs?: number } = {}): Promise<void> {
    checkKeys('the options of close', options, ['timeoutMs'])
    const { timeoutMs = CLOSE_MS } = options
    check('timeoutMs of close', timeoutMs, MS)
    this.closed ??= new Promise((resolve) => {
      this.onClosed = resolve
      this.frontend.drain(timeoutMs)
    })
    return this.closed
  }

  // Called by requests and their exchanges

  begin(stream: FrontendStream, running: Running): void {
    this.running.set(stream, running)
    if (stream instanceof NodeFrontendStream) this.frontend.begin(stream)
  }

  private ended(x: Exchange): void {
    const { frontend } = x
    const running = this.running.get(frontend)
    this.running.delete(frontend)
    if (frontend instanceof NodeFrontendStream) this.frontend.end(frontend)
    if (running === undefined || (running instanceof WebRequest && !running.isTold)) return
    const { events } = this
    events.safely(() => {
      if (x.outcome === 'client-gone') {
        if (events.listens('econnreset'))
          events.emit('econnreset', errorOf(x), running.request, running.replied, running.targetText)
      } else if (x.refusal === null && x.outcome !== 'ok' && x.outcome !== 'event-failed')
        running.report(errorOf(x))
      if (running instanceof UpgradeRequest) running.ended()
      else if (running instanceof WebRequest && x.outcome === 'ok' && events.listens('end')) {
        const head = x.backendStream?.head ?? null
        const response = running.response ?? (head === null ? null : new ProxyResponse(head))
        if (response !== null) events.emit('end', running.request, running.reply, response)
      }
      if (events.listens('exchange')) events.emit('exchange', reportOf(x))
    })
  }

  isSecure(request: ProxyRequest): boolean {
    return (request.socket as Partial<TLSSocket>).encrypted === true
  }

  securedOf(request: ProxyRequest): Secured | null {
    return this.isSecure(request) ? securedBy(request.socket as TLSSocket) : null
  }

  listenersAnswer(callback: ErrorCallback | null): boolean {
    return this.manners.listenersAnswer(callback)
  }

  private told(what: string, error: unknown): void {
    const text = error instanceof Error ? error.message : String(error)
    if (this.base.log !== undefined) this.base.log(`${what}: ${text}`)
    else process.emitWarning(`${what}: ${text}`, 'FermataWarning')
  }

  private over(): void {
    this.targets.close()
    this.pollset.close()
    this.onClosed?.()
  }
}

/** Answers a socket that was not adopted. */
function refuseUpgrade(socket: UpgradeSocket, status: string): void {
  socket.on('error', () => {})
  socket.end(`HTTP/1.1 ${status}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n`)
}

const isPromise = (found: Target | Promise<Target>): found is Promise<Target> =>
  typeof (found as Partial<Promise<Target>> | undefined)?.then === 'function'

const asError = (error: unknown): Error => (error instanceof Error ? error : new Error(String(error)))

function ownOf(options: ProxyOptions): RequestOptions {
  const own: Record<string, unknown> = {}
  for (const name of REQUEST_OPTIONS) if (options[name] !== undefined) own[name] = options[name]
  return own as RequestOptions
}

/**
 * Makes a proxy for the servers of a program. Throws a {@link ConfigError} if an option is wrong.
 *
 *     const proxy = createProxy({ target: 'h2c://127.0.0.1:9000' })
 *     http.createServer((request, reply) => proxy.web(request, reply))
 *       .on('upgrade', (request, socket, head) => proxy.ws(request, socket, head))
 */
export function createProxy(options: ProxyOptions = {}): HttpProxy {
  if (typeof options !== 'object' || options === null)
    throw new ConfigError("createProxy takes an object: write { target: 'http://127.0.0.1:9000' }")
  return new EmbeddedProxy(options, { listenersAnswer: () => false, takesAnyUrl: false })
}
