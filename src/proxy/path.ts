// Reads the path of a request target: its normalised spelling (RFC 3986 §6.2.2), its query, and whether a
// backend might read it as another path (spec/routing.md). The characters of a target are visible ASCII
// without `#`: http/ refuses all others.

/** The parts of a request target. */
export interface RequestPath {
  /** The path that is matched: {@link normalised}. */
  readonly path: string
  /** What follows `?`, as sent; null without `?`. */
  readonly query: string | null
  /** Why a backend might read another path; null if it could not. */
  readonly ambiguous: string | null
}

const ENCODED = /%[\da-f]{2}/gi
const BROKEN = /%(?![\da-f]{2})/i
const UNRESERVED = /^[\w.~-]$/

const characterOf = (encoded: string): string => String.fromCharCode(Number.parseInt(encoded.slice(1), 16))

/**
 * Decodes percent-encoded unreserved characters and writes the hex digits of all others in upper case. The
 * result is `path` itself if nothing changes.
 *
 * A path with a broken percent-encoding stays as it is: decoding could complete it (`%%32%65`).
 */
export function normalised(path: string): string {
  if (!path.includes('%') || BROKEN.test(path)) return path
  return path.replace(ENCODED, (encoded) => {
    const character = characterOf(encoded)
    return UNRESERVED.test(character) ? character : encoded.toUpperCase()
  })
}

/** Why backends read a path in more than one way. */
const AMBIGUITIES: readonly (readonly [RegExp, string])[] = [
  [BROKEN, "it has a '%' without two hex digits"],
  [/%2e/i, "it has '%2E', an encoded dot"],
  [/%25[\da-f]{2}/i, 'it is encoded twice'],
  [/\\|%5c/i, 'it has a backslash'],
  [/%00/, "it has '%00', an encoded NUL"],
  [/\/\//, "it has '//', an empty segment"],
  [/(?:^|\/)\.\.?(?:[/;]|$)/, "it has a dot segment: '.' or '..'"],
]

function faultOf(path: string): string | null {
  for (const [sign, reason] of AMBIGUITIES) if (sign.test(path)) return reason
  return null
}

/** Returns why a backend might read this path as another one; null if it could not. */
// `%25%32%65` is encoded twice too: the second look finds it.
export const ambiguityOf = (path: string): string | null => faultOf(path) ?? faultOf(normalised(path))

/** Reads a request target: a path that begins with `/`, or `*`. */
export function readPath(target: string): RequestPath {
  const mark = target.indexOf('?')
  const sent = mark < 0 ? target : target.slice(0, mark)
  return {
    path: normalised(sent),
    query: mark < 0 ? null : target.slice(mark + 1),
    ambiguous: ambiguityOf(sent),
  }
}

const SLASH = 0x2f
const DOT = 0x2e
const QUESTION_MARK = 0x3f

/** 1 for `%`, `;` and a backslash; 2 for `/`, 3 for `?`. */
const CLASSES = new Uint8Array(256)
for (const each of '%;\\') CLASSES[each.charCodeAt(0)] = 1
CLASSES[SLASH] = 2
CLASSES[QUESTION_MARK] = 3

/**
 * Returns the length of the path in this target, if it is already normalised and can be read in one way only;
 * otherwise -1. A segment that begins with a dot counts as doubtful.
 */
export function plainLength(target: string): number {
  const { length } = target
  for (let i = 0; i < length; i++) {
    const kind = CLASSES[target.charCodeAt(i)]
    if (kind === 0) continue
    if (kind === 3) return i
    if (kind === 1) return -1
    const next = i + 1 < length ? target.charCodeAt(i + 1) : 0
    if (next === SLASH || next === DOT) return -1
  }
  return length
}

/** Removes `;` and what follows it from each segment, as servlet containers do. */
const withoutParameters = (path: string): string => path.replace(/;[^/]*/g, '')

/** Decodes all visible characters but `%`, as nginx and `decodeURIComponent` do. */
const decoded = (path: string): string =>
  path.replace(/%[2-7][\da-f]/gi, (encoded) =>
    /%(?:20|25|7f)/i.test(encoded) ? encoded : characterOf(encoded),
  )

/**
 * Reads a decoded path as a URL's: without tabs and line breaks, without blanks at its end, and up to `?` or
 * `#`.
 */
const asUrl = (path: string): string =>
  path
    .replace(/%0[9AD]/g, '')
    .replace(/[?#].*$/, '')
    .replace(/(?:%[01][\dA-F]|%20)+$/, '')

/** Returns the other paths that a backend might read in this normalised one, the likeliest first. */
export function readings(path: string): readonly string[] {
  const all = new Set<string>()
  const plain = decoded(path)
  all.add(plain)
  all.add(withoutParameters(path))
  all.add(withoutParameters(plain))
  all.add(decoded(withoutParameters(path)))
  all.add(asUrl(plain))
  all.add(withoutParameters(asUrl(plain)))
  all.delete(path)
  return [...all]
}

/**
 * Returns the normalised spelling of a path in a route. Characters that a target does not have are encoded:
 * `/café` is `/caf%C3%A9`. Throws if no request has such a path.
 */
export function routePath(path: string): string {
  if (!path.startsWith('/')) throw new Error(`a path begins with '/': ${path}`)
  if (/[?#]/.test(path))
    throw new Error(`a path has no '?' and no '#'; queries have a match of their own: ${path}`)
  if (/\p{Cs}/u.test(path)) throw new Error('a path is Unicode text')
  return normalised(path.replace(/[^!-~]+/gu, encodeURIComponent))
}
