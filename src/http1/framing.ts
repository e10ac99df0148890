// Where a message ends (RFC 9112 §6.3; spec/http1/framing.md). A framing is a number: from 0 on it is the
// length of the body in octets, below it one of the names here.

import { type Head, Token } from '../http/index.js'

/** The head is all. */
export const NONE = -1
export const CHUNKED = -2
/** Until the connection ends: responses only. */
export const UNTIL_CLOSE = -3
/** No HTTP follows. */
export const TUNNEL = -4
/** Of unknown length, and the peer would not know where it ends. */
export const IMPOSSIBLE = -5
/** Of a request: the head is all, and what follows it depends on the answer. */
export const ASKED = -6

/** A response that is its head alone, whatever its fields say. */
export const isBodiless = (method: string, status: number): boolean =>
  method === 'HEAD' || status === 204 || status === 304 || (status >= 100 && status < 200)

/** A successful answer to CONNECT, or 101: what follows is no message (RFC 9112 §6.3). */
export const opensTunnel = (method: string, status: number): boolean =>
  status === 101 || (method === 'CONNECT' && status >= 200 && status < 300)

/** RFC 9110 §6.6.2: its sender says that trailers follow. Only chunks can carry them. */
const announcesTrailers = (head: Head): boolean => head.find(Token.TRAILER) !== null

/** Methods whose request means something with an empty body (RFC 9110 §8.6). */
const takesContent = (method: string): boolean => method === 'POST' || method === 'PUT' || method === 'PATCH'

/**
 * How to send a request to a backend of HTTP/1.`minor`. `ended`: nothing follows the head.
 * IMPOSSIBLE: of unknown length, and HTTP/1.0 knows no chunks.
 */
export function requestFraming(head: Head, ended: boolean, minor: number): number {
  const method = head.method === null ? '' : head.method.value
  if (method === 'CONNECT') return TUNNEL
  if (ended) return head.contentLength === 0 || takesContent(method) ? 0 : NONE
  if (minor > 0 && (head.contentLength < 0 || announcesTrailers(head))) return CHUNKED
  return head.contentLength < 0 ? IMPOSSIBLE : head.contentLength
}

/** How to send a response to a client of HTTP/1.`minor` that asked by `method`. */
export function responseFraming(head: Head, ended: boolean, method: string, minor: number): number {
  if (opensTunnel(method, head.status)) return TUNNEL
  if (isBodiless(method, head.status)) return NONE
  if (ended) return 0
  if (minor > 0 && (head.contentLength < 0 || announcesTrailers(head))) return CHUNKED
  return head.contentLength < 0 ? UNTIL_CLOSE : head.contentLength
}
