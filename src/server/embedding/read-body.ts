// Bodies that another middleware has read before the proxy gets the request: a proxy that waited for more
// would wait forever. The body is sent again if it can be recovered; otherwise the request fails at once.

import type { ProxyRequest } from './options.js'

/** The traces of body parsers on a request. */
interface ParsedRequest {
  /** The bytes as they came, which some parsers keep if asked to. */
  readonly rawBody?: Buffer | string
  readonly body?: unknown
  readonly _body?: boolean
}

/** The error for a body that was read before and cannot be recovered. */
export class BodyReadError extends Error {
  override name = 'BodyReadError'
  readonly code = 'body-read'
}

/** Returns true if the request has announced a body. */
export function hasBody(request: ProxyRequest): boolean {
  const { headers, httpVersionMajor } = request
  if (httpVersionMajor >= 2) {
    const { stream } = request as { stream?: { endAfterHeaders?: boolean } }
    return stream?.endAfterHeaders !== true
  }
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0
}

/** Returns true if bytes of the body have already been taken. */
export const wasRead = (request: ProxyRequest): boolean =>
  request.readableEnded || request.readableDidRead || (request as ParsedRequest)._body === true

/** Returns the bytes of a body that was read. Throws a {@link BodyReadError} that names the reader. */
export function readBody(request: ProxyRequest): Buffer {
  const { rawBody, body } = request as ParsedRequest
  if (Buffer.isBuffer(rawBody)) return rawBody
  if (typeof rawBody === 'string') return Buffer.from(rawBody)
  if (Buffer.isBuffer(body)) return body
  const type = String(request.headers['content-type'] ?? '').toLowerCase()
  // A decoded body is not what the client announced.
  const coded = request.headers['content-encoding'] ?? 'identity'
  if (body !== undefined && coded === 'identity') {
    if (typeof body === 'string') return Buffer.from(body)
    if (/^[^;]*[/+]json\b/.test(type)) return Buffer.from(JSON.stringify(body))
    if (type.startsWith('application/x-www-form-urlencoded') && isFlat(body)) return Buffer.from(formOf(body))
  }
  throw new BodyReadError(
    `the body of ${request.method} ${request.url} was read before the proxy had the request, by ${readerOf(type, body)}: mount the proxy before it, or let it keep the bytes in request.rawBody`,
  )
}

/**
 * Returns true for a form whose values are texts or lists of texts: nested values have no single spelling.
 */
const isFlat = (body: unknown): body is Record<string, string | string[]> =>
  typeof body === 'object' &&
  body !== null &&
  Object.values(body).every(
    (each) =>
      typeof each === 'string' || (Array.isArray(each) && each.every((one) => typeof one === 'string')),
  )

function formOf(body: Record<string, string | string[]>): string {
  const form = new URLSearchParams()
  for (const [name, value] of Object.entries(body))
    for (const each of typeof value === 'string' ? [value] : value) form.append(name, each)
  return form.toString()
}

/** Names the middleware that reads bodies of this type. */
function readerOf(type: string, body: unknown): string {
  if (type.startsWith('multipart/')) return 'a reader of forms such as multer or busboy'
  if (type.startsWith('application/x-www-form-urlencoded')) return 'express.urlencoded() or a parser like it'
  if (/[/+]json\b/.test(type)) return 'express.json() or a parser like it'
  return body === undefined ? 'a listener or a middleware of the program' : 'a body parser of the program'
}
