// Integers and string literals of HPACK (RFC 7541 §5) within one header block. What a call gives back besides
// its value stands in fields, to be taken at once: nothing is allocated but the text itself.

import { huffmanDecode } from './huffman.js'

/** The scratch for Huffman strings is kept between blocks up to here; a larger one is let go. */
const SCRATCH_OCTETS_FIRST = 256
const SCRATCH_OCTETS_MAX = 4096

export class StringReader {
  /** Where reading goes on. */
  at = 0
  /** Octets of the text just read, or -1 if it was malformed. */
  length = 0
  private scratch: Buffer | null = null

  /**
   * RFC 7541 §5.1, from the octet after a prefix that was all ones. Returns -1 if the block ends
   * first or the number has more than four further octets (so it stays below 2^28 + 128).
   */
  integer(block: Buffer, start: number, end: number, prefix: number): number {
    let value = prefix
    let at = start
    for (let shift = 0; shift <= 21 && at < end; shift += 7) {
      const octet = block[at++]
      value += (octet & 0x7f) << shift
      if (octet < 0x80) {
        this.at = at
        return value
      }
    }
    return -1
  }

  /** RFC 7541 §5.2: reads a length. Returns where the string ends, or -1; it begins at {@link at}. */
  stringEnd(block: Buffer, start: number, end: number): number {
    if (start >= end) return -1
    let length = block[start] & 0x7f
    this.at = start + 1
    if (length === 0x7f) {
      length = this.integer(block, start + 1, end, 0x7f)
      if (length < 0) return -1
    }
    const stringEnd = this.at + length
    return stringEnd > end ? -1 : stringEnd
  }

  /** The text of a string literal, or null if it is longer than `lengthMax`. Sets {@link length}. */
  text(block: Buffer, huffman: boolean, start: number, end: number, lengthMax: number): string | null {
    if (!huffman) {
      this.length = end - start
      return end - start > lengthMax ? null : block.toString('latin1', start, end)
    }
    let scratch = this.scratch
    if (scratch === null) this.scratch = scratch = Buffer.allocUnsafeSlow(SCRATCH_OCTETS_FIRST)
    const length = huffmanDecode(block, start, end, scratch)
    this.length = length
    if (length < 0 || length > lengthMax) return null
    if (length > scratch.length) {
      // Decoded once for its length, it is decoded again into a scratch of the right size.
      const octets = length > SCRATCH_OCTETS_MAX ? length : Math.min(2 * length, SCRATCH_OCTETS_MAX)
      scratch = Buffer.allocUnsafeSlow(octets)
      huffmanDecode(block, start, end, scratch)
      if (octets <= SCRATCH_OCTETS_MAX) this.scratch = scratch
    }
    return scratch.toString('latin1', 0, length)
  }
}
