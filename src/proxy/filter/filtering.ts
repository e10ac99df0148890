// Runs the filters of an exchange for its steps, one filter a step (spec/filters.md). A step learns from each
// call what follows. A mistake of a filter harms only its own exchange: its errors are not thrown on.

import { endsWorld } from '../../pollset/index.js'
import type { Exchange } from '../exchange.js'
import { BODY_TOO_LARGE, FILTER_FAILED, FILTER_LATE, RESPONSE_TOO_LARGE, STALLED } from '../refusal.js'
import { bodies } from './bodies.js'
import type { FilterCall } from './call.js'
import type { FilterUse } from './chain.js'
import { ANSWER, PASS, REFUSE, type Verdict, WAIT } from './contract.js'
import { type FilterRun, NOT_BEGUN } from './run.js'
import { CallKind, FilterUseError } from './view.js'

/** The sequel of a call: the next filter, a wait, the step after the filters, an answer or a refusal. */
export type FilterNext = 'again' | 'wait' | 'passed' | 'respond' | 'refuse'

type Phase = 'request' | 'attempt' | 'response'

const kindOf = (phase: Phase): number =>
  phase === 'request' ? CallKind.REQUEST : phase === 'response' ? CallKind.RESPONSE : CallKind.ATTEMPT

const NAMES: readonly string[] = ['nothing', 'PASS', 'WAIT', 'ANSWER', 'REFUSE', 'DROP']

