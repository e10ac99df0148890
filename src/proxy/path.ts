// Reads the path of a request target: its normalised spelling (RFC 3986 §6.2.2), its query, and whether a
// backend might read it as another path.

/** The parts of a request target. */
export interface RequestPath {
  /** The path that is matched: {@link normalised}. */
  readonly path: string
  /** What follows `?`, as sent; null without `?`. */
  readonly query: string | null
  /** Why a backend might read another path; null if it could not. */
  readonly ambiguous: string | null
}

/**
 * Decodes percent-encoded unreserved characters and writes the hex digits of all others in upper case. The
 * result is `path` itself if nothing changes.
 *
 * A path with a broken percent-encoding stays as it is: decoding could complete it (`%%32%65`).
 */
export function normalised(path: string): string {
  if (!path.includes('%') || BROKEN.test(path)) return path
  return path.replace(ENCODED, (text, digits: string) => {
    const character = String.fromCharCode(Number.parseInt(digits, 16))
    return UNRESERVED.test(character) ? character : text.toUpperCase()
  })
}

const ENCODED = /%([\da-f]{2})/gi
const BROKEN = /%(?![\da-f]{2})/i
const UNRESERVED = /^[\w.~-]$/

/** Parts of a path that backends read in more than one way, and what they are called. */
const AMBIGUITIES: readonly (readonly [RegExp, string])[] = [
  [BROKEN, "'%' without two hex digits"],
  [/%2e/i, "'%2E', an encoded dot"],
  [/%25[\da-f]{2}/i, "'%25' before two hex digits, a double encoding"],
  [/\\|%5c/i, 'a backslash'],
  [/%00/, "'%00', an encoded NUL"],
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is looked for.
  [/[\0-\x20\x7f]/, 'a control character'],
  [/#/, "'#', which begins a fragment"],
  [/\/\//, "'//', an empty segment"],
  [/(?:^|\/)\.\.?(?:[/;]|$)/, "'.' or '..', a dot segment"],
]

/** Returns why a backend might read this path as another one; null if it could not. */
export function ambiguityOf(path: string): string | null {
  // Double encodings may be spelt with encoded digits: `%25%32%65`.
  const plain = normalised(path)
  for (const [found, reason] of AMBIGUITIES) if (found.test(path) || found.test(plain)) return reason
  return null
}

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
