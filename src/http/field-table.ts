// The interned fields of a World: equal text on many connections becomes one object.

import { Field } from './field.js'
import { isCredential } from './token.js'

/**
 * The interned fields of one World, bounded by two generations. A full young generation replaces the old one.
 * A requested field of the old generation moves to the young one; the rest is dropped.
 */
export class FieldTable {
  private young = new Map<string, Field>()
  private old = new Map<string, Field>()
  private readonly statuses = new Map<number, Field>()
  private uids = 1
  private readonly entriesMax: number

  /** @param entriesMax the fields that each of the two generations keeps */
  constructor(entriesMax = 1024) {
    this.entriesMax = entriesMax
  }

  /** Makes a field without interning it, for text that seldom returns (`:path`, an ETag). */
  make(name: string, value: string, neverIndexed = false): Field {
    this.uids = (this.uids + 1) & 0x3fffffff
    return new Field(name, value, neverIndexed, this.uids)
  }

  /** Returns `:status` with this number, 100 to 999. */
  status(status: number): Field {
    const found = this.statuses.get(status)
    if (found !== undefined) return found
    const made = this.make(':status', String(status))
    this.statuses.set(status, made)
    return made
  }

  /** Returns the interned field of this text. Credentials and never-indexed fields are not interned. */
  field(name: string, value: string): Field {
    // The length distinguishes (`a\0b`, `c`) from (`a`, `b\0c`), both malformed.
    const key = `${name.length}\0${name}\0${value}`
    const found = this.young.get(key)
    if (found !== undefined) return found
    const field = this.old.get(key) ?? this.make(name, value)
    if (isCredential(field.token)) return field
    if (this.young.size >= this.entriesMax) {
      this.old = this.young
      this.young = new Map()
    }
    this.young.set(key, field)
    return field
  }

  /** The number of kept fields, in both generations. */
  get size(): number {
    return this.young.size + this.old.size
  }
}
