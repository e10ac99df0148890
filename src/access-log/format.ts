// The formats of a line. Each is compiled once, from the fields that it has, and then only reads them and
// puts bytes. A line is made for each request, so texts that most lines share, such as the names of routes,
// are escaped once, and no string is made for a line.

import { LineSlab, type LineWriter } from '../pollset/index.js'
import { Ascii, put, putCharacter } from './ascii.js'
import { type LineValues, type LogField, type LogFields, NO_ROWS } from './fields.js'
import { type Piece, type Pieces, pieceOf, runOf } from './pieces.js'
import { putPiece, putPieces } from './put-pieces.js'
import { JSON_STYLE, LOGFMT_STYLE, PLAIN_STYLE, type Style } from './style.js'
import { templateOf } from './template.js'

/** Puts the line of something that has ended, with its line end. It is printable ASCII. */
export type LineFormat<T> = LineWriter<T>

export const FORMATS = ['json', 'logfmt', 'combined'] as const
export type FormatName = (typeof FORMATS)[number]

/** The combined log format of Apache, as a template. */
export const COMBINED =
  // biome-ignore lint/suspicious/noTemplateCurlyInString: a template of ours
  '${client} - - [${time.clf}] "${method} ${path} ${protocol}" ${status.clf} ${bytesOut} "${request.referer}" "${request.user-agent}"'

const DASH = 0x2d
const LINE_FEED = 0x0a

/**
 * Compiles a format. Throws a RangeError if a field is unknown, or the template is malformed.
 * @param names the names of the fields, for json and logfmt; the other formats name their own
 */
export function formatOf<T>(
  fields: LogFields<T>,
  format: FormatName | { readonly template: string },
  names: readonly string[],
): LineFormat<T> {
  if (format === 'json') return joined(fields, names, JSON_STYLE, ['{', ',', '}\n'])
  if (format === 'logfmt') return joined(fields, names, LOGFMT_STYLE, ['', ' ', '\n'])
  return templateFormat(fields, format === 'combined' ? COMBINED : format.template)
}

function found<T>(fields: LogFields<T>, name: string): LogField<T> {
  const field = fields.find(name)
  if (field === null) throw new RangeError(`there is no field '${name}'`)
  return field
}

/** The source of a line's values. */
class Source<T> {
  private readonly values: LineValues
  private readonly fields: LogFields<T>
  /** The values that the protocol does not put at a place, with the places that we give them. */
  private readonly texts: { readonly at: number; readonly read: (x: T) => string }[] = []
  private readonly numbers: { readonly at: number; readonly read: (x: T) => number }[] = []
  private nextPlace: number

  constructor(fields: LogFields<T>) {
    this.fields = fields
    this.nextPlace = fields.places
    this.values = {
      texts: Array.from({ length: fields.places }, () => ''),
      numbers: Array.from({ length: fields.places }, () => Number.NaN),
      series: Array.from({ length: fields.places }, () => null),
      marks: Array.from({ length: fields.places }, () => 0),
      lists: Array.from({ length: fields.places }, () => NO_ROWS),
    }
  }

  /** Returns the values of `x`, until the next call. */
  read(x: T): LineValues {
    const { values, texts, numbers } = this
    this.fields.read(x, values)
    for (let place = 0; place < texts.length; place++) values.texts[texts[place].at] = texts[place].read(x)
    for (let place = 0; place < numbers.length; place++)
      values.numbers[numbers[place].at] = numbers[place].read(x)
    return values
  }

  /** Returns the place of a field's value. */
  placeOf(field: LogField<T>): number {
    if ('at' in field) return field.at
    const at = this.nextPlace++
    if ('text' in field) this.texts.push({ at, read: field.text })
    else this.numbers.push({ at, read: field.number })
    return at
  }
}

/** Makes the pieces of fields; neighbours that are steady become one piece. */
function piecesOf<T>(
  source: Source<T>,
  fields: readonly LogField<T>[],
  style: Style,
  separator: string,
): Pieces {
  const places = fields.map((field) => source.placeOf(field))
  const isSteady = fields.map((field) => 'steady' in field && field.steady === true)
  const firsts: Piece[] = []
  const others: Piece[] = []
  for (let from = 0; from < fields.length; ) {
    let to = from + 1
    while (isSteady[from] && to < fields.length && isSteady[to]) to++
    const pieces = (lead: string): Piece[] =>
      fields.slice(from, to).map((field, at) => pieceOf(field, places[from + at], style, lead))
    if (to - from === 1) {
      firsts.push(...pieces(''))
      others.push(...pieces(separator))
    } else {
      firsts.push(runOf({ firsts: pieces(''), others: pieces(separator) }))
      others.push(runOf({ firsts: pieces(separator), others: pieces(separator) }))
    }
    from = to
  }
  return { firsts, others }
}

/** Puts the fields that have a value, with a separator between them. */
function joined<T>(
  fields: LogFields<T>,
  names: readonly string[],
  style: Style,
  [openText, separator, closeText]: readonly [string, string, string],
): LineFormat<T> {
  const source = new Source(fields)
  const pieces = piecesOf(
    source,
    names.map((name) => found(fields, name)),
    style,
    separator,
  )
  const open = new Ascii(openText)
  const close = new Ascii(closeText)
  return (x, slab, at) => put(slab, putPieces(pieces, source.read(x), slab, put(slab, at, open)), close)
}

/** Puts `-` where there is no value. */
function templateFormat<T>(fields: LogFields<T>, text: string): LineFormat<T> {
  const template = templateOf(text)
  if (typeof template === 'string') throw new RangeError(`the template ${template}`)
  const texts = template.texts.map((each) => new Ascii(each))
  const source = new Source(fields)
  const pieces = template.names.map((name) => {
    const field = found(fields, name)
    return pieceOf(field, source.placeOf(field), PLAIN_STYLE, '')
  })
  return (x, slab, at) => {
    const values = source.read(x)
    let end = put(slab, at, texts[0])
    for (let place = 0; place < pieces.length; place++) {
      const written = putPiece(pieces[place], values, slab, end)
      end = written === end ? putCharacter(slab, end, DASH) : written
      end = put(slab, end, texts[place + 1])
    }
    return putCharacter(slab, end, LINE_FEED)
  }
}

/** Returns the line as text, for tests and tools. */
export function lineText<T>(format: LineFormat<T>, x: T): string {
  for (let room = 4096; ; room *= 2) {
    const slab = new LineSlab(room)
    const end = format(x, slab, 0)
    if (end <= room) return slab.bytes.toString('latin1', 0, end)
  }
}
