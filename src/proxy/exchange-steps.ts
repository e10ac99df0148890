// The life of an exchange, as steps (design: Exchange; spec/exchange.md). The plain course is
//
//   receive → route → lease → sendHead → transfer → finish → log
//
// `transfer` is one step with two flows: a response may begin before its request ends, and end before it
// does. A tunnel goes from it to `tunnel`: two flows that know no message, each with an end of its own. Every
// exchange ends in `log`, once.

import { defineLife } from '../continuation/index.js'
import { LEASED, UNLEASED } from '../engine/index.js'
import { EXTENDED_CONNECT, type Stream } from '../http/index.js'
import type { Exchange } from './exchange.js'
import { forwardedByUs, maxForwardsAnswer } from './forwarding.js'
import * as refusals from './refusal.js'

export const exchangeLife = defineLife({
  edges: {
    receive: ['route', 'refuse', 'abort'],
    route: ['lease', 'respond', 'refuse', 'abort'],
    lease: ['lease', 'sendHead', 'refuse', 'abort'],
    sendHead: ['transfer', 'retry', 'refuse', 'abort'],
    transfer: ['transfer', 'tunnel', 'finish', 'retry', 'refuse', 'abort'],
    tunnel: ['tunnel', 'finish', 'abort'],
    finish: ['log'],
    respond: ['log', 'abort'],
    refuse: ['log', 'abort'],
    retry: ['lease', 'refuse', 'abort'],
    abort: ['log'],
    log: ['done'],
  },
  waits: ['lease', 'head', 'headLook', 'bodyLook', 'tunnelLook', 'answer'],
})

const { goto, done, suspend } = exchangeLife
const waitForLease = suspend({ then: 'lease', late: 'refuse', cancelled: 'abort', within: 'lease' })
/** The same where the exchange is too old before it. */
const waitForLeaseUntil = suspend({ then: 'lease', late: 'refuse', cancelled: 'abort' })
const waitForHead = suspend({ then: 'transfer', late: 'transfer', cancelled: 'abort', within: 'head' })
/** What is left of such a wait, or while the request is under way: in looks (progress.ts). */
const waitOnForHead = suspend({ then: 'transfer', late: 'transfer', cancelled: 'abort', within: 'headLook' })
const waitForBody = suspend({ then: 'transfer', late: 'transfer', cancelled: 'abort', within: 'bodyLook' })
const waitInTunnel = suspend({ then: 'tunnel', late: 'tunnel', cancelled: 'abort', within: 'tunnelLook' })
const waitUntilSent = suspend({ then: 'log', late: 'abort', cancelled: 'abort', within: 'answer' })

