// Encodes and decodes the Huffman code of HPACK (RFC 7541 §5.2, Appendix B).
//
// The code is canonical: codes of one length are consecutive numbers, in the order of their symbols, and
// longer codes are greater when both are aligned to the left. So the lengths alone give the whole code, and
// comparing numbers finds the length of the next code. Decoding keeps a window of 32 bits, aligned to the
// left. Its first eight bits are the index of a table of all codes of up to eight bits, which make up URLs,
// dates and numbers. Longer codes are rare, and are found by their rank among the codes of their length.

/** The symbols of each code length in bits, in the order of their codes. EOS, the last one, is not in it. */
const SYMBOLS: readonly (readonly [bits: number, symbols: string])[] = [
  [5, '012aceiost'],
  [6, ' %-./3456789=A_bdfghlmnpru'],
  [7, ':BCDEFGHIJKLMNOPQRSTUVWYjkqvwxyz'],
  [8, '&*,;XZ'],
  [10, '!"()?'],
  [11, "'+|"],
  [12, '#>'],
  [13, '\x00$@[]~'],
  [14, '^}'],
  [15, '<`{'],
  [19, '\\\xc3\xd0'],
  [20, '\x80\x82\x83\xa2\xb8\xc2\xe0\xe2'],
  [21, '\x99\xa1\xa7\xac\xb0\xb1\xb3\xd1\xd8\xd9\xe3\xe5\xe6'],
  [
    22,
    '\x81\x84\x85\x86\x88\x92\x9a\x9c\xa0\xa3\xa4\xa9\xaa\xad\xb2\xb5\xb9\xba\xbb\xbd\xbe\xc4\xc6\xe4' +
      '\xe8\xe9',
  ],
  [
    23,
    '\x01\x87\x89\x8a\x8b\x8c\x8d\x8f\x93\x95\x96\x97\x98\x9b\x9d\x9e\xa5\xa6\xa8\xae\xaf\xb4\xb6\xb7' +
      '\xbc\xbf\xc5\xe7\xef',
  ],
  [24, '\x09\x8e\x90\x91\x94\x9f\xab\xce\xd7\xe1\xec\xed'],
  [25, '\xc7\xcf\xea\xeb'],
  [26, '\xc0\xc1\xc8\xc9\xca\xcd\xd2\xd5\xda\xdb\xee\xf0\xf2\xf3\xff'],
  [27, '\xcb\xcc\xd3\xd4\xd6\xdd\xde\xdf\xf1\xf4\xf5\xf6\xf7\xf8\xfa\xfb\xfc\xfd\xfe'],
  [
    28,
    '\x02\x03\x04\x05\x06\x07\x08\x0b\x0c\x0e\x0f\x10\x11\x12\x13\x14\x15\x17\x18\x19\x1a\x1b\x1c\x1d' +
      '\x1e\x1f\x7f\xdc\xf9',
  ],
  [30, '\x0a\x0d\x16'],
]
const EOS = 256

/** For each symbol, its code (aligned to the right) and the length of that in bits. */
const CODE = new Int32Array(257)
const BITS = new Uint8Array(257)
/** For each eight bits, symbol << 4 | length of the code that they begin with; 0 if it is longer. */
const SHORT = new Uint16Array(256)
/** The symbols in the order of their codes. */
const RANKED = new Uint16Array(257)
/** For each length in bits: the end of its codes (aligned to the left), the first code, the rank of that. */
const LIMIT = new Float64Array(31)
const FIRST = new Int32Array(31)
const RANK = new Uint16Array(31)

{
  let code = 0
  let rank = 0
  let last = 0
  for (const [bits, symbols] of SYMBOLS) {
    code *= 2 ** (bits - last)
    last = bits
    FIRST[bits] = code
    RANK[bits] = rank
    const all = [...symbols].map((symbol) => symbol.charCodeAt(0))
    if (bits === 30) all.push(EOS)
    for (const symbol of all) {
      CODE[symbol] = code
      BITS[symbol] = bits
      RANKED[rank++] = symbol
      if (bits <= 8) SHORT.fill((symbol << 4) | bits, code << (8 - bits), (code + 1) << (8 - bits))
      code++
    }
    LIMIT[bits] = code * 2 ** (32 - bits)
  }
}

/**
 * Returns true if these bits are valid padding: less than an octet, and all ones as in EOS (RFC 7541 §5.2).
 */
function isPadding(window: number, bits: number): boolean {
  if (bits > 7) return false
  return bits === 0 || window >>> (32 - bits) === (1 << bits) - 1
}

/** Decodes the code of more than eight bits at the front of a window. Returns symbol << 5 | length. */
function longCode(window: number): number {
  const unsigned = window >>> 0
  let bits = 10
  // LIMIT is 0 for a length without symbols. The last limit is 2^32, so the loop ends.
  while (unsigned >= LIMIT[bits]) bits++
  return (RANKED[RANK[bits] + ((window >>> (32 - bits)) - FIRST[bits])] << 5) | bits
}

