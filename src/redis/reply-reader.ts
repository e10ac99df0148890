// Finds the ends of replies in chunks that may split them anywhere, in RESP2 and RESP3. It keeps nothing:
// replies pass as they come. A push (`>`) is told from a reply; attributes (`|`) belong to the value that
// follows them.

/** The chunk ended within a value. */
export const PART = 0
/** A reply is complete. */
export const REPLY = 1
/** A push is complete. */
export const PUSH = 2
/** Not a value of RESP. */
export const WRONG = 3

const CR = 13
const LF = 10
const MINUS = 0x2d
const ZERO = 0x30
/** Elements that may be owed: more are not in any reply. */
const ELEMENTS_MAX = 2 ** 40

/** A line is the value. */
const LINE = 1
/** A length, then that many bytes. */
const BULK = 2
/** A number of elements. */
const AGGREGATE = 3
/** A number of pairs. */
const PAIRS = 4

const forms = new Uint8Array(256)
for (const type of '+-:,#(_') forms[type.charCodeAt(0)] = LINE
for (const type of '$!=') forms[type.charCodeAt(0)] = BULK
for (const type of '*~>') forms[type.charCodeAt(0)] = AGGREGATE
for (const type of '%|') forms[type.charCodeAt(0)] = PAIRS
const ATTRIBUTE = 0x7c
const PUSHED = 0x3e

export class ReplyReader {
  /** The outcome of the last {@link read}. */
  found = PART
  /** The first byte of the value, behind its attributes; 0 as long as it has not come. */
  type = 0
  /** Values that are owed before this one is complete; 0 between two. */
  private owed = 0
  /** The first byte of the line that is being read; 0 outside of one. */
  private line = 0
  private length = 0
  private isNegative = false
  /** Bytes that are left of a string and its CR LF. */
  private body = 0
  /** Bytes of the value that were read before. */
  private before = 0

  /** The bytes of the value that have come, and those of the string that is being read. */
  get size(): number {
    return this.owed === 0 ? 0 : this.before + this.body
  }

  /** A value has begun, and is not complete. */
  get isWithin(): boolean {
    return this.owed > 0
  }

  /** Reads up to the end of a value. Returns the offset after what it has read. */
  read(chunk: Buffer, from: number, end: number): number {
    let at = from
    if (this.owed === 0) {
      this.owed = 1
      this.type = 0
      this.before = 0
    }
    while (at < end) {
      if (this.body > 0) {
        const size = Math.min(this.body, end - at)
        this.body -= size
        at += size
        if (this.body > 0) break
        if (--this.owed === 0) return this.over(at)
        continue
      }
      if (this.line === 0) {
        const type = chunk[at++]
        const form = forms[type]
        if (form === 0) return this.wrong(at)
        if (this.owed === 1 && this.type === 0 && type !== ATTRIBUTE) this.type = type
        this.line = type
        this.length = 0
        this.isNegative = false
      }
      if (forms[this.line] === LINE) {
        while (at < end && chunk[at] !== LF) at++
        if (at === end) break
        at++
        this.line = 0
        if (--this.owed === 0) return this.over(at)
        continue
      }
      at = this.lengthLine(chunk, at, end)
      if (this.found === WRONG) return at
      if (this.owed === 0) return this.over(at)
    }
    this.found = PART
    this.before += at - from
    return at
  }

  /** Reads the rest of the line of a length, and the length. */
  private lengthLine(chunk: Buffer, from: number, end: number): number {
    let at = from
    for (; at < end; at++) {
      const byte = chunk[at]
      if (byte >= ZERO && byte <= ZERO + 9) this.length = this.length * 10 + byte - ZERO
      else if (byte === MINUS) this.isNegative = true
      else if (byte === LF) break
      else if (byte !== CR) return this.wrong(at)
    }
    if (at === end) return at
    const { line, length } = this
    this.line = 0
    if (forms[line] === BULK) {
      if (this.isNegative) this.owed--
      else this.body = length + 2
    } else {
      const elements = this.isNegative ? 0 : forms[line] === PAIRS ? 2 * length : length
      // An attribute is not a value.
      this.owed += line === ATTRIBUTE ? elements : elements - 1
      if (this.owed > ELEMENTS_MAX) return this.wrong(at)
    }
    return at + 1
  }

  private over(at: number): number {
    this.found = this.type === PUSHED ? PUSH : REPLY
    return at
  }

  private wrong(at: number): number {
    this.found = WRONG
    return at
  }
}
