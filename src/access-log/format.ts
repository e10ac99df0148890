// The formats of a line. Each is compiled once, of the fields that it has, and then only reads and joins. A
// line is made for each request, so what most lines share, such as the names of routes, is escaped once.

import { jsonText, plainText } from './escape.js'
import { type ListRow, type LogField, type LogFields, numberText, Times } from './fields.js'
import { templateOf } from './template.js'

/** Returns the line of something that has ended, with its line end. It is printable ASCII. */
export type LineFormat<T> = (x: T) => string

export const FORMATS = ['json', 'logfmt', 'combined'] as const
export type FormatName = (typeof FORMATS)[number]

/** The combined log format of Apache, as a template. */
export const COMBINED =
  // biome-ignore lint/suspicious/noTemplateCurlyInString: a template of ours
  '${client} - - [${time.clf}] "${method} ${path} ${protocol}" ${status.clf} ${bytesOut} "${request.referer}" "${request.user-agent}"'

/**
 * Compiles a format. Throws a RangeError if a field is unknown, or the template is not one.
 * @param names of the fields, for json and logfmt; the others name their own
 */
export function formatOf<T>(
  fields: LogFields<T>,
  format: FormatName | { readonly template: string },
  names: readonly string[],
): LineFormat<T> {
  if (format === 'json') return jsonFormat(names.map((name) => found(fields, name)))
  if (format === 'logfmt') return logfmtFormat(names.map((name) => found(fields, name)))
  return templateFormat(fields, format === 'combined' ? COMBINED : format.template)
}

function found<T>(fields: LogFields<T>, name: string): LogField<T> {
  const field = fields.find(name)
  if (field === null) throw new RangeError(`there is no field '${name}'`)
  return field
}

/** How a format writes values. */
interface Style {
  /** Writes text, escaped, with quotes if it needs them. */
  readonly text: (text: string) => string
  /** The same for our own text: words and times. */
  readonly word: (word: string) => string
  /** Writes the numbers that are not 0, behind `begin`; '' if none is. */
  readonly numbers: (begin: string, names: readonly string[], values: ArrayLike<number>) => string
  readonly rows: (columns: readonly string[], rows: readonly ListRow[]) => string
}

/** A field in a format. It returns what it writes, behind what begins it; '' where there is no value. */
class Part<T> {
  private readonly field: LogField<T>
  private readonly begin: string
  private readonly style: Style
  private readonly times: Times
  /** The last text, and how it was written: most lines have the same. */
  private last = ''
  private lastWritten = ''

  constructor(field: LogField<T>, begin: string, style: Style, times: Times) {
    this.field = field
    this.begin = begin
    this.style = style
    this.times = times
  }

  write(x: T): string {
    const { field, begin, style } = this
    switch (field.kind) {
      case 'text': {
        const text = field.read(x)
        return text === this.last ? this.lastWritten : this.note(text, style.text)
      }
      case 'word': {
        const text = field.read(x)
        return text === this.last ? this.lastWritten : this.note(text, style.word)
      }
      case 'number': {
        const value = field.read(x)
        return Number.isFinite(value) ? begin + numberText(value) : ''
      }
      case 'flag': {
        const value = field.read(x)
        return value === null ? '' : begin + String(value)
      }
      case 'time':
        return begin + style.word(this.times.text(field.read(x)))
      case 'clf-time':
        return begin + style.word(this.times.clfText(field.read(x)))
      case 'numbers': {
        const values = field.read(x)
        return values === null ? '' : style.numbers(begin, field.names, values)
      }
      case 'list': {
        const rows = field.read(x)
        return rows.length === 0 ? '' : begin + style.rows(field.columns, rows)
      }
    }
  }

  private note(text: string, write: (text: string) => string): string {
    this.last = text
    this.lastWritten = text === '' ? '' : this.begin + write(text)
    return this.lastWritten
  }
}

// json

const quoted = (text: string): string => `"${text}"`

