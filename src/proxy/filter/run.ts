// The filters of one exchange: its position in their chain, their states, and their changes. Filters [0,
// begun) have begun. The request moves up the places, and the response moves down.

import type { Signal } from '../../pollset/index.js'
import type { Backend } from '../backend.js'
import type { Exchange } from '../exchange.js'
import type { OwnAnswer } from '../forwarding.js'
import type { Refusal } from '../refusal.js'
import type { BodyPath } from './body-path.js'
import type { FilterCall } from './call.js'
import type { FilterChain, FilterUse } from './chain.js'
import type { PooledTask } from './tasks.js'

/** The kind of a filter's wait: for a pollable, or for a time. */
export type FilterWait = 'ready' | 'pause'

/** The state of a filter that could not begin, and passes. */
export const NOT_BEGUN: unique symbol = Symbol('not begun')

/** A wait of a filter that has ended. */
export type FilterTime = {
  readonly filter: string
  readonly phase: 'request' | 'attempt' | 'response'
  readonly ms: number
}

/** The phase of each step in which filters are called. */
const PHASES: Readonly<Record<string, FilterTime['phase']>> = {
  filterRequest: 'request',
  filterAttempt: 'attempt',
  filterResponse: 'response',
}

/** A field that a filter adds to the access log. */
export interface FilterNote {
  readonly filter: string
  readonly field: string
  value: string | number | boolean
}

const NO_TIMES: readonly FilterTime[] = []

export class FilterRun {
  readonly chain: FilterChain
  readonly call: FilterCall
  /** The state of each filter that has begun, by place. */
  readonly states: unknown[]
  /** The number of filters that have begun. */
  begun: number
  /** The place of the filter that runs or waits; -1 without one. */
  current: number
  /** The place of the next filter that a response meets; -1 if it has met all. */
  next: number
  /** The index in {@link FilterChain.attempts} of the next filter of this attempt. */
  attemptAt: number
  /** The phase that runs, or runs next. */
  phase: FilterTime['phase']
  /**
   * The time at which the wait of the current filter is late, in ms of the pollset's clock; 0 if
   * it has not waited.
   */
  lateAt: number
  /** The wait that the current filter has armed in its last call; null for none. */
  armed: FilterWait | null
  /** The wait of the current filter; null between waits. */
  waiting: FilterWait | null
  /** The end of the current filter's pause; 0 for none. */
  pausedUntil: number
  /** The task that the current filter waits for; null for none. */
  task: PooledTask<unknown> | null
  /** The answer or the refusal that the current filter has made in this call. */
  coming: {
    readonly answer?: OwnAnswer
    readonly refusal?: Refusal
    /** True if it counts regardless of the verdict: a body was too large. */
    readonly isForced?: true
  } | null
  /** The filter of the last step, for the trace. */
  ran: string
  /** The waits that have ended, for the access log. */
  times: readonly FilterTime[]

  /** True if the request belongs to this exchange alone: it was copied before a filter changed it. */
  ownsRequest: boolean
  /**
   * The backend that the request goes to after the filters: that of the route, or that of a filter; null for
   * none. It is pinned: a reload that ends it while a filter waits leaves its endpoints.
   */
  backend: Backend | null
  /** The identity found by an authentication filter. */
  identity: string | null
  /** The most bytes of the request's body. */
  bodyBytesMax: number
  /** The filter that has set it; '' for none. */
  limitedBy: string
  /** True once the trailers of a body have met the filters. */
  requestTrailersMet: boolean
  responseTrailersMet: boolean
  /** Notes of filters for the access log. */
  notes: FilterNote[] | null
  /**
   * The bodies of the request and of the response on their way through filters; null for the stream's own.
   */
  up: BodyPath | null
  down: BodyPath | null
  /** Rises when either body moves on; null before one of them exists. */
  moves: Signal | null
  /** The part of a body that a filter collects, as it comes; null while none does. */
  collecting: Buffer[] | null
  /** The filter that has answered or refused; '' for none. */
  answeredBy: string

