// The prefix of a plugin of Fastify, compared with a path as Fastify's router does: segment by segment and
// decoded, with or without case and double slashes. The rest of the path stays as the client wrote it.

/** The rules by which Fastify's router reads paths. */
export interface PathReading {
  readonly caseSensitive?: boolean | undefined
  readonly ignoreDuplicateSlashes?: boolean | undefined
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

/** Returns the name of a variable, without the pattern behind it: `:id` of `:id(\\d+)`. */
const variableOf = (segment: string): string | null => /^:\w+/.exec(segment)?.[0] ?? null

/** A path below a prefix. */
export interface BelowPrefix {
  /** The rest behind the prefix, with its query. */
  readonly rest: string
  readonly values: ReadonlyMap<string, string>
}

/** A prefix, whose segments may be variables: `/api/:id`. */
export class Prefix {
  readonly text: string
  readonly segments: readonly string[]
  readonly hasVariables: boolean
  private readonly reading: PathReading

  constructor(text: string, reading: PathReading = {}) {
    this.text = text
    this.reading = reading
    this.segments = text.split('/').filter((each) => each !== '')
    this.hasVariables = this.segments.some((each) => variableOf(each) !== null)
  }

  /** Returns what is behind the prefix, and the values of its variables; null if the path is not below it. */
  read(path: string): BelowPrefix | null {
    const mark = path.search(/[?#]/)
    const end = mark < 0 ? path.length : mark
    const values = new Map<string, string>()
    let at = 0
    for (const segment of this.segments) {
      if (path[at] !== '/') return null
      while (this.reading.ignoreDuplicateSlashes === true && path[at + 1] === '/') at++
      const slash = path.indexOf('/', at + 1)
      const next = slash < 0 || slash > end ? end : slash
      const text = path.slice(at + 1, next)
      const variable = variableOf(segment)
      if (variable !== null) {
        if (text === '') return null
        values.set(variable, text)
      } else if (!this.isSame(decoded(text), segment)) return null
      at = next
    }
    return { rest: path.slice(at), values }
  }

  private isSame(text: string, segment: string): boolean {
    if (this.reading.caseSensitive === false) return text.toLowerCase() === segment.toLowerCase()
    return text === segment
  }

  /** Returns this prefix with these values, and the rest behind it. */
  write(values: ReadonlyMap<string, string>, rest: string): string {
    const segments = this.segments.map((each) => values.get(variableOf(each) ?? each) ?? each)
    const before = segments.map((each) => `/${each}`).join('')
    return `${before}${rest}` || '/'
  }
}

/** Returns true if a path has a segment `..` in any spelling, also as a variable: it could leave it. */
export const leadsOut = (path: string): boolean =>
  path
    .replace(/[?#].*$/s, '')
    .split(/[\\/]|%2f|%5c/i)
    .some((each) => /^(?:\.|%2e){2}$/i.test(each))
