// A2 to A6 and A8 to A10: the course of each exchange from endpoint to endpoint, judged step by step with
// books of our own (member-books.ts, budget-books.ts): the endpoint it gets, whether it is sent again, and
// the balancer's conclusions. Exchanges that a debugger has held are judged by these books too, but not for
// chances that they missed.

import type { Continuation } from '../../../src/continuation/index.js'
import type { StreamFault } from '../../../src/http/index.js'
import { type Backend, type Exchange, isSubrequest } from '../../../src/proxy/index.js'
import { HEAD_LATE, RETRIES_SPENT } from '../../../src/proxy/refusal.js'
import { isOfReader } from '../filters/services.js'
import type { Plan } from '../plan.js'
import { BudgetBooks } from './budget-books.js'
import { type Checker, fail } from './check.js'
import { type Known, MemberBooks } from './member-books.js'

const IDEMPOTENT: ReadonlySet<string> = new Set(['GET', 'HEAD', 'PUT'])
/** The statuses with which an endpoint has failed a request. */
const FAILURES: ReadonlySet<number> = new Set([502, 503, 504])
/** The ms by which a deadline may be late. */
const LATE_MS = 2

/** The pause before an attempt: when it began, and its bounds in ms. */
interface Pause {
  readonly at: number
  readonly least: number
  readonly most: number
}

/** The course of an exchange until now. */
interface Course {
  readonly began: number
  /** It has had an endpoint. */
  chose: boolean
  /** The number of times that it was sent, or could not be. */
  tries: number
  /** Faults by which an attempt does not count, while they are within their bounds. */
  stale: number
  neighbours: number
  /** The endpoints that have failed it. */
  readonly failedBy: Set<Known>
  pause: Pause | null
  /** A debugger has held it. */
  held: boolean
  /** The stream whose response head was judged: filters may take several steps with it. */
  judged: object | null
}

export interface CourseChecker extends Checker {
  /** Called when a continuation has taken a step, and `next` follows; '' if it waits. */
  stepped(continuation: Continuation, step: string, next: string): void
  /** Called when a debugger holds it. */
  held(continuation: Continuation): void
  /** An active check of the configured backend has ended. */
  readonly checked: (endpoint: string, passed: boolean) => void
  /** A balancer has ejected an endpoint. */
  readonly ejected: (backend: string, endpoint: string) => void
  /** This backend, with its endpoints of now, is configured; null: none is. */
  readonly configured: (backend: Backend | null) => void
}

/** The books of a backend. */
interface Books {
  readonly members: MemberBooks
  readonly budget: BudgetBooks | null
}

