// The decoder's own promises: identity, bounds, and COMPRESSION_ERROR for whatever a peer may send.

import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import t from 'tap'
import type { Field } from '../../src/http/field.js'
import { FieldTable } from '../../src/http/field-table.js'
import { HPACK_ERROR, HpackDecoder } from '../../src/http2/hpack/decoder.js'
import { STATIC_FIELDS } from '../../src/http2/hpack/static.js'

const bytes = (hex: string) => Buffer.from(hex.replaceAll(' ', ''), 'hex')
const texts = (fields: readonly Field[]) => fields.map((field) => `${field.name}: ${field.value}`)
const decoderOf = (fields = new FieldTable()) => new HpackDecoder(fields, { tableSizeMax: 4096 })

const integer = (value: number, prefix: number, flags: number): number[] => {
  if (value < prefix) return [flags | value]
  const octets = [flags | prefix]
  for (value -= prefix; value > 127; value = Math.floor(value / 128)) octets.push(128 | (value % 128))
  return [...octets, value]
}
const string = (text: string) => [...integer(text.length, 127, 0), ...Buffer.from(text, 'latin1')]
/** A literal in the plainest encoding; a number is the index of its name. */
const literal = (flags: number, name: string | number, value: string) =>
  Buffer.from([
    ...integer(typeof name === 'number' ? name : 0, flags === 0x40 ? 63 : 15, flags),
    ...(typeof name === 'number' ? [] : string(name)),
    ...string(value),
  ])

interface Decoded {
  readonly size: number
  readonly out: Field[]
}

/** Decodes in the midst of other octets, so that a reach beyond the end is seen. */
function decode(decoder: HpackDecoder, wire: Buffer | string, sizeMax = 65536, fieldsMax = 100): Decoded {
  const block = typeof wire === 'string' ? bytes(wire) : wire
  const around = Buffer.concat([bytes('828684'), block, bytes('01 61 82 86 84')])
  const out: Field[] = []
  return { size: decoder.decode(around, 3, 3 + block.length, out, sizeMax, fieldsMax), out }
}

t.test('malformed blocks', async (t) => {
  for (const [name, wire] of [
    ['index 0', '80'],
    ['an index beyond the tables', 'be'],
    ['an index far beyond the tables', 'ff80ffff7f'],
    ['a name index beyond the tables', '7e0161'],
    ['an index of more than five octets', 'ff8080808001'],
    ['an index past 2^28', 'ffffffffff7f'],
    ['leading zeros past five octets', 'ff808080808000'],
    ['an update of five octets more', '3fe19f808000'],
    ['an index without end', 'ffff'],
    ['a length past five octets', '40 0161 7f80808080 01'],
    ['a length beyond the block', '40 0161 0262'],
    ['a name beyond the block', '40 0561'],
    ['a value of 2^28 octets', '00 0161 7f80ffff7f 61'],
    ['a literal without a value', '4101'],
    ['an update after a field', '82 20'],
    ['an update between fields', '82 20 82'],
    ['an update above the bound', '3fe21f'],
    ['an update far above the bound', '3fffffff7f'],
    ['an update cut short', '3fe1'],
    ['padding of zeros in a value', '44 81 18'],
    ['padding of zeros in a name', '40 81 18 0161'],
    ['an octet of padding', '44 82 1fff'],
    ['EOS in a value', '44 84 ffffffff'],
    ['EOS in a name', '00 84 ffffffff 0161'],
  ]) {
    t.equal(decode(decoderOf(), wire).size, HPACK_ERROR, name)
    t.equal(decode(decoderOf(), wire, 0, 0).size, HPACK_ERROR, `${name}, where nothing is kept`)
  }
})