/** An object, so that the simulator can plant defects in it. */
export const filtering = {
  /** Runs the next filter of the request. */
  request(x: Exchange): FilterNext {
    const run = x.filters as FilterRun
    run.phase = 'request'
    const { uses } = run.chain
    if (run.current < 0) {
      const failed = filtering.begin(x, run)
      if (failed !== null) return failed
      if (run.current < 0) return 'passed'
    }
    const place = run.current
    const next = filtering.call(x, run, 'request', place)
    if (next !== 'passed') return next
    run.next = place
    return run.begun < uses.length ? 'again' : 'passed'
  },

  /** Begins filters up to the next one that has a request phase. Returns the sequel of a failure, or null. */
  begin(x: Exchange, run: FilterRun): FilterNext | null {
    const { uses, identityFields, hasRequest } = run.chain
    while (run.begun < uses.length) {
      const place = run.begun
      const { filter } = uses[place]
      run.next = place - 1
      run.current = place
      run.begun++
      run.states[place] = NOT_BEGUN
      const names = identityFields[place]
      if (names !== null) run.call.dropClaims(names)
      if (filter.begin === undefined) run.states[place] = undefined
      else {
        const call = run.call.begin(CallKind.BEGIN, place)
        let thrown: unknown
        try {
          run.states[place] = filter.begin(call)
          thrown = call.wrong
        } catch (error) {
          thrown = thrownIn(call, error)
        }
        call.end()
        if (thrown !== null) {
          const next = filtering.failed(x, run, place, 'request', thrown)
          if (next !== 'passed') return next
          run.next = place
          continue
        }
      }
      if (hasRequest[place]) return null
      run.next = place
      run.leave()
    }
    run.leave()
    return null
  },

  /** Begins the attempt phase of an attempt. Returns false if no filter has one. */
  attemptBegins(x: Exchange): boolean {
    const run = x.filters
    x.attemptHead = null
    if (run === null || run.chain.attempts.length === 0) return false
    run.attemptAt = 0
    run.phase = 'attempt'
    return true
  },

  /** Runs the next filter of the attempt. */
  attempt(x: Exchange): FilterNext {
    const run = x.filters as FilterRun
    const { attempts } = run.chain
    run.phase = 'attempt'
    if (run.current < 0) {
      while (run.attemptAt < attempts.length && run.states[attempts[run.attemptAt]] === NOT_BEGUN)
        run.attemptAt++
      if (run.attemptAt >= attempts.length) return 'passed'
      run.current = attempts[run.attemptAt]
      run.next = run.current - 1
    }
    const next = filtering.call(x, run, 'attempt', run.current)
    if (next !== 'passed') return next
    run.next = run.begun - 1
    return ++run.attemptAt < attempts.length ? 'again' : 'passed'
  },

  /** Returns true if a filter is left that the response meets. */
  meetsResponse(x: Exchange): boolean {
    const run = x.filters
    if (run === null) return false
    const { hasResponse } = run.chain
    // A debugger has sent it on while this filter had the request: it does not meet the response.
    if (run.phase !== 'response' && run.current >= 0) run.leave()
    run.phase = 'response'
    if (run.current >= 0) return true
    while (run.next >= 0) {
      if (hasResponse[run.next] && run.states[run.next] !== NOT_BEGUN) return true
      run.next--
    }
    return false
  },

  /** Runs the next filter of the response; `meetsResponse` has found it. */
  response(x: Exchange): FilterNext {
    const run = x.filters as FilterRun
    if (run.current < 0) {
      run.current = run.next
      run.next--
    }
    const next = filtering.call(x, run, 'response', run.current)
    if (next !== 'passed') return next
    return filtering.meetsResponse(x) ? 'again' : 'passed'
  },

  /** Calls the current filter, or its `late`. Returns `passed` when it is done. */
  call(x: Exchange, run: FilterRun, phase: Phase, place: number): FilterNext {
    const use = run.chain.uses[place]
    const { filter } = use
    const state = run.states[place]
    run.ran = use.name
    const isLate = filtering.isLate(x, run)
    run.waiting = null
    if (isLate && filter.late === undefined) return filtering.late(x, run, use)
    const call = run.call.begin(kindOf(phase), place)
    let verdict: Verdict | undefined = PASS
    let thrown: unknown
    try {
      if (isLate) verdict = filter.late?.(call, state)
      else if (phase === 'request') verdict = filter.request?.(call, state)
      else if (phase === 'response') verdict = filter.response?.(call, state)
      else verdict = filter.attempt?.(call, state)
      thrown = call.wrong
    } catch (error) {
      thrown = thrownIn(call, error)
    }
    call.end()
    if (run.coming?.isForced === true) verdict = REFUSE
    const wrong = thrown ?? misused(run, verdict, isLate)
    if (wrong !== null || verdict !== WAIT) {
      x.slot0 = null
      x.until = 0
    }
    if (wrong !== null) return filtering.failed(x, run, place, phase, wrong)
    const { coming } = run
    switch (verdict) {
      case WAIT:
        run.waiting = run.armed
        x.waitUntil(Math.min(x.progress.oldAt, run.armed === 'pause' ? run.pausedUntil : run.lateAt))
        return 'wait'
      case ANSWER:
        x.ownAnswer = coming?.answer ?? null
        run.leave()
        return 'respond'
      case REFUSE:
        x.refusal = coming?.refusal ?? null
        run.leave()
        return 'refuse'
      default:
        run.leave()
        return 'passed'
    }
  },

  /** Returns true if the wait of the current filter has ended too late. A finished pause has not. */
  isLate(x: Exchange, run: FilterRun): boolean {
    if (run.waiting === null || !x.late) return false
    return run.waiting === 'ready' || x.now >= x.progress.oldAt
  },

  /** Handles a late wait of a filter without `late`. */
  late(x: Exchange, run: FilterRun, use: FilterUse): FilterNext {
    x.proxy.filterFailed(x, use.name, new Error('it was late'))
    const isOver = x.now >= x.progress.oldAt
    run.leave()
    if (use.onFailure === 'pass' && !isOver) return 'passed'
    run.answeredBy = use.name
    x.refusal = FILTER_LATE
    return 'refuse'
  },

  /** Handles a failed filter: it is left out, or the exchange is refused. A refusal goes out all the same. */
  failed(x: Exchange, run: FilterRun, place: number, phase: Phase, error: unknown): FilterNext {
    const use = run.chain.uses[place]
    x.proxy.filterFailed(x, use.name, error)
    run.leave()
    if (use.onFailure === 'pass' || (phase === 'response' && x.draft?.kind === 'refusal')) return 'passed'
    run.answeredBy = use.name
    x.refusal = FILTER_FAILED
    return 'refuse'
  },

  /** Returns true if more of the request's body has come than a filter allows. Sets the refusal. */
  isTooLong(x: Exchange): boolean {
    const run = x.filters
    if (run === null || x.frontend.receivedBytes <= run.bodyBytesMax) return false
    x.refusal = BODY_TOO_LARGE
    run.answeredBy = run.limitedBy
    return true
  },

  /** Returns true if a body cannot go on through its transforms. Sets the refusal. */
  isStuck(x: Exchange): boolean {
    const run = x.filters
    if (run === null || (run.up === null && run.down === null)) return false
    const side = bodies.wrong(x, run)
    if (side === null) return false
    const path = run[side]
    if (path?.failure != null) x.refusal = FILTER_FAILED
    else if (path?.lacksRoom === true) x.refusal = STALLED
    else x.refusal = side === 'up' ? BODY_TOO_LARGE : RESPONSE_TOO_LARGE
    return true
  },

  /** Tells the filters that the exchange has ended, and makes them release what they hold. */
  end(x: Exchange): void {
    const run = x.filters
    if (run === null) return
    const { uses, logs } = run.chain
    for (const place of logs) {
      const { filter, name } = uses[place]
      const state = run.states[place]
      if (place >= run.begun || state === NOT_BEGUN) continue
      const call = run.call.begin(CallKind.LOG, place)
      const thrown = caught(call, () => filter.log?.(call, state))
      if (thrown !== null) x.proxy.filterFailed(x, name, thrown)
    }
    filtering.release(x)
  },

  release(x: Exchange): void {
    x.filters?.release(({ name }, error) => x.proxy.filterFailed(x, name, error))
  },
}

/** Runs an act of a filter. Returns its error; null without one. */
export function caught(call: FilterCall, act: () => void): unknown {
  try {
    act()
    return call.wrong
  } catch (error) {
    return thrownIn(call, error)
  } finally {
    call.end()
  }
}

/** Returns the error of a call that threw. */
function thrownIn(call: FilterCall, error: unknown): unknown {
  if (endsWorld(error)) {
    call.end()
    throw error
  }
  return call.wrong ?? error ?? new Error('it threw nothing')
}

/** Returns the error of a wrong verdict; null for a right one. */
function misused({ coming, armed }: FilterRun, verdict: Verdict | undefined, isLate: boolean): Error | null {
  if (verdict === PASS && coming === null) return null
  if (verdict === WAIT) {
    if (isLate) return new FilterUseError('late must not wait')
    return armed === null ? new FilterUseError('it returned WAIT and waits for nothing') : null
  }
  const made = coming?.answer !== undefined ? ANSWER : coming?.refusal !== undefined ? REFUSE : PASS
  if (verdict === made) return null
  return new FilterUseError(
    verdict === PASS
      ? `it returned PASS: return what ${made === ANSWER ? 'answer' : 'refuse'}() returns`
      : `it returned ${NAMES[verdict as Verdict] ?? String(verdict)}: return PASS, or what waitFor(), answer() or refuse() returns`,
  )
}
