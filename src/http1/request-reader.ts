// Reads requests (RFC 9112 §3; spec/http1/strictness.md, translation.md): a request line and field lines
// become a head in the form of HTTP/2, so that exchanges need not know the version.

import { type Field, Head, isForbiddenTrailer, isTokenChar, Token } from '../http/index.js'
import { type FieldDecoder, REQUEST_FIELD, REQUEST_TRAILER } from './field-decoder.js'
import { FieldSection } from './field-section.js'
import { ASKED } from './framing.js'
import type { Http1Limits } from './limits.js'
import { namesProtocol } from './message.js'
import { MessageReader, type MessageSink } from './reader.js'
import { RequestLine } from './request-line.js'
import { handshakeFault, keyOf, WEBSOCKET } from './websocket.js'

const CR = 13
const LF = 10

export class RequestReader extends MessageReader {
  private readonly section: FieldSection
  private readonly requestLine: RequestLine
  private emptyLines: number
  private host: Field | null
  /** The client's key of a WebSocket handshake; '' for other requests. */
  webSocketKey: string

  constructor(sink: MessageSink, decoder: FieldDecoder, limits: Http1Limits, scheme: 'http' | 'https') {
    super(sink, decoder, limits, false, 0)
    this.section = new FieldSection(false)
    this.requestLine = new RequestLine(decoder, limits, scheme)
    this.emptyLines = 0
    this.host = null
    this.webSocketKey = ''
  }

  /** Goes on to the next request. */
  next(): void {
    this.emptyLines = 0
    this.requestLine.method = null
    this.begin()
  }

  /** True if the current or last request is HEAD, whose response has no content (RFC 9110 §9.3.2). */
  get asksHead(): boolean {
    return this.requestLine.method?.value === 'HEAD'
  }

  /** The minor version of the request, for which the response is framed. */
  get version(): number {
    return this.minor
  }

  /** The Upgrade field; '' if there is none. HTTP/1.0 cannot upgrade (RFC 9110 §7.8). */
  get upgrade(): string {
    return this.minor > 0 && this.section.connection.upgrade ? this.section.upgrade : ''
  }

  /** True if the head allows another request on this connection. */
  get keepAlive(): boolean {
    return this.persists
  }

  protected get persists(): boolean {
    return this.section.connection.persists(this.minor)
  }

  protected mayBegin(octet: number): boolean {
    return isTokenChar(octet) || octet === CR || octet === LF
  }

  /** Accepts bytes after a request: they are pipelined requests. */
  protected unasked(): void {}
  /** A client may leave between two requests. */
  protected endedBefore(): void {}

  /** Refuses forbidden trailers: they may be meant for a reader behind us (RFC 9110 §6.5.1). */
  protected trailerLine(b: Buffer, start: number, end: number): void {
    const field = this.decoder.fieldLine(REQUEST_TRAILER, b, start, end)
    if (field === null)
      this.fail(this.decoder.refused === 'content-length' ? 'trailer-forbidden' : this.decoder.refused)
    else if (isForbiddenTrailer(field.token)) this.fail('trailer-forbidden')
    else this.trailer(field)
  }

  protected startLine(b: Buffer, start: number, end: number): void {
    if (start === end) {
      if (++this.emptyLines > this.limits.emptyLinesMax) this.fail('empty-lines')
      return
    }
    const { requestLine } = this
    const wrong = requestLine.read(b, start, end)
    if (wrong !== null) {
      this.fail(wrong)
      return
    }
    this.host = null
    this.webSocketKey = ''
    // The slot of `:authority` is reserved: Host may be any line that follows.
    const method = requestLine.method as Field
    const { path } = requestLine
    this.section.begin(path === null ? [method, method] : [method, requestLine.scheme as Field, method, path])
    this.fieldsFollow(requestLine.minor)
  }

  protected startLineTooLong(b: Buffer, end: number): void {
    this.fail(this.requestLine.tooLong(b, end))
  }

  protected fieldLine(b: Buffer, start: number, end: number): void {
    const field = this.decoder.fieldLine(REQUEST_FIELD, b, start, end)
    if (field === null) {
      this.fail(this.decoder.refused)
      return
    }
    const { section } = this
    if (field.token === Token.OTHER) section.push(field)
    else if (field.token === Token.AUTHORITY) {
      if (this.host !== null) this.fail('host')
      this.host = field
    } else if (field.token === Token.EXPECT && this.minor === 0) {
      // The Expect field of HTTP/1.0 must be ignored (RFC 9110 §10.1.1).
    } else {
      const wrong = section.special(field, this.decoder)
      if (wrong !== null) this.fail(wrong)
    }
  }

  protected headEnd(): void {
    const { section } = this
    if (this.host === null && this.minor > 0) {
      this.fail('host')
      return
    }
    const wrong = section.fault(this.minor)
    if (wrong !== null) {
      this.fail(wrong)
      return
    }
    const connect = this.requestLine.path === null
    if (connect && (section.coding !== null || section.contentLength > 0)) {
      this.fail('connect-content')
      return
    }
    section.removeNominated()
    if (connect) this.bodyFollows(this.head(true), ASKED)
    else if (this.requestLine.method?.value === 'GET' && namesProtocol(this.upgrade, WEBSOCKET))
      this.webSocket()
    else {
      // TE is hop-by-hop; the next hop gets our own (RFC 9110 §10.1.4).
      if (section.trailersTaken && this.minor > 0) section.push(this.decoder.teTrailers)
      this.bodyFollows(this.head(false), section.framing)
    }
  }

  /** Turns a WebSocket handshake into extended CONNECT (RFC 8441 §5). The key stays with this connection. */
  private webSocket(): void {
    const wrong = handshakeFault(this.section)
    if (wrong !== null) {
      this.fail(wrong)
      return
    }
    const { section, decoder } = this
    this.webSocketKey = keyOf(section)
    section.without((each) => each.token === Token.SEC_WEBSOCKET_KEY || each.token === Token.CONTENT_LENGTH)
    section.contentLength = -1
    const connect = decoder.fields.field(':method', 'CONNECT')
    const protocol = decoder.fields.field(':protocol', WEBSOCKET)
    section.fields[0] = connect
    section.fields.splice(section.pseudos++, 0, protocol)
    this.requestLine.method = connect
    this.bodyFollows(this.head(false), ASKED)
  }

  private head(connect: boolean): Head {
    const { section } = this
    // The authority of the target overrides Host (RFC 9112 §3.2.2).
    const authority = this.requestLine.authority ?? this.host
    const fields = section.take()
    let pseudos = section.pseudos
    const at = connect ? 1 : 2
    if (authority !== null) fields[at] = authority
    else {
      fields.splice(at, 1)
      pseudos--
    }
    let size = section.size
    for (let i = 0; i < pseudos; i++) size += fields[i].size
    return Head.request(fields, size, section.contentLength)
  }
}
