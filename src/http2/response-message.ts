// Makes a response from a list of field lines, or tells why it is malformed (RFC 9113 §8.1.1, §8.3.2). A
// malformed response is a stream error.

import {
  type Field,
  type FieldTable,
  FORM_INVALID,
  Head,
  isForbiddenTrailer,
  NAME_INVALID,
  oneLength,
  Token,
  tokenSet,
  VALUE_INVALID,
} from '../http/index.js'
import { CONNECTION_SPECIFIC, faultOf, type Malformed, regularFault } from './field-rules.js'

const LENGTH = tokenSet(Token.CONTENT_LENGTH)

/**
 * Reads a response (RFC 9113 §8.3.2). Equal lengths, in one field or several, become one (RFC 9110 §8.6).
 * @param table makes that field
 */
export function readResponse(fields: Field[], size: number, table: FieldTable): Head | Malformed {
  const first = fields.length === 0 ? null : fields[0]
  if (first === null || first.token !== Token.STATUS) {
    return first !== null && first.name.startsWith(':') ? `${first.name} in a response` : ':status is missing'
  }
  if (first.faults !== 0) return faultOf(first)
  let contentLength = -1
  for (let at = 1; at < fields.length; at++) {
    const field = fields[at]
    if (field.token === Token.OTHER && field.faults === 0) continue
    if (field.token === Token.STATUS) return ':status twice'
    if (field.token === Token.CONTENT_LENGTH && field.faults === FORM_INVALID) {
      const length = oneLength(field.value)
      if (length !== null) fields[at] = table.make(field.name, length)
    }
    const wrong = regularFault(fields[at])
    if (wrong !== null) return wrong
    if (field.token === Token.CONTENT_LENGTH) {
      const length = fields[at].number
      if (contentLength < 0) contentLength = length
      else if (contentLength === length) fields.splice(at--, 1)
      else return 'content-length twice'
    }
  }
  const status = first.number
  // HTTP/2 has no upgrade (§8.6).
  if (status === 101) return '101 in HTTP/2'
  // 1xx and 204 must not have Content-Length, and clients reset if they do. 304 and responses to HEAD may
  // (RFC 9110 §8.6).
  const framed = contentLength >= 0 && (status < 200 || status === 204)
  const head = Head.response(fields, size, framed ? -1 : contentLength)
  if (framed) head.remove(LENGTH)
  return head
}

/** Returns true if a field is well formed but must not be a trailer. */
const isDroppedTrailer = ({ token, faults }: Field): boolean =>
  isForbiddenTrailer(token) &&
  token > Token.UNKNOWN_PSEUDO &&
  CONNECTION_SPECIFIC[token] === 0 &&
  (faults & (NAME_INVALID | VALUE_INVALID)) === 0

/**
 * Drops forbidden fields from the trailers of a response (RFC 9110 §6.5.1): the message is whole without
 * them.
 */
export function readResponseTrailers(fields: Field[]): Malformed | null {
  let kept = 0
  for (const field of fields) {
    const dropped = isDroppedTrailer(field)
    const wrong = dropped ? null : regularFault(field)
    if (wrong !== null) return wrong
    if (!dropped) fields[kept++] = field
  }
  fields.length = kept
  return null
}
