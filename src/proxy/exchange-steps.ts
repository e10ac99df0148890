// The life of an exchange, as steps (design: Exchange; spec/exchange.md). The plain course is
//
//   receive → route → lease → sendHead → awaitHead → answer → transfer → finish → log
//
// The request's body flows from `sendHead` on. In `answer` the response head has come, and nothing of it has
// left. A response may begin before its request ends, and end before it does: `transfer` has two flows. A
// tunnel goes from `answer` to `tunnel`: two flows that know no message, each with an end of its own. Every
// exchange ends in `log`, once.

import { defineLife } from '../continuation/index.js'
import { LEASED, UNLEASED } from '../engine/index.js'
import { EXTENDED_CONNECT, type Head } from '../http/index.js'
import { attempts } from './attempts.js'
import type { Exchange } from './exchange.js'
import { BEFORE_HEAD, flows } from './flows.js'
import { forwardedByUs, maxForwardsAnswer, type OwnAnswer } from './forwarding.js'
import { respond, sendRefusal } from './own-answer.js'
import type { Refusal } from './refusal.js'
import * as refusals from './refusal.js'

export const exchangeLife = defineLife({
  edges: {
    receive: ['route', 'refuse', 'abort'],
    route: ['lease', 'respond', 'refuse', 'abort'],
    lease: ['lease', 'leaseLate', 'sendHead', 'refuse', 'abort'],
    leaseLate: ['refuse'],
    sendHead: ['awaitHead', 'retry', 'refuse', 'abort'],
    awaitHead: ['awaitHead', 'answer', 'retry', 'refuse', 'abort'],
    answer: ['transfer', 'tunnel', 'retry', 'refuse', 'abort'],
    transfer: ['transfer', 'finish', 'abort'],
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
// The step that a late wait leads to says why it was late: `leaseLate`, or its own step, which looks at the
// clock.
const waitForLease = suspend({ then: 'lease', late: 'leaseLate', cancelled: 'abort', within: 'lease' })
/** The same where the exchange is too old before it. */
const waitForLeaseUntil = suspend({ then: 'lease', late: 'leaseLate', cancelled: 'abort' })
const waitForHead = suspend({ then: 'awaitHead', late: 'awaitHead', cancelled: 'abort', within: 'head' })
/** What is left of such a wait, or while the request is under way: in looks (progress.ts). */
const waitOnForHead = suspend({
  then: 'awaitHead',
  late: 'awaitHead',
  cancelled: 'abort',
  within: 'headLook',
})
const waitForBody = suspend({ then: 'transfer', late: 'transfer', cancelled: 'abort', within: 'bodyLook' })
const waitInTunnel = suspend({ then: 'tunnel', late: 'tunnel', cancelled: 'abort', within: 'tunnelLook' })
const waitUntilSent = suspend({ then: 'log', late: 'abort', cancelled: 'abort', within: 'answer' })

export const exchangeSteps = exchangeLife.steps<Exchange>({
  /** A request head was accepted. Is it one that we serve? */
  receive(x) {
    if (x.cancelAsked) return goto.abort
    x.refusal ??= x.asksTunnel ? x.tunnelRefused() : null
    return x.refusal === null ? goto.route : goto.refuse
  },

  /** Find its backend's engine, and say in the head that it went through us. */
  route(x) {
    if (x.cancelAsked) return goto.abort
    x.engine = x.openConnect()
    if (x.engine !== null) return goto.lease
    x.ownAnswer = maxForwardsAnswer(x.request, x.proxy.world.fields)
    if (x.ownAnswer !== null) return goto.respond
    const backend = x.proxy.routes.match(x.request)
    if (backend === null) {
      x.refusal = refusals.NO_ROUTE
      return goto.refuse
    }
    x.backend = backend
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
    x.waitOn(0, lease, LEASED | UNLEASED)
    const { oldAt } = x.progress
    if (oldAt >= x.now + x.proxy.leaseMs) return waitForLease
    x.waitUntil(oldAt)
    return waitForLeaseUntil
  },

  /** No stream was free in time; of a connection for this exchange alone: it was not made. */
  leaseLate(x) {
    x.refusal = x.connectTarget === null ? refusals.LEASE_LATE : refusals.CONNECT_LATE
    return goto.refuse
  },

  /** Queue the request head on the leased stream. */
  sendHead(x) {
    if (x.cancelAsked) return goto.abort
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
      if (x.tryTunnelEngine()) return goto.retry
      x.refusal = refusals.NO_TUNNEL
      return goto.refuse
    }
    flows.sendRequest(x, x.lease.take().openStream(x.request, x.frontend.client))
    return goto.awaitHead
  },

  /** The request's body flows; interim responses pass. Nothing of the response head has come. */
  awaitHead(x) {
    if (x.cancelAsked) return goto.abort
    const stream = x.stream
    const fault = flows.faultOf(x, stream)
    if (fault !== null) return goto[attempts.recover(x, fault)]
    flows.passInterims(x, stream)
    if (stream.head !== null) return goto.answer
    flows.passRequest(x, stream)
    if (x.checkHead(stream)) {
      x.refusal = x.requestIsOwed ? refusals.REQUEST_LATE : refusals.HEAD_LATE
      return goto.refuse
    }
    flows.waitForFlows(x, stream, BEFORE_HEAD)
    return x.headWaitIsWhole(stream) ? waitForHead : waitOnForHead
  },

  /** The response head has come, and nothing of it has left. */
  answer(x) {
    if (x.cancelAsked) return goto.abort
    const stream = x.stream
    const fault = flows.faultOf(x, stream)
    if (fault !== null) return goto[attempts.recover(x, fault)]
    if (stream.declined && !x.frontend.mayBeDeclined) {
      x.refusal = refusals.DECLINED
      return goto.refuse
    }
    flows.sendResponse(x, stream, stream.head as Head)
    return x.tunnelOpen ? goto.tunnel : goto.transfer
  },

  /** Both flows, until the response has left and no more is wanted of the request. */
  transfer(x) {
    if (x.cancelAsked) return goto.abort
    const stream = x.stream
    const fault = flows.faultOf(x, stream)
    if (fault !== null) {
      attempts.cut(x, fault)
      return goto.abort
    }
    flows.passBoth(x, stream)
    if (x.frontend.localEnded) return goto.finish
    if (x.checkProgress(stream, x.proxy.limits.bodyTimeoutMs)) {
      x.outcome = x.bodyLateness(stream)
      x.abortReason = 'internal'
      return goto.abort
    }
    flows.waitForFlows(x, stream)
    return waitForBody
  },

  /**
   * No HTTP any more: both flows, until each has ended, or one side is gone, or neither says anything for too
   * long.
   */
  tunnel(x) {
    if (x.cancelAsked) return goto.abort
    const stream = x.stream
    const fault = flows.tunnelFault(x, stream)
    if (fault !== null) {
      attempts.cut(x, fault)
      return goto.abort
    }
    flows.passBoth(x, stream)
    if (flows.tunnelIsOver(x, stream)) return goto.finish
    if (x.checkProgress(stream, x.proxy.limits.tunnelIdleMs)) {
      x.outcome = 'tunnel-idle'
      return goto.abort
    }
    flows.waitForTunnel(x, stream)
    return waitInTunnel
  },

  /** The response has left; the lease goes back. */
  finish: () => goto.log,

  /** Answer the request ourselves, with success. */
  respond(x) {
    x.outcome = 'max-forwards'
    respond(x, 200, x.ownAnswer as OwnAnswer)
    return waitUntilSent
  },

  /** Say what failed, and whose it was. */
  refuse(x) {
    const refusal = x.refusal as Refusal
    x.outcome = refusal.code
    x.proxy.refused(x, refusal)
    x.lease.release()
    x.backendStream?.reset('cancel')
    sendRefusal(x, refusal)
    return waitUntilSent
  },

  /** Take the request back; may it be sent again? */
  retry(x) {
    if (x.cancelAsked) return goto.abort
    attempts.withdraw(x)
    const { attemptsMax, retryTimeoutMs } = x.proxy.limits
    if (x.attempts >= attemptsMax || x.sendsNoMore) {
      x.refusal = attempts.spent(x)
      return goto.refuse
    }
    if (x.now - x.receivedAt >= retryTimeoutMs) {
      x.refusal = refusals.RETRY_LATE
      return goto.refuse
    }
    return goto.lease
  },

  /** End what was begun on both sides, without an answer. */
  abort(x) {
    if (x.outcome === 'ok') x.outcome = 'client-gone'
    x.proxy.aborted(x)
    x.release(x.abortReason)
    return goto.log
  },

  /** Once, last; then nothing of it is left. */
  log(x) {
    x.release('no-error')
    x.proxy.ended(x)
    return done
  },
})