const JSON_STYLE: Style = {
  text: (text) => `"${jsonText(text)}"`,
  word: quoted,
  numbers(begin, names, values) {
    let text = ''
    for (let at = 0; at < values.length; at++) {
      if (!(values[at] > 0)) continue
      text += `${text === '' ? begin : ','}"${names[at]}":${numberText(values[at])}`
    }
    return text === '' ? '' : `${text}}`
  },
  rows(columns, rows) {
    let text = '['
    for (let row = 0; row < rows.length; row++) {
      text += row === 0 ? '{' : ',{'
      let between = ''
      for (let at = 0; at < columns.length; at++) {
        const value = rows[row][columns[at]]
        if (value === '') continue
        text += `${between}"${columns[at]}":${typeof value === 'number' ? numberText(value) : quoted(jsonText(value))}`
        between = ','
      }
      text += '}'
    }
    return `${text}]`
  },
}

function jsonFormat<T>(fields: readonly LogField<T>[]): LineFormat<T> {
  const times = new Times()
  const make = (before: string) =>
    fields.map(
      (field) =>
        new Part(field, `${before}"${field.name}":${field.kind === 'numbers' ? '{' : ''}`, JSON_STYLE, times),
    )
  return joined(make(''), make(','), '{', '}\n')
}

/** Joins what the parts write. @param first the same parts, to begin a line */
function joined<T>(
  first: readonly Part<T>[],
  rest: readonly Part<T>[],
  before: string,
  behind: string,
): LineFormat<T> {
  return (x) => {
    let line = before
    let at = 0
    for (; at < first.length && line.length === before.length; at++) line += first[at].write(x)
    for (; at < rest.length; at++) line += rest[at].write(x)
    return line + behind
  }
}

// logfmt

/** A value of logfmt that needs no quotes. */
const BARE = /^[!#-<>-[\]-~]+$/
const logfmtValue = (text: string): string => (BARE.test(text) ? text : quoted(text))

const LOGFMT_STYLE: Style = {
  text: (text) => logfmtValue(jsonText(text)),
  word: logfmtValue,
  numbers(begin, names, values) {
    let text = ''
    const next = begin.startsWith(' ') ? begin : ` ${begin}`
    for (let at = 0; at < values.length; at++)
      if (values[at] > 0) text += `${text === '' ? begin : next}${names[at]}=${numberText(values[at])}`
    return text
  },
  // The escapes of a row are those of plain text: logfmt doubles their backslash.
  rows: (columns, rows) => logfmtValue(plainRows(columns, rows).replaceAll('\\', '\\\\')),
}

function logfmtFormat<T>(fields: readonly LogField<T>[]): LineFormat<T> {
  const times = new Times()
  const make = (before: string) =>
    fields.map(
      (field) =>
        new Part(field, `${before}${field.name}${field.kind === 'numbers' ? '.' : '='}`, LOGFMT_STYLE, times),
    )
  return joined(make(''), make(' '), '', '\n')
}

// templates

const PLAIN_STYLE: Style = {
  text: plainText,
  word: (word) => word,
  numbers(_begin, names, values) {
    let text = ''
    for (let at = 0; at < values.length; at++)
      if (values[at] > 0) text += `${text === '' ? '' : ','}${names[at]}:${numberText(values[at])}`
    return text
  },
  rows: (columns, rows) => plainRows(columns, rows),
}

const plainRows = (columns: readonly string[], rows: readonly ListRow[]): string =>
  rows.map((row) => columns.map((column) => plainCell(row[column])).join('/')).join(',')

const plainCell = (value: string | number): string =>
  typeof value === 'number' ? numberText(value) : plainText(value)

/** Writes `-` where there is no value. */
function templateFormat<T>(fields: LogFields<T>, text: string): LineFormat<T> {
  const template = templateOf(text)
  if (typeof template === 'string') throw new RangeError(`the template ${template}`)
  const { texts, names } = template
  const times = new Times()
  const parts = names.map((name) => new Part(found(fields, name), '', PLAIN_STYLE, times))
  return (x) => {
    let line = texts[0]
    for (let at = 0; at < parts.length; at++) {
      const value = parts[at].write(x)
      line += (value === '' ? '-' : value) + texts[at + 1]
    }
    return `${line}\n`
  }
}