t.test('well-formed extremes', async (t) => {
  t.same(decode(decoderOf(), ''), { size: 0, out: [] }, 'an empty block')
  t.equal(decode(decoderOf(), '3fe11f').size, 0, 'an update to the very bound')
  t.equal(decode(decoderOf(), '3fe19f8000').size, 0, 'the same with zeros in front')
  t.equal(decode(decoderOf(), '20 3fe11f 82').size, 42, 'two updates, then a field')
  t.same(texts(decode(decoderOf(), '00 0161 00').out), ['a: '], 'an empty value')
  t.same(texts(decode(decoderOf(), '00 00 0161').out), [': a'], 'an empty name, for others to refuse')
  t.same(texts(decode(decoderOf(), '44 00 44 80').out), [':path: ', ':path: '], 'empty, raw and Huffman')
  t.same(texts(decode(decoderOf(), '0f808000 0161').out), ['accept-charset: a'], 'zeros in front, in bounds')
  t.same(texts(decode(decoderOf(), '00 0161 0480ff000a').out), ['a: \x80\xff\x00\n'], 'octets unaltered')
  t.equal(decode(decoderOf(), '00 0161 0161').out[0].faults, 0)
})

t.test('a block cut at every point', async (t) => {
  const parts = [
    bytes('3fe11f'),
    bytes('82'),
    literal(0x40, 'custom-key', 'custom-header'),
    bytes('be'),
    literal(0x00, 4, '/a/path'),
    bytes('448cf1e3c2e5f23a6ba0ab90f4ff'),
    literal(0x10, 'authorization', 'secret'),
    literal(0x00, 'long', 'x'.repeat(200)),
    bytes('408825a849e95ba97d7f8925a849e95bb8e8b4bf'),
  ]
  const block = Buffer.concat(parts)
  const ends = new Map<number, number>([[0, 0]])
  let end = 0
  for (const [i, part] of parts.entries()) ends.set((end += part.length), i)
  t.equal(decode(decoderOf(), block).out.length, 8)
  for (let cut = 0; cut < block.length; cut++) {
    const { size, out } = decode(decoderOf(), block.subarray(0, cut))
    const whole = ends.get(cut)
    if (whole === undefined) t.equal(size, HPACK_ERROR, `cut at ${cut}`)
    else t.equal(out.length, whole, `cut between fields at ${cut}`)
    t.equal(size < 0, whole === undefined)
  }
})

t.test('size updates after a changed bound', async (t) => {
  const full = () => {
    const decoder = decoderOf()
    decode(decoder, literal(0x40, 'a', 'b'.repeat(100)))
    return decoder
  }
  const lowered = (...bounds: number[]) => {
    const decoder = full()
    for (const bound of bounds) decoder.setTableSizeMax(bound)
    return decoder
  }
  t.equal(decode(lowered(100), '82').size, HPACK_ERROR, 'a lowered bound wants an update')
  t.equal(decode(lowered(100), '').size, HPACK_ERROR, 'even from an empty block')
  t.equal(decode(lowered(100), '3f46 82').size, HPACK_ERROR, '101 is too much')
  t.equal(decode(lowered(100), '3f45 82').size, 42, '100 will do')
  t.equal(
    decode(lowered(100, 4096), '82').size,
    HPACK_ERROR,
    'lowered and raised again: the smallest is wanted',
  )
  t.equal(decode(lowered(100, 4096), '3fe11f 82').size, HPACK_ERROR, 'the last alone is not enough')
  t.equal(decode(lowered(100, 4096), '3f45 3fe11f 82').size, 42, 'the smallest, then the last')
  t.equal(decode(lowered(100, 300), '3f8d02').size, HPACK_ERROR, 'raised a little')
  t.equal(decode(lowered(100, 300), '3f45 3f8d02').size, 0)
  t.equal(decode(lowered(100, 50), '3f45').size, HPACK_ERROR, 'lowered twice')
  t.equal(decode(lowered(8192), '82').size, 42, 'a raised bound wants nothing')
  t.equal(decode(lowered(8192), '3fe13f 82').size, 42, 'and may be used')

  const decoder = lowered(100)
  t.equal(decoder.tableSize, 133, 'entries stay until the update')
  decode(decoder, '3f45')
  t.equal(decoder.tableSize, 0)
  t.same(decoder.entries(), [])
  t.equal(decode(decoder, '82').size, 42, 'one update answers one change')
  t.equal(decode(decoder, '3fe11f').size, HPACK_ERROR, 'the new bound holds')

  const before = new HpackDecoder(new FieldTable(), { tableSizeMax: 0 })
  decode(before, literal(0x40, 'a', 'b'))
  t.same(texts(before.entries()), ['a: b'], 'until it is acknowledged, 4096 holds (RFC 9113 §6.5.3)')
})

