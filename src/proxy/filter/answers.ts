// Answers and refusals of filters, checked as each write is (spec/filters.md, K5).

import type { Field, FieldTable } from '../../http/index.js'
import type { OwnAnswer } from '../forwarding.js'
import type { Refusal } from '../refusal.js'
import type { FieldLine, FilterAnswer, RefusalDetails } from './contract.js'
import { FilterWriteError, writtenField } from './fields.js'

/** Of a backend's response, which a cache may pass on: statuses above 599 have no meaning, and pass. */
const STATUS_MAX = 999
const NO_FIELDS: readonly Field[] = []

const linesOf = (table: FieldTable, fields: readonly FieldLine[]): FieldLine[] =>
  fields.map(([name, value]) => {
    const field = writtenField(table, name, value)
    return [field.name, field.value]
  })

/** Fields that were checked once, for answers that are given often: see {@link FilterAnswer.prepared}. */
export class PreparedFields {
  /** @internal */
  readonly fields: readonly Field[]

  /** @internal */
  constructor(fields: readonly Field[]) {
    this.fields = fields
  }
}

/** Checks these lines as a write is. Throws a FilterWriteError. */
export const prepareFields = (table: FieldTable, lines: readonly FieldLine[]): PreparedFields =>
  new PreparedFields(lines.map(([name, value]) => writtenField(table, name, value)))

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
  return {
    status,
    outcome,
    text: body,
    fields: linesOf(table, fields),
    prepared: prepared?.fields ?? NO_FIELDS,
    source,
    length,
  }
}
