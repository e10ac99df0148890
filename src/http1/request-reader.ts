// Requests, as a server reads them (RFC 9112 §3; spec/http1/strictness.md, translation.md): a request line
// and field lines become a head in HTTP/2's form, so that an exchange need not know which version it came by.

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
  /** Of a WebSocket handshake: the client's key; '' for any other request. */
  webSocketKey: string

  constructor(sink: MessageSink, decoder: FieldDecoder, limits: Http1Limits, scheme: 'http' | 'https') {
    super(sink, decoder, limits, false, 0)
    this.section = new FieldSection(false)
    this.requestLine = new RequestLine(decoder, limits, scheme)
    this.emptyLines = 0
    this.host = null
    this.webSocketKey = ''
  }

  /** Go on to the next request, behind one that was whole. */
  next(): void {
    this.emptyLines = 0
    this.requestLine.method = null
    this.begin()
  }

  /**
   * What is being read, or was read last, is a request by HEAD: no answer to it has content (RFC 9110
   * §9.3.2).
   */
  get asksHead(): boolean {
    return this.requestLine.method?.value === 'HEAD'
  }

  /** The request's HTTP/1.`version`: its answer is framed for it. */
  get version(): number {
    return this.minor
  }

  /** What the request asks to switch to; '' for nothing (RFC 9110 §7.8: HTTP/1.0 cannot ask). */
  get upgrade(): string {
    return this.minor > 0 && this.section.connection.upgrade ? this.section.upgrade : ''
  }

  /** Whether the client lets another request follow, as far as its head has told. */
  get keepAlive(): boolean {
    return this.persists
  }

  protected get persists(): boolean {
    return this.section.connection.persists(this.minor)
  }

  protected mayBegin(octet: number): boolean {
    return isTokenChar(octet) || octet === CR || octet === LF
  }

  /** RFC 9112 §9.2 is for clients: more requests may come, and wait for their turn. */
  protected unasked(): void {}
  /** A client may leave between two requests. */
  protected endedBefore(): void {}

  /**
   * A client is not helped: what it writes among trailers may be meant for a reader behind us (RFC 9110
   * §6.5.1).
   */
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
    // The place of `:authority` is kept: Host may be any of the lines that follow.
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
      // RFC 9110 §10.1.1: of a client of HTTP/1.0 it must be ignored.
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
      // TE itself was for this connection; to the next it is ours to send (RFC 9110 §10.1.4).
      if (section.trailersTaken && this.minor > 0) section.push(this.decoder.teTrailers)
      this.bodyFollows(this.head(false), section.framing)
    }
  }

  /** A WebSocket handshake becomes extended CONNECT (RFC 8441 §5); the key stays with this connection. */
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
    // RFC 9112 §3.2.2: what the target names is whom it is for, and Host is not looked at.
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