t.test('fields travel by identity', async (t) => {
  const fields = new FieldTable()
  const one = decoderOf(fields)
  const other = decoderOf(fields)
  for (let i = 1; i < STATIC_FIELDS.length; i++) {
    if (decode(one, Buffer.from([0x80 | i])).out[0] !== STATIC_FIELDS[i]) t.fail(`static ${i}`)
  }
  const [first] = decode(one, literal(0x40, 'x-name', 'value')).out
  t.equal(decode(one, 'be').out[0], first, 'the table holds the field it gave')
  t.equal(decode(other, literal(0x40, 'x-name', 'value')).out[0], first, 'and it is shared')
  t.equal(decode(one, literal(0x40, 62, 'more')).out[0].name, first.name)
  t.equal(fields.field('x-name', 'value'), first)

  const size = fields.size
  const seen = new Map<string, Field[]>()
  const wires = {
    'static name': literal(0x00, 28, '12'),
    'name in full': literal(0x00, 'x-length', '12'),
    huffman: bytes('04 8cf1e3c2e5f23a6ba0ab90f4ff'),
    'another name': literal(0x00, 21, '12'),
    'the shortest': literal(0x00, 4, '/'),
    'of 64 octets': literal(0x00, 4, `/${'p'.repeat(61)}`),
  }
  for (let round = 0; round < 20; round++) {
    for (const [name, wire] of Object.entries(wires)) {
      seen.set(name, [...(seen.get(name) ?? []), ...decode(one, wire).out])
    }
  }
  for (const [name, all] of seen) {
    if (name === 'the shortest') continue
    t.equal(new Set(all.slice(4)).size, 1, `a repeated literal is one object: ${name}`)
    t.equal(new Set(texts(all)).size, 1, `of one text: ${name}`)
  }
  t.equal(fields.size, size, 'literals without indexing are not interned')
})

t.test('octets of a literal mean what the tables say', async (t) => {
  const decoder = decoderOf()
  const names = new Set<string>()
  for (let i = 0; i < 20; i++) {
    // Its name is always the newest entry, under the same index: never the field of before.
    decode(decoder, literal(0x40, `name-${i}`, 'x'))
    for (let k = 0; k < 3; k++) names.add(decode(decoder, literal(0x00, 62, 'same value')).out[0].name)
  }
  t.equal(names.size, 20)
  const known = literal(0x00, 4, '/known')
  for (let i = 0; i < 30; i++) decode(decoder, known)
  for (let cut = 1; cut < known.length; cut++) {
    const out: Field[] = []
    t.equal(decoder.decode(known, 0, cut, out, 65536, 100), HPACK_ERROR, 'a known literal, cut short')
  }
  let wrong = 0
  for (let i = 0; i < 30_000; i++) {
    // Slots are shared by many; all that counts is the text.
    const text = `/${Math.imul(i, 40503) % 997}`
    if (decode(decoder, literal(0x00, 4, text)).out[0].value !== text) wrong++
  }
  t.equal(wrong, 0)
})

t.test('never-indexed literals are marked and kept nowhere', async (t) => {
  const fields = new FieldTable()
  const decoder = decoderOf(fields)
  const all = new Set<Field>()
  for (let i = 0; i < 30; i++) {
    const { out } = decode(decoder, Buffer.concat([literal(0x10, 4, '/p'), literal(0x10, 'key', 'secret')]))
    for (const field of out) all.add(field)
    t.same(
      out.map((field) => field.neverIndexed),
      [true, true],
    )
  }
  t.equal(all.size, 60, 'made anew each time')
  t.equal(fields.size, 0)
  t.same(decoder.entries(), [])
  for (let i = 0; i < 30; i++) decode(decoder, literal(0x00, 4, '/p'))
  t.notOk(decode(decoder, literal(0x00, 4, '/p')).out[0].neverIndexed, 'an unmarked one does not meet them')
  t.ok(decode(decoder, literal(0x10, 4, '/p')).out[0].neverIndexed, 'nor they an unmarked one')
})

