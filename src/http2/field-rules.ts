// The rules for field lines in HTTP/2 heads and trailers (RFC 9113 §8.2). Their text was checked when the
// field was made (http/field.ts).

import { type Field, FORM_INVALID, NAME_INVALID, Token, tokenSet, VALUE_INVALID } from '../http/index.js'

/** The reason why a message is malformed, as text for people. */
export type Malformed = string

/** Fields that belong to an HTTP/1.1 connection (RFC 9113 §8.2.2). */
export const CONNECTION_SPECIFIC = tokenSet(
  Token.CONNECTION,
  Token.KEEP_ALIVE,
  Token.PROXY_CONNECTION,
  Token.TRANSFER_ENCODING,
  Token.UPGRADE,
)

/** Returns the fault in the text of a field that has faults. */
export function faultOf(field: Field): Malformed {
  if ((field.faults & NAME_INVALID) !== 0) return 'a field name has characters that are not allowed'
  if ((field.faults & VALUE_INVALID) !== 0)
    return `the value of ${field.name} has control characters, or blanks at an end`
  return `the value of ${field.name} is not valid`
}

/** Returns the fault of a regular field, or null. */
export function regularFault(field: Field): Malformed | null {
  if (field.token >= Token.METHOD && field.token <= Token.UNKNOWN_PSEUDO)
    return `${field.name} after regular fields`
  if ((field.faults & (NAME_INVALID | VALUE_INVALID)) !== 0) return faultOf(field)
  if (CONNECTION_SPECIFIC[field.token] === 1) return `${field.name} in HTTP/2`
  if (field.token === Token.TE && field.value !== 'trailers') return 'te other than trailers in HTTP/2'
  if ((field.faults & FORM_INVALID) !== 0) return faultOf(field)
  return null
}
