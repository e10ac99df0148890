// Reads the path of a request target: its normalised spelling (RFC 3986 §6.2.2), its query, and whether a
// backend might read it as another path (spec/routing.md). The characters of a target are visible ASCII
// without `#`: http/ refuses all others.

import { hexOf } from './query.js'

/** The parts of a request target. */
export interface RequestPath {
  /** The path for matching: {@link normalised}. */
  readonly path: string
  /** The text after `?`, as sent; null without `?`. */
  readonly query: string | null
  /** The reason why a backend might read another path; null if it could not. */
  readonly ambiguous: string | null
}

const SLASH = 0x2f
const DOT = 0x2e
const SEMICOLON = 0x3b
const QUESTION_MARK = 0x3f
const PERCENT = 0x25
const BACKSLASH = 0x5c

const BROKEN = /%(?![\da-f]{2})/i

/** Returns the octet that is encoded here; -1 if these are not two hex digits. */
function octetAt(text: string, at: number): number {
  const high = hexOf(text.charCodeAt(at))
  const low = hexOf(text.charCodeAt(at + 1))
  return high < 0 || low < 0 ? -1 : high * 16 + low
}

/** Returns the replacement of each octet that is percent-encoded. */
function replacements(decodes: (character: string) => boolean): readonly string[] {
  return Array.from({ length: 256 }, (_, octet) => {
    const character = String.fromCharCode(octet)
    return decodes(character) ? character : `%${octet.toString(16).toUpperCase().padStart(2, '0')}`
  })
}

/** Replaces each percent-encoded octet. Returns `path` itself if nothing changes. */
function replaced(path: string, by: readonly string[]): string {
  let result = ''
  let from = 0
  for (let at = path.indexOf('%'); at >= 0; at = path.indexOf('%', at + 1)) {
    const octet = octetAt(path, at + 1)
    if (octet < 0 || path.startsWith(by[octet], at)) continue
    result += path.slice(from, at) + by[octet]
    from = at + 3
    at += 2
  }
  return from === 0 ? path : result + path.slice(from)
}

const NORMAL = replacements((character) => /[\w.~-]/.test(character))

/**
 * Decodes percent-encoded unreserved characters and writes the hex digits of all others in upper case. The
 * result is `path` itself if nothing changes.
 *
 * A path with a broken percent-encoding stays as it is: decoding could complete it (`%%32%65`).
 */
export function normalised(path: string): string {
  return !path.includes('%') || BROKEN.test(path) ? path : replaced(path, NORMAL)
}

/** Normalises the path of a target and keeps its query. Returns `target` itself if nothing changes. */
export function normalisedTarget(target: string): string {
  const mark = target.indexOf('?')
  if (mark < 0) return normalised(target)
  const first = target.indexOf('%')
  return first < 0 || first > mark ? target : normalised(target.slice(0, mark)) + target.slice(mark)
}

