// HPACK encoding (RFC 7541): writes Field objects as a field block, directly into the output. Sans-IO.
//
// A field's index is looked up by the object first (a direct-mapped cache by uid), and by its text only if
// that fails. The text matters: without it, equal fields of two clients would evict each other's entries.
//
// Some fields are literals: those not worth an entry (a path, a length), and those that must not have one
// (credentials: clients share the connections to a backend, RFC 7541 §7.1). Their names never refer to the
// dynamic table, so their octets depend on the field alone. They are kept with the field (`memo`), and used
// on every connection.

import type { Field } from '../../http/field.js'
import { Token } from '../../http/token.js'
import { huffmanEncode, huffmanLength } from './huffman.js'
import { STATIC_ENTRIES, STATIC_FIELDS, staticIndex, staticNameIndex } from './static.js'
import { DynamicTable } from './table.js'

/** The most octets that {@link HpackEncoder.begin} writes: two size updates. */
export const SIZE_UPDATES_OCTETS_MAX = 12

/** The initial SETTINGS_HEADER_TABLE_SIZE (RFC 9113 §6.5.2), in octets. */
const TABLE_SIZE_INITIAL = 4096

/** The first bits of each representation (RFC 7541 §6). */
const INDEXED = 0x80
const WITH_INDEXING = 0x40
const SIZE_UPDATE = 0x20
const NEVER_INDEXED = 0x10
const WITHOUT_INDEXING = 0x00

/** For each token, the representation of a field that is not in a table. */
const REPRESENTATION = new Uint8Array(256).fill(WITH_INDEXING)
for (const token of [Token.AUTHORIZATION, Token.PROXY_AUTHORIZATION, Token.COOKIE, Token.SET_COOKIE]) {
  REPRESENTATION[token] = NEVER_INDEXED
}
for (const token of [
  Token.PATH,
  Token.CONTENT_LENGTH,
  Token.ETAG,
  Token.LOCATION,
  Token.AGE,
  Token.IF_MODIFIED_SINCE,
  Token.IF_NONE_MATCH,
  Token.RANGE,
  Token.CONTENT_RANGE,
]) {
  REPRESENTATION[token] = WITHOUT_INDEXING
}

/** The size of the cache by uid: a power of two. */
const SLOTS = 64

/** The octets of the largest memo. A longer literal is rare, and is encoded each time. */
const MEMO_OCTETS_MAX = 128

/** Marks a field that was sent once. It gets its memo the second time, since most are sent only once. */
const SENT_ONCE = new Uint8Array(0)

/** The octets from which a native copy is faster than a loop. */
const LOOP_OCTETS_MAX = 64

/** The insertion numbers of the entries with one name: of the newest, and of each value. */
interface Named {
  newest: number
  readonly byValue: Map<string, number>
}

export class HpackEncoder {
  private readonly table = new DynamicTable(TABLE_SIZE_INITIAL)
  /** The most octets of our table, even if the peer allows more. */
  private readonly tableSizeMax: number
  /** The size of the largest field that is indexed. A larger one would evict most other entries. */
  private indexedSizeMax = (TABLE_SIZE_INITIAL * 3) >>> 2
  private readonly byName = new Map<string, Named>()
  /** The cache by uid: a field, and its insertion number or, negative, its static index. */
  private readonly slotFields: (Field | null)[] = new Array<Field | null>(SLOTS).fill(null)
  private readonly slotNumbers: number[] = new Array<number>(SLOTS).fill(0)
  /** The smallest and the last table size set since the last block (RFC 7541 §4.2); -1 without a change. */
  private updateSmallest = -1
  private updateLast = -1

  /** @param options.tableSizeMax the most octets of our table */
  constructor(options: { readonly tableSizeMax: number }) {
    this.tableSizeMax = options.tableSizeMax
    this.setPeerTableSizeMax(TABLE_SIZE_INITIAL)
  }

  /** The size of the dynamic table, in octets. */
  get tableSize(): number {
    return this.table.size
  }

