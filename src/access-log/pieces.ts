// The pieces of a line: each is a field, or a run of fields that most lines share. All are of one class, for
// all kinds: V8 then compiles the code that puts them as a whole (put-pieces.ts).

import { Ascii } from './ascii.js'
import type { ListRow, LogField } from './fields.js'
import { RunMemory } from './run-memory.js'
import type { Style } from './style.js'
import { clfText, isoText, Seconds } from './times.js'

// Kinds of a piece.
export const TEXT = 0
export const ID = 1
export const NUMBER = 2
export const FLAG = 3
export const TIME = 4
export const CLF_TIME = 5
export const NUMBERS = 6
export const LIST = 7
export const RUN = 8

const EMPTY = new Ascii('')
const NO_SECONDS = new Seconds(() => '')
const NO_MEMORY = new RunMemory([], [])
const NO_PIECES: Pieces = { firsts: [], others: [] }

/** Returns text with its name, quoted and escaped. */
type TextWriter = (text: string) => string

const asItIs: TextWriter = (text) => text
const noRows = (_rows: readonly ListRow[]): string => ''

/** One field, or a run. The parts that a kind does not need are empty. */
export class Piece {
  kind = LIST
  /** The place of the value. */
  at = 0
  /** The places of the other parts of an id. */
  owner = 0
  letter = 0
  /** The text before and after the value; for a flag, true and false. */
  open = EMPTY
  close = EMPTY
  /** Text with quotes on both sides, unless it must be escaped. */
  isQuoted = false
  textOf = asItIs
  /** The last text, and its written form; null until two lines had it. */
  last = ''
  written: Ascii | null = null
  /** Writes the rows of a list. */
  rowsOf = noRows
  seconds = NO_SECONDS
  /** The text before each number: for the first, and for the others. */
  firsts: readonly Ascii[] = []
  others: readonly Ascii[] = []
  /** The pieces of a run. */
  pieces = NO_PIECES
  memory = NO_MEMORY
}

/** Pieces in a row, with a separator between those that have a value. */
export interface Pieces {
  /** The pieces without a separator, up to the first that has a value. */
  readonly firsts: readonly Piece[]
  /** The same, each with the separator before it. */
  readonly others: readonly Piece[]
}

/**
 * Makes the piece of a field.
 * @param at the place of its value
 * @param lead the text before it
 */
export function pieceOf<T>(field: LogField<T>, at: number, style: Style, lead: string): Piece {
  const { name, kind } = field
  const { numbers, wordQuote } = style
  const begin = lead + style.begin(name)
  const piece = new Piece()
  piece.at = at
  switch (kind) {
    case 'text':
    case 'word': {
      const write = kind === 'text' ? style.text : style.word
      piece.kind = TEXT
      piece.isQuoted = style.quote !== null
      piece.open = new Ascii(begin + (style.quote ?? ''))
      piece.close = new Ascii(style.quote ?? '')
      piece.textOf = (text) => begin + write(text)
      break
    }
    case 'id':
      piece.kind = ID
      piece.owner = field.owner
      piece.letter = field.letter
      piece.open = new Ascii(begin + wordQuote)
      piece.close = new Ascii(wordQuote)
      break
    case 'number':
      piece.kind = NUMBER
      piece.open = new Ascii(begin)
      break
    case 'flag':
      piece.kind = FLAG
      piece.open = new Ascii(`${begin}true`)
      piece.close = new Ascii(`${begin}false`)
      break
    case 'time':
      piece.kind = TIME
      piece.seconds = new Seconds((second) => begin + wordQuote + isoText(second))
      piece.close = new Ascii(`Z${wordQuote}`)
      break
    case 'clf-time':
      piece.kind = CLF_TIME
      piece.seconds = new Seconds((second) => begin + style.word(clfText(second)))
      break
    case 'numbers': {
      const namesOf = (before: string): Ascii[] =>
        field.names.map((each) => new Ascii(before + numbers.begin(name, each)))
      piece.kind = NUMBERS
      piece.firsts = namesOf(lead + numbers.open(name))
      piece.others = namesOf(numbers.between)
      piece.close = new Ascii(numbers.close)
      break
    }
    case 'list':
      piece.open = new Ascii(begin)
      piece.rowsOf = (rows) => style.rows(field.columns, rows)
      break
  }
  return piece
}

/** Makes one piece of texts, numbers and flags. */
export function runOf(pieces: Pieces): Piece {
  const piece = new Piece()
  const texts = pieces.others.filter(({ kind }) => kind === TEXT)
  const numbers = pieces.others.filter(({ kind }) => kind !== TEXT)
  piece.kind = RUN
  piece.pieces = pieces
  piece.memory = new RunMemory(
    texts.map(({ at }) => at),
    numbers.map(({ at }) => at),
  )
  return piece
}
