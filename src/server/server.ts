// A server: one World on Node's pollset, with its listeners, proxy and backends. Only this room knows all
// the others.

import { EventEmitter } from 'node:events'
import type TypedEmitter from 'typed-emitter'
import type { Configuration } from '../config/index.js'
import { type Continuation, createWorld, TraceLines } from '../continuation/index.js'
import { type Client, createHttpWorld, type HttpWorld, type StreamAcceptor } from '../http/index.js'
import { type Address, NodePollset, type Socket } from '../pollset/index.js'
import { CLEAR_TEXT, ReverseProxy, type Route, Router } from '../proxy/index.js'
import { Connections } from '../transport/index.js'
import { AccessLogging } from './access-logging.js'
import { Administration } from './administration.js'
import { Backends } from './backends.js'
import { NOTHING_FOUND_OUT } from './check-configuration.js'
import { ClientAddresses } from './client-addresses.js'
import { type AlpnProtocol, ClientHandshake, type HandshakeEvents } from './client-handshake.js'
import { Control } from './control.js'
import { Debugging } from './debugging.js'
import type { Emitter } from './emitter.js'
import { Filters } from './filters.js'
import { Incidents } from './incidents.js'
import { checkLimits, defaultLimits, type Limits, limitsWith, type SomeLimits } from './limits.js'
import { LingeringClients } from './lingering-clients.js'
import { type BoundListener, Listeners } from './listeners.js'
import { ProcessLog } from './process-log.js'
import { Protocols } from './protocols.js'
import { LocalQuestions } from './questions.js'
import { RedisService } from './redis-service.js'
import { type Applied, ServedConfiguration } from './served-configuration.js'
import { describeServer } from './server-description.js'
import { ServerMetrics } from './server-metrics.js'
import type { ServerEvents, ServerOptions } from './server-options.js'
import { settingNames } from './setting-names.js'

export type { ServerEvents, ServerOptions } from './server-options.js'

const TypedEvents: new () => Emitter<ServerEvents> =
  EventEmitter as new () => TypedEmitter.default<ServerEvents>

export class Server extends TypedEvents implements HandshakeEvents {
  readonly world: HttpWorld
  readonly proxy: ReverseProxy
  readonly protocols: Protocols
  /** All client connections, including those whose protocol is not known yet. */
  readonly connections: Connections
  private readonly pollset: NodePollset
  private readonly handshakes = new Map<ClientHandshake, BoundListener>()
  private readonly open = new Map<Client, { connection: Continuation; listener: BoundListener }>()
  private readonly lingering = new LingeringClients()
  private readonly backends: Backends
  readonly redis: RedisService
  private readonly listening: Listeners
  readonly limitsOf: Limits
  private readonly addresses: ClientAddresses
  readonly log: ProcessLog
  private readonly incidents: Incidents
  readonly accessLog: AccessLogging
  /** The longest time of draining, in ms. It may be set until draining begins. */
  drainTimeoutMs: number
  readonly served: ServedConfiguration
  private readonly read: NonNullable<ServerOptions['read']> | null
  /** The phase. It should get requests while `serving`. */
  phase: 'starting' | 'serving' | 'stopping' = 'starting'
  private draining = false
  private readonly debugging: Debugging | null
  readonly metrics: ServerMetrics | null
  readonly questions: LocalQuestions
  private readonly administration: Administration | null
  /** The number of requests that were cut when it ended. */
  cutRequests = 0

