// Puts ASCII into a slab of lines, without strings in between: a line is made for each request. Every
// function returns where its text ends; text that ends behind the room of the slab is not put, so the caller
// compares the end of the line only.

import { LineSlab } from '../pollset/index.js'

/** Longer text is copied by the built-in function, which is faster then. */
const SHORT = LineSlab.SLACK
const SHORTER = SHORT / 2

/** Text that many lines have, ready to be put. */
export class Ascii {
  readonly length: number
  readonly bytes: Uint8Array
  /** The same, with zeros behind it up to {@link SHORT}. */
  readonly words: DataView

  constructor(text: string) {
    const { length } = text
    const bytes = new Uint8Array(Math.max(SHORT, length))
    for (let at = 0; at < length; at++) bytes[at] = text.charCodeAt(at)
    this.length = length
    this.bytes = bytes.subarray(0, length)
    this.words = new DataView(bytes.buffer)
  }
}

/**
 * Puts short text as numbers of eight bytes that nobody reads, always 16 or 32 bytes: a loop whose end the
 * processor guesses wrong costs more. The first bit of a byte of ASCII is 0, so none is NaN, of which a copy
 * may differ. What is put behind the end is overwritten, or is in the slab's slack.
 */
export function put(slab: LineSlab, at: number, { length, bytes, words }: Ascii): number {
  const end = at + length
  if (end > slab.room) return end
  if (length > SHORT) {
    slab.bytes.set(bytes, at)
    return end
  }
  const { view } = slab
  view.setFloat64(at, words.getFloat64(0, true), true)
  view.setFloat64(at + 8, words.getFloat64(8, true), true)
  if (length > SHORTER) {
    view.setFloat64(at + 16, words.getFloat64(16, true), true)
    view.setFloat64(at + 24, words.getFloat64(24, true), true)
  }
  return end
}

export function putCharacter(slab: LineSlab, at: number, code: number): number {
  if (at < slab.room) slab.view.setUint8(at, code)
  return at + 1
}

/** Puts text that is ASCII. */
export function putText(slab: LineSlab, at: number, text: string): number {
  const { length } = text
  if (at + length > slab.room) return at + length
  const { view } = slab
  for (let place = 0; place < length; place++) view.setUint8(at + place, text.charCodeAt(place))
  return at + length
}

const QUOTE = 0x22
const BACKSLASH = 0x5c

/** Puts text that is printable ASCII without `"` and `\`. Returns -1 if it is not, or has no room. */
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

// Numbers are put by three digits at once, out of tables.

const NUMBERS = 1_000
const NUMBER_BYTES = 4

interface Digits {
  /** Up to four characters, in the order of the bytes. */
  readonly words: Uint32Array
  readonly lengths: Uint8Array
}

function digitsOf(textOf: (number: number) => string): Digits {
  const words = new Uint32Array(NUMBERS)
  const lengths = new Uint8Array(NUMBERS)
  for (let number = 0; number < NUMBERS; number++) {
    const text = textOf(number)
    lengths[number] = text.length
    for (let at = 0; at < text.length; at++) words[number] |= text.charCodeAt(at) << (8 * at)
  }
  return { words, lengths }
}

const WHOLE = digitsOf(String)
const PADDED = digitsOf((number) => String(number).padStart(3, '0'))
/** Thousandths behind a point, without zeros at the end. */
const THOUSANDTHS = digitsOf((number) => `.${String(number).padStart(3, '0')}`.replace(/\.?0+$/, ''))

function putDigits(slab: LineSlab, at: number, { words, lengths }: Digits, number: number): number {
  if (at + NUMBER_BYTES <= slab.room + LineSlab.SLACK) slab.view.setUint32(at, words[number], true)
  return at + lengths[number]
}

/** Below it, whole numbers are divided as 32-bit integers. */
const SMALL = 0x7fffffff

/** Puts a number, 0 or more, with at most three decimals. */
export function putNumber(slab: LineSlab, at: number, value: number): number {
  if (value === (value | 0)) return putWhole(slab, at, value)
  const thousandths = Math.round(value * NUMBERS)
  if (thousandths > SMALL) return putText(slab, at, String(thousandths / NUMBERS))
  const whole = (thousandths / NUMBERS) | 0
  const rest = thousandths - whole * NUMBERS
  const end = putWhole(slab, at, whole)
  return rest === 0 ? end : putDigits(slab, end, THOUSANDTHS, rest)
}

function putWhole(slab: LineSlab, at: number, whole: number): number {
  if (whole < NUMBERS) return putDigits(slab, at, WHOLE, whole)
  const thousands = (whole / NUMBERS) | 0
  return putDigits(slab, putWhole(slab, at, thousands), PADDED, whole - thousands * NUMBERS)
}

/** Puts three digits of a number below 1,000. */
export const putThreeDigits = (slab: LineSlab, at: number, number: number): number =>
  putDigits(slab, at, PADDED, number)
