// The engines of an endpoint: one for all clients, or one for each client connection (design: Engine).

import type { Fault, World } from '../continuation/index.js'
import { Engine, type EngineLimits, type Session, type SessionFactory } from '../engine/index.js'
import type { Client, HttpSession } from '../http/index.js'
import type { ConnectTime } from '../transport/index.js'

/** A session as seen by an exchange: an engine leases it, and it opens HTTP streams. */
export interface ExchangeSession extends Session, HttpSession {}

/** The requests that may share a backend connection: those of all clients, or of one client connection. */
export type Share = 'process' | 'connection'

/** Makes the session factory for one client connection, or with null for all clients. */
export type SessionsFor = (client: Client | null) => SessionFactory<ExchangeSession>

/** The limits of an engine that keeps no session open: it is for tunnels, or for one client connection. */
const unkept = (limits: EngineLimits): EngineLimits => ({ ...limits, sessionsMin: 0 })

/** The limits of an engine whose sessions belong to one client connection. */
const boundLimits = (limits: EngineLimits): EngineLimits => ({
  ...unkept(limits),
  sessionsMax: 1,
  openingMax: 1,
})

/** An address and the engines that serve it. */
export class EngineSet {
  /** Its URL: `h2c://127.0.0.1:9000`. */
  readonly name: string
  /** True once it has answered a request, so that it speaks the configured protocol. */
  hasAnswered = false
  /** Called when a connection to it could not be made. */
  onUnreached: ((why: Fault) => void) | null = null
  private readonly world: World
  private readonly sessionsFor: SessionsFor
  private limits: EngineLimits
  private readonly share: Share
  private shared: Engine<ExchangeSession> | null = null
  private readonly tunnelSessions: SessionFactory<ExchangeSession> | null
  private tunnels: Engine<ExchangeSession> | null = null
  private readonly byClient = new Map<Client, Engine<ExchangeSession>>()
  /** Engines of sessions that belong to one client connection (NTLM, Negotiate). */
  private readonly bound = new Map<Client, Engine<ExchangeSession>>()
  /** Client connections that have closed while an exchange of theirs may still be ending. */
  private readonly closedClients = new WeakSet<Client>()
  private readonly connectTime: ConnectTime

  /** @param connectTime the time limit of the sessions' target; without it connections have no limit */
  constructor(
    world: World,
    name: string,
    sessionsFor: SessionsFor,
    limits: EngineLimits,
    share: Share,
    tunnelSessions: SessionFactory<ExchangeSession> | null = null,
    connectTime: ConnectTime = { ms: Number.POSITIVE_INFINITY },
  ) {
    this.world = world
    this.name = name
    this.sessionsFor = sessionsFor
    this.limits = limits
    this.share = share
    this.tunnelSessions = tunnelSessions
    this.connectTime = connectTime
  }

  /** ms after which a connection that is being made is given up */
  get connectMs(): number {
    return this.connectTime.ms
  }

  /** Changes the limits of its engines, and the time limit of connections that begin from now on. */
  configure(limits: EngineLimits, connectMs: number): void {
    this.limits = limits
    this.connectTime.ms = connectMs
    this.shared?.configure(limits)
    this.tunnels?.configure(unkept(limits))
    for (const each of this.byClient.values()) each.configure(unkept(limits))
    for (const each of this.bound.values()) {
      // Its sessions do not age (E46).
      const { sessionAgeMs } = each.limits
      each.configure({ ...boundLimits(limits), sessionAgeMs })
    }
  }

  engineFor(client: Client): Engine<ExchangeSession> {
    const own = this.boundEngine(client)
    if (own !== null) return own
    if (this.share === 'process') {
      this.shared ??= this.reserving(this.open(null))
      return this.shared
    }
    let engine = this.byClient.get(client)
    if (engine === undefined) {
      engine = this.reserving(this.open(client, unkept(this.limits)))
      this.byClient.set(client, engine)
    }
    return engine
  }

  /**
   * Returns true if it has authenticated this client's connection: all requests of the client
   * must then go there.
   */
  isBoundTo(client: Client): boolean {
    return this.boundEngine(client) !== null
  }

  private boundEngine(client: Client): Engine<ExchangeSession> | null {
    if (this.bound.size === 0) return null
    // The backend believes that all requests of this session come from one client, so that client's
    // requests go there.
    const own = this.bound.get(client)
    return own !== undefined && (own.sessions.length > 0 || own.queued > 0) ? own : null
  }

  /**
   * Binds a session to a client connection: NTLM and Negotiate authenticate the connection, not the request
   * (RFC 4559 §6), so it must not be shared, and closes with its client. Returns null for a second session of
   * one client, and past boundSessionsMax: that session closes after its response.
   */
  private bind(client: Client): Engine<ExchangeSession> | null {
    if (this.closedClients.has(client)) return null
    let sessions = 0
    for (const each of this.bound.values()) sessions += each.sessions.length
    if (sessions >= this.limits.boundSessionsMax) return null
    let own = this.bound.get(client)
    if (own === undefined) {
      own = this.open(client, boundLimits(this.limits))
      this.bound.set(client, own)
    }
    return own.sessions.length === 0 ? own : null
  }

  private reserving(engine: Engine<ExchangeSession>): Engine<ExchangeSession> {
    engine.onReserved = (owner) => this.bind(owner as Client)
    return engine
  }

  /**
   * Returns the engine for tunnels that the other sessions cannot carry; null if there is none. Each session
   * of that engine carries one tunnel.
   */
  tunnelEngine(): Engine<ExchangeSession> | null {
    if (this.tunnelSessions === null) return null
    const limits = unkept(this.limits)
    this.tunnels ??= this.watched(new Engine(this.world, this.name, this.tunnelSessions, limits))
    return this.tunnels
  }

  /** Closes the engines of a client connection that has closed. */
  clientClosed(client: Client): void {
    this.closedClients.add(client)
    for (const own of [this.byClient, this.bound]) {
      own.get(client)?.close()
      own.delete(client)
    }
  }

  close(): void {
    for (const engine of this.engines()) engine.close()
  }

  engines(): readonly Engine<ExchangeSession>[] {
    const shared = [this.shared, this.tunnels].filter((each) => each !== null)
    return [...shared, ...this.byClient.values(), ...this.bound.values()]
  }

  private open(client: Client | null, limits = this.limits): Engine<ExchangeSession> {
    return this.watched(new Engine(this.world, this.name, this.sessionsFor(client), limits))
  }

  private watched(engine: Engine<ExchangeSession>): Engine<ExchangeSession> {
    engine.onUnopened = (why) => this.onUnreached?.(why)
    return engine
  }
}
