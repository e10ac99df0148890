// Which backend a request goes to: by host and path prefix, the most specific route first.

import type { World } from '../continuation/index.js'
import { Engine, type EngineLimits, type Session, type SessionFactory } from '../engine/index.js'
import type { Client, Head, HttpSession } from '../http/index.js'

/** A session as an exchange needs it: leased from an engine, opening HTTP streams. */
export interface ExchangeSession extends Session, HttpSession {}

/** Who may share a connection to a backend: all clients, or only the streams of one client connection. */
export type Share = 'process' | 'connection'

/** A backend and the engines that serve it. */
export class Backend {
  /** As configured: `h2c://127.0.0.1:9000`. */
  readonly name: string
  private readonly world: World
  private readonly sessions: SessionFactory<ExchangeSession>
  private readonly limits: EngineLimits
  private readonly share: Share
  private shared: Engine<ExchangeSession> | null = null
  private readonly tunnelSessions: SessionFactory<ExchangeSession> | null
  private tunnels: Engine<ExchangeSession> | null = null
  private readonly byClient = new Map<Client, Engine<ExchangeSession>>()

  constructor(
    world: World,
    name: string,
    sessions: SessionFactory<ExchangeSession>,
    limits: EngineLimits,
    share: Share,
    tunnelSessions: SessionFactory<ExchangeSession> | null = null,
  ) {
    this.world = world
    this.name = name
    this.sessions = sessions
    this.limits = limits
    this.share = share
    this.tunnelSessions = tunnelSessions
  }

  engineFor(client: Client): Engine<ExchangeSession> {
    if (this.share === 'process') {
      this.shared ??= this.open()
      return this.shared
    }
    let engine = this.byClient.get(client)
    if (engine === undefined) {
      engine = this.open()
      this.byClient.set(client, engine)
    }
    return engine
  }

  /** Where a tunnel may go when the sessions of the others carry none; null when there is nothing else. A session of it has one tunnel ever. */
  get tunnelEngine(): Engine<ExchangeSession> | null {
    if (this.tunnelSessions === null) return null
    this.tunnels ??= new Engine(this.world, this.name, this.tunnelSessions, this.limits)
    return this.tunnels
  }

  /** A client has gone: an engine that was its own goes too. */
  left(client: Client): void {
    this.byClient.get(client)?.close()
    this.byClient.delete(client)
  }

  close(): void {
    for (const engine of this.engines()) engine.close()
  }

  engines(): readonly Engine<ExchangeSession>[] {
    const more = [this.shared, this.tunnels].filter((each) => each !== null)
    return [...more, ...this.byClient.values()]
  }

  private open(): Engine<ExchangeSession> {
    return new Engine(this.world, this.name, this.sessions, this.limits)
  }
}

export interface Route {
  /** Lower case, with or without a port; '' for every host. */
  readonly host: string
  /** Begins with '/'. `/api` is a prefix of `/api`, `/api/x` and `/api?x`, not of `/apis`. */
  readonly prefix: string
  readonly backend: Backend
}

export class RouteTable {
  private readonly routes: readonly Route[]
  /** The one route for everything, when there is no other to try first. */
  private readonly only: Backend | null

  constructor(routes: readonly Route[]) {
    this.routes = [...routes].sort(
      (a, b) => Number(b.host !== '') - Number(a.host !== '') || b.prefix.length - a.prefix.length,
    )
    const first = this.routes[0]
    this.only = first !== undefined && first.host === '' && first.prefix === '/' ? first.backend : null
  }

  match(head: Head): Backend | null {
    if (this.only !== null) return this.only
    const host = head.host.toLowerCase()
    const name = host.replace(/:\d+$/, '')
    const path = head.path?.value ?? '/'
    for (const route of this.routes) {
      if ((route.host === '' || route.host === host || route.host === name) && covers(route.prefix, path)) {
        return route.backend
      }
    }
    return null
  }

  get backends(): ReadonlySet<Backend> {
    return new Set(this.routes.map((route) => route.backend))
  }
}

function covers(prefix: string, path: string): boolean {
  // OPTIONS * asks the server as a whole.
  if (prefix === '/' || path === '*') return true
  if (!path.startsWith(prefix)) return false
  if (prefix.endsWith('/') || path.length === prefix.length) return true
  const next = path[prefix.length]
  return next === '/' || next === '?'
}
