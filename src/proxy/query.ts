// Reads parameters of a query in the form of application/x-www-form-urlencoded, without decoding the others.

const AMPERSAND = 0x26
const EQUALS = 0x3d
const PERCENT = 0x25
const PLUS = 0x2b

/** Returns the value of a hex digit; -1 for another character. */
export function hexOf(code: number): number {
  if (code >= 0x30 && code <= 0x39) return code - 0x30
  const letter = code | 0x20
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x57 : -1
}

/** The name of a query parameter, to be found in queries. */
export class ParameterName {
  private readonly bytes: Uint8Array

  constructor(name: string) {
    this.bytes = Buffer.from(name, 'utf8')
  }

  /** Returns the decoded value of the first parameter with this name; null without one. */
  valueIn(target: string): string | null {
    const mark = target.indexOf('?')
    if (mark < 0) return null
    for (let at = mark + 1; at < target.length; ) {
      const named = this.endsAt(target, at)
      const end = target.indexOf('&', at)
      const stop = end < 0 ? target.length : end
      if (named >= 0) return named === stop ? '' : decoded(target.slice(named + 1, stop))
      at = stop + 1
    }
    return null
  }

  /** Returns the end of the parameter's name that begins here, if it is this name; otherwise -1. */
  private endsAt(target: string, start: number): number {
    const { bytes } = this
    let at = start
    for (let i = 0; i < bytes.length; i++) {
      let code = at < target.length ? target.charCodeAt(at++) : AMPERSAND
      if (code === AMPERSAND || code === EQUALS) return -1
      if (code === PLUS) code = 0x20
      else if (code === PERCENT) {
        const high = hexOf(target.charCodeAt(at))
        const low = hexOf(target.charCodeAt(at + 1))
        if (high >= 0 && low >= 0) {
          code = high * 16 + low
          at += 2
        }
      }
      if (code !== bytes[i]) return -1
    }
    if (at === target.length) return at
    const next = target.charCodeAt(at)
    // `?a=b&&c` has two parameters: an empty piece is not a parameter.
    return next === EQUALS || (next === AMPERSAND && at > start) ? at : -1
  }
}

function decoded(value: string): string {
  return /[%+]/.test(value) ? (new URLSearchParams(`v=${value}`).get('v') ?? '') : value
}
