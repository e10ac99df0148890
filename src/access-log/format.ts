// The formats of a line. Each is compiled once, of the fields that it has, and then only reads them and puts
// bytes. A line is made for each request, so what most lines share, such as the names of routes, is escaped
// once, and no string is made of a line.

import type { LineWriter } from '../pollset/index.js'
import { bytesOf, putBytes, putNumber, putText } from './bytes.js'
import { jsonText, plainText } from './escape.js'
import { type ListRow, type LogField, type LogFields, numberText, Times } from './fields.js'
import { templateOf } from './template.js'

/** Puts the line of something that has ended, with its line end. It is printable ASCII. */
export type LineFormat<T> = LineWriter<T>

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
  /** Returns the text before a field's value. */
  readonly begin: (name: string) => string
  /** The text before, between and behind the numbers of a field, and before each. */
  readonly numbers: {
    readonly open: (name: string) => string
    readonly between: number
    readonly close: string
    readonly begin: (field: string, name: string) => string
  }
  /** Writes a list; null as json does. */
  readonly rows: ((columns: readonly string[], rows: readonly ListRow[]) => string) | null
}

const COMMA = 0x2c
const SPACE = 0x20
const LINE_FEED = 0x0a
const QUOTE = 0x22
const OPEN_BRACE = 0x7b
const CLOSE_BRACE = 0x7d
const CLOSE_BRACKET = 0x5d
const DASH = 0x2d
const NOTHING = new Uint8Array(0)
const TRUE = bytesOf('true')
const FALSE = bytesOf('false')

/** A field in a format. It puts its name and its value, or nothing where there is no value. */
class Part<T> implements Piece<T> {
  private readonly field: LogField<T>
  private readonly style: Style
  private readonly times: Times
  private readonly begin: Uint8Array
  private readonly close: Uint8Array
  /** The text before each number, or before each value of a row. */
  private readonly names: readonly Uint8Array[]
  /** The last text, and how it was written: most lines have the same. */
  private last = ''
  private lastWritten: Uint8Array = NOTHING

  constructor(field: LogField<T>, style: Style, times: Times) {
    const { name, kind } = field
    this.field = field
    this.style = style
    this.times = times
    const isNumbers = kind === 'numbers'
    this.begin = bytesOf(isNumbers ? style.numbers.open(name) : style.begin(name))
    this.close = isNumbers ? bytesOf(style.numbers.close) : NOTHING
    this.names = isNumbers
      ? field.names.map((each) => bytesOf(style.numbers.begin(name, each)))
      : kind === 'list'
        ? field.columns.map((each) => bytesOf(`"${each}":`))
        : []
  }

  /** Whether most lines have the same text as the line before. */
  get isSteady(): boolean {
    const { field } = this
    return (field.kind === 'text' || field.kind === 'word') && field.steady === true
  }

  /** Returns the text of a steady field. */
  steadyText(x: T): string {
    return (this.field as { readonly read: (x: T) => string }).read(x)
  }

  write(x: T, target: Uint8Array, at: number): number {
    const { field, begin, style } = this
    switch (field.kind) {
      case 'text': {
        const text = field.read(x)
        if (text !== this.last) this.note(text, style.text)
        return putBytes(target, at, this.lastWritten)
      }
      case 'word': {
        const text = field.read(x)
        if (text !== this.last) this.note(text, style.word)
        return putBytes(target, at, this.lastWritten)
      }
      case 'number': {
        const value = field.read(x)
        return Number.isFinite(value) ? putNumber(target, putBytes(target, at, begin), value) : at
      }
      case 'flag': {
        const value = field.read(x)
        return value === null ? at : putBytes(target, putBytes(target, at, begin), value ? TRUE : FALSE)
      }
      case 'time':
        return this.putWord(target, at, this.times.text(field.read(x)))
      case 'clf-time':
        return this.putWord(target, at, this.times.clfText(field.read(x)))
      case 'numbers': {
        const values = field.read(x)
        return values === null ? at : this.putNumbers(target, at, values)
      }
      case 'list': {
        const rows = field.read(x)
        if (rows.length === 0) return at
        const to = putBytes(target, at, begin)
        return style.rows === null
          ? this.putRows(target, to, field.columns, rows)
          : putText(target, to, style.rows(field.columns, rows))
      }
    }
  }

