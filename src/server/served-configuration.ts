// The configuration that a server serves. A new one is prepared first, which may fail and changes nothing;
// then its new listeners are bound; then all of it is committed in one turn. What is kept is kept by the
// listeners and backends themselves.

import type { Configuration } from '../config/index.js'
import type { HttpWorld } from '../http/index.js'
import { type Address, Networks } from '../pollset/index.js'
import { ConnectPolicy, type ReverseProxy, TrustedProxies } from '../proxy/index.js'
import { ConfigError } from './address.js'
import type { Backends } from './backends.js'
import { notListening } from './listen-faults.js'
import type { CheckedListeners, Listeners } from './listeners.js'
import type { Protocols } from './protocols.js'
import { connectTimes, routerOf } from './routes.js'

/** Is called once, with what is wrong, or null when the configuration serves. */
export type Applied = (wrong: Error | null) => void

/** A configuration that was checked, and serves once it is committed. */
interface Prepared {
  readonly listeners: CheckedListeners
  commit(): void
}

/** The parts of a server that a configuration makes. */
export interface ConfiguredParts {
  readonly world: HttpWorld
  readonly proxy: ReverseProxy
  readonly protocols: Protocols
  readonly backends: Backends
  readonly listeners: Listeners
}

export class ServedConfiguration {
  current: Configuration
  /** Networks whose connections begin with a PROXY header. */
  relays = new Networks([])
  /** Proxies and relays in front of us: their addresses stand for many clients. */
  inFront = new Networks([])
  private readonly parts: ConfiguredParts
  private readonly first: CheckedListeners
  /** Its configuration waits for its listeners; null if none does. */
  private waiting: { readonly applied: Applied } | null = null
  private closing = false

  /** Throws if the configuration is wrong. */
  constructor(configuration: Configuration, parts: ConfiguredParts) {
    this.current = configuration
    this.parts = parts
    const prepared = this.prepare(configuration)
    this.first = prepared.listeners
    prepared.commit()
  }

  /** Binds the first listeners. */
  begin(failed: (address: Address, code: string) => void): void {
    this.parts.listeners.bindNew(this.first, (bound, address, code) => {
      if (bound === null) failed(address as Address, code)
      else bound.commit()
    })
  }

  /** Serves another configuration. One that still waits for its listeners gives way to a newer one. */
  apply(configuration: Configuration, applied: Applied): void {
    let prepared: Prepared
    try {
      if (this.closing) throw new ConfigError(CLOSING)
      prepared = this.prepare(configuration)
    } catch (error) {
      applied(error instanceof Error ? error : new Error(String(error)))
      return
    }
    this.supersede('a newer configuration came before its listeners were bound')
    const waiting = { applied }
    this.waiting = waiting
    this.parts.listeners.bindNew(prepared.listeners, (bound, address, code) => {
      if (this.waiting !== waiting) {
        bound?.abandon()
        return
      }
      this.waiting = null
      if (bound === null) {
        applied(new ConfigError(notListening(address as Address, code)))
        return
      }
      bound.commit()
      prepared.commit()
      this.current = configuration
      applied(null)
    })
  }

  /** Serves no other configuration from now on. */
  close(): void {
    this.closing = true
    this.supersede(CLOSING)
  }

  private supersede(why: string): void {
    const { waiting } = this
    this.waiting = null
    waiting?.applied(new ConfigError(why))
  }

  /** Makes what connections and requests need of a configuration. Throws if it is wrong. */
  private prepare(configuration: Configuration): Prepared {
    const { world, proxy, protocols, backends, listeners } = this.parts
    const { connect, trustedProxies, resolver } = configuration
    const checked = listeners.check(configuration.listeners)
    const made = backends.prepare(configuration.backends, connectTimes(configuration), resolver)
    const routes = routerOf(configuration, made.byName, world.pollset, proxy.limits)
    const inFront = new Networks(trustedProxies.addresses)
    const relays = trustedProxies.proxyProtocol ? inFront : new Networks([])
    const trusted = new TrustedProxies(inFront, trustedProxies.fields)
    const connects =
      connect.length === 0
        ? null
        : new ConnectPolicy(world, connect, (target) => protocols.tcpSessions(target))
    return {
      listeners: checked,
      commit: () => {
        made.commit()
        proxy.routes = routes
        proxy.backends = [...made.byName.values()]
        proxy.trusted = trusted
        proxy.connects = connects
        this.relays = relays
        this.inFront = inFront
      },
    }
  }
}

const CLOSING = 'the server is closing'
