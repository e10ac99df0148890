// From a list of field lines to a request, or the reason why it is malformed (RFC 9113 §8.1.1, §8.3.1). A
// malformed request is an error of its stream, never of the connection.

import { type Field, Head, isForbiddenTrailer, Token } from '../http/index.js'
import { faultOf, type Malformed, regularFault } from './field-rules.js'

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
  return Head.request(fields, size, contentLength)
}

/**
 * RFC 9113 §8.1: trailers have no pseudo-fields; RFC 9110 §6.5.1: nor what frames or routes. Null when they
 * are well formed.
 */
export function readRequestTrailers(fields: readonly Field[]): Malformed | null {
  for (const field of fields) {
    const wrong = regularFault(field)
    if (wrong !== null) return wrong
    if (isForbiddenTrailer(field.token)) return `${field.name} in trailers`
  }
  return null
}
