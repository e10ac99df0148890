// The Date of what we send (RFC 9110 §6.6.1): added to responses that have none, and to our own. One field a
// second for the whole World, so that a response costs no allocation and HPACK finds the field by identity.

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
  /** ms of the pollset's clock: when the field is a second old */
  private until: number

  constructor(pollset: Pollset, fields: FieldTable) {
    this.pollset = pollset
    this.fields = fields
    this.field = null
    this.until = 0
  }

  /** The field that says this second. */
  now(): Field {
    if (this.field !== null && this.pollset.now < this.until) return this.field
    const wallMs = this.pollset.wallTime()
    this.until = this.pollset.now + SECOND_MS - (wallMs % SECOND_MS)
    // The form of IMF-fixdate (RFC 9110 §5.6.7) is that of ECMA-262's toUTCString.
    this.field = this.fields.make('date', new Date(wallMs).toUTCString())
    return this.field
  }

  /** Say when this response was made, where it does not say so itself. */
  stamp(response: Head): void {
    if (response.find(Token.DATE) === null) response.add(this.now())
  }
}
