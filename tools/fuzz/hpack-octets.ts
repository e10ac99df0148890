// Feeds any octets into our HPACK decoder, with bounds as on a connection: it refuses or accepts them, and
// keeps its bounds. A decoder without bounds, and hpack.js, must get the same from accepted octets. Octets
// that are skipped in pieces get the same verdict, and leave the same table.

import fc from 'fast-check'
import { type Field, FieldTable } from '../../src/http/index.js'
import { HPACK_ERROR, HpackDecoder } from '../../src/http2/hpack/decoder.js'
import { trailerList } from './field-lists.js'
import { integer, literals } from './frames.js'
import { TheirDecoder } from './independent-hpack.js'
import { crumbs, cut, type Edit, edits, hold, mangle, octets, type Target } from './target.js'

interface Fed {
  readonly blocks: { readonly octets: Buffer; readonly edits: readonly Edit[] }[]
  readonly listSizeMax: number
  readonly fieldsMax: number
}

const TABLE_SIZE_MAX = 4096
const UNBOUNDED = 1 << 26

/** Representations in sequences: mostly good, with some indices beyond the end. */
const representation = fc.oneof(
  fc.nat(75).map((index) => integer(0x80, 7, index)),
  fc
    .tuple(fc.constantFrom([0x40, 6], [0x00, 4], [0x10, 4]), fc.nat(70), fc.boolean(), octets(70))
    .map(([[flags, prefix], index, huffman, value]) =>
      Buffer.concat([
        integer(flags, prefix, index),
        index === 0 ? Buffer.from('\x01x') : Buffer.alloc(0),
        integer(huffman ? 0x80 : 0, 7, value.length),
        value,
      ]),
    ),
  fc.tuple(trailerList, fc.constantFrom(0x40, 0, 0x10)).map(([lines, kind]) => literals(lines, kind)),
)
const update = fc.oneof(
  { weight: 4, arbitrary: fc.constant(Buffer.alloc(0)) },
  fc.constantFrom(0, 60, 4096, 4097, 1 << 28).map((size) => integer(0x20, 5, size)),
)
const block = fc.oneof(
  {
    weight: 4,
    arbitrary: fc
      .tuple(update, fc.array(representation, { maxLength: 8 }))
      .map(([first, rest]) => Buffer.concat([first, ...rest])),
  },
  { weight: 1, arbitrary: octets(40) },
)

const halves = (block: Buffer): Buffer[] => cut(block, [0x8000])

function skip(decoder: HpackDecoder, pieces: readonly Buffer[]): boolean {
  for (const piece of pieces) {
    // The piece has its own memory, which is wiped after reading: nothing may be kept by reference.
    const own = Buffer.from(piece)
    if (!decoder.skip(own, 0, own.length)) return false
    own.fill(0xee)
  }
  return decoder.skipEnd()
}

function checkBlocks(blocks: readonly Buffer[], listSizeMax: number, fieldsMax: number): void {
  const bounded = new HpackDecoder(new FieldTable(4), { tableSizeMax: TABLE_SIZE_MAX })
  const free = new HpackDecoder(new FieldTable(4), { tableSizeMax: TABLE_SIZE_MAX })
  const skippers = [crumbs, halves].map((pieces) => ({
    pieces,
    decoder: new HpackDecoder(new FieldTable(4), { tableSizeMax: TABLE_SIZE_MAX }),
  }))
  const theirs = new TheirDecoder()
  const texts = (fields: readonly Field[]) =>
    fields.map(({ name, value, neverIndexed }) => ({ name, value, never: neverIndexed }))
  for (const block of blocks) {
    const out: Field[] = []
    const all: Field[] = []
    const size = bounded.decode(block, 0, block.length, out, listSizeMax, fieldsMax)
    const whole = free.decode(block, 0, block.length, all, UNBOUNDED, UNBOUNDED)
    const listed = out.reduce((sum, field) => sum + field.size, 0)
    hold(listed <= listSizeMax && out.length <= fieldsMax, 'more listed than bounded')
    hold(bounded.tableSize <= TABLE_SIZE_MAX, 'more kept than bounded')
    for (const each of [bounded, free])
      hold(
        each.tableSize === each.entries().reduce((sum, field) => sum + field.size, 0),
        'a table of another size',
      )
    hold((size === HPACK_ERROR) === (whole === HPACK_ERROR), 'bounds decide whether it is HPACK')
    for (const { pieces, decoder } of skippers) {
      const read = skip(decoder, pieces(block))
      hold(read === (size !== HPACK_ERROR), () => `skipped: ${read}, and decoded to ${size}`)
      if (!read) continue
      hold(
        JSON.stringify(texts(decoder.entries())) === JSON.stringify(texts(bounded.entries())),
        'another table where the block is skipped',
      )
    }
    if (size === HPACK_ERROR) return
    const fits = whole <= listSizeMax && all.length <= fieldsMax
    hold(fits ? size === whole : size > listSizeMax, () => `a size of ${size} of ${whole}`)
    hold(
      JSON.stringify(texts(out)) === JSON.stringify(texts(all.slice(0, out.length))),
      'bounds change what is read',
    )
    hold(
      JSON.stringify(texts(bounded.entries())) === JSON.stringify(texts(free.entries())),
      'bounds change the table',
    )
    hold(JSON.stringify(texts(all)) === JSON.stringify(theirs.decode(block)), 'hpack.js reads it otherwise')
  }
}

export const hpackOctets: Target<Fed> = {
  about:
    'any octets into our HPACK decoder: bounds, tables, and hpack.js for what it takes (hpack-decoder.ts)',
  arbitrary: fc.record({
    blocks: fc.array(fc.record({ octets: block, edits: fc.oneof(fc.constant([]), edits) }), { maxLength: 6 }),
    listSizeMax: fc.constantFrom(0, 33, 200, 32_768),
    fieldsMax: fc.constantFrom(0, 1, 3, 256),
  }),
  check({ blocks, listSizeMax, fieldsMax }) {
    checkBlocks(
      blocks.map(({ octets, edits }) => mangle(octets, edits)),
      listSizeMax,
      fieldsMax,
    )
  },
  octets: {
    of: ({ blocks }) =>
      Buffer.concat(
        blocks
          .map(({ octets, edits }) => mangle(octets, edits).subarray(0, 60))
          .flatMap((each) => [Buffer.from([each.length]), each]),
      ),
    /** A length octet, then as many octets of a block, repeated. */
    check(octets) {
      const blocks: Buffer[] = []
      for (let at = 0; at < octets.length && blocks.length < 20; at += 1 + octets[at])
        blocks.push(octets.subarray(at + 1, at + 1 + octets[at]))
      checkBlocks(blocks, 200, 3)
    },
  },
}
