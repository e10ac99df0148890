// A server: one World on Node's pollset, with its listeners, its proxy and its backends. The only room
// that knows the whole.

import { EventEmitter } from 'node:events'
import type TypedEmitter from 'typed-emitter'
import { type Continuation, createWorld, TraceLines } from '../continuation/index.js'
import {
  type Client,
  createHttpWorld,
  type FrontendStream,
  type HttpWorld,
  type LingeringClient,
  type StreamAcceptor,
} from '../http/index.js'
import {
  type Address,
  type Certificate,
  Networks,
  NodePollset,
  type Socket,
  type TlsServer,
} from '../pollset/index.js'
import { Backend, CLEAR_TEXT, ConnectPolicy, ReverseProxy, type Share } from '../proxy/index.js'
import { Connections, Listening, type ProxyVersion } from '../transport/index.js'
import { type Listen, parseBackend, type RouteText } from './address.js'
import { Backends } from './backends.js'
import { ClientAddresses } from './client-addresses.js'
import { type AlpnProtocol, ClientHandshake, type HandshakeEvents } from './client-handshake.js'
import { Control } from './control.js'
import type { Emitter } from './emitter.js'
import { Incidents } from './incidents.js'
import { checkLimits, defaultLimits, type Limits, limitsWith, type SomeLimits } from './limits.js'
import { ProcessLog } from './process-log.js'
import { type BackendTls, Protocols } from './protocols.js'

export interface ServerOptions {
  readonly listen: readonly Listen[]
  /** What listeners over TLS show; asked again for each {@link Server.command} `reload`. */
  readonly certificates?: () => ServerCertificates
  readonly backendTls?: BackendTls
  /** Networks whose connections begin with a PROXY header that is believed (spec/proxy-protocol.md). */
  readonly acceptProxy?: readonly string[]
  /**
   * The PROXY header that each connection to a backend begins with; it tells of a client with `share`
   * `connection` only.
   */
  readonly sendProxy?: ProxyVersion
  /** Targets of plain CONNECT: `HOST:PORT`, `*.DOMAIN:PORT`, `*` for either part; none without any. */
  readonly connect?: readonly string[]
  /** Most specific first is not needed; the table sorts them. */
  readonly routes: readonly RouteText[]
  readonly share?: Share
  readonly limits?: SomeLimits
  /** ms */
  readonly drainTimeoutMs?: number
  /** Gets each line of the process log, without its end. */
  readonly log?: ((line: string) => void) | undefined
  /** Gets each trace line. */
  readonly trace?: ((line: string) => void) | undefined
}

export interface ServerCertificates {
  /** The first is for clients that name no server. */
  readonly certificates: readonly Certificate[]
  /** PEM of the authorities that client certificates are checked against; with it they are asked for. */
  readonly clientCa?: string
  /** Without a good certificate a client is not served. */
  readonly clientRequired?: boolean
}

export type ServerEvents = {
  /** A listener is ready. */
  listening: (address: Address, secure: boolean) => void
  /** A listener has taken the path of a Unix-domain socket on which nobody listened any more. */
  replaced: (address: Address) => void
  /** A listener could not be bound; the server stops. */
  failed: (address: Address, code: string) => void
  /** A step of ours threw; what it belonged to has been given up. */
  crashed: (id: string, error: unknown) => void
  /**
   * An invariant of ours is broken that reaches all connections: the server has closed them, and serves no
   * more.
   */
  broken: (error: Error) => void
  /** A connection to a backend could not be made; of each backend at most once in logRepeatMs. */
  unreached: (backend: string, why: string) => void
  draining: () => void
  /** Certificates were read anew; or could not be, and the old ones stay. */
  reloaded: (error: Error | null) => void
  /** All is over: no socket is open any more. */
  stopped: () => void
}

/**
 * What listeners over TLS offer, the most wanted first. A client whose list has none of it is refused (RFC
 * 7301 §3.2).
 */
const ALPN = ['h2', 'http/1.1', 'http/1.0'] as const

export const DRAIN_TIMEOUT_MS = 30_000

const TypedEvents: new () => Emitter<ServerEvents> =
  EventEmitter as new () => TypedEmitter.default<ServerEvents>

export class Server extends TypedEvents implements StreamAcceptor, HandshakeEvents {
  readonly world: HttpWorld
  readonly proxy: ReverseProxy
  readonly protocols: Protocols
  /** All that clients have open: those whose protocol is not settled yet, and those that are served. */
  readonly connections: Connections
  private readonly pollset: NodePollset
  private readonly handshakes = new Set<ClientHandshake>()
  private readonly open = new Map<Client, Continuation>()
  /** Those of them that only wait for their client to read our last word, the oldest first. */
  private readonly lingering = new Map<Client, LingeringClient>()
  private readonly bound: Listening[] = []
  private readonly backends: Backends
  private readonly listen: readonly Listen[]
  private readonly certificates: (() => ServerCertificates) | null
  private readonly limits: Limits
  private readonly relays: Networks
  private readonly addresses: ClientAddresses
  readonly log: ProcessLog
  private readonly incidents: Incidents
  /** ms that draining may take; until it begins it may be set. */
  drainTimeoutMs: number
  private tls: TlsServer | null = null
  private draining = false
  /** Lingering client connections closed for newcomers. */
  private evictions = 0

