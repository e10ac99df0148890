// A strict reader of HTTP/1.1 for the actors (RFC 9112). It is separate code, so that the codec under test is
// never its own judge. To write HTTP/1.1, strings suffice (peer1.ts).

export type Fields = [string, string][]

// Framings other than a length. They are negative, so that they differ from every length.
export const CHUNKED = -1
export const UNTIL_CLOSE = -2
/** The framing of an interim response: a head without a body, and the final head follows. */
export const INTERIM = -3

export interface MessageSink {
  /** Returns the framing of the body: its length in bytes, or one of the framings above. */
  head(start: string, fields: Fields): number
  body(b: Buffer, from: number, to: number): void
  end(trailers: Fields): void
  /** The input is not HTTP/1.1. */
  wrong(text: string): never
}

type Part = 'head' | 'length' | 'close' | 'size' | 'chunk' | 'chunk end' | 'trailers'
const LINE_MAX = 16_384

/** Reads messages one after the other. */
export class MessageIn {
  private part: Part = 'head'
  private left = 0
  private trailers: Fields = []
  private rest: Buffer | null = null
  private readonly sink: MessageSink

  constructor(sink: MessageSink) {
    this.sink = sink
  }

  /** True if the reader is between two messages, and no byte of the next has arrived. */
  get between(): boolean {
    return this.part === 'head' && this.rest === null
  }
  get untilClose(): boolean {
    return this.part === 'close'
  }

  feed(bytes: Uint8Array): void {
    let b = bytes as Buffer
    if (this.rest !== null) b = Buffer.concat([this.rest, b])
    this.rest = null
    let at = 0
    while (at < b.length) {
      const next = this.next(b, at)
      if (next < 0) break
      at = next
    }
    if (at < b.length) this.rest = Buffer.from(b.subarray(at))
  }

  /** Reads all further bytes as a tunnel's, up to FIN. */
  tunnel(): void {
    this.part = 'close'
  }

  /** Ends a message that the close of its connection ends. */
  closed(): void {
    this.finish()
  }

  /** Returns the offset after what was read; -1 if more bytes are needed. */
  private next(b: Buffer, at: number): number {
    if (this.part === 'head') return this.head(b, at)
    if (this.part === 'length' || this.part === 'chunk' || this.part === 'close') return this.octets(b, at)
    const end = b.indexOf('\r\n', at)
    if (end < 0) {
      if (b.length - at > LINE_MAX) this.sink.wrong('a line without end')
      return -1
    }
    this.line(b.toString('latin1', at, end))
    return end + 2
  }

  private head(b: Buffer, at: number): number {
    const end = b.indexOf('\r\n\r\n', at)
    if (end < 0) {
      if (b.length - at > LINE_MAX) this.sink.wrong('a head without end')
      return -1
    }
    const [start, ...lines] = b.toString('latin1', at, end).split('\r\n')
    const framing = this.sink.head(
      start,
      lines.map((line) => this.field(line)),
    )
    this.trailers = []
    this.left = framing
    if (framing === CHUNKED) this.part = 'size'
    else if (framing === UNTIL_CLOSE) this.part = 'close'
    else if (framing > 0) this.part = 'length'
    else if (framing === 0) this.finish()
    return end + 4
  }

  private field(line: string): [string, string] {
    const match = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+): ([\x20-\x7e\x80-\xff]*)$/.exec(line)
    if (match === null) this.sink.wrong(`a field line '${line}'`)
    return [match[1].toLowerCase(), match[2]]
  }

  private octets(b: Buffer, at: number): number {
    const to = this.part === 'close' ? b.length : Math.min(b.length, at + this.left)
    this.sink.body(b, at, to)
    if (this.part === 'close') return to
    this.left -= to - at
    if (this.left > 0) return to
    if (this.part === 'chunk') this.part = 'chunk end'
    else this.finish()
    return to
  }

  private line(line: string): void {
    if (this.part === 'chunk end') {
      if (line !== '') this.sink.wrong('a chunk longer than its size')
      this.part = 'size'
    } else if (this.part === 'size') {
      if (!/^[0-9a-f]{1,8}$/i.test(line)) this.sink.wrong(`a chunk-size '${line}'`)
      this.left = Number.parseInt(line, 16)
      this.part = this.left === 0 ? 'trailers' : 'chunk'
    } else if (line !== '') this.trailers.push(this.field(line))
    else this.finish()
  }

  private finish(): void {
    this.part = 'head'
    this.sink.end(this.trailers)
  }
}

/** Returns the value of a field that must not occur twice; null if it is absent. */
export function only(sink: MessageSink, fields: Fields, name: string): string | null {
  const values = fields.filter((each) => each[0] === name)
  if (values.length > 1) sink.wrong(`${name} twice`)
  return values.length === 0 ? null : values[0][1]
}

/** Returns the framing that the fields give; null if they give none (RFC 9112 §6.3). */
export function framingOf(sink: MessageSink, fields: Fields): number | null {
  const coding = only(sink, fields, 'transfer-encoding')
  const length = only(sink, fields, 'content-length')
  if (coding !== null) {
    if (length !== null) sink.wrong('both a transfer-encoding and a content-length')
    if (coding !== 'chunked') sink.wrong(`transfer-encoding: ${coding}`)
    return CHUNKED
  }
  if (length !== null && !/^\d{1,12}$/.test(length)) sink.wrong(`content-length: ${length}`)
  return length === null ? null : Number(length)
}
