// An HTTP/1.1 connection, receiving (RFC 9112): bytes in by `feed`, calls on a sink out. Sans-IO: it owns no
// socket and no clock, and keeps only what a split line needs. Here is what both roles share: lines, field
// sections, bodies. What a head says is read by request-reader.ts and response-reader.ts.
//
// One message at a time. Behind `messageEnd` the reader stops and `feed` returns how far it came; what is
// left of the chunk is the caller's to keep or to give back to the socket, until `next` lets it go on. So
// this room holds no queue of requests, and the bound of a look-ahead is the socket's.
//
// Body bytes are passed on as slices of the chunk. A line is read in place when the chunk holds all of it,
// else octet by octet through `carry`; where a chunk is split makes no difference to what is told.

import type { Field, Head } from '../http/index.js'
import { chunkSizeDigits, chunkSizeOf, isChunkExtensions, paddingEnd, paddingStart } from './chunk-size.js'
import { REFUSALS, type RefusalCode } from './faults.js'
import type { FieldDecoder } from './field-decoder.js'
import { ASKED, CHUNKED, NONE, TUNNEL, UNTIL_CLOSE } from './framing.js'
import type { Http1Limits } from './limits.js'

/** Told what was read. Each call may stop the reader; `messageEnd` may call `next`. */
export interface MessageSink {
  /** A head, interim ones too. `ended`: no body follows, and {@link messageEnd} is called next. */
  head(head: Head, ended: boolean): void
  /** Body bytes, valid until `feed` returns. */
  body(buffer: Buffer, start: number, end: number): void
  /** Before {@link messageEnd}, where there are any. */
  trailers(fields: readonly Field[]): void
  /** The message is whole. `persists`: another may follow; look at it when `feed` has returned. */
  messageEnd(persists: boolean): void
  /** What came is no message, or not a whole one: the reader has stopped, and the connection must end. */
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
const CARRY_FIRST = 128

export abstract class MessageReader {
  protected readonly sink: MessageSink
  protected readonly limits: Http1Limits
  protected readonly decoder: FieldDecoder
  private state: number
  /** The message's HTTP/1.`minor`. */
  protected minor = 1
  private carry: Buffer | null = null
  private carried = 0
  /** A CR has come, and the chunk ended. */
  private afterCr = false
  /** octets that the current line may have */
  private lineMax: number
  /** octets that the current field section may still have; below 0 it has had too many */
  private sectionLeft = 0
  private linesLeft = 0
  /** octets that are left of the body, or of the chunk */
  private left = 0
  private extensionLeft = 0
  private trailers: Field[] | null = null
  /** The first octet of what cannot be a message: what the peer speaks instead. */
  beginning: Buffer = EMPTY
  constructor(sink: MessageSink, decoder: FieldDecoder, limits: Http1Limits, waiting: boolean) {
    this.sink = sink
    this.decoder = decoder
    this.limits = limits
    this.state = waiting ? WAITING : START
    this.lineMax = limits.startLineBytesMax
  }

  /** Whether a message that begins so can be one. */
  protected abstract mayBegin(octet: number): boolean
  /** A whole start line; {@link fieldsFollow} when it is good. */
  protected abstract startLine(b: Buffer, start: number, end: number): void
  protected abstract startLineTooLong(b: Buffer, end: number): void
  protected abstract fieldLine(b: Buffer, start: number, end: number): void
  /** The empty line behind the fields: tell the sink and say by {@link bodyFollows} what comes. */
  protected abstract headEnd(): void
  /** Octets have come that belong to no message. */
  protected abstract unasked(): void
  /** The connection ended before the next message began. */
  protected abstract endedBefore(): void
  /** Octets of blanks and zeros allowed around a chunk-size; 0: as RFC 9112 §7.1 has it, or refused. */
  protected abstract get chunkPaddingMax(): number
  /** A trailer line, for {@link trailer}. */
  protected abstract trailerLine(b: Buffer, start: number, end: number): void
  /** The message is whole: may another follow? */
  protected abstract get persists(): boolean

  get stopped(): boolean {
    return this.state === STOPPED
  }
  /** A message is whole, or none has been asked for: {@link feed} takes nothing until `next`. */
  get waiting(): boolean {
    return this.state === WAITING
  }
  /** The answer decides what follows: {@link feed} takes nothing until it was {@link answered}. */
  get switching(): boolean {
    return this.state === SWITCHING
  }
  /** What is left of the chunk, and all that comes, is no HTTP: the role's to pass on. */
  get tunnelling(): boolean {
    return this.state === TUNNELLING
  }
  /** Inside a message, its first line begun: what a time limit for heads begins with. */
  get begun(): boolean {
    return this.state > START ? this.state < SWITCHING : this.carried > 0
  }
  /** Inside a head. */
  get inHead(): boolean {
    return this.begun && this.state <= FIELDS
  }
  /** Octets kept for a split line; bounded by the longest line that is let pass. */
  get bufferedBytes(): number {
    return this.carry === null ? 0 : this.carry.length
  }

  /** Read no further: the connection is being given up. */
  stop(): void {
    this.state = STOPPED
    this.carry = null
    this.carried = 0
  }

  /** The tunnel that was asked for is open; or it is not, and what follows is HTTP. */
  answered(open: boolean): void {
    this.state = open ? TUNNELLING : this.persists ? WAITING : STOPPED
  }

  protected begin(): void {
    if (this.state !== WAITING) throw new Error('the message before is not whole')
    this.again()
  }

  /** Before another head: of the next message, or behind an interim one. */
  protected again(): void {
    this.state = START
    this.lineMax = this.limits.startLineBytesMax
  }

