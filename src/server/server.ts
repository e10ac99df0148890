// A server: one World on Node's pollset, with its listeners, proxy and backends. Only this room knows all
// the others.

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
import { type Address, Networks, NodePollset, type Socket, type TlsServer } from '../pollset/index.js'
import { Backend, CLEAR_TEXT, ConnectPolicy, ReverseProxy } from '../proxy/index.js'
import { Connections } from '../transport/index.js'
import { type Listen, parseBackend, type RouteText } from './address.js'
import { Backends } from './backends.js'
import { ClientAddresses } from './client-addresses.js'
import { type AlpnProtocol, ClientHandshake, type HandshakeEvents } from './client-handshake.js'
import { Control } from './control.js'
import { Debugging } from './debugging.js'
import type { Emitter } from './emitter.js'
import { Incidents } from './incidents.js'
import { checkLimits, defaultLimits, type Limits, limitsWith } from './limits.js'
import { ProcessLog } from './process-log.js'
import { Protocols } from './protocols.js'
import type { ServerCertificates, ServerEvents, ServerOptions } from './server-options.js'

/**
 * The ALPN names of TLS listeners, in our order of preference. A client that offers others is refused (RFC
 * 7301 §3.2).
 */
const ALPN = ['h2', 'http/1.1', 'http/1.0'] as const

export type { ServerCertificates, ServerEvents, ServerOptions } from './server-options.js'

export const DRAIN_TIMEOUT_MS = 30_000

const TypedEvents: new () => Emitter<ServerEvents> =
  EventEmitter as new () => TypedEmitter.default<ServerEvents>

export class Server extends TypedEvents implements StreamAcceptor, HandshakeEvents {
  readonly world: HttpWorld
  readonly proxy: ReverseProxy
  readonly protocols: Protocols
  /** All client connections, with those whose protocol is not known yet. */
  readonly connections: Connections
  private readonly pollset: NodePollset
  private readonly handshakes = new Set<ClientHandshake>()
  private readonly open = new Map<Client, Continuation>()
  /** Client connections that linger, the oldest first. */
  private readonly lingering = new Map<Client, LingeringClient>()
  private readonly backends: Backends
  private readonly listen: readonly Listen[]
  private readonly certificates: (() => ServerCertificates) | null
  private readonly limits: Limits
  private readonly relays: Networks
  private readonly addresses: ClientAddresses
  readonly log: ProcessLog
  private readonly incidents: Incidents
  /** ms that draining may take. May be set until draining begins. */
  drainTimeoutMs: number
  private tls: TlsServer | null = null
  private draining = false
  private readonly debugging: Debugging | null
  /** Lingering client connections closed for newcomers. */
  private evictions = 0

  /** Throws if a certificate, a network, a route or a limit is wrong. */
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
    const { debug } = options
    this.debugging =
      debug === undefined
        ? null
        : new Debugging(this, this.backends, debug, limits.debugger, {
            ready: (address, token) => this.emit('debugging', address, token),
            failed: (code) => this.emit('undebugged', debug.address, code),
          })
    new Control(this, Math.max(limits.http1.drainIdleMs, limits.http2.drainIdleMs), limits.server.cutMs)
  }

  /** Starts a server, whose listeners are bound in the next turns. */
  static listening(options: ServerOptions): Server {
    const server = new Server(options)
    server.begin()
    return server
  }

  begin(): void {
    for (const address of this.listen) {
      this.connections.listen(this.world, address, {
        ready: ({ listener }) => {
          if (listener.replaced) this.emit('replaced', listener.address)
          this.emit('listening', listener.address, address.secure === true)
        },
        failed: ({ listener }) => this.emit('failed', address, listener.fault?.code ?? 'EUNKNOWN'),
        accepted: (socket) => this.accepted(socket, address.secure === true),
      })
    }
  }

  /**
   * Replaces the routes, for requests from now on. Throws if a route is wrong, and then the old ones stay.
   */
  route(routes: readonly RouteText[]): void {
    this.proxy.routes = this.backends.tableOf(routes)
  }

  private watch(backend: Backend): void {
    backend.onUnreached = (why) => {
      if (this.incidents.unreached(backend, why))
        this.emit('unreached', backend.name, why.detail ?? why.message)
    }
  }

  /** Logs what is cut, for a process that ends now. */
  endNow(): void {
    this.incidents.endedBySignal(this.proxy.begun - this.proxy.logged)
    this.log.flush()
  }

  /** Gives an order, which takes effect in the next turn. */
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

  /** Refuses requests that came in clear text to a TLS listener, and closes their connections. */
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

  /** Evicts the oldest lingering connection, so that a new one is not refused. It closes in this turn. */
  private makeRoom(): void {
    for (const oldest of this.lingering.values()) {
      this.lingering.delete(oldest)
      this.forget(oldest)
      oldest.evict()
      this.evictions++
      return
    }
  }

  /** Stops counting this client's connection. */
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

  /**
   * Decides whether a client address is served. Trusted relays always are: their clients are counted instead.
   */
  admits(from: Address): boolean {
    if (this.relays.has(from.host) || this.addresses.admit(from.host, this.world.pollset.now)) return true
    this.incidents.notAdmitted(from)
    return false
  }

  private addressClosed(from: Address): void {
    if (!this.relays.has(from.host)) this.addresses.closed(from.host)
  }

  // Called by control

  drain(): void {
    this.draining = true
    this.emit('draining')
    this.debugging?.drain()
    this.connections.stopListening()
    for (const connection of this.open.values()) connection.cancel()
  }

  /** Ends handshakes that are not done: they had time for what was on its way. */
  settle(): void {
    for (const handshake of this.handshakes) handshake.cancel()
  }

  /** Closes every client connection: a second cancel does not wait for requests. */
  cut(): void {
    this.incidents.cut(this.proxy.begun - this.proxy.logged, this.drainTimeoutMs)
    this.settle()
    for (const connection of this.open.values()) connection.cancel()
  }

  /** Reads the certificates again, for connections from now on. If one is wrong, the old ones stay. */
  reload(): void {
    let wrong: Error | null = null
    try {
      if (this.tls === null) throw new Error('no listener has certificates')
      this.tls = this.secureWith()
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

  /** Returns the open clients, for debuggers. */
  clients(): IterableIterator<Client> {
    return this.open.keys()
  }

  /** The number of open clients. */
  get openClients(): number {
    return this.open.size
  }

  /** Returns the name of the life of an open client; null if it has closed. */
  protocolOf(client: Client): string | null {
    return this.open.get(client)?.program.name ?? null
  }

  /** Describes connections, engines and counts, for people. */
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