export function courses(plan: Plan, pollset: { readonly now: number }): CourseChecker {
  const books = new Map<string, Books>()
  let current: Books | null = null
  const known = new WeakMap<object, Course>()

  function courseOf(x: object): Course {
    let course = known.get(x)
    if (course === undefined) {
      course = {
        began: pollset.now,
        chose: false,
        tries: 0,
        stale: 0,
        neighbours: 0,
        failedBy: new Set(),
        pause: null,
        held: false,
        judged: null,
      }
      known.set(x, course)
    }
    return course
  }

  function booksOf(backend: Backend): Books {
    let own = books.get(backend.name)
    if (own === undefined) {
      const budget = plan.budgeted === 1 ? new BudgetBooks(plan, pollset.now) : null
      own = { members: new MemberBooks(plan), budget }
      books.set(backend.name, own)
    }
    return own
  }

  /** The books of its backend, and what they know of its endpoint; null if it has none. */
  function whereIs({ backend, endpoint }: Exchange): (Books & { readonly endpoint: Known }) | null {
    if (backend === null || endpoint === null) return null
    const own = booksOf(backend)
    const known = own.members.all.get(endpoint.member)
    if (known === undefined) fail('A2', `${backend.name} has ${endpoint.name}, which nobody has configured`)
    return { ...own, endpoint: known }
  }

  /** `balance` has chosen. */
  function chosen(x: Exchange, course: Course): void {
    const { now } = pollset
    const where = whereIs(x)
    if (where === null) return
    const { endpoint, members, budget } = where
    if (!course.chose) budget?.first(now)
    course.chose = true
    const { name, removed, active } = endpoint
    if (removed) fail('A2', `${x.id} goes to ${name}, which was removed`)
    const candidates = members.candidates(now)
    if (!candidates.includes(endpoint))
      fail('A2', `${x.id} goes to ${name}, which is ${active}, ejected: ${endpoint.isEjected(now)}`)
    const other = candidates.find((each) => !course.failedBy.has(each))
    if (course.failedBy.has(endpoint) && other !== undefined)
      fail('A3', `${x.id} goes to ${name} again, which has failed it, and ${other.name} is left`)
    const reachable = candidates.find((each) => !course.failedBy.has(each) && each.trialAt <= now)
    if (endpoint.trialAt > now && reachable !== undefined)
      fail('A10', `${x.id} goes to ${name}, which could not be reached, and ${reachable.name} is left`)
    // A lone candidate is not tried: it is all there is.
    if (endpoint.trialAt > 0 && candidates.length > 1) members.tries(endpoint, now)
  }

  /** The pause before this attempt has ended. */
  function paused(x: Exchange, course: Course): void {
    const { pause } = course
    course.pause = null
    if (pause === null || course.held) return
    const ms = pollset.now - pause.at
    if (ms < pause.least || ms > pause.most + LATE_MS)
      fail('A9', `${x.id} is sent again after ${ms} ms, and not ${pause.least} to ${pause.most}`)
  }

  /** An attempt that counts has failed, and another follows. */
  function retried(
    x: Exchange,
    { budget }: Books,
    course: Course,
    waits: { readonly ms: number } | null,
  ): void {
    const { now } = pollset
    if (budget !== null) {
      if (!budget.affords(now)) fail('A4', `${x.id} is sent again, and the budget has no token`)
      budget.take()
    }
    const backoff = Math.min(plan.backoffMostMs, plan.backoffFirstMs * 2 ** Math.max(0, course.tries - 1))
    course.pause =
      waits === null
        ? { at: now, least: 0, most: 0 }
        : { at: now, least: waits.ms, most: Math.max(waits.ms, backoff) }
  }

  /** An attempt has failed, and the request is given up. */
  function givenUp(x: Exchange, { members, budget }: Books, course: Course): void {
    const { now } = pollset
    const { limits } = x.route
    if (course.held || x.asksTunnel || !x.frontend.replayable || x.sendsNoMore) return
    if (x.sent && !IDEMPOTENT.has(x.request.method?.value ?? '')) return
    if (course.tries >= limits.attemptsMax || now - course.began >= limits.retryTimeoutMs) return
    if (budget !== null && !budget.affords(now)) return
    const left = members.candidates(now).find((each) => !course.failedBy.has(each))
    if (left !== undefined)
      fail(
        'A8',
        `${x.id} is given up after ${course.tries} of ${limits.attemptsMax}, and ${left.name} is left`,
      )
  }

  function sent(x: Exchange, course: Course): void {
    course.tries++
    const where = whereIs(x)
    if (where !== null) where.endpoint.trialAt = 0
  }

  /** No connection to its endpoint could be made. */
  function unreached(x: Exchange, course: Course, next: string): void {
    const where = whereIs(x)
    if (where === null) return
    const { endpoint, members } = where
    members.failed(endpoint, x.cause, pollset.now)
    members.tries(endpoint, pollset.now)
    course.failedBy.add(endpoint)
    course.tries++
    if (next === 'retry') retried(x, where, course, null)
    else givenUp(x, where, course)
  }

  /**
   * The attempt has ended by a fault before its response began. @param met filters have met its head, so no
   * other attempt may take its place (K8)
   */
  function lost(x: Exchange, course: Course, next: string, met: boolean): void {
    const where = whereIs(x)
    const { cause, backendStream } = x
    if (where === null) return
    const { endpoint, members } = where
    if (next === 'refuse' && x.refusal === HEAD_LATE) {
      members.failed(endpoint, null, pollset.now)
      return
    }
    if (cause === null || backendStream?.fault !== cause || cause.side !== 'backend') return
    if (!cause.stale && (cause.uncounted ?? null) === null) {
      course.failedBy.add(endpoint)
      const carrier = cause.scope === 'connection' ? connectionOf(backendStream) : null
      if (cause.retry !== 'safe') members.failed(endpoint, carrier, pollset.now)
    }
    if (next === 'retry') {
      if (counts(x, course, cause) && mayFollow(x)) retried(x, where, course, null)
    } else if (next === 'refuse' && cause.code !== 'stall' && isGivenUp(cause.code, x.refusal?.code)) {
      if (!met && (cause.scope === 'connection' || cause.retry === 'safe')) givenUp(x, where, course)
    }
  }

  /** Returns true if the attempt that ended with this fault is one of attemptsMax (R8, R12, R13). */
  function counts(x: Exchange, course: Course, { stale, uncounted }: StreamFault): boolean {
    const { staleAttemptsMax, neighbourAttemptsMax } = x.route.limits
    if (x.clientHalfClosed) return true
    if (uncounted === 'neighbour') return ++course.neighbours > neighbourAttemptsMax
    if (stale) return ++course.stale > staleAttemptsMax
    return uncounted !== 'not-begun'
  }

  function answered(x: Exchange, course: Course, next: string): void {
    const where = whereIs(x)
    const status = x.backendStream?.head?.status ?? 0
    if (where === null) return
    const { endpoint, members } = where
    if (FAILURES.has(status)) members.failed(endpoint, null, pollset.now)
    else members.succeeded(endpoint, pollset.now)
    if (next !== 'retry') return
    course.failedBy.add(endpoint)
    retried(x, where, course, { ms: retryAfterMs(x) })
  }

  return {
    held(continuation) {
      courseOf(continuation).held = true
    },
    configured(backend) {
      current = backend === null ? current : booksOf(backend)
      current?.members.replaced(backend?.endpoints ?? [], pollset.now)
    },
    checked: (endpoint, passed) => current?.members.checked(endpoint, passed, pollset.now),
    ejected: (backend, endpoint) => books.get(backend)?.members.ejected(endpoint),
    stepped(continuation, step, next) {
      if (continuation.kind !== 'exchange') return
      const x = continuation as Exchange
      // A copy has a backend of its own, without health, and so have readers.
      if (isSubrequest(x) || isOfReader(x.request.path?.value)) return
      const course = courseOf(x)
      if (step === 'balance') {
        paused(x, course)
        if (next === 'lease' || next === 'filterAttempt') chosen(x, course)
        else if (next === 'refuse' && x.refusal?.code === 'no-endpoint') {
          if (x.backend !== null && booksOf(x.backend).members.candidates(pollset.now).length > 0)
            fail('A8', `${x.id} gets no endpoint, and there is one`)
        }
      } else if (step === 'lease' && x.lease.fault !== null && x.cause === x.lease.fault) {
        if (next === 'retry' || next === 'refuse') unreached(x, course, next)
      } else if (step === 'leaseLate') {
        if (next === 'retry' || x.refusal?.code === 'connect-late') unreached(x, course, next)
      } else if (step === 'sendHead' && next === 'awaitHead') sent(x, course)
      else if (step === 'awaitHead' || (step === 'filterResponse' && x.draft === null)) {
        // The changes of filters to our own answer say nothing about an endpoint.
        const unfit = step === 'filterResponse' && next === 'retry' && !hasFault(x)
        // The endpoint has answered, even if a filter refuses its response at once.
        const taken = step === 'filterResponse' && x.responseHead !== null
        if (course.judged !== x.backendStream && (unfit || taken)) {
          answered(x, course, next)
          course.judged = x.backendStream
        } else if (next === 'retry' || next === 'refuse' || next === 'abort')
          lost(x, course, next, step === 'filterResponse' && x.responseHead !== null)
      } else if (step === 'retry' && next === 'refuse') {
        const where = whereIs(x)
        if (where !== null && (x.cause === null || x.cause.scope === 'connection')) givenUp(x, where, course)
      }
      for (const { members } of books.values()) members.nothingTold()
    },
    turn(scene) {
      const { now } = pollset
      for (const { members } of books.values()) for (const each of members.current) members.agrees(each, now)
      for (const x of scene.exchanges as unknown as readonly Exchange[]) {
        const { pause, held } = courseOf(x)
        if (pause === null || held || x.held || x.stepName !== 'retry') continue
        if (now - pause.at > pause.most + LATE_MS)
          fail('A9', `${x.id} waits for more than ${pause.most} ms to be sent again`)
      }
      for (const x of scene.logged) served(x, plan)
    },
  }
}

