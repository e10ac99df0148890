// The acts of a filter in a phase, besides reading and writing messages: it waits, answers, refuses, and asks
// for bodies to be collected or transformed.

import { type Pollable, SETTLED } from '../../pollset/index.js'
import type { Exchange } from '../exchange.js'
import type { OwnAnswer } from '../forwarding.js'
import type { Refusal } from '../refusal.js'
import { checkedAnswer, checkedRefusal } from './answers.js'
import { byMethod, refuseAssignments } from './assignments.js'
import { bodies } from './bodies.js'
import type { FilterChain } from './chain.js'
import {
  ANSWER,
  type AttemptPhase,
  type BodyTransform,
  type FilterAnswer,
  type InterimPhase,
  type LogPhase,
  REFUSE,
  type RefusalDetails,
  type RequestPhase,
  type ResponsePhase,
  type TrailersPhase,
  type Verdict,
  WAIT,
  type WaitOptions,
} from './contract.js'
import { FilterWriteError } from './fields.js'
import { MessageCall } from './message-call.js'
import { FilterRun } from './run.js'
import type { Subrequest, SubrequestOptions } from './subrequest.js'
import { subrequestHead } from './subrequest-head.js'
import type { PooledTask } from './tasks.js'
import { CallKind, FilterUseError } from './view.js'

const NO_BODY = Buffer.alloc(0)

const MAY_WAIT = CallKind.REQUEST | CallKind.ATTEMPT | CallKind.RESPONSE

/** The longest wait of a filter, in ms. */
const WAIT_MS_MAX = 86_400_000

type Phases = RequestPhase & AttemptPhase & InterimPhase & ResponsePhase & TrailersPhase & LogPhase

export class FilterCall extends MessageCall implements Phases {
  static {
    refuseAssignments(FilterCall, 'x', byMethod)
  }

  /** Begins with these filters. */
  static runOf(x: Exchange, chain: FilterChain): FilterRun {
    return new FilterRun(x, chain, FilterCall)
  }

  // Bodies

  mayHold(bytes: number): boolean {
    return bodies.mayHold(this.only('mayHold', CallKind.REQUEST | CallKind.RESPONSE), bytes)
  }

  get bodyBytes(): number {
    const x = this.only('bodyBytes', CallKind.RESPONSE)
    return bodies.arrived(x, this.run)
  }

  transformBody(make: () => BodyTransform): boolean {
    const x = this.only('transformBody', CallKind.REQUEST | CallKind.RESPONSE)
    const { run } = this
    if (this.kind === CallKind.REQUEST) {
      const { frontend } = x
      if (this.request.asksTunnel || (frontend.remoteEnded && frontend.receivedBytes === 0)) return false
      x.request = bodies.changed(x, x.request, null)
      run.ownsRequest = true
    } else {
      const { status } = this.response
      const isHead = x.request.method?.value === 'HEAD'
      if (status === 206 || this.noTransform || x.draft?.kind === 'refusal' || !(this.hasBody || isHead))
        return false
      this.setResponse(bodies.changed(x, this.response, null))
      if (isHead) return true
    }
    bodies.transform(x, run, this.kind === CallKind.REQUEST ? 'request' : 'response', this.filter, make)
    return true
  }

  wholeBody(bytesMax: number, options: WaitOptions): Buffer | null {
    const x = this.only('wholeBody', CallKind.REQUEST | CallKind.RESPONSE)
    if (this.kind === CallKind.RESPONSE) {
      if (x.draft !== null && x.draft.source === null) return x.draft.body ?? NO_BODY
      if (x.draft !== null && bodies.arrived(x, this.run) < 0)
        throw this.spoilt(new FilterUseError('the body of this answer comes in time'))
      if (!this.hasBody) return NO_BODY
      return bodies.whole(x, this.run, 'response', bytesMax, options, this)
    }
    return this.request.asksTunnel ? NO_BODY : bodies.whole(x, this.run, 'request', bytesMax, options, this)
  }

  requestBody(bytesMax: number): Buffer | null {
    const x = this.only('requestBody', CallKind.REQUEST | CallKind.RESPONSE)
    return this.request.asksTunnel ? null : bodies.atHand(x, this.run, bytesMax)
  }

