// Literals of HPACK that were decoded before, by the octets they came in.

import type { Field } from '../../http/field.js'

const LITERAL_SLOTS = 64
/** Of a product of 32 bits the highest six depend on every octet. */
const SLOT_SHIFT = 26
const LITERAL_OCTETS_MIN = 4
const LITERAL_OCTETS_MAX = 64

/**
 * Short literals without indexing (RFC 7541 §6.2.2) by the octets they came in. Unless their name
 * is an index of the dynamic table (those are left out), the octets alone say which field it is,
 * whatever was decoded in between. Direct-mapped; what it holds, dies with the connection. Only
 * what comes a second time is taken in: most paths never do.
 */
export class LiteralCache {
  /** Octets of the literal just found. */
  length = 0
  /** By slot, the hash of what came last and is not (yet) here. */
  private readonly seen = new Int32Array(LITERAL_SLOTS)
  private readonly octets = new Uint8Array(LITERAL_SLOTS * LITERAL_OCTETS_MAX)
  private readonly lengths = new Uint8Array(LITERAL_SLOTS)
  private readonly fields: (Field | null)[] = new Array<Field | null>(LITERAL_SLOTS).fill(null)

  /**
   * The field of the literal that begins at `start`, or null. Where it ends is a guess, right for
   * plain forms (numbers below their prefix): these octets are only ever compared with whole literals.
   */
  find(block: Buffer, start: number, end: number): Field | null {
    const octet = block[start]
    // Past the name: an index in one or two octets, or a string.
    let value = start + 1
    if (octet === 0) value += 1 + (block[value] & 0x7f)
    else if (octet === 0x0f) value++
    if (value >= end) return null
    const stop = value + 1 + (block[value] & 0x7f)
    const length = stop - start
    if (stop > end || length < LITERAL_OCTETS_MIN || length > LITERAL_OCTETS_MAX) return null
    const slot = this.hash(block, start, stop) >>> SLOT_SHIFT
    if (this.lengths[slot] !== length) return null
    const octets = this.octets
    const base = slot * LITERAL_OCTETS_MAX
    for (let i = 0; i < length; i++) if (octets[base + i] !== block[start + i]) return null
    this.length = length
    return this.fields[slot]
  }

  /** @param end the literal's own end */
  keep(block: Buffer, start: number, end: number, field: Field): void {
    const length = end - start
    if (length < LITERAL_OCTETS_MIN || length > LITERAL_OCTETS_MAX) return
    const hash = this.hash(block, start, end)
    const slot = hash >>> SLOT_SHIFT
    if (this.seen[slot] !== hash) {
      this.seen[slot] = hash
      return
    }
    const base = slot * LITERAL_OCTETS_MAX
    for (let i = 0; i < length; i++) this.octets[base + i] = block[start + i]
    this.lengths[slot] = length
    this.fields[slot] = field
  }

  /** From the length, the middle and the end, where literals differ: all octets are compared later. */
  private hash(block: Buffer, start: number, end: number): number {
    const last = block[end - 1] | (block[end - 2] << 8) | (block[end - 3] << 16) | (block[end - 4] << 24)
    const middle = block[(start + end) >>> 1] | ((end - start) << 8)
    return Math.imul(last ^ Math.imul(middle, 0x9e3779b1), 0x85ebca6b)
  }
}
