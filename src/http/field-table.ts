// The interned fields of a World, so that equal text that arrives on many connections is one object.

import { Field } from './field.js'
import { isCredential } from './token.js'

/**
 * The interned fields of one World: equal text gives one object, whichever connection it came by.
 * Bounded by two generations: when the young one is full it becomes the old one, and what is
 * asked for again moves up; the rest is let go.
 */
export class FieldTable {
  private young = new Map<string, Field>()
  private old = new Map<string, Field>()
  private uids = 1
  private readonly entriesMax: number

  /** @param entriesMax fields kept per generation (two generations) */
  constructor(entriesMax = 1024) {
    this.entriesMax = entriesMax
  }

  /** A field made but not kept: for text that is not expected to return (`:path`, an ETag). */
  make(name: string, value: string, neverIndexed = false): Field {
    this.uids = (this.uids + 1) & 0x3fffffff
    return new Field(name, value, neverIndexed, this.uids)
  }

  /**
   * The one field of this text. Fields marked never-indexed are never shared with unmarked ones, nor kept.
   */
  field(name: string, value: string): Field {
    // The length keeps (`a\0b`, `c`) and (`a`, `b\0c`) apart, both malformed.
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

  /** Fields kept at present, both generations. */
  get size(): number {
    return this.young.size + this.old.size
  }
}
