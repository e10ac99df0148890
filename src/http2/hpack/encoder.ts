// HPACK encoding (RFC 7541): Field objects in, a header block out, written straight into the
// output. Sans-IO.
//
// Fields travel by identity: the place of a field is found by the object first (a direct-mapped
// cache by uid), by its text only when that fails, and then remembered for the object. The text
// matters, or every client's own copy of a field would evict what the others put in.
//
// What is not worth an entry (a path, a length) or must not have one (credentials: connections
// to a backend are shared by clients, RFC 7541 §7.1) is a literal. Its octets depend on nothing
// but the field, unless its name came from the dynamic table, which is never done for these; so
// they are kept with the field (`memo`) and good on every connection.

import type { Field } from '../../http/field.js'
import { Token } from '../../http/token.js'
import { huffmanEncode, huffmanLength } from './huffman.js'
import { STATIC_ENTRIES, STATIC_FIELDS, staticIndex, staticNameIndex } from './static.js'
import { DynamicTable } from './table.js'

/** Octets {@link HpackEncoder.begin} writes at most: two updates of a prefix and four octets more. */
export const SIZE_UPDATES_OCTETS_MAX = 12

/** SETTINGS_HEADER_TABLE_SIZE until the peer says otherwise (RFC 9113 §6.5.2). */
const TABLE_SIZE_INITIAL = 4096

/** RFC 7541 §6.1, §6.2: representations by their first bits. */
const INDEXED = 0x80
const WITH_INDEXING = 0x40
const SIZE_UPDATE = 0x20
const NEVER_INDEXED = 0x10
const WITHOUT_INDEXING = 0x00

/** By token: how a field that is in no table is sent. */
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

/** Places by identity. A power of two. */
const SLOTS = 64

/** A longer literal is encoded each time: it is rare, and a memo would hold much. */
const MEMO_OCTETS_MAX = 128

/** The memo of a field sent once. Most are never sent again, and so never pay for a memo. */
const SENT_ONCE = new Uint8Array(0)

/** From here on a native copy beats a loop. */
const LOOP_OCTETS_MAX = 64

/** The entries of one name: insertion numbers, of the newest and by value. */
interface Named {
  newest: number
  readonly byValue: Map<string, number>
}

export class HpackEncoder {
  private readonly table = new DynamicTable(TABLE_SIZE_INITIAL)
  /** The most we are willing to keep. */
  private readonly tableSizeMax: number
  /** Larger fields are not indexed: they would evict most of what is there. */
  private indexedSizeMax = (TABLE_SIZE_INITIAL * 3) >>> 2
  private readonly byName = new Map<string, Named>()
  /** By uid: a field and where it is, an insertion number or minus its static index. */
  private readonly slotFields: (Field | null)[] = new Array<Field | null>(SLOTS).fill(null)
  private readonly slotNumbers: number[] = new Array<number>(SLOTS).fill(0)
  /** RFC 7541 §4.2: the smallest and the last size since the last block; -1 if there is no change. */
  private updateSmallest = -1
  private updateLast = -1

  /** @param options.tableSizeMax octets, the most we are willing to keep */
  constructor(options: { readonly tableSizeMax: number }) {
    this.tableSizeMax = options.tableSizeMax
    this.setPeerTableSizeMax(TABLE_SIZE_INITIAL)
  }

  /** Octets in the dynamic table. */
  get tableSize(): number {
    return this.table.size
  }

  /** The dynamic table, newest first. Cold: for the debugger and for tests. */
  entries(): Field[] {
    return this.table.entries()
  }

  /** The peer's SETTINGS_HEADER_TABLE_SIZE, in octets. The next block tells what we make of it. */
  setPeerTableSizeMax(octets: number): void {
    const size = Math.min(octets, this.tableSizeMax)
    if (this.updateLast < 0 && size === this.table.sizeMax) return
    this.updateSmallest = this.updateLast < 0 ? size : Math.min(size, this.updateSmallest)
    this.updateLast = size
  }

  /** Begins a block: writes size updates, where due (RFC 7541 §4.2), and returns the new offset. */
  begin(target: Buffer, offset: number): number {
    if (this.updateLast < 0) return offset
    let at = offset
    if (this.updateSmallest < this.updateLast) at = this.resize(this.updateSmallest, target, at)
    at = this.resize(this.updateLast, target, at)
    this.updateSmallest = this.updateLast = -1
    return at
  }

  /** Writes one field and returns the new offset. The caller has made sure of `field.size` octets of room. */
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

  /** Whether a field not found in the tables is to be put there. */
  private indexable(field: Field): boolean {
    return REPRESENTATION[field.token] === WITH_INDEXING && field.size <= this.indexedSizeMax
  }

  /** The field by its text; a literal if no table has it. */
  private search(field: Field, target: Buffer, offset: number): number {
    const { name, value } = field
    const staticName = staticNameIndex(name)
    if (field.neverIndexed) {
      // RFC 7541 §6.2.3: not even the index of an equal entry, that would lose the mark.
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
    // The name's index is that of before the insertion, and its entry may be evicted by it (RFC 7541 §4.4).
    const nameIndex = staticName !== 0 ? staticName : this.nameIndex(name)
    const at = writeLiteral(WITH_INDEXING, nameIndex, field, target, offset)
    this.insert(field)
    return at
  }

  /** A literal that no table is to know, kept as the field's memo when it is sent again. */
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

  /** The index of the newest entry of this name in the dynamic table, or 0. */
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
    // First in, first out: if the newest of a name goes, all others are gone.
    if (named === undefined || named.newest === number) this.byName.delete(field.name)
    else named.byValue.delete(field.value)
    const slot = field.uid & (SLOTS - 1)
    if (this.slotFields[slot] === field) this.slotFields[slot] = null
  }

  /** RFC 7541 §6.3. */
  private resize(octets: number, target: Buffer, offset: number): number {
    const table = this.table
    table.sizeMax = octets
    this.indexedSizeMax = Math.floor(octets * 0.75)
    while (table.overflows(0)) this.evict()
    return writeInteger(SIZE_UPDATE, 0x1f, octets, target, offset)
  }
}

/** RFC 7541 §5.1: a number in the low bits of its first octet, whose high bits are `flags`. */
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

/** RFC 7541 §6.1. */
function writeIndex(index: number, target: Uint8Array, offset: number): number {
  if (index < 0x7f) {
    target[offset] = INDEXED | index
    return offset + 1
  }
  return writeInteger(INDEXED, 0x7f, index, target, offset)
}

/** RFC 7541 §6.2, its name by index, or in full if that is 0. */
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

/** RFC 7541 §5.2: Huffman or raw, whichever is shorter. */
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
