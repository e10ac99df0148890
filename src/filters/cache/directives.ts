// Cache-Control by its grammar (RFC 9111 §5.2): names in any case, values as tokens or quoted strings. A
// malformed number makes a response stale, never fresh.

export type Directives = ReadonlyMap<string, string | true>

const NONE: ReadonlyMap<string, string | true> = new Map()

/** One member: a name, and perhaps `=` with a token or a quoted string. */
const MEMBER = /\s*([^\s",;=]+)(?:=(?:"((?:[^"\\]|\\.)*)"|([^\s",;]*)))?\s*(?:,|$)/y
/** Up to the next comma outside of a quoted string. */
const REST = /(?:"(?:[^"\\]|\\.)*"|[^",])*(?:,|$|")/y

/** Reads a field value. Of a directive that comes twice, the first counts. */
export function directivesOf(value: string | null): Directives {
  if (value === null) return NONE
  const found = new Map<string, string | true>()
  let at = 0
  while (at < value.length) {
    MEMBER.lastIndex = at
    const member = MEMBER.exec(value)
    if (member === null) {
      REST.lastIndex = at
      REST.exec(value)
      at = Math.max(REST.lastIndex, at + 1)
      continue
    }
    at = MEMBER.lastIndex
    const name = member[1].toLowerCase()
    const text = member[2]?.replace(/\\(.)/g, '$1') ?? member[3] ?? true
    if (!found.has(name)) found.set(name, text)
    else if (found.get(name) !== text && SECONDS.has(name)) found.set(name, '0')
  }
  return found
}

/** Directives whose value is a number of seconds: two different ones count as none (RFC 9111 §4.2.1). */
const SECONDS: ReadonlySet<string> = new Set(['max-age', 's-maxage'])

/** The largest number of seconds that is distinguished (RFC 9111 §1.2.2). */
const SECONDS_MAX = 2_147_483_648

/** Returns a number of seconds; null if the directive is missing, and 0 if it is malformed. */
export function secondsOf(directives: Directives, name: string): number | null {
  const value = directives.get(name)
  if (value === undefined) return null
  if (value === true || !/^\d+$/.test(value)) return 0
  return Math.min(Number(value), SECONDS_MAX)
}
