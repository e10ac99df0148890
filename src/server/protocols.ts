// Chooses the HTTP version: serves an accepted socket, and makes the session factory of a backend's URL. Only
// this file knows both versions.

import type { BackendConfig, BackendLimitsConfig, BackendTlsConfig, HeldApp } from '../config/index.js'
import type { Continuation } from '../continuation/index.js'
import type { EngineLimits, SessionFactory } from '../engine/index.js'
import {
  type AddressPair,
  type Client,
  dialledSessions,
  type HttpWorld,
  type StreamAcceptor,
} from '../http/index.js'
import { createHttp1, type Http1Context, http1SessionOn, http1Sessions, serveHttp1 } from '../http1/index.js'
import { createHttp2, type Http2Context, http2SessionOn, http2Sessions, serveHttp2 } from '../http2/index.js'
import { formatAddress, isNumeric, type LocalServer, type Socket, type TlsClient } from '../pollset/index.js'
import {
  type CheckedEndpoint,
  EngineSet,
  type ExchangeSession,
  type SessionsFor,
  tcpSessions,
} from '../proxy/index.js'
import { type ConnectTime, type DialTarget, proxyHeader } from '../transport/index.js'
import { type BackendUrl, parseBackend } from './address.js'
import { type AppFailed, AppServer } from './app-server.js'
import type { AlpnProtocol } from './client-handshake.js'
import type { Limits } from './limits.js'

const targetOf = ({ host, port, path, local }: BackendUrl, connectTime: ConnectTime): DialTarget => ({
  host,
  port,
  ...(path === undefined ? {} : { path }),
  ...(local === undefined ? {} : { local }),
  connectTime,
})

/** The options that can change in living engines. */
export interface Tuning {
  readonly limits: EngineLimits
  readonly connectMs: number
}

export class Protocols {
  readonly http1: Http1Context
  readonly http2: Http2Context
  private readonly world: HttpWorld
  readonly limits: Limits
  /** The TLS clients by protocols and server name. */
  private readonly tlsClients = new WeakMap<BackendTlsConfig, Map<string, TlsClient>>()
  /** The servers of apps of the program. */
  private readonly apps = new WeakMap<HeldApp, LocalServer>()
  /** Is called with an error that an app has thrown. */
  onAppFailed: AppFailed | null = null

  constructor(world: HttpWorld, limits: Limits) {
    this.world = world
    this.limits = limits
    this.http1 = createHttp1(world, limits.http1)
    this.http2 = createHttp2(world, limits.http2)
  }

  serve(
    socket: Socket,
    spoken: AlpnProtocol,
    acceptor: StreamAcceptor,
    ends: AddressPair,
  ): Continuation & Client {
    return spoken === 'h2'
      ? serveHttp2(this.http2, socket, acceptor, ends)
      : serveHttp1(this.http1, socket, acceptor, ends)
  }

  /**
   * Makes the engines of an endpoint. Throws if an authority is not PEM.
   * @param connectMs the time that replaces `transport.connectMs`
   * @param refuses returns why a numeric address must not be connected to, or null; without it all may be
   */
  enginesTo(
    url: string,
    config: BackendConfig,
    connectMs = this.limits.transport.connectMs,
    refuses?: (host: string) => string | null,
  ): EngineSet {
    const to = this.urlOf(url, config)
    const connectTime = { ms: connectMs }
    const target = { ...targetOf(to, connectTime), ...(refuses === undefined ? {} : { refuses }) }
    return new EngineSet(
      this.world,
      url,
      this.sessions(to, target, config),
      this.engineLimits(to.scheme, config.limits),
      config.share,
      this.tunnelSessions(to, target, config),
      connectTime,
    )
  }

  private urlOf(url: string, { name, handler }: BackendConfig): BackendUrl {
    if (handler === null) return parseBackend(url)
    let local = this.apps.get(handler)
    if (local === undefined) {
      local = new AppServer(name, handler(), (backend, error) => this.onAppFailed?.(backend, error))
      this.apps.set(handler, local)
    }
    return { scheme: 'http', host: '', port: 0, local }
  }

  /**
   * Returns the limits, and the time to connect, for the engines of a backend's endpoints.
   * @param connectMs as in {@link enginesTo}
   */
  tuningOf({ protocol, limits }: BackendConfig, connectMs = this.limits.transport.connectMs): Tuning {
    return { limits: this.engineLimits(protocol, limits), connectMs }
  }

