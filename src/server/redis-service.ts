// The listeners and backends of Redis in a configuration. A new configuration keeps everything that it
// shares with the one before: a backend by its name, a server by everything that its connections depend on,
// the clients of a listener by its address. Clients move to other servers between two commands, so no
// command is lost.

import { isDeepStrictEqual } from 'node:util'
import type { Configuration, ListenerConfig, RedisBackendConfig } from '../config/index.js'
import type { Continuation, Fault } from '../continuation/index.js'
import type { StoreUse } from '../filters/index.js'
import type { HttpWorld } from '../http/index.js'
import { type Address, formatAddress, isNumeric, type Socket } from '../pollset/index.js'
import {
  type BackendOptions,
  type ClusterOptions,
  type CommandWatcher,
  RedisBackend,
  type RedisEvents,
  type RedisFrontend,
  RedisProxy,
  RedisStore,
  type RedisWorld,
} from '../redis/index.js'
import { Connections, type DialTarget } from '../transport/index.js'
import { parseListen } from './address.js'
import type { Incidents } from './incidents.js'
import type { Limits } from './limits.js'
import type { BoundListener } from './listeners.js'
import type { ProcessLog } from './process-log.js'
import { parseRedisBackend } from './redis-address.js'

/** Is told that a client has gone. @param from its address, or the one that its PROXY header names */
type Gone = (from: Address) => void

/** The clients of a listener, which are connections of the server too. */
class ListenerClients extends Connections {
  private readonly all: Connections
  private readonly listener: BoundListener
  private readonly gone: (socket: Socket) => void

  constructor(most: number, all: Connections, listener: BoundListener, gone: (socket: Socket) => void) {
    super('redis-clients', most)
    this.all = all
    this.listener = listener
    this.gone = gone
  }

  override add(connection: Continuation): void {
    super.add(connection)
    this.all.add(connection)
    this.listener.connections.add(connection)
    if (this.listener.closed) connection.cancel()
  }

  override delete(connection: Continuation): void {
    super.delete(connection)
    this.all.delete(connection)
    this.listener.connections.delete(connection)
    this.gone((connection as Continuation & { readonly socket: Socket }).socket)
  }
}

interface Configured {
  readonly config: RedisBackendConfig
  readonly options: BackendOptions
}

/** Backends whose settings are valid. */
export interface PreparedRedis {
  commit(): void
  /** Releases them, since they will not be committed. */
  abandon(): void
}

interface ServerParts {
  readonly world: HttpWorld
  readonly connections: Connections
  readonly log: ProcessLog
  readonly limitsOf: Limits
}

export class RedisService {
  private readonly world: RedisWorld
  private readonly limits: Limits
  private readonly connections: Connections
  private readonly log: ProcessLog
  private readonly events: RedisEvents
  private readonly told: Gone
  /** The addresses of open clients, as PROXY headers name them. */
  private readonly from = new Map<Socket, Address>()
  /** The same, also of those that are told of after their end. */
  private readonly addresses = new WeakMap<Socket, Address>()
  private configured: ReadonlyMap<string, Configured> = new Map()
  private readonly backends = new Map<string, RedisBackend>()
  /** Backends that are no longer configured, while they have sessions. */
  private readonly leaving = new Set<RedisBackend>()
  private watchers: readonly CommandWatcher[] = []
  private measuresSteps = false
  /** By listener. */
  private readonly proxies = new Map<BoundListener, RedisProxy>()
  /** Prepared backends that are not committed. */
  private coming: ReadonlyMap<string, Configured> | null = null

  /** @param server the server that it belongs to */
  constructor({ world, connections, log, limitsOf }: ServerParts, incidents: Incidents, gone: Gone) {
    this.world = { ...world, redisLimits: limitsOf.redis }
    this.limits = limitsOf
    this.log = log
    this.connections = connections
    this.told = gone
    this.events = {
      unreached: (endpoint: string, why: Fault) =>
        void log.repeated('error', `no connection to redis://${endpoint}`, () => why.detail ?? why.message),
      checked: (endpoint, passed, why) => incidents.checked(`redis://${endpoint}`, passed, why),
      learned: (backend, nodes, why) => {
        if (nodes > 0) log.tell('info', `backend ${backend}: the cluster has ${nodes} nodes with slots`)
        else
          void log.repeated(
            'error',
            `backend ${backend}: no node of the cluster tells who has which slots`,
            () => why,
          )
      },
      health: (backend, endpoint, isUp) => incidents.health(backend, endpoint, isUp ? 'up' : 'down', 0),
    }
  }

