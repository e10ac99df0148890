// HPACK decoding (RFC 7541): a complete header block in, Field objects out. Sans-IO; what a peer
// sends never throws. What the fields mean, and whether they may stand where they stand, is not
// known here.
//
// Fields travel by identity. An index gives the very object of the static or dynamic table. A
// literal to be indexed is interned in the World's FieldTable, so that equal entries of two
// connections are one object. A literal without indexing whose octets came before on this
// connection gives the same object again, found by its octets (literals.ts). Only never-indexed
// literals (§6.2.3) are always made anew and kept nowhere.
//
// A block that breaks its bounds is still decoded to its end, since the next one builds on its
// table; but of what is not to be kept, no string is made. A block that is too large to be
// gathered is decoded in pieces (skipper.ts).

import type { Field } from '../../http/field.js'
import type { FieldTable } from '../../http/field-table.js'
import type { OctetCache } from '../../http/octet-cache.js'
import { LITERAL, literalCache, literalEnd } from './literals.js'
import { HpackSkipper, type HpackTables } from './skipper.js'
import { STATIC_ENTRIES, STATIC_FIELDS } from './static.js'
import { StringReader } from './string-reader.js'
import { DynamicTable } from './table.js'

/** COMPRESSION_ERROR (RFC 9113 §4.3): the table is out of step, the connection cannot go on. */
export const HPACK_ERROR = -1

/** SETTINGS_HEADER_TABLE_SIZE until a SETTINGS frame says otherwise (RFC 9113 §6.5.2). */
export const TABLE_SIZE_INITIAL = 4096

/** RFC 7541 §4.1: what an entry counts besides its octets. */
const ENTRY_OVERHEAD = 32

/** Short-lived connections never pay for a cache of literals. */
const LITERALS_BEFORE_CACHE = 8

export class HpackDecoder implements HpackTables {
  private readonly fields: FieldTable
  private readonly table: DynamicTable
  /** What a size update may ask for at most. */
  private tableSizeMax: number
  /** RFC 7541 §4.2: the next block must begin with an update to this or less; -1 if it need not. */
  private updateMax = -1
  private literals: OctetCache | null = null
  private literalsSeen = 0
  private readonly strings = new StringReader()
  /** Reads a block in pieces; null while none is. */
  private skipper: HpackSkipper | null = null

  // What the readers below give back besides their value, to be taken at once.
  /** Where reading goes on, or -1 after an error. */
  private at = 0
  /** RFC 9113 §6.5.2 size of the literal just read, whether it was kept or not. */
  private literalSize = 0

  /**
   * @param options.tableSizeMax octets we advertise as SETTINGS_HEADER_TABLE_SIZE. Until
   * {@link setTableSizeMax} says it was acknowledged, the peer may go by the initial 4096.
   */
  constructor(fields: FieldTable, options: { readonly tableSizeMax: number }) {
    this.fields = fields
    this.table = new DynamicTable(TABLE_SIZE_INITIAL)
    this.tableSizeMax = Math.max(options.tableSizeMax, TABLE_SIZE_INITIAL)
  }

  /** Octets in the dynamic table. */
  get tableSize(): number {
    return this.table.size
  }

  /** The dynamic table, newest first. Cold: for the debugger and for tests. */
  entries(): Field[] {
    return this.table.entries()
  }

  /** The peer acknowledged a SETTINGS_HEADER_TABLE_SIZE of `octets` (RFC 7541 §4.2). */
  setTableSizeMax(octets: number): void {
    this.tableSizeMax = octets
    // Only a bound below the present size obliges the peer to answer with an update.
    if (octets < this.table.sizeMax) {
      this.updateMax = this.updateMax < 0 ? octets : Math.min(this.updateMax, octets)
    }
  }

  /**
   * Decodes one complete header block and pushes its fields to `out`, in order. Returns the size
   * of the whole list (RFC 9113 §6.5.2), or HPACK_ERROR; `out` then holds what came before.
   *
   * From the field on that goes beyond `listSizeMax` (octets) or `fieldsMax` nothing more is
   * pushed, and what is returned is greater than `listSizeMax`.
   */
  decode(
    block: Buffer,
    start: number,
    end: number,
    out: Field[],
    listSizeMax: number,
    fieldsMax: number,
  ): number {
    let at = start
    if (this.updateMax >= 0 || (start < end && (block[start] & 0xe0) === 0x20)) {
      at = this.sizeUpdates(block, start, end)
      if (at < 0) return HPACK_ERROR
    }
    let size = 0
    let room = fieldsMax
    let full = false
    while (at < end) {
      const octet = block[at]
      let field: Field | null
      if (octet >= 0x80) {
        // RFC 7541 §6.1
        at++
        let index = octet & 0x7f
        if (index === 0x7f) {
          index = this.strings.integer(block, at, end, 0x7f)
          if (index < 0) return HPACK_ERROR
          at = this.strings.at
        }
        field = this.entry(index)
        if (field === null) return HPACK_ERROR
        size += field.size
      } else {
        // RFC 7541 §4.2: a size update stands at the beginning of a block only.
        if ((octet & 0xe0) === 0x20) return HPACK_ERROR
        const known = octet < 0x10 ? this.literals : null
        const stop = known === null ? at : literalEnd(block, at, end)
        field = known === null ? null : known.find(LITERAL, block, at, stop)
        if (field !== null) {
          at = stop
          size += field.size
        } else {
          field = this.literal(block, at, end, full || room <= 0 ? 0 : listSizeMax - size)
          at = this.at
          if (at < 0) return HPACK_ERROR
          size += this.literalSize
        }
      }
      if (full || room <= 0 || field === null || size > listSizeMax) {
        full = true
      } else {
        out.push(field)
        room--
      }
    }
    return full && size <= listSizeMax ? listSizeMax + 1 : size
  }

