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

/** Reads the path of an exact match or a prefix, or one that is written into a request. */
export function readPath(text: string): OptionReading<string> {
  if (!text.startsWith('/')) return wrong(`${quoted(text)} is not a path; begin it with /`)
  const odd = /[^!"$-~]|[?#]/.exec(text)
  if (odd !== null && (odd[0] === '?' || odd[0] === '#'))
    return wrong(`${quoted(text)} has ${odd[0]}, which ends a path; match query parameters by query`)
  if (odd !== null) return wrong(`no path has the character ${quoted(odd[0])}; write it as %XX`)
  if (text.endsWith('*'))
    return wrong(
      `${quoted(text)} is not a pattern; a prefix takes all that begins with it, or write { pattern: REGEXP }`,
    )
  return read(text)
}