  /** Returns the entries of the dynamic table, newest first. For tests: it allocates. */
  entries(): Field[] {
    return this.table.entries()
  }

  /** Takes the peer's SETTINGS_HEADER_TABLE_SIZE, in octets. The next block begins with our new size. */
  setPeerTableSizeMax(octets: number): void {
    const size = Math.min(octets, this.tableSizeMax)
    if (this.updateLast < 0 && size === this.table.sizeMax) return
    this.updateSmallest = this.updateLast < 0 ? size : Math.min(size, this.updateSmallest)
    this.updateLast = size
  }

  /** Begins a block: writes the size updates that are due (RFC 7541 §4.2). Returns the new offset. */
  begin(target: Buffer, offset: number): number {
    if (this.updateLast < 0) return offset
    let at = offset
    if (this.updateSmallest < this.updateLast) at = this.resize(this.updateSmallest, target, at)
    at = this.resize(this.updateLast, target, at)
    this.updateSmallest = this.updateLast = -1
    return at
  }

  /** Writes a field. Returns the new offset. The target must have room for `field.size` octets. */
  encode(field: Field, target: Buffer, offset: number): number {
    const uid = field.uid
    if (uid <= STATIC_ENTRIES && STATIC_FIELDS[uid] === field) {
      target[offset] = INDEXED | uid
      return offset + 1
    }
    const slot = uid & (SLOTS - 1)
    if (this.slotFields[slot] === field) {
      const number = this.slotNumbers[slot]
      if (number < 0) {
        target[offset] = INDEXED | -number
        return offset + 1
      }
      const distance = this.table.inserted - number
      if (distance < this.table.count) return writeIndex(STATIC_ENTRIES + 1 + distance, target, offset)
    }
    const memo = field.memo
    if (memo !== null && memo !== SENT_ONCE && !this.indexable(field)) {
      const length = memo.length
      if (length < LOOP_OCTETS_MAX) for (let i = 0; i < length; i++) target[offset + i] = memo[i]
      else target.set(memo, offset)
      return offset + length
    }
    return this.search(field, target, offset)
  }

  /** Returns true if a field that is not in the tables should be added. */
  private indexable(field: Field): boolean {
    return REPRESENTATION[field.token] === WITH_INDEXING && field.size <= this.indexedSizeMax
  }

  /** Writes a field that is looked up by its text: an index, or a literal if no table has it. */
  private search(field: Field, target: Buffer, offset: number): number {
    const { name, value } = field
    const staticName = staticNameIndex(name)
    if (field.neverIndexed) {
      // The index of an equal entry will not do: the next hop must see that the field is never indexed
      // (RFC 7541 §6.2.3).
      const nameIndex = staticName !== 0 ? staticName : this.nameIndex(name)
      return writeLiteral(NEVER_INDEXED, nameIndex, field, target, offset)
    }
    const exact = staticIndex(staticName, name, value)
    if (exact !== 0) {
      this.remember(field, -exact)
      return writeIndex(exact, target, offset)
    }
    if (!this.indexable(field)) return this.writeApart(staticName, field, target, offset)
    const named = this.byName.get(name)
    const number = named === undefined ? undefined : named.byValue.get(value)
    if (number !== undefined) {
      this.remember(field, number)
      return writeIndex(STATIC_ENTRIES + 1 + this.table.inserted - number, target, offset)
    }
    // The name's index is read before the insertion, which may evict the name's entry (RFC 7541 §4.4).
    const nameIndex = staticName !== 0 ? staticName : this.nameIndex(name)
    const at = writeLiteral(WITH_INDEXING, nameIndex, field, target, offset)
    this.insert(field)
    return at
  }

  /** Writes a literal that is not indexed. The second time, keeps it as the field's memo. */
  private writeApart(staticName: number, field: Field, target: Buffer, offset: number): number {
    const never = REPRESENTATION[field.token] === NEVER_INDEXED
    const at = writeLiteral(never ? NEVER_INDEXED : WITHOUT_INDEXING, staticName, field, target, offset)
    if (field.memo === null) {
      if (at - offset <= MEMO_OCTETS_MAX) field.memo = SENT_ONCE
    } else if (field.memo === SENT_ONCE) {
      field.memo = new Uint8Array(target.subarray(offset, at))
    }
    return at
  }