  /** @internal */
  refuseBody(refusal: Refusal): void {
    this.run.coming = { refusal, isForced: true }
    this.run.answeredBy = this.filter
  }

  setBody(body: string | Uint8Array): void {
    const x = this.only('setBody', CallKind.REQUEST | CallKind.RESPONSE)
    const bytes =
      typeof body === 'string' ? Buffer.from(body) : Buffer.from(body.buffer, body.byteOffset, body.length)
    const { draft } = x
    const path = this.kind === CallKind.REQUEST ? this.run.up : this.run.down
    if (this.kind === CallKind.RESPONSE && draft !== null && draft.source === null) {
      if (x.request.method?.value !== 'HEAD') draft.body = bytes
      this.run.down?.hold(bytes)
    } else {
      if ((path?.held ?? null) === null)
        throw this.spoilt(new FilterUseError('setBody replaces what wholeBody has returned: call that first'))
      path?.hold(bytes)
    }
    if (this.kind === CallKind.RESPONSE) this.setResponse(bodies.changed(x, this.response, bytes.length))
    else {
      x.request = bodies.changed(x, x.request, bytes.length)
      this.run.ownsRequest = true
    }
  }

  subrequest(options: SubrequestOptions): Subrequest {
    const x = this.only('subrequest', CallKind.REQUEST | CallKind.RESPONSE)
    const { backend = null } = options
    try {
      const made = subrequestHead(x.request, this.fieldTable, options)
      if (made.size > this.headBytesMax)
        throw new FilterWriteError(`the head of a subrequest has more than ${this.headBytesMax} bytes`)
      const found = backend === null ? null : x.proxy.backends.find((each) => each.name === backend)
      if (found === undefined) throw new FilterUseError(`there is no backend '${backend}'`)
      return x.proxy.subrequest(x, options, made, this.place, found)
    } catch (error) {
      throw this.spoilt(error as Error)
    }
  }

  // Waits and answers

  waitFor(pollable: Pollable, bits: number, { within }: WaitOptions): Verdict {
    const x = this.mayWait(within)
    const { run } = this
    if (pollable.waiter !== null)
      throw this.spoilt(
        new FilterUseError(`${pollable.id} has a waiter already: give each exchange a Signal of its own`),
      )
    if (run.lateAt === 0) run.lateAt = x.now + within
    x.waitOn(0, pollable, bits)
    run.armed = 'ready'
    return WAIT
  }

  waitForTask(task: PooledTask<unknown>, options: WaitOptions): Verdict {
    const { run } = this
    if (run.task !== task) run.task?.cancel()
    run.task = task
    return this.waitFor(task, SETTLED, options)
  }

  pause(ms: number): Verdict {
    const x = this.mayWait(ms)
    this.run.pausedUntil = x.now + ms
    this.run.armed = 'pause'
    return WAIT
  }

  private mayWait(ms: number) {
    const x = this.only('a wait', MAY_WAIT)
    if (x.draft?.kind === 'refusal')
      throw this.spoilt(new FilterUseError('nothing waits where a refusal passes'))
    if (!(ms > 0 && ms <= WAIT_MS_MAX))
      throw this.spoilt(
        new FilterUseError(`a wait is longer than 0 and at most ${WAIT_MS_MAX} ms, not ${ms}`),
      )
    return x
  }

  refuse(refusal: Refusal, more: RefusalDetails = {}): Verdict {
    this.only('refuse', MAY_WAIT)
    try {
      this.run.coming = { refusal: checkedRefusal(this.fieldTable, refusal, more) }
    } catch (error) {
      throw this.spoilt(error as Error)
    }
    this.run.answeredBy = this.filter
    return REFUSE
  }

  answer(answer: FilterAnswer): Verdict {
    const x = this.only('answer', CallKind.REQUEST | CallKind.RESPONSE)
    try {
      const made: OwnAnswer = checkedAnswer(this.fieldTable, answer, x.asksTunnel)
      this.run.coming = { answer: made }
    } catch (error) {
      throw this.spoilt(error as Error)
    }
    this.run.answeredBy = this.filter
    return ANSWER
  }
}
