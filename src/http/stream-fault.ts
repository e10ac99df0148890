// The fault of a stream to a backend: what every fault says, and whether the attempt counts among those that
// one request may have (spec/exchange.md, R8, R12, R13).

import type { Fault } from '../continuation/index.js'

export interface StreamFault extends Fault {
  /**
   * The connection had served before and ended without a word: as far as we can tell, before the request
   * came.
   */
  readonly stale?: boolean
  /**
   * The attempt does not count. `not-begun`: the backend has said so, and it served others (RFC 9113 §8.7).
   * `neighbour`: it ended for another stream, whose fault it was or who took the room. That may happen again,
   * so the exchange bounds it.
   */
  readonly uncounted?: 'not-begun' | 'neighbour'
}
