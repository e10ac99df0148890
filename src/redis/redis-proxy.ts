// A proxy for Redis: listeners, clients, and the engines of a backend by identity.

import type { Fault } from '../continuation/index.js'
import { Engine, type EngineLimits, engineLimits, sessionsOn } from '../engine/index.js'
import type { Address, DurationList, Socket, TlsServer } from '../pollset/index.js'
import {
  Connections,
  type Dial,
  type DialTarget,
  dial,
  type Listening,
  type ListeningEvents,
  secure,
} from '../transport/index.js'
import { commandLife } from './command-steps.js'
import { RedisFrontend } from './frontend.js'
import { Identities } from './identities.js'
import type { Identity } from './identity.js'
import type { RedisLimits } from './limits.js'
import { RedisSession } from './session.js'
import type { RedisWorld } from './world.js'

/**
 * When clients share sessions. `never`: each has a session of its own. `auto`: they share, and one that needs
 * a session has it for as long as it needs it. `always`: what needs one is refused.
 */
export type Share = 'never' | 'auto' | 'always'

export interface RedisOptions {
  readonly backend: DialTarget
  readonly share: Share
  /** Commands that stop, halt or replace a server are allowed. */
  readonly allowAdmin: boolean
}

/** Told of the backend, for the operator. */
export interface RedisEvents {
  /** A session could not be opened. */
  unreached(why: Fault): void
}

export class RedisProxy {
  readonly world: RedisWorld
  readonly options: RedisOptions
  readonly limits: RedisLimits
  readonly durations: readonly DurationList[]
  readonly identities: Identities
  readonly clients: Connections
  /** Clients that were closed since they took their replies too slowly. */
  overflows = 0
  private count = 0
  private readonly events: RedisEvents
  private readonly engineLimits: EngineLimits

  constructor(
    world: RedisWorld,
    options: RedisOptions,
    events: RedisEvents = { unreached() {} },
    limits: EngineLimits = engineLimits,
  ) {
    this.world = world
    this.options = options
    this.limits = world.redisLimits
    this.durations = commandLife.durations(world.pollset.deadlines, world.redisLimits)
    this.identities = new Identities(world.redisLimits.identitiesMax)
    this.clients = new Connections('redis-clients', world.redisLimits.clientsMax)
    this.events = events
    this.engineLimits = limits
  }

  /** Listens at this address; over TLS if it is given. */
  listen(at: Address, tls: TlsServer | null, events: Omit<ListeningEvents, 'accepted'> = {}): Listening {
    const { world, clients } = this
    const accepted = (socket: Socket): void => {
      if (clients.refuse(socket)) return
      if (tls === null) clients.add(new RedisFrontend(this, socket))
      else
        clients.add(
          secure(world, socket, tls, this.limits.handshakeMs, (handshake, isSecured) => {
            if (isSecured) clients.replace(handshake, new RedisFrontend(this, socket))
            else clients.delete(handshake)
          }),
        )
    }
    return clients.listen(world, at, { ...events, accepted })
  }

  /** Returns the number of a new client. */
  nextClient(): number {
    return ++this.count
  }

  closed(client: RedisFrontend): void {
    this.clients.delete(client)
  }

  /** Returns the engine whose session this client shares: always the same, so that it reads its writes. */
  sharedOf(identity: Identity, client: number): Engine<RedisSession> {
    const at = client % this.limits.sharedSessions
    identity.shared[at] ??= this.engineOf(identity, this.limits.depth, { sessionsMax: 1, openingMax: 1 })
    return identity.shared[at]
  }

  exclusiveOf(identity: Identity): Engine<RedisSession> {
    const { exclusiveMax } = this.limits
    identity.exclusive ??= this.engineOf(identity, 1, { sessionsMax: exclusiveMax, openingMax: exclusiveMax })
    return identity.exclusive
  }

  private engineOf(identity: Identity, depth: number, limits: Partial<EngineLimits>): Engine<RedisSession> {
    const { world } = this
    const sessions = sessionsOn<RedisSession, Socket, Dial>(
      (told) => dial(world, world.nextId('b'), this.options.backend, world.transportLimits, told),
      (socket, reports, { name }) => new RedisSession(world, name, socket, identity, depth, reports),
    )
    // A client with commands on a session must not get another one for its next command (S8): none ages.
    const all = { ...this.engineLimits, ...limits, sessionAgeMs: 0 }
    const engine = new Engine(world, identity.name, sessions, all)
    engine.onUnopened = (why) => this.events.unreached(why)
    return engine
  }

  engines(): Engine<RedisSession>[] {
    return [...this.identities.all()].flatMap(({ shared, exclusive }) => [
      ...shared.filter((each) => each !== undefined),
      ...(exclusive === null ? [] : [exclusive]),
    ])
  }

  /** Closes all clients, whatever they wait for. Returns how many of them were owed something. */
  cut(): number {
    let owed = 0
    for (const client of this.clients) {
      if (!(client instanceof RedisFrontend)) continue
      if (client.owes) owed++
      client.cut()
    }
    return owed
  }

  /** Accepts no more clients. Commands that have come are answered, then all connections close. */
  drain(drained: () => void = () => {}): void {
    this.clients.drain(() => {
      for (const engine of this.engines()) engine.close()
      drained()
    })
  }
}
