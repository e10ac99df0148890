// The answers of the cache: from an entry, or the response of a fill that is not stored.

import {
  type ExchangeView,
  type FieldLine,
  type PreparedFields,
  prepareFields,
  type RequestPhase,
  type Subrequest,
  type Verdict,
} from '../../proxy/index.js'
import type { FilterContext } from '../define.js'
import { BodyReader } from './body.js'
import { type ByteRange, isUnchanged, rangeOf } from './conditional.js'
import { type Entry, storedLines } from './entry.js'
import { type CacheState, forwardStatus, hitStatus } from './exchange-state.js'

/** The fields of a 304 (RFC 9110 §15.4.5). */
const OF_UNCHANGED: ReadonlySet<string> = new Set([
  'cache-control',
  'content-location',
  'date',
  'etag',
  'expires',
  'last-modified',
  'vary',
])

const isBodiless = (status: number): boolean => status === 204 || status === 205 || status === 304

export class CacheAnswers {
  private readonly tellsStatus: boolean
  private readonly context: FilterContext

  constructor(tellsStatus: boolean, context: FilterContext) {
    this.tellsStatus = tellsStatus
    this.context = context
  }

  /** Answers with the response of a fill that must not be stored. */
  handOn(x: RequestPhase, s: CacheState, request: Subrequest): Verdict {
    const head = request.head as NonNullable<Subrequest['head']>
    const { status, contentLength } = head
    const fields = storedLines((visit) => {
      for (const { name, value } of head.fields.slice(head.pseudos)) visit(name, value)
    })
    const age = head.fields.find(({ name }) => name === 'age')
    if (age !== undefined) fields.push(['age', age.value])
    fields.push(...this.statusLine(x, s, status))
    return x.answer(
      isBodiless(status)
        ? { status, fields }
        : { status, fields, source: request, ...(contentLength < 0 ? {} : { length: contentLength }) },
    )
  }

  /** Answers with an entry that is stored. @param fresh for how long it is, in s; negative if it is stale */
  hit(x: RequestPhase, entry: Entry, fresh: number): Verdict {
    const { told } = entry
    const isKnown = told !== null && told.ttl === Math.trunc(fresh)
    return this.answer(x, entry, null, isKnown ? told.status : hitStatus(fresh), Math.trunc(fresh))
  }

  /** Answers with an entry: all of it, a range, or 304. @param source of its body, if a fill has made one */
  answer(
    x: RequestPhase,
    entry: Entry,
    source: BodyReader | null,
    status: string,
    ttl = Number.NaN,
  ): Verdict {
    const { body, fields: stored } = entry
    x.note('status', status)
    const { fields } = x.request
    if (entry.status === 200 && isUnchanged(fields, entry)) {
      source?.leave()
      const kept = stored.filter(([name]) => OF_UNCHANGED.has(name))
      return x.answer({ status: 304, fields: [...kept, ...this.ownLines(x, entry, status)] })
    }
    const range = rangeOf(fields, entry)
    if (range !== null) {
      source?.leave()
      return this.answerRange(x, entry, range, this.ownLines(x, entry, status))
    }
    if (isBodiless(entry.status)) {
      source?.leave()
      return x.answer({ status: entry.status, fields: [...stored, ...this.ownLines(x, entry, status)] })
    }
    const prepared = this.prepared(x, entry, status, ttl)
    if (source === null && body.whole !== null)
      return x.answer({ status: entry.status, prepared, body: body.whole })
    const known = body.complete ? body.bytes : entry.length
    return x.answer({
      status: entry.status,
      prepared,
      source: source ?? new BodyReader(`${x.id}.cached`, body),
      ...(known < 0 ? {} : { length: known }),
    })
  }

  /** Returns the fields that each answer has of its own. */
  private ownLines(x: RequestPhase, entry: Entry, status: string): readonly FieldLine[] {
    const age: FieldLine = ['age', String(Math.floor(entry.age(x.now)))]
    return this.tellsStatus ? [age, ['cache-status', status]] : [age]
  }

  /** Returns the fields of an answer. They are the same for a second. */
  private prepared(x: RequestPhase, entry: Entry, status: string, ttl: number): PreparedFields {
    const { told, body } = entry
    const age = Math.floor(entry.age(x.now))
    if (told !== null && told.age === age && told.status === status) return told.prepared
    const table = this.context.world.fields
    entry.prepared ??= prepareFields(table, entry.fields)
    const bytes = body.complete ? body.bytes : -1
    const prepared = prepareFields(table, this.ownLines(x, entry, status), entry.prepared, bytes)
    entry.told = { age, ttl, status, prepared }
    return prepared
  }

  private answerRange(
    x: RequestPhase,
    { body, fields: stored }: Entry,
    range: ByteRange | 'unsatisfiable',
    own: readonly FieldLine[],
  ): Verdict {
    if (range === 'unsatisfiable')
      return x.answer({ status: 416, fields: [['content-range', `bytes */${body.bytes}`], ...own] })
    const { from, end } = range
    const contentRange: FieldLine = ['content-range', `bytes ${from}-${end - 1}/${body.bytes}`]
    return x.answer({
      status: 206,
      fields: [...stored, contentRange, ...own],
      source: new BodyReader(`${x.id}.cached`, body, from, end),
      length: end - from,
    })
  }

  /** Returns the Cache-Status of a response that was not stored, and notes it for the access log. */
  statusLine(x: ExchangeView, s: CacheState, status: number): readonly FieldLine[] {
    const text = forwardStatus(s, status, false)
    x.note('status', text)
    return this.tellsStatus ? [['cache-status', text]] : []
  }
}
