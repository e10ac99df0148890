// A field line, as both HTTP versions share it: a name, a value, and what is worth knowing about
// them once. No wire format lives here.
//
// Fields travel by identity. A decoder hands out the same object for the same table entry, and
// an encoder finds the index it gave that object without touching a string. So a Field is
// immutable, everything derived from its text (token, validity) is worked out when it is made,
// and equal text that arrives on many connections is interned into one object (FieldTable).
//
// Strings are latin1: one character is one octet, so obs-text survives unaltered.

import { isLowerToken, isToken, isValue } from './characters.js'
import { Token, tokenOf } from './token.js'

/** What is wrong with a field's text, whichever version carried it. */
export const NAME_INVALID = 1
export const VALUE_INVALID = 2
/** The value is good text, but not what a field of this name may hold. */
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
 * A path and query, or `*`: visible ASCII only (RFC 3986 §2), so that no HTTP/1 reader can see another line
 * in it.
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

/**
 * The control data of a message: what each pseudo-field, Host and content-length may hold (RFC 9113 §8.3).
 */
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
 * The one length that a list of several equal ones says, such as `5, 5` (RFC 9112 §6.3); null where it says
 * none.
 */
export function oneLength(value: string): string | null {
  if (!/^[0-9]{1,15}(?:[ \t]*,[ \t]*[0-9]{1,15})*$/.test(value)) return null
  const lengths = value.split(',').map(Number)
  return lengths.every((each) => each === lengths[0]) ? String(lengths[0]) : null
}

const COLON = 0x3a

/**
 * An immutable field line. Make one with {@link FieldTable.field} or `new Field` where it is not to be
 * shared.
 */
export class Field {
  readonly name: string
  readonly value: string
  /** One of {@link Token}. */
  readonly token: number
  /** NAME_INVALID, VALUE_INVALID and FORM_INVALID bits; 0 for a good field. */
  readonly faults: number
  /** RFC 7541 §6.2.3: whoever sends it on must keep it out of every compression table. */
  readonly neverIndexed: boolean
  /** RFC 9113 §6.5.2: octets of name and value, plus 32. */
  readonly size: number
  /** A small number, near-unique: encoders use it to find their cached place for this very object. */
  readonly uid: number
  /** A codec's own encoding of this field, kept for reuse. Opaque here; immutable once set. */
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
    this.uid = uid
    this.memo = null
  }
}
