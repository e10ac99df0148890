// The steps of an exchange (design: Exchange; spec/exchange.md). Most requests go through
//
//   receive → route → balance → lease → sendHead → awaitHead → filterResponse → transfer → finish → log
//
// and through `filterRequest` and `filterAttempt` if their route has filters (spec/filters.md). The request
// body flows from `sendHead` on. In `filterResponse` the response head has come, and nothing of it has been
// sent to the client. A response may begin, and may end, before its request ends: `transfer` moves both
// bodies. A tunnel goes from `filterResponse` to `tunnel`, which moves bytes both ways and ends each way by
// itself. Every exchange ends in `log`, once.

import { LEASED, UNLEASED } from '../engine/index.js'
import { EXTENDED_CONNECT, type Head, UPGRADE } from '../http/index.js'
import { attempts } from './attempts.js'
import { choice } from './choice.js'
import type { Exchange } from './exchange.js'
import { exchangeLife } from './exchange-life.js'
import { type FilterNext, filtering } from './filter/filtering.js'
import { isReplayable } from './filter/run.js'
import { BEFORE_HEAD, flows } from './flows.js'
import { maxForwardsAnswer, type OwnAnswer } from './forwarding.js'
import { draftOf, isLate, refusalDraft, sendDraft, waitForDraft } from './own-answer.js'
import * as refusals from './refusal.js'

const { goto, done, suspend } = exchangeLife
// The step after a late wait knows the reason: `leaseLate` by its name, the others by the clock.
const waitForLease = suspend({ then: 'lease', late: 'leaseLate', cancelled: 'abort', within: 'lease' })
/** Waits for the lease until timeouts.connect, or until the request has taken too long. */
const waitForLeaseUntil = suspend({ then: 'lease', late: 'leaseLate', cancelled: 'abort' })
/** Waits while no endpoint is known yet, or none has passed a check. */
const waitForEndpoint = suspend({ then: 'balance', late: 'balance', cancelled: 'abort' })
const waitForHead = suspend({ then: 'awaitHead', late: 'awaitHead', cancelled: 'abort', within: 'head' })
/** Waits for the head in short looks (progress.ts): part of the time has passed, or the body still flows. */
const waitOnForHead = suspend({
  then: 'awaitHead',
  late: 'awaitHead',
  cancelled: 'abort',
  within: 'headLook',
})
const waitForBody = suspend({ then: 'transfer', late: 'transfer', cancelled: 'abort', within: 'bodyLook' })
const waitInTunnel = suspend({ then: 'tunnel', late: 'tunnel', cancelled: 'abort', within: 'tunnelLook' })
/** Waits before the request is sent again. */
const waitToRetry = suspend({ then: 'balance', late: 'balance', cancelled: 'abort' })
/** A filter waits, until its own deadline or that of the exchange. */
const waitInRequest = suspend({ then: 'filterRequest', late: 'filterRequest', cancelled: 'abort' })
const waitInAttempt = suspend({ then: 'filterAttempt', late: 'filterAttempt', cancelled: 'abort' })
const waitInResponse = suspend({ then: 'filterResponse', late: 'filterResponse', cancelled: 'abort' })
/** Waits for more of the body of an answer that comes in time. */
const waitForAnswer = suspend({ then: 'respond', late: 'respond', cancelled: 'abort' })
const waitUntilSent = suspend({ then: 'log', late: 'abort', cancelled: 'abort', within: 'answer' })

