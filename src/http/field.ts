// A field line of either HTTP version: a name, a value, and properties derived from them once. It knows no
// wire format.
//
// Fields are compared by identity. A decoder returns the same object for the same table entry, and an encoder
// finds the index of that object without reading a string. So a Field is immutable, its token and validity
// are computed when it is made, and equal text on many connections is interned into one object (FieldTable).
//
// Strings are latin1: one character is one octet, so obs-text passes unchanged.

import { isLowerToken, isToken, isValue } from './characters.js'
import { Token, tokenOf } from './token.js'

// Bits of Field.faults.
export const NAME_INVALID = 1
export const VALUE_INVALID = 2
/** The value has valid characters, but not the syntax of this field. */
export const FORM_INVALID = 4

/** RFC 3986 §3.1: a letter, then letters, digits, + - . */
const isScheme = (value: string) => /^[A-Za-z][A-Za-z0-9+\-.]*$/.test(value)
/**
 * A host that is not empty (RFC 9110 §4.2.1), as an address in brackets or a name (RFC 3986 §3.2.2), and a
 * port of digits; userinfo must not be there (RFC 9113 §8.3.1).
 */
const isAuthority = (value: string) =>
  /^(?:\[[0-9A-Fa-f:.]+\]|(?:[A-Za-z0-9\-._~!$&'()*+,;=]|%[0-9A-Fa-f]{2})+)(?::[0-9]*)?$/.test(value)

/**
 * Returns true for a path and query, or `*`: visible ASCII only (RFC 3986 §2), so that no HTTP/1.1 parser can
 * find a second line in it.
 */
function isPath(value: string): boolean {
  const first = value.charCodeAt(0)
  if (first !== 0x2f && value !== '*') return false
  for (let i = 1; i < value.length; i++) {
    const c = value.charCodeAt(i)
    if (c <= 0x20 || c >= 0x7f || c === 0x23) return false
  }
  return true
}

/** Returns true if a pseudo-field, Host or content-length has invalid syntax (RFC 9113 §8.3). */
function formInvalid(token: number, value: string): boolean {
  switch (token) {
    case Token.METHOD:
    case Token.PROTOCOL:
      return !isToken(value)
    case Token.SCHEME:
      return !isScheme(value)
    case Token.AUTHORITY:
    case Token.HOST:
      return !isAuthority(value)
    case Token.PATH:
      return !isPath(value)
    case Token.STATUS:
      return !/^[1-9][0-9][0-9]$/.test(value)
    case Token.CONTENT_LENGTH:
      return !/^[0-9]{1,15}$/.test(value)
    default:
      return false
  }
}

/**
 * Returns the length in a list of equal lengths, such as `5, 5` (RFC 9112 §6.3); null if the list is invalid
 * or its lengths differ.
 */
export function oneLength(value: string): string | null {
  if (!/^[0-9]{1,15}(?:[ \t]*,[ \t]*[0-9]{1,15})*$/.test(value)) return null
  const lengths = value.split(',').map(Number)
  return lengths.every((each) => each === lengths[0]) ? String(lengths[0]) : null
}

const COLON = 0x3a

/** An immutable field line. {@link FieldTable.field} makes a shared one, `new Field` an unshared one. */
export class Field {
  readonly name: string
  readonly value: string
  /** One of {@link Token}. */
  readonly token: number
  /** NAME_INVALID, VALUE_INVALID and FORM_INVALID bits; 0 for a valid field. */
  readonly faults: number
  /** RFC 7541 §6.2.3: an encoder must keep it out of every compression table. */
  readonly neverIndexed: boolean
  /** The octets of name and value, plus 32 (RFC 9113 §6.5.2). */
  readonly size: number
  /** The value of a valid `:status` or `content-length`; -1 in other fields. */
  readonly number: number
  /** A small, nearly unique number, by which an encoder finds its cached index of this object. */
  readonly uid: number
  /** A codec's encoding of this field, kept for reuse. Immutable once set. */
  memo: Uint8Array | null

  constructor(name: string, value: string, neverIndexed = false, uid = 0) {
    this.name = name
    this.value = value
    this.token = tokenOf(name)
    this.faults =
      (isLowerToken(name, name.charCodeAt(0) === COLON ? 1 : 0) ? 0 : NAME_INVALID) |
      (isValue(value) ? 0 : VALUE_INVALID) |
      (formInvalid(this.token, value) ? FORM_INVALID : 0)
    this.neverIndexed = neverIndexed
    this.size = name.length + value.length + 32
    const numeric = this.token === Token.STATUS || this.token === Token.CONTENT_LENGTH
    this.number = numeric && this.faults === 0 ? Number(value) : -1
    this.uid = uid
    this.memo = null
  }
}