/** Checks that an exchange that ended well has no refusal, and that nothing is lost if the first endpoint has no faults. */
function served({ id, refusal, request, outcome }: Exchange, plan: Plan): void {
  if (refusal === null) return
  if (outcome === 'ok') fail('A8', `${id} was served, and has the refusal ${refusal.code}`)
  if (plan.endpointsOnly === 0 || refusal.status < 500) return
  if (IDEMPOTENT.has(request.method?.value ?? ''))
    fail('A8', `${id} is refused by ${outcome}, and one endpoint has no faults`)
}

/** Returns true if a request is refused for this fault, or because it was sent too often. */
const isGivenUp = (cause: string, refusal: string | undefined): boolean =>
  refusal === cause || refusal === RETRIES_SPENT.code

/** Returns true if `retry` sends it again. */
const mayFollow = (x: Exchange): boolean =>
  x.tries < x.route.limits.attemptsMax &&
  !x.sendsNoMore &&
  x.now - x.receivedAt < x.route.limits.retryTimeoutMs

/** Returns true if a fault ended the attempt. A fault after the whole response does not. */
const hasFault = ({ frontend, backendStream: stream }: Exchange): boolean =>
  frontend.fault !== null || (stream !== null && !stream.remoteEnded && stream.fault !== null)

const connectionOf = (stream: object): object => (stream as { readonly connection: object }).connection

function retryAfterMs(x: Exchange): number {
  const value = x.backendStream?.head?.fields.find(({ name }) => name === 'retry-after')?.value
  return value === undefined ? 0 : Number(value) * 1000
}
