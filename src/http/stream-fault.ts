// The fault of a stream to a backend: a fault that also says whether the attempt counts against the attempts
// of its request (spec/exchange.md, R8, R12, R13).

import type { Fault } from '../continuation/index.js'

export interface StreamFault extends Fault {
  /** The connection had served before and closed without a response, probably before the request arrived. */
  readonly stale?: boolean
  /**
   * The reason why the attempt does not count. `not-begun`: the backend said that it did not begin it, and it
   * serves others (RFC 9113 §8.7). `neighbour`: another stream caused the end. That may recur, so the
   * exchange bounds it.
   */
  readonly uncounted?: 'not-begun' | 'neighbour'
}
