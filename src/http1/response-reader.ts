// Reads responses (RFC 9112 §4; spec/http1/framing.md). A response needs an outstanding request, whose method
// decides where the response ends. A fault is a 502. Text that can be read in only one way is accepted
// (spec/http1/strictness.md).

import { Head, isForbiddenTrailer, isText, Token } from '../http/index.js'
import { type FieldDecoder, isDigit, isVersion, RESPONSE_FIELD } from './field-decoder.js'
import { FieldSection } from './field-section.js'
import { Folding } from './folding.js'
import { isBodiless, NONE, opensTunnel, TUNNEL, UNTIL_CLOSE } from './framing.js'
import type { Http1Limits } from './limits.js'
import { MessageReader, type MessageSink } from './reader.js'

const SP = 32
const ZERO = 48
/** Offsets in `HTTP/1.1 200`. */
const MAJOR = 5
const MINOR = 7
const STATUS = 9
const STATUS_END = 12

export class ResponseReader extends MessageReader {
  private readonly section: FieldSection
  private readonly folding: Folding
  private method: string
  private upgradeAsked: boolean
  private status: number
  private interims: number
  /**
   * True if another parser could see a body where we see none: this response is then the connection's last.
   */
  private doubtful: boolean
  /** True if the connection's end ends this response. */
  private untilClose: boolean

  constructor(sink: MessageSink, decoder: FieldDecoder, limits: Http1Limits) {
    super(sink, decoder, limits, true, limits.chunkPaddingBytesMax)
    this.section = new FieldSection(true)
    this.folding = new Folding()
    this.method = ''
    this.upgradeAsked = false
    this.status = 0
    this.interims = 0
    this.doubtful = false
    this.untilClose = false
  }

  /** Expects the response to a request with this method. */
  next(method: string, upgradeAsked = false): void {
    this.begin()
    this.method = method
    this.upgradeAsked = upgradeAsked
    this.interims = 0
  }

  /** The minor version of the response, which the backend understands (RFC 9112 §6.1). */
  get version(): number {
    return this.minor
  }

  /** The Upgrade field of a 101. */
  get upgrade(): string {
    return this.section.connection.upgrade ? this.section.upgrade : ''
  }

  /** The Keep-Alive field; '' without one. */
  get keepAlive(): string {
    return this.section.keepAlive
  }

  protected get persists(): boolean {
    return !this.doubtful && !this.untilClose && this.section.connection.persists(this.minor)
  }

  protected override statusOf(): number {
    return 502
  }

  protected mayBegin(octet: number): boolean {
    return octet === 0x48
  }

  protected unasked(): void {
    this.fail('unasked')
  }
  protected endedBefore(): void {
    this.fail(this.interims === 0 ? 'unanswered' : 'truncated')
  }

  protected startLine(b: Buffer, start: number, end: number): void {
    if (!isStatusLine(b, start, end)) this.fail('start-line')
    else if (b[start + MAJOR] !== ZERO + 1) this.fail('version')
    else {
      this.status = statusAt(b, start + STATUS)
      this.folding.begin()
      this.section.begin([this.decoder.status(this.status)])
      this.fieldsFollow(b[start + MINOR] - ZERO)
    }
  }

  protected startLineTooLong(): void {
    this.fail('start-line-too-long')
  }

  protected fieldLine(b: Buffer, start: number, end: number): void {
    if (this.folding.take(b, start, end)) return
    if (this.folding.isFolded) this.unfold()
    const field = this.decoder.fieldLine(RESPONSE_FIELD, b, start, end)
    if (field === null) {
      this.fail(this.decoder.refused)
      return
    }
    if (field.token === Token.OTHER) this.section.push(field)
    else {
      const wrong = this.section.special(field, this.decoder)
      if (wrong !== null) this.fail(wrong)
    }
    this.folding.follows(field)
  }

  private unfold(): void {
    const field = this.folding.unfold(this.decoder)
    if (field === null) this.fail(this.decoder.refused)
    else this.section.replaceLast(field)
  }

  /** Drops forbidden trailers (RFC 9110 §6.5.1): the message is whole without them. */
  protected trailerLine(b: Buffer, start: number, end: number): void {
    const field = this.decoder.fieldLine(RESPONSE_FIELD, b, start, end)
    if (field !== null) {
      if (!isForbiddenTrailer(field.token)) this.trailer(field)
    } else if (this.decoder.refused !== 'content-length') this.fail(this.decoder.refused)
  }

  protected headEnd(): void {
    if (this.folding.isFolded) this.unfold()
    if (this.stopped) return
    const { section, status } = this
    const tunnel = opensTunnel(this.method, status)
    // In a 2xx to CONNECT both fields must be ignored (RFC 9112 §6.3).
    const wrong = tunnel && status !== 101 ? null : section.fault(this.minor)
    if (wrong !== null) {
      this.fail(wrong)
      return
    }
    section.removeNominated()
    const bodiless = isBodiless(this.method, status)
    if (status < 200 || status === 204) {
      // Neither field may stand here (RFC 9112 §6.1, §6.2). They are ignored, but the sender may have meant a
      // body.
      if (section.coding !== null || section.contentLength > 0) this.doubtful = true
      this.withoutLength()
    } else if (tunnel) this.withoutLength()
    if (status < 200) this.interim(tunnel)
    else if (tunnel) this.bodyFollows(this.head(), TUNNEL)
    else if (bodiless) this.bodyFollows(this.head(), NONE)
    else {
      this.untilClose = section.framing === NONE
      this.bodyFollows(this.head(), this.untilClose ? UNTIL_CLOSE : section.framing)
    }
  }

  private interim(switching: boolean): void {
    if (switching) {
      if (!this.upgradeAsked) this.fail('upgrade-not-asked')
      else if (this.upgrade === '') this.fail('upgrade-missing')
      else this.bodyFollows(this.head(), TUNNEL)
      return
    }
    this.interims++
    this.again()
    this.sink.head(this.head(), false)
  }

  private withoutLength(): void {
    if (this.section.contentLength < 0) return
    this.section.without((field) => field.token === Token.CONTENT_LENGTH)
    this.section.contentLength = -1
  }

  private head(): Head {
    const { section } = this
    const fields = section.take()
    return Head.response(fields, section.size + fields[0].size, section.contentLength)
  }
}

/**
 * Returns true if a line is a status line of any version (RFC 9112 §4). The reason may be missing, and so may
 * the SP before it.
 */
function isStatusLine(b: Buffer, start: number, end: number): boolean {
  const status = start + STATUS
  const reason = start + STATUS_END
  return (
    end >= reason &&
    isVersion(b, start) &&
    b[status - 1] === SP &&
    b[status] !== ZERO &&
    isDigit(b[status]) &&
    isDigit(b[status + 1]) &&
    isDigit(b[status + 2]) &&
    (end === reason || (b[reason] === SP && isText(b, reason, end)))
  )
}

const statusAt = (b: Buffer, at: number): number =>
  (b[at] - ZERO) * 100 + (b[at + 1] - ZERO) * 10 + (b[at + 2] - ZERO)