  /**
   * Returns the things that active checks of an endpoint need. Throws as {@link enginesTo} does.
   * @param host the name by which it was found; null if its URL has it
   */
  checked(url: string, config: BackendConfig, host: string | null = null): CheckedEndpoint {
    const to = parseBackend(url)
    const target = targetOf(to, { ms: this.limits.transport.connectMs })
    const tls = this.tlsFor(to, config.tls)
    return {
      name: url,
      sessions: this.sessions(to, target, config)(null),
      target: tls === null ? target : { ...target, tls },
      scheme: tls === null ? 'http' : 'https',
      authority: to.path === undefined ? formatAddress({ ...to, host: host ?? to.host }) : 'localhost',
    }
  }

  private sessions(url: BackendUrl, target: DialTarget, config: BackendConfig): SessionsFor {
    const tls = this.tlsFor(url, config.tls)
    const { sendProxy } = config
    if (sendProxy === null) {
      const sessions = this.sessionsTo(url, target, tls)
      return () => sessions
    }
    return (client) => {
      const preamble = proxyHeader(sendProxy, client === null ? null : client.addresses)
      return this.sessionsTo(url, { ...target, preamble }, tls)
    }
  }

  private sessionsTo(
    url: BackendUrl,
    target: DialTarget,
    tls: TlsClient | null,
  ): SessionFactory<ExchangeSession> {
    if (tls === null)
      return url.scheme === 'http' ? http1Sessions(this.http1, target) : http2Sessions(this.http2, target)
    const secure = { ...target, tls }
    if (url.scheme === 'h2') return http2Sessions(this.http2, secure)
    const http2 = http2SessionOn(this.http2, secure)
    const http1 = http1SessionOn(this.http1, secure)
    // ALPN decides in the TLS handshake (RFC 7301).
    return dialledSessions<ExchangeSession>(
      this.world,
      secure,
      this.limits.transport,
      (socket, reports, id) => (socket.secured?.protocol === 'h2' ? http2 : http1)(socket, reports, id),
    )
  }

  /**
   * Returns HTTP/1.1 sessions for tunnels, for backends where ALPN may choose HTTP/2 without support for them
   * (RFC 8441 §3). Null with a PROXY header that names a client: such sessions are not shared.
   */
  private tunnelSessions(
    url: BackendUrl,
    target: DialTarget,
    { sendProxy, tls }: BackendConfig,
  ): SessionFactory<ExchangeSession> | null {
    if (url.scheme !== 'https' || sendProxy !== null) return null
    return http1Sessions(this.http1, { ...target, tls: this.tls(url, tls, ['http/1.1']) })
  }

  /** Returns raw TCP sessions to the target of a CONNECT. */
  tcpSessions(target: DialTarget): SessionFactory<ExchangeSession> {
    return tcpSessions(this.world, target, this.limits.http1)
  }

  /**
   * Returns the limits of an engine. An HTTP/1.1 session carries one request at a time, so there are more of
   * them, and more are opened at once.
   */
  private engineLimits(scheme: BackendUrl['scheme'], limits: BackendLimitsConfig): EngineLimits {
    const { http1SessionsMax, http1OpeningMax } = this.limits.server
    const { engine } = this.limits
    const multiplexed = scheme === 'h2c' || scheme === 'h2'
    return {
      ...engine,
      sessionsMax: limits.sessions ?? (multiplexed ? engine.sessionsMax : http1SessionsMax),
      openingMax: multiplexed ? engine.openingMax : http1OpeningMax,
      queueMax: limits.pending,
      sessionAgeMs: limits.sessionAgeMs || engine.sessionAgeMs,
      streamsPerSessionMax: limits.streamsPerSession || engine.streamsPerSessionMax,
    }
  }

  private tlsFor(url: BackendUrl, tls: BackendTlsConfig): TlsClient | null {
    if (url.scheme === 'h2') return this.tls(url, tls, ['h2'])
    return url.scheme === 'https' ? this.tls(url, tls, ['h2', 'http/1.1']) : null
  }

  /** Returns the TLS side of connections. Making one takes about 0.5 ms, so endpoints and checks share it. */
  private tls(url: BackendUrl, config: BackendTlsConfig, alpn: readonly string[]): TlsClient {
    const { ca, name, verify } = config
    const serverName = name ?? (isNumeric(url.host) ? '' : url.host)
    let clients = this.tlsClients.get(config)
    if (clients === undefined) {
      clients = new Map()
      this.tlsClients.set(config, clients)
    }
    const key = `${alpn} ${serverName}`
    let client = clients.get(key)
    if (client === undefined) {
      const authorities = ca === null ? {} : { ca }
      client = this.world.pollset.tlsClient({ serverName, alpn, verify, ...authorities })
      clients.set(key, client)
    }
    return client
  }
}