/**
 * Decodes source[start..end) into `target`. Returns the number of decoded octets, at most 8/5 of the source;
 * -1 if the string is malformed (RFC 7541 §5.2: EOS, or wrong padding). Octets that do not fit `target` are
 * counted, but not written.
 */
export function huffmanDecode(source: Uint8Array, start: number, end: number, target: Uint8Array): number {
  const room = target.length
  let at = start
  let length = 0
  let window = 0
  let bits = 0
  for (;;) {
    if (bits < 8) {
      while (bits <= 24 && at < end) {
        window |= source[at++] << (24 - bits)
        bits += 8
      }
      if (bits < 8 && isPadding(window, bits)) return length
    }
    const short = SHORT[window >>> 24]
    let symbol = short >>> 4
    let used = short & 15
    if (used === 0) {
      while (bits <= 24 && at < end) {
        window |= source[at++] << (24 - bits)
        bits += 8
      }
      const spare = bits > 24 && bits < 32 && at < end ? source[at] >>> (bits - 24) : 0
      const long = longCode(window | spare)
      symbol = long >>> 5
      used = long & 31
      if (symbol === EOS) return -1
      if (used > bits && at < end) {
        // The code ends inside the octet that `spare` was taken from.
        const over = used - bits
        window = source[at++] << (24 + over)
        bits = 8 - over
        if (length < room) target[length] = symbol
        length++
        continue
      }
    }
    if (used > bits) return isPadding(window, bits) ? length : -1
    window <<= used
    bits -= used
    if (length < room) target[length] = symbol
    length++
  }
}

/**
 * Decodes a string that comes in pieces: a code that a piece cuts waits in the window. It is slower than
 * {@link huffmanDecode}.
 */
export class HuffmanPieces {
  /** The bits that are not a whole code yet, aligned to the left; and their number. */
  private window = 0
  private bits = 0

  /**
   * Decodes source[start..end) into `target` from `at`. Returns the offset after the last octet, or -1 for
   * EOS. Octets beyond the end of `target` are counted, but not written.
   */
  decode(source: Uint8Array, start: number, end: number, target: Uint8Array, at: number): number {
    let { window, bits } = this
    let length = at
    for (let i = start; i < end; i++) {
      const octet = source[i]
      if (bits <= 24) {
        window |= octet << (24 - bits)
        bits += 8
      } else {
        // More than 24 bits are part of one code. It has at most 30, so it ends in this octet.
        const long = longCode(window | (octet >>> (bits - 24)))
        if (long >>> 5 === EOS) return -1
        if (length < target.length) target[length] = long >>> 5
        length++
        const over = (long & 31) - bits
        window = octet << (24 + over)
        bits = 8 - over
      }
      while (bits > 0) {
        const short = SHORT[window >>> 24]
        let symbol = short >>> 4
        let used = short & 15
        if (used === 0) {
          const long = longCode(window)
          symbol = long >>> 5
          used = long & 31
        }
        if (used > bits) break
        if (symbol === EOS) return -1
        window <<= used
        bits -= used
        if (length < target.length) target[length] = symbol
        length++
      }
    }
    this.window = window
    this.bits = bits
    return length
  }

  /** Ends the string. Returns false if it does not end with valid padding (RFC 7541 §5.2). */
  end(): boolean {
    const whole = isPadding(this.window, this.bits)
    this.window = 0
    this.bits = 0
    return whole
  }
}

/** Returns the number of octets in the Huffman code of a latin1 text. */
export function huffmanLength(text: string): number {
  let bits = 0
  for (let i = 0; i < text.length; i++) bits += BITS[text.charCodeAt(i) & 0xff]
  return (bits + 7) >>> 3
}

/** Writes the Huffman code of a latin1 text. Returns the new offset. */
export function huffmanEncode(text: string, target: Uint8Array, offset: number): number {
  let at = offset
  let window = 0
  let free = 32
  for (let i = 0; i < text.length; i++) {
    const symbol = text.charCodeAt(i) & 0xff
    const code = CODE[symbol]
    const bits = BITS[symbol]
    if (bits <= free) {
      free -= bits
      window |= code << free
      continue
    }
    const over = bits - free
    window |= code >>> over
    target[at] = window >>> 24
    target[at + 1] = window >>> 16
    target[at + 2] = window >>> 8
    target[at + 3] = window
    at += 4
    free = 32 - over
    window = code << free
  }
  // The last octet is padded with the first bits of EOS, all ones (RFC 7541 §5.2).
  if (free > 0) window |= -1 >>> (32 - free)
  for (let rest = 32 - free; rest > 0; rest -= 8) {
    target[at++] = window >>> 24
    window <<= 8
  }
  return at
}
