// The listeners of the configuration. New ones are bound before anything else changes. Those that stay keep
// their sockets, and use their new certificates for new connections. The connections of removed ones drain.

import type { ListenerConfig } from '../config/index.js'
import type { Continuation, World } from '../continuation/index.js'
import type { StreamAcceptor } from '../http/index.js'
import { type Address, formatAddress, type Socket, type TlsServer } from '../pollset/index.js'
import type { Connections, Listening } from '../transport/index.js'
import { parseListen } from './address.js'
import type { AlpnProtocol } from './client-handshake.js'

/**
 * The ALPN names of TLS listeners, in our order of preference. A client that offers others is refused (RFC
 * 7301 §3.2).
 */
const ALPN = { h2: ['h2'], 'http/1.1': ['http/1.1', 'http/1.0'] } as const

/** The events and requests of a listener. */
export interface ListenersEvents {
  accepted(socket: Socket, listener: BoundListener): void
  /** @param secure true: it does TLS */
  listening(address: Address, secure: boolean): void
  replaced(address: Address): void
}

/** A listener that is bound, or is being bound. */
export class BoundListener {
  config: ListenerConfig
  readonly address: Address
  tls: TlsServer | null
  listening: Listening | null = null
  /** Takes the requests of its connections. */
  acceptor: StreamAcceptor | null = null
  /** True once it no longer listens. */
  closed = false
  /** Its open connections, including those whose protocol is not known yet. */
  readonly connections = new Set<Continuation>()

  constructor(config: ListenerConfig, address: Address, tls: TlsServer | null) {
    this.config = config
    this.address = address
    this.tls = tls
  }

  /** Returns the protocol for a client that has asked for this one. */
  serves(protocol: AlpnProtocol): AlpnProtocol {
    const { protocols } = this.config
    return protocols.includes(protocol) ? protocol : protocols[0]
  }
}

/** Listeners whose certificates are valid. */
export interface CheckedListeners {
  readonly configs: readonly ListenerConfig[]
  /** The TLS servers by position; null in clear text. */
  readonly tls: readonly (TlsServer | null)[]
  readonly tlsServers: ReadonlyMap<string, TlsServer>
}

/** Listeners that are bound, and serve once they are committed. */
export interface BoundListeners {
  commit(): void
  /** Closes the new listeners, which will not be committed. */
  abandon(): void
}

export class Listeners {
  private readonly world: World
  private readonly connections: Connections
  private readonly events: ListenersEvents
  private bound: BoundListener[] = []
  /** The TLS servers in use, by everything they are made from. */
  private tlsServers: ReadonlyMap<string, TlsServer> = new Map()

  constructor(world: World, connections: Connections, events: ListenersEvents) {
    this.world = world
    this.connections = connections
    this.events = events
  }

  /** Makes the TLS servers of these listeners. Throws if a certificate is wrong. Changes nothing else. */
  check(configs: readonly ListenerConfig[]): CheckedListeners {
    const tlsServers = new Map<string, TlsServer>()
    const tls = configs.map((each) => this.tlsOf(each, tlsServers))
    return { configs, tls, tlsServers }
  }

  /**
   * Counts the connections of each listener by its name. @param counts returns true if a
   * connection is counted
   */
  clients(counts: (connection: Continuation) => boolean): Map<string, number> {
    const clients = new Map<string, number>()
    for (const { config, connections } of this.bound) {
      let count = 0
      for (const each of connections) if (counts(each)) count++
      if (count > 0) clients.set(config.name, count)
    }
    return clients
  }

  /** Returns the name of the listener that has this port already; null without one. */
  nameOfPort({ path, port }: Address): string | null {
    if (path !== undefined) return null
    return (
      this.bound.find((each) => each.address.path === undefined && each.address.port === port)?.config.name ??
      null
    )
  }

  /**
   * Binds the new ones of these listeners. `done` is called once: when all are bound, or with the address
   * that could not be.
   */
  bindNew(
    { configs, tls, tlsServers }: CheckedListeners,
    done: (bound: BoundListeners | null, failed: Address | null, code: string) => void,
  ): void {
    const next = configs.map((config, at) => {
      const address = parseListen(config.address)
      const name = formatAddress(address)
      const old = this.bound.find((each) => formatAddress(each.address) === name)
      return {
        listener: old ?? new BoundListener(config, address, tls[at]),
        config,
        tls: tls[at],
        isNew: old === undefined,
      }
    })
    const added = next.filter((each) => each.isNew).map((each) => each.listener)
    let left = added.length
    let over = false
    const end = (failed: Address | null, code: string): void => {
      over = true
      const abandon = (): void => {
        // These may have accepted connections already.
        for (const each of added) this.close(each)
      }
      if (failed === null) done({ commit: () => this.commit(next, tlsServers), abandon }, null, '')
      else {
        abandon()
        done(null, failed, code)
      }
    }
    if (left === 0) end(null, '')
    for (const listener of added)
      this.bind(
        listener,
        () => {
          if (!over && --left === 0) end(null, '')
        },
        (code) => {
          if (!over) end(listener.address, code)
        },
      )
  }

  private commit(
    next: readonly { listener: BoundListener; config: ListenerConfig; tls: TlsServer | null }[],
    tlsServers: ReadonlyMap<string, TlsServer>,
  ): void {
    for (const { listener, config, tls } of next) {
      listener.config = config
      listener.tls = tls
    }
    const kept = next.map((each) => each.listener)
    for (const each of this.bound) if (!kept.includes(each)) this.close(each)
    this.bound = kept
    this.tlsServers = tlsServers
  }

  private bind(listener: BoundListener, ready: () => void, failed: (code: string) => void): void {
    const { address } = listener
    const secure = listener.tls !== null
    listener.listening = this.connections.listen(this.world, address, {
      ready: (it) => {
        if (it.listener.replaced) this.events.replaced(it.listener.address)
        this.events.listening(it.listener.address, secure)
        ready()
      },
      failed: (it) => {
        const code = it.listener.fault?.code ?? 'EUNKNOWN'
        failed(code)
      },
      accepted: (socket) => this.events.accepted(socket, listener),
    })
  }

  private unbind({ listening }: BoundListener): void {
    if (listening !== null) this.connections.unlisten(listening)
  }

  /** Stops listening, and lets the connections finish. */
  private close(listener: BoundListener): void {
    this.unbind(listener)
    listener.closed = true
    for (const each of listener.connections) each.cancel()
  }

  private tlsOf({ tls, protocols, redis }: ListenerConfig, made: Map<string, TlsServer>): TlsServer | null {
    if (tls === null) return null
    const { certificates, clientCa, clientCertificate } = tls
    const key = [
      ...certificates.flatMap(({ name, cert, key }) => [name, cert, key]),
      clientCa ?? '',
      clientCertificate,
      ...(redis === null ? protocols : ['redis']),
    ].join('\0')
    const server =
      made.get(key) ??
      this.tlsServers.get(key) ??
      this.world.pollset.tlsServer({
        certificates: certificates.map(({ name, cert, key: secret }) => ({ cert, key: secret, from: name })),
        alpn: redis === null ? protocols.flatMap((each) => ALPN[each]) : [],
        clientCertificate,
        ...(clientCa === null ? {} : { clientCa }),
      })
    made.set(key, server)
    return server
  }
}