  private note(text: string, write: (text: string) => string): void {
    this.last = text
    this.lastWritten = text === '' ? NOTHING : bytesOf(this.style.begin(this.field.name) + write(text))
  }

  private putWord(target: Uint8Array, at: number, word: string): number {
    return putText(target, putBytes(target, at, this.begin), this.style.word(word))
  }

  private putNumbers(target: Uint8Array, at: number, values: ArrayLike<number>): number {
    let to = at
    for (let place = 0; place < values.length; place++) {
      if (!(values[place] > 0)) continue
      if (to === at) to = putBytes(target, at, this.begin)
      else target[to++] = this.style.numbers.between
      to = putNumber(target, putBytes(target, to, this.names[place]), values[place])
    }
    return to === at ? at : putBytes(target, to, this.close)
  }

  /** Puts a list of json, behind its bracket. */
  private putRows(
    target: Uint8Array,
    at: number,
    columns: readonly string[],
    rows: readonly ListRow[],
  ): number {
    let to = at
    for (let row = 0; row < rows.length; row++) {
      if (row > 0) target[to++] = COMMA
      target[to++] = OPEN_BRACE
      const start = to
      for (let place = 0; place < columns.length; place++) {
        const value = rows[row][columns[place]]
        if (value === '') continue
        if (to > start) target[to++] = COMMA
        to = putBytes(target, to, this.names[place])
        if (typeof value === 'number') to = putNumber(target, to, value)
        else {
          target[to] = QUOTE
          to = putText(target, to + 1, jsonText(value))
          target[to++] = QUOTE
        }
      }
      target[to++] = CLOSE_BRACE
    }
    target[to++] = CLOSE_BRACKET
    return to
  }
}

/** Something that puts one or more fields. */
interface Piece<T> {
  /** Returns where its bytes end: `at` if there are none. */
  write(x: T, target: Uint8Array, at: number): number
}

/** Steady fields, one behind the other: most lines have the same as the line before. */
class Run<T> implements Piece<T> {
  private readonly parts: readonly Part<T>[]
  private readonly between: number
  /** The texts of the line before, and their bytes; null until two lines had the same. */
  private readonly texts: string[]
  private bytes: Uint8Array | null = null

  constructor(parts: readonly Part<T>[], between: number) {
    this.parts = parts
    this.between = between
    this.texts = parts.map(() => '')
  }

  write(x: T, target: Uint8Array, at: number): number {
    const { parts, texts } = this
    let same = true
    for (let place = 0; place < parts.length; place++) {
      const text = parts[place].steadyText(x)
      if (text === texts[place]) continue
      texts[place] = text
      same = false
    }
    if (same && this.bytes !== null) return putBytes(target, at, this.bytes)
    const end = putParts(parts, x, target, at, this.between)
    // A line that ends behind the target is not whole.
    this.bytes = same && end <= target.length ? Uint8Array.prototype.slice.call(target, at, end) : null
    return end
  }
}

function putParts<T>(
  parts: readonly Piece<T>[],
  x: T,
  target: Uint8Array,
  at: number,
  between: number,
): number {
  let end = at
  for (let place = 0; place < parts.length; place++) {
    let to = end
    if (end > at) target[to++] = between
    const written = parts[place].write(x, target, to)
    if (written > to) end = written
  }
  return end
}

/** Joins neighbours that are steady. */
function withRuns<T>(parts: readonly Part<T>[], between: number): readonly Piece<T>[] {
  const pieces: Piece<T>[] = []
  let run: Part<T>[] = []
  const close = (): void => {
    if (run.length > 1) pieces.push(new Run(run, between))
    else pieces.push(...run)
    run = []
  }
  for (const part of parts) {
    if (part.isSteady) {
      run.push(part)
      continue
    }
    close()
    pieces.push(part)
  }
  close()
  return pieces
}

