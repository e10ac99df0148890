// An HPACK implementation that is not ours: hpack.js of 2015, driven below its stream interface so that it
// works synchronously. Its known defects, from which it is kept here:
//
// - It looks names and values up in plain objects: `constructor` and other names that every
// object has throw, or
//   come out as another field. `confusing` finds them.
// - Its compressor reports a new table size only if it is the largest. We write the update ourselves.
// - Its decompressor knows no obligation to a size update, and accepts one anywhere in a block.
// - It starts with the table at its largest possible size; we set it to the 4,096 octets of RFC 7541.

import hpack, { type Compressor, type Decompressor, type HpackField } from 'hpack.js'
import { integer } from './frames.js'

const TABLE_SIZE_INITIAL = 4096
const TABLE_SIZE_LARGEST = 1 << 24

export interface Plain {
  readonly name: string
  readonly value: string
  readonly never: boolean
}

/** Returns true for text that every object has as a property. */
export const confusing = (text: string): boolean => text in {}

export class TheirDecoder {
  private readonly decompressor: Decompressor
  private out: Plain[] = []

  constructor() {
    this.decompressor = hpack.decompressor.create({ table: { maxSize: TABLE_SIZE_LARGEST } })
    this.decompressor.updateTableSize(TABLE_SIZE_INITIAL)
    this.decompressor.push = ({ name, value, neverIndex }) => {
      this.out.push({ name, value, never: neverIndex })
      return true
    }
  }

  decode(block: Buffer): Plain[] {
    this.out = []
    this.decompressor._write(Buffer.from(block), '', () => {})
    while (!this.decompressor._decoder.isEmpty()) this.decompressor._execute()
    return this.out
  }

  get entries(): string[] {
    return entriesOf(this.decompressor)
  }
}

export class TheirEncoder {
  private readonly compressor: Compressor
  private chunks: Buffer[] = []

  constructor() {
    this.compressor = hpack.compressor.create({ table: { maxSize: TABLE_SIZE_LARGEST } })
    this.compressor._table.updateSize(TABLE_SIZE_INITIAL)
    this.compressor.push = (chunk) => {
      this.chunks.push(chunk)
      return true
    }
  }

  /** @param sizes the sizes of the table before the block in octets, one after the other */
  encode(fields: readonly HpackField[], sizes: readonly number[]): Buffer {
    this.chunks = sizes.map((size) => {
      this.compressor._table.updateSize(size)
      return integer(0x20, 5, size)
    })
    this.compressor._write([...fields], '', () => {})
    return Buffer.concat(this.chunks)
  }

  get entries(): string[] {
    return entriesOf(this.compressor)
  }
}

/** Returns the entries, newest first, as ours does. */
const entriesOf = (side: Compressor | Decompressor): string[] =>
  side._table.dynamic.map(({ name, value }) => `${name}: ${value}`).reverse()

export function theirHuffman(octets: Uint8Array): Buffer {
  const encoder = hpack.encoder.create()
  encoder.encodeStr(octets, true)
  return Buffer.concat(encoder.render())
}

/** Decodes a Huffman string without its length; null if they refuse it. */
export function theirHuffmanDecode(coded: Buffer): Buffer | null {
  const decoder = hpack.decoder.create()
  decoder.push(Buffer.concat([integer(0x80, 7, coded.length), coded]))
  try {
    return Buffer.from(Array.from(decoder.decodeStr()))
  } catch {
    return null
  }
}
