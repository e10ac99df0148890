// A server of Redis: the engines of its identities, and its checks. One that a reload has taken away serves
// what it has, and closes with its last client.

import type { Fault } from '../continuation/index.js'
import { Engine, type EngineLimits, type SessionFactory, sessionsOn } from '../engine/index.js'
import type { Socket } from '../pollset/index.js'
import { type Dial, type DialTarget, dial } from '../transport/index.js'
import { PingChecks, type PingOptions } from './health.js'
import { Identities } from './identities.js'
import { Identity, type IdentityParts } from './identity.js'
import { RedisSession } from './session.js'
import { SharedEngine } from './shared-engine.js'
import type { RedisWorld } from './world.js'

/** Told of servers, for the operator. */
export interface RedisEvents {
  /** A session could not be opened. */
  unreached(endpoint: string, why: Fault): void
  /** A check has ended. @param why one clause, for people */
  checked?(endpoint: string, passed: boolean, why: string): void
  /** Its checks say that it is up, or down. */
  health?(backend: string, endpoint: string, isUp: boolean): void
  /**
   * A cluster has told how many nodes have slots.
   * @param nodes 0: none could tell
   * @param why one clause, for people
   */
  learned?(backend: string, nodes: number, why: string): void
}

/** A server as it is configured. */
export interface EndpointOptions {
  /** For people: `10.0.0.5:6379`. */
  readonly name: string
  readonly target: DialTarget
}

/** A server. */
export class RedisEndpoint {
  readonly name: string
  readonly target: DialTarget
  readonly identities: Identities
  /** Its checks do not fail. */
  isUp = true
  /** A reload has taken it away: its clients move when they can. */
  isRetired = false
  private readonly world: RedisWorld
  private readonly events: RedisEvents
  private readonly limits: EngineLimits
  private checks: PingChecks | null = null
  private usedAgain: (() => void) | null = null

  constructor(world: RedisWorld, options: EndpointOptions, events: RedisEvents, limits: EngineLimits) {
    this.name = options.name
    this.target = options.target
    this.identities = new Identities(this, world.redisLimits.identitiesMax)
    this.world = world
    this.events = events
    this.limits = limits
  }

  /** Checks it from now on. @param turned its checks say that it is up, or down */
  check(options: PingOptions | null, turned: () => void): void {
    this.checks?.close()
    this.checks = null
    this.isUp = true
    if (options === null || this.isRetired) return
    const sessions = this.sessionsOf(this.identities.anonymous, 1)
    this.checks = new PingChecks(this.world, this.name, options, sessions, (passed, why, isUp) => {
      this.events.checked?.(this.name, passed, why)
      if (isUp === this.isUp) return
      this.isUp = isUp
      turned()
    })
  }

  /** Returns the engine whose session this client shares: always the same, so that it reads its writes. */
  sharedOf(identity: Identity, client: number): SharedEngine {
    const { sharedSessions, depth, exclusiveMax } = this.world.redisLimits
    const at = client % sharedSessions
    const limits = { sessionsMin: 0, sessionsMax: 1, openingMax: 1, surrenderedMax: exclusiveMax }
    identity.shared[at] ??= this.reporting(new SharedEngine(...this.partsOf(identity, depth, limits), depth))
    return identity.shared[at]
  }

  /** As {@link sharedOf}, if it was asked for before; otherwise null. */
  sharedBefore(identity: Identity, client: number): SharedEngine | null {
    return identity.shared[client % this.world.redisLimits.sharedSessions] ?? null
  }

  exclusiveOf(identity: Identity): Engine<RedisSession> {
    const { exclusiveMax } = this.world.redisLimits
    identity.exclusive ??= this.engineOf(identity, 1, { sessionsMax: exclusiveMax, openingMax: exclusiveMax })
    return identity.exclusive
  }

  /** Returns the engine of the proxy's own calls. No client shares its session, so none holds it up. */
  ownOf(identity: Identity): Engine<RedisSession> {
    const limits = { sessionsMin: 0, sessionsMax: 1, openingMax: 1, surrenderedMax: 0 }
    identity.own ??= this.engineOf(identity, this.world.redisLimits.depth, limits)
    return identity.own
  }

  /** Closes the engine of the proxy's own calls at once. */
  dropOwn(identity: Identity): void {
    const { own } = identity
    identity.own = null
    if (own === null) return
    for (const each of [...own.sessions]) each.abort()
    own.close()
  }

  /** Makes sessions of this identity for a question of the proxy's own. */
  sessionsAs(parts: IdentityParts): SessionFactory<RedisSession> {
    return this.sessionsOf(new Identity(this, parts), 1)
  }

  private sessionsOf(identity: Identity, depth: number) {
    const { world } = this
    return sessionsOn<RedisSession, Socket, Dial>(
      (told) => dial(world, world.nextId('b'), this.target, world.transportLimits, told),
      (socket, reports, { name }) => new RedisSession(world, name, socket, identity, depth, reports),
    )
  }

  private engineOf(identity: Identity, depth: number, limits: Partial<EngineLimits>): Engine<RedisSession> {
    return this.reporting(new Engine(...this.partsOf(identity, depth, limits)))
  }

  private partsOf(identity: Identity, depth: number, limits: Partial<EngineLimits>) {
    // A client with commands on a session must not get another one for its next command (S8): none ages.
    const all = { ...this.limits, ...limits, sessionAgeMs: 0 }
    return [this.world, `${this.name} ${identity.name}`, this.sessionsOf(identity, depth), all] as const
  }

  private reporting<E extends Engine<RedisSession>>(engine: E): E {
    this.usedAgain?.()
    engine.onUnopened = (why) => this.events.unreached(this.name, why)
    return engine
  }

  engines(): Engine<RedisSession>[] {
    return [...this.identities.all()].flatMap((each) => each.engines())
  }

  /** It has no session, and no client that may open one. */
  get isUnused(): boolean {
    for (const { clients } of this.identities.all()) if (clients > 0) return false
    return this.engines().every(({ sessions }) => sessions.length === 0)
  }

  /** A client of this identity has left it. */
  left(identity: Identity): void {
    if (this.isRetired && identity.clients === 0) for (const engine of identity.engines()) engine.close()
  }

  /**
   * A reload has taken it away.
   * @param usedAgain is called when it gets an engine nevertheless: a command was on its way to it
   */
  retire(usedAgain: () => void): void {
    this.isRetired = true
    this.usedAgain = usedAgain
    this.checks?.close()
    for (const identity of this.identities.all()) this.left(identity)
  }

  close(): void {
    this.checks?.close()
    for (const engine of this.engines()) engine.close()
  }
}
