// The mistakes and warnings of a configuration, each with its place in a file.

/** A place in a text. */
export interface Place {
  /** The file; '' for a document from code. */
  readonly file: string
  /** The line, from 1; 0 for a document from code, and for a file that could not be read. */
  readonly line: number
  /** The column, from 1, in UTF-16 code units. */
  readonly column: number
}

export interface Diagnostic extends Place {
  /** The path of the setting, such as `routes[1].timeouts.head`; '' for the whole document. */
  readonly path: string
  /** The mistake, then the right way. */
  readonly message: string
}

export type Path = readonly (string | number)[]

/** Writes a path: `routes[1].match.headers."x-a.b"`. */
export function pathText(path: Path): string {
  let text = ''
  for (const key of path) {
    if (typeof key === 'number') text += `[${key}]`
    else {
      const name = /^[\w*-]+$/.test(key) ? key : JSON.stringify(key)
      text += text === '' ? name : `.${name}`
    }
  }
  return text
}

/**
 * Writes a place: `FILE:LINE:COLUMN`; the file alone if it could not be read; '' for a document from code.
 */
export const placeText = ({ file, line, column }: Place): string =>
  line === 0 ? file : `${file}:${line}:${column}`

/** Writes a diagnostic on one line: `FILE:LINE:COLUMN PATH: MESSAGE`. */
export function diagnosticText(diagnostic: Diagnostic): string {
  const { path, message } = diagnostic
  const place = placeText(diagnostic)
  const where = place === '' ? path : path === '' ? place : `${place} ${path}`
  return where === '' ? message : `${where}: ${message}`
}

/** The most errors that help. */
export const DIAGNOSTICS_MAX = 50

/** The diagnostics of one reading. */
export class Diagnostics {
  readonly errors: Diagnostic[] = []
  readonly warnings: Diagnostic[] = []
  private readonly told = new Set<string>()

  error(place: Place, path: Path | string, message: string): void {
    this.add(this.errors, place, path, message)
  }

  warn(place: Place, path: Path | string, message: string): void {
    this.add(this.warnings, place, path, message)
  }

  /**
   * Sorts by file, in the order of their first mention, and by line; keeps {@link
   * DIAGNOSTICS_MAX} of each kind.
   */
  finish(files: readonly string[]): void {
    for (const list of [this.errors, this.warnings]) {
      const rank = ({ file }: Diagnostic): number => {
        const at = files.indexOf(file)
        return at < 0 ? files.length : at
      }
      list.sort((a, b) => rank(a) - rank(b) || a.line - b.line || a.column - b.column)
      list.splice(DIAGNOSTICS_MAX)
    }
  }

  private add(list: Diagnostic[], { file, line, column }: Place, path: Path | string, message: string): void {
    const written = typeof path === 'string' ? path : pathText(path)
    const diagnostic = { file, line, column, path: shown(written), message: shown(message) }
    const text = diagnosticText(diagnostic)
    // An anchor that is used twice reports each of its mistakes once.
    if (this.told.has(text)) return
    this.told.add(text)
    list.push(diagnostic)
  }
}

/** The most characters of a message, and of a path: a wrong value may have megabytes. */
const SHOWN_MAX = 600

/** Puts a text on one line. Of a long text it cuts the middle, since the right way stands at its end. */
function shown(text: string): string {
  const short =
    text.length > SHOWN_MAX ? `${text.slice(0, SHOWN_MAX / 2)} … ${text.slice(-SHOWN_MAX / 2)}` : text
  return short.replace(/[\0-\x1f\x7f]/g, (character) => JSON.stringify(character).slice(1, -1))
}
