// Moves the request body to the backend and the response to the client, and arms the waits of the steps that
// do so.

import { BODY, HEAD, type Head, INTERIM, RESET, SENT, type Stream, type StreamFault } from '../http/index.js'
import { affinityCookie } from './choice.js'
import type { Exchange } from './exchange.js'
import { DOWN, UP } from './filter/bodies.js'
import { passing } from './filter/passing.js'
import { interimPasses, reportsWork } from './interims.js'

const isEmpty = (source: Stream): boolean =>
  source.remoteEnded && source.waitingBytes === 0 && source.trailers === null

const MOVES = UP | DOWN

export const BEFORE_HEAD = HEAD | INTERIM

/** An object, so that the simulator can plant defects in it. `stream` belongs to the current attempt. */
export const flows = {
  /** Sends the request head on `stream`, which the leased session has opened. */
  sendRequest(x: Exchange, stream: Stream): void {
    const { frontend } = x
    const request = x.attemptHead ?? x.request
    x.backendStream = stream
    stream.user = x
    x.progress.sendingBegins()
    x.sent = true
    x.sessionId = stream.connection.id
    x.sessionReused = x.lease.reused
    x.attempts++
    if (x.asksTunnel) {
      stream.sendHead(request, false)
      return
    }
    const up = x.filters?.up ?? null
    up?.begin()
    const empty = up === null ? isEmpty(frontend) : up.isEmpty
    if (!empty && (up?.held ?? null) === null) frontend.retainBody(x.route.limits.replayBytesMax)
    stream.upgrade = x.upgrade
    stream.sendHead(request, empty)
    frontend.raise(BODY)
  },

  /** Passes the arrived part of the request body, before the response head. A tunnel's bytes wait. */
  passRequest(x: Exchange, stream: Stream): void {
    const { frontend, progress } = x
    progress.beforeGrant(frontend, stream, false)
    if (!x.asksTunnel) flows.forwardRequestBody(x, stream)
    progress.afterGrant(x.now, frontend, stream)
  },

  /**
   * Passes the arrived parts of both bodies, after the response head. A declined tunnel sends nothing more.
   */
  passBoth(x: Exchange, stream: Stream): void {
    const { frontend, progress, tunnelOpen, filters } = x
    progress.beforeGrant(frontend, stream, tunnelOpen)
    if (tunnelOpen || !x.asksTunnel) flows.forwardRequestBody(x, stream)
    if (filters !== null) passing.responseTrailers(x, filters, stream)
    const down = filters?.down ?? null
    if (down !== null) {
      filters?.moves?.lower(DOWN)
      down.pump()
      if (down.isReady) frontend.forwardBody(down)
    } else if ((stream.readiness & BODY) !== 0) {
      // Writing to a client that has left is answered by RST, so the lease needs no doubt any longer.
      x.lease.trust()
      frontend.forwardBody(stream)
    }
    progress.afterGrant(x.now, frontend, stream)
  },

  forwardRequestBody(x: Exchange, to: Stream): void {
    const { frontend: from, filters } = x
    if (filters !== null) passing.requestTrailers(x, filters, from)
    const up = filters?.up ?? null
    if (up !== null) {
      if (to.localEnded || to.fault !== null) return
      filters?.moves?.lower(UP)
      up.pump()
      if (up.isReady) to.forwardBody(up)
    } else if ((from.readiness & BODY) !== 0 && !to.localEnded && to.fault === null) to.forwardBody(from)
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
    const passed = x.filters === null ? head : passing.interim(x, x.filters, head)
    if (passed !== null) x.frontend.sendInterim(passed)
  },

  /** Sends the response head. From here on the request is not sent again. */
  sendResponse(x: Exchange, stream: Stream, head: Head): void {
    const { frontend, endpoint } = x
    if (endpoint !== null) endpoint.engines.hasAnswered = true
    const cookie = affinityCookie(x)
    if (cookie !== null) head.add(x.proxy.world.fields.make('set-cookie', cookie))
    x.proxy.world.date.stamp(head)
    x.progress.answered(x.now, frontend, stream)
    x.lease.trust()
    frontend.receiveBuffer?.releaseRetained()
    x.tunnelOpen = stream.switched || (x.asksTunnel && head.isSuccess && !stream.declined)
    if (stream.switched) {
      frontend.upgrade = stream.upgrade
      frontend.reopen()
    }
    // The steps see an Upgrade of HTTP/1.1 as extended CONNECT; its client gets 101.
    x.status = x.tunnelOpen && frontend.mayBeDeclined ? 101 : head.status
    frontend.declined = stream.declined
    const empty = !x.tunnelOpen && (x.filters?.down == null ? isEmpty(stream) : x.filters.down.isEmpty)
    x.proxy.answered(x)
    frontend.sendHead(head, empty)
    if (empty) stream.lower(BODY)
  },

  /** Returns the fault that ends the exchange before its response is whole; null if there is none. */
  faultOf(x: Exchange, stream: Stream): StreamFault | null {
    return x.frontend.fault ?? (stream.remoteEnded ? null : stream.fault)
  },

  /**
   * Waits for whatever may move either body. `early`: the bits of the backend's stream that count before the
   * response head. Bits that a finished side has raised stay raised, so they are not waited for: they would
   * wake it forever.
   */
  waitForFlows(x: Exchange, stream: Stream, early = 0): void {
    const upOpen = !x.asksTunnel && !stream.localEnded && stream.fault === null
    x.waitOn(0, x.frontend, SENT | RESET | (upOpen ? BODY : 0))
    x.waitOn(1, stream, BODY | early | (stream.fault === null ? RESET : 0))
    const { filters } = x
    const moves = filters?.moves ?? null
    if (moves !== null && (filters?.up != null || filters?.down != null)) x.waitOn(2, moves, MOVES)
  },

  /** Waits, beside the wait of a filter, for the loss of either side. */
  waitForLoss(x: Exchange, stream: Stream): void {
    // A filter may wait for the stream itself.
    if (stream.fault === null && x.slot0 !== stream) x.waitOn(1, stream, RESET)
    x.waitOn(2, x.frontend, RESET)
  },

  /** Waits in a tunnel, where one direction may end before the other. */
  waitForTunnel(x: Exchange, stream: Stream): void {
    const { frontend } = x
    const upOpen = !stream.localEnded && stream.fault === null
    x.waitOn(0, frontend, RESET | (frontend.localEnded ? 0 : SENT) | (upOpen ? BODY : 0))
    x.waitOn(1, stream, BODY | (upOpen ? SENT : 0) | (stream.fault === null ? RESET : 0))
  },

  /**
   * Returns the fault that breaks a tunnel; null if there is none. A backend that has ended its half may
   * refuse the rest of the client's with NO_ERROR: that is not a fault.
   */
  tunnelFault(x: Exchange, stream: Stream): StreamFault | null {
    const { fault } = stream
    const parting = fault !== null && stream.remoteEnded && fault.code === 'reset-no-error'
    return x.frontend.fault ?? (parting ? null : fault)
  },

  /**
   * Returns true if both directions have ended, or if the backend's has and it takes no more from the client.
   */
  tunnelIsOver(x: Exchange, stream: Stream): boolean {
    return x.frontend.localEnded && (stream.localEnded || stream.fault !== null)
  },
}
