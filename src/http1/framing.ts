// Finds the end of a message (RFC 9112 §6.3; spec/http1/framing.md). A framing is a number: from 0 on it is
// the length of the body in octets; a negative number is one of these names.

import { type Head, Token } from '../http/index.js'

/** No body. */
export const NONE = -1
export const CHUNKED = -2
/** The connection's end ends the body: responses only. */
export const UNTIL_CLOSE = -3
/** The bytes of a tunnel follow. */
export const TUNNEL = -4
/** The length is unknown, and the peer could not find the end. */
export const IMPOSSIBLE = -5
/** A request for a tunnel: the answer decides what follows. */
export const ASKED = -6

/** Returns true if a response has no body, whatever its fields say. */
export const isBodiless = (method: string, status: number): boolean =>
  method === 'HEAD' || status === 204 || status === 304 || (status >= 100 && status < 200)

/** Returns true if a response opens a tunnel: 2xx to CONNECT, or 101 (RFC 9112 §6.3). */
export const opensTunnel = (method: string, status: number): boolean =>
  status === 101 || (method === 'CONNECT' && status >= 200 && status < 300)

/** Returns true if Trailer announces trailers (RFC 9110 §6.6.2), which only chunks can carry. */
const announcesTrailers = (head: Head): boolean => head.find(Token.TRAILER) !== null

/** Returns true if an empty body has a meaning for this method (RFC 9110 §8.6). */
const takesContent = (method: string): boolean => method === 'POST' || method === 'PUT' || method === 'PATCH'

/**
 * Returns the framing of a request to a backend of HTTP/1.`minor`; IMPOSSIBLE if its length is unknown and
 * the backend does not know chunks. `ended`: no body follows the head.
 */
export function requestFraming(head: Head, ended: boolean, minor: number): number {
  const method = head.method === null ? '' : head.method.value
  if (method === 'CONNECT') return TUNNEL
  if (ended) return head.contentLength === 0 || takesContent(method) ? 0 : NONE
  if (minor > 0 && (head.contentLength < 0 || announcesTrailers(head))) return CHUNKED
  return head.contentLength < 0 ? IMPOSSIBLE : head.contentLength
}

/** Returns the framing of a response to a request of HTTP/1.`minor` with this method. */
export function responseFraming(head: Head, ended: boolean, method: string, minor: number): number {
  if (opensTunnel(method, head.status)) return TUNNEL
  if (isBodiless(method, head.status)) return NONE
  if (ended) return 0
  if (minor > 0 && (head.contentLength < 0 || announcesTrailers(head))) return CHUNKED
  return head.contentLength < 0 ? UNTIL_CLOSE : head.contentLength
}
