// HPACK with the state that each side really keeps: many blocks on one connection, and table sizes that
// change between them. Our decoder and hpack.js read our encoder, our decoder reads hpack.js's encoder, and
// the tables of both sides are compared after every block.

import fc from 'fast-check'
import { type Field, FieldTable } from '../../src/http/index.js'
import { HPACK_ERROR, HpackDecoder } from '../../src/http2/hpack/decoder.js'
import { HpackEncoder, SIZE_UPDATES_OCTETS_MAX } from '../../src/http2/hpack/encoder.js'
import { confusing, type Plain, TheirDecoder, TheirEncoder } from './independent-hpack.js'
import { hold, type Target } from './target.js'

const names = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.constantFrom(
      ':path',
      ':method',
      ':authority',
      'cookie',
      'authorization',
      'etag',
      'accept-encoding',
      'content-length',
      'set-cookie',
      'x-a',
      'x-b',
      'x-c',
    ),
  },
  {
    weight: 1,
    arbitrary: fc.string({ unit: fc.nat(255).map((code) => String.fromCharCode(code)), maxLength: 40 }),
  },
)
const values = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.constantFrom(
      '',
      'GET',
      '/',
      'a',
      'b',
      'c',
      'gzip, deflate',
      'example.org',
      '\0',
      '\xff\xfe',
    ),
  },
  {
    weight: 2,
    arbitrary: fc.string({ unit: fc.nat(255).map((code) => String.fromCharCode(code)), maxLength: 40 }),
  },
  {
    weight: 1,
    arbitrary: fc
      .tuple(fc.constantFrom(63, 64, 126, 127, 128, 500, 3000, 4064, 5000), fc.constantFrom('a', '\xf0', '0'))
      .map(([size, octet]) => octet.repeat(size)),
  },
)

interface Line extends Plain {
  /** 0: the one object of this text; 1: a separate object, once; 2: the last such object again. */
  readonly identity: number
  readonly incremental: boolean
  readonly huffman: boolean
}

interface Block {
  /** The sizes that the reader's SETTINGS allow before this block, one after the other. */
  readonly sizes: readonly number[]
  readonly lines: Line[]
}

const line: fc.Arbitrary<Line> = fc.record({
  name: names.filter((name) => !confusing(name)),
  value: values.filter((value) => !confusing(value)),
  never: fc.oneof({ weight: 5, arbitrary: fc.constant(false) }, fc.constant(true)),
  identity: fc.nat(2),
  incremental: fc.oneof({ weight: 3, arbitrary: fc.constant(true) }, fc.constant(false)),
  huffman: fc.boolean(),
})
const tableSize = fc.oneof(fc.constantFrom(0, 31, 32, 33, 64, 100, 4095, 4096, 4097, 65_536), fc.nat(300))
const blocks: fc.Arbitrary<Block[]> = fc.array(
  fc.record({
    sizes: fc.oneof({ weight: 3, arbitrary: fc.constant([]) }, fc.array(tableSize, { maxLength: 3 })),
    lines: fc.array(line, { maxLength: 12 }),
  }),
  { minLength: 1, maxLength: 10 },
)

const plain = (field: Field): Plain => ({ name: field.name, value: field.value, never: field.neverIndexed })
const entriesOf = (side: HpackEncoder | HpackDecoder): string[] =>
  side.entries().map((each) => `${each.name}: ${each.value}`)

function same(what: string, ours: unknown, theirs: unknown): void {
  const [a, b] = [JSON.stringify(ours), JSON.stringify(theirs)]
  hold(a === b, () => `${what}:\n${a}\n${b}`)
}

const LIST_SIZE_MAX = 1 << 24

/** Reads a whole block with our decoder. */
function read(decoder: HpackDecoder, block: Buffer): Plain[] {
  const out: Field[] = []
  const size = decoder.decode(block, 0, block.length, out, LIST_SIZE_MAX, 1000)
  hold(size !== HPACK_ERROR, () => `${block.toString('hex')} does not decode`)
  same(
    'the size of the list',
    size,
    out.reduce((sum, field) => sum + field.size, 0),
  )
  hold(
    decoder.tableSize === decoder.entries().reduce((sum, field) => sum + field.size, 0),
    'the table is not as large as its entries',
  )
  return out.map(plain)
}

