// Decodes an HPACK field block (RFC 7541 §6) that is too large to be kept, in pieces as its frames arrive. It
// makes no fields except entries of the dynamic table, which later blocks depend on. Sans-IO.
//
// Strings are read in runs, everything else an octet at a time. A literal with indexing is kept up to the
// size of the table; a larger one empties the table (§4.4). The verdict and the table are the same as those
// of HpackDecoder.decode for the whole block.

import type { Field } from '../../http/field.js'
import { HuffmanPieces } from './huffman.js'

/** The tables of a decoder, to be changed by a block in pieces. */
export interface HpackTables {
  /** The octets that the dynamic table may hold now. */
  readonly tableRoom: number
  /** True if the block must begin with a size update (RFC 7541 §4.2). */
  readonly updateOwed: boolean
  /** Applies a size update, in octets. Returns false if the peer must not set this size. */
  sizeUpdate(octets: number): boolean
  entry(index: number): Field | null
  /** Adds an entry of this size. Its strings are null if it is larger than the table. */
  insert(name: string | null, value: string | null, size: number): void
}

// States: the kinds of the next octet.
const FIELD = 0
const NAME_LENGTH = 1
const VALUE_LENGTH = 2
// The rest of an integer after its prefix (RFC 7541 §5.1).
const INDEX = 3
const TABLE_SIZE = 4
const NAME_INDEX = 5
const NAME_LENGTH_REST = 6
const VALUE_LENGTH_REST = 7
// Octets of a string.
const NAME = 8
const VALUE = 9

const ENTRY_OVERHEAD = 32
/** An integer has at most four octets after its prefix, as in string-reader.ts. */
const SHIFT_MAX = 21
const NOTHING = Buffer.alloc(0)

export class HpackSkipper {
  private readonly tables: HpackTables
  private readonly huffman = new HuffmanPieces()
  private state = FIELD
  /** The integer so far. */
  private number = 0
  private shift = 0
  /** True while no field has come yet, so that size updates may come. */
  private first = true
  /** True if the literal has indexing. */
  private indexed = false
  /** The name that the literal takes from an entry, or null. */
  private named: string | null = null
  /** True if the string is in Huffman code. */
  private coded = false
  /** The octets of the string that have not been read. */
  private left = 0
  /** The name and value of a literal with indexing, as far as they fit the table. */
  private kept = NOTHING
  /** The octets of the literal so far: of its name, and of both. An entry's name does not count. */
  private nameLength = 0
  private length = 0

  constructor(tables: HpackTables) {
    this.tables = tables
  }

  /** Reads a piece. Returns false if the block is malformed. */
  feed(b: Buffer, start: number, end: number): boolean {
    let at = start
    while (at < end) {
      if (this.state < NAME) {
        if (!this.octet(b[at++])) return false
        continue
      }
      const size = Math.min(this.left, end - at)
      if (!this.text(b, at, at + size)) return false
      at += size
      this.left -= size
      if (this.left === 0 && !this.stringEnd()) return false
    }
    return true
  }

  /** Ends the block. Returns false if it is not whole. */
  end(): boolean {
    return this.state === FIELD && !(this.first && this.tables.updateOwed)
  }

  private octet(octet: number): boolean {
    switch (this.state) {
      case FIELD:
        return this.begin(octet)
      case NAME_LENGTH:
      case VALUE_LENGTH: {
        this.coded = octet >= 0x80
        const rest = this.state === NAME_LENGTH ? NAME_LENGTH_REST : VALUE_LENGTH_REST
        return this.prefix(octet, 0x7f, rest)
      }
      default:
        this.number += (octet & 0x7f) << this.shift
        if (octet < 0x80) return this.numberRead()
        this.shift += 7
        return this.shift <= SHIFT_MAX
    }
  }

  /** Reads the first octet of a representation. */
  private begin(octet: number): boolean {
    if ((octet & 0xe0) === 0x20) return this.first && this.prefix(octet, 0x1f, TABLE_SIZE)
    if (this.first && this.tables.updateOwed) return false
    this.first = false
    if (octet >= 0x80) return this.prefix(octet, 0x7f, INDEX)
    this.indexed = octet >= 0x40
    this.length = 0
    this.nameLength = 0
    const room = Math.max(0, this.tables.tableRoom - ENTRY_OVERHEAD)
    if (this.indexed && this.kept.length !== room) this.kept = Buffer.allocUnsafeSlow(room)
    return this.prefix(octet, this.indexed ? 0x3f : 0x0f, NAME_INDEX)
  }

  private prefix(octet: number, mask: number, state: number): boolean {
    this.state = state
    this.number = octet & mask
    this.shift = 0
    return this.number === mask || this.numberRead()
  }

  private numberRead(): boolean {
    const { number, tables } = this
    switch (this.state) {
      case TABLE_SIZE:
        this.state = FIELD
        return tables.sizeUpdate(number)
      case INDEX:
        this.state = FIELD
        return tables.entry(number) !== null
      case NAME_INDEX: {
        const entry = number === 0 ? null : tables.entry(number)
        this.named = entry === null ? null : entry.name
        this.state = number === 0 ? NAME_LENGTH : VALUE_LENGTH
        return number === 0 || entry !== null
      }
      default:
        this.state = this.state === NAME_LENGTH_REST ? NAME : VALUE
        this.left = number
        return number > 0 || this.stringEnd()
    }
  }

  /** Reads octets of a string. */
  private text(b: Buffer, start: number, end: number): boolean {
    const kept = this.indexed ? this.kept : NOTHING
    if (this.coded) {
      this.length = this.huffman.decode(b, start, end, kept, this.length)
      return this.length >= 0
    }
    if (this.length < kept.length) b.copy(kept, this.length, start, end)
    this.length += end - start
    return true
  }

  private stringEnd(): boolean {
    if (this.coded && !this.huffman.end()) return false
    if (this.state === NAME) {
      this.nameLength = this.length
      this.state = VALUE_LENGTH
      return true
    }
    this.state = FIELD
    if (this.indexed) this.insert()
    return true
  }

  private insert(): void {
    const { kept, named, nameLength, length, tables } = this
    const size = length + (named === null ? 0 : named.length) + ENTRY_OVERHEAD
    if (size > tables.tableRoom) tables.insert(null, null, size)
    else {
      const name = named ?? kept.toString('latin1', 0, nameLength)
      tables.insert(name, kept.toString('latin1', nameLength, length), size)
    }
  }
}
