// The HTTP/2 frames and HPACK of the actors. The code is separate, so that the codec under test is never
// its own judge. When sending, fields are literals without indexing (RFC 7541 §6.2.2); receiving is the
// whole of RFC 7541, since the proxy uses its table and Huffman. Huffman's codes and the static table are
// those of hpack.js.

import { createRequire } from 'node:module'

export const DATA = 0
export const HEADERS = 1
export const PRIORITY = 2
export const RST_STREAM = 3
export const SETTINGS = 4
export const PING = 6
export const GOAWAY = 7
export const WINDOW_UPDATE = 8
export const CONTINUATION = 9

export const END_STREAM = 1
export const ACK = 1
export const END_HEADERS = 4
export const PADDED = 8

export const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')

export type Fields = readonly (readonly [string, string])[]

/** Frames to be sent, in one growing buffer. */
export class FrameOut {
  /** The number of DATA and HEADERS frames so far. */
  messages = 0
  /**
   * The next field block begins with a table of size 0: the peer has lowered the size it allows (RFC 7541
   * §4.2).
   */
  emptyTable = false
  /** True if later heads name the newest table entry. Heads that are too large may have added entries. */
  tableUsed = true
  entries = 0
  private b: Buffer = Buffer.allocUnsafe(4096)
  private at = 0

  get length(): number {
    return this.at
  }

  /** Returns all frames so far. The bytes are valid until the next frame is written. */
  take(): Buffer {
    const bytes = this.b.subarray(0, this.at)
    this.at = 0
    return bytes
  }

  raw(bytes: Uint8Array): void {
    this.room(bytes.length)
    this.b.set(bytes, this.at)
    this.at += bytes.length
  }

  /**
   * A DATA frame of `size` octets of `from`, at `offset`; `padding` octets behind them, -1 for none at all.
   */
  data(stream: number, flags: number, from: Buffer, offset: number, size: number, padding = -1): void {
    this.messages++
    const padded = padding >= 0
    this.header(size + (padded ? padding + 1 : 0), DATA, flags | (padded ? PADDED : 0), stream)
    if (padded) this.b[this.at++] = padding
    from.copy(this.b, this.at, offset, offset + size)
    this.at += size
    if (padded) {
      this.b.fill(0, this.at, this.at + padding)
      this.at += padding
    }
  }

  /** Writes HEADERS. If `split` is above 0, that many octets go there and the rest into a CONTINUATION. */
  headers(stream: number, flags: number, fields: Fields, split = 0): void {
    this.messages++
    if (this.emptyTable) this.tableUsed = false
    // Interim responses and trailers get no such field, since their fields are compared.
    const named = this.tableUsed && this.entries > 0 && isFinalHead(fields)
    let size = (this.emptyTable ? 1 : 0) + (named ? 1 : 0)
    for (const [name, value] of fields) size += 1 + name.length + value.length + prefix(name) + prefix(value)
    const first = split > 0 && split < size ? split : size
    this.header(first, HEADERS, flags | (first === size ? END_HEADERS : 0), stream)
    this.room(size + 9)
    const start = this.at
    if (this.emptyTable) this.b[this.at++] = 0x20
    this.emptyTable = false
    for (const [name, value] of fields) {
      this.b[this.at++] = 0
      this.text(name)
      this.text(value)
    }
    if (named) this.b[this.at++] = 0x80 | NEWEST
    if (first === size) return
    this.b.copyWithin(start + first + 9, start + first, start + size)
    this.at = start + first
    this.header(size - first, CONTINUATION, END_HEADERS, stream)
    this.at = start + size + 9
  }

  frame(type: number, flags: number, stream: number, payload: Uint8Array): void {
    this.header(payload.length, type, flags, stream)
    this.raw(payload)
  }

  /** A frame whose payload is numbers of 32 bits. */
  numbers(type: number, flags: number, stream: number, ...numbers: number[]): void {
    this.header(numbers.length * 4, type, flags, stream)
    for (const n of numbers) this.at = this.b.writeUInt32BE(n >>> 0, this.at)
  }

  settings(settings: readonly (readonly [number, number])[]): void {
    this.header(settings.length * 6, SETTINGS, 0, 0)
    for (const [id, value] of settings) {
      this.at = this.b.writeUInt16BE(id, this.at)
      this.at = this.b.writeUInt32BE(value, this.at)
    }
  }

  private header(length: number, type: number, flags: number, stream: number): void {
    this.room(9 + length)
    const { b, at } = this
    b[at] = length >>> 16
    b[at + 1] = length >>> 8
    b[at + 2] = length
    b[at + 3] = type
    b[at + 4] = flags
    this.at = b.writeUInt32BE(stream, at + 5)
  }