  /** Throws if a certificate, a network, a route or a limit is wrong. */
  constructor(options: ServerOptions) {
    super()
    const { configuration, foundOut = NOTHING_FOUND_OUT } = options
    const limits: Limits = limitsWith(defaultLimits, configuration.limits as SomeLimits)
    checkLimits(limits)
    this.read = options.read ?? null
    const { worker, debug } = options
    this.pollset = new NodePollset(limits.pollset, false, worker?.lent)
    const prefix = worker === undefined ? '' : `${worker.name}/`
    const world = createWorld(this.pollset, { limits: limits.continuation, prefix })
    this.world = createHttpWorld(world, limits.transport)
    this.world.scheduler.onCrash = (continuation, error) => this.emit('crashed', continuation.id, error)
    this.pollset.onBroken = (error) => {
      this.log.flush()
      this.accessLog.writeNow()
      this.emit('broken', error)
    }
    if (options.trace !== undefined) this.world.scheduler.tracer = new TraceLines(this.pollset, options.trace)
    this.limitsOf = limits
    this.connections = new Connections('connections', limits.server.connectionsMax)
    const { processLog } = configuration
    this.log = new ProcessLog(this.pollset, limits.server, options.log, processLog, worker?.name)
    this.incidents = new Incidents(this.log, limits, () => settingNames(this.configuration), {
      unreached: (backend, why) => this.emit('unreached', backend, why),
      checked: (endpoint, passed) => this.metrics?.checked(endpoint, passed),
    })
    this.drainTimeoutMs = configuration.shutdown.timeoutMs
    this.addresses = new ClientAddresses(limits.server)
    this.protocols = new Protocols(this.world, limits)
    this.backends = new Backends(this.world, this.protocols, limits.proxy, this.incidents)
    this.redis = new RedisService(this, this.incidents, ({ host }) => this.addresses.closed(host))
    this.listening = new Listeners(this.world, this.connections, {
      accepted: (socket, listener) => this.accepted(socket, listener),
      listening: (address, secure) => this.emit('listening', address, secure),
      replaced: (address) => this.emit('replaced', address),
    })
    this.proxy = new ReverseProxy(this.world, new Router<Route>([]), limits.proxy)
    this.proxy.watch(this.incidents)
    this.accessLog = new AccessLogging(world, this.pollset, this.proxy, this.redis, this.log, limits.server)
    this.proxy.watch(this.accessLog)
    this.served = new ServedConfiguration(configuration, foundOut, {
      world: this.world,
      proxy: this.proxy,
      protocols: this.protocols,
      backends: this.backends,
      listeners: this.listening,
      filters: new Filters(this.proxy, this.log, limits.filters, undefined, (use) => this.redis.storeOf(use)),
      redis: this.redis,
    })
    this.accessLog.begin(configuration.accessLog)
    this.debugging =
      debug === undefined
        ? null
        : new Debugging(this, this.backends, debug, limits.debugger, {
            ready: (address, token) => this.emit('debugging', address, token),
            failed: (code) => this.emit('undebugged', debug.address, code),
          })
    const measures =
      configuration.admin ?? configuration.probes ?? (worker?.measures === true ? worker : null)
    const metrics = measures !== null ? new ServerMetrics(this, this.backends) : null
    this.metrics = metrics
    this.questions = new LocalQuestions(this, this.backends, limits.debugger)
    this.administration =
      metrics === null
        ? null
        : new Administration(this, this.questions, (done) => done(metrics.text()), {
            ready: (address, what) => this.emit('administering', address, what),
            failed: (address, code) => this.emit('failed', address, code),
          })
    metrics?.watch()
    new Control(this, Math.max(limits.http1.drainIdleMs, limits.http2.drainIdleMs), limits.server.cutMs)
  }

  /** The number of configured listeners. */
  get listenersCount(): number {
    return this.configuration.listeners.length
  }

  get configuration(): Configuration {
    return this.served.current
  }

  /** Binds the listeners. */
  begin(): void {
    this.administration?.begin(this.configuration)
    this.served.begin((address, code) => {
      if (address !== null) this.emit('failed', address, code)
      else if (this.phase === 'starting') {
        this.phase = 'serving'
        this.emit('serving')
      }
    })
  }

