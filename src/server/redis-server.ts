// A server that proxies Redis: one World on Node's pollset with its listeners. It serves until it is told to
// drain; commands that have come are then answered within the drain timeout.

import { Continuation, createWorld, defineLife, type Fault, TraceLines } from '../continuation/index.js'
import {
  type Address,
  COMMANDED,
  formatAddress,
  isNumeric,
  NodePollset,
  type TlsClientOptions,
  type TlsServer,
  type TlsServerOptions,
} from '../pollset/index.js'
import { RedisBackend, RedisProxy, type RedisWorld, type Share } from '../redis/index.js'
import { createTransportWorld, EMPTY } from '../transport/index.js'
import type { Listen } from './address.js'
import type { Limits } from './limits.js'
import type { LogTarget } from './line-logger.js'
import { notListening } from './listen-faults.js'
import { ProcessLog } from './process-log.js'

/** A server and its share of the keys: those that begin with one of the prefixes, or a part of the slots. */
export interface RedisShard {
  readonly backend: Address
  readonly prefixes: readonly string[]
}

/** TLS to the servers. `serverName`: null is the name of each. */
export type BackendTls = Omit<TlsClientOptions, 'serverName'> & { readonly serverName: string | null }

export interface RedisServerOptions {
  readonly listen: readonly Listen[]
  readonly certificates: TlsServerOptions | null
  readonly shards: readonly RedisShard[]
  /** Nodes of a cluster, in place of shards; empty: it is none. */
  readonly seeds: readonly Address[]
  readonly backendTls: BackendTls | null
  readonly share: Share
  readonly allowAdmin: boolean
  readonly limits: Limits
  readonly drainTimeoutMs: number
  readonly log: LogTarget
  readonly trace?: ((line: string) => void) | undefined
}

export interface RedisServerEvents {
  /** All addresses are bound. */
  listening?(addresses: readonly Address[]): void
  /** An address could not be bound. */
  failed(why: string): void
  /** No socket is open. */
  stopped(): void
}

export const redisControlLife = defineLife({
  name: 'redis.control',
  source: import.meta.url,
  edges: {
    serve: ['serve', 'drain'],
    drain: ['cut', 'stop'],
    cut: ['stop'],
    stop: ['done'],
  },
  waits: ['drainTimeout', 'cut'],
})

class RedisControl extends Continuation {
  readonly id = 'control'
  readonly kind = 'control'
  readonly server: RedisServer

  constructor(server: RedisServer, drainTimeout: number, cut: number) {
    super(server.world, redisControlLife.durations(server.world.pollset.deadlines, { drainTimeout, cut }))
    this.server = server
    controlSteps.start(server.world, this, 'serve')
  }

  crashed(): void {
    this.server.stop()
  }
}

const { goto, done, suspend } = redisControlLife
const waitForOrder = suspend({ then: 'serve' })
const waitForEmpty = suspend({ then: 'stop', late: 'cut', within: 'drainTimeout' })
const waitForCut = suspend({ then: 'stop', late: 'stop', within: 'cut' })

const controlSteps = redisControlLife.steps<RedisControl>({
  serve(c) {
    const { commands } = c.server.world.pollset
    if (commands.take() === 'drain') return goto.drain
    c.waitOn(0, commands, COMMANDED)
    return waitForOrder
  },
  drain(c) {
    const { server } = c
    server.log.tell('info', 'draining: commands that have come are answered; a second signal cuts them')
    server.proxy.drain()
    c.waitOn(0, server.proxy.clients, EMPTY)
    return waitForEmpty
  },
  /** Closes the clients, since the drain timeout has passed. */
  cut(c) {
    const { server } = c
    server.cut('the drain timeout has passed')
    c.waitOn(0, server.proxy.clients, EMPTY)
    return waitForCut
  },
  stop(c) {
    c.server.stop()
    return done
  },
})

