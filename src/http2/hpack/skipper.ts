// HPACK (RFC 7541 §6) of a header block that is too large to be kept: it is read in pieces, as its frames
// come, and nothing is made of it but what the dynamic table must hold for the blocks that follow. Sans-IO.
//
// An octet at a time, except in strings. Of a literal to be indexed, as many octets are kept as an entry may
// have; a larger one empties the table (§4.4). The verdict and the table are those of HpackDecoder.decode on
// the whole block.

import type { Field } from '../../http/field.js'
import { HuffmanPieces } from './huffman.js'

/** What a block does to the tables of its decoder. */
export interface HpackTables {
  /** octets that the dynamic table may hold now */
  readonly tableRoom: number
  /** The block must begin with a size update (RFC 7541 §4.2). */
  readonly updateOwed: boolean
  /** False where the size is more than was allowed. */
  sizeUpdate(octets: number): boolean
  entry(index: number): Field | null
  /** Takes an entry of this size in; null strings where it is larger than the table. */
  insert(name: string | null, value: string | null, size: number): void
}

// What the next octet is.
const FIELD = 0
const NAME_LENGTH = 1
const VALUE_LENGTH = 2
/** Past an integer's prefix (RFC 7541 §5.1), of: */
const INDEX = 3
const TABLE_SIZE = 4
const NAME_INDEX = 5
const NAME_LENGTH_REST = 6
const VALUE_LENGTH_REST = 7
const NAME = 8
const VALUE = 9

const ENTRY_OVERHEAD = 32
/** An integer has four octets at most behind its prefix, as in HpackDecoder. */
const SHIFT_MAX = 21
const NOTHING = Buffer.alloc(0)

export class HpackSkipper {
  private readonly tables: HpackTables
  private readonly huffman = new HuffmanPieces()
  private state = FIELD
  /** The integer that is being read. */
  private number = 0
  private shift = 0
  /** Size updates may still come: no field has. */
  private first = true
  /** The literal is to be indexed. */
  private indexed = false
  /** The name, where it is an entry's. */
  private named: string | null = null
  private coded = false
  /** octets of the string that have not been read */
  private left = 0
  /** Name and value of a literal to be indexed, as far as they fit an entry. */
  private kept = NOTHING
  /** octets of the literal so far: of its name, and in all (without an entry's name) */
  private nameLength = 0
  private length = 0

  constructor(tables: HpackTables) {
    this.tables = tables
  }

  /** False: the block is malformed. */
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

  /** False: the block is not whole. */
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

  /** The first octet of a representation. */
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

  /** Octets of a string. */
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
