// The dynamic table of HPACK (RFC 7541 §2.3.2, §4): first in, first out, bounded in octets. Encoder and
// decoder have one each.
//
// It is a ring of Field objects. Each entry has an insertion number, 1 for the first, and an index is the
// distance from the newest. Numbers are never used twice, so a number too far from the newest belongs to an
// evicted entry. The ring begins small and doubles, since most connections never fill a table.

import type { Field } from '../../http/field.js'

const RING_FIRST = 16

export class DynamicTable {
  /** The sum of the entries' sizes (RFC 7541 §4.1), in octets. */
  size = 0
  /** The largest value that {@link size} may have now (RFC 7541 §4.2). */
  sizeMax: number
  /** The number of entries. */
  count = 0
  /** The insertion number of the newest entry. */
  inserted = 0
  private ring: (Field | null)[] = new Array<Field | null>(RING_FIRST).fill(null)
  private mask = RING_FIRST - 1

  constructor(sizeMax: number) {
    this.sizeMax = sizeMax
  }

  /** Returns the entry at this distance from the newest, or null. */
  at(distance: number): Field | null {
    return distance < this.count ? this.ring[(this.inserted - distance) & this.mask] : null
  }

  /** Returns true if an entry of this size needs others to be evicted. */
  overflows(octets: number): boolean {
    return this.size + octets > this.sizeMax
  }

  /** Removes and returns the oldest entry (RFC 7541 §4.3, §4.4). The table must not be empty. */
  evict(): Field {
    const place = (this.inserted - this.count + 1) & this.mask
    const field = this.ring[place] as Field
    this.ring[place] = null
    this.count--
    this.size -= field.size
    return field
  }

  /**
   * Adds an entry. The owner makes room first, by {@link evict}: an encoder must forget an evicted entry
   * elsewhere too.
   */
  insert(field: Field): void {
    if (this.count > this.mask) this.widen()
    this.inserted++
    this.ring[this.inserted & this.mask] = field
    this.count++
    this.size += field.size
  }

  private widen(): void {
    const mask = this.mask * 2 + 1
    const ring = new Array<Field | null>(mask + 1).fill(null)
    for (let i = 0; i < this.count; i++) {
      const number = this.inserted - i
      ring[number & mask] = this.ring[number & this.mask]
    }
    this.ring = ring
    this.mask = mask
  }

  /** Returns the entries, newest first. For tests: it allocates. */
  entries(): Field[] {
    const all: Field[] = []
    for (let i = 0; i < this.count; i++) all.push(this.at(i) as Field)
    return all
  }
}
