// The head of a message, request or response, as both HTTP versions share it: control data as
// pseudo-fields (RFC 9113 §8.3; HTTP/1.1's start line says the same), then the field lines in order.

import { type Field, Token, type TokenSet } from './field.js'

export class Head {
  /** Pseudo-fields first, then the regular ones, in the order they came. */
  readonly fields: Field[]
  /** How many of them are pseudo-fields. */
  pseudos: number
  /** RFC 9113 §6.5.2: the sum of the fields' sizes; an upper bound of any encoding of it. */
  size: number
  /** 100 to 999; 0 in a request. */
  readonly status: number
  readonly method: Field | null
  scheme: Field | null
  authority: Field | null
  readonly path: Field | null
  readonly protocol: Field | null
  /** The value of content-length, or -1 without one. */
  readonly contentLength: number

  constructor(
    fields: Field[],
    pseudos: number,
    size: number,
    status: number,
    method: Field | null,
    scheme: Field | null,
    authority: Field | null,
    path: Field | null,
    protocol: Field | null,
    contentLength: number,
  ) {
    this.fields = fields
    this.pseudos = pseudos
    this.size = size
    this.status = status
    this.method = method
    this.scheme = scheme
    this.authority = authority
    this.path = path
    this.protocol = protocol
    this.contentLength = contentLength
  }

  /** The first regular field with this token, or null. */
  find(token: number): Field | null {
    const fields = this.fields
    for (let i = this.pseudos; i < fields.length; i++) if (fields[i].token === token) return fields[i]
    return null
  }

  add(field: Field): void {
    this.fields.push(field)
    this.size += field.size
  }

  /** Say whom the request is for, where no `:authority` did. */
  addAuthority(field: Field): void {
    this.fields.splice(this.pseudos, 0, field)
    this.pseudos++
    this.authority = field
    this.size += field.size
  }

  /** Say by another scheme how the client connected. Only where there is one. */
  replaceScheme(field: Field): void {
    const before = this.scheme as Field
    this.fields[this.fields.indexOf(before)] = field
    this.scheme = field
    this.size += field.size - before.size
  }

  /** Take out all regular fields with one of these tokens. */
  remove(tokens: TokenSet): void {
    const fields = this.fields
    let kept = this.pseudos
    for (let i = kept; i < fields.length; i++) {
      const field = fields[i]
      if (tokens[field.token] === 1) this.size -= field.size
      // Most heads have none of them, and stay as they are.
      else if (kept++ < i) fields[kept - 1] = field
    }
    if (kept < fields.length) fields.length = kept
  }

  /** `host:port` the request is for: `:authority`, else Host (RFC 9113 §8.3.1); '' when neither is there. */
  get host(): string {
    return this.authority?.value ?? this.find(Token.HOST)?.value ?? ''
  }

  get isInterim(): boolean {
    return this.status >= 100 && this.status < 200
  }

  /**
   * A request for a tunnel: CONNECT, or with {@link protocol} extended CONNECT (RFC 8441), the one form of
   * all upgrades here.
   */
  get asksTunnel(): boolean {
    return this.method !== null && this.method.value === 'CONNECT'
  }

  /** A response that opens a tunnel where one was asked for. */
  get isSuccess(): boolean {
    return this.status >= 200 && this.status < 300
  }
}

/** A response head of the given status and fields. */
export function responseHead(status: Field, fields: readonly Field[], contentLength: number): Head {
  const all = [status, ...fields]
  const size = all.reduce((sum, field) => sum + field.size, 0)
  return new Head(all, 1, size, Number(status.value), null, null, null, null, null, contentLength)
}

/** Methods that may be sent twice without harm (RFC 9110 §9.2.2). */
export const IDEMPOTENT: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE', 'PUT', 'DELETE'])
