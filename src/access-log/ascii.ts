// Writes ASCII into a slab of lines, without strings in between, since each request makes a line. Every
// function returns the end of its text. Text that ends beyond the slab's room is not written, so the caller
// compares only the end of the line.
//
// Text is written as numbers of eight bytes, which nobody reads. The first bit of a byte of ASCII is 0, so no
// number is NaN, whose copy may differ. Later text overwrites the bytes beyond the end, or they are in the
// slab's slack.

import { LineSlab } from '../pollset/index.js'
import { numberText } from './fields.js'

const WORD = 8
/** Text is written as two words, four, or more: a loop whose end the processor guesses wrong costs more. */
const SHORTER = 2 * WORD
const SHORT = LineSlab.SLACK

/** Returns the number of words written for a text of this length. */
const wordsOf = (length: number): number =>
  length <= SHORTER ? SHORTER / WORD : Math.ceil(Math.max(SHORT, length) / WORD)

/** Keeps the words of texts together in memory, since they are written one after the other. */
export class Arena {
  private static readonly WORDS = 1_024
  private words = new Float64Array(Arena.WORDS)
  private used = 0

  /** Returns an array that has room for `size` words from `start` on. */
  take(size: number): { readonly words: Float64Array; readonly start: number } {
    if (this.used + size > this.words.length) {
      this.words = new Float64Array(Math.max(Arena.WORDS, size))
      this.used = 0
    }
    const start = this.used
    this.used += size
    return { words: this.words, start }
  }
}

/** Text that many lines share, ready to be written. */
export class Ascii {
  readonly length: number
  readonly words: Float64Array
  /** The place of its first word. */
  readonly start: number

  /** @param arena keeps its words; null: the text has its own array */
  constructor(text: string, arena: Arena | null = null) {
    const { length } = text
    const size = wordsOf(length)
    const { words, start } = arena?.take(size) ?? { words: new Float64Array(size), start: 0 }
    this.length = length
    this.words = words
    this.start = start
    const bytes = new DataView(new ArrayBuffer(size * WORD))
    for (let at = 0; at < length; at++) bytes.setUint8(at, text.charCodeAt(at))
    for (let at = 0; at < size; at++) words[start + at] = bytes.getFloat64(at * WORD, true)
  }
}

export function put(slab: LineSlab, at: number, { length, words, start }: Ascii): number {
  const end = at + length
  if (end > slab.room) return end
  const { view } = slab
  view.setFloat64(at, words[start], true)
  view.setFloat64(at + WORD, words[start + 1], true)
  if (length > SHORTER) {
    view.setFloat64(at + SHORTER, words[start + 2], true)
    view.setFloat64(at + SHORTER + WORD, words[start + 3], true)
    for (let place = 4, from = at + SHORT; from < end; place++, from += WORD)
      view.setFloat64(from, words[start + place], true)
  }
  return end
}

export function putCharacter(slab: LineSlab, at: number, code: number): number {
  if (at < slab.room) slab.view.setUint8(at, code)
  return at + 1
}

/** Writes text that is ASCII. */
export function putText(slab: LineSlab, at: number, text: string): number {
  const { length } = text
  if (at + length > slab.room) return at + length
  const { view } = slab
  for (let place = 0; place < length; place++) view.setUint8(at + place, text.charCodeAt(place))
  return at + length
}

const QUOTE = 0x22
const BACKSLASH = 0x5c

/** Writes printable ASCII without `"` and `\`. Returns -1 if the text is not that, or has no room. */
export function putSafeText(slab: LineSlab, at: number, text: string): number {
  const { length } = text
  if (at + length > slab.room) return -1
  const { view } = slab
  for (let place = 0; place < length; place++) {
    const code = text.charCodeAt(place)
    if (code < 0x20 || code > 0x7e || code === QUOTE || code === BACKSLASH) return -1
    view.setUint8(at + place, code)
  }
  return at + length
}

// Numbers are written three digits at a time, from tables.

const NUMBERS = 1_000
const NUMBER_BYTES = 4
/** The bits above the characters of a number in a table: the number of characters. */
const LENGTH_SHIFT = 24

/** Returns up to three characters for each number, in the order of the bytes, and their number. */
function digitsOf(textOf: (number: number) => string): Uint32Array {
  const digits = new Uint32Array(NUMBERS)
  for (let number = 0; number < NUMBERS; number++) {
    const text = textOf(number)
    digits[number] = text.length << LENGTH_SHIFT
    for (let at = 0; at < text.length; at++) digits[number] |= text.charCodeAt(at) << (8 * at)
  }
  return digits
}

const WHOLE = digitsOf(String)
const padded = (number: number): string => String(number).padStart(3, '0')
const PADDED = digitsOf(padded)
/** Thousandths, without zeros at the end. */
const THOUSANDTHS = digitsOf((number) => padded(number).replace(/0+$/, ''))
const POINT = 0x2e

function putDigits(slab: LineSlab, at: number, digits: number): number {
  if (at + NUMBER_BYTES <= slab.room + LineSlab.SLACK) slab.view.setUint32(at, digits, true)
  return at + (digits >>> LENGTH_SHIFT)
}

/** Thousandths of a smaller number are a 32-bit integer. */
const SMALL = 2_000_000

/** Writes a number, 0 or more, with at most three decimals. */
export function putNumber(slab: LineSlab, at: number, value: number): number {
  if (value === (value | 0)) return putWhole(slab, at, value)
  if (value >= SMALL) return putText(slab, at, numberText(value))
  const thousandths = (value * NUMBERS + 0.5) | 0
  const whole = (thousandths / NUMBERS) | 0
  const rest = (thousandths - whole * NUMBERS) | 0
  const end = putWhole(slab, at, whole)
  return rest === 0 ? end : putDigits(slab, putCharacter(slab, end, POINT), THOUSANDTHS[rest])
}

function putWhole(slab: LineSlab, at: number, whole: number): number {
  if (whole < NUMBERS) return putDigits(slab, at, WHOLE[whole])
  const thousands = (whole / NUMBERS) | 0
  return putDigits(slab, putWhole(slab, at, thousands), PADDED[(whole - thousands * NUMBERS) | 0])
}

/** Writes three digits of a number below 1,000. */
export const putThreeDigits = (slab: LineSlab, at: number, number: number): number =>
  putDigits(slab, at, PADDED[number])
