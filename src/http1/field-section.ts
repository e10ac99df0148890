// Collects the field lines of a head (RFC 9112 §5), and their rules for framing and connection. Hop-by-hop
// fields end here (RFC 9110 §7.6.1): an exchange gets heads without them.

import { type Field, IDENTITY_FIELDS, Token, tokenSet } from '../http/index.js'
import type { RefusalCode } from './faults.js'
import type { FieldDecoder } from './field-decoder.js'
import { CHUNKED, NONE } from './framing.js'
import { CODING_FAULTY, CODING_UNKNOWN, ConnectionOptions, codingOf, takesTrailers } from './message.js'

const IDENTITY = tokenSet(...IDENTITY_FIELDS)

/** The fields of a head while it is read. */
export class FieldSection {
  fields: Field[] = []
  size = 0
  pseudos = 0
  /** The Content-Length; -1 without one. */
  contentLength = -1
  /** The Transfer-Encoding values, joined; null without one. */
  coding: string | null = null
  lengthTwice = false
  /** True if TE says that the sender accepts trailers. */
  trailersTaken = false
  /** True for responses, in which equal Content-Lengths count as one (RFC 9112 §6.3). */
  private readonly takesEqualLengths: boolean
  /** The Upgrade field; '' without one. */
  upgrade = ''
  /** The Keep-Alive field; '' without one. */
  keepAlive = ''
  readonly connection = new ConnectionOptions()

  constructor(takesEqualLengths: boolean) {
    this.takesEqualLengths = takesEqualLengths
  }

  /** Begins a head with these pseudo-fields. */
  begin(pseudos: Field[]): void {
    this.fields = pseudos
    this.pseudos = pseudos.length
    this.size = 0
    this.contentLength = -1
    this.coding = null
    this.lengthTwice = false
    this.trailersTaken = false
    this.upgrade = ''
    this.keepAlive = ''
    this.connection.clear()
  }

  /** Returns all fields, and keeps none. */
  take(): Field[] {
    const fields = this.fields
    this.fields = []
    return fields
  }

  push(field: Field): void {
    this.fields.push(field)
    this.size += field.size
  }

  /** Replaces the last field, whose value has changed. */
  replaceLast(field: Field): void {
    const last = this.fields.pop() as Field
    this.size -= last.size
    this.push(field)
  }

  /**
   * Takes a known field. Returns the code of its refusal, or null. Hop-by-hop fields are read and not kept.
   */
  special(field: Field, decoder: FieldDecoder): RefusalCode | null {
    switch (field.token) {
      case Token.CONTENT_LENGTH:
        if (this.contentLength >= 0) {
          if (this.takesEqualLengths && field.number === this.contentLength) return null
          this.lengthTwice = true
        }
        this.contentLength = field.number
        if (field.value.length > 1 && field.value.charCodeAt(0) === 0x30)
          field = decoder.fields.make(field.name, String(this.contentLength))
        this.push(field)
        return null
      case Token.TRANSFER_ENCODING:
        this.coding = this.coding === null ? field.value : `${this.coding},${field.value}`
        return null
      case Token.CONNECTION:
        return this.connection.add(field.value) ? null : 'connection-option'
      case Token.UPGRADE:
        this.upgrade = this.upgrade === '' ? field.value : `${this.upgrade}, ${field.value}`
        return null
      case Token.TE:
        if (takesTrailers(field.value)) this.trailersTaken = true
        return null
      case Token.KEEP_ALIVE:
        this.keepAlive = field.value
        return null
      case Token.PROXY_CONNECTION:
      case Token.HTTP2_SETTINGS:
        return null
      default:
        this.push(field)
        return null
    }
  }

  /** Returns the code of what is wrong with these fields together, in a head of HTTP/1.`minor`, or null. */
  fault(minor: number): RefusalCode | null {
    if (this.connection.overreaches) return 'connection-option'
    if (this.lengthTwice) return 'content-length'
    if (this.coding === null) return null
    if (minor === 0) return 'coding-in-1.0'
    if (this.contentLength >= 0) return 'length-and-coding'
    const coding = codingOf(this.coding)
    if (coding === CODING_FAULTY) return 'transfer-coding'
    return coding === CODING_UNKNOWN ? 'coding-unknown' : null
  }

  /** The framing that valid fields give; NONE if they give none. */
  get framing(): number {
    if (this.coding !== null) return CHUNKED
    return this.contentLength < 0 ? NONE : this.contentLength
  }

  /**
   * Removes the fields that Connection nominated. Fields that identify a client are kept: otherwise a client
   * could have a proxy in front of us drop them.
   */
  removeNominated(): void {
    const names = this.connection.nominated
    if (names === null) return
    this.without((field) => names.has(field.name) && IDENTITY[field.token] !== 1)
  }

  without(unwanted: (field: Field) => boolean): void {
    const fields = this.fields
    let kept = this.pseudos
    for (let i = kept; i < fields.length; i++) {
      const field = fields[i]
      if (unwanted(field)) this.size -= field.size
      else fields[kept++] = field
    }
    fields.length = kept
  }
}