t.test('list bounds', async (t) => {
  const block = Buffer.concat([
    bytes('82'), // 42
    literal(0x40, 'aaaa', 'bbbb'), // 40
    literal(0x00, 4, '/xyz'), // 41
    literal(0x40, 'cccc', 'dddd'), // 40
    bytes('be'), // 40
  ])
  const whole = decode(decoderOf(), block)
  t.equal(whole.size, 203)
  t.equal(whole.out.length, 5)
  t.equal(decode(decoderOf(), block, 203).out.length, 5, 'the very bound is within')
  for (const [sizeMax, kept] of [
    [202, 4],
    [163, 4],
    [162, 3],
    [122, 2],
    [81, 1],
    [41, 0],
    [0, 0],
  ]) {
    const decoder = decoderOf()
    const { size, out } = decode(decoder, block, sizeMax)
    t.equal(size, 203, `the size is that of the whole list, with ${sizeMax}`)
    t.same(texts(out), texts(whole.out.slice(0, kept)), `${kept} kept`)
    t.same(texts(decoder.entries()), ['cccc: dddd', 'aaaa: bbbb'], 'the table is in step')
  }
  t.equal(decode(decoderOf(), block, 203, 5).size, 203, 'as many fields as may be')
  const few = decode(decoderOf(), block, 10_000, 3)
  t.same(texts(few.out), texts(whole.out.slice(0, 3)))
  t.ok(few.size > 10_000, 'more fields than may be show in the size')
  // A large field, then a small one: the small one is not kept either, or the list would have a hole.
  t.same(texts(decode(decoderOf(), Buffer.concat([literal(0, 4, '/'.repeat(90)), bytes('82')]), 100).out), [])
})

t.test('indices end where the table ends', async (t) => {
  const decoder = decoderOf()
  for (let i = 1; i <= 100; i++) {
    decode(decoder, literal(0x40, `${i}`, ''))
    t.equal(decode(decoder, Buffer.from(integer(61 + i, 127, 0x80))).out[0].name, '1', `the oldest of ${i}`)
    t.equal(decode(decoder, Buffer.from(integer(62 + i, 127, 0x80))).size, HPACK_ERROR)
  }
})

t.test('an entry larger than the table empties it', async (t) => {
  for (const sizeMax of [65536, 1000]) {
    const fields = new FieldTable()
    const decoder = decoderOf(fields)
    decode(decoder, literal(0x40, 'a', 'b'))
    const { size, out } = decode(decoder, literal(0x40, 62, 'x'.repeat(4096)), sizeMax)
    t.equal(size, 1 + 4096 + 32)
    t.equal(out.length, sizeMax > 4129 ? 1 : 0)
    t.same(decoder.entries(), [], 'RFC 7541 §4.4')
    t.equal(fields.size, 1, 'and is not interned')
  }
  const decoder = decoderOf()
  decode(decoder, literal(0x40, 'a', 'b'))
  decode(decoder, literal(0x40, 62, 'x'.repeat(4063)))
  t.equal(decoder.tableSize, 4096, 'one that just fits leaves nothing else')
  t.equal(decoder.entries().length, 1)
  t.equal(decoder.entries()[0].name, 'a', 'its name came from the entry it evicted')
})