  /**
   * Makes the parts that the backends of a configuration need. Throws if an authority is wrong.
   * Changes nothing.
   */
  prepare({ redisBackends, listeners }: Configuration): PreparedRedis {
    const next = new Map<string, Configured>()
    for (const each of redisBackends) next.set(each.name, this.configuredAs(each))
    this.coming = next
    return {
      commit: () => {
        this.coming = null
        this.commit(next, listeners)
      },
      abandon: () => {
        this.coming = null
        for (const [name, backend] of this.backends)
          if (!this.configured.has(name)) {
            this.backends.delete(name)
            this.leave(backend)
          }
      },
    }
  }

  private configuredAs(config: RedisBackendConfig): Configured {
    const { name, shards, check } = config
    const before = this.configured.get(name)
    const isAlike =
      before !== undefined &&
      before.config.secure === config.secure &&
      isDeepStrictEqual(before.config.tls, config.tls)
    const known = isAlike ? before.options.shards.flatMap(({ endpoints }) => endpoints) : []
    const endpointOf = (address: string) =>
      known.find((each) => each.name === address) ?? { name: address, target: this.targetOf(address, config) }
    const targets = shards.map(({ endpoints, prefixes }) => ({
      endpoints: endpoints.map(endpointOf),
      prefixes,
    }))
    const cluster = this.clusterOf(config, isAlike ? before : undefined)
    return { config, options: { name, shards: targets, check, cluster } }
  }

  /** @param before the same backend with the same TLS */
  private clusterOf(config: RedisBackendConfig, before: Configured | undefined): ClusterOptions | null {
    const { cluster } = config
    if (cluster === null) return null
    const { seeds, addresses } = cluster
    const old = before?.config.cluster ?? null
    const isSame = isDeepStrictEqual([old?.seeds, old?.addresses], [seeds, addresses])
    if (isSame && before !== undefined) return before.options.cluster ?? null
    const endpointOf = (name: string) => ({ name, target: this.targetOf(name, config) })
    return {
      seeds: seeds.map(endpointOf),
      nodeAt: (host, port) => {
        const name = formatAddress({ host, port })
        return endpointOf(addresses[`${host}:${port}`] ?? addresses[name] ?? name)
      },
    }
  }

  private targetOf(address: string, { secure, tls }: RedisBackendConfig): DialTarget {
    const { host, port, path } = parseRedisBackend(address)
    const to = { host, port, ...(path === undefined ? {} : { path }) }
    if (!secure) return to
    const serverName = tls.name ?? (isNumeric(to.host) ? '' : to.host)
    const authorities = tls.ca === null ? {} : { ca: tls.ca }
    const client = this.world.pollset.tlsClient({ serverName, alpn: [], verify: tls.verify, ...authorities })
    return { ...to, tls: client }
  }

  private commit(next: ReadonlyMap<string, Configured>, listeners: readonly ListenerConfig[]): void {
    for (const [name, { options }] of next) this.backends.get(name)?.configure(options)
    const gone = [...this.backends].filter(([name]) => !next.has(name))
    this.configured = next
    for (const [name, backend] of gone) {
      this.backends.delete(name)
      this.leave(backend)
    }
    for (const backend of this.leaving)
      if (backend.engines().every(({ sessions }) => sessions.length === 0)) this.leaving.delete(backend)
    for (const [listener, proxy] of this.proxies) {
      const name = formatAddress(listener.address)
      const config = listeners.find((each) => formatAddress(parseListen(each.address)) === name)
      const options = config === undefined ? null : this.optionsOf(config)
      if (options !== null) proxy.configure(options)
      else {
        // If its address is no longer served, the listeners close its connections.
        if (config !== undefined) proxy.drainClients()
        if (proxy.clients.size === 0) this.proxies.delete(listener)
      }
    }
  }

  private leave(backend: RedisBackend): void {
    backend.retire()
    this.leaving.add(backend)
  }

