// An exchange, as seen by its filters, in every phase. They may use it only while one of them is called.

import { type Head, Token } from '../../http/index.js'
import { namesOf } from '../../pollset/index.js'
import type { Exchange } from '../exchange.js'
import { type Assigned, byField, byMethod, refuseAssignments } from './assignments.js'
import type { ExchangeView, ReadFields, RequestView } from './contract.js'
import { SeenFields } from './fields.js'
import type { FilterRun } from './run.js'

/** The phases as bits, so that several are one number. */
export const CallKind = {
  /** The kind between the phases. */
  NONE: 0,
  BEGIN: 1,
  REQUEST: 2,
  ATTEMPT: 4,
  INTERIM: 8,
  RESPONSE: 16,
  TRAILERS: 32,
  LOG: 64,
} as const

const PHASES: readonly string[] = ['begin', 'request', 'attempt', 'interim', 'response', 'trailers', 'log']

/** The error of a filter that has used a part of a finished phase, or of a phase that has no such part. */
export class FilterUseError extends Error {
  override name = 'FilterUseError'
}

/** The longest text that a filter adds to the access log, in characters. */
const NOTE_CHARS_MAX = 256
const NOTES_MAX = 32
const NOTE_NAME_CHARS_MAX = 32

export class FilterView implements ExchangeView, Assigned {
  static {
    refuseAssignments(FilterView, 'x', byMethod, ['wrong', 'x', 'run', 'kind', 'place'])
  }

  /** The first wrong write or use; null without one. */
  wrong: Error | null
  protected readonly x: Exchange
  protected readonly run: FilterRun
  /** The kind of the call: one of {@link CallKind}. */
  protected kind: number
  /** The place of the filter that is called. */
  protected place: number

  constructor(x: Exchange, run: FilterRun) {
    this.wrong = null
    this.x = x
    this.run = run
    this.kind = CallKind.NONE
    this.place = 0
  }

  // Views are made when they are asked for: most live shorter than the call, and the exchange keeps none.
  get request(): RequestView {
    return new SeenRequest(this)
  }

  /**
   * The exchange. Throws if the phase is over.
   * @internal
   */
  get open(): Exchange {
    if (this.kind === CallKind.NONE)
      throw new FilterUseError('the phase is over: keep nothing of x after it returns')
    return this.x
  }

  /** The name of the phase. */
  protected get phase(): string {
    return namesOf(this.kind, PHASES)[0]
  }

  /** Throws if this is not one of these phases. */
  protected only(what: string, kinds: number): Exchange {
    const x = this.open
    if ((kinds & this.kind) === 0)
      throw new FilterUseError(
        `${what} is of the phases ${namesOf(kinds, PHASES).join(', ')}, and this is ${this.phase}`,
      )
    return x
  }

  /** Notes a wrong write or use, and returns the error to throw. */
  spoilt(error: Error): Error {
    this.wrong ??= error
    return error
  }

  misassigned(message: string): Error {
    return this.spoilt(new FilterUseError(message))
  }

  get id(): string {
    return this.open.id
  }
  get filter(): string {
    return this.run.chain.uses[this.place].name
  }
  get route(): string {
    return this.open.route.name
  }
  get listener(): string {
    return this.open.listener
  }
  get clientAddress(): string {
    return this.open.clientAddress
  }
  get protocol(): string {
    return this.open.frontend.client.protocol
  }
  get clientCertificate(): ExchangeView['clientCertificate'] {
    const { secured } = this.open.frontend.client
    return secured?.authorized === true ? secured.peer : null
  }
  get now(): number {
    return this.open.now
  }
  get wallTime(): number {
    return this.open.proxy.world.pollset.wallTime()
  }
  get identity(): string | null {
    return this.run.identity
  }
  get isIdentified(): boolean {
    const { frontend, request } = this.open
    return (
      this.run.identity !== null ||
      this.clientCertificate !== null ||
      request.find(Token.AUTHORIZATION) !== null ||
      (frontend.head?.find(Token.AUTHORIZATION) ?? null) !== null
    )
  }

  note(field: string, value: string | number | boolean): void {
    const { filter, run } = this
    if (!isNoteName(field))
      throw new FilterUseError(`'${field}' is not the name of a note: letters and digits`)
    run.notes ??= []
    const { notes } = run
    if (notes.length >= NOTES_MAX) return
    const shown = typeof value === 'string' ? value.slice(0, NOTE_CHARS_MAX) : value
    const known = notes.find((each) => each.filter === filter && each.field === field)
    if (known === undefined) notes.push({ filter, field, value: shown })
    else known.value = shown
  }
}

/** Returns true for a letter, and up to 31 letters and digits. */
function isNoteName(text: string): boolean {
  if (text.length === 0 || text.length > NOTE_NAME_CHARS_MAX) return false
  for (let at = 0; at < text.length; at++) {
    const c = text.charCodeAt(at)
    const isLetter = (c | 0x20) >= 0x61 && (c | 0x20) <= 0x7a
    if (!isLetter && (at === 0 || c < 0x30 || c > 0x39)) return false
  }
  return true
}

/** The request of an exchange, as it is now: in an attempt that of the attempt. */
class SeenRequest implements RequestView, Assigned {
  static {
    refuseAssignments(SeenRequest, 'x.request', byMethod, ['view'])
  }

  private readonly view: FilterView

  constructor(view: FilterView) {
    this.view = view
  }

  misassigned(message: string): Error {
    return this.view.misassigned(message)
  }

  get head(): Head {
    const { attemptHead, request } = this.view.open
    return attemptHead ?? request
  }

  get fields(): ReadFields {
    return new RequestFields(this)
  }
  get method(): string {
    return this.head.method?.value ?? ''
  }
  get scheme(): string {
    return this.view.open.view?.scheme ?? this.head.scheme?.value ?? 'http'
  }
  get authority(): string {
    return this.head.host
  }
  get target(): string {
    return this.head.path?.value ?? '*'
  }
  get path(): string {
    const { target } = this
    const mark = target.indexOf('?')
    return mark < 0 ? target : target.slice(0, mark)
  }
  get query(): string {
    const { target } = this
    const mark = target.indexOf('?')
    return mark < 0 ? '' : target.slice(mark)
  }
  get contentLength(): number {
    return this.head.contentLength
  }
  get asksTunnel(): boolean {
    const { asksTunnel, frontend } = this.view.open
    return asksTunnel || frontend.upgrade !== ''
  }
}

class RequestFields extends SeenFields {
  static {
    refuseAssignments(RequestFields, 'x.fields', byField)
  }

  private readonly request: SeenRequest

  constructor(request: SeenRequest) {
    super()
    this.request = request
  }

  protected get head(): Head {
    return this.request.head
  }

  misassigned(message: string): Error {
    return this.request.misassigned(message)
  }
}
