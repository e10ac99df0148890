// The dynamic table of HPACK (RFC 7541 §2.3.2, §4): first in, first out, bounded in octets. Both
// sides of a compression context keep one; what an encoder keeps besides (where to find an entry
// by its content) is its own.
//
// A ring of Field objects. Every entry has an insertion number, 1 for the first ever, and an
// index is a distance from the newest. Numbers never return, so a stale one is told by its age.
// The ring begins small and doubles: most connections never fill a table.

import type { Field } from '../../http/field.js'

const RING_FIRST = 16

export class DynamicTable {
  /** Octets held: the sum of the entries' sizes (RFC 7541 §4.1). */
  size = 0
  /** Octets it may hold at present (RFC 7541 §4.2). */
  sizeMax: number
  /** Entries held. */
  count = 0
  /** The insertion number of the newest entry. */
  inserted = 0
  private ring: (Field | null)[] = new Array<Field | null>(RING_FIRST).fill(null)
  private mask = RING_FIRST - 1

  constructor(sizeMax: number) {
    this.sizeMax = sizeMax
  }

  /** The entry that is `distance` from the newest (0 is the newest), or null if there is none. */
  at(distance: number): Field | null {
    return distance < this.count ? this.ring[(this.inserted - distance) & this.mask] : null
  }

  /** Whether another `octets` would go beyond the bound. */
  overflows(octets: number): boolean {
    return this.size + octets > this.sizeMax
  }

  /** Takes the oldest entry out (RFC 7541 §4.3, §4.4). There must be one. */
  evict(): Field {
    const place = (this.inserted - this.count + 1) & this.mask
    const field = this.ring[place] as Field
    this.ring[place] = null
    this.count--
    this.size -= field.size
    return field
  }

  /** Puts in what fits. Room is made by {@link evict}: only the owner knows what goes with an entry. */
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

  /** The entries, newest first. Cold: for the debugger and for tests. */
  entries(): Field[] {
    const all: Field[] = []
    for (let i = 0; i < this.count; i++) all.push(this.at(i) as Field)
    return all
  }
}