  /** Throws where a certificate of a TLS listener, a network, a route or a limit is wrong. */
  constructor(options: ServerOptions) {
    super()
    const limits: Limits = limitsWith(defaultLimits, options.limits)
    checkLimits(limits)
    this.pollset = new NodePollset(limits.pollset)
    const world = createWorld(this.pollset, { limits: limits.continuation })
    this.world = createHttpWorld(world, limits.transport)
    this.world.scheduler.onCrash = (continuation, error) => this.emit('crashed', continuation.id, error)
    this.pollset.onBroken = (error) => {
      this.log.flush()
      this.emit('broken', error)
    }
    if (options.trace !== undefined) this.world.scheduler.tracer = new TraceLines(this.pollset, options.trace)
    this.limits = limits
    this.connections = new Connections('connections', limits.server.connectionsMax)
    this.log = new ProcessLog(this.pollset, limits.server, options.log ?? (() => {}))
    this.incidents = new Incidents(this.log, limits)
    this.drainTimeoutMs = options.drainTimeoutMs ?? DRAIN_TIMEOUT_MS
    this.relays = new Networks(options.acceptProxy ?? [])
    this.addresses = new ClientAddresses(limits.server)
    this.protocols = new Protocols(this.world, limits, options.backendTls ?? {})
    this.certificates = options.certificates ?? null
    if (options.listen.some((each) => each.secure === true)) this.tls = this.secureWith()
    this.listen = options.listen
    this.backends = new Backends(this.world.scheduler, (url) => {
      const to = parseBackend(url)
      const { protocols } = this
      const sessions = protocols.sessions(to, options.sendProxy)
      const share = options.share ?? 'process'
      const tunnels = protocols.tunnelSessions(to, options.sendProxy)
      const backend = new Backend(this.world, url, sessions, protocols.engineLimits(to), share, tunnels)
      this.watch(backend)
      return backend
    })
    const connects =
      options.connect === undefined
        ? null
        : new ConnectPolicy(this.world, options.connect, (target) => this.protocols.tcpSessions(target))
    this.proxy = new ReverseProxy(this.world, this.backends.tableOf(options.routes), limits.proxy, connects)
    this.proxy.watch(this.incidents)
    this.proxy.watch(this.backends)
    new Control(this, Math.max(limits.http1.drainIdleMs, limits.http2.drainIdleMs), limits.server.cutMs)
  }

  /** A server whose listeners are being bound. */
  static listening(options: ServerOptions): Server {
    const server = new Server(options)
    server.begin()
    return server
  }

  begin(): void {
    for (const address of this.listen) {
      this.bound.push(
        new Listening(this.world, address, {
          ready: ({ listener }) => {
            if (listener.replaced) this.emit('replaced', listener.address)
            this.emit('listening', listener.address, address.secure === true)
          },
          failed: (listening) => this.emit('failed', address, listening.listener.fault?.code ?? 'EUNKNOWN'),
          accepted: (socket) => this.accepted(socket, address.secure === true),
        }),
      )
    }
  }

  /** Routes requests from now on so. Throws where a route is wrong, and then the old ones stay. */
  route(routes: readonly RouteText[]): void {
    this.proxy.routes = this.backends.tableOf(routes)
  }

  private watch(backend: Backend): void {
    backend.onUnreached = (why) => {
      if (this.incidents.unreached(backend, why))
        this.emit('unreached', backend.name, why.detail ?? why.message)
    }
  }

  /** The process ends without waiting for anything: what is cut off by that, and what was not told yet. */
  endNow(): void {
    this.incidents.endedBySignal(this.proxy.begun - this.proxy.logged)
    this.log.flush()
  }

  /** An order from outside: `drain` or `reload`. Takes effect in the next turn. */
  command(order: 'drain' | 'reload'): void {
    this.pollset.commands.give(order)
  }

  // The acceptor of all frontends

  accept(stream: FrontendStream): void {
    this.proxy.accept(stream)
  }

  clientClosed(client: Client): void {
    this.forget(client)
    this.lingering.delete(client)
    this.addressClosed(client.addresses.from)
    this.backends.clientClosed(client)
  }

  /**
   * Of connections in clear text to a listener over TLS: each request is told so, and the connection ends
   * with it.
   */
  private readonly inClearText: StreamAcceptor = {
    accept: (stream) => {
      this.proxy.refuse(stream, CLEAR_TEXT)
      this.open.get(stream.client)?.cancel()
    },
    clientClosed: (client) => this.clientClosed(client),
    clientAbused: (client, part) => this.clientAbused(client, part),
  }

  clientLingers(client: LingeringClient): void {
    this.lingering.set(client, client)
  }

