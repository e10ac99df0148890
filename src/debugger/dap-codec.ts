// Messages of the Debug Adapter Protocol: a sans-IO reader and a writer. A message is a header, an empty line
// and a body of JSON:
//
//   Content-Length: 119\r\n
//   \r\n
//   {"seq":1,"type":"request","command":"initialize","arguments":{…}}
//
// The reader is strict. A web page can make a browser send a request of HTTP to the port of a debugger, with
// a body that is a message; so a message must begin with `Content-Length: `, and the first byte that differs
// breaks the connection. A body that is not a message does not break the framing: the reader tells why, and
// continues after it.

import { TextDecoder } from 'node:util'

export interface DapRequest {
  readonly seq: number
  readonly type: 'request'
  readonly command: string
  readonly arguments?: DapObject
}

export interface DapResponse {
  readonly seq: number
  readonly type: 'response'
  /** The `seq` of the request. */
  readonly request_seq: number
  readonly success: boolean
  readonly command: string
  readonly message?: string
  readonly body?: unknown
}

export interface DapEvent {
  readonly seq: number
  readonly type: 'event'
  readonly event: string
  readonly body?: unknown
}

export type DapMessage = DapRequest | DapResponse | DapEvent

/** An object of JSON. Nothing is known of its properties. */
export type DapObject = { readonly [name: string]: unknown }

/** The worker that `attach` names to ask all of them. */
export const ALL_WORKERS = 'all'

/** The result of a read: the chunk ended inside a message, or between two. */
export const MORE = 0
/** A whole message, in `message`. */
export const MESSAGE = 1
/** A body that is not a message of the expected kind; `fault` says why. The next message can be read. */
export const MALFORMED = 2
/** A header that is wrong, or a body that is too long; `fault` says why. Nothing more can be read. */
export const BROKEN = 3

const BEGINS = Buffer.from('Content-Length: ', 'latin1')
const HEADER_BYTES_MAX = 256
const BODY_BYTES_FIRST = 1_024
const CR = 13
const LF = 10
const ZERO = 48
const NINE = 57

type State = 'name' | 'length' | 'afterLength' | 'line' | 'field' | 'afterField' | 'afterHeader' | 'body'

/**
 * Checks that an object of JSON is a message of the expected kind. Returns the reason why it is not, or null.
 */
export type DapCheck = (value: DapObject) => string | null

/** Reads messages. `M` is the type that `check` accepts. */
export class DapReader<M extends DapMessage> {
  /** The result of the last {@link read}. */
  found: number
  /** The message, while `found` is MESSAGE. */
  message: M | null
  /** The mistake, while `found` is MALFORMED or BROKEN. */
  fault: string
  /** The `seq` of the malformed message, for the answer; 0 if it has none. */
  faultSeq: number
  /** The `command` of the malformed message; '' if it has none. */
  faultCommand: string
  private readonly bytesMax: number
  private readonly check: DapCheck
  private readonly decoder: TextDecoder
  private state: State
  /** The number of bytes read of the header. */
  private headerBytes: number
  /** The offset in the current line. */
  private column: number
  /** The first bytes of the current line, by which a second Content-Length is recognised. */
  private lineBegins: string
  /** The bytes of the body. */
  private size: number
  private body: Buffer
  /** The number of bytes kept of a split body. */
  private kept: number

  /** @param bytesMax the most bytes of a body */
  constructor(bytesMax: number, check: DapCheck) {
    this.found = MORE
    this.message = null
    this.fault = ''
    this.faultSeq = 0
    this.faultCommand = ''
    this.bytesMax = bytesMax
    this.check = check
    this.decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
    this.state = 'name'
    this.headerBytes = 0
    this.column = 0
    this.lineBegins = ''
    this.size = 0
    this.body = EMPTY
    this.kept = 0
  }

  /** True if the next byte begins a message: here a connection may end. */
  get isBetween(): boolean {
    return this.headerBytes === 0
  }

  /** The bytes allocated for a split body. */
  get bufferedBytes(): number {
    return this.body.length
  }

  /** Reads one message or a part of it. Returns the offset after it, and tells the result in `found`. */
  read(chunk: Buffer, at: number, end: number): number {
    if (this.found === BROKEN) return at
    this.found = MORE
    this.message = null
    while (at < end && this.found === MORE && this.state !== 'body') this.headerByte(chunk[at++])
    return this.found === MORE && this.state === 'body' ? this.readBody(chunk, at, end) : at
  }

  private headerByte(byte: number): void {
    this.headerBytes++
    if (this.headerBytes > HEADER_BYTES_MAX) this.break(`a header has more than ${HEADER_BYTES_MAX} bytes`)
    else if (this.state === 'name') this.nameByte(byte)
    else if (this.state === 'length') this.lengthByte(byte)
    else if (this.state === 'line') this.lineByte(byte)
    else if (this.state === 'field') this.fieldByte(byte)
    else if (byte !== LF) this.break('CR without LF in a header')
    else if (this.state === 'afterHeader') this.beginBody()
    else this.state = 'line'
  }

  private nameByte(byte: number): void {
    if (byte !== BEGINS[this.column]) this.break("a message must begin with 'Content-Length: '")
    else if (++this.column === BEGINS.length) this.state = 'length'
  }