  /**
   * Replaces the configuration, for further connections and requests: in one turn, or not at all.
   * @param ready is called when all is ready, with the function that commits it. Default: commits at once
   */
  apply(
    configuration: Configuration,
    applied: Applied,
    foundOut = NOTHING_FOUND_OUT,
    ready?: (commit: () => void) => void,
  ): void {
    const done: Applied = (wrong) => {
      if (wrong === null) {
        this.drainTimeoutMs = configuration.shutdown.timeoutMs
        this.accessLog.configure(configuration.accessLog)
        this.log.configure(configuration.processLog)
      }
      this.metrics?.reloaded(wrong)
      applied(wrong)
    }
    this.served.apply(configuration, foundOut, done, ready)
  }

  /** Logs what is cut, for a process that ends now. */
  endNow(): void {
    this.incidents.endedBySignal(this.countCut())
    this.log.flush()
    this.accessLog.writeNow()
  }

  /** Counts the running requests as cut. Returns their number. */
  private countCut(): number {
    const running = this.proxy.begun - this.proxy.logged + this.redis.owed
    this.cutRequests = Math.max(this.cutRequests, running)
    return running
  }

  /** Gives an order, which takes effect in the next turn. */
  command(order: 'drain' | 'reload' | 'shutdown'): void {
    this.pollset.commands.give(order)
  }

  /** Returns the acceptor of a listener's connections: their requests know its name. */
  private acceptorOf(listener: BoundListener): StreamAcceptor {
    listener.acceptor ??= {
      accept: (stream) => this.proxy.accept(stream, listener.config.name),
      clientClosed: (client) => this.clientClosed(client),
      clientLingers: (client) => this.lingering.add(client),
      clientAbused: (client, part) => this.clientAbused(client, part),
    }
    return listener.acceptor
  }

  private clientClosed(client: Client): void {
    this.forget(client)
    this.lingering.delete(client)
    this.addresses.closed(client.addresses.from.host)
    this.backends.clientClosed(client)
  }

  /** Refuses requests that came in clear text to a TLS listener, and closes their connections. */
  private readonly inClearText: StreamAcceptor = {
    accept: (stream) => {
      this.proxy.refuse(stream, CLEAR_TEXT)
      this.open.get(stream.client)?.connection.cancel()
    },
    clientClosed: (client) => this.clientClosed(client),
    clientAbused: (client, part) => this.clientAbused(client, part),
  }

  /** Evicts the oldest lingering connection, so that a new one is not refused. It closes in this turn. */
  private makeRoom(): void {
    const oldest = this.lingering.oldest()
    if (oldest === null) return
    this.forget(oldest)
    this.lingering.evict(oldest)
  }

  /** Stops counting this client's connection. */
  private forget(client: Client): void {
    const open = this.open.get(client)
    if (open === undefined) return
    this.open.delete(client)
    open.listener.connections.delete(open.connection)
    this.connections.delete(open.connection)
  }

  private accepted(socket: Socket, listener: BoundListener): void {
    if (this.lingering.size === 0 && this.connections.refuse(socket)) {
      this.incidents.turnedAway(socket.remote)
      return
    }
    if (!this.admits(socket.remote)) {
      socket.reset()
      return
    }
    if (this.connections.isFull) this.makeRoom()
    const { handshakeMs, proxyHeaderBytesMax: most } = this.limitsOf.server
    const proxyHeaderBytesMax = this.served.relays.has(socket.remote.host) ? most : 0
    const { tls, config } = listener
    const options = { tls, proxyHeaderBytesMax, handshakeMs, sniffs: config.redis === null }
    const handshake = new ClientHandshake(this.world, socket, options, this)
    this.handshakes.set(handshake, listener)
    listener.connections.add(handshake)
    this.connections.add(handshake)
  }

  handshakeDone(handshake: ClientHandshake, spoken: AlpnProtocol): void {
    const { socket, addresses } = handshake
    const listener = this.handshakes.get(handshake) as BoundListener
    if (!handshake.sniffs) this.redis.serve(socket, listener, addresses.from)
    else this.serve(handshake, listener, spoken)
    this.dropHandshake(handshake, listener)
  }

