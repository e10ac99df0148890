// Requests, as a server reads them (RFC 9112 §3; spec/http1/strictness.md, translation.md): a request line
// and field lines become a head in HTTP/2's form, so that an exchange need not know which version it came by.

import { type Field, Head, isForbiddenTrailer, isTokenChar, Token } from '../http/index.js'
import type { RefusalCode } from './faults.js'
import { type FieldDecoder, isVersion, REQUEST_FIELD, REQUEST_TRAILER } from './field-decoder.js'
import { FieldSection } from './field-section.js'
import { ASKED } from './framing.js'
import type { Http1Limits } from './limits.js'
import { namesProtocol, readTarget } from './message.js'
import { MessageReader, type MessageSink } from './reader.js'
import { isWebSocketKey, WEBSOCKET, WEBSOCKET_VERSION } from './websocket.js'

const CR = 13
const LF = 10
const SP = 32

export class RequestReader extends MessageReader {
  private readonly section = new FieldSection(false)
  /** How the client connected: the scheme of every request, whatever its target says. */
  private readonly ownScheme: Field
  private emptyLines = 0
  private method: Field | null = null
  private scheme: Field | null = null
  private authority: Field | null = null
  private path: Field | null = null
  private host: Field | null = null
  /** Of a WebSocket handshake: the client's key; '' for any other request. */
  webSocketKey = ''

  constructor(sink: MessageSink, decoder: FieldDecoder, limits: Http1Limits, scheme: 'http' | 'https') {
    super(sink, decoder, limits, false)
    this.ownScheme = decoder.schemes[scheme]
  }

  /** Go on to the next request, behind one that was whole. */
  next(): void {
    this.emptyLines = 0
    this.method = null
    this.begin()
  }

  /**
   * What is being read, or was read last, is a request by HEAD: no answer to it has content (RFC 9110
   * §9.3.2).
   */
  get asksHead(): boolean {
    return this.method?.value === 'HEAD'
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

  protected readonly chunkPaddingMax = 0

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
    let space = start
    while (space < end && b[space] !== SP) space++
    if (space - start > this.limits.methodBytesMax) {
      this.fail(isToken(b, start, space) ? 'method-too-long' : 'start-line')
      return
    }
    const method = space > start ? this.decoder.method(b, start, space) : null
    this.method = method
    const minor = this.readVersion(b, start, end)
    if (minor < 0) return
    // `GET / HTTP/1.1`: what stands between the two spaces has none in it.
    const stop = end - 9
    for (let i = space + 1; i < stop; i++) {
      if (b[i] === SP) {
        this.fail('start-line')
        return
      }
    }
    if (method === null || space + 1 >= stop) this.fail('start-line')
    else if (this.readTarget(method, b, space + 1, stop)) this.requestLine(method, minor)
    else this.fail('request-target')
  }

  /** The minor version of a line that ends in ` HTTP/1.x`; -1 after a failure. */
  private readVersion(b: Buffer, start: number, end: number): number {
    const at = end - 9
    if (at > start && b[at] === SP && isVersion(b, at + 1)) {
      if (b[at + 6] === 0x31) return b[at + 8] - 0x30
      this.fail('version')
    } else this.fail('start-line')
    return -1
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

  private requestLine(method: Field, minor: number): void {
    this.method = method
    this.host = null
    this.webSocketKey = ''
    // The place of `:authority` is kept: Host may be any of the lines that follow.
    const path = this.path
    this.section.begin(path === null ? [method, method] : [method, this.scheme as Field, method, path])
    this.fieldsFollow(minor)
  }

  protected startLineTooLong(b: Buffer, end: number): void {
    let space = 0
    while (space < end && b[space] !== SP) space++
    if (!isToken(b, 0, Math.min(space, this.limits.methodBytesMax + 1))) {
      this.fail('start-line')
      return
    }
    if (space > this.limits.methodBytesMax) {
      this.fail('method-too-long')
      return
    }
    this.method = this.decoder.method(b, 0, space)
    this.fail('target-too-long')
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
    const connect = this.path === null
    if (connect && (section.coding !== null || section.contentLength > 0)) {
      this.fail('connect-content')
      return
    }
    section.removeNominated()
    if (connect) this.bodyFollows(this.head(true), ASKED)
    else if (this.method?.value === 'GET' && namesProtocol(this.upgrade, WEBSOCKET)) this.webSocket()
    else {
      // TE itself was for this connection; to the next it is ours to send (RFC 9110 §10.1.4).
      if (section.trailersTaken && this.minor > 0) section.push(this.decoder.teTrailers)
      this.bodyFollows(this.head(false), section.framing)
    }
  }

  /** A WebSocket handshake becomes extended CONNECT (RFC 8441 §5); the key stays with this connection. */
  private webSocket(): void {
    const wrong = this.handshakeFault()
    if (wrong !== null) {
      this.fail(wrong)
      return
    }
    const { section, decoder } = this
    section.without((each) => each.token === Token.SEC_WEBSOCKET_KEY || each.token === Token.CONTENT_LENGTH)
    section.contentLength = -1
    const connect = decoder.fields.field(':method', 'CONNECT')
    const protocol = decoder.fields.field(':protocol', WEBSOCKET)
    section.fields[0] = connect
    section.fields.splice(section.pseudos++, 0, protocol)
    this.method = connect
    this.bodyFollows(this.head(false, protocol), ASKED)
  }

  /** RFC 6455 §4.2.1: what a handshake must have, once. */
  private handshakeFault(): RefusalCode | null {
    const { fields, coding, contentLength } = this.section
    if (coding !== null || contentLength > 0) return 'websocket-content'
    const versions = fields.filter((each) => each.token === Token.SEC_WEBSOCKET_VERSION)
    if (versions.length !== 1 || versions[0].value !== WEBSOCKET_VERSION) return 'websocket-version'
    const keys = fields.filter((each) => each.token === Token.SEC_WEBSOCKET_KEY)
    if (keys.length !== 1 || !isWebSocketKey(keys[0].value)) return 'websocket-key'
    this.webSocketKey = keys[0].value
    return null
  }

  private head(connect: boolean, protocol: Field | null = null): Head {
    const { section, method, path } = this
    // RFC 9112 §3.2.2: what the target names is whom it is for, and Host is not looked at.
    const authority = this.authority ?? this.host
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
    const scheme = connect ? null : this.scheme
    return new Head(
      fields,
      pseudos,
      size,
      0,
      method,
      scheme,
      authority,
      path,
      protocol,
      section.contentLength,
    )
  }
}

function isToken(b: Buffer, start: number, end: number): boolean {
  for (let i = start; i < end; i++) if (!isTokenChar(b[i])) return false
  return end > start
}
