// A whole proxy in memory: the test is all clients and all backends.

import { createWorld, TraceLines, type Tracer } from '../../src/continuation/index.js'
import { engineLimits } from '../../src/engine/index.js'
import { FieldTable, HeldBytes, heldLimits } from '../../src/http/index.js'
import { createHttp2, http2Sessions, serveHttp2 } from '../../src/http2/index.js'
import { Backend, ReverseProxy, RouteTable, type Share } from '../../src/proxy/index.js'
import type { Limits } from '../../src/server/index.js'
import { frame, PREFACE } from './frames.js'
import { type FarEnd, MemoryPollset } from './memory-pollset.js'

const ADDRESS = { host: '192.0.2.9', port: 9 }

const HANDSHAKE = Buffer.concat([PREFACE, frame(4, 0, 0), frame(4, 1, 0)])

export interface MemoryProxyOptions {
  readonly share?: Share
  /** Of the one route. */
  readonly prefix?: string
  /** Gets the trace. */
  readonly lines?: string[]
  /** Told of all transitions too. */
  readonly seen?: Tracer
  /** Of the backend, instead of an address that answers at once. */
  readonly host?: string
}

export function memoryProxy(limits: Partial<Limits> = {}, options: MemoryProxyOptions = {}) {
  const pollset = new MemoryPollset()
  const base = createWorld(pollset)
  const lines = options.lines ?? []
  const told: Tracer[] = [new TraceLines(pollset, (line) => lines.push(line.trim()))]
  if (options.seen !== undefined) told.push(options.seen)
  base.scheduler.tracer = {
    transition: (...each) => told.forEach((tracer) => void tracer.transition(...each)),
    diverted: (...each) => told.forEach((tracer) => void tracer.diverted(...each)),
  }
  const world = { ...base, held: new HeldBytes({ ...heldLimits, ...limits }), fields: new FieldTable() }
  const http2 = createHttp2(world, limits)
  const backends: FarEnd[] = []
  pollset.serve(ADDRESS, (far) => backends.push(far))
  const backend = new Backend(
    world,
    'h2c://backend',
    () => http2Sessions(http2, { ...ADDRESS, host: options.host ?? ADDRESS.host }),
    { ...engineLimits, ...limits },
    options.share ?? 'process',
  )
  const proxy = new ReverseProxy(
    world,
    new RouteTable([{ host: '', prefix: options.prefix ?? '/', backend }]),
    limits,
  )
  return {
    pollset,
    world,
    http2,
    proxy,
    backend,
    backends,
    lines,
    /** From now on connections to the backend are refused. */
    refuse: () => pollset.serve(ADDRESS, () => {}, 'refuse'),
    /** From now on connections to the backend are neither made nor refused. */
    hang: () => pollset.serve(ADDRESS, () => {}, 'hang'),
    /** A client connection, hands shaken, or with other first octets. */
    client(first = HANDSHAKE): FarEnd {
      const socket = pollset.socket()
      serveHttp2(http2, socket, proxy)
      socket.far.send(first)
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
