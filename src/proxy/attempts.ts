// Decides after a backend's fault: the request is sent again or refused, or its response is cut
// (spec/exchange.md, R1 to R15).

import { IDEMPOTENT, type StreamFault } from '../http/index.js'
import { choice } from './choice.js'
import type { Exchange } from './exchange.js'
import { isReplayable } from './filter/run.js'
import { badGateway, RETRIES_SPENT, type Refusal, STALLED } from './refusal.js'

/** An object, so that the simulator can plant defects in it. */
export const attempts = {
  /**
   * Returns the step that follows a fault before the response head was sent. Sets the refusal for `refuse`.
   */
  afterFault(x: Exchange, why: StreamFault): 'retry' | 'refuse' | 'abort' {
    x.cause = why
    choice.failed(x, why)
    x.attemptEnds(why.code)
    if (why.code === 'stall') {
      x.refusal = STALLED
      return 'refuse'
    }
    // No byte of a tunnel is sent before the backend agrees to it.
    const replayable = x.asksTunnel || isReplayable(x)
    const { refusedStream, closedBeforeHead } = x.route.retry
    if (why.retry === 'safe') {
      if (!refusedStream && why.scope === 'stream') {
        x.refusal = badGateway(why.code, why.message)
        return 'refuse'
      }
      if (replayable) return attempts.again(x, why)
      x.outcome = why.code
      x.abortReason = 'refused'
      return 'abort'
    }
    // A handshake that was not answered has changed nothing, as a GET.
    const repeatable = x.asksTunnel || IDEMPOTENT.has(x.request.method?.value ?? '')
    if (why.scope !== 'connection' || !repeatable || !replayable || !closedBeforeHead) {
      x.refusal = badGateway(why.code, why.message)
      return 'refuse'
    }
    return attempts.again(x, why)
  },

  /** Returns the step that follows a fault while filters have the response: they meet no second response. */
  inResponse(x: Exchange, why: StreamFault): 'retry' | 'refuse' | 'abort' {
    if (x.responseHead === null || x.filters === null) return attempts.afterFault(x, why)
    x.cause = why
    choice.failed(x, why)
    x.attemptEnds(why.code)
    x.filters.leave()
    x.refusal = why.code === 'stall' ? STALLED : badGateway(why.code, why.message)
    return 'refuse'
  },

  /** Sends the request again, if its backend's budget has a token for an attempt that counts (R15). */
  again(x: Exchange, why: StreamFault): 'retry' | 'refuse' {
    const { attempts: counted } = x
    attempts.excuse(x, why)
    if (x.attempts < counted || !x.mayRetry || choice.affords(x)) return 'retry'
    x.refusal = attempts.finalRefusal(x)
    return 'refuse'
  },

  /** Notes the fault that cuts the response or the tunnel, and how the client's stream is reset. */
  cut(x: Exchange, why: StreamFault): void {
    x.outcome = why.code
    x.cause = why
    x.abortReason = why.code === 'stall' ? 'calm' : x.tunnelOpen ? 'connect' : 'internal'
  },

  /**
   * Uncounts an attempt that rules R8, R12 and R13 excuse, unless the request must not be sent again (R11).
   */
  excuse(x: Exchange, why: StreamFault): void {
    if (x.clientHalfClosed) return
    const { staleAttemptsMax, neighbourAttemptsMax } = x.route.limits
    if (why.uncounted === 'neighbour') {
      if (++x.neighbourAttempts > neighbourAttemptsMax) return
    } else if (why.stale) {
      if (++x.staleAttempts > staleAttemptsMax) return
    } else if (why.uncounted !== 'not-begun') return
    x.attempts--
  },

  /** Withdraws the request from the session that did not serve it, and rewinds its body. */
  withdraw(x: Exchange): void {
    x.backendStream?.reset('cancel')
    x.backendStream = null
    x.responseHead = null
    x.frontend.receiveBuffer?.rewind()
  },

  /**
   * Returns the refusal for a request that must not be sent again: the fault of the last attempt,
   * if it says more.
   */
  finalRefusal({ cause }: Exchange): Refusal {
    return cause === null || cause.retry === 'safe' ? RETRIES_SPENT : badGateway(cause.code, cause.message)
  },
}
