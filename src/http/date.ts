// The Date field (RFC 9110 §6.6.1), added to responses without one and to our own. The World makes one field
// a second, so a response costs no allocation and HPACK finds the field by identity.

import type { Pollset } from '../pollset/index.js'
import type { Field } from './field.js'
import type { FieldTable } from './field-table.js'
import type { Head } from './head.js'
import { Token } from './token.js'

const SECOND_MS = 1_000

export class DateClock {
  private readonly pollset: Pollset
  private readonly fields: FieldTable
  private field: Field | null
  /** The end of the field's second, in ms of the pollset's clock. */
  private until: number

  constructor(pollset: Pollset, fields: FieldTable) {
    this.pollset = pollset
    this.fields = fields
    this.field = null
    this.until = 0
  }

  /** Returns the Date field of the current second. */
  now(): Field {
    if (this.field !== null && this.pollset.now < this.until) return this.field
    const wallMs = this.pollset.wallTime()
    this.until = this.pollset.now + SECOND_MS - (wallMs % SECOND_MS)
    // ECMA-262's toUTCString writes IMF-fixdate (RFC 9110 §5.6.7).
    this.field = this.fields.make('date', new Date(wallMs).toUTCString())
    return this.field
  }

  /** Adds a Date field to a response without one. */
  stamp(response: Head): void {
    if (response.find(Token.DATE) === null) response.add(this.now())
  }
}
