// A proxy for Redis: its clients, and the backend that they share.

import type { Address, DurationList, Socket, TlsServer } from '../pollset/index.js'
import { Connections, type Listening, type ListeningEvents, secure } from '../transport/index.js'
import type { RedisBackend } from './backend.js'
import { ClientIds } from './client-ids.js'
import type { Command } from './command.js'
import { commandLife } from './command-steps.js'
import type { CommandInfo } from './commands.js'
import { RedisFrontend } from './frontend.js'
import type { RedisLimits } from './limits.js'
import { partLife } from './part.js'
import type { RedisWorld } from './world.js'

/**
 * The rule for sharing sessions. `never`: each client has a session of its own. `auto`: clients share, and
 * one that needs a session has it for as long as needed. `always`: commands that need one are refused.
 */
export type Share = 'never' | 'auto' | 'always'

export interface RedisOptions {
  readonly backend: RedisBackend
  readonly share: Share
  /** Commands that stop, halt or replace a server are allowed. */
  readonly allowAdmin: boolean
}

/** Is told of commands, for metrics and logs. */
export interface CommandWatcher {
  /** A command has its reply, or none is to come. */
  ended(c: Command): void
  /** A relay has ended: the client has, which had taken over a session, or the session. */
  relayEnded?(client: RedisFrontend): void
}

export class RedisProxy {
  readonly world: RedisWorld
  /** Those of commands that come from now on. */
  options: RedisOptions
  readonly limits: RedisLimits
  readonly durations: readonly DurationList[]
  readonly partDurations: readonly DurationList[]
  /** The clients of this proxy and of others that share this bound, also those before their handshake. */
  readonly clients: Connections
  /** Clients that were closed since they took their replies too slowly. */
  overflows = 0
  /** Commands that have come. */
  begun = 0
  /** Commands that begin from now on measure the time of their steps. */
  measuresSteps = false
  private readonly open = new Set<RedisFrontend>()
  readonly clientIds: ClientIds
  private count = 0

  /** For metrics and logs. */
  readonly name: string
  private watchers: readonly CommandWatcher[] = []

  /** @param clients bounds the clients, and drains them */
  constructor(world: RedisWorld, options: RedisOptions, clients?: Connections, name = '') {
    this.world = world
    this.name = name
    this.options = options
    this.limits = world.redisLimits
    this.clientIds = new ClientIds(world.pollset, this.open)
    this.durations = commandLife.durations(world.pollset.deadlines, world.redisLimits)
    this.partDurations = partLife.durations(world.pollset.deadlines, world.redisLimits)
    this.clients = clients ?? new Connections('redis-clients', world.redisLimits.clientsMax)
  }

  /** Listens at this address; over TLS if it is given. */
  listen(at: Address, tls: TlsServer | null, events: Omit<ListeningEvents, 'accepted'> = {}): Listening {
    const { world, clients } = this
    const accepted = (socket: Socket): void => {
      if (!clients.refuse(socket)) this.accept(socket, tls)
    }
    return clients.listen(world, at, { ...events, accepted })
  }

  /** Serves a client on this socket; over TLS if it is given. */
  accept(socket: Socket, tls: TlsServer | null): void {
    const { world, clients } = this
    if (tls === null) clients.add(this.serve(socket))
    else
      clients.add(
        secure(world, socket, tls, this.limits.handshakeMs, (handshake, isSecured) => {
          if (isSecured) clients.replace(handshake, this.serve(socket))
          else clients.delete(handshake)
        }),
      )
  }

  private serve(socket: Socket): RedisFrontend {
    const frontend = new RedisFrontend(this, socket)
    this.open.add(frontend)
    return frontend
  }

  /** The open clients. */
  [Symbol.iterator](): IterableIterator<RedisFrontend> {
    return this.open.values()
  }

  /** Returns true if a client that has taken over its session may send this. */
  mayPass({ kind }: CommandInfo): boolean {
    return (kind !== 'admin' && kind !== 'replication') || this.options.allowAdmin
  }

  get size(): number {
    return this.open.size
  }

  /** Gives other options to all clients. Commands in flight are not affected. */
  configure(options: RedisOptions): void {
    this.options = options
    for (const each of this.open) if (each.ring.size === 0) each.place.idle()
  }

  /** Returns the number of a new client. */
  nextClient(): number {
    return ++this.count
  }

  watch(watcher: CommandWatcher): void {
    this.watchers = [...this.watchers, watcher]
  }

  unwatch(watcher: CommandWatcher): void {
    this.watchers = this.watchers.filter((each) => each !== watcher)
  }

  ended(c: Command): void {
    for (const each of this.watchers) each.ended(c)
  }

  relayEnded(client: RedisFrontend): void {
    for (const each of this.watchers) each.relayEnded?.(client)
  }

  closed(client: RedisFrontend): void {
    this.open.delete(client)
    this.clients.delete(client)
  }

  /** Tells all clients to go: commands that have come are answered. */
  drainClients(): void {
    for (const client of this.open) client.cancel()
  }

  /** Closes all clients, whatever they wait for. Returns how many of them were owed something. */
  cut(): number {
    let owed = 0
    for (const client of this.open) {
      if (client.owes) owed++
      client.cut()
    }
    return owed
  }

  /** Accepts no more clients. Commands that have come are answered, then all connections close. */
  drain(drained: () => void = () => {}): void {
    this.clients.drain(() => {
      this.options.backend.close()
      drained()
    })
  }
}
