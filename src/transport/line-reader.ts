// Reads lines from chunks that may split them anywhere. A line that is whole in its chunk is read in place; a
// split one is gathered in a buffer. A line ends in CR LF or in LF alone, and the reader tells which:
// HTTP/1.1 refuses the latter (RFC 9112 §2.2).

/** The result of a read: the chunk ended inside a line. */
export const MORE = 0
/** A whole line, without its CR LF. */
export const LINE = 1
/** A CR without an LF after it. */
export const BARE_CR = 2
/** A whole line that ends in LF alone, without it. */
export const BARE_LF = 3
export const TOO_LONG = 4

const CR = 13
const LF = 10
const CARRY_FIRST = 128

export class LineReader {
  /** the most bytes of the current line */
  max: number
  /** The result of the last {@link read}. */
  found: number
  /** The bounds of the line in its {@link buffer}. */
  start: number
  end: number
  /** True if the chunk ended after a CR. */
  afterCr: boolean
  /** The number of bytes kept of a split line. */
  kept: number
  private carry: Buffer | null
  private inPlace: boolean

  constructor(max: number) {
    this.max = max
    this.found = MORE
    this.start = 0
    this.end = 0
    this.afterCr = false
    this.kept = 0
    this.carry = null
    this.inPlace = false
  }

  /** The bytes allocated for a split line. The longest accepted line bounds them. */
  get bufferedBytes(): number {
    return this.carry === null ? 0 : this.carry.length
  }

  /** True if the line begins at the next byte. */
  get isFresh(): boolean {
    return this.kept === 0 && !this.afterCr
  }

  /** Frees the memory for split lines, after a whole line. */
  release(): void {
    this.carry = null
  }

  /** Drops the kept part of a line. */
  drop(): void {
    this.carry = null
    this.kept = 0
  }

  /** Returns the buffer that holds the line; valid until the next read. */
  buffer(chunk: Buffer): Buffer {
    return this.inPlace ? chunk : (this.carry ?? EMPTY)
  }

  /** Reads a line, or a part of one. Returns the offset after it. */
  read(chunk: Buffer, at: number, end: number): number {
    if (this.kept === 0 && !this.afterCr) {
      const stop = Math.min(end - 2, at + this.max)
      let i = at
      for (; i <= stop; i++) {
        const c = chunk[i]
        if (c === CR || c === LF) break
      }
      if (i <= stop) {
        const bare = chunk[i] === LF
        if (bare || chunk[i + 1] === LF) {
          this.inPlace = true
          this.found = bare ? BARE_LF : LINE
          this.start = at
          this.end = i
          return bare ? i + 1 : i + 2
        }
      }
    }
    this.inPlace = false
    return this.gather(chunk, at, end)
  }

  /** Reads, byte by byte, a line that is split, too long, or has a CR inside. */
  private gather(chunk: Buffer, at: number, end: number): number {
    while (at < end) {
      const c = chunk[at++]
      if (this.afterCr) {
        this.afterCr = false
        this.finish(c === LF ? LINE : BARE_CR)
        return at
      }
      if (c === CR) this.afterCr = true
      else if (c === LF) {
        this.finish(BARE_LF)
        return at
      } else if (this.kept >= this.max) {
        this.finish(TOO_LONG)
        return at
      } else this.keep(c)
    }
    this.found = MORE
    return at
  }

  private finish(found: number): void {
    this.found = found
    this.start = 0
    this.end = this.kept
    this.kept = 0
  }

  private keep(octet: number): void {
    if (this.carry === null || this.carry.length === this.kept) {
      const larger = Buffer.allocUnsafeSlow(Math.max(CARRY_FIRST, Math.min(this.max, this.kept * 2)))
      this.carry?.copy(larger, 0, 0, this.kept)
      this.carry = larger
    }
    this.carry[this.kept++] = octet
  }
}

const EMPTY = Buffer.alloc(0)