t.test('memory is bounded', async (t) => {
  const made: number[] = []
  const text = Buffer.prototype.toString
  const { allocUnsafeSlow } = Buffer
  t.teardown(() => {
    Buffer.prototype.toString = text
    Buffer.allocUnsafeSlow = allocUnsafeSlow
  })
  Buffer.prototype.toString = function (...args: Parameters<typeof text>) {
    const string = text.apply(this, args)
    made.push(string.length)
    return string
  }
  Buffer.allocUnsafeSlow = (octets) => {
    made.push(octets)
    return allocUnsafeSlow(octets)
  }
  // The code of '0' is five bits of 0: eight of them in five octets, the most that can come out.
  const huffman = Buffer.concat([Buffer.from(integer(500_000, 127, 0x80)), Buffer.alloc(500_000)])
  const names = ['raw', 'Huffman']
  for (const [i, value] of [Buffer.from(string('v'.repeat(800_000))), huffman].entries()) {
    for (const flags of [0x00, 0x10, 0x40]) {
      const decoder = decoderOf()
      decode(decoder, literal(0x40, 'a', 'b'))
      made.length = 0
      const asValue = Buffer.concat([Buffer.from([flags | 4]), value])
      t.equal(decode(decoder, asValue, 16384).size, 5 + 800_000 + 32, `${names[i]} value ${flags}`)
      const asName = Buffer.concat([Buffer.from([flags]), value, Buffer.from(string('x'))])
      t.equal(decode(decoder, asName, 16384).size, 1 + 800_000 + 32, `${names[i]} name ${flags}`)
      t.ok(Math.max(0, ...made) <= 16384, 'nothing of that size was made')
      t.equal(decoder.entries().length, flags === 0x40 ? 0 : 1)
    }
  }
  const kept = decode(decoderOf(), Buffer.concat([Buffer.from([4]), huffman]), 1_000_000)
  t.equal(kept.out[0].value, '0'.repeat(800_000), 'where it may be kept it is whole')

  const decoder = decoderOf()
  const fields = new FieldTable(100)
  const many = decoderOf(fields)
  for (let i = 0; i < 5000; i++) {
    decode(decoder, literal(0x40, `n${i}`, ''))
    decode(many, literal(0x40, 'name', `${i}`))
  }
  t.ok(decoder.tableSize <= 4096 && decoder.entries().length <= 128, 'the table')
  t.ok(fields.size <= 200, 'the interned fields')
})

t.test('O13: a field keeps nothing alive of the buffer that it was decoded from', async (t) => {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  const decoder = decoderOf()
  const buffers: WeakRef<Buffer>[] = []
  const kept: unknown[] = []
  const readFrom = (at: number): void => {
    const octets = Buffer.concat([Buffer.alloc(64 * 1024), Buffer.from(literal(0, 'x-name', `value-${at}`))])
    buffers.push(new WeakRef(octets))
    kept.push(...decode(decoder, octets.subarray(64 * 1024)).out)
  }
  for (let at = 0; at < 50; at++) readFrom(at)
  await new Promise((resolve) => setImmediate(resolve))
  collect()
  t.equal(kept.length, 50)
  t.equal(buffers.filter((each) => each.deref() !== undefined).length, 0)
})

t.test('any octets at all', async (t) => {
  let seed = 3
  const random = (n: number) => (seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0) % n
  const starts = [0x82, 0xbe, 0x40, 0x41, 0x00, 0x04, 0x0f, 0x10, 0x3f, 0x7f, 0xff, 0x20]
  let good = 0
  let decoder = decoderOf()
  for (let run = 0; run < 40_000; run++) {
    const block = Buffer.from(
      Array.from({ length: random(14) }, (_, i) =>
        i % 4 === 0 ? starts[random(12)] : random(256) >> random(8),
      ),
    )
    const { size, out } = decode(decoder, block, 200, 3)
    const expected = out.reduce((sum, field) => sum + field.size, 0)
    if (size < 0 ? size !== HPACK_ERROR : size !== expected && size <= 200) t.fail(block.toString('hex'))
    if (decoder.tableSize !== decoder.entries().reduce((sum, field) => sum + field.size, 0))
      t.fail('table size')
    if (size >= 0) good++
    else decoder = decoderOf()
  }
  t.ok(good > 4000 && good < 36_000, `${good} blocks were well-formed`)
})