  /**
   * The oldest connection that lingers goes, before a newcomer is turned away. It closes in this turn, and
   * counts no more.
   */
  private makeRoom(): void {
    for (const oldest of this.lingering.values()) {
      this.lingering.delete(oldest)
      this.forget(oldest)
      oldest.evict()
      this.evictions++
      return
    }
  }

  /** It counts among the connections no more. */
  private forget(client: Client): void {
    const connection = this.open.get(client)
    if (connection === undefined) return
    this.open.delete(client)
    this.connections.delete(connection)
  }

  private accepted(socket: Socket, secure: boolean): void {
    if (this.lingering.size === 0 && this.connections.refuse(socket)) {
      this.incidents.turnedAway(socket.remote)
      return
    }
    if (!this.admits(socket.remote)) {
      socket.reset()
      return
    }
    if (this.connections.isFull) this.makeRoom()
    const { handshakeMs } = this.limits.server
    const tls = secure ? this.tls : null
    const proxyHeaderBytesMax = this.relays.has(socket.remote.host)
      ? this.limits.server.proxyHeaderBytesMax
      : 0
    const options = { tls, proxyHeaderBytesMax, handshakeMs }
    const handshake = new ClientHandshake(this.world, socket, options, this)
    this.handshakes.add(handshake)
    this.connections.add(handshake)
  }

  handshakeDone(handshake: ClientHandshake, spoken: AlpnProtocol): void {
    this.handshakes.delete(handshake)
    const acceptor = handshake.inClearText ? this.inClearText : this
    const connection = this.protocols.serve(handshake.socket, spoken, acceptor, handshake.addresses)
    this.open.set(connection, connection)
    this.connections.replace(handshake, connection)
    if (this.draining) connection.cancel()
  }

  handshakeDropped(handshake: ClientHandshake): void {
    this.handshakes.delete(handshake)
    this.connections.delete(handshake)
    this.incidents.dropped(handshake)
    this.addressClosed(handshake.addresses.from)
  }

  clientAbused({ addresses }: Client | ClientHandshake, part: number): void {
    const { host } = addresses.from
    if (!this.relays.has(host)) this.addresses.abused(host, part, this.world.pollset.now)
  }

  /** Relays are trusted: they speak for many, and only those are counted. */
  admits(from: Address): boolean {
    if (this.relays.has(from.host) || this.addresses.admit(from.host, this.world.pollset.now)) return true
    this.incidents.notAdmitted(from)
    return false
  }

  private addressClosed(from: Address): void {
    if (!this.relays.has(from.host)) this.addresses.closed(from.host)
  }

  // What control asks for

  drain(): void {
    this.draining = true
    this.emit('draining')
    for (const listening of this.bound) listening.cancel()
    for (const connection of this.open.values()) connection.cancel()
  }

  /** Handshakes had time for what was on its way. */
  settle(): void {
    for (const handshake of this.handshakes) handshake.cancel()
  }

  /** Told once they come to their end, told twice they close. */
  cut(): void {
    this.incidents.cut(this.proxy.begun - this.proxy.logged, this.drainTimeoutMs)
    this.settle()
    for (const connection of this.open.values()) connection.cancel()
  }

  /**
   * Read certificates anew: connections from here on get them. What is wrong with them leaves the old ones.
   */
  reload(): void {
    let wrong: Error | null = null
    try {
      if (this.tls !== null) this.tls = this.secureWith()
    } catch (error) {
      wrong = error instanceof Error ? error : new Error(String(error))
    }
    this.emit('reloaded', wrong)
  }

  private secureWith(): TlsServer {
    const { certificates, clientCa, clientRequired } = this.certificates?.() ?? { certificates: [] }
    const clientCertificate = clientRequired ? 'require' : clientCa === undefined ? 'none' : 'request'
    return this.pollset.tlsServer({
      certificates,
      alpn: ALPN,
      clientCertificate,
      ...(clientCa === undefined ? {} : { clientCa }),
    })
  }

  stop(): void {
    for (const backend of this.backends.all()) backend.close()
    this.log.flush()
    this.pollset.close()
    this.emit('stopped')
  }

  /** What there is, for people: connections, engines, counts. */
  describe(): Readonly<Record<string, unknown>> {
    return {
      clients: this.open.size,
      arriving: this.handshakes.size,
      lingering: this.lingering.size,
      turnedAway: this.connections.refused,
      gaveWay: this.evictions,
      addresses: this.addresses.describe(),
      internalErrors: this.world.scheduler.crashes,
      exchanges: {
        begun: this.proxy.begun,
        ended: this.proxy.logged,
        outcomes: Object.fromEntries(this.proxy.outcomes),
      },
      engines: this.backends.all().flatMap((backend) => backend.engines().map((engine) => engine.describe())),
      held: { bytes: this.world.memory.bytes, stalls: this.world.memory.stalls },
      http1: { ...this.protocols.http1.counts },
      http2: { ...this.protocols.http2.counts },
    }
  }
}
