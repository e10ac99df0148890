// The styles of the formats: quotes, escapes, and the text before, between and after values.

import { jsonText, plainText } from './escape.js'
import { type ListRow, numberText } from './fields.js'

export interface Style {
  /** Writes text, escaped, with quotes if it needs them. */
  readonly text: (text: string) => string
  /** The quote on both sides of text that needs no escapes; null if it is not always the same. */
  readonly quote: string | null
  /** Writes our own text: words and times. */
  readonly word: (word: string) => string
  /** The quote on both sides of our own text, if it has no space. */
  readonly wordQuote: string
  /** Returns the text before a field's value. */
  readonly begin: (name: string) => string
  /** The text before, between and after the numbers of a field, and before each. */
  readonly numbers: {
    readonly open: (name: string) => string
    readonly between: string
    readonly close: string
    readonly begin: (field: string, name: string) => string
  }
  /** Writes a list. */
  readonly rows: (columns: readonly string[], rows: readonly ListRow[]) => string
}

const quoted = (text: string): string => `"${text}"`

export const JSON_STYLE: Style = {
  text: (text) => quoted(jsonText(text)),
  quote: '"',
  word: quoted,
  wordQuote: '"',
  begin: (name) => `"${name}":`,
  numbers: {
    open: (name) => `"${name}":{`,
    between: ',',
    close: '}',
    begin: (_field, name) => `"${name}":`,
  },
  rows: (columns, rows) => jsonRows(columns, rows),
}

/** A value of logfmt that needs no quotes. */
const BARE = /^[!#-<>-[\]-~]+$/
const logfmtValue = (text: string): string => (BARE.test(text) ? text : quoted(text))

export const LOGFMT_STYLE: Style = {
  text: (text) => logfmtValue(jsonText(text)),
  quote: null,
  word: logfmtValue,
  wordQuote: '',
  begin: (name) => `${name}=`,
  numbers: { open: () => '', between: ' ', close: '', begin: (field, name) => `${field}.${name}=` },
  // The escapes of a row are those of plain text: logfmt doubles their backslash.
  rows: (columns, rows) => logfmtValue(plainRows(columns, rows).replaceAll('\\', '\\\\')),
}

export const PLAIN_STYLE: Style = {
  text: plainText,
  quote: '',
  word: (word) => word,
  wordQuote: '',
  begin: () => '',
  numbers: { open: () => '', between: ',', close: '', begin: (_field, name) => `${name}:` },
  rows: (columns, rows) => plainRows(columns, rows),
}

const plainRows = (columns: readonly string[], rows: readonly ListRow[]): string =>
  rows.map((row) => columns.map((column) => plainCell(row[column])).join('/')).join(',')

const plainCell = (value: string | number): string =>
  typeof value === 'number' ? numberText(value) : plainText(value)

const jsonRows = (columns: readonly string[], rows: readonly ListRow[]): string =>
  `[${rows.map((row) => `{${columns.flatMap((column) => jsonCell(column, row[column])).join(',')}}`).join(',')}]`

function jsonCell(name: string, value: string | number): string[] {
  if (value === '') return []
  return [`"${name}":${typeof value === 'number' ? numberText(value) : `"${jsonText(value)}"`}`]
}
