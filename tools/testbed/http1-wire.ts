// Tools for HTTP/1.1 tests: wires in the form of spec/http1, a sink that records, and a reader fed in pieces.

import { type Field, FieldTable, type Head } from '../../src/http/index.js'
import {
  FieldDecoder,
  type Http1Limits,
  http1Limits,
  type MessageSink,
  RequestReader,
  ResponseReader,
} from '../../src/http1/index.js'

/** The octets of a `wire` cell, and whether FIN follows (spec/http1/strictness.md). */
export function wireOf(cell: string): { bytes: Buffer; fin: boolean } {
  const fin = cell.endsWith('\\E')
  const text = (fin ? cell.slice(0, -2) : cell)
    .replace(/\\(\d+)\*\{([^}]*)\}/g, (_, times: string, part: string) => part.repeat(Number(times)))
    .replace(/\\(x[0-9a-fA-F]{2}|[rnt0s\\])/g, (_, code: string) =>
      code[0] === 'x' ? String.fromCharCode(Number.parseInt(code.slice(1), 16)) : ESCAPES[code],
    )
  return { bytes: Buffer.from(text, 'latin1'), fin }
}

const ESCAPES: Readonly<Record<string, string>> = {
  r: '\r',
  n: '\n',
  t: '\t',
  '0': '\0',
  s: ' ',
  '\\': '\\',
}

export type Event =
  | {
      readonly kind: 'head'
      readonly fields: [string, string][]
      readonly ended: boolean
      readonly head: Head
    }
  | { readonly kind: 'body'; text: string }
  | { readonly kind: 'trailers'; readonly fields: [string, string][] }
  | { readonly kind: 'end'; readonly persists: boolean }
  | { readonly kind: 'error'; readonly status: number; readonly code: string }

const texts = (fields: readonly Field[]) => fields.map((each): [string, string] => [each.name, each.value])

/** Records everything it is told; the pieces of a body are joined. */
export class Recorder implements MessageSink {
  readonly events: Event[] = []
  bodyCalls = 0
  /** Is called after each whole message. */
  onEnd: (() => void) | null = null

  head(head: Head, ended: boolean): void {
    this.events.push({ kind: 'head', fields: texts(head.fields), ended, head })
  }
  body(buffer: Buffer, start: number, end: number): void {
    this.bodyCalls++
    if (end <= start) throw new Error('a piece of nothing')
    const last = this.events.at(-1)
    const text = buffer.toString('latin1', start, end)
    if (last?.kind === 'body') last.text += text
    else this.events.push({ kind: 'body', text })
  }
  trailers(fields: readonly Field[]): void {
    this.events.push({ kind: 'trailers', fields: texts(fields) })
  }
  messageEnd(persists: boolean): void {
    this.events.push({ kind: 'end', persists })
    this.onEnd?.()
  }
  error(status: number, code: string): void {
    this.events.push({ kind: 'error', status, code })
  }

  /** The records without the heads themselves, for comparison. */
  get plain() {
    return this.events.map((each) => (each.kind === 'head' ? { ...each, head: null } : each))
  }
  get bodyText(): string {
    return this.events.map((each) => (each.kind === 'body' ? each.text : '')).join('')
  }
}

export interface ReadOptions {
  /** The method answered, perhaps with `+upgrade`; `-`: none is outstanding. Null: requests are read. */
  readonly to?: string | null
  readonly scheme?: 'http' | 'https'
  readonly decoder?: FieldDecoder
  readonly limits?: Partial<Http1Limits>
  /** Offsets at which the wire is cut. */
  readonly cuts?: readonly number[]
  readonly fin?: boolean
  /** True: the reader goes on to the next request after each. */
  readonly pipelined?: boolean
}

export interface Outcome {
  readonly sink: Recorder
  readonly reader: RequestReader | ResponseReader
  /** The verdict, in the terms of the pages. */
  readonly verdict: string
  readonly code: string
  /** The number of octets that were not used. */
  readonly left: number
}

export const newDecoder = () => new FieldDecoder(new FieldTable())

export function readerFor(options: ReadOptions, sink: Recorder): RequestReader | ResponseReader {
  const decoder = options.decoder ?? newDecoder()
  const limits = { ...http1Limits, ...options.limits }
  const to = options.to ?? null
  if (to === null) return new RequestReader(sink, decoder, limits, options.scheme ?? 'http')
  const reader = new ResponseReader(sink, decoder, limits)
  const [method, upgrade] = to.split('+')
  if (to !== '-') reader.next(method, upgrade !== undefined)
  return reader
}

/** Feeds a wire to a reader, cut as given. */
export function read(bytes: Buffer, options: ReadOptions = {}): Outcome {
  const sink = new Recorder()
  const reader = readerFor(options, sink)
  if (options.pipelined === true && reader instanceof RequestReader)
    sink.onEnd = () => {
      if (!reader.stopped) reader.next()
    }
  let left = 0
  const cuts = [...(options.cuts ?? []), bytes.length]
  let from = 0
  for (const cut of cuts) {
    const piece = Buffer.from(bytes.subarray(from, cut))
    from = cut
    const used = reader.feed(piece)
    // The bytes may be overwritten as soon as they are read.
    piece.fill(0x21)
    left += piece.length - used
  }
  if (options.fin === true) reader.end()
  const { events } = sink
  const error = events.find((each) => each.kind === 'error')
  const end = events.find((each) => each.kind === 'end')
  let verdict = 'part'
  if (error !== undefined) verdict = String(error.status)
  else if (reader.tunnelling || reader.switching) verdict = 'tunnel'
  else if (end !== undefined) verdict = end.persists ? 'ok' : 'close'
  return { sink, reader, verdict, code: error === undefined ? '-' : error.code, left }
}

/**
 * Returns the ways in which a wire is cut: not at all, between all octets, and once at each point (at some
 * points of long ones).
 */
export function* cuttings(size: number): Generator<readonly number[]> {
  yield []
  yield Array.from({ length: Math.max(0, size - 1) }, (_, at) => at + 1)
  const stride = size > 600 ? 1 + Math.floor(size / 12) : 1
  for (let at = 1; at < size; at += stride) yield [at]
  for (let at = Math.max(1, size - 6); stride > 1 && at < size; at++) yield [at]
}
