// Decodes octets to Field objects: field lines (RFC 9112 §5), and the parts of a start line, which become
// pseudo-fields. One for a World. Sans-IO. Bad input never throws: the result is null, and `refused` says
// why.
//
// Fields that come again are interned in the World's FieldTable and found by their octets (OctetCache). This
// file judges the text of each field, the readers judge fields together.

import {
  type Field,
  type FieldTable,
  FORM_INVALID,
  isBlank,
  isCredential,
  isText,
  OctetCache,
  oneLength,
  TOKEN_CHAR,
  Token,
} from '../http/index.js'
import type { RefusalCode } from './faults.js'

/**
 * The kinds of text: a field line of a request (whose Host becomes `:authority`) or of a response, a
 * path, a trailer of a request. Text of a backend is accepted if it can be read in only one way (RFC
 * 9112 §5.1, §6.3).
 */
export const REQUEST_FIELD = 1
export const RESPONSE_FIELD = 2
const PATH = 3
export const REQUEST_TRAILER = 4

/** Lines that the cache keeps, and the octets of one: some 100 KB for a World. */
const LINES = 512
const LINE_OCTETS_MAX = 192

const COLON = 58
const SLASH = 47

export const isDigit = (octet: number): boolean => octet >= 0x30 && octet <= 0x39
/** Returns true if eight octets are `HTTP/x.y` (RFC 9112 §2.3). */
export const isVersion = (b: Buffer, at: number): boolean =>
  b[at] === 0x48 &&
  b[at + 1] === 0x54 &&
  b[at + 2] === 0x54 &&
  b[at + 3] === 0x50 &&
  b[at + 4] === SLASH &&
  isDigit(b[at + 5]) &&
  b[at + 6] === 0x2e &&
  isDigit(b[at + 7])

const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'CONNECT', 'OPTIONS', 'TRACE', 'PATCH'] as const

export class FieldDecoder {
  /** The code of the refusal, if the last call returned null. */
  refused: RefusalCode = 'field-name'
  readonly fields: FieldTable
  /** The field of a head whose client accepts trailers. */
  readonly teTrailers: Field
  readonly schemes: { readonly http: Field; readonly https: Field }
  private readonly cache = new OctetCache(LINES, LINE_OCTETS_MAX)
  private readonly methods: ReadonlyMap<string, Field>
  private readonly get: Field
  private readonly statuses: (Field | null)[] = new Array<Field | null>(1000).fill(null)

  constructor(fields: FieldTable) {
    this.fields = fields
    this.teTrailers = fields.field('te', 'trailers')
    this.schemes = { http: fields.field(':scheme', 'http'), https: fields.field(':scheme', 'https') }
    this.methods = new Map(METHODS.map((each) => [each, fields.field(':method', each)]))
    this.get = fields.field(':method', 'GET')
  }

  /** Decodes a field line without its CR LF. `kind`: REQUEST_FIELD or RESPONSE_FIELD. */
  fieldLine(kind: number, b: Buffer, start: number, end: number): Field | null {
    return this.cache.find(kind, b, start, end) ?? this.parse(kind, b, start, end)
  }

  private parse(kind: number, b: Buffer, start: number, end: number): Field | null {
    const first = b[start]
    if (isBlank(first)) return this.refuse('obs-fold')
    let colon = start
    let lower = true
    for (; colon < end && b[colon] !== COLON; colon++) {
      const c = TOKEN_CHAR[b[colon]]
      if (c === 0 && kind === RESPONSE_FIELD && isBlank(b[colon])) break
      if (c === 0) return this.refuse('field-name')
      if (c !== b[colon]) lower = false
    }
    const nameEnd = colon
    // A proxy removes white space before the colon in a response (RFC 9112 §5.1).
    if (kind === RESPONSE_FIELD) while (colon < end && isBlank(b[colon])) colon++
    if (nameEnd === start || colon === end || b[colon] !== COLON) return this.refuse('field-name')
    let from = colon + 1
    let to = end
    while (from < to && isBlank(b[from])) from++
    while (to > from && isBlank(b[to - 1])) to--
    if (!isText(b, from, to)) return this.refuse('field-value')
    const text = b.toString('latin1', start, nameEnd)
    const name = lower ? text : text.toLowerCase()
    const value = b.toString('latin1', from, to)
    return this.named(
      kind === REQUEST_FIELD && name === 'host' ? ':authority' : name,
      value,
      kind,
      b,
      start,
      end,
    )
  }

  private named(
    name: string,
    value: string,
    kind: number,
    b: Buffer,
    start: number,
    end: number,
  ): Field | null {
    let made = this.fields.make(name, value)
    if (kind === RESPONSE_FIELD && made.token === Token.CONTENT_LENGTH && made.faults !== 0) {
      // A list of equal lengths is that length (RFC 9112 §6.3).
      const length = oneLength(value)
      if (length !== null) {
        value = length
        made = this.fields.make(name, value)
      }
    }
    if ((made.faults & FORM_INVALID) !== 0) {
      if (made.token === Token.AUTHORITY) return this.refuse('host')
      if (made.token === Token.CONTENT_LENGTH) return this.refuse('content-length')
      if (made.token === Token.PATH) return this.refuse('request-target')
    }
    if (isCredential(made.token) || !this.cache.note(kind, b, start, end)) return made
    const field = this.fields.field(name, value)
    this.cache.keep(kind, b, start, end, field)
    return field
  }

  /** Makes the field of a value that was folded over several lines. */
  unfolded(name: string, value: string): Field | null {
    const field = this.fields.make(name, value)
    return field.faults === 0 ? field : this.refuse('field-value')
  }

  /** Decodes a method: any token (RFC 9110 §9.1). */
  method(b: Buffer, start: number, end: number): Field | null {
    if (end - start === 3 && b[start] === 71 && b[start + 1] === 69 && b[start + 2] === 84) return this.get
    const text = b.toString('latin1', start, end)
    const known = this.methods.get(text)
    if (known !== undefined) return known
    const field = this.fields.make(':method', text)
    return field.faults === 0 ? field : this.refuse('start-line')
  }

  /** Decodes a request-target in origin-form (RFC 9112 §3.2.1). */
  path(b: Buffer, start: number, end: number): Field | null {
    if (b[start] !== SLASH) return this.refuse('request-target')
    return (
      this.cache.find(PATH, b, start, end) ??
      this.named(':path', b.toString('latin1', start, end), PATH, b, start, end)
    )
  }

  /** Makes a pseudo-field of this text; null if the text is malformed. */
  pseudo(name: ':authority' | ':path', value: string): Field | null {
    const field = this.fields.make(name, value)
    return field.faults === 0 ? field : this.refuse('request-target')
  }

  /** Returns the field of a status code, 100 to 999. */
  status(code: number): Field {
    return (this.statuses[code] ??= this.fields.field(':status', String(code)))
  }

  private refuse(code: RefusalCode): null {
    this.refused = code
    return null
  }
}
