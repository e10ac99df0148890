// A server: one World on Node's pollset, with its listeners, its proxy and its backends. The only room
// that knows the whole.

import { EventEmitter } from 'node:events'
import type TypedEmitter from 'typed-emitter'
import { type Continuation, createWorld, TraceLines } from '../continuation/index.js'
import {
  type Acceptor,
  type Client,
  FieldTable,
  type FrontendStream,
  HeldBytes,
  type HttpWorld,
} from '../http/index.js'
import { createHttp2, type Http2Context, http2Sessions, serveHttp2 } from '../http2/index.js'
import { type Address, NodePollset, type Socket } from '../pollset/index.js'
import { Backend, ReverseProxy, RouteTable, type Share } from '../proxy/index.js'
import { parseBackend, type RouteText } from './address.js'
import { Control, EMPTY, OpenConnections } from './control.js'
import { defaultLimits, type Limits } from './limits.js'
import { Listening } from './listening.js'

export interface ServerOptions {
  readonly listen: readonly Address[]
  /** Most specific first is not needed; the table sorts them. */
  readonly routes: readonly RouteText[]
  readonly share?: Share
  readonly limits?: Partial<Limits>
  /** ms */
  readonly drainTimeoutMs?: number
  /** Gets each trace line. */
  readonly trace?: ((line: string) => void) | undefined
}

export type ServerEvents = {
  /** A listener is ready. */
  listening: (address: Address) => void
  /** A listener could not be bound; the server stops. */
  failed: (address: Address, code: string) => void
  /** A step of ours threw; what it belonged to has been given up. */
  crashed: (id: string, error: unknown) => void
  draining: () => void
  /** All is over: no socket is open any more. */
  stopped: () => void
}

export const DRAIN_TIMEOUT_MS = 30_000

export class Server
  extends (EventEmitter as new () => TypedEmitter.default<ServerEvents>)
  implements Acceptor
{
  readonly world: HttpWorld
  readonly proxy: ReverseProxy
  readonly http2: Http2Context
  readonly connections = new OpenConnections()
  private readonly pollset: NodePollset
  private readonly open = new Map<Client, Continuation>()
  private readonly listeners_: Listening[] = []
  private readonly backends: readonly Backend[]

  constructor(options: ServerOptions) {
    super()
    const limits: Limits = { ...defaultLimits, ...options.limits }
    this.pollset = new NodePollset(limits)
    const world = createWorld(this.pollset, { limits })
    this.world = { ...world, held: new HeldBytes(limits), fields: new FieldTable() }
    this.world.scheduler.onCrash = (continuation, error) => this.emit('crashed', continuation.id, error)
    if (options.trace !== undefined) this.world.scheduler.tracer = new TraceLines(this.pollset, options.trace)
    this.http2 = createHttp2(this.world, limits)
    const backends = new Map<string, Backend>()
    const routes = options.routes.map(({ host, prefix, url }) => {
      let backend = backends.get(url)
      if (backend === undefined) {
        const sessions = http2Sessions(this.http2, parseBackend(url))
        backend = new Backend(this.world, url, sessions, limits, options.share ?? 'process')
        backends.set(url, backend)
      }
      return { host, prefix, backend }
    })
    this.backends = [...backends.values()]
    this.proxy = new ReverseProxy(this.world, new RouteTable(routes), limits)
    new Control(this, options.drainTimeoutMs ?? DRAIN_TIMEOUT_MS, limits.cutMs)
    for (const address of options.listen) {
      this.listeners_.push(
        new Listening(this.world, address, {
          ready: (listening) => this.emit('listening', listening.listener.address),
          failed: (listening) => this.emit('failed', address, listening.listener.fault?.code ?? 'EUNKNOWN'),
          accepted: (socket) => this.accepted(socket),
        }),
      )
    }
  }

  /** An order from outside: `drain`. Takes effect in the next turn. */
  command(order: 'drain'): void {
    this.pollset.commands.give(order)
  }

  // The acceptor of all frontends

  accept(stream: FrontendStream): void {
    this.proxy.accept(stream)
  }

  left(client: Client): void {
    this.open.delete(client)
    if (this.open.size === 0) this.connections.raise(EMPTY)
    this.proxy.left(client)
  }

  private accepted(socket: Socket): void {
    const connection = serveHttp2(this.http2, socket, this)
    this.open.set(connection, connection)
    this.connections.lower(EMPTY)
  }

  // What control asks for

  drain(): void {
    this.emit('draining')
    for (const listening of this.listeners_) listening.cancel()
    if (this.open.size === 0) this.connections.raise(EMPTY)
    for (const connection of this.open.values()) connection.cancel()
  }

  cut(): void {
    for (const connection of this.open.values()) connection.cancel()
  }

  stop(): void {
    for (const backend of this.backends) backend.close()
    this.pollset.close()
    this.emit('stopped')
  }

  /** What there is, for people: connections, engines, counts. */
  describe(): Readonly<Record<string, unknown>> {
    return {
      clients: this.open.size,
      exchanges: {
        begun: this.proxy.begun,
        ended: this.proxy.logged,
        outcomes: Object.fromEntries(this.proxy.outcomes),
      },
      engines: this.backends.flatMap((backend) => backend.engines().map((engine) => engine.describe())),
      held: { bytes: this.world.held.bytes, stalls: this.world.held.stalls },
      http2: { ...this.http2.counts },
    }
  }
}
