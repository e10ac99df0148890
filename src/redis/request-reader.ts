// Reads commands from chunks that may split them anywhere (RESP: arrays of bulk strings, or lines).
//
// A command that is whole in its chunk is read in place; the beginning of one is kept until the rest has
// come. One that is larger than `largeBytes` is found LARGE as soon as that is known, with its name and its
// received part; the rest follows as pieces, so it is never whole in memory. Input that a server could read
// in another way is refused.

import type { KeptBytes } from '../transport/index.js'
import { arrayOf, splitLine } from './inline.js'
import { LargeScan } from './large-scan.js'

/** The chunk ended within a command. */
export const MORE = 0
/** A whole command: `buffer` from `start` to `end`, with its arguments. */
export const COMMAND = 1
/** Not a command: `fault` says why. Nothing after it can be read. */
export const BAD = 2
/** The beginning of a large command: `buffer` from `start` to `end`, with the arguments that have come. */
export const LARGE = 3
/** A part of the large command: `buffer` from `start` to `end`; `last`: it is complete. */
export const PIECE = 4
/** An empty command, which has no reply. */
export const NOTHING = 5

const CR = 13
const LF = 10
const STAR = 0x2a
const DOLLAR = 0x24
const MINUS = 0x2d
const ZERO = 0x30
const ARGUMENTS_MAX = 0x7fffffff
const LINE_BYTES_MAX = 64 * 1024
/** The bytes of the line of a length: a type, a sign, 19 digits, CR LF. */
const LENGTH_LINE_MAX = 23
/** kept bytes from which on their block is handed over: below, copying is cheaper */
const HANDED_OVER = 4 * 1024
/** {@link RequestReader.lengthAt}: there is no length. */
const UNREAD = Number.NEGATIVE_INFINITY

const shown = (byte: number): string =>
  byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : `\\x${byte.toString(16).padStart(2, '0')}`

export class RequestReader {
  /** The outcome of the last {@link read}. */
  found = MORE
  buffer: Buffer
  start = 0
  end = 0
  /** The number of arguments of the command, including its name. */
  count = 0
  /** The offsets of the arguments in `buffer`; `known` is their number. */
  from = new Int32Array(64)
  to = new Int32Array(64)
  known = 0
  last = false
  fault = ''
  private readonly largeBytes: number
  private readonly bulkBytesMax: number
  private kept: KeptBytes
  /** The offset of what is read next, from the beginning of the command. */
  private at = 0
  /** The number of arguments that are not complete; -1 if the first line is not. */
  private left = -1
  /** The end of the argument that is being read, from the beginning of the command; -1 outside of one. */
  private bulkEnd = -1
  private scan: LargeScan | null = null

  /**
   * @param largeBytes the bytes of a command that is kept
   * @param bulkBytesMax the bytes of an argument
   */
  constructor(kept: KeptBytes, largeBytes: number, bulkBytesMax: number) {
    this.kept = kept
    this.buffer = kept.bytes
    this.largeBytes = largeBytes
    this.bulkBytesMax = bulkBytesMax
  }

  /** A command has begun, and is not complete. */
  get isWithin(): boolean {
    return this.scan !== null || (this.kept.length > 0 && this.found === MORE)
  }

  /** Reads up to the end of a command. Returns the offset after what it has read. */
  read(chunk: Buffer, from: number, end: number): number {
    if (this.scan !== null) return this.piece(this.scan, chunk, from, end)
    if (this.found !== MORE) this.begin()
    if (this.kept.length === 0) {
      this.parse(chunk, from, end)
      if (this.found === MORE) this.keep(chunk, from, end)
      return this.found === MORE || this.found === LARGE ? end : from + this.at
    }
    let at = from
    while (at < end && this.found === MORE) {
      const to = this.wanted(chunk, at, end)
      this.kept.append(chunk, at, to, this.bulkEnd + 2)
      at = to
      this.parse(this.kept.bytes, 0, this.kept.length)
    }
    return at
  }

  /** Keeps the beginning of a command: its arguments lie elsewhere now. */
  private keep(chunk: Buffer, from: number, end: number): void {
    this.kept.append(chunk, from, end, this.bulkEnd + 2)
    for (let at = 0; at < this.known; at++) {
      this.from[at] -= from
      this.to[at] -= from
    }
  }

  /** Gives the kept bytes to the command that was read; null if it has few, or lies in the chunk. */
  handOver(): KeptBytes | null {
    const { kept } = this
    if (kept.length < HANDED_OVER) return null
    this.kept = kept.another()
    return kept
  }

  /** Forgets the received part of a command. */
  release(): void {
    this.scan = null
    this.begin()
  }

  private begin(): void {
    if (this.kept.length > 0) this.kept.clear()
    this.found = MORE
    this.at = 0
    this.left = -1
    this.bulkEnd = -1
    this.known = 0
    this.count = 0
  }

  /**
   * Returns the offset up to which the chunk certainly belongs to the command: the end of an
   * argument, or of a line.
   */
  private wanted(chunk: Buffer, at: number, end: number): number {
    if (this.bulkEnd >= 0) return Math.min(end, at + this.bulkEnd + 2 - this.kept.length)
    const lf = chunk.indexOf(LF, at)
    return lf < 0 || lf >= end ? end : lf + 1
  }

