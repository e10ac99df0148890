// The flows of an exchange: the request's body to the backend, the response to the client, and what each step
// waits for to move them.

import {
  BODY,
  type FrontendStream,
  HEAD,
  type Head,
  INTERIM,
  RESET,
  SENT,
  type Stream,
  type StreamFault,
} from '../http/index.js'
import type { Exchange } from './exchange.js'
import { interimPasses, reportsWork } from './interims.js'

const isEmpty = (source: Stream): boolean =>
  source.remoteEnded && source.waitingBytes === 0 && source.trailers === null

export const BEFORE_HEAD = HEAD | INTERIM

/** Each takes the exchange and the backend's stream of its present attempt. */
export const flows = {
  /** Sends the request head on the stream of the session that was leased. */
  sendRequest(x: Exchange, stream: Stream): void {
    const { frontend, request } = x
    x.backendStream = stream
    x.progress.sendingBegins()
    x.sent = true
    x.attempts++
    if (x.asksTunnel) {
      stream.sendHead(request, false)
      return
    }
    const empty = isEmpty(frontend)
    if (!empty) frontend.retainBody(x.proxy.limits.replayBytesMax)
    stream.sendHead(request, empty)
    frontend.raise(BODY)
  },

  /** Passes on the request body, as far as it has come, before the response head. A tunnel's bytes wait. */
  passRequest(x: Exchange, stream: Stream): void {
    const { frontend, progress } = x
    progress.beforeGrant(frontend, stream, false)
    if (!x.asksTunnel) flows.passUp(frontend, stream)
    progress.afterGrant(x.now, frontend, stream)
  },

  /**
   * Passes what has come of both bodies, behind the response head. A tunnel that was declined has no way up.
   */
  passBoth(x: Exchange, stream: Stream): void {
    const { frontend, progress, tunnelOpen } = x
    progress.beforeGrant(frontend, stream, tunnelOpen)
    if (tunnelOpen || !x.asksTunnel) flows.passUp(frontend, stream)
    if ((stream.readiness & BODY) !== 0) {
      // What is written shows who is there: one that has left answers it by RST.
      x.lease.trust()
      frontend.forwardBody(stream)
    }
    progress.afterGrant(x.now, frontend, stream)
  },

  passUp(from: FrontendStream, to: Stream): void {
    if ((from.readiness & BODY) !== 0 && !to.localEnded && to.fault === null) to.forwardBody(from)
  },

  passInterims(x: Exchange, stream: Stream): void {
    if ((stream.readiness & INTERIM) === 0) return
    for (let head = stream.takeInterim(); head !== null; head = stream.takeInterim()) {
      flows.passInterim(x, head)
    }
  },

  passInterim(x: Exchange, head: Head): void {
    if (!interimPasses(head, x.request)) return
    if (reportsWork(head)) x.progress.reported(x.now)
    x.frontend.sendInterim(head)
  },

  /** Sends the response head. From here nothing is sent again. */
  sendResponse(x: Exchange, stream: Stream, head: Head): void {
    const { frontend, backend } = x
    if (backend !== null) backend.hasAnswered = true
    x.proxy.world.date.stamp(head)
    x.progress.answered(x.now, frontend, stream)
    x.lease.trust()
    frontend.receiveBuffer?.releaseRetained()
    x.tunnelOpen = x.asksTunnel && head.isSuccess && !stream.declined
    frontend.declined = stream.declined
    const empty = !x.tunnelOpen && isEmpty(stream)
    frontend.sendHead(head, empty)
    if (empty) stream.lower(BODY)
  },

  /** The fault that ends the exchange before its response is whole; null if there is none. */
  faultOf(x: Exchange, stream: Stream): StreamFault | null {
    return x.frontend.fault ?? (stream.remoteEnded ? null : stream.fault)
  },

  /**
   * Waits for all that may move either flow; `early` are the bits of the backend's stream that count before
   * the response head. A side that is over raises nothing new, and what it has raised must not wake us for
   * ever.
   */
  waitForFlows(x: Exchange, stream: Stream, early = 0): void {
    const upOpen = !x.asksTunnel && !stream.localEnded && stream.fault === null
    x.waitOn(0, x.frontend, SENT | RESET | (upOpen ? BODY : 0))
    x.waitOn(1, stream, BODY | early | (stream.fault === null ? RESET : 0))
  },

  /** The same for a tunnel, where the end of one flow is not the end of the other. */
  waitForTunnel(x: Exchange, stream: Stream): void {
    const { frontend } = x
    const upOpen = !stream.localEnded && stream.fault === null
    x.waitOn(0, frontend, RESET | (frontend.localEnded ? 0 : SENT) | (upOpen ? BODY : 0))
    x.waitOn(1, stream, BODY | (upOpen ? SENT : 0) | (stream.fault === null ? RESET : 0))
  },

  /**
   * What breaks a tunnel. A backend that has ended its half and then wants no more of the client's breaks
   * nothing.
   */
  tunnelFault(x: Exchange, stream: Stream): StreamFault | null {
    const { fault } = stream
    const parting = fault !== null && stream.remoteEnded && fault.code === 'reset-no-error'
    return x.frontend.fault ?? (parting ? null : fault)
  },

  /** Both halves of the tunnel have ended; or the backend's has, and it takes no more of the client's. */
  tunnelIsOver(x: Exchange, stream: Stream): boolean {
    return x.frontend.localEnded && (stream.localEnded || stream.fault !== null)
  },
}
