// Tables of text for a terminal. Texts of peers may have control characters: none of them reaches the
// terminal.

import { stripVTControlCharacters } from 'node:util'

export interface Column<Row> {
  readonly title: string
  readonly value: (row: Row) => string
  readonly right?: boolean
  /** It may be cut so that the table fits; columns without this are cut last. */
  readonly elastic?: boolean
  /** It is left out of a table that is narrower than {@link WIDE}. */
  readonly wide?: boolean
}

const GAP = 2
/** The width from which a table has all its columns. */
const WIDE = 110
/** The least width of an elastic column that is cut. */
const ELASTIC_MIN = 8

/** Removes escape sequences, and replaces each other control character by `�`. */
export const printable = (text: string): string =>
  stripVTControlCharacters(text).replace(/[\p{Cc}\p{Cf}\u2028\u2029]/gu, '�')

/** Cuts a text to this width, and ends it with `…` if it was cut. */
export const fitted = (text: string, width: number): string =>
  text.length <= width
    ? text
    : width <= 1
      ? text.slice(0, Math.max(0, width))
      : `${text.slice(0, width - 1)}…`

/** Returns the lines of a table, its titles first. No line is wider than `width`. */
export function tableLines<Row>(all: readonly Column<Row>[], rows: readonly Row[], width: number): string[] {
  const columns = width < WIDE ? all.filter(({ wide }) => wide !== true) : all
  const cells = rows.map((row) => columns.map(({ value }) => printable(value(row))))
  const widths = columns.map(({ title }, at) =>
    Math.max(title.length, ...cells.map((each) => each[at].length)),
  )
  let over = widths.reduce((sum, each) => sum + each + GAP, -GAP) - width
  for (const [at, { elastic }] of columns.entries()) {
    if (over <= 0 || elastic !== true) continue
    const less = Math.min(over, Math.max(0, widths[at] - ELASTIC_MIN))
    widths[at] -= less
    over -= less
  }
  const line = (texts: readonly string[]): string => {
    const parts = texts.map((text, at) => {
      const cut = fitted(text, widths[at])
      return columns[at].right === true ? cut.padStart(widths[at]) : cut.padEnd(widths[at])
    })
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
