// Parses HTTP/1.1 messages (RFC 9112): `feed` takes bytes and calls a sink. Sans-IO: no socket, no clock, and
// no buffer but for a split line. This file has the parts that both roles share: lines, field sections,
// bodies. request-reader.ts and response-reader.ts read heads.
//
// The reader stops after each `messageEnd`, and `feed` returns how far it came. The caller keeps the rest of
// the chunk, or gives it back to the socket, until `next`. So there is no queue of requests here, and the
// socket bounds the look-ahead.
//
// Body bytes are passed on as slices of the chunk. The LineReader of transport reads lines, and
// chunk-lines.ts reads the lines before chunks.

import type { Field, Head } from '../http/index.js'
import { BARE_CR, BARE_LF, LINE, LineReader, TOO_LONG } from '../transport/index.js'
import { ChunkLines } from './chunk-lines.js'
import { REFUSALS, type RefusalCode } from './faults.js'
import type { FieldDecoder } from './field-decoder.js'
import { ASKED, CHUNKED, NONE, TUNNEL, UNTIL_CLOSE } from './framing.js'
import type { Http1Limits } from './limits.js'

/** Takes the parts of messages. Each call may stop the reader; `messageEnd` may call `next`. */
export interface MessageSink {
  /** Takes a head, final or interim. `ended`: no body follows, and {@link messageEnd} is called next. */
  head(head: Head, ended: boolean): void
  /** Takes body bytes, which are valid until `feed` returns. */
  body(buffer: Buffer, start: number, end: number): void
  /** Takes trailers, if there are any, before {@link messageEnd}. */
  trailers(fields: readonly Field[]): void
  /** The message is whole. `persists`: another may follow, which is read when `feed` has returned. */
  messageEnd(persists: boolean): void
  /** The message is malformed or truncated. The reader has stopped, and the connection must end. */
  error(status: number, code: RefusalCode, reason: string): void
}

const WAITING: number = 0
const START: number = 1
const FIELDS: number = 2
const BODY: number = 3
const BODY_UNTIL_CLOSE: number = 4
const CHUNK_SIZE: number = 5
const CHUNK_DATA: number = 6
const CHUNK_END: number = 7
const TRAILERS: number = 8
const SWITCHING: number = 9
const TUNNELLING: number = 10
const STOPPED: number = 11

const CR = 13
const LF = 10

export abstract class MessageReader {
  protected readonly sink: MessageSink
  protected readonly limits: Http1Limits
  protected readonly decoder: FieldDecoder
  private readonly lines: LineReader
  private readonly chunks: ChunkLines
  private state: number
  /** The message's HTTP/1.`minor`. */
  protected minor: number
  /** octets that the current field section may still have; negative after too many */
  private sectionLeft: number
  private linesLeft: number
  /** octets left of the body or of the chunk */
  private left: number
  private trailers: Field[] | null
  /** The first bytes of input that cannot be HTTP/1.1, to recognise another protocol. */
  beginning: Buffer

  /** @param chunkPaddingMax octets of blanks and zeros that are accepted around a chunk size */
  constructor(
    sink: MessageSink,
    decoder: FieldDecoder,
    limits: Http1Limits,
    waiting: boolean,
    chunkPaddingMax: number,
  ) {
    this.sink = sink
    this.decoder = decoder
    this.limits = limits
    this.lines = new LineReader(limits.startLineBytesMax)
    this.chunks = new ChunkLines(limits, chunkPaddingMax)
    this.state = waiting ? WAITING : START
    this.minor = 1
    this.sectionLeft = 0
    this.linesLeft = 0
    this.left = 0
    this.trailers = null
    this.beginning = EMPTY
  }

