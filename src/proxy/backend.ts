// A backend, and the engines that share its sessions: one for all clients, or one for each (design: Engine).

import type { Fault, World } from '../continuation/index.js'
import { Engine, type EngineLimits, type Session, type SessionFactory } from '../engine/index.js'
import type { Client, HttpSession } from '../http/index.js'

/** A session as an exchange needs it: leased from an engine, opening HTTP streams. */
export interface ExchangeSession extends Session, HttpSession {}

/** Who may share a connection to a backend: all clients, or only the streams of one client connection. */
export type Share = 'process' | 'connection'

/** What opens sessions for one client alone, or with null for all of them. */
export type SessionsFor = (client: Client | null) => SessionFactory<ExchangeSession>

/** A backend and the engines that serve it. */
export class Backend {
  /** As configured: `h2c://127.0.0.1:9000`. */
  readonly name: string
  /** It has answered a request: it speaks what it is configured to. */
  hasAnswered = false
  /** Told when a connection to it could not be made. */
  onUnreached: ((why: Fault) => void) | null = null
  private readonly world: World
  private readonly sessionsFor: SessionsFor
  private readonly limits: EngineLimits
  private readonly share: Share
  private shared: Engine<ExchangeSession> | null = null
  private readonly tunnelSessions: SessionFactory<ExchangeSession> | null
  private tunnels: Engine<ExchangeSession> | null = null
  private readonly byClient = new Map<Client, Engine<ExchangeSession>>()
  /** Engines of the sessions that are a client connection's own. */
  private readonly bound = new Map<Client, Engine<ExchangeSession>>()
  /** Clients that have left while an exchange of theirs may still be ending. */
  private readonly closedClients = new WeakSet<Client>()

  constructor(
    world: World,
    name: string,
    sessionsFor: SessionsFor,
    limits: EngineLimits,
    share: Share,
    tunnelSessions: SessionFactory<ExchangeSession> | null = null,
  ) {
    this.world = world
    this.name = name
    this.sessionsFor = sessionsFor
    this.limits = limits
    this.share = share
    this.tunnelSessions = tunnelSessions
  }

  engineFor(client: Client): Engine<ExchangeSession> {
    if (this.bound.size > 0) {
      // All requests of its connection, in the order of their leases: the backend takes them for one
      // client's.
      const own = this.bound.get(client)
      if (own !== undefined && (own.sessions.length > 0 || own.queued > 0)) return own
    }
    if (this.share === 'process') {
      this.shared ??= this.reserving(this.open(null))
      return this.shared
    }
    let engine = this.byClient.get(client)
    if (engine === undefined) {
      engine = this.reserving(this.open(client))
      this.byClient.set(client, engine)
    }
    return engine
  }

  /**
   * A backend may have authenticated a session's connection (NTLM, Negotiate; RFC 4559 §6): from then on that
   * session is this client connection's, and closes with it. It is one a client: another, or one too many, is
   * closed behind its response.
   */
  private bind(client: Client): Engine<ExchangeSession> | null {
    if (this.closedClients.has(client)) return null
    let sessions = 0
    for (const each of this.bound.values()) sessions += each.sessions.length
    if (sessions >= this.limits.boundSessionsMax) return null
    let own = this.bound.get(client)
    if (own === undefined) {
      own = this.open(client, { ...this.limits, sessionsMax: 1, openingMax: 1 })
      this.bound.set(client, own)
    }
    return own.sessions.length === 0 ? own : null
  }

  private reserving(engine: Engine<ExchangeSession>): Engine<ExchangeSession> {
    engine.onReserved = (owner) => this.bind(owner as Client)
    return engine
  }

  /**
   * Where a tunnel may go when the sessions of the others carry none; null when there is nothing else. A
   * session of it has one tunnel ever.
   */
  tunnelEngine(): Engine<ExchangeSession> | null {
    if (this.tunnelSessions === null) return null
    this.tunnels ??= this.watched(new Engine(this.world, this.name, this.tunnelSessions, this.limits))
    return this.tunnels
  }

  /** A client has gone: engines that were its own go too. */
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
