// Tables of text for a terminal. Texts of peers may have control characters, none of which
// reaches the terminal.

import { stripVTControlCharacters } from 'node:util'

export interface Column<Row> {
  readonly title: string
  readonly value: (row: Row) => string
  readonly right?: boolean
  /** True if it may be cut so that the table fits; other columns are cut last. */
  readonly elastic?: boolean
  /** True if it is left out of a table that is narrower than {@link WIDE}. */
  readonly wide?: boolean
}

const GAP = 2
/** The width from which a table has all its columns. */
const WIDE = 110
/** The smallest width to which an elastic column is cut. */
const ELASTIC_MIN = 8

/**
 * Characters that a terminal may obey, or that change the order of text: controls, formats, lone surrogates.
 */
const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Cs}\u2028\u2029]/gu

/** Removes escape sequences, and replaces each other control character by `�`. */
export const printable = (text: string): string => stripVTControlCharacters(text).replace(UNPRINTABLE, '�')

/** Returns each line made {@link printable}. */
export const printableLines = (text: string): string => text.split('\n').map(printable).join('\n')

/** Returns JSON in which characters that a terminal may obey are escaped. */
export const jsonText = (value: unknown): string =>
  JSON.stringify(value).replace(UNPRINTABLE, (found) =>
    Array.from({ length: found.length }, (_, at) => escaped(found.charCodeAt(at))).join(''),
  )

const escaped = (code: number): string => `\\u${code.toString(16).padStart(4, '0')}`

/** Characters of one cell each, up to the first combining mark. */
const NARROW = /^[\x20-\x7e\xa0-\u02ff]*$/
const COMBINING = /^[\p{Mn}\p{Me}]$/u
/** Characters of East Asian Width W and F (UAX #11), and those shown as emoji. */
const WIDE_CHARACTER =
  /^[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\ua960-\ua97c\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff01-\uff60\uffe0-\uffe6\p{Emoji_Presentation}\u{17000}-\u{18cff}\u{20000}-\u{3fffd}]$/u

const cellsOfCharacter = (character: string): number =>
  COMBINING.test(character) ? 0 : WIDE_CHARACTER.test(character) ? 2 : 1

/** Returns the number of cells that a printable text takes in a terminal. */
export function cellsOf(text: string): number {
  if (NARROW.test(text)) return text.length
  let cells = 0
  for (const character of text) cells += cellsOfCharacter(character)
  return cells
}

/** Cuts a text to this number of cells, and ends it with `…` if it was cut. */
export function fitted(text: string, width: number): string {
  if (cellsOf(text) <= width) return text
  const room = width <= 1 ? width : width - 1
  let cut = ''
  let cells = 0
  for (const character of text) {
    cells += cellsOfCharacter(character)
    if (cells > room) break
    cut += character
  }
  return width <= 1 ? cut : `${cut}…`
}

/** Cuts or fills a text to this number of cells. */
function aligned(text: string, width: number, right: boolean): string {
  const cut = fitted(text, width)
  const space = ' '.repeat(Math.max(0, width - cellsOf(cut)))
  return right ? space + cut : cut + space
}

/** Returns the lines of a table, its titles first. No line is wider than `width`. */
export function tableLines<Row>(all: readonly Column<Row>[], rows: readonly Row[], width: number): string[] {
  const columns = width < WIDE ? all.filter(({ wide }) => wide !== true) : all
  const cells = rows.map((row) => columns.map(({ value }) => printable(value(row))))
  const widths = columns.map(({ title }, at) =>
    cells.reduce((most, each) => Math.max(most, cellsOf(each[at])), title.length),
  )
  let over = widths.reduce((sum, each) => sum + each + GAP, -GAP) - width
  for (const [at, { elastic }] of columns.entries()) {
    if (over <= 0 || elastic !== true) continue
    const less = Math.min(over, Math.max(0, widths[at] - ELASTIC_MIN))
    widths[at] -= less
    over -= less
  }
  const line = (texts: readonly string[]): string => {
    const parts = texts.map((text, at) => aligned(text, widths[at], columns[at].right === true))
    return fitted(parts.join(' '.repeat(GAP)).trimEnd(), width)
  }
  return [line(columns.map(({ title }) => title)), ...cells.map(line)]
}

/** Returns a time for a person: `340 ms`, `8.2 s`, `3 min`. */
export function duration(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)} ms`
  if (ms < 120_000) return `${(ms / 1000).toFixed(1)} s`
  return `${Math.round(ms / 60_000)} min`
}

/** Returns a number of bytes for a person: `512`, `12 K`, `3.4 M`. */
export function byteCount(bytes: number): string {
  if (bytes < 1024) return String(bytes)
  if (bytes < 1024 * 1024) return `${Math.round(bytes / 1024)} K`
  return `${(bytes / 1024 / 1024).toFixed(1)} M`
}