/** A connection's encoder, and the objects of its fields. */
class OurSide {
  readonly encoder: HpackEncoder
  private readonly table: FieldTable
  private readonly last = new Map<string, Field>()
  private readonly target = Buffer.alloc(1 << 17)

  constructor(table: FieldTable, tableSizeMax: number) {
    this.table = table
    this.encoder = new HpackEncoder({ tableSizeMax })
  }

  private field({ name, value, never, identity }: Line): Field {
    const key = `${name}\n${value}\n${never}`
    const again = identity === 2 ? this.last.get(key) : undefined
    if (again !== undefined) return again
    const field =
      identity === 0 && !never ? this.table.field(name, value) : this.table.make(name, value, never)
    this.last.set(key, field)
    return field
  }

  write(lines: readonly Line[]): Buffer {
    let at = this.encoder.begin(this.target, 0)
    hold(at <= SIZE_UPDATES_OCTETS_MAX, 'size updates larger than they may be')
    for (const line of lines) {
      const field = this.field(line)
      const end = this.encoder.encode(field, this.target, at)
      hold(end - at <= field.size, () => `${end - at} octets for a field of ${field.size}`)
      at = end
    }
    return Buffer.from(this.target.subarray(0, at))
  }
}

export const hpackEncoder: Target<{ tableSizeMax: number; blocks: Block[] }> = {
  about: 'our HPACK encoder, read by hpack.js and by our decoder; table sizes change (hpack-encoder.ts)',
  arbitrary: fc.record({ tableSizeMax: fc.constantFrom(0, 64, 4096, 65_536), blocks }),
  check({ tableSizeMax, blocks }) {
    // Two connections share one World, so that one uses what the other keeps with a field.
    const table = new FieldTable(8)
    const sides = [tableSizeMax, 4096].map((size) => ({
      ours: new OurSide(table, size),
      theirs: new TheirDecoder(),
      decoder: new HpackDecoder(table, { tableSizeMax: 65_536 }),
    }))
    for (const { sizes, lines } of blocks) {
      for (const { ours, theirs, decoder } of sides) {
        for (const size of sizes) {
          ours.encoder.setPeerTableSizeMax(size)
          decoder.setTableSizeMax(size)
        }
        const block = ours.write(lines)
        const out = read(decoder, block)
        same('hpack.js reads', out, theirs.decode(block))
        same(
          'the fields',
          out.map(({ name, value }) => [name, value]),
          lines.map(({ name, value }) => [name, value]),
        )
        hold(
          lines.every((line, i) => !line.never || out[i].never),
          'a field lost its mark',
        )
        same('tables', entriesOf(ours.encoder), entriesOf(decoder))
        same('tables, of hpack.js too', entriesOf(decoder), theirs.entries)
        hold(
          ours.encoder.tableSize <= Math.min(tableSizeMax, 65_536) || ours !== sides[0].ours,
          'a table too large',
        )
      }
    }
  },
}

export const hpackDecoder: Target<{ tableSizeMax: number; blocks: Block[] }> = {
  about: "hpack.js's encoder, read by our HPACK decoder; table sizes change (hpack-decoder.ts)",
  arbitrary: fc.record({ tableSizeMax: fc.constantFrom(4096, 65_536), blocks }),
  check({ tableSizeMax, blocks }) {
    const decoder = new HpackDecoder(new FieldTable(8), { tableSizeMax })
    const theirs = new TheirEncoder()
    for (const { sizes, lines } of blocks) {
      const allowed = sizes.map((size) => Math.min(size, tableSizeMax))
      for (const size of allowed) decoder.setTableSizeMax(size)
      // RFC 7541 §4.2: the smallest, then the last.
      const updates = allowed.length === 0 ? [] : [Math.min(...allowed), allowed.at(-1) as number]
      const block = theirs.encode(
        lines.map(({ name, value, never, incremental, huffman }) => ({
          name,
          value,
          neverIndex: never,
          incremental,
          huffman,
        })),
        updates,
      )
      const out = read(decoder, block)
      same(
        'the fields',
        out,
        lines.map(({ name, value, never }) => ({ name, value, never })),
      )
      same('tables', entriesOf(decoder), theirs.entries)
      hold(decoder.tableSize <= tableSizeMax, 'a table too large')
    }
  },
}
