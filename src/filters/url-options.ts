// Reads parts of URLs in options. Each function returns the normal spelling, or a clause about the mistake.

import type { OptionReading } from './define.js'

const quoted = (text: string): string => JSON.stringify(text)
const read = (value: string): OptionReading<string> => ({ value })
const wrong = (text: string): OptionReading<string> => ({ wrong: text })

/** Reads a host name, in the form of certificates and DNS. */
export function readHostName(text: string): OptionReading<string> {
  return /^[\w-]+(?:\.[\w-]+)*\.?$/.test(text)
    ? read(text.toLowerCase())
    : wrong(`${quoted(text)} is not a host name; write a name, as backend.example.org`)
}

/** The remedies for a text that has more than a path. */
interface PathHints {
  readonly query: string
  readonly star: string
}

const MATCHED: PathHints = {
  query: 'match query parameters by query',
  star: 'a prefix takes all that begins with it, or write { pattern: REGEXP }',
}
const WRITTEN: PathHints = {
  query: 'change parameters by query: { set, remove }',
  star: 'write * as %2A, or use pattern',
}
const ASKED: PathHints = { query: 'write it as %3F', star: 'write * as %2A' }

function pathReading(text: string, hints: PathHints): OptionReading<string> {
  if (!text.startsWith('/')) return wrong(`${quoted(text)} is not a path; begin it with /`)
  const odd = /[^!"$-~]|[?#]/.exec(text)?.[0]
  if (odd === '?') return wrong(`${quoted(text)} has ?, which ends a path; ${hints.query}`)
  if (odd === '#') return wrong(`${quoted(text)} has #, which no request has; write it as %23`)
  if (odd !== undefined) return wrong(`no path has the character ${quoted(odd)}; write it as %XX`)
  return text.endsWith('*') ? wrong(`${quoted(text)} is not a pattern; ${hints.star}`) : read(text)
}

/** Reads the path of an exact match or a prefix. */
export const readPath = (text: string): OptionReading<string> => pathReading(text, MATCHED)

/** Reads a path that takes the place of that of a request, whose query stays. */
export const readWrittenPath = (text: string): OptionReading<string> => pathReading(text, WRITTEN)

/** Reads the path of a request, with or without a query. */
export function readTarget(text: string): OptionReading<string> {
  const [path, ...query] = text.split('?')
  const reading = pathReading(path, ASKED)
  if ('wrong' in reading) return reading
  const odd = /[^!"$-~]|#/.exec(query.join('?'))?.[0]
  return odd === undefined
    ? read(text)
    : wrong(`no query has the character ${quoted(odd)}; write it as %${odd === '#' ? '23' : 'XX'}`)
}