export class RedisServer {
  readonly world: RedisWorld
  readonly proxy: RedisProxy
  readonly log: ProcessLog
  /** The number of clients that were closed at the end while some of their commands had no replies. */
  cutClients = 0
  private readonly options: RedisServerOptions
  private readonly events: RedisServerEvents
  private readonly pollset: NodePollset

  /** Throws if a certificate or key is wrong. */
  constructor(options: RedisServerOptions, events: RedisServerEvents) {
    const { limits, shards, seeds, backendTls, share, allowAdmin } = options
    this.options = options
    this.events = events
    this.pollset = new NodePollset(limits.pollset)
    const world = createWorld(this.pollset, { limits: limits.continuation })
    this.world = { ...createTransportWorld(world, limits.transport), redisLimits: limits.redis }
    this.log = new ProcessLog(this.pollset, limits.server, options.log)
    world.scheduler.onCrash = (continuation, error) =>
      this.log.tell(
        'error',
        `internal error in ${continuation.id} (closed); other commands are unaffected: ${error instanceof Error ? error.stack : error}`,
      )
    if (options.trace !== undefined) world.scheduler.tracer = new TraceLines(this.pollset, options.trace)
    const tlsTo = ({ host }: Address) => {
      if (backendTls === null) return {}
      const serverName = backendTls.serverName ?? (isNumeric(host) ? '' : host)
      return { tls: this.pollset.tlsClient({ ...backendTls, serverName }) }
    }
    const endpointOf = (backend: Address) => ({
      name: formatAddress(backend),
      target: { ...backend, ...tlsTo(backend) },
    })
    const unreached = (endpoint: string, why: Fault): void =>
      void this.log.repeated('warn', `no session to ${endpoint}`, () => why.detail ?? why.message)
    const learned = (_name: string, nodes: number, why: string): void => {
      if (nodes > 0) this.log.tell('info', `the cluster has ${nodes} nodes with slots`)
      else
        void this.log.repeated('warn', 'no node tells which slots the nodes of the cluster have', () => why)
    }
    const all = {
      name: formatAddress(seeds[0] ?? shards[0].backend),
      shards: shards.map(({ backend, prefixes }) => ({ endpoints: [endpointOf(backend)], prefixes })),
      check: null,
      cluster:
        seeds.length === 0
          ? null
          : {
              seeds: seeds.map(endpointOf),
              nodeAt: (host: string, port: number) => endpointOf({ host, port }),
            },
    }
    const redis = new RedisBackend(this.world, all, { unreached, learned }, limits.engine)
    this.proxy = new RedisProxy(this.world, { backend: redis, share, allowAdmin })
  }

  /** Binds the listeners. */
  begin(): void {
    const { options, proxy, log, events } = this
    const tls: TlsServer | null =
      options.certificates === null ? null : this.pollset.tlsServer(options.certificates)
    const bound: Address[] = []
    for (const at of options.listen)
      proxy.listen(at, at.secure === true ? tls : null, {
        ready: ({ listener }) => {
          log.tell(
            'info',
            `listening on ${formatAddress(listener.address)} (Redis${at.secure === true ? ' over TLS' : ''})`,
          )
          bound.push(listener.address)
          if (bound.length === options.listen.length) events.listening?.(bound)
        },
        failed: ({ listener }) => {
          events.failed(notListening(at, listener.fault?.code ?? '', '--listen'))
        },
      })
    new RedisControl(this, options.drainTimeoutMs, options.limits.server.cutMs)
  }

  drain(): void {
    this.pollset.commands.give('drain')
  }

  /** Closes all clients. */
  cut(why: string): void {
    this.cutClients += this.proxy.cut()
    this.log.tell('warn', `cut ${this.cutClients} clients: ${why}`)
  }

  /** Ends at once, after a second signal. */
  endNow(): void {
    this.cut('a second signal')
    this.log.flush()
  }

  stop(): void {
    this.log.flush()
    this.pollset.close()
    this.events.stopped()
  }
}