/** The reasons why backends read a path in more than one way. */
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
export function ambiguityOf(path: string): string | null {
  // Only the second look sees that `%25%32%65` is encoded twice.
  return faultOf(path) ?? faultOf(normalised(path))
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

/** 1 for `%`, `;` and a backslash; 2 for `/`, 3 for `?`. */
const CLASSES = new Uint8Array(256)
for (const each of '%;\\') CLASSES[each.charCodeAt(0)] = 1
CLASSES[SLASH] = 2
CLASSES[QUESTION_MARK] = 3

/**
 * Returns the length of the path in this target, if it is already normalised and can be read in only one
 * way; otherwise -1.
 */
export function plainLength(target: string): number {
  const { length } = target
  for (let i = 0; i < length; i++) {
    const kind = CLASSES[target.charCodeAt(i)]
    if (kind === 0) continue
    if (kind === 3) return i
    if (kind === 1 || beginsOddSegment(target, i + 1)) return -1
  }
  return length
}

/** Returns true if the segment that begins here is a dot segment, or is empty and not the last. */
function beginsOddSegment(target: string, start: number): boolean {
  let at = start
  if (at >= target.length) return false
  if (target.charCodeAt(at) === SLASH) return true
  while (at - start < 2 && at < target.length && target.charCodeAt(at) === DOT) at++
  if (at === start) return false
  const next = at < target.length ? target.charCodeAt(at) : SLASH
  return next === SLASH || next === SEMICOLON || next === QUESTION_MARK
}

/** A path may be ambiguous: {@link ambiguityOf} decides. */
export const DOUBTFUL = 1
/** A backend may read another path: {@link readings} lists them. */
export const READABLE = 2

/** The signs that the encodings of each octet set for a path. */
const SIGNS = new Uint8Array(256)
for (let octet = 0; octet < 256; octet++)
  if (NORMAL[octet].length > 1 && /[\t\n\r!-~]/.test(String.fromCharCode(octet))) SIGNS[octet] = READABLE
// A `%` that is encoded may be encoded twice.
for (const octet of [0, DOT, PERCENT, BACKSLASH]) SIGNS[octet] = DOUBTFUL

/** Looks once at a path as it was sent. Returns {@link DOUBTFUL} and {@link READABLE} bits. */
export function signsOf(path: string): number {
  let signs = BLANK.test(path.slice(-3)) ? READABLE : 0
  for (let i = 0; i < path.length; i++) {
    const code = path.charCodeAt(i)
    if (code === SEMICOLON) signs |= READABLE
    else if (code === BACKSLASH || (code === SLASH && beginsOddSegment(path, i + 1))) return DOUBTFUL
    else if (code === PERCENT) {
      const octet = octetAt(path, i + 1)
      signs |= octet < 0 ? DOUBTFUL : SIGNS[octet]
    }
  }
  return signs
}

/** An encoded blank or control character at the end, in either case of its digits. */
const BLANK = /%(?:[01][\da-f]|20)$/i

/** Removes `;` and the text after it from each segment, as servlet containers do. */
const withoutParameters = (path: string): string => path.replace(/;[^/]*/g, '')

/** All visible characters except `%`, as decoded by nginx and `decodeURIComponent`. */
const PLAIN = replacements((character) => /[!-$&-~]/.test(character))

/**
 * Reads a decoded path as that of a URL: without tabs and line breaks, without blanks at its end, and
 * up to `?` or `#`.
 */
function asUrl(path: string): string {
  const line = path.replace(/%0[9AD]/g, '')
  const mark = line.search(/[?#]/)
  let end = mark < 0 ? line.length : mark
  while (end >= 3 && BLANK.test(line.slice(end - 3, end))) end -= 3
  return line.slice(0, end)
}

/** Returns the other paths that a backend might read in this normalised one, the likeliest first. */
export function readings(path: string): readonly string[] {
  const all = new Set<string>()
  const plain = replaced(path, PLAIN)
  all.add(plain)
  all.add(withoutParameters(path))
  all.add(withoutParameters(plain))
  all.add(replaced(withoutParameters(path), PLAIN))
  all.add(asUrl(plain))
  all.add(withoutParameters(asUrl(plain)))
  all.delete(path)
  return [...all]
}

/**
 * Returns the normalised spelling of a path in a route. Characters that a target cannot have are encoded:
 * `/café` is `/caf%C3%A9`. Throws if no request has such a path.
 */
export function routePath(path: string): string {
  if (!path.startsWith('/')) throw new Error(`a path begins with '/': ${path}`)
  if (/[?#]/.test(path))
    throw new Error(`a path has no '?' and no '#'; queries have a match of their own: ${path}`)
  if (/\p{Cs}/u.test(path)) throw new Error('a path is Unicode text')
  return normalised(/[^!-~]/.test(path) ? path.replace(/[^!-~]+/gu, encodeURIComponent) : path)
}
