// Chooses the HTTP version: serves an accepted socket, and makes the session factory of a backend's URL. Only
// this file knows both versions.

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
import { isNumeric, type Socket, type TlsClient } from '../pollset/index.js'
import { type ExchangeSession, type SessionsFor, tcpSessions } from '../proxy/index.js'
import { type DialTarget, type ProxyVersion, proxyHeader } from '../transport/index.js'
import type { BackendUrl } from './address.js'
import type { AlpnProtocol } from './client-handshake.js'
import type { Limits } from './limits.js'

/** The TLS options of connections to backends. */
export interface BackendTls {
  /** PEM of the trusted authorities, in place of those of the runtime. */
  readonly ca?: string
  /** The server name that is sent and checked, in place of the URL's. */
  readonly serverName?: string
  /** False accepts any certificate. */
  readonly verify?: boolean
}

const targetOf = ({ host, port, path }: BackendUrl): DialTarget => ({
  host,
  port,
  ...(path === undefined ? {} : { path }),
})

export class Protocols {
  readonly http1: Http1Context
  readonly http2: Http2Context
  private readonly world: HttpWorld
  private readonly limits: Limits
  private readonly backendTls: BackendTls

  constructor(world: HttpWorld, limits: Limits, backendTls: BackendTls) {
    this.world = world
    this.limits = limits
    this.backendTls = backendTls
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

  /** @param sendProxy the PROXY header that begins each backend connection */
  sessions(url: BackendUrl, sendProxy?: ProxyVersion): SessionsFor {
    const tls = this.tlsFor(url)
    const target = targetOf(url)
    if (sendProxy === undefined) {
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
   * Returns HTTP/1.1 sessions for tunnels, where ALPN may choose an HTTP/2 backend that does not support them
   * (RFC 8441 §3). Null with a PROXY header that names a client: such sessions are not shared.
   */
  tunnelSessions(url: BackendUrl, sendProxy?: ProxyVersion): SessionFactory<ExchangeSession> | null {
    if (url.scheme !== 'https' || sendProxy !== undefined) return null
    return http1Sessions(this.http1, { ...targetOf(url), tls: this.tls(url, ['http/1.1']) })
  }

  /** Returns raw TCP sessions to the target of a CONNECT. */
  tcpSessions(target: DialTarget): SessionFactory<ExchangeSession> {
    return tcpSessions(this.world, target, this.limits.http1)
  }

  /**
   * An HTTP/1.1 session carries one request at a time, so there are more of them, and more opened at once.
   */
  engineLimits(url: BackendUrl): EngineLimits {
    if (url.scheme === 'h2c' || url.scheme === 'h2') return this.limits.engine
    const { http1SessionsMax, http1OpeningMax } = this.limits.server
    return { ...this.limits.engine, sessionsMax: http1SessionsMax, openingMax: http1OpeningMax }
  }

  private tlsFor(url: BackendUrl): TlsClient | null {
    if (url.scheme === 'h2') return this.tls(url, ['h2'])
    return url.scheme === 'https' ? this.tls(url, ['h2', 'http/1.1']) : null
  }

  private tls(url: BackendUrl, alpn: readonly string[]): TlsClient {
    const { ca, serverName, verify } = this.backendTls
    const own = isNumeric(url.host) ? '' : url.host
    return this.world.pollset.tlsClient({
      serverName: serverName ?? own,
      alpn,
      verify: verify ?? true,
      ...(ca === undefined ? {} : { ca }),
    })
  }
}
