// Fields by the octets of the line they came in, so that a line seen before costs neither a string nor a look
// into the FieldTable. One for a World: clients of one kind send the same lines on every connection.
//
// Direct-mapped, of a fixed size, and whole lines are compared: what collides is only decoded again. A line
// is taken in when it comes a second time, since most paths and dates never do. Credentials are never taken
// in.

import type { Field } from '../http/index.js'

const SLOTS = 512
/** Of a product of 32 bits the highest nine depend on every octet that went into it. */
const SLOT_SHIFT = 23
/** The hash looks at four octets at the end. */
const OCTETS_MIN = 4
const OCTETS_MAX = 192
const NOTHING = new Uint8Array(0)

export class FieldCache {
  /** By slot, the hash of what came last and is not (yet) here. */
  private readonly seen = new Int32Array(SLOTS)
  /** Some 100 KB, made when a line returns for the first time: a World that meets no HTTP/1.1 has none. */
  private octets = NOTHING
  private readonly lengths = new Uint8Array(SLOTS)
  private readonly fields: (Field | null)[] = new Array<Field | null>(SLOTS).fill(null)

  /** The field that these octets gave before, read as this kind of text; null when it is not here. */
  find(kind: number, b: Buffer, start: number, end: number): Field | null {
    const length = end - start
    if (length < OCTETS_MIN || length > OCTETS_MAX) return null
    const slot = hash(kind, b, start, end) >>> SLOT_SHIFT
    if (this.lengths[slot] !== length) return null
    const octets = this.octets
    const base = slot * OCTETS_MAX
    for (let i = 0; i < length; i++) if (octets[base + i] !== b[start + i]) return null
    return this.fields[slot]
  }

  /** Whether these octets came before, and lately: then they are worth keeping. */
  returns(kind: number, b: Buffer, start: number, end: number): boolean {
    const length = end - start
    if (length < OCTETS_MIN || length > OCTETS_MAX) return false
    const hashed = hash(kind, b, start, end)
    const slot = hashed >>> SLOT_SHIFT
    if (this.seen[slot] === hashed) return true
    this.seen[slot] = hashed
    return false
  }

  /** Only after {@link returns} has said so. */
  keep(kind: number, b: Buffer, start: number, end: number, field: Field): void {
    const slot = hash(kind, b, start, end) >>> SLOT_SHIFT
    const base = slot * OCTETS_MAX
    if (this.octets === NOTHING) this.octets = new Uint8Array(SLOTS * OCTETS_MAX)
    for (let i = start; i < end; i++) this.octets[base + i - start] = b[i]
    this.lengths[slot] = end - start
    this.fields[slot] = field
  }
}

/**
 * From the length, the middle and the end, where lines differ: all octets are compared later. The kind stands
 * in the highest octet and is multiplied by odd numbers only, so the same octets of two kinds never share a
 * slot.
 */
function hash(kind: number, b: Buffer, start: number, end: number): number {
  const last = b[end - 1] | (b[end - 2] << 8) | (b[end - 3] << 16) | (b[end - 4] << 24)
  const middle = b[(start + end) >>> 1] | (b[start] << 8) | ((end - start) << 16) | (kind << 24)
  return Math.imul(last ^ Math.imul(middle, 0x9e3779b1), 0x85ebca6b)
}
