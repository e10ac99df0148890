// Messages of HTTP/1.1, written and read by the ends of the network. They are written whole, and read from
// the bytes that have come.

import type { FieldLine } from '../filters/filter.js'

/** A message as read by an end of the network. */
export interface ReadMessage {
  /** `GET /path HTTP/1.1`, or `HTTP/1.1 200 OK` */
  readonly start: string
  /** The fields, with names in lower case. */
  readonly fields: readonly FieldLine[]
  readonly body: Buffer
  readonly trailers: readonly FieldLine[]
  /** The length of the message in bytes. */
  readonly bytes: number
}

const HEAD_END = '\r\n\r\n'

/** Writes a message. A body gets its length, unless the fields say how it is framed. */
export function written(start: string, fields: readonly FieldLine[], body: Uint8Array | null): Buffer {
  const names = new Set(fields.map(([name]) => name.toLowerCase()))
  const isFramed = names.has('content-length') || names.has('transfer-encoding')
  const all = body === null || isFramed ? fields : [...fields, ['content-length', String(body.length)]]
  const head = [start, ...all.map(([name, value]) => `${name}: ${value}`)].join('\r\n') + HEAD_END
  return Buffer.concat([Buffer.from(head, 'latin1'), body ?? Buffer.alloc(0)])
}

const linesOf = (text: string): FieldLine[] =>
  text
    .split('\r\n')
    .filter((line) => line !== '')
    .map((line): FieldLine => {
      const colon = line.indexOf(':')
      return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()]
    })

export const fieldOf = (fields: readonly FieldLine[], name: string): string | null =>
  fields.find((each) => each[0] === name)?.[1] ?? null

/**
 * Reads the first message in these bytes; null if it is not whole.
 * @param bodiless true: it has no body, regardless of its head, since it answers HEAD
 * @param ended true: no more bytes will come
 */
export function readMessage(bytes: Buffer, bodiless: boolean, ended: boolean): ReadMessage | null {
  const text = bytes.toString('latin1')
  const end = text.indexOf(HEAD_END)
  if (end < 0) return null
  const line = text.indexOf('\r\n')
  const start = text.slice(0, line)
  const fields = linesOf(text.slice(line + 2, end))
  const at = end + HEAD_END.length
  const message = (body: Buffer, upTo: number, trailers: FieldLine[] = []): ReadMessage => ({
    start,
    fields,
    body,
    trailers,
    bytes: upTo,
  })
  const status = Number(/^HTTP\/1\.\d (\d+)/.exec(start)?.[1] ?? 0)
  if (bodiless || status === 204 || status === 304 || (status > 0 && status < 200))
    return message(Buffer.alloc(0), at)
  if (fieldOf(fields, 'transfer-encoding') !== null) return chunked(bytes, text, at, message)
  const length = fieldOf(fields, 'content-length')
  if (length !== null) {
    const upTo = at + Number(length)
    return bytes.length < upTo ? null : message(bytes.subarray(at, upTo), upTo)
  }
  // A request then has no body; the body of a response ends with the connection.
  if (status === 0) return message(Buffer.alloc(0), at)
  return ended ? message(bytes.subarray(at), bytes.length) : null
}

function chunked(
  bytes: Buffer,
  text: string,
  from: number,
  message: (body: Buffer, upTo: number, trailers: FieldLine[]) => ReadMessage,
): ReadMessage | null {
  const parts: Buffer[] = []
  for (let at = from; ; ) {
    const line = text.indexOf('\r\n', at)
    if (line < 0) return null
    const size = Number.parseInt(text.slice(at, line), 16)
    const begin = line + 2
    if (size > 0) {
      if (bytes.length < begin + size + 2) return null
      parts.push(bytes.subarray(begin, begin + size))
      at = begin + size + 2
      continue
    }
    if (text.startsWith('\r\n', begin)) return message(Buffer.concat(parts), begin + 2, [])
    const end = text.indexOf(HEAD_END, begin)
    return end < 0 ? null : message(Buffer.concat(parts), end + 4, linesOf(text.slice(begin, end)))
  }
}