  private lengthByte(byte: number): void {
    const digits = this.headerBytes - BEGINS.length - 1
    if (byte === CR && digits > 0) this.state = 'afterLength'
    else if (byte < ZERO || byte > NINE || (digits === 1 && this.size === 0))
      this.break('Content-Length must be a decimal number')
    else {
      this.size = this.size * 10 + byte - ZERO
      if (this.size > this.bytesMax) this.break(`a message has more than ${this.bytesMax} bytes`)
    }
  }

  /** Reads the first byte of a line after Content-Length. */
  private lineByte(byte: number): void {
    this.lineBegins = ''
    this.column = 0
    if (byte === CR) this.state = 'afterHeader'
    else {
      this.state = 'field'
      this.fieldByte(byte)
    }
  }

  /** Reads a field besides Content-Length: a line of visible characters, whose meaning is ignored. */
  private fieldByte(byte: number): void {
    if (byte === CR) this.state = this.lineBegins.includes(':') ? 'afterField' : this.breakLine()
    else if (byte < 32 || byte > 126) this.breakLine()
    else {
      this.lineBegins += String.fromCharCode(byte)
      if (byte === COLON && /^content-length *:$/i.test(this.lineBegins))
        this.break('a header has two Content-Length')
    }
  }

  private breakLine(): State {
    this.break("a line of a header must be 'NAME: VALUE'")
    return this.state
  }

  private beginBody(): void {
    this.state = 'body'
    if (this.size === 0) this.finish(EMPTY)
  }

  private readBody(chunk: Buffer, at: number, end: number): number {
    const stop = Math.min(end, at + this.size - this.kept)
    if (this.kept === 0 && stop - at === this.size) this.finish(chunk.subarray(at, stop))
    else {
      this.keep(chunk, at, stop)
      if (this.kept === this.size) this.finish(this.body.subarray(0, this.size))
    }
    return stop
  }

  /**
   * Keeps a part of a body. The buffer grows with the bytes that have arrived, not with the promise
   * of Content-Length.
   */
  private keep(chunk: Buffer, at: number, stop: number): void {
    const needed = this.kept + stop - at
    if (needed > this.body.length) {
      const twice = Math.max(needed, BODY_BYTES_FIRST, this.body.length * 2)
      const larger = Buffer.allocUnsafeSlow(Math.min(this.size, twice))
      this.body.copy(larger, 0, 0, this.kept)
      this.body = larger
    }
    chunk.copy(this.body, this.kept, at, stop)
    this.kept = needed
  }

  private finish(body: Buffer): void {
    this.parse(body)
    this.state = 'name'
    this.headerBytes = 0
    this.column = 0
    this.size = 0
    this.body = EMPTY
    this.kept = 0
  }

  private parse(body: Buffer): void {
    let value: unknown
    try {
      value = JSON.parse(this.decoder.decode(body))
    } catch (error) {
      this.malformed(`the message is not JSON in UTF-8: ${error instanceof Error ? error.message : ''}`, null)
      return
    }
    if (!isObject(value)) this.malformed('the message is not an object of JSON', null)
    else {
      const fault = this.check(value)
      if (fault !== null) this.malformed(fault, value)
      else {
        this.found = MESSAGE
        this.message = value as unknown as M
      }
    }
  }

  private malformed(fault: string, value: DapObject | null): void {
    this.found = MALFORMED
    this.fault = fault
    this.faultSeq = value !== null && isSeq(value.seq) ? value.seq : 0
    this.faultCommand = value !== null && typeof value.command === 'string' ? value.command : ''
  }

  private break(fault: string): void {
    this.found = BROKEN
    this.fault = fault
  }
}

const COLON = 58
const EMPTY = Buffer.alloc(0)

export const isObject = (value: unknown): value is DapObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const isSeq = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0

/** The check of a server: requests only. */
export function checkRequest(value: DapObject): string | null {
  if (value.type !== 'request') return "the message's 'type' must be 'request'"
  if (!isSeq(value.seq)) return "the request's 'seq' must be a number"
  if (typeof value.command !== 'string') return "the request's 'command' must be text"
  const given = value.arguments
  return given === undefined || isObject(given) ? null : "the request's 'arguments' must be an object"
}

/** The check of a client: responses and events. */
export function checkAnswer(value: DapObject): string | null {
  if (!isSeq(value.seq)) return "the message's 'seq' must be a number"
  if (value.type === 'event')
    return typeof value.event === 'string' ? null : "the event's 'event' must be text"
  if (value.type !== 'response') return "the message's 'type' must be 'response' or 'event'"
  if (!isSeq(value.request_seq)) return "the response's 'request_seq' must be a number"
  if (typeof value.success !== 'boolean') return "the response's 'success' must be true or false"
  if (typeof value.command !== 'string') return "the response's 'command' must be text"
  const { message } = value
  return message === undefined || typeof message === 'string' ? null : "the response's 'message' must be text"
}

/** Returns the bytes of a message, its header included. */
export const dapBytes = (message: DapMessage): Buffer => dapBeginning(JSON.stringify(message), 0)

/** Returns the header of a message and the beginning of its JSON, which this many bytes follow. */
export function dapBeginning(text: string, following: number): Buffer {
  return Buffer.from(`Content-Length: ${Buffer.byteLength(text) + following}\r\n\r\n${text}`)
}
