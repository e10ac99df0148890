// Fields by the octets they came in, so that octets seen before cost neither a string nor a look into the
// FieldTable: lines of HTTP/1.1, one cache for a World, and literals of HPACK, one for a connection.
//
// Direct-mapped, of a fixed size, and all octets are compared: what collides is only decoded again. Octets
// are taken in when they come a second time, since most paths and dates never do.

import type { Field } from './field.js'

/** The hash looks at four octets at the end. */
const OCTETS_MIN = 4
const NOTHING = new Uint8Array(0)

export class OctetCache {
  /** By slot, the hash of what came last and is not (yet) here. */
  private readonly seen: Int32Array
  /** Made when octets return for the first time: whoever meets none that do has none. */
  private octets: Uint8Array
  private readonly lengths: Uint8Array
  private readonly fields: (Field | null)[]
  private readonly octetsMax: number
  /** Of a product of 32 bits the highest depend on every octet that went into it. */
  private readonly slotShift: number

  /**
   * @param slots a power of two
   * @param octetsMax of one field, at most 255; longer ones are not kept
   */
  constructor(slots: number, octetsMax: number) {
    this.seen = new Int32Array(slots)
    this.octets = NOTHING
    this.lengths = new Uint8Array(slots)
    this.fields = new Array<Field | null>(slots).fill(null)
    this.octetsMax = octetsMax
    this.slotShift = Math.clz32(slots) + 1
  }

  /** The field that these octets gave before, read as this kind of text; null when it is not here. */
  find(kind: number, b: Buffer, start: number, end: number): Field | null {
    const length = end - start
    if (length < OCTETS_MIN || length > this.octetsMax) return null
    const slot = hash(kind, b, start, end) >>> this.slotShift
    if (this.lengths[slot] !== length) return null
    const octets = this.octets
    const base = slot * this.octetsMax
    for (let i = 0; i < length; i++) if (octets[base + i] !== b[start + i]) return null
    return this.fields[slot]
  }

  /** Notes these octets. Returns whether they came before, and lately: then they are worth keeping. */
  note(kind: number, b: Buffer, start: number, end: number): boolean {
    const length = end - start
    if (length < OCTETS_MIN || length > this.octetsMax) return false
    const hashed = hash(kind, b, start, end)
    const slot = hashed >>> this.slotShift
    if (this.seen[slot] === hashed) return true
    this.seen[slot] = hashed
    return false
  }

  /** Only after {@link note} has said so. */
  keep(kind: number, b: Buffer, start: number, end: number, field: Field): void {
    const slot = hash(kind, b, start, end) >>> this.slotShift
    const base = slot * this.octetsMax
    if (this.octets === NOTHING) this.octets = new Uint8Array(this.lengths.length * this.octetsMax)
    for (let i = start; i < end; i++) this.octets[base + i - start] = b[i]
    this.lengths[slot] = end - start
    this.fields[slot] = field
  }
}

/**
 * From the length, the middle and the end, where fields differ: all octets are compared later. The kind
 * stands in the highest octet and is multiplied by odd numbers only, so the same octets of two kinds never
 * share a slot.
 */
function hash(kind: number, b: Buffer, start: number, end: number): number {
  const last = b[end - 1] | (b[end - 2] << 8) | (b[end - 3] << 16) | (b[end - 4] << 24)
  const middle = b[(start + end) >>> 1] | (b[start] << 8) | ((end - start) << 16) | (kind << 24)
  return Math.imul(last ^ Math.imul(middle, 0x9e3779b1), 0x85ebca6b)
}
