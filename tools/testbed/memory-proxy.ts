// A whole proxy in memory: the test plays all clients and all backends.

import { createWorld, type Gate, TraceLines, type Tracer } from '../../src/continuation/index.js'
import { engineLimits } from '../../src/engine/index.js'
import { createHttpWorld } from '../../src/http/index.js'
import { createHttp1, http1Sessions, serveHttp1 } from '../../src/http1/index.js'
import { createHttp2, http2Sessions, serveHttp2 } from '../../src/http2/index.js'
import {
  Backend,
  type BackendOptions,
  backendOptions,
  ConnectPolicy,
  Endpoint,
  EngineSet,
  type FilterUse,
  ReverseProxy,
  type RouteSettings,
  type Share,
  tcpSessions,
} from '../../src/proxy/index.js'
import type { SomeLimits } from '../../src/server/index.js'
import { frame, PREFACE } from './frames.js'
import { type FarEnd, MemoryPollset } from './memory-pollset.js'
import { routerTo } from './short-server.js'

const ADDRESS = { host: '192.0.2.9', port: 9 }
const BESIDE = { host: '192.0.2.10', port: 9 }
const THIRD = { host: '192.0.2.11', port: 9 }

const HANDSHAKE = Buffer.concat([PREFACE, frame(4, 0, 0), frame(4, 1, 0)])

export interface MemoryProxyOptions {
  /** The protocols of clients and backends; HTTP/2 by default. */
  readonly clients?: 'http/1.1' | 'h2c'
  readonly speaks?: 'http/1.1' | 'h2c'
  readonly share?: Share
  /** The path prefix of the only route. */
  readonly prefix?: string
  /** The path prefix of a second route, to a backend of its own. */
  readonly beside?: string
  /** Receives the trace. */
  readonly lines?: string[]
  /** Another tracer for all transitions. */
  readonly seen?: Tracer
  /** Is asked before each step. */
  readonly gate?: Gate
  /** The host of the backend, instead of an address that answers at once. */
  readonly host?: string
  /** The protocol that the backend chooses over TLS; without it the backend speaks clear text. */
  readonly alpn?: string
  /** The backend has a second endpoint, at the address of the route beside, and a third. */
  readonly endpoints?: 1 | 2 | 3
  /** Settings of all routes, in place of those of the limits. */
  readonly settings?: Partial<RouteSettings>
  /** Options of the backend. */
  readonly backendOptions?: Partial<BackendOptions>
  /** True: the backend has connections for tunnels, over HTTP/1.1. */
  readonly tunnels?: boolean
  /** The allowed targets of a plain CONNECT. */
  readonly connect?: readonly string[]
  /** The filters of all routes. */
  readonly filters?: readonly FilterUse[]
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
    ended: (...each) => told.forEach((tracer) => void tracer.ended?.(...each)),
  }
  if (options.gate !== undefined) base.scheduler.gate = options.gate
  const world = createHttpWorld(base, limits.transport)
  const http1 = createHttp1(world, limits.http1)
  const http2 = createHttp2(world, limits.http2)
  const backends: FarEnd[] = []
  const beside: FarEnd[] = []
  const third: FarEnd[] = []
  const frontends: ReturnType<typeof serveHttp2>[] = []
  pollset.serveFar(ADDRESS, (far) => backends.push(far))
  pollset.serveFar(BESIDE, (far) => beside.push(far))
  pollset.serveFar(THIRD, (far) => third.push(far))
  const { alpn } = options
  const tls =
    alpn === undefined ? {} : { tls: pollset.tlsClient({ serverName: '', alpn: [alpn], verify: true }) }
  const endpointAt = (name: string, at: typeof ADDRESS): Endpoint => {
    const target = { ...at, ...tls }
    const sessions =
      options.speaks === 'http/1.1' ? http1Sessions(http1, target) : http2Sessions(http2, target)
    const tunnels = options.tunnels === true ? http1Sessions(http1, target) : null
    const all = { ...engineLimits, ...limits.engine }
    const share = options.share ?? 'process'
    return new Endpoint(world, new EngineSet(world, name, () => sessions, all, share, tunnels))
  }
  const made = { ...backendOptions, ...options.backendOptions }
  const first = endpointAt('h2c://backend', { ...ADDRESS, host: options.host ?? ADDRESS.host })
  const all = [first, endpointAt('h2c://beside', BESIDE), endpointAt('h2c://third', THIRD)]
  const endpoints = all.slice(0, options.endpoints ?? 1)
  const backend = new Backend(world, 'h2c://backend', endpoints, made)
  const routes = [{ host: '', prefix: options.prefix ?? '/', backend }]
  if (options.beside !== undefined)
    routes.push({
      host: '',
      prefix: options.beside,
      backend: new Backend(world, 'h2c://beside', [endpointAt('h2c://beside', BESIDE)]),
    })
  const { connect } = options
  const connects =
    connect === undefined
      ? null
      : new ConnectPolicy(world, connect, (target) => tcpSessions(world, target, http1.limits))
  const router = routerTo(world, routes, limits.proxy, options.settings, options.filters)
  const proxy = new ReverseProxy(world, router, limits.proxy, connects)
  proxy.backends = routes.map((each) => each.backend)
  return {
    pollset,
    world,
    http1,
    http2,
    proxy,
    backend,
    backends,
    /** Connections to the backend of the route beside, or to the second endpoint. */
    beside,
    /** Connections to the third endpoint. */
    third,
    /** Our own ends of the client connections. */
    frontends,
    lines,
    /** Refuses connections to the backend from now on. */
    refuse: () => pollset.serveFar(ADDRESS, () => {}, 'refuse'),
    /** Makes connections to the backend again from now on. */
    accept: () => pollset.serveFar(ADDRESS, (far) => backends.push(far)),
    /** Neither makes nor refuses connections to the backend from now on. */
    hang: () => pollset.serveFar(ADDRESS, () => {}, 'hang'),
    /** Refuses connections to the second endpoint from now on. */
    refuseBeside: () => pollset.serveFar(BESIDE, () => {}, 'refuse'),
    /** Serves a client's connection that sends nothing yet. */
    serve: (socket: ReturnType<MemoryPollset['socket']>) => serveHttp2(http2, socket, proxy),
    /** Makes a client connection after its handshake, or with other first octets. */
    client(first = options.clients === 'http/1.1' ? Buffer.alloc(0) : HANDSHAKE): FarEnd {
      const socket = pollset.socket()
      if (options.clients === 'http/1.1') serveHttp1(http1, socket, proxy)
      else frontends.push(serveHttp2(http2, socket, proxy))
      if (first.length > 0) socket.far.send(first)
      socket.far.take()
      return socket.far
    },
    /** Does the backend's side of its handshake. */
    greet(far: FarEnd): void {
      far.send(Buffer.concat([frame(4, 0, 0), frame(4, 1, 0)]))
      far.take()
    },
  }
}
