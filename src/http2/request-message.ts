// Makes a request from a list of field lines, or tells why it is malformed (RFC 9113 §8.1.1, §8.3.1). A
// malformed request is a stream error.

import { type Field, Head, isForbiddenTrailer, Token } from '../http/index.js'
import { faultOf, type Malformed, regularFault } from './field-rules.js'

const REQUEST_PSEUDOS =
  (1 << Token.METHOD) |
  (1 << Token.SCHEME) |
  (1 << Token.AUTHORITY) |
  (1 << Token.PATH) |
  (1 << Token.PROTOCOL)

/**
 * Normalises an authority for comparison: case and the scheme's default port do not count (RFC 9110 §4.2.3).
 */
function entity(authority: Field, scheme: Field | null): string {
  const text = authority.value.toLowerCase()
  return text.replace(scheme?.value === 'https' ? /:(?:443)?$/ : /:(?:80)?$/, '')
}

/** Reads a request (RFC 9113 §8.3.1). @param size the size of the header list */
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
    // Most fields have no special name, and need only valid text.
    if (field.token === Token.OTHER && field.faults === 0) continue
    const wrong = regularFault(field)
    if (wrong !== null) return wrong
    if (field.token === Token.HOST) {
      if (host !== null) return 'host twice'
      host = field
    } else if (field.token === Token.CONTENT_LENGTH) {
      if (contentLength >= 0) return 'content-length twice'
      contentLength = field.number
    }
  }
  if (method === null) return ':method is missing'
  const connect = method.value === 'CONNECT'
  if (protocol !== null && !connect) return ':protocol, and the method is not CONNECT'
  // The bytes after CONNECT are not content (RFC 9110 §9.3.6).
  if (connect && contentLength >= 0) return 'CONNECT with content-length'
  // Extended CONNECT has the control data of other requests (RFC 8441 §4).
  if (connect && protocol === null) {
    if (scheme !== null || path !== null) return 'CONNECT with :scheme or :path'
    // CONNECT names host and port; it has no scheme for a default (§8.5).
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

/** Returns the fault of a request's trailers (RFC 9113 §8.1, RFC 9110 §6.5.1), or null. */
export function readRequestTrailers(fields: readonly Field[]): Malformed | null {
  for (const field of fields) {
    const wrong = regularFault(field)
    if (wrong !== null) return wrong
    if (isForbiddenTrailer(field.token)) return `${field.name} in trailers`
  }
  return null
}
