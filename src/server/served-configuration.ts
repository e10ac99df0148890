// The configuration that a server serves. A Changeover replaces it by a new one. Listeners and backends
// themselves keep the parts that stay.

import type { Configuration } from '../config/index.js'
import { type Address, Networks } from '../pollset/index.js'
import { ConfigError } from './address.js'
import { Changeover } from './changeover.js'
import type { FoundOut } from './check-configuration.js'
import { ChosenBackends } from './chosen-backends.js'
import type { Filters } from './filters.js'
import type { CheckedListeners } from './listeners.js'
import { type ConfiguredParts, Preparation } from './preparation.js'

/** Is called once, with the mistake, or with null when the configuration serves. */
export type Applied = (wrong: Error | null) => void

export class ServedConfiguration {
  current: Configuration
  /** The networks whose connections begin with a PROXY header. */
  relays = new Networks([])
  /** The proxies and relays in front of us: their addresses stand for many clients. */
  inFront = new Networks([])
  private readonly parts: ConfiguredParts
  private readonly chosen: ChosenBackends
  /** The first listeners, until they are bound. */
  private first: CheckedListeners | null
  /** The changeover to the newest configuration, until it serves or has failed. */
  private coming: Changeover | null = null
  private closing = false

  /** Throws if the configuration is wrong. */
  constructor(configuration: Configuration, foundOut: FoundOut, parts: ConfiguredParts) {
    this.current = configuration
    this.parts = parts
    this.chosen = new ChosenBackends(parts.world, parts.protocols)
    const preparation = new Preparation(parts, configuration, foundOut, this.chosen)
    preparation.checkListeners()
    while (preparation.hasMoreBackends) preparation.addBackends()
    while (preparation.hasMoreRoutes) preparation.addRoutes()
    preparation.makeRouter()
    this.first = preparation.listeners
    this.commit(preparation)
  }

  get filters(): Filters {
    return this.parts.filters
  }

  /** Binds the first listeners. `done` is called once, with the address that could not be bound, or null. */
  begin(done: (failed: Address | null, code: string) => void): void {
    const { first } = this
    this.first = null
    this.parts.listeners.bindNew(first as CheckedListeners, (bound, address, code) => {
      bound?.commit()
      done(address, code)
    })
  }

  /**
   * Serves another configuration, unless a newer one comes before it serves.
   * @param ready is called when everything is ready, with a function that commits it; without `ready` it
   *   is committed then
   */
  apply(
    configuration: Configuration,
    foundOut: FoundOut,
    applied: Applied,
    ready?: (commit: () => void) => void,
  ): void {
    if (this.closing) {
      applied(new ConfigError(CLOSING))
      return
    }
    let preparation: Preparation
    try {
      preparation = new Preparation(this.parts, configuration, foundOut, this.chosen)
    } catch (error) {
      applied(error as Error)
      return
    }
    this.coming?.cancel()
    const { world, listeners } = this.parts
    this.coming = new Changeover(world, listeners, preparation, {
      gaveUp: () =>
        applied(
          this.closing
            ? new ConfigError(CLOSING)
            : new Superseded('a newer configuration came before it served'),
        ),
      failed: applied,
      ready,
      commits: () => {
        this.coming = null
        this.commit(preparation)
        applied(null)
      },
    })
  }

  /** Gives up the newest configuration, unless it serves. */
  abandon(): void {
    this.coming?.cancel()
    this.coming = null
  }

  /** Refuses all further configurations. */
  close(): void {
    this.closing = true
    this.coming?.cancel()
  }

  /** Ends the states of its filters, since nothing is served any longer. */
  end(): void {
    this.parts.filters.close()
  }

  private commit(preparation: Preparation): void {
    preparation.commit()
    const { configuration, inFront } = preparation
    this.current = configuration
    this.inFront = inFront
    this.relays = configuration.trustedProxies.proxyProtocol ? inFront : new Networks([])
  }
}

/** The error for a configuration that gave way to a newer one: it has no mistake. */
export class Superseded extends ConfigError {}

/** The reason why a configuration no longer serves. */
export const CLOSING = 'the server is closing'
