// A change of fields that a filter makes of many messages: it is checked as each write is (spec/filters.md,
// K5), once, and made in one pass over the fields of a message.

import { type Field, FieldChange, type FieldTable } from '../../http/index.js'
import type { FieldLine } from './contract.js'
import { writtenField } from './fields.js'

export interface FieldChanges {
  /** Names of fields that are removed, before others are set. */
  readonly remove: readonly string[]
  /** Lines that take the place of those of the same name. */
  readonly set: readonly FieldLine[]
  /** Lines that are added. */
  readonly append: readonly FieldLine[]
}

export class PreparedChange {
  private readonly changes: FieldChanges
  private made: FieldChange | null = null

  constructor(changes: FieldChanges) {
    this.changes = changes
  }

  /** Returns it as heads take it. Throws a FilterWriteError if one of its fields must not be sent. */
  in(table: FieldTable): FieldChange {
    this.made ??= made(table, this.changes)
    return this.made
  }
}

function made(table: FieldTable, { remove, set, append }: FieldChanges): FieldChange {
  const field = ([name, value]: FieldLine): Field => writtenField(table, name, value)
  const fields = set.map(field)
  const removed = remove.map((name) => writtenField(table, name, ''))
  return new FieldChange([...removed, ...fields], [...fields, ...append.map(field)])
}
