// Writes and reads frames for tests: a separate encoder, so that the codec is not its own judge.

export interface Frame {
  readonly type: number
  readonly flags: number
  readonly stream: number
  readonly payload: Buffer
}

export function frame(
  type: number,
  flags: number,
  stream: number,
  payload: Uint8Array = Buffer.alloc(0),
): Buffer {
  const b = Buffer.alloc(9 + payload.length)
  b.writeUIntBE(payload.length, 0, 3)
  b[3] = type
  b[4] = flags
  b.writeUInt32BE(stream, 5)
  b.set(payload, 9)
  return b
}

export const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')

/** Writes literals without indexing and without Huffman (RFC 7541 §6.2.2), which need no table. */
export function block(fields: readonly (readonly [string, string])[]): Buffer {
  const parts: Buffer[] = []
  for (const [name, value] of fields) {
    const text = (s: string) => Buffer.concat([lengthOf(s), Buffer.from(s, 'latin1')])
    parts.push(Buffer.from([0]), text(name), text(value))
  }
  return Buffer.concat(parts)
}

/** An integer with a prefix of 7 bits (RFC 7541 §5.1). */
function lengthOf({ length }: string): Buffer {
  if (length < 127) return Buffer.from([length])
  const octets = [127]
  let rest = length - 127
  for (; rest >= 128; rest >>= 7) octets.push((rest & 127) | 128)
  return Buffer.from([...octets, rest])
}

export const REQUEST: readonly (readonly [string, string])[] = [
  [':method', 'GET'],
  [':scheme', 'http'],
  [':authority', 'a'],
  [':path', '/'],
]

export const headers = (stream: number, fields: readonly (readonly [string, string])[], end = true): Buffer =>
  frame(1, 4 | (end ? 1 : 0), stream, block(fields))

export const uint32 = (n: number): Buffer => {
  const b = Buffer.alloc(4)
  b.writeUInt32BE(n)
  return b
}

/** Returns the frames in these bytes; an incomplete frame at the end is an error of the test. */
export function framesOf(bytes: Buffer): Frame[] {
  const frames: Frame[] = []
  let at = 0
  while (at < bytes.length) {
    const length = bytes.readUIntBE(at, 3)
    if (at + 9 + length > bytes.length) throw new Error('half a frame was written')
    frames.push({
      type: bytes[at + 3],
      flags: bytes[at + 4],
      stream: bytes.readUInt32BE(at + 5) & 0x7fffffff,
      payload: bytes.subarray(at + 9, at + 9 + length),
    })
    at += 9 + length
  }
  return frames
}

/** Returns a Markdown table's rows by column name, from the section of this title. */
export function tableOf(page: string, section: string): Record<string, string>[] {
  const part = page.split(/^## /m).find((each) => each.startsWith(section))
  if (part === undefined) throw new Error(`no section ${section}`)
  const lines = part.split('\n').filter((line) => line.startsWith('|'))
  const cells = (line: string) =>
    line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim().replace(/^`|`$/g, ''))
  const names = cells(lines[0])
  return lines.slice(2).map((line) => Object.fromEntries(cells(line).map((cell, at) => [names[at], cell])))
}
