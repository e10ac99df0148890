// The characters allowed in each part of a field line (RFC 9110 §5.5, §5.6.2), for octets and for text made
// of them. A character is one octet (latin1).

/** Maps an octet to its token character in lower case (RFC 9110 §5.6.2); 0 if it is not one. */
export const TOKEN_CHAR = new Uint8Array(256)
for (const c of "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz")
  TOKEN_CHAR[c.charCodeAt(0)] = c.charCodeAt(0)
for (const c of 'ABCDEFGHIJKLMNOPQRSTUVWXYZ') TOKEN_CHAR[c.charCodeAt(0)] = c.charCodeAt(0) + 32

/**
 * Maps an octet to 1 if a value may contain it: HTAB, SP, visible characters, obs-text (RFC 9110 §5.5). Other
 * control characters are rejected in both versions, because parsers differ on them.
 */
const VALUE_CHAR = new Uint8Array(256).fill(1, 0x20)
VALUE_CHAR[0x7f] = 0
VALUE_CHAR[0x09] = 1

export const isTokenChar = (octet: number): boolean => TOKEN_CHAR[octet] !== 0

export const isBlank = (octet: number): boolean => octet === 0x20 || octet === 0x09

/** Returns true for a token: a method (RFC 9110 §9.1) or a protocol name (§7.8). */
export function isToken(text: string): boolean {
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i)
    if (c > 0xff || TOKEN_CHAR[c] === 0) return false
  }
  return text.length > 0
}

/**
 * Returns true if the text from `from` on is a token in lower case, the form in which names are
 * stored and sent.
 */
export function isLowerToken(text: string, from: number): boolean {
  for (let i = from; i < text.length; i++) {
    const c = text.charCodeAt(i)
    if (c === 0 || TOKEN_CHAR[c] !== c) return false
  }
  return text.length > from
}

export function isText(b: Uint8Array, start: number, end: number): boolean {
  for (let i = start; i < end; i++) if (VALUE_CHAR[b[i]] === 0) return false
  return true
}

/** Returns true if this may be a field value. A character above 0xff is not an octet. */
export function isValue(text: string): boolean {
  const { length } = text
  if (length === 0) return true
  // RFC 9113 §8.2.1: no SP or HTAB at either end.
  if (isBlank(text.charCodeAt(0)) || isBlank(text.charCodeAt(length - 1))) return false
  for (let i = 0; i < length; i++) {
    const c = text.charCodeAt(i)
    if (c > 0xff || VALUE_CHAR[c] === 0) return false
  }
  return true
}