  /** Returns true if a message may begin with this octet. */
  protected abstract mayBegin(octet: number): boolean
  /** Reads a whole start line, and calls {@link fieldsFollow} if it is valid. */
  protected abstract startLine(b: Buffer, start: number, end: number): void
  protected abstract startLineTooLong(b: Buffer, end: number): void
  protected abstract fieldLine(b: Buffer, start: number, end: number): void
  /** Reads the empty line after the fields, and calls {@link bodyFollows}. */
  protected abstract headEnd(): void
  /** Bytes have come that belong to no message. */
  protected abstract unasked(): void
  /** The connection ended before the next message began. */
  protected abstract endedBefore(): void
  /** Reads a trailer line, and calls {@link trailer}. */
  protected abstract trailerLine(b: Buffer, start: number, end: number): void
  /** True if another message may follow this one. */
  protected abstract get persists(): boolean

  get stopped(): boolean {
    return this.state === STOPPED
  }
  /** True if a message is whole, or none is expected: {@link feed} takes nothing until `next`. */
  get waiting(): boolean {
    return this.state === WAITING
  }
  /** True while the answer decides what follows: {@link feed} takes nothing until {@link answered}. */
  get switching(): boolean {
    return this.state === SWITCHING
  }
  /** True if the rest of the chunk, and everything after it, belongs to a tunnel. */
  get tunnelling(): boolean {
    return this.state === TUNNELLING
  }
  /** True once the start line of a message has begun, and with it the time for the head. */
  get begun(): boolean {
    return this.state > START ? this.state < SWITCHING : this.lines.kept > 0
  }
  /** True while the reader is inside a head. */
  get inHead(): boolean {
    return this.begun && this.state <= FIELDS
  }
  /** The octets kept for a split line. The longest line that is accepted bounds them. */
  get bufferedBytes(): number {
    return this.lines.bufferedBytes
  }

  /** Stops reading: the connection is failing. */
  stop(): void {
    this.state = STOPPED
    this.lines.drop()
  }

  /** Goes on after a tunnel request: with the tunnel if it is open, else with HTTP. */
  answered(open: boolean): void {
    this.state = open ? TUNNELLING : this.persists ? WAITING : STOPPED
  }

  protected begin(): void {
    if (this.state !== WAITING) throw new Error('the message before is not whole')
    this.again()
  }

  /** Begins another head: of the next message, or after an interim one. */
  protected again(): void {
    this.state = START
    this.lines.max = this.limits.startLineBytesMax
  }

  /**
   * Reads from `at` on. Returns the offset after the part that was read, which may be less than the chunk
   * after a message.
   */
  feed(chunk: Buffer, at = 0): number {
    const end = chunk.length
    while (at < end) {
      switch (this.state) {
        case START:
          if (this.lines.isFresh && !this.mayBegin(chunk[at])) {
            this.beginning = Buffer.of(chunk[at])
            this.fail('start-line')
            return at
          }
          at = this.line(chunk, at, end)
          break
        case FIELDS:
        case CHUNK_SIZE:
        case TRAILERS:
          at = this.line(chunk, at, end)
          break
        case BODY:
        case CHUNK_DATA: {
          const size = Math.min(this.left, end - at)
          this.left -= size
          this.sink.body(chunk, at, at + size)
          at += size
          if (this.left > 0 || this.stopped) break
          if (this.state === BODY) this.finish()
          else this.state = CHUNK_END
          break
        }
        case CHUNK_END:
          this.chunkEnd(chunk[at++])
          break
        case BODY_UNTIL_CLOSE:
          this.sink.body(chunk, at, end)
          return end
        case WAITING:
          this.beginning = Buffer.of(chunk[at])
          this.unasked()
          return at
        default:
          return at
      }
    }
    return at
  }

  /** Ends the input (RFC 9112 §8). `fin`: by FIN, which ends a message until close; a reset does not. */
  end(fin = true): void {
    if (this.state === BODY_UNTIL_CLOSE && fin) this.finish()
    else if (this.state === START && !this.begun) this.endedBefore()
    else if (this.begun) this.fail('truncated')
    if (this.state !== TUNNELLING) this.stop()
  }

  protected fail(code: RefusalCode): void {
    this.stop()
    const [status, reason] = REFUSALS[code]
    this.sink.error(this.statusOf(status), code, reason)
  }

  protected statusOf(status: number): number {
    return status
  }

  // Lines