  private text(s: string): void {
    if (s.length < 127) this.b[this.at++] = s.length
    else {
      this.b[this.at++] = 127
      let rest = s.length - 127
      for (; rest > 127; rest >>>= 7) this.b[this.at++] = (rest & 127) | 128
      this.b[this.at++] = rest
    }
    this.at += this.b.write(s, this.at, 'latin1')
  }

  private room(bytes: number): void {
    if (this.b.length - this.at >= bytes) return
    const larger = Buffer.allocUnsafe((this.at + bytes) * 2)
    this.b.copy(larger, 0, 0, this.at)
    this.b = larger
  }
}

/** RFC 7541 §2.3.3: the newest entry of the dynamic table. */
const NEWEST = 62
const isFinalHead = (fields: Fields): boolean =>
  fields[0]?.[0] === ':method' || (fields[0]?.[0] === ':status' && !fields[0][1].startsWith('1'))

/** Octets of a string's length (RFC 7541 §5.1). */
function prefix(s: string): number {
  if (s.length < 127) return 1
  let octets = 2
  for (let rest = s.length - 127; rest > 127; rest >>>= 7) octets++
  return octets
}

const require = createRequire(import.meta.url)
const { encode: HUFFMAN } = require('hpack.js/lib/hpack/huffman.js') as { encode: [number, number][] }
const STATIC = (require('hpack.js/lib/hpack/static-table.js') as { table: { name: string; value: string }[] })
  .table

/** Huffman's tree: nodes are pairs of entries; an entry is a node's place, or ~symbol. */
const TREE: Int16Array = (() => {
  const tree: number[] = [0, 0]
  HUFFMAN.forEach(([bits, code], symbol) => {
    let node = 0
    for (let bit = bits - 1; bit >= 0; bit--) {
      const at = node + ((code >>> bit) & 1)
      if (bit === 0) tree[at] = ~symbol
      else {
        if (tree[at] === 0) {
          tree[at] = tree.length
          tree.push(0, 0)
        }
        node = tree[at]
      }
    }
  })
  return Int16Array.from(tree)
})()

function huffman(b: Buffer, from: number, to: number): string {
  let text = ''
  let node = 0
  for (let i = from; i < to; i++) {
    for (let bit = 7; bit >= 0; bit--) {
      const entry = TREE[node + ((b[i] >>> bit) & 1)]
      if (entry < 0) {
        text += String.fromCharCode(~entry)
        node = 0
      } else node = entry
    }
  }
  return text
}

/** Decodes field blocks (RFC 7541). Throws if a block is malformed. */
export class HpackIn {
  /** The table size that our SETTINGS allow, in octets. */
  sizeMax = 4096
  private limit = 4096
  private size = 0
  /** Newest first. */
  private readonly table: (readonly [string, string])[] = []
  private b: Buffer = Buffer.alloc(0)
  private at = 0

  decode(block: Buffer): [string, string][] {
    this.b = block
    this.at = 0
    const fields: [string, string][] = []
    while (this.at < block.length) {
      const first = block[this.at]
      if ((first & 0x80) !== 0) {
        const [name, value] = this.entry(this.number(7))
        fields.push([name, value])
      } else if ((first & 0xe0) === 0x20) {
        this.limit = this.number(5)
        if (this.limit > this.sizeMax)
          throw new Error(`a table of ${this.limit} octets, ${this.sizeMax} allowed`)
        this.evict()
      } else {
        const index = this.number((first & 0x40) !== 0 ? 6 : 4)
        const name = index === 0 ? this.string() : this.entry(index)[0]
        const value = this.string()
        fields.push([name, value])
        if ((first & 0x40) === 0) continue
        this.table.unshift([name, value])
        this.size += name.length + value.length + 32
        this.evict()
      }
    }
    if (this.at !== block.length) throw new Error('a field block ends in the middle of a field')
    return fields
  }

  private evict(): void {
    while (this.size > this.limit) {
      const [name, value] = this.table.pop() as readonly [string, string]
      this.size -= name.length + value.length + 32
    }
  }

  private entry(index: number): readonly [string, string] {
    if (index > 0 && index <= STATIC.length) return [STATIC[index - 1].name, STATIC[index - 1].value]
    const found = this.table[index - STATIC.length - 1]
    if (found === undefined) throw new Error(`no entry ${index} in the table`)
    return found
  }

  private number(bits: number): number {
    const most = (1 << bits) - 1
    let n = this.b[this.at++] & most
    if (n < most) return n
    for (let shift = 0; ; shift += 7) {
      const octet = this.b[this.at++]
      if (octet === undefined || shift > 21) throw new Error('a number that does not end')
      n += (octet & 127) << shift
      if (octet < 128) return n
    }
  }

  private string(): string {
    const coded = (this.b[this.at] & 0x80) !== 0
    const size = this.number(7)
    const from = this.at
    this.at += size
    return coded ? huffman(this.b, from, this.at) : this.b.toString('latin1', from, this.at)
  }
}
