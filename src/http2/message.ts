// From a list of field lines to a message, or the reason why it is malformed (RFC 9113 §8.1.1, §8.2, §8.3).
// The text of each field was judged when the field was made (http/field.ts); here it is their order and
// company. A malformed message is an error of its stream, never of the connection.

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

/** Malformed: why, for a person. */
export type Malformed = string

const LENGTH = tokenSet(Token.CONTENT_LENGTH)

/** RFC 9113 §8.2.2: fields that belong to an HTTP/1 connection. */
const CONNECTION_SPECIFIC = tokenSet(
  Token.CONNECTION,
  Token.KEEP_ALIVE,
  Token.PROXY_CONNECTION,
  Token.TRANSFER_ENCODING,
  Token.UPGRADE,
)

function faultOf(field: Field): Malformed {
  if ((field.faults & NAME_INVALID) !== 0) return 'a field name has characters that names may not have'
  if ((field.faults & VALUE_INVALID) !== 0)
    return `the value of ${field.name} has control characters, or blanks at an end`
  return `the value of ${field.name} is not one`
}

/** Rules for every regular field, of heads and trailers alike. */
function regularFault(field: Field): Malformed | null {
  if (field.token >= Token.METHOD && field.token <= Token.UNKNOWN_PSEUDO)
    return `${field.name} behind regular fields`
  if ((field.faults & (NAME_INVALID | VALUE_INVALID)) !== 0) return faultOf(field)
  if (CONNECTION_SPECIFIC[field.token] === 1) return `${field.name} in HTTP/2`
  if (field.token === Token.TE && field.value !== 'trailers') return 'te other than trailers in HTTP/2'
  if ((field.faults & FORM_INVALID) !== 0) return faultOf(field)
  return null
}

const REQUEST_PSEUDOS =
  (1 << Token.METHOD) |
  (1 << Token.SCHEME) |
  (1 << Token.AUTHORITY) |
  (1 << Token.PATH) |
  (1 << Token.PROTOCOL)

/**
 * Whom an authority names: without regard to case, and to a port that is the scheme's own (RFC 9110 §4.2.3).
 */
function entity(authority: Field, scheme: Field | null): string {
  const text = authority.value.toLowerCase()
  return text.replace(scheme?.value === 'https' ? /:(?:443)?$/ : /:(?:80)?$/, '')
}

/** RFC 9113 §8.3.1. `size` is the header list's size. */
export function readRequest(fields: Field[], size: number): Head | Malformed {
  let seen = 0
  let method: Field | null = null
  let scheme: Field | null = null
  let authority: Field | null = null
  let path: Field | null = null
  let protocol: Field | null = null
  let host: Field | null = null
  let contentLength = -1
  let at = 0
  for (; at < fields.length; at++) {
    const field = fields[at]
    const token = field.token
    if (token < Token.METHOD || token > Token.UNKNOWN_PSEUDO) break
    const bit = 1 << token
    if ((bit & REQUEST_PSEUDOS) === 0) return `${field.name} in a request`
    if ((seen & bit) !== 0) return `${field.name} twice`
    if (field.faults !== 0) return faultOf(field)
    seen |= bit
    if (token === Token.METHOD) method = field
    else if (token === Token.SCHEME) scheme = field
    else if (token === Token.AUTHORITY) authority = field
    else if (token === Token.PATH) path = field
    else protocol = field
  }
  const pseudos = at
  for (; at < fields.length; at++) {
    const field = fields[at]
    // Most fields are of no special name: nothing to ask but whether their text is good.
    if (field.token === Token.OTHER && field.faults === 0) continue
    const wrong = regularFault(field)
    if (wrong !== null) return wrong
    if (field.token === Token.HOST) {
      if (host !== null) return 'host twice'
      host = field
    } else if (field.token === Token.CONTENT_LENGTH) {
      if (contentLength >= 0) return 'content-length twice'
      contentLength = Number(field.value)
    }
  }
  if (method === null) return ':method is missing'
  const connect = method.value === 'CONNECT'
  if (protocol !== null && !connect) return ':protocol, and the method is not CONNECT'
  // RFC 9110 §9.3.6: what follows its head is no content.
  if (connect && contentLength >= 0) return 'CONNECT with content-length'
  // RFC 8441 §4: with :protocol it has the control data of any other request.
  if (connect && protocol === null) {
    if (scheme !== null || path !== null) return 'CONNECT with :scheme or :path'
    // §8.5: the host and port to connect to; there is no scheme to tell a default.
    if (authority === null || !/:\d{1,5}$/.test(authority.value))
      return 'CONNECT without HOST:PORT in :authority'
  } else {
    if (scheme === null) return ':scheme is missing'
    if (path === null) return ':path is missing'
    if (path.value === '*' && method.value !== 'OPTIONS') return ':path is * and the method is not OPTIONS'
  }
  if (authority !== null && host !== null && entity(authority, scheme) !== entity(host, scheme)) {
    return 'host differs from :authority'
  }
  return new Head(fields, pseudos, size, 0, method, scheme, authority, path, protocol, contentLength)
}

/**
 * RFC 9113 §8.3.2. Equal lengths, in one field or several, become one (RFC 9110 §8.6). `table` makes that
 * field.
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
      const length = Number(fields[at].value)
      if (contentLength < 0) contentLength = length
      else if (contentLength === length) fields.splice(at--, 1)
      else return 'content-length twice'
    }
  }
  const status = Number(first.value)
  // §8.6: HTTP/2 has no upgrade.
  if (status === 101) return '101 in HTTP/2'
  // RFC 9110 §8.6: beside 1xx and 204 it must not stand, and clients reset where it does. 304 and answers to
  // HEAD may have it.
  const framed = contentLength >= 0 && (status < 200 || status === 204)
  const head = new Head(fields, 1, size, status, null, null, null, null, null, framed ? -1 : contentLength)
  if (framed) head.remove(LENGTH)
  return head
}

/** A field that no trailer may be, and that is not malformed by itself. */
const isDroppedTrailer = ({ token, faults }: Field): boolean =>
  isForbiddenTrailer(token) &&
  token > Token.UNKNOWN_PSEUDO &&
  CONNECTION_SPECIFIC[token] === 0 &&
  (faults & (NAME_INVALID | VALUE_INVALID)) === 0

/**
 * What no trailer may be is left out of a response's (RFC 9110 §6.5.1): it says nothing of a message that is
 * whole.
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

/**
 * RFC 9113 §8.1: trailers have no pseudo-fields; RFC 9110 §6.5.1: nor what frames or routes. Null when they
 * are well formed.
 */
export function trailersFault(fields: readonly Field[]): Malformed | null {
  for (const field of fields) {
    const wrong = regularFault(field)
    if (wrong !== null) return wrong
    if (isForbiddenTrailer(field.token)) return `${field.name} in trailers`
  }
  return null
}