export const exchangeSteps = exchangeLife.steps<Exchange>({
  /** Decides whether we serve this request at all. */
  receive(x) {
    if (x.cancelAsked) return goto.abort
    x.refusal ??= x.asksTunnel ? x.tunnelRefused() : null
    return x.refusal === null ? goto.route : goto.refuse
  },

  /** Finds the route, and adds the forwarding fields. */
  route(x) {
    if (x.cancelAsked) return goto.abort
    x.engine = x.openConnect()
    if (x.engine !== null) {
      x.attemptBegins(x.engine.name)
      return goto.lease
    }
    x.ownAnswer = maxForwardsAnswer(x.request, x.proxy.world.fields)
    return x.ownAnswer !== null ? goto.respond : goto[choice.route(x)]
  },

  /** Runs the next filter of the request. After the last filter the route decides where the request goes. */
  filterRequest(x) {
    if (x.cancelAsked) return goto.abort
    const next = filtering.request(x)
    if (next === 'wait') return waitInRequest
    if (next === 'again') return goto.filterRequest
    if (next !== 'passed') return goto[next]
    return goto[filtering.isTooLong(x) ? 'refuse' : choice.act(x)]
  },

  /** Chooses the endpoint, and its engine. */
  balance(x) {
    if (x.cancelAsked) return goto.abort
    const next = choice.balance(x)
    return next === 'wait' ? waitForEndpoint : goto[next]
  },

  /** Runs the next filter of this attempt. No lease is held. */
  filterAttempt(x) {
    if (x.cancelAsked) return goto.abort
    const next = filtering.attempt(x)
    if (next === 'wait') return waitInAttempt
    if (next === 'again') return goto.filterAttempt
    return goto[next === 'passed' ? 'lease' : next]
  },

  /** Waits for a stream on a shared session. The engine wakes us with the lease granted, or with a fault. */
  lease(x) {
    const lease = x.lease
    if (lease.session !== null) return goto.sendHead
    if ((lease.readiness & UNLEASED) !== 0 && lease.fault !== null) {
      return goto[choice.unreached(x, lease.fault)]
    }
    // A debugger may send it here while it is in the queue: it keeps its place.
    const answer = lease.list !== null ? 'queued' : x.engine?.lease(lease)
    if (answer === 'granted') return goto.sendHead
    if (answer !== 'queued') {
      x.refusal = refusals.QUEUE_FULL
      return goto.refuse
    }
    x.waitOn(0, lease, LEASED | UNLEASED)
    const { leaseMs } = x.route
    x.unconnected = x.engine?.sessions.length === 0
    // While no connection is open, timeouts.connect counts, and not timeouts.lease.
    const connectMs = x.unconnected ? choice.connectMs(x) : 0
    x.connecting = connectMs > 0
    const { oldAt } = x.progress
    if (!x.connecting && oldAt >= x.now + leaseMs) return waitForLease
    x.waitUntil(Math.min(oldAt, x.now + (x.connecting ? connectMs : leaseMs)))
    return waitForLeaseUntil
  },

  /** Handles the lack of a free stream, or of a connection, within its time. */
  leaseLate(x) {
    if (x.connecting && x.now < x.progress.oldAt) {
      // A connection is open by now: timeouts.lease counts from here.
      return x.engine?.sessions.length === 0 ? goto[choice.connectLate(x)] : goto.lease
    }
    x.refusal = x.connectTarget === null ? refusals.LEASE_LATE : refusals.CONNECT_LATE
    return goto.refuse
  },

  /** Queues the request head on the leased stream. */
  sendHead(x) {
    if (x.cancelAsked) return goto.abort
    const { session } = x.lease
    if (x.sendsNoMore) {
      x.refusal = refusals.RETRIES_SPENT
      return goto.refuse
    }
    // The session may have closed, or have stopped taking streams, since the grant.
    if (session?.state !== 'open') {
      x.cause = session?.unfit ?? null
      x.lease.release()
      x.attemptEnds(x.cause?.code ?? 'not-sent')
      if (x.cause === null) return goto.retry
      x.refusal = x.refusalOf(x.cause)
      return goto.refuse
    }
    if (x.request.protocol !== null && (session.features & EXTENDED_CONNECT) === 0) {
      if (x.tryTunnelEngine()) return goto.lease
      x.refusal = refusals.NO_TUNNEL
      return goto.refuse
    }
    // HTTP/2 has no Upgrade: the request is an ordinary one, as for a backend that ignores it.
    if (x.upgrade !== '' && (session.features & UPGRADE) === 0 && x.tryTunnelEngine()) return goto.lease
    choice.reached(x)
    flows.sendRequest(x, x.lease.take().openStream(x.request, x.frontend.client))
    return goto.awaitHead
  },

  /** Passes the request body and interim responses until the response head comes. */
  awaitHead(x) {
    if (x.cancelAsked) return goto.abort
    const stream = x.stream
    const fault = flows.faultOf(x, stream)
    if (fault !== null) return goto[attempts.afterFault(x, fault)]
    flows.passInterims(x, stream)
    if (stream.head !== null) return goto.filterResponse
    if (filtering.isTooLong(x)) return goto.refuse
    flows.passRequest(x, stream)
    if (filtering.isStuck(x)) return goto.refuse
    if (x.checkHead(stream)) {
      x.refusal = x.requestIsOwed ? refusals.REQUEST_LATE : refusals.HEAD_LATE
      if (!x.requestIsOwed) choice.late(x)
      return goto.refuse
    }
    flows.waitForFlows(x, stream, BEFORE_HEAD)
    return x.headWaitIsWhole(stream) ? waitForHead : waitOnForHead
  },

  /**
   * Has the response head, of which nothing was sent to the client yet, and runs the next filter of the
   * response. Our own answers come here too, from `respond` and `refuse`, and go back.
   */
  filterResponse(x) {
    if (x.cancelAsked) return goto.abort
    const { draft } = x
    if (draft === null) {
      const fault = flows.faultOf(x, x.stream)
      if (fault !== null) return goto[attempts.inResponse(x, fault)]
      if (x.responseHead === null) {
        const refused = takeResponse(x)
        if (refused !== null) return goto[refused]
      }
    }
    const next: FilterNext = filtering.meetsResponse(x) ? filtering.response(x) : 'passed'
    if (next === 'wait') {
      // The exchange must learn that its backend or its client has gone.
      if (draft === null) flows.waitForLoss(x, x.stream)
      return waitInResponse
    }
    if (next === 'again') return goto.filterResponse
    if (next !== 'passed') {
      x.dropDraft()
      return goto[next]
    }
    if (draft !== null) return draft.kind === 'refusal' ? goto.refuse : goto.respond
    flows.sendResponse(x, x.stream, x.responseHead as Head)
    return x.tunnelOpen ? goto.tunnel : goto.transfer
  },

  /** Passes both bodies until the whole response has left. */
  transfer(x) {
    if (x.cancelAsked) return goto.abort
    const stream = x.stream
    const fault = flows.faultOf(x, stream)
    if (fault !== null) {
      attempts.cut(x, fault)
      return goto.abort
    }
    if (filtering.isTooLong(x)) {
      x.outcome = refusals.BODY_TOO_LARGE.code
      x.abortReason = 'internal'
      return goto.abort
    }
    flows.passBoth(x, stream)
    if (x.frontend.localEnded) return goto.finish
    if (filtering.isStuck(x)) {
      x.outcome = x.refusal?.code ?? x.outcome
      x.abortReason = 'internal'
      return goto.abort
    }
    if (x.checkProgress(stream, x.route.limits.bodyTimeoutMs)) {
      x.outcome = x.bodyLateness(stream)
      x.abortReason = 'internal'
      return goto.abort
    }
    flows.waitForFlows(x, stream)
    return waitForBody
  },

  /**
   * Passes bytes both ways until both ways have ended, one side has failed, or the tunnel is idle too long.
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
    if (x.checkProgress(stream, x.route.limits.tunnelIdleMs)) {
      x.outcome = 'tunnel-idle'
      return goto.abort
    }
    flows.waitForTunnel(x, stream)
    return waitInTunnel
  },

  /** Ends the exchange after the whole response has left. */
  finish: () => goto.log,

  /** Answers the request in place of the backend. A debugger may send an exchange with a stream here. */
  respond(x) {
    if (x.draft?.kind !== 'answer') {
      const answer = x.ownAnswer as OwnAnswer
      x.outcome = answer.outcome
      x.lease.release()
      x.backendStream?.reset('cancel')
      x.dropDraft()
      x.draft = draftOf(x, answer)
      if (filtering.meetsResponse(x)) return goto.filterResponse
    }
    const { draft } = x
    const fault = draft.source?.fault ?? null
    if (fault !== null) {
      attempts.cut(x, fault)
      return goto.abort
    }
    const isWhole = sendDraft(x, draft)
    if (filtering.isStuck(x)) {
      x.outcome = x.refusal?.code ?? x.outcome
      x.abortReason = 'internal'
      return goto.abort
    }
    if (!isWhole && isLate(x, draft)) return goto.abort
    waitForDraft(x, draft, isWhole)
    return isWhole ? waitUntilSent : waitForAnswer
  },

  /** Answers with the refusal that an earlier step has set. */
  refuse(x) {
    if (x.draft?.kind !== 'refusal') {
      const refusal = x.refusal ?? refusals.BY_DEBUGGER
      x.outcome = refusal.code
      x.proxy.refused(x, refusal)
      x.lease.release()
      x.backendStream?.reset('cancel')
      x.dropDraft()
      x.draft = refusalDraft(x, refusal)
      if (filtering.meetsResponse(x)) return goto.filterResponse
    }
    waitForDraft(x, x.draft, sendDraft(x, x.draft))
    return waitUntilSent
  },

  /** Withdraws the request from its session, and decides whether it may be sent again. */
  retry(x) {
    if (x.cancelAsked) return goto.abort
    // A debugger has sent it here, and more of its body has left since.
    if (x.backendStream !== null && !x.asksTunnel && !isReplayable(x)) {
      x.refusal = refusals.BY_DEBUGGER
      return goto.refuse
    }
    attempts.withdraw(x)
    const { attemptsMax, retryTimeoutMs } = x.route.limits
    if (x.tries >= attemptsMax || x.sendsNoMore) {
      x.refusal = attempts.finalRefusal(x)
      return goto.refuse
    }
    if (x.now - x.receivedAt >= retryTimeoutMs) {
      x.refusal = refusals.RETRY_LATE
      return goto.refuse
    }
    if (x.backend === null) return goto.lease
    if (x.retryAt <= x.now) return goto.balance
    choice.leave(x)
    x.waitUntil(x.retryAt)
    return waitToRetry
  },

  /** Resets both streams. The client may have closed its connection when its whole answer had left. */
  abort(x) {
    if (x.tunnelOpen || !x.frontend.localEnded) {
      if (x.outcome === 'ok') x.outcome = 'client-gone'
      x.proxy.aborted(x)
    }
    x.release(x.abortReason)
    return goto.log
  },

  /** Releases everything and reports the outcome: the last step of every exchange. */
  log(x) {
    x.release('no-error')
    filtering.end(x)
    x.proxy.ended(x)
    return done
  },
})

/** Takes the response of the backend, before filters meet it. Returns the step that refuses it, or null. */
function takeResponse(x: Exchange): 'retry' | 'refuse' | null {
  const { stream } = x
  if (stream.declined && !x.frontend.mayBeDeclined) {
    x.refusal = refusals.DECLINED
    return 'refuse'
  }
  const head = stream.head as Head
  if (choice.refusesStatus(x, head)) return 'retry'
  choice.answered(x, head.status)
  x.responseHead = head
  return null
}