  /** Returns the index of the newest entry with this name in the dynamic table, or 0. */
  private nameIndex(name: string): number {
    const named = this.byName.get(name)
    return named === undefined ? 0 : STATIC_ENTRIES + 1 + this.table.inserted - named.newest
  }

  private remember(field: Field, number: number): void {
    const slot = field.uid & (SLOTS - 1)
    this.slotFields[slot] = field
    this.slotNumbers[slot] = number
  }

  private insert(field: Field): void {
    const table = this.table
    while (table.overflows(field.size)) this.evict()
    table.insert(field)
    const number = table.inserted
    const named = this.byName.get(field.name)
    if (named === undefined) {
      this.byName.set(field.name, { newest: number, byValue: new Map([[field.value, number]]) })
    } else {
      named.newest = number
      named.byValue.set(field.value, number)
    }
    this.remember(field, number)
  }

  private evict(): void {
    const number = this.table.inserted - this.table.count + 1
    const field = this.table.evict()
    const named = this.byName.get(field.name)
    // First in, first out: the newest entry of a name is evicted after all others of that name.
    if (named === undefined || named.newest === number) this.byName.delete(field.name)
    else named.byValue.delete(field.value)
    const slot = field.uid & (SLOTS - 1)
    if (this.slotFields[slot] === field) this.slotFields[slot] = null
  }

  /** Resizes the table, and writes a size update (RFC 7541 §6.3). Returns the new offset. */
  private resize(octets: number, target: Buffer, offset: number): number {
    const table = this.table
    table.sizeMax = octets
    this.indexedSizeMax = Math.floor(octets * 0.75)
    while (table.overflows(0)) this.evict()
    return writeInteger(SIZE_UPDATE, 0x1f, octets, target, offset)
  }
}

/**
 * Writes an integer (RFC 7541 §5.1) after `flags`, the high bits of its first octet. Returns the new offset.
 */
function writeInteger(
  flags: number,
  prefix: number,
  value: number,
  target: Uint8Array,
  offset: number,
): number {
  if (value < prefix) {
    target[offset] = flags | value
    return offset + 1
  }
  let at = offset
  target[at++] = flags | prefix
  let rest = value - prefix
  while (rest >= 0x80) {
    target[at++] = 0x80 | (rest & 0x7f)
    rest = Math.floor(rest / 128)
  }
  target[at++] = rest
  return at
}

/** Writes an index (RFC 7541 §6.1). Returns the new offset. */
function writeIndex(index: number, target: Uint8Array, offset: number): number {
  if (index < 0x7f) {
    target[offset] = INDEXED | index
    return offset + 1
  }
  return writeInteger(INDEXED, 0x7f, index, target, offset)
}

/** Writes a literal (RFC 7541 §6.2): its name by index, or as text if that is 0. Returns the new offset. */
function writeLiteral(
  flags: number,
  nameIndex: number,
  field: Field,
  target: Buffer,
  offset: number,
): number {
  let at = writeInteger(flags, flags === WITH_INDEXING ? 0x3f : 0x0f, nameIndex, target, offset)
  if (nameIndex === 0) at = writeString(field.name, target, at)
  return writeString(field.value, target, at)
}

/** Writes a string (RFC 7541 §5.2): Huffman or raw, whichever is shorter. Returns the new offset. */
function writeString(text: string, target: Buffer, offset: number): number {
  const length = text.length
  const coded = huffmanLength(text)
  if (coded < length) return huffmanEncode(text, target, writeInteger(0x80, 0x7f, coded, target, offset))
  const at = writeInteger(0, 0x7f, length, target, offset)
  if (length < LOOP_OCTETS_MAX) {
    for (let i = 0; i < length; i++) target[at + i] = text.charCodeAt(i)
    return at + length
  }
  return at + target.write(text, at, 'latin1')
}
