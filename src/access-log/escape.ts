// Escapes text of a peer for a line. For any text, the line stays one line of printable ASCII, and no
// terminal sequence begins in it. Long text is cut, and marked.

/** The most characters of one escaped text in a line; {@link CUT} follows if there were more. */
export const TEXT_CHARACTERS_MAX = 4096
/** Marks text that was cut. */
export const CUT = '[cut]'

const UNSAFE = /[^\x20-\x7e]|["\\]/

const hex = (code: number, digits: number): string => code.toString(16).padStart(digits, '0')

/** Escapes as in JSON. */
const jsonEscape = (code: number): string =>
  code === 0x22 ? '\\"' : code === 0x5c ? '\\\\' : `\\u${hex(code, 4)}`

/** Escapes as in nginx: `\x22`. */
const hexEscape = (code: number): string => (code < 0x100 ? `\\x${hex(code, 2)}` : `\\u${hex(code, 4)}`)

function escaped(text: string, escapeOf: (code: number) => string): string {
  const kept = text.length > TEXT_CHARACTERS_MAX ? text.slice(0, TEXT_CHARACTERS_MAX) : text
  if (!UNSAFE.test(kept)) return kept === text ? text : kept + CUT
  let out = ''
  for (let at = 0; at < kept.length; at++) {
    const code = kept.charCodeAt(at)
    const isSafe = code >= 0x20 && code < 0x7f && code !== 0x22 && code !== 0x5c
    const piece = isSafe ? kept[at] : escapeOf(code)
    // An escape is not cut in two.
    if (out.length + piece.length > TEXT_CHARACTERS_MAX) return out + CUT
    out += piece
  }
  return kept === text ? out : out + CUT
}

/** Returns text for a JSON string, without its quotes. It is a logfmt string too. */
export const jsonText = (text: string): string => escaped(text, jsonEscape)

/** Returns text for a line of any form: `"`, `\` and unprintable characters become `\xHH`. */
export const plainText = (text: string): string => escaped(text, hexEscape)