  /** Reads a line or a part of one. Returns the offset after it. */
  private line(chunk: Buffer, at: number, end: number): number {
    const { lines } = this
    const next = lines.read(chunk, at, end)
    switch (lines.found) {
      case LINE:
        this.lineRead(lines.buffer(chunk), lines.start, lines.end)
        break
      case BARE_CR:
        this.fail('bare-cr')
        break
      case BARE_LF:
        this.fail('bare-lf')
        break
      case TOO_LONG:
        this.lineTooLong(lines.buffer(chunk), lines.end)
    }
    return next
  }

  private lineRead(b: Buffer, start: number, end: number): void {
    switch (this.state) {
      case START:
        this.startLine(b, start, end)
        return
      case FIELDS:
        if (start === end) {
          this.lines.release()
          this.headEnd()
        } else if (this.lineFits(end - start)) this.fieldLine(b, start, end)
        else this.fail('fields-too-large')
        return
      case CHUNK_SIZE:
        this.chunkSize(b, start, end)
        return
      default:
        if (start === end) this.trailersEnd()
        else if (this.lineFits(end - start)) this.trailerLine(b, start, end)
        else this.fail('trailers-too-large')
    }
  }

  private lineTooLong(b: Buffer, end: number): void {
    if (this.state === START) this.startLineTooLong(b, end)
    else if (this.state === FIELDS) this.fail('fields-too-large')
    else if (this.state === TRAILERS) this.fail('trailers-too-large')
    else this.fail(this.chunks.tooLong(b, end))
  }

  // Field sections

  protected fieldsFollow(minor: number): void {
    this.minor = minor
    this.sectionBegins(FIELDS, this.limits.fieldSectionBytesMax, this.limits.fieldsMax)
  }

  private sectionBegins(state: number, bytesMax: number, linesMax: number): void {
    this.state = state
    this.sectionLeft = bytesMax
    this.linesLeft = linesMax
    this.lines.max = bytesMax
  }

  private lineFits(size: number): boolean {
    this.sectionLeft -= size + 2
    this.lines.max = Math.max(0, this.sectionLeft)
    return this.linesLeft-- > 0 && this.sectionLeft >= 0
  }

  protected trailer(field: Field): void {
    this.trailers ??= []
    this.trailers.push(field)
  }

  private trailersEnd(): void {
    const trailers = this.trailers
    this.trailers = null
    if (trailers !== null) this.sink.trailers(trailers)
    if (!this.stopped) this.finish()
  }

  // Bodies

  /** Gives the head to the sink, and begins a body of this framing. */
  protected bodyFollows(head: Head, framing: number): void {
    if (framing > 0) {
      this.state = BODY
      this.left = framing
    } else if (framing === CHUNKED) {
      this.state = CHUNK_SIZE
      this.chunks.begin()
      this.lines.max = this.chunks.lineMax
    } else if (framing === UNTIL_CLOSE) this.state = BODY_UNTIL_CLOSE
    else if (framing === ASKED) this.state = SWITCHING
    else if (framing === TUNNEL) this.state = TUNNELLING
    const ended = framing === 0 || framing === NONE
    this.sink.head(head, ended)
    if (ended && !this.stopped) this.finish()
  }

  private finish(): void {
    const persists = this.persists
    this.lines.release()
    if (persists) this.state = WAITING
    else this.stop()
    this.sink.messageEnd(persists)
  }

  private chunkSize(b: Buffer, start: number, end: number): void {
    const { chunks } = this
    const wrong = chunks.read(b, start, end)
    if (wrong !== null) this.fail(wrong)
    else if (chunks.size === 0)
      this.sectionBegins(TRAILERS, this.limits.trailerSectionBytesMax, this.limits.trailersMax)
    else {
      this.left = chunks.size
      this.state = CHUNK_DATA
    }
  }

  private chunkEnd(octet: number): void {
    const { lines } = this
    if (octet !== (lines.afterCr ? LF : CR)) this.fail('chunk-end')
    else if (lines.afterCr) {
      lines.afterCr = false
      this.state = CHUNK_SIZE
      lines.max = this.chunks.lineMax
    } else lines.afterCr = true
  }
}

const EMPTY = Buffer.alloc(0)