  private optionsOf({ redis }: ListenerConfig) {
    if (redis === null) return null
    const backend = this.backendOf(redis.backend)
    return backend === null ? null : { backend, share: redis.share, allowAdmin: redis.allowAdmin }
  }

  /** Returns a backend, which is made when it is first needed: those that no listener names cost nothing. */
  private backendOf(name: string): RedisBackend | null {
    const known = this.backends.get(name)
    if (known !== undefined) return known
    const configured = this.coming?.get(name) ?? this.configured.get(name)
    if (configured === undefined) return null
    const backend = new RedisBackend(this.world, configured.options, this.events, this.limits.engine)
    this.backends.set(name, backend)
    return backend
  }

  /** Makes a store of filters behind one of the backends. */
  storeOf({ backend, database, user, password }: StoreUse): RedisStore {
    const words = password === null ? [] : user === null ? [password] : [user, password]
    const auth = words.length === 0 ? null : words.map((each) => Buffer.from(each))
    const options = { name: backend, parts: { db: database, auth } }
    return new RedisStore(this.world, options, () => this.backendOf(backend), {
      turned: (isAsked, why) => {
        if (isAsked) void this.log.repeated('info', `store ${backend}`, () => 'it answers again')
        else
          void this.log.repeated(
            'error',
            `store ${backend} does not answer, each process counts alone`,
            () => why,
          )
      },
    })
  }

  /** Serves a client whose handshake is done. */
  serve(socket: Socket, listener: BoundListener, from: Address): void {
    this.from.set(socket, from)
    this.addresses.set(socket, from)
    const options = this.optionsOf(listener.config)
    if (options === null) {
      socket.destroy()
      this.gone(socket)
      return
    }
    let proxy = this.proxies.get(listener)
    if (proxy === undefined) {
      const { clientsMax } = this.limits.redis
      const clients = new ListenerClients(clientsMax, this.connections, listener, (each) => this.gone(each))
      proxy = new RedisProxy(this.world, options, clients, listener.config.name)
      for (const each of this.watchers) proxy.watch(each)
      proxy.measuresSteps = this.measuresSteps
      this.proxies.set(listener, proxy)
    }
    if (proxy.clients.refuse(socket)) this.gone(socket)
    else proxy.accept(socket, null)
  }

  private gone(socket: Socket): void {
    const from = this.from.get(socket)
    if (from !== undefined) this.told(from)
    this.from.delete(socket)
  }

  /** Returns all proxies, by listener. */
  all(): IterableIterator<[BoundListener, RedisProxy]> {
    return this.proxies.entries()
  }

  /** Returns the backends that listeners use. */
  allBackends(): IterableIterator<RedisBackend> {
    return this.backends.values()
  }

  /** Has this told of commands. */
  watch(watcher: CommandWatcher): void {
    this.watchers = [...this.watchers, watcher]
    for (const proxy of this.proxies.values()) proxy.watch(watcher)
  }

  unwatch(watcher: CommandWatcher): void {
    this.watchers = this.watchers.filter((each) => each !== watcher)
    for (const proxy of this.proxies.values()) proxy.unwatch(watcher)
  }

  /** Measures the steps of commands that begin from now on, or does not. */
  measureSteps(measures: boolean): void {
    this.measuresSteps = measures
    for (const proxy of this.proxies.values()) proxy.measuresSteps = measures
  }

  /** The open clients. */
  *clients(): IterableIterator<RedisFrontend> {
    for (const proxy of this.proxies.values()) yield* proxy
  }

  /** Returns the address of a client, as its PROXY header names it. */
  addressOf({ socket }: RedisFrontend): Address {
    return this.addresses.get(socket) ?? socket.remote
  }

  /** The number of open clients. */
  get size(): number {
    let size = 0
    for (const proxy of this.proxies.values()) size += proxy.size
    return size
  }

  /** The number of commands without replies; a client that has a session for itself counts as one. */
  get owed(): number {
    let owed = 0
    for (const proxy of this.proxies.values())
      for (const client of proxy) owed += Math.max(client.ring.size, client.owes ? 1 : 0)
    return owed
  }

  drain(): void {
    for (const proxy of this.proxies.values()) proxy.drainClients()
  }

  cut(): void {
    for (const proxy of this.proxies.values()) proxy.cut()
  }

  close(): void {
    for (const backend of [...this.backends.values(), ...this.leaving]) backend.close()
  }
}
