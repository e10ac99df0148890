// The head of a message, request or response, as both HTTP versions share it: control data as
// pseudo-fields (RFC 9113 §8.3; HTTP/1.1's start line says the same), then the field lines in order.

import { Field } from './field.js'
import { HOP_BY_HOP } from './field-scope.js'
import { Token, type TokenSet, tokenSet } from './token.js'

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

  private constructor(fields: Field[], status: number, size: number, contentLength: number) {
    this.fields = fields
    this.pseudos = 0
    this.size = size
    this.status = status
    this.contentLength = contentLength
    let method: Field | null = null
    let scheme: Field | null = null
    let authority: Field | null = null
    let path: Field | null = null
    let protocol: Field | null = null
    let at = 0
    for (; at < fields.length; at++) {
      const field = fields[at]
      const { token } = field
      if (token === Token.METHOD) method = field
      else if (token === Token.SCHEME) scheme = field
      else if (token === Token.AUTHORITY) authority = field
      else if (token === Token.PATH) path = field
      else if (token === Token.PROTOCOL) protocol = field
      else if (token !== Token.STATUS) break
    }
    this.pseudos = at
    this.method = method
    this.scheme = scheme
    this.authority = authority
    this.path = path
    this.protocol = protocol
  }

  /**
   * The head of a request with these fields, pseudo-fields first. `size` and `contentLength`: for whoever
   * knows them already; what they are is looked up otherwise.
   */
  static request(fields: Field[], size = sizeOf(fields), contentLength = lengthOf(fields)): Head {
    return new Head(fields, 0, size, contentLength)
  }

  /** The same of a response, whose first field is `:status`. */
  static response(fields: Field[], size = sizeOf(fields), contentLength = lengthOf(fields)): Head {
    return new Head(fields, Number(fields[0].value), size, contentLength)
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

  /** Says whom the request is for, where no `:authority` did. */
  addAuthority(field: Field): void {
    this.fields.splice(this.pseudos, 0, field)
    this.pseudos++
    this.authority = field
    this.size += field.size
  }

  /** Puts a field in the place of one that is here. */
  replace(before: Field, after: Field): void {
    this.fields[this.fields.indexOf(before)] = after
    this.size += after.size - before.size
  }

  /** Says by another scheme how the client connected. Only where there is one. */
  replaceScheme(field: Field): void {
    this.replace(this.scheme as Field, field)
    this.scheme = field
  }

  /**
   * This head, but with one regular field of this name, which has this value; this one stays as it is. Throws
   * a RangeError where that is not a field line, and for fields that say where a message goes or ends: those
   * have control data and framing beside them, which would say something else.
   */
  with(name: string, value: string): Head {
    const regular = this.fields.slice(this.pseudos)
    const kept = regular.filter((each) => each.name !== name)
    const secret = regular.some((each) => each.name === name && each.neverIndexed)
    const field = new Field(name, value, secret)
    if (field.faults !== 0) throw new RangeError(`'${name}' with this value is not a field line`)
    if (FIXED[field.token] === 1) throw new RangeError(`'${name}' is not a field that may be changed`)
    const fields = [...this.fields.slice(0, this.pseudos), ...kept, field]
    return new Head(fields, this.status, sizeOf(fields), this.contentLength)
  }

  /** Takes out all regular fields with one of these tokens. */
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

/** RFC 9113 §6.5.2: the size of a list of fields. */
function sizeOf(fields: readonly Field[]): number {
  let size = 0
  for (let i = 0; i < fields.length; i++) size += fields[i].size
  return size
}

/** What content-length says; -1 where there is none. */
function lengthOf(fields: readonly Field[]): number {
  const field = fields.find((each) => each.token === Token.CONTENT_LENGTH)
  return field === undefined ? -1 : Number(field.value)
}

/** What {@link Head.with} leaves alone: control data, framing, and what is one connection's own. */
const FIXED = tokenSet(
  Token.METHOD,
  Token.SCHEME,
  Token.AUTHORITY,
  Token.PATH,
  Token.PROTOCOL,
  Token.STATUS,
  Token.UNKNOWN_PSEUDO,
  Token.HOST,
  Token.CONTENT_LENGTH,
  Token.FRAMING_LOOKALIKE,
  ...HOP_BY_HOP,
)

/** Methods that may be sent twice without harm (RFC 9110 §9.2.2). */
export const IDEMPOTENT: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE', 'PUT', 'DELETE'])
