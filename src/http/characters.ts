// Which characters may stand where in a field line (RFC 9110 §5.5, §5.6.2): for whoever reads octets, and for
// whoever looks at text made of them. A character is an octet (latin1).

/** By octet: a token character in lower case (RFC 9110 §5.6.2), 0 for what is none. */
export const TOKEN_CHAR = new Uint8Array(256)
for (const c of "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz")
  TOKEN_CHAR[c.charCodeAt(0)] = c.charCodeAt(0)
for (const c of 'ABCDEFGHIJKLMNOPQRSTUVWXYZ') TOKEN_CHAR[c.charCodeAt(0)] = c.charCodeAt(0) + 32

/**
 * By octet: 1 where it may stand in a value: HTAB, SP, visible characters, obs-text (RFC 9110 §5.5). No other
 * control character in either version: what follows a message must not depend on who reads it.
 */
const VALUE_CHAR = new Uint8Array(256).fill(1, 0x20)
VALUE_CHAR[0x7f] = 0
VALUE_CHAR[0x09] = 1

export const isTokenChar = (octet: number): boolean => TOKEN_CHAR[octet] !== 0

export const isBlank = (octet: number): boolean => octet === 0x20 || octet === 0x09

/** What a method is (RFC 9110 §9.1), and a protocol's name (§7.8). */
export function isToken(text: string): boolean {
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i)
    if (c > 0xff || TOKEN_CHAR[c] === 0) return false
  }
  return text.length > 0
}

/** A name is compared, kept and sent in lower case. */
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

/** Text that may be a value: above 0xff is no octet. */
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
