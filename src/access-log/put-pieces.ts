// Puts the pieces of a line, each with its name and value, or nothing if there is no value.

import type { LineSlab } from '../pollset/index.js'
import { Ascii, put, putCharacter, putNumber, putSafeText, putText, putThreeDigits } from './ascii.js'
import { TEXT_CHARACTERS_MAX } from './escape.js'
import { firstMarked, type LineValues } from './fields.js'
import { CLF_TIME, FLAG, ID, NUMBER, NUMBERS, type Piece, type Pieces, RUN, TEXT, TIME } from './pieces.js'

const SLASH = 0x2f

/** Returns the end of its text: `at` if there is none. */
export function putPiece(piece: Piece, values: LineValues, slab: LineSlab, at: number): number {
  switch (piece.kind) {
    case TEXT:
      return putLogText(piece, values.texts[piece.at], slab, at)
    case ID:
      return putId(piece, values, slab, at)
    case NUMBER: {
      const value = values.numbers[piece.at]
      return value >= 0 ? putNumber(slab, put(slab, at, piece.open), value) : at
    }
    case FLAG: {
      const value = values.numbers[piece.at]
      return value >= 0 ? put(slab, at, value > 0 ? piece.open : piece.close) : at
    }
    case TIME: {
      const ms = values.numbers[piece.at]
      const second = Math.floor(ms / 1_000)
      const end = put(slab, at, piece.seconds.of(second))
      return put(slab, putThreeDigits(slab, end, (ms - second * 1_000) | 0), piece.close)
    }
    case CLF_TIME:
      return put(slab, at, piece.seconds.of(Math.floor(values.numbers[piece.at] / 1_000)))
    case NUMBERS: {
      const numbers = values.series[piece.at]
      return numbers === null ? at : putNumbers(piece, numbers, values.marks[piece.at], slab, at)
    }
    case RUN:
      return putRun(piece, values, slab, at)
    default: {
      const rows = values.lists[piece.at]
      return rows.length === 0 ? at : putText(slab, put(slab, at, piece.open), piece.rowsOf(rows))
    }
  }
}

/** Puts the pieces that have a value. */
export function putPieces(
  { firsts, others }: Pieces,
  values: LineValues,
  slab: LineSlab,
  at: number,
): number {
  let end = at
  let place = 0
  while (end === at && place < firsts.length) end = putPiece(firsts[place++], values, slab, at)
  for (; place < others.length; place++) end = putPiece(others[place], values, slab, end)
  return end
}

function putLogText(piece: Piece, text: string, slab: LineSlab, at: number): number {
  if (text === '') return at
  if (text !== piece.last) {
    piece.last = text
    piece.written = null
    return putNewText(piece, text, slab, at)
  }
  piece.written ??= new Ascii(piece.textOf(text))
  return put(slab, at, piece.written)
}

function putNewText(piece: Piece, text: string, slab: LineSlab, at: number): number {
  if (piece.isQuoted && text.length <= TEXT_CHARACTERS_MAX) {
    const end = putSafeText(slab, put(slab, at, piece.open), text)
    if (end >= 0) return put(slab, end, piece.close)
  }
  return putText(slab, at, piece.textOf(text))
}

function putId(piece: Piece, { texts, numbers }: LineValues, slab: LineSlab, at: number): number {
  const end = putText(slab, put(slab, at, piece.open), texts[piece.owner])
  if (texts[piece.letter] === '') return put(slab, end, piece.close)
  const letter = putText(slab, putCharacter(slab, end, SLASH), texts[piece.letter])
  return put(slab, putNumber(slab, letter, numbers[piece.at]), piece.close)
}

function putRun(piece: Piece, values: LineValues, slab: LineSlab, at: number): number {
  const { memory } = piece
  const written = memory.look(values)
  if (written !== null) return put(slab, at, written)
  const end = putPieces(piece.pieces, values, slab, at)
  // A line that ends behind the room is not whole.
  if (end <= slab.room) memory.keep(() => slab.bytes.toString('latin1', at, end))
  return end
}

/** The number below which 0 is written. */
const LEAST = 0.0005

function putNumbers(piece: Piece, numbers: Float64Array, marks: number, slab: LineSlab, at: number): number {
  let end = at
  for (let rest = marks; rest !== 0; rest &= rest - 1) {
    const place = firstMarked(rest)
    const value = numbers[place]
    if (value < LEAST) continue
    const name = end === at ? piece.firsts[place] : piece.others[place]
    end = putNumber(slab, put(slab, end, name), value)
  }
  return end === at ? at : put(slab, end, piece.close)
}