  /** Reads from `at` on. Returns the offset behind what was used: less than all when a message is whole. */
  feed(chunk: Buffer, at = 0): number {
    const end = chunk.length
    while (at < end) {
      switch (this.state) {
        case START:
          if (this.carried === 0 && !this.afterCr && !this.mayBegin(chunk[at])) {
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

  /** The connection is over (RFC 9112 §8). `fin`: by FIN; a connection that broke makes nothing whole. */
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

  /** Read a line, or what there is of one. Returns the offset behind it. */
  private line(chunk: Buffer, at: number, end: number): number {
    if (this.carried === 0 && !this.afterCr) {
      const stop = Math.min(end - 2, at + this.lineMax)
      let i = at
      for (; i <= stop; i++) {
        const c = chunk[i]
        if (c === CR || c === LF) break
      }
      if (i <= stop && chunk[i] === CR && chunk[i + 1] === LF) {
        this.lineRead(chunk, at, i)
        return i + 2
      }
    }
    return this.gather(chunk, at, end)
  }

  /** The careful way, for lines that are split, too long, or end in anything but CR LF. */
  private gather(chunk: Buffer, at: number, end: number): number {
    while (at < end) {
      const c = chunk[at++]
      if (this.afterCr) {
        this.afterCr = false
        if (c !== LF) this.fail('bare-cr')
        else {
          const size = this.carried
          this.carried = 0
          this.lineRead(this.carry ?? EMPTY, 0, size)
        }
        return at
      }
      if (c === CR) this.afterCr = true
      else if (c === LF) {
        this.fail('bare-lf')
        return at
      } else if (this.carried >= this.lineMax) {
        this.lineTooLong()
        return at
      } else this.keep(c)
    }
    return at
  }

  private keep(octet: number): void {
    if (this.carry === null || this.carry.length === this.carried) {
      const larger = Buffer.allocUnsafeSlow(Math.max(CARRY_FIRST, Math.min(this.lineMax, this.carried * 2)))
      this.carry?.copy(larger, 0, 0, this.carried)
      this.carry = larger
    }
    this.carry[this.carried++] = octet
  }

  private lineRead(b: Buffer, start: number, end: number): void {
    switch (this.state) {
      case START:
        this.startLine(b, start, end)
        return
      case FIELDS:
        if (start === end) {
          this.carry = null
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

  private lineTooLong(): void {
    const carry = this.carry ?? EMPTY
    const size = this.carried
    if (this.state === START) this.startLineTooLong(carry, size)
    else if (this.state === FIELDS) this.fail('fields-too-large')
    else if (this.state === TRAILERS) this.fail('trailers-too-large')
    else {
      const sized = chunkSizeDigits(carry, 0, size, this.limits.chunkSizeDigitsMax) > 0
      this.fail(sized ? 'chunk-extension' : 'chunk-size')
    }
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
    this.lineMax = bytesMax
  }

  private lineFits(size: number): boolean {
    this.sectionLeft -= size + 2
    this.lineMax = Math.max(0, this.sectionLeft)
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

  /** Give the head to the sink; then what it says comes: a body of this framing. */
  protected bodyFollows(head: Head, framing: number): void {
    if (framing > 0) {
      this.state = BODY
      this.left = framing
    } else if (framing === CHUNKED) {
      this.state = CHUNK_SIZE
      this.extensionLeft = this.limits.chunkExtensionBytesMax
      this.lineMax = this.chunkLineMax
    } else if (framing === UNTIL_CLOSE) this.state = BODY_UNTIL_CLOSE
    else if (framing === ASKED) this.state = SWITCHING
    else if (framing === TUNNEL) this.state = TUNNELLING
    const ended = framing === 0 || framing === NONE
    this.sink.head(head, ended)
    if (ended && !this.stopped) this.finish()
  }

  private finish(): void {
    const persists = this.persists
    this.carry = null
    if (persists) this.state = WAITING
    else this.stop()
    this.sink.messageEnd(persists)
  }

  private get chunkLineMax(): number {
    return this.limits.chunkSizeDigitsMax + this.chunkPaddingMax + this.extensionLeft
  }

  private chunkSize(b: Buffer, start: number, end: number): void {
    const padding = this.chunkPaddingMax
    const size = end - start
    if (padding > 0) {
      start = paddingStart(b, start, end)
      end = paddingEnd(b, start, end)
    }
    const digits = chunkSizeDigits(b, start, end, this.limits.chunkSizeDigitsMax)
    const octets = chunkSizeOf(b, start, digits)
    if (digits === 0 || size - (end - start) > padding) this.fail('chunk-size')
    else if (start + digits < end && !this.extensionsFit(b, start + digits, end)) this.fail('chunk-extension')
    else if (octets === 0)
      this.sectionBegins(TRAILERS, this.limits.trailerSectionBytesMax, this.limits.trailersMax)
    else {
      this.left = octets
      this.state = CHUNK_DATA
    }
  }

  /** RFC 9112 §7.1.1: extensions mean nothing to us, and are not passed on. */
  private extensionsFit(b: Buffer, start: number, end: number): boolean {
    this.extensionLeft -= end - start
    return this.extensionLeft >= 0 && isChunkExtensions(b.toString('latin1', start, end))
  }

  private chunkEnd(octet: number): void {
    if (octet !== (this.afterCr ? LF : CR)) this.fail('chunk-end')
    else if (this.afterCr) {
      this.afterCr = false
      this.state = CHUNK_SIZE
      this.lineMax = this.chunkLineMax
    } else this.afterCr = true
  }
}

const EMPTY = Buffer.alloc(0)