  constructor(x: Exchange, chain: FilterChain, Call: new (x: Exchange, run: FilterRun) => FilterCall) {
    this.chain = chain
    this.states = new Array<unknown>(chain.length)
    this.begun = 0
    this.current = -1
    this.next = -1
    this.attemptAt = 0
    this.phase = 'request'
    this.lateAt = 0
    this.armed = null
    this.waiting = null
    this.pausedUntil = 0
    this.task = null
    this.coming = null
    this.ran = ''
    this.times = NO_TIMES
    this.ownsRequest = false
    this.backend = null
    this.identity = null
    this.bodyBytesMax = Number.POSITIVE_INFINITY
    this.limitedBy = ''
    this.requestTrailersMet = false
    this.responseTrailersMet = false
    this.notes = null
    this.up = null
    this.down = null
    this.moves = null
    this.collecting = null
    this.answeredBy = ''
    this.call = new Call(x, this)
  }

  /** Begins with the filter after this place: earlier filters do not see the exchange. */
  beginBehind(place: number): void {
    for (let at = 0; at <= place; at++) this.states[at] = NOT_BEGUN
    this.begun = place + 1
    this.next = place
  }

  get use(): FilterUse {
    return this.chain.uses[this.current]
  }

  /** The name of the filter that waits, or runs next; '' without one. */
  get name(): string {
    return this.chain.uses[this.place]?.name ?? ''
  }

  /**
   * Returns the filter of a step, in brackets; '' for other steps.
   * @param ran true: it has run; false: it runs next
   */
  detail(step: string, ran: boolean): string {
    const phase = PHASES[step]
    if (phase === undefined) return ''
    const name = ran && this.current < 0 ? this.ran : (this.chain.uses[this.placeIn(phase)]?.name ?? '')
    return name === '' ? '' : `(${name})`
  }

  private get place(): number {
    return this.placeIn(this.phase)
  }

  /** Returns the place of the filter that runs, waits, or is next in this phase; -1 for none. */
  private placeIn(phase: FilterTime['phase']): number {
    if (this.current >= 0) return this.current
    const { attempts, length, hasRequest, hasResponse } = this.chain
    if (phase === 'attempt') return attempts[this.attemptAt] ?? -1
    if (phase === 'response') {
      let at = this.next
      while (at > 0 && (!hasResponse[at] || this.states[at] === NOT_BEGUN)) at--
      return at
    }
    // The step begins all filters up to the next one that has a request phase.
    let at = this.begun
    while (at < length - 1 && !hasRequest[at]) at++
    return at
  }

  /** Returns a note, by `NAME.FIELD`; null without it. */
  noteOf(name: string): string | number | boolean | null {
    return this.notes?.find(({ filter, field }) => `${filter}.${field}` === name)?.value ?? null
  }

  /** Notes that the wait of the current filter has ended. */
  waited(ms: number): void {
    if (this.current < 0) return
    this.times = [...this.times, { filter: this.use.name, phase: this.phase, ms }]
  }

  /** Ends the call of the current filter: the next one follows. */
  leave(): void {
    this.current = -1
    this.lateAt = 0
    this.armed = null
    this.waiting = null
    this.pausedUntil = 0
    this.task?.cancel()
    this.task = null
    this.coming = null
    this.collecting = null
  }

  /** Sends the request to this backend, unless a filter chooses another one. */
  aimAt(backend: Backend): void {
    backend.pin()
    this.backend?.unpin()
    this.backend = backend
  }

  /** Forgets the body of a response that another response replaces. */
  dropDown(): void {
    this.down?.end()
    this.down = null
  }

  /** Releases the filters that have begun, innermost first. Does nothing the second time. */
  release(failed: (use: FilterUse, error: unknown) => void): void {
    this.up?.end()
    this.down?.end()
    this.up = null
    this.down = null
    this.collecting = null
    this.task?.cancel()
    this.task = null
    this.backend?.unpin()
    this.backend = null
    const { uses, releases } = this.chain
    for (let i = releases.length - 1; i >= 0; i--) {
      const at = releases[i]
      if (at >= this.begun) continue
      // It is released once, also if its release leads here again.
      this.begun = at
      if (this.states[at] === NOT_BEGUN) continue
      const { filter } = uses[at]
      try {
        filter.release?.(this.states[at])
      } catch (error) {
        failed(uses[at], error)
      }
    }
    this.begun = 0
  }
}

/** Returns true if the body of the request can be sent again from its first byte. */
export const isReplayable = ({ filters, frontend }: Pick<Exchange, 'filters' | 'frontend'>): boolean =>
  (filters?.up?.held ?? null) !== null || frontend.replayable