export const exchangeSteps = exchangeLife.steps<Exchange>({
  /** A request head was accepted. Is it one that we serve? */
  receive(x) {
    if (x.cancelAsked) return goto.abort
    if (x.refusal !== null) return goto.refuse
    if (!x.asksTunnel) return goto.route
    x.refusal = x.tunnelRefused()
    return x.refusal === null ? goto.route : goto.refuse
  },

  /** Find its backend's engine, and say in the head that it went through us. */
  route(x) {
    if (x.cancelAsked) return goto.abort
    x.engine = x.openConnect()
    if (x.engine !== null) return goto.lease
    const ours = maxForwardsAnswer(x.request, x.proxy.world.fields)
    if (ours !== null) {
      x.respond(200, ours.text, ours.fields)
      x.outcome = 'max-forwards'
      return goto.respond
    }
    const backend = x.proxy.routes.match(x.request)
    if (backend === null) {
      x.refusal = refusals.NO_ROUTE
      return goto.refuse
    }
    x.target = backend
    x.engine = backend.engineFor(x.frontend.client)
    forwardedByUs(x.request, x.frontend.client, x.proxy.world.fields)
    return goto.lease
  },

  /** Have a stream on a shared session. The engine wakes us with the lease in hand, or with its fault. */
  lease(x) {
    const lease = x.lease
    if ((lease.readiness & LEASED) !== 0) return goto.sendHead
    if ((lease.readiness & UNLEASED) !== 0 && lease.fault !== null) {
      x.cause = lease.fault
      x.refusal = x.refusalOf(lease.fault)
      return goto.refuse
    }
    const answer = x.engine?.lease(lease)
    if (answer === 'granted') return goto.sendHead
    if (answer !== 'queued') {
      x.refusal = refusals.QUEUE_FULL
      return goto.refuse
    }
    x.refusal = null
    x.waitOn(0, lease, LEASED | UNLEASED)
    const { oldAt } = x.progress
    if (oldAt >= x.proxy.world.pollset.now + x.proxy.leaseMs) return waitForLease
    x.waitUntil(oldAt)
    return waitForLeaseUntil
  },

  /** Queue the request head on the leased stream. */
  sendHead(x) {
    if (x.cancelAsked) return goto.abort
    x.refusal = null
    const { session } = x.lease
    if (x.sendsNoMore) {
      x.refusal = refusals.RETRIES_SPENT
      return goto.refuse
    }
    // It may have died, or said that it takes no more, between the grant and now.
    if (session?.state !== 'open') {
      x.cause = session?.unfit ?? null
      x.lease.release()
      if (x.cause === null) return goto.retry
      x.refusal = x.refusalOf(x.cause)
      return goto.refuse
    }
    if (x.request.protocol !== null && (session.features & EXTENDED_CONNECT) === 0) {
      if (x.goesElsewhere()) return goto.retry
      x.refusal = refusals.NO_TUNNEL
      return goto.refuse
    }
    x.sendRequest(x.lease.take())
    return goto.transfer
  },

  /** Both flows, until the response has left and no more is wanted of the request. */
  transfer(x) {
    if (x.cancelAsked) return goto.abort
    const backend = x.backend as Stream
    const frontend = x.frontend
    const fault = frontend.fault ?? (backend.remoteEnded ? null : backend.fault)
    if (fault !== null) return goto[x.recover(fault)]
    if (backend.declined && !frontend.mayBeDeclined) {
      x.refusal = refusals.DECLINED
      return goto.refuse
    }
    x.flow(backend)
    if (x.tunnelOpen) return goto.tunnel
    if (frontend.localEnded) return goto.finish
    if (x.answered && x.flowsStand(backend)) {
      x.outcome = x.lateness(backend)
      x.abortReason = 'internal'
      return goto.abort
    }
    if (!x.answered && x.headIsLate(backend)) {
      x.refusal = x.requestIsOwed ? refusals.REQUEST_LATE : refusals.HEAD_LATE
      return goto.refuse
    }
    x.waitForFlows(backend)
    if (x.answered) return waitForBody
    return x.headWaitIsWhole(backend) ? waitForHead : waitOnForHead
  },

  /**
   * No HTTP any more: both flows, until each has ended, or one side is gone, or neither says anything for too
   * long.
   */
  tunnel(x) {
    if (x.cancelAsked) return goto.abort
    const backend = x.backend as Stream
    const fault = x.tunnelFault(backend)
    if (fault !== null) {
      x.recover(fault)
      return goto.abort
    }
    x.flow(backend)
    if (x.tunnelOver(backend)) return goto.finish
    if (x.flowsStand(backend)) {
      x.outcome = 'tunnel-idle'
      return goto.abort
    }
    x.waitForTunnel(backend)
    return waitInTunnel
  },

  /** The response has left; the lease goes back. */
  finish: () => goto.log,

  /** An answer of our own that is no failure is on its way. */
  respond: () => waitUntilSent,

  /** Say what failed, and whose it was. */
  refuse(x) {
    // Without another reason the wait for a lease was late.
    const refusal = x.refusal ?? x.refusalOf(null)
    x.outcome = refusal.code
    x.proxy.refused(x, refusal)
    x.lease.release()
    x.backend?.reset('cancel')
    x.sendRefusal(refusal)
    return waitUntilSent
  },

  /** Take the request back; may it be sent again? */
  retry(x) {
    if (x.cancelAsked) return goto.abort
    x.takeBack()
    const { attemptsMax, retryTimeoutMs } = x.proxy.limits
    if (x.attempts >= attemptsMax || x.sendsNoMore) {
      x.refusal ??= refusals.RETRIES_SPENT
      return goto.refuse
    }
    if (x.proxy.world.pollset.now - x.receivedAt >= retryTimeoutMs) {
      x.refusal = refusals.RETRY_LATE
      return goto.refuse
    }
    return goto.lease
  },

  /** End what was begun on both sides, without an answer. */
  abort(x) {
    if (x.outcome === 'ok') x.outcome = 'client-gone'
    x.proxy.aborted(x)
    x.letGo(x.abortReason)
    return goto.log
  },

  /** Once, last; then nothing of it is left. */
  log(x) {
    x.letGo('no-error')
    x.proxy.ended(x)
    return done
  },
})
