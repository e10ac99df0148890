// Parses a request line (RFC 9112 §3; spec/http1/strictness.md) into the pseudo-fields of HTTP/2.

import { type Field, isTokenChar } from '../http/index.js'
import type { RefusalCode } from './faults.js'
import { type FieldDecoder, isVersion } from './field-decoder.js'
import type { Http1Limits } from './limits.js'
import { readTarget } from './message.js'

const SP = 32

export class RequestLine {
  method: Field | null
  scheme: Field | null
  authority: Field | null
  path: Field | null
  /** The minor version of the request. */
  minor: number
  /** The scheme of the client connection, which each request gets regardless of its target. */
  private readonly ownScheme: Field
  private readonly decoder: FieldDecoder
  private readonly limits: Http1Limits

  constructor(decoder: FieldDecoder, limits: Http1Limits, scheme: 'http' | 'https') {
    this.method = null
    this.scheme = null
    this.authority = null
    this.path = null
    this.minor = 1
    this.ownScheme = decoder.schemes[scheme]
    this.decoder = decoder
    this.limits = limits
  }

  /** Reads a line that is not empty. Returns the code of its refusal, or null. */
  read(b: Buffer, start: number, end: number): RefusalCode | null {
    let space = start
    while (space < end && b[space] !== SP) space++
    if (space - start > this.limits.methodBytesMax)
      return isToken(b, start, space) ? 'method-too-long' : 'start-line'
    const method = space > start ? this.decoder.method(b, start, space) : null
    this.method = method
    const wrong = this.readVersion(b, start, end)
    if (wrong !== null) return wrong
    // In `GET / HTTP/1.1` the target has no space.
    const stop = end - 9
    for (let i = space + 1; i < stop; i++) if (b[i] === SP) return 'start-line'
    if (method === null || space + 1 >= stop) return 'start-line'
    return this.readTarget(method, b, space + 1, stop) ? null : 'request-target'
  }

  /** Returns the code that refuses a line that is too long, judged by its beginning. */
  tooLong(b: Buffer, end: number): RefusalCode {
    let space = 0
    while (space < end && b[space] !== SP) space++
    const { methodBytesMax } = this.limits
    if (!isToken(b, 0, Math.min(space, methodBytesMax + 1))) return 'start-line'
    if (space > methodBytesMax) return 'method-too-long'
    this.method = this.decoder.method(b, 0, space)
    return 'target-too-long'
  }

  /** Reads the version at the end of the line. Returns the code of its refusal, or null. */
  private readVersion(b: Buffer, start: number, end: number): RefusalCode | null {
    const at = end - 9
    if (at <= start || b[at] !== SP || !isVersion(b, at + 1)) return 'start-line'
    if (b[at + 6] !== 0x31) return 'version'
    this.minor = b[at + 8] - 0x30
    return null
  }

  private readTarget(method: Field, b: Buffer, start: number, end: number): boolean {
    this.scheme = this.ownScheme
    this.authority = null
    if (b[start] === 0x2f && method.value !== 'CONNECT') {
      this.path = this.decoder.path(b, start, end)
      return this.path !== null
    }
    const target = readTarget(method.value, b.toString('latin1', start, end))
    if (target === null) return false
    const { decoder } = this
    this.path = target.path === null ? null : decoder.pseudo(':path', target.path)
    this.authority = target.authority === null ? null : decoder.pseudo(':authority', target.authority)
    return (
      (this.path === null) === (target.path === null) &&
      (this.authority === null) === (target.authority === null)
    )
  }
}

function isToken(b: Buffer, start: number, end: number): boolean {
  for (let i = start; i < end; i++) if (!isTokenChar(b[i])) return false
  return end > start
}
