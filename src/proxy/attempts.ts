// What follows a fault of the backend's: the request is sent again, refused, or its response is cut
// (spec/exchange.md, R1 to R13).

import { IDEMPOTENT, type StreamFault } from '../http/index.js'
import type { Exchange } from './exchange.js'
import { badGateway, RETRIES_SPENT, type Refusal, STALLED } from './refusal.js'

/** What an exchange does about a fault. */
export const attempts = {
  /**
   * The step that follows a fault before the response head was sent. Sets the refusal, where it is `refuse`.
   */
  recover(x: Exchange, why: StreamFault): 'retry' | 'refuse' | 'abort' {
    x.cause = why
    if (why.code === 'stall') {
      x.refusal = STALLED
      return 'refuse'
    }
    // Of what is meant for a tunnel nothing was sent.
    const replayable = x.asksTunnel || x.frontend.replayable
    if (why.retry === 'safe') {
      if (replayable) {
        attempts.excuse(x, why)
        return 'retry'
      }
      x.outcome = why.code
      x.abortReason = 'refused'
      return 'abort'
    }
    // A handshake that was not answered has done no more than a GET.
    const repeatable = x.asksTunnel || IDEMPOTENT.has(x.request.method?.value ?? '')
    if (why.scope !== 'connection' || !repeatable || !replayable) {
      x.refusal = badGateway(why.code, why.message)
      return 'refuse'
    }
    attempts.excuse(x, why)
    return 'retry'
  },

  /** Notes what cuts the response, or the tunnel, and how the client is told. */
  cut(x: Exchange, why: StreamFault): void {
    x.outcome = why.code
    x.cause = why
    x.abortReason = why.code === 'stall' ? 'calm' : x.tunnelOpen ? 'connect' : 'internal'
  },

  /** Does not count the attempt where that is right (R8, R12, R13), and it may be made again (R11). */
  excuse(x: Exchange, why: StreamFault): void {
    if (x.clientHalfClosed) return
    const { staleAttemptsMax, neighbourAttemptsMax } = x.proxy.limits
    if (why.uncounted === 'neighbour') {
      if (++x.neighbourAttempts > neighbourAttemptsMax) return
    } else if (why.stale) {
      if (++x.staleAttempts > staleAttemptsMax) return
    } else if (why.uncounted !== 'not-begun') return
    x.attempts--
  },

  /** Takes the request back from the session that did not serve it. */
  withdraw(x: Exchange): void {
    x.backendStream?.reset('cancel')
    x.backendStream = null
    x.frontend.receiveBuffer?.rewind()
  },

  /**
   * What is said when the request may not be sent again: the fault of the last attempt, where it was more
   * than a refusal.
   */
  spent({ cause }: Exchange): Refusal {
    return cause === null || cause.retry === 'safe' ? RETRIES_SPENT : badGateway(cause.code, cause.message)
  },
}
