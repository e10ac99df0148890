// Reads the integers and string literals of an HPACK field block (RFC 7541 §5). Further results of a call
// are in fields, which the caller must read at once. So only the text itself is allocated.

import { huffmanDecode } from './huffman.js'

/** The first size of the scratch buffer for Huffman strings, and the largest that is kept, in octets. */
const SCRATCH_OCTETS_FIRST = 256
const SCRATCH_OCTETS_MAX = 4096

export class StringReader {
  /** The offset after the last integer, or after the length of the last string. */
  at = 0
  /** The octets of the last text; -1 if it was malformed. */
  length = 0
  private scratch: Buffer | null = null

  /**
   * Reads the rest of an integer whose prefix is all ones (RFC 7541 §5.1). Returns -1 if the block ends
   * first, or if the rest has more than four octets, so the result is below 2^28 + 128.
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

  /** Reads the length of a string (RFC 7541 §5.2), which begins at {@link at}. Returns its end, or -1. */
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

  /** Returns the text of a string, or null if it is longer than `lengthMax` octets. Sets {@link length}. */
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
      // The first decoding gave the length. Decodes again into a buffer that is large enough.
      const octets = length > SCRATCH_OCTETS_MAX ? length : Math.min(2 * length, SCRATCH_OCTETS_MAX)
      scratch = Buffer.allocUnsafeSlow(octets)
      huffmanDecode(block, start, end, scratch)
      if (octets <= SCRATCH_OCTETS_MAX) this.scratch = scratch
    }
    return scratch.toString('latin1', 0, length)
  }
}