  private serve(handshake: ClientHandshake, listener: BoundListener, spoken: AlpnProtocol): void {
    const { socket, addresses } = handshake
    const acceptor = handshake.inClearText ? this.inClearText : this.acceptorOf(listener)
    const connection = this.protocols.serve(socket, listener.serves(spoken), acceptor, addresses)
    this.open.set(connection, { connection, listener })
    listener.connections.add(connection)
    this.connections.add(connection)
    if (this.draining || listener.closed) connection.cancel()
  }

  handshakeDropped(handshake: ClientHandshake): void {
    this.dropHandshake(handshake, this.handshakes.get(handshake))
    this.incidents.dropped(handshake)
    this.addresses.closed(handshake.addresses.from.host)
  }

  private dropHandshake(handshake: ClientHandshake, listener: BoundListener | undefined): void {
    listener?.connections.delete(handshake)
    this.handshakes.delete(handshake)
    this.connections.delete(handshake)
  }

  clientAbused(client: Client | ClientHandshake, part: number): void {
    const { from } = client.addresses
    // A dropped handshake has a line of its own.
    if (part >= 1 && !(client instanceof ClientHandshake)) this.incidents.abused(from)
    if (this.served.inFront.has(from.host)) return
    if (this.addresses.abused(from.host, part, this.world.pollset.now)) this.incidents.blocked(from)
  }

  /**
   * Decides whether a client address is served. Trusted proxies always are: otherwise one of their clients
   * could have all others refused. Behind a relay its clients are counted instead.
   */
  admits(from: Address): boolean {
    if (this.served.inFront.has(from.host) || this.addresses.admit(from.host, this.world.pollset.now))
      return true
    this.incidents.notAdmitted(from)
    return false
  }

  // Called by control

  /** Announces that it should get no more requests; it serves those that come, for this many ms. */
  leave(delayMs: number): void {
    this.phase = 'stopping'
    if (delayMs > 0) this.incidents.leaves(delayMs)
  }

  drain(): void {
    this.draining = true
    this.leave(0)
    this.served.close()
    this.emit('draining')
    this.debugging?.drain()
    this.connections.stopListening()
    for (const { connection } of this.open.values()) connection.cancel()
    this.redis.drain()
  }

  /** Ends unfinished handshakes, which had time for bytes that were on their way. */
  settle(): void {
    for (const handshake of this.handshakes.keys()) handshake.cancel()
  }

  /** Closes every client connection: a second cancel does not wait for requests. */
  cut(): void {
    this.incidents.cut(this.countCut(), this.drainTimeoutMs)
    this.settle()
    for (const { connection } of this.open.values()) connection.cancel()
    this.redis.cut()
  }

  /** Reads the configuration again. */
  reload(): void {
    this.read?.()
  }

  stop(): void {
    this.administration?.drain()
    this.served.end()
    this.backends.close()
    this.redis.close()
    this.log.flush()
    this.pollset.close()
    this.accessLog.close(() => this.emit('stopped'))
  }

  /** Returns the open clients, for debuggers. */
  clients(): IterableIterator<Client> {
    return this.open.keys()
  }

  /** Returns the number of open clients of each listener. */
  clientsByListener(): Map<string, number> {
    return this.listening.clients((each) => !(each instanceof ClientHandshake))
  }

  /** The number of open clients. */
  get openClients(): number {
    return this.open.size
  }

  /** Returns the name of the life of an open client; null if it has closed. */
  protocolOf(client: Client): string | null {
    return this.open.get(client)?.connection.program.name ?? null
  }

  /** Describes connections, engines and counts, for people. */
  describe(): Readonly<Record<string, unknown>> {
    const { handshakes, lingering, connections, addresses } = this
    const counts = { clients: this.open.size, arriving: handshakes.size, lingering: lingering.size }
    const refused = { turnedAway: connections.refused, gaveWay: lingering.evictions }
    return { ...counts, ...refused, addresses: addresses.describe(), ...describeServer(this, this.backends) }
  }
}