  /** Decodes the next piece of a header block for the table's sake only. False: HPACK_ERROR. */
  skip(block: Buffer, start: number, end: number): boolean {
    this.skipper ??= new HpackSkipper(this)
    return this.skipper.feed(block, start, end)
  }

  /** That was its last piece. False: HPACK_ERROR. */
  skipEnd(): boolean {
    this.skipper ??= new HpackSkipper(this)
    const whole = this.skipper.end()
    this.skipper = null
    return whole
  }

  // What both ways to read a block do with the tables

  get tableRoom(): number {
    return this.table.sizeMax
  }

  get updateOwed(): boolean {
    return this.updateMax >= 0
  }

  sizeUpdate(octets: number): boolean {
    if (octets > this.tableSizeMax || (this.updateMax >= 0 && octets > this.updateMax)) return false
    this.updateMax = -1
    this.table.sizeMax = octets
    this.makeRoom(0)
    return true
  }

  insert(name: string | null, value: string | null, size: number): void {
    this.literalSize = size
    this.index(name, value)
  }

  /** RFC 7541 §6.3, §4.2. Returns where the fields begin, or -1. */
  private sizeUpdates(block: Buffer, start: number, end: number): number {
    let at = start
    while (at < end && (block[at] & 0xe0) === 0x20) {
      let octets = block[at++] & 0x1f
      if (octets === 0x1f) {
        octets = this.strings.integer(block, at, end, 0x1f)
        if (octets < 0) return -1
        at = this.strings.at
      }
      if (!this.sizeUpdate(octets)) return -1
    }
    return this.updateMax >= 0 ? -1 : at
  }

  /** RFC 7541 §2.3.3: both tables are one index space. Null for index 0 and beyond the end. */
  entry(index: number): Field | null {
    if (index > STATIC_ENTRIES) return this.table.at(index - STATIC_ENTRIES - 1)
    return index === 0 ? null : STATIC_FIELDS[index]
  }

  /** RFC 7541 §4.4: an entry larger than the table empties it, and that is no error. */
  private makeRoom(octets: number): void {
    const table = this.table
    while (table.count > 0 && table.overflows(octets)) table.evict()
  }

  /**
   * RFC 7541 §6.2: a literal of any kind. Sets `at` (-1 on error) and `literalSize`. Null if it
   * is larger than `sizeMax` and need not be made for the table either.
   */
  private literal(block: Buffer, start: number, end: number, sizeMax: number): Field | null {
    const { strings } = this
    const octet = block[start]
    const prefix = octet >= 0x40 ? 0x3f : 0x0f
    let at = start + 1
    let index = octet & prefix
    if (index === prefix) {
      index = strings.integer(block, at, end, prefix)
      if (index < 0) return this.malformed()
      at = strings.at
    }
    let named: Field | null = null
    const nameHead = at
    let nameStart = at
    if (index !== 0) {
      named = this.entry(index)
      if (named === null) return this.malformed()
    } else {
      at = strings.stringEnd(block, at, end)
      if (at < 0) return this.malformed()
      nameStart = strings.at
    }
    const nameEnd = at
    const valueEnd = strings.stringEnd(block, nameEnd, end)
    if (valueEnd < 0) return this.malformed()
    const valueStart = strings.at

    // Strings are made if the list or the table will hold them.
    const worth = (octet >= 0x40 ? Math.max(sizeMax, this.table.sizeMax) : sizeMax) - ENTRY_OVERHEAD
    let name: string | null
    let nameLength: number
    if (named !== null) {
      name = named.name
      nameLength = name.length
    } else {
      name = strings.text(block, block[nameHead] >= 0x80, nameStart, nameEnd, worth)
      nameLength = strings.length
      if (nameLength < 0) return this.malformed()
    }
    const value = strings.text(block, block[nameEnd] >= 0x80, valueStart, valueEnd, worth - nameLength)
    if (strings.length < 0) return this.malformed()
    this.at = valueEnd
    this.literalSize = nameLength + strings.length + ENTRY_OVERHEAD
    if (octet >= 0x40) return this.index(name, value)
    if (name === null || value === null) return null
    if (octet >= 0x10) return this.fields.make(name, value, true)
    const field = this.fields.make(name, value)
    // An index of the dynamic table means another entry later.
    if (index <= STATIC_ENTRIES) this.keep(block, start, valueEnd, field)
    return field
  }

  private keep(block: Buffer, start: number, end: number, field: Field): void {
    const known = this.literals
    if (known === null) {
      if (++this.literalsSeen >= LITERALS_BEFORE_CACHE) this.literals = literalCache()
    } else if (known.note(LITERAL, block, start, end)) known.keep(LITERAL, block, start, end, field)
  }

  /** RFC 7541 §6.2.1: into the table, if it fits there (§4.4). Null strings were not worth making. */
  private index(name: string | null, value: string | null): Field | null {
    const size = this.literalSize
    this.makeRoom(size)
    if (name === null || value === null) return null
    // What the table does not hold is not expected to return, and may be large: not interned.
    if (size > this.table.sizeMax) return this.fields.make(name, value)
    let field = this.fields.field(name, value)
    // A NUL in a (malformed) name or value can make another pair look the same to the FieldTable.
    if (field.value.length !== value.length) field = this.fields.make(name, value)
    this.table.insert(field)
    return field
  }

  private malformed(): null {
    this.at = -1
    return null
  }
}
