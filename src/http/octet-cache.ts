// Caches fields by their octets, so that octets seen before cost neither a string nor a look into
// the FieldTable. HTTP/1.1 has one cache of lines for each World, HPACK one cache of literals for
// each connection.
//
// The cache is direct-mapped, has a fixed size, and compares all octets, so a collision only costs a second
// decoding. It keeps only octets that come a second time: most paths and dates never do.

import type { Field } from './field.js'

/** The hash reads the last four octets. */
const OCTETS_MIN = 4
const NOTHING = new Uint8Array(0)

export class OctetCache {
  /** For each slot, the hash of the octets that were noted last. */
  private readonly seen: Int32Array
  /** Allocated when octets return for the first time. */
  private octets: Uint8Array
  private readonly lengths: Uint8Array
  private readonly fields: (Field | null)[]
  private readonly octetsMax: number
  /** The slot is the top bits of the hash: they depend on every octet of the input. */
  private readonly slotShift: number

  /**
   * @param slots a power of two
   * @param octetsMax the octets of one field, at most 255; longer fields are not kept
   */
  constructor(slots: number, octetsMax: number) {
    this.seen = new Int32Array(slots)
    this.octets = NOTHING
    this.lengths = new Uint8Array(slots)
    this.fields = new Array<Field | null>(slots).fill(null)
    this.octetsMax = octetsMax
    this.slotShift = Math.clz32(slots) + 1
  }

  /** Returns the field kept for these octets, read as this kind of text; null without one. */
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

  /**
   * Notes these octets. Returns true if they were also the last noted in their slot, and so
   * are worth keeping.
   */
  note(kind: number, b: Buffer, start: number, end: number): boolean {
    const length = end - start
    if (length < OCTETS_MIN || length > this.octetsMax) return false
    const hashed = hash(kind, b, start, end)
    const slot = hashed >>> this.slotShift
    if (this.seen[slot] === hashed) return true
    this.seen[slot] = hashed
    return false
  }

  /** Keeps the field of these octets. Call it only if {@link note} returned true. */
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
 * Hashes the length, the middle and the end, where fields differ most; all octets are compared later. The
 * kind is the highest octet and is multiplied by odd numbers only, so equal octets of two kinds never share a
 * slot.
 */
function hash(kind: number, b: Buffer, start: number, end: number): number {
  const last = b[end - 1] | (b[end - 2] << 8) | (b[end - 3] << 16) | (b[end - 4] << 24)
  const middle = b[(start + end) >>> 1] | (b[start] << 8) | ((end - start) << 16) | (kind << 24)
  return Math.imul(last ^ Math.imul(middle, 0x9e3779b1), 0x85ebca6b)
}
