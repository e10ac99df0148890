// Answers and refusals of filters, checked as each write is (spec/filters.md, K5).

import type { Field, FieldTable } from '../../http/index.js'
import type { OwnAnswer } from '../forwarding.js'
import type { Refusal } from '../refusal.js'
import type { FieldLine, FilterAnswer, RefusalDetails } from './contract.js'
import { FilterWriteError, writtenField } from './fields.js'

/**
 * The highest status of a backend's response, which a cache may pass on: statuses above 599 have no
 * meaning, and pass.
 */
const STATUS_MAX = 999
const NO_FIELDS: readonly Field[] = []
const NO_LINES: readonly FieldLine[] = []

const linesOf = (table: FieldTable, fields: readonly FieldLine[]): FieldLine[] =>
  fields.map(([name, value]) => {
    const field = writtenField(table, name, value)
    return [field.name, field.value]
  })

/** Fields that were checked once, for answers that are given often: see {@link FilterAnswer.prepared}. */
export class PreparedFields {
  /** @internal */
  readonly fields: readonly Field[]
  /** The content-length of the body that they are sent with most; null for none. @internal */
  readonly length: Field | null

  /** @internal */
  constructor(fields: readonly Field[], length: Field | null) {
    this.fields = fields
    this.length = length
  }
}

/**
 * Checks these lines as a write is. Throws a FilterWriteError.
 * @param before fields that stand before them
 * @param length the bytes of the body that they are sent with; -1 for a body of unknown length
 */
export const prepareFields = (
  table: FieldTable,
  lines: readonly FieldLine[],
  before: PreparedFields | null = null,
  length = -1,
): PreparedFields =>
  new PreparedFields(
    [...(before?.fields ?? []), ...lines.map(([name, value]) => writtenField(table, name, value))],
    length < 0 ? null : table.make('content-length', String(length)),
  )

export function checkedRefusal(table: FieldTable, refusal: Refusal, more: RefusalDetails): Refusal {
  const { status = refusal.status, text = refusal.text, fields = [] } = more
  if (!Number.isInteger(status) || status < 400 || status > 599)
    throw new FilterWriteError(`a refusal has a status from 400 to 599, not ${status}`)
  return { ...refusal, status, text, fields: linesOf(table, fields) }
}

export function checkedAnswer(table: FieldTable, answer: FilterAnswer, asksTunnel: boolean): OwnAnswer {
  const {
    status,
    fields = [],
    prepared,
    body = '',
    source = null,
    length = -1,
    outcome = 'answered',
  } = answer
  if (!Number.isInteger(status) || status < 200 || status > STATUS_MAX)
    throw new FilterWriteError(`an answer has a status from 200 to ${STATUS_MAX}, not ${status}`)
  if (asksTunnel && status < 300) throw new FilterWriteError('a tunnel is opened by its backend alone')
  if ((body.length > 0 || source !== null) && (status === 204 || status === 205 || status === 304))
    throw new FilterWriteError(`a ${status} has no body`)
  if (source !== null && body.length > 0) throw new FilterWriteError('an answer has one body: body or source')
  const own =
    fields.length === 0 ? NO_FIELDS : fields.map(([name, value]) => writtenField(table, name, value))
  const before = prepared?.fields ?? NO_FIELDS
  return {
    status,
    outcome,
    text: body,
    fields: NO_LINES,
    prepared: own.length === 0 ? before : [...before, ...own],
    isWhole: prepared !== undefined,
    lengthField: prepared?.length ?? null,
    source,
    length,
  }
}
