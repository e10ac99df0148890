// HPACK decoding (RFC 7541): turns a complete field block into Field objects. Sans-IO; no input makes it
// throw. It knows neither the meaning of fields, nor which are allowed.
//
// Equal fields are the same object where possible. An index gives the object in the static or dynamic table.
// A literal with indexing is interned in the World's FieldTable, so that two connections share it. A literal
// without indexing that came before on this connection gives the same object again (literals.ts). A
// never-indexed literal (§6.2.3) gives a new object each time, and is kept nowhere.
//
// A block past its bounds is still decoded to its end, since later blocks depend on its changes to the
// dynamic table. But no string is made for a field that will not be kept. A block that is too large to be
// gathered is decoded in pieces (skipper.ts).

import type { Field } from '../../http/field.js'
import type { FieldTable } from '../../http/field-table.js'
import type { OctetCache } from '../../http/octet-cache.js'
import { LITERAL, literalCache, literalEnd } from './literals.js'
import { HpackSkipper, type HpackTables } from './skipper.js'
import { STATIC_ENTRIES, STATIC_FIELDS } from './static.js'
import { StringReader } from './string-reader.js'
import { DynamicTable } from './table.js'

/** COMPRESSION_ERROR (RFC 9113 §4.3): the dynamic tables differ, so the connection must end. */
export const HPACK_ERROR = -1

/** The initial SETTINGS_HEADER_TABLE_SIZE (RFC 9113 §6.5.2), in octets. */
export const TABLE_SIZE_INITIAL = 4096

/** The octets that an entry counts besides its name and value (RFC 7541 §4.1). */
const ENTRY_OVERHEAD = 32

/** The number of literals before a cache is made. Short-lived connections need none. */
const LITERALS_BEFORE_CACHE = 8

export class HpackDecoder implements HpackTables {
  private readonly fields: FieldTable
  private readonly table: DynamicTable
  /** The largest table that a size update may set, in octets. */
  private tableSizeMax: number
  /** The next block must begin with a size update to this or less (RFC 7541 §4.2); -1 if it need not. */
  private updateMax = -1
  private literals: OctetCache | null = null
  private literalsSeen = 0
  private readonly strings = new StringReader()
  /** Reads a block in pieces; null between such blocks. */
  private skipper: HpackSkipper | null = null

  // Further results of the methods below. The caller must read them at once.
  /** The offset after the part that was read, or -1 after an error. */
  private at = 0
  /** The size of the last literal (RFC 9113 §6.5.2), even if it was not kept. */
  private literalSize = 0

  /**
   * @param options.tableSizeMax our SETTINGS_HEADER_TABLE_SIZE, in octets. The peer may use the initial 4096
   * until it acknowledges ours ({@link setTableSizeMax}).
   */
  constructor(fields: FieldTable, options: { readonly tableSizeMax: number }) {
    this.fields = fields
    this.table = new DynamicTable(TABLE_SIZE_INITIAL)
    this.tableSizeMax = Math.max(options.tableSizeMax, TABLE_SIZE_INITIAL)
  }

  /** The size of the dynamic table, in octets. */
  get tableSize(): number {
    return this.table.size
  }

  /** Returns the entries of the dynamic table, newest first. For tests: it allocates. */
  entries(): Field[] {
    return this.table.entries()
  }

  /** Applies our SETTINGS_HEADER_TABLE_SIZE, which the peer has acknowledged (RFC 7541 §4.2). */
  setTableSizeMax(octets: number): void {
    this.tableSizeMax = octets
    // The peer owes a size update only if the new maximum is below the current one.
    if (octets < this.table.sizeMax) {
      this.updateMax = this.updateMax < 0 ? octets : Math.min(this.updateMax, octets)
    }
  }

  /**
   * Decodes a complete field block, and pushes its fields to `out` in order. Returns the size of the list
   * (RFC 9113 §6.5.2), or HPACK_ERROR; then `out` has the fields before the error.
   *
   * If the list is larger than `listSizeMax` octets or longer than `fieldsMax`, `out` has only the fields
   * within both bounds, and the result is greater than `listSizeMax`.
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
        // A size update is allowed only at the beginning of a block (RFC 7541 §4.2).
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

  /** Decodes the next piece of a block, only to update the dynamic table. Returns false on an error. */
  skip(block: Buffer, start: number, end: number): boolean {
    this.skipper ??= new HpackSkipper(this)
    return this.skipper.feed(block, start, end)
  }

  /** Ends a block that came in pieces. Returns false on an error. */
  skipEnd(): boolean {
    this.skipper ??= new HpackSkipper(this)
    const whole = this.skipper.end()
    this.skipper = null
    return whole
  }

  // Used for whole blocks and for pieces

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

  /** Reads the size updates of a block (RFC 7541 §6.3, §4.2). Returns the offset of the fields, or -1. */
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

  /** Returns the entry at an index of both tables (RFC 7541 §2.3.3), or null. */
  entry(index: number): Field | null {
    if (index > STATIC_ENTRIES) return this.table.at(index - STATIC_ENTRIES - 1)
    return index === 0 ? null : STATIC_FIELDS[index]
  }

  /** Evicts entries for a new one. One larger than the table empties it, without an error (RFC 7541 §4.4). */
  private makeRoom(octets: number): void {
    const table = this.table
    while (table.count > 0 && table.overflows(octets)) table.evict()
  }

  /**
   * Reads a literal of any kind (RFC 7541 §6.2). Sets `at` (-1 on an error) and `literalSize`. Returns null
   * if the field is larger than `sizeMax` and the table does not hold it either.
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

    // Strings are made only if the list or the table will hold them.
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
    // An index of the dynamic table means a different entry later.
    if (index <= STATIC_ENTRIES) this.keep(block, start, valueEnd, field)
    return field
  }

  private keep(block: Buffer, start: number, end: number, field: Field): void {
    const known = this.literals
    if (known === null) {
      if (++this.literalsSeen >= LITERALS_BEFORE_CACHE) this.literals = literalCache()
    } else if (known.note(LITERAL, block, start, end)) known.keep(LITERAL, block, start, end, field)
  }

  /**
   * Adds a literal to the dynamic table (RFC 7541 §6.2.1) if it fits (§4.4). Strings are null if they were
   * too large to be made.
   */
  private index(name: string | null, value: string | null): Field | null {
    const size = this.literalSize
    this.makeRoom(size)
    if (name === null || value === null) return null
    // Too large for the table: unlikely to return, so it is not interned.
    if (size > this.table.sizeMax) return this.fields.make(name, value)
    let field = this.fields.field(name, value)
    // A NUL in a malformed name or value can make two different pairs equal to the FieldTable.
    if (field.value.length !== value.length) field = this.fields.make(name, value)
    this.table.insert(field)
    return field
  }

  private malformed(): null {
    this.at = -1
    return null
  }
}
