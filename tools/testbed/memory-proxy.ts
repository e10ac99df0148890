// A whole proxy in memory: the test is all clients and all backends.

import { createWorld, TraceLines, type Tracer } from '../../src/continuation/index.js'
import { engineLimits } from '../../src/engine/index.js'
import { createHttpWorld } from '../../src/http/index.js'
import { createHttp1, http1Sessions, serveHttp1 } from '../../src/http1/index.js'
import { createHttp2, http2Sessions, serveHttp2 } from '../../src/http2/index.js'
import {
  Backend,
  ConnectPolicy,
  ReverseProxy,
  RouteTable,
  type Share,
  tcpSessions,
} from '../../src/proxy/index.js'
import type { SomeLimits } from '../../src/server/index.js'
import { frame, PREFACE } from './frames.js'
import { type FarEnd, MemoryPollset } from './memory-pollset.js'

const ADDRESS = { host: '192.0.2.9', port: 9 }
const BESIDE = { host: '192.0.2.10', port: 9 }

const HANDSHAKE = Buffer.concat([PREFACE, frame(4, 0, 0), frame(4, 1, 0)])

export interface MemoryProxyOptions {
  /** The protocols of clients and backends; HTTP/2 by default. */
  readonly clients?: 'http/1.1' | 'h2c'
  readonly speaks?: 'http/1.1' | 'h2c'
  readonly share?: Share
  /** Of the one route. */
  readonly prefix?: string
  /** A second route, to a backend of its own. */
  readonly beside?: string
  /** Gets the trace. */
  readonly lines?: string[]
  /** Another tracer for all transitions. */
  readonly seen?: Tracer
  /** Of the backend, instead of an address that answers at once. */
  readonly host?: string
  /** The backend is spoken to over TLS, and this is the protocol that it chooses. */
  readonly alpn?: string
  /** Targets that a plain CONNECT may have. */
  readonly connect?: readonly string[]
}

export function memoryProxy(limits: SomeLimits = {}, options: MemoryProxyOptions = {}) {
  const pollset = new MemoryPollset()
  const base = createWorld(pollset)
  const lines = options.lines ?? []
  const told: Tracer[] = [new TraceLines(pollset, (line) => lines.push(line.trim()))]
  if (options.seen !== undefined) told.push(options.seen)
  base.scheduler.tracer = {
    transition: (...each) => told.forEach((tracer) => void tracer.transition?.(...each)),
    redirected: (...each) => told.forEach((tracer) => void tracer.redirected?.(...each)),
    diverted: (...each) => told.forEach((tracer) => void tracer.diverted?.(...each)),
  }
  const world = createHttpWorld(base, limits.transport)
  const http1 = createHttp1(world, limits.http1)
  const http2 = createHttp2(world, limits.http2)
  const backends: FarEnd[] = []
  const beside: FarEnd[] = []
  const frontends: ReturnType<typeof serveHttp2>[] = []
  pollset.serveFar(ADDRESS, (far) => backends.push(far))
  pollset.serveFar(BESIDE, (far) => beside.push(far))
  const { alpn } = options
  const tls =
    alpn === undefined ? {} : { tls: pollset.tlsClient({ serverName: '', alpn: [alpn], verify: true }) }
  const backendAt = (name: string, at: typeof ADDRESS) => {
    const target = { ...at, ...tls }
    const sessions =
      options.speaks === 'http/1.1' ? http1Sessions(http1, target) : http2Sessions(http2, target)
    return new Backend(
      world,
      name,
      () => sessions,
      { ...engineLimits, ...limits.engine },
      options.share ?? 'process',
    )
  }
  const backend = backendAt('h2c://backend', { ...ADDRESS, host: options.host ?? ADDRESS.host })
  const routes = [{ host: '', prefix: options.prefix ?? '/', backend }]
  if (options.beside !== undefined)
    routes.push({ host: '', prefix: options.beside, backend: backendAt('h2c://beside', BESIDE) })
  const { connect } = options
  const connects =
    connect === undefined
      ? null
      : new ConnectPolicy(world, connect, (target) => tcpSessions(world, target, http1.limits))
  const proxy = new ReverseProxy(world, new RouteTable(routes), limits.proxy, connects)
  return {
    pollset,
    world,
    http1,
    http2,
    proxy,
    backend,
    backends,
    /** Connections to the backend of the route beside. */
    beside,
    /** Our own ends of the client connections. */
    frontends,
    lines,
    /** From now on connections to the backend are refused. */
    refuse: () => pollset.serveFar(ADDRESS, () => {}, 'refuse'),
    /** From now on connections to the backend are neither made nor refused. */
    hang: () => pollset.serveFar(ADDRESS, () => {}, 'hang'),
    /** Serve a client's connection that says nothing yet. */
    serve: (socket: ReturnType<MemoryPollset['socket']>) => serveHttp2(http2, socket, proxy),
    /** A client connection, hands shaken, or with other first octets. */
    client(first = options.clients === 'http/1.1' ? Buffer.alloc(0) : HANDSHAKE): FarEnd {
      const socket = pollset.socket()
      if (options.clients === 'http/1.1') serveHttp1(http1, socket, proxy)
      else frontends.push(serveHttp2(http2, socket, proxy))
      if (first.length > 0) socket.far.send(first)
      socket.far.take()
      return socket.far
    },
    /** The backend's side of its handshake. */
    greet(far: FarEnd): void {
      far.send(Buffer.concat([frame(4, 0, 0), frame(4, 1, 0)]))
      far.take()
    },
  }
}