/** Puts the parts that have a value, with this character between them. */
function joined<T>(
  parts: readonly Part<T>[],
  open: Uint8Array,
  between: number,
  close: Uint8Array,
): LineFormat<T> {
  const pieces = withRuns(parts, between)
  return (x, target, at) =>
    putBytes(target, putParts(pieces, x, target, putBytes(target, at, open), between), close)
}

// json

const quoted = (text: string): string => `"${text}"`

const JSON_STYLE: Style = {
  text: (text) => quoted(jsonText(text)),
  word: quoted,
  begin: (name) => `"${name}":`,
  numbers: {
    open: (name) => `"${name}":{`,
    between: COMMA,
    close: '}',
    begin: (_field, name) => `"${name}":`,
  },
  rows: null,
}

function jsonFormat<T>(fields: readonly LogField<T>[]): LineFormat<T> {
  const times = new Times()
  // The brackets of lists stand here, since rows are put behind them.
  const style = (field: LogField<T>): Style =>
    field.kind === 'list' ? { ...JSON_STYLE, begin: (name) => `"${name}":[` } : JSON_STYLE
  const parts = fields.map((field) => new Part(field, style(field), times))
  return joined(parts, bytesOf('{'), COMMA, bytesOf('}\n'))
}

// logfmt

/** A value of logfmt that needs no quotes. */
const BARE = /^[!#-<>-[\]-~]+$/
const logfmtValue = (text: string): string => (BARE.test(text) ? text : quoted(text))

const LOGFMT_STYLE: Style = {
  text: (text) => logfmtValue(jsonText(text)),
  word: logfmtValue,
  begin: (name) => `${name}=`,
  numbers: { open: () => '', between: SPACE, close: '', begin: (field, name) => `${field}.${name}=` },
  // The escapes of a row are those of plain text: logfmt doubles their backslash.
  rows: (columns, rows) => logfmtValue(plainRows(columns, rows).replaceAll('\\', '\\\\')),
}

function logfmtFormat<T>(fields: readonly LogField<T>[]): LineFormat<T> {
  const times = new Times()
  const parts = fields.map((field) => new Part(field, LOGFMT_STYLE, times))
  return joined(parts, NOTHING, SPACE, bytesOf('\n'))
}

// templates

const PLAIN_STYLE: Style = {
  text: plainText,
  word: (word) => word,
  begin: () => '',
  numbers: { open: () => '', between: COMMA, close: '', begin: (_field, name) => `${name}:` },
  rows: (columns, rows) => plainRows(columns, rows),
}

const plainRows = (columns: readonly string[], rows: readonly ListRow[]): string =>
  rows.map((row) => columns.map((column) => plainCell(row[column])).join('/')).join(',')

const plainCell = (value: string | number): string =>
  typeof value === 'number' ? numberText(value) : plainText(value)

/** Puts `-` where there is no value. */
function templateFormat<T>(fields: LogFields<T>, text: string): LineFormat<T> {
  const template = templateOf(text)
  if (typeof template === 'string') throw new RangeError(`the template ${template}`)
  const times = new Times()
  const texts = template.texts.map(bytesOf)
  const parts = template.names.map((name) => new Part(found(fields, name), PLAIN_STYLE, times))
  return (x, target, at) => {
    let end = putBytes(target, at, texts[0])
    for (let place = 0; place < parts.length; place++) {
      const written = parts[place].write(x, target, end)
      if (written === end) target[end++] = DASH
      else end = written
      end = putBytes(target, end, texts[place + 1])
    }
    target[end] = LINE_FEED
    return end + 1
  }
}

/** Returns the line as text, for tests and tools. */
export function lineText<T>(format: LineFormat<T>, x: T): string {
  const target = Buffer.alloc(1 << 20)
  return target.toString('latin1', 0, format(x, target, 0))
}
