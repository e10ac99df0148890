// The events and errors of a server, as programs see them.

import type { Address } from '../pollset/index.js'
import { emitterOf } from './emitter.js'
import type { ExchangeReport } from './exchange-views.js'

/** An error of the server itself. */
export class ServerError extends Error {
  override name = 'ServerError'
  /**
   * `not-listening`: an address could not be bound. `internal`: a step of ours threw; its exchange or
   * connection is closed, and others are unaffected. `broken`: an invariant that concerns all connections is
   * broken; the server has closed them, and serves no more.
   */
  readonly code: 'not-listening' | 'internal' | 'broken'

  constructor(code: ServerError['code'], message: string, cause?: unknown) {
    super(message, { cause })
    this.code = code
  }
}

export type ProxyServerEvents = {
  /** A listener is ready. */
  listening: (address: Address, secure: boolean) => void
  /** A listener has replaced a stale Unix-domain socket, on which no process listened. */
  replaced: (address: Address) => void
  /** An exchange has ended. */
  exchange: (report: ExchangeReport) => void
  /** An error of the server. Without a listener for it, it goes to the log. */
  error: (error: ServerError) => void
  /** A connection to a backend could not be made. Emitted once a backend in each logRepeatMs. */
  unreached: (backend: string, why: string) => void
  /** Closing has begun: running requests may finish. */
  draining: () => void
  /** The configuration or its certificates were read again. After an error the old ones stay. */
  reloaded: (error: Error | null) => void
  /** The server has stopped: no socket is open. */
  close: () => void
}

export const ProxyServerEmitter = emitterOf<ProxyServerEvents>({
  listening: true,
  replaced: true,
  exchange: true,
  error: true,
  unreached: true,
  draining: true,
  reloaded: true,
  close: true,
})
