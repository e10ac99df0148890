// Breakpoints and log points: the places where continuations stop, with conditions and counts.
//
//   exchange.lease            before the step, when it comes from another
//   exchange.lease→sendHead   before the second step, when it comes from the first (`->` will do)
//   exchange.lease:wait       before it waits in the step
//   exchange.lease:late       after the wait of the step, late; `:cancelled` likewise
//   exchange.*                before each step of the life
//   filter NAME               before each phase of this filter; `:wait`, `:late` and `:cancelled` too
//   exchange.filterRequest(NAME)
//                             before one phase of it

import type { Cause, Continuation, Program } from '../continuation/index.js'
import type { Condition } from './conditions.js'
import type { Moment } from './target.js'

/** The place of a breakpoint, read from its text. */
export interface Place {
  readonly text: string
  readonly life: string
  /** The step that is to be taken, or that waits; null: any. */
  readonly step: string | null
  /** The step before it; null: any. */
  readonly from: string | null
  readonly cause: 'step' | 'arm' | 'late' | 'cancelled'
  /** The filter that is called in the step; null: any. */
  readonly filter: string | null
}

const PLACE =
  /^([a-z0-9]+(?:\.[a-z0-9]+)*)\.(\*|\w+)(?:\(([^()]+)\))?(?:\s*(?:→|->)\s*(\w+)|:(wait|late|cancelled))?$/i
const FILTER = /^filter\s+([^\s:]+)(?::(wait|late|cancelled))?$/
/** A step in which filters are called. */
const FILTER_STEP = 'filterRequest'

/** Reads a place. Returns a message if there is no such life or step. */
export function placeOf(text: string, programs: readonly Program<never>[]): Place | string {
  const [, filter, when] = FILTER.exec(text.trim()) ?? []
  if (filter !== undefined) {
    const life = programs.find(({ names }) => names.includes(FILTER_STEP))?.name ?? ''
    return { text, life, step: null, from: null, cause: causeOf(when), filter }
  }
  const parts = PLACE.exec(text.trim())
  if (parts === null)
    return `'${text}' is not filter NAME, LIFE.STEP, LIFE.STEP→STEP, or LIFE.STEP:wait|late|cancelled${guess(text.trim(), programs)}`
  const [, life, first, called = null, second, how] = parts
  const program = programs.find((each) => each.name === life)
  if (program === undefined) {
    const names = programs.map((each) => each.name).sort()
    return `there is no life '${life}': there are ${names.join(', ')}`
  }
  for (const step of [first, second])
    if (step !== undefined && step !== '*' && !program.names.includes(step))
      return `${life} has no step '${step}': it has ${program.names.join(', ')}`
  if (second !== undefined && first !== '*' && !program.edges[first].includes(second))
    return `${first} has no edge to ${second}: it has edges to ${program.edges[first].join(', ')}`
  if (called !== null && !first.startsWith('filter'))
    return `no filter is called in ${first}: they are called in ${program.names.filter((each) => each.startsWith('filter')).join(', ')}`
  const named = first === '*' ? null : first
  if (second !== undefined) return { text, life, step: second, from: named, cause: 'step', filter: called }
  const cause = causeOf(how)
  const isStep = cause === 'step' || cause === 'arm'
  return { text, life, step: isStep ? named : null, from: isStep ? null : named, cause, filter: called }
}

const causeOf = (how: string | undefined): Place['cause'] =>
  how === undefined ? 'step' : how === 'wait' ? 'arm' : (how as 'late' | 'cancelled')

/**
 * Returns a suggestion, for a step or a life without the rest: `: did you mean exchange.lease?`; ''
 * for other texts.
 */
function guess(text: string, programs: readonly Program<never>[]): string {
  const word = /^\w+/.exec(text)?.[0] ?? ''
  const life = programs.find(({ name }) => name === text)
  if (life !== undefined) return `: ${life.name} has the steps ${life.names.join(', ')}`
  const meant = programs
    .filter(({ names }) => names.includes(word))
    .map(({ name }) => `${name}.${text}`)
    .filter((each) => PLACE.test(each))
  return meant.length === 0 ? '' : `: did you mean ${meant.join(' or ')}?`
}

/** Returns true if the filter of a place is called, or has waited in the step before. */
function calls(continuation: Continuation, { filter, cause: at }: Place, from: number): boolean {
  const step = at === 'late' || at === 'cancelled' ? from : continuation.step
  return step >= 0 && continuation.stepDetail(step, false) === `(${filter})`
}

export interface BreakpointOptions {
  readonly place: Place
  readonly condition: Condition<Moment> | null
  /** The hit from which on it stops; 1 for the first. */
  readonly hits: number
  /** True: it is removed after it has stopped once. */
  readonly once: boolean
  /** True: it also holds a continuation that has the last free place of its engine. */
  readonly lastPlace: boolean
  /** The text to write in place of a stop; null: it stops. */
  readonly log: string | null
}

export class Breakpoint {
  readonly id: number
  readonly options: BreakpointOptions
  /** The number of times that its place and condition were met. */
  hit = 0
  /** True once it has been used up, or has failed. */
  isOver = false

  constructor(id: number, options: BreakpointOptions) {
    this.id = id
    this.options = options
  }

  /**
   * Returns true if its place is met. It is asked at each transition, so it tests the most
   * selective parts first.
   */
  isAt(continuation: Continuation, cause: Cause, from: number): boolean {
    const { place } = this.options
    const { program } = continuation
    if (program.name !== place.life || this.isOver) return false
    if (place.cause === 'step' ? cause === 'arm' : place.cause !== cause) return false
    if (place.step !== null && continuation.stepName !== place.step) return false
    if (place.filter !== null && !calls(continuation, place, from)) return false
    if (place.from !== null) return program.names[from] === place.from
    if (place.filter !== null)
      return cause === 'goto' || place.cause !== 'step' || program.names[from] !== continuation.stepName
    // A waiting step is one step, however often it is resumed.
    return place.cause !== 'step' || program.names[from] !== continuation.stepName
  }

  /** Counts a hit. Returns true if it must stop or write at this hit. */
  counts(): boolean {
    this.hit++
    return this.hit >= this.options.hits
  }

  /** Returns its description, for a list. */
  describe(): string {
    const { place, condition, hits, once, log } = this.options
    const parts = [`#${this.id} ${place.text}`]
    if (condition !== null) parts.push(`if ${condition.text}`)
    if (hits > 1) parts.push(`from hit ${hits} on`)
    if (once) parts.push('once')
    if (log !== null) parts.push(`log ${log}`)
    return `${parts.join(' ')} (${this.hit} hits${this.isOver ? ', spent' : ''})`
  }
}