  private piece(scan: LargeScan, chunk: Buffer, from: number, end: number): number {
    if (this.kept.length > 0) this.kept.clear()
    const at = scan.read(chunk, from, end)
    this.buffer = chunk
    this.start = from
    this.end = at
    this.last = scan.isOver
    this.found = PIECE
    if (scan.fault !== null) this.bad(scan.fault)
    if (scan.isOver || scan.fault !== null) this.scan = null
    return at
  }

  private parse(buffer: Buffer, base: number, end: number): void {
    this.buffer = buffer
    this.start = base
    if (this.left < 0) {
      if (buffer[base] !== STAR) {
        this.parseLine(buffer, base, end)
        return
      }
      const count = this.lengthAt(buffer, base, end, 'invalid multibulk length', ARGUMENTS_MAX)
      if (count === UNREAD) return
      if (count <= 0) {
        this.found = NOTHING
        return
      }
      this.count = count
      this.left = count
    }
    while (this.left > 0) {
      if (this.bulkEnd < 0 && !this.parseLength(buffer, base, end)) return
      const bulkEnd = base + this.bulkEnd
      if (bulkEnd + 2 > end) {
        this.unfinished(base, end)
        return
      }
      if (buffer[bulkEnd] !== CR || buffer[bulkEnd + 1] !== LF) {
        this.bad('expected CR LF after a bulk string')
        return
      }
      this.at = this.bulkEnd + 2
      this.bulkEnd = -1
      this.left--
    }
    this.end = base + this.at
    this.found = COMMAND
  }

  /** Reads the line that begins an argument. Returns true if it is there. */
  private parseLength(buffer: Buffer, base: number, end: number): boolean {
    const at = base + this.at
    if (at < end && buffer[at] !== DOLLAR) {
      this.bad(`expected '$', got '${shown(buffer[at])}'`)
      return false
    }
    const length =
      at < end ? this.lengthAt(buffer, base, end, 'invalid bulk length', this.bulkBytesMax) : UNREAD
    if (length < 0) {
      if (length !== UNREAD) this.bad('invalid bulk length')
      else if (this.found === MORE) this.unfinished(base, end)
      return false
    }
    this.bulkEnd = this.at + length
    if (this.known === this.from.length) {
      this.from = doubled(this.from)
      this.to = doubled(this.to)
    }
    this.from[this.known] = base + this.at
    this.to[this.known++] = base + this.bulkEnd
    return true
  }

  /** The end of what has come is reached: it is kept, or the command is a large one. */
  private unfinished(base: number, end: number): void {
    if (Math.max(this.bulkEnd + 2, end - base) <= this.largeBytes) return
    const within = this.bulkEnd >= 0
    const left = within ? this.left - 1 : this.left
    const body = within ? base + this.bulkEnd + 2 - end : 0
    this.scan = new LargeScan(left, body, this.bulkBytesMax)
    // The beginning of a length's line.
    if (!within) this.scan.read(this.buffer, base + this.at, end)
    this.end = end
    this.found = LARGE
  }

  /** Reads the length behind a type, and its line's end. */
  private lengthAt(buffer: Buffer, base: number, end: number, wrong: string, most: number): number {
    let at = base + this.at + 1
    let sign = 1
    if (buffer[at] === MINUS && at < end) {
      sign = -1
      at++
    }
    let length = 0
    const first = at
    while (at < end) {
      const digit = buffer[at] - ZERO
      if (digit < 0 || digit > 9) break
      length = length * 10 + digit
      at++
    }
    if (at + 1 >= end && (at === end || buffer[at] === CR)) {
      if (at - base - this.at > LENGTH_LINE_MAX) this.bad(wrong)
      return UNREAD
    }
    if (at === first || buffer[at] !== CR || buffer[at + 1] !== LF || length > most) {
      this.bad(wrong)
      return UNREAD
    }
    this.at = at + 2 - base
    return sign * length
  }

  /** Reads a command that is a line, and writes it as an array, for the server to read it as we did. */
  private parseLine(buffer: Buffer, base: number, end: number): void {
    const lf = buffer.indexOf(LF, base)
    if (lf < 0 || lf >= end) {
      if (end - base > LINE_BYTES_MAX) this.bad('too big inline request')
      return
    }
    const words = splitLine(buffer.toString('latin1', base, lf > base && buffer[lf - 1] === CR ? lf - 1 : lf))
    if (words === null) {
      this.bad('unbalanced quotes in request')
      return
    }
    this.found = NOTHING
    if (words.length > 0) {
      const array = arrayOf(words)
      this.parse(array, 0, array.length)
    }
    // The chunk's part of it is the line.
    this.at = lf + 1 - base
  }

  private bad(fault: string): void {
    this.fault = fault
    this.found = BAD
  }
}

function doubled(array: Int32Array<ArrayBuffer>): Int32Array<ArrayBuffer> {
  const larger = new Int32Array(array.length * 2)
  larger.set(array)
  return larger
}
