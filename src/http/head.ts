// The head of a request or response, for both HTTP versions: control data as pseudo-fields (RFC 9113 §8.3;
// HTTP/1.1's start line has the same data), then the field lines in order.

import { Field } from './field.js'
import { HOP_BY_HOP } from './field-scope.js'
import { Token, type TokenSet, tokenSet } from './token.js'

/** A change of the regular fields of many heads. */
export class FieldChange {
  /** The names whose fields are removed, and their tokens. */
  readonly names: ReadonlySet<string>
  readonly tokens: TokenSet
  readonly added: readonly Field[]
  readonly addedSize: number

  /** @param removed a field of each name */
  constructor(removed: readonly Field[], added: readonly Field[]) {
    this.names = new Set(removed.map(({ name }) => name))
    this.tokens = tokenSet(...removed.map(({ token }) => token))
    this.added = added
    this.addedSize = sizeOf(added)
  }
}

export class Head {
  /** Pseudo-fields first, then regular fields, in the order of arrival. */
  readonly fields: Field[]
  /** The number of pseudo-fields among them. */
  pseudos: number
  /** The sum of the fields' sizes (RFC 9113 §6.5.2): an upper bound of every encoding. */
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
   * Makes the head of a request from these fields, pseudo-fields first. A caller that knows `size` and
   * `contentLength` passes them; otherwise they are computed.
   */
  static request(fields: Field[], size = sizeOf(fields), contentLength = lengthOf(fields)): Head {
    return new Head(fields, 0, size, contentLength)
  }

  /** Makes the head of a response. Its first field must be `:status`. */
  static response(fields: Field[], size = sizeOf(fields), contentLength = lengthOf(fields)): Head {
    return new Head(fields, fields[0].number, size, contentLength)
  }

  /** Returns the first regular field with this token, or null. */
  find(token: number): Field | null {
    const fields = this.fields
    for (let i = this.pseudos; i < fields.length; i++) if (fields[i].token === token) return fields[i]
    return null
  }

  add(field: Field): void {
    this.fields.push(field)
    this.size += field.size
  }

  /** Adds `:authority` to a request without one. */
  addAuthority(field: Field): void {
    this.fields.splice(this.pseudos, 0, field)
    this.pseudos++
    this.authority = field
    this.size += field.size
  }

  /** Replaces `before`, which must be in this head. */
  replace(before: Field, after: Field): void {
    this.fields[this.fields.indexOf(before)] = after
    this.size += after.size - before.size
  }

  /** Replaces `:scheme`, which this head must have. */
  replaceScheme(field: Field): void {
    this.replace(this.scheme as Field, field)
    this.scheme = field
  }

  /**
   * Returns a copy with exactly one regular field of this name, with this value. Throws a RangeError if name
   * or value is invalid, and for fields of routing and framing: the copy would contradict its control data.
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

  /**
   * Returns a copy of a request with this value of `:path` or `:authority`, which the request must have.
   * Throws a RangeError if the value is invalid. A Host field beside `:authority` follows it.
   */
  withControl(name: 'path' | 'authority', value: string): Head {
    const before = this[name]
    if (before === null) throw new RangeError(`this request has no :${name}`)
    const after = new Field(`:${name}`, value, before.neverIndexed)
    if (after.faults !== 0) throw new RangeError(`:${name} with this value is not valid`)
    const fields = this.fields.map((each) => {
      if (each === before) return after
      return name === 'authority' && each.token === Token.HOST ? new Field('host', value) : each
    })
    return new Head(fields, this.status, sizeOf(fields), this.contentLength)
  }

  /** Returns a copy, whose fields may be changed without changing this head. */
  copy(): Head {
    return new Head([...this.fields], this.status, this.size, this.contentLength)
  }

  /** Returns a copy of a response with this `:status`. */
  withStatus(status: Field): Head {
    const [before, ...rest] = this.fields
    return new Head(
      [status, ...rest],
      status.number,
      this.size + status.size - before.size,
      this.contentLength,
    )
  }

  /** Returns a copy with this content-length; null for none. */
  withLength(length: Field | null): Head {
    const fields = this.fields.filter((each) => each.token !== Token.CONTENT_LENGTH)
    if (length !== null) fields.push(length)
    return new Head(fields, this.status, sizeOf(fields), length === null ? -1 : length.number)
  }

  /** Removes all regular fields with one of these tokens. */
  remove(tokens: TokenSet): void {
    const fields = this.fields
    let kept = this.pseudos
    for (let i = kept; i < fields.length; i++) {
      const field = fields[i]
      if (tokens[field.token] === 1) this.size -= field.size
      // Most heads have none of these fields: then nothing is moved.
      else if (kept++ < i) fields[kept - 1] = field
    }
    if (kept < fields.length) fields.length = kept
  }

  /** Removes the regular fields with the same name as this one. */
  removeLike({ name, token }: Field): void {
    const { fields } = this
    let kept = this.pseudos
    for (let i = kept; i < fields.length; i++) {
      const field = fields[i]
      if (field.token === token && field.name === name) this.size -= field.size
      else if (kept++ < i) fields[kept - 1] = field
    }
    if (kept < fields.length) fields.length = kept
  }

  /** Removes the regular fields of these names, and adds others behind the rest. */
  change({ tokens, names, added, addedSize }: FieldChange): void {
    const { fields } = this
    let kept = this.pseudos
    for (let i = kept; i < fields.length; i++) {
      const field = fields[i]
      if (tokens[field.token] === 1 && names.has(field.name)) this.size -= field.size
      else if (kept++ < i) fields[kept - 1] = field
    }
    if (kept < fields.length) fields.length = kept
    for (const each of added) fields.push(each)
    this.size += addedSize
  }

  /** Removes the regular fields for whose name `isMeant` returns true. */
  removeNamed(isMeant: (name: string) => boolean): void {
    const { fields } = this
    let kept = this.pseudos
    for (let i = kept; i < fields.length; i++) {
      const field = fields[i]
      if (isMeant(field.name)) this.size -= field.size
      else fields[kept++] = field
    }
    fields.length = kept
  }

  /** The request's `:authority`, else its Host (RFC 9113 §8.3.1); '' if it has neither. */
  get host(): string {
    return this.authority?.value ?? this.find(Token.HOST)?.value ?? ''
  }

  get isInterim(): boolean {
    return this.status >= 100 && this.status < 200
  }

  /**
   * True if this requests a tunnel: by CONNECT, or with {@link protocol} by extended CONNECT (RFC 8441). An
   * Upgrade of HTTP/1.1 becomes extended CONNECT too.
   */
  get asksTunnel(): boolean {
    return this.method !== null && this.method.value === 'CONNECT'
  }

  /** True if the status is 2xx, which opens a tunnel if the request asked for one. */
  get isSuccess(): boolean {
    return this.status >= 200 && this.status < 300
  }
}

/** Returns the size of a list of fields (RFC 9113 §6.5.2). */
function sizeOf(fields: readonly Field[]): number {
  let size = 0
  for (let i = 0; i < fields.length; i++) size += fields[i].size
  return size
}

/** Returns the value of content-length, or -1 without one. */
function lengthOf(fields: readonly Field[]): number {
  const field = fields.find((each) => each.token === Token.CONTENT_LENGTH)
  return field === undefined ? -1 : field.number
}

/** Fields that {@link Head.with} refuses to change: control data, framing, and fields of one connection. */
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

/** The idempotent methods (RFC 9110 §9.2.2). */
export const IDEMPOTENT: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE', 'PUT', 'DELETE'])
