// Removes secrets from logged texts: queries carry tokens, names and searches.

/** Stands for a value that is not shown. */
export const HIDDEN = '***'
/**
 * The most characters of a parameter's name. A longer one is probably a value: a token may have `=` in it.
 */
const NAME_CHARACTERS_MAX = 64

/** Returns a URL or a path with the values of its query hidden. The names stay. */
export function redactedQuery(url: string): string {
  let at = url.indexOf('?') + 1
  if (at === 0) return url
  let redacted = url.slice(0, at)
  for (let end = at; end <= url.length; end++) {
    if (end < url.length && !ENDS.has(url.charCodeAt(end))) continue
    if (end > at) redacted += redactedParameter(url, at, end)
    if (end < url.length) redacted += url[end]
    at = end + 1
  }
  return redacted
}

/** A parameter ends at `&`, `;` and `#`. */
const ENDS: ReadonlySet<number> = new Set([0x26, 0x3b, 0x23])
const EQUALS = 0x3d

function redactedParameter(url: string, start: number, end: number): string {
  const at = url.indexOf('=', start)
  if (at < 0 || at >= end || at - start > NAME_CHARACTERS_MAX) return HIDDEN
  // Only padding follows: it is a value, in base64.
  let last = at
  while (last < end && url.charCodeAt(last) === EQUALS) last++
  return last === end ? HIDDEN : `${url.slice(start, at)}=${HIDDEN}`
}

/** The hidden parts of the keys of commands: all but words before the last `:`, or none. */
export type KeyRedaction = 'ids' | 'none'

/** A part of a key that is probably no id. */
const WORD = /^[A-Za-z][A-Za-z_-]{0,31}$/

/** Returns a key with what may be an id hidden: `user:17:carts:9` becomes `user:***:carts:***`. */
export function redactedKey(key: string): string {
  const parts = key.split(':')
  return parts.map((each, at) => (at < parts.length - 1 && WORD.test(each) ? each : HIDDEN)).join(':')
}
