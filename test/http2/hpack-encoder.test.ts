// The encoder's policy: what is indexed, what is not, what is marked; by identity and by content;
// and what it writes when the table changes size.

import t from 'tap'
import type { Field } from '../../src/http/field.js'
import { FieldTable } from '../../src/http/field-table.js'
import { HpackDecoder } from '../../src/http2/hpack/decoder.js'
import { HpackEncoder, SIZE_UPDATES_OCTETS_MAX } from '../../src/http2/hpack/encoder.js'
import { STATIC_FIELDS } from '../../src/http2/hpack/static.js'

const fields = new FieldTable()
const target = Buffer.alloc(1 << 17)

/** A compression context: what one side writes, the other has read. */
class Context {
  readonly encoder = new HpackEncoder({ tableSizeMax: 4096 })
  readonly decoder = new HpackDecoder(fields, { tableSizeMax: 4096 })

  /** The block as hex; the fields that came out are in `out`. */
  send(...list: Field[]): string {
    let at = this.encoder.begin(target, 9)
    for (const field of list) {
      const before = at
      at = this.encoder.encode(field, target, at)
      if (at - before > field.size) throw new Error(`${at - before} octets for ${field.size}`)
    }
    this.out = []
    const size = this.decoder.decode(target, 9, at, this.out, 1 << 20, 1000)
    if (size < 0) throw new Error(target.toString('hex', 9, at))
    return target.toString('hex', 9, at)
  }

  out: Field[] = []

  get tables(): string[][] {
    return [this.encoder.entries(), this.decoder.entries()].map((entries) =>
      entries.map((field) => `${field.name}: ${field.value}`),
    )
  }
}

const texts = (list: readonly Field[]) => list.map((field) => `${field.name}: ${field.value}`)

t.test('static entries, by identity and by content', async (t) => {
  const context = new Context()
  for (let i = 1; i < STATIC_FIELDS.length; i++) {
    const { name, value } = STATIC_FIELDS[i]
    const octet = (0x80 | i).toString(16)
    const own = fields.make(name, value)
    t.same(
      [STATIC_FIELDS[i], own, own].map((field) => context.send(field)),
      [octet, octet, octet],
      name,
    )
    t.equal(STATIC_FIELDS[i].memo, null)
  }
  t.equal(context.encoder.tableSize, 0)
})

t.test('a repeated list takes one octet a field', async (t) => {
  const context = new Context()
  const list = [
    STATIC_FIELDS[2],
    fields.field(':authority', 'example.com'),
    fields.field('user-agent', 'curl/8'),
    fields.field('x-custom', 'value'),
    STATIC_FIELDS[4],
  ]
  t.ok(context.send(...list).length > 2 * list.length)
  t.equal(context.send(...list), '82c0bfbe84')
  const decoded = context.out
  const next = new Context()
  next.send(...decoded)
  t.equal(next.send(...decoded), '82c0bfbe84', 'what was decoded is encoded so, too')
  t.same(decoded, next.out)
  t.ok(
    decoded.every((field, i) => field === next.out[i]),
    'and is the same objects still',
  )
  const copies = list.map((field) => fields.make(field.name, field.value))
  t.equal(context.send(...copies), '82c0bfbe84', 'equal text of other objects finds the same entries')
  t.equal(context.encoder.entries().length, 3)
  t.equal(context.send(...copies, ...list), '82c0bfbe8482c0bfbe84')
})

t.test('objects that share a slot do not share an index', async (t) => {
  const context = new Context()
  const list = Array.from({ length: 300 }, (_, i) => fields.make(`x-${i % 7}`, `${i % 90}`))
  for (let round = 0; round < 4; round++) {
    for (let i = 0; i < list.length; i += 10) {
      const part = list.slice(i, i + 10)
      context.send(...part)
      if (texts(part).join() !== texts(context.out).join()) t.same(texts(context.out), texts(part))
    }
    t.same(context.tables[0], context.tables[1])
  }
})

t.test('an entry that was evicted is not referred to', async (t) => {
  const context = new Context()
  const first = fields.field('x-first', 'value')
  context.send(first)
  t.equal(context.send(first), 'be')
  for (let i = 0; i < 200; i++) context.send(fields.make('x-other', `${i}`.padStart(60, '-')))
  t.notOk(context.tables[0].includes('x-first: value'))
  t.not(context.send(first).length, 2)
  t.same(texts(context.out), ['x-first: value'])
  t.equal(context.send(first), 'be')
  t.same(context.tables[0], context.tables[1])
})

t.test('an entry outlives an older one of its name', async (t) => {
  const context = new Context()
  context.send(fields.make('x-name', '1'), fields.make('x-name', '2'))
  for (let i = 0; i < 10; i++) context.send(fields.make('x-other', `${i}`.padStart(363, '-')))
  t.same(texts(context.encoder.entries()).slice(10), ['x-name: 2'], 'the older one has gone')
  t.equal(context.send(fields.make('x-name', '2')), 'c8')
  t.ok(context.send(fields.make('x-name', '3')).startsWith('7f09'), 'its name is referred to')
  t.same(context.tables[0], context.tables[1])
})

t.test('indices of two octets', async (t) => {
  const context = new Context()
  const list = Array.from({ length: 110 }, (_, i) => fields.make(`${i}`, ''))
  context.send(...list)
  t.equal(context.send(list[0]), 'ff2c', '62 + 109 = 127 + 44')
  t.equal(context.send(list[109 - 64]), 'fe')
  t.equal(context.send(list[109 - 65]), 'ff00')
  // 62 + 109 as the index of a name: 63 + 108.
  t.ok(context.send(fields.make('0', 'v')).startsWith('7f6c'))
  t.same(texts(context.out), ['0: v'])
})

t.test('what is not indexed', async (t) => {
  for (const [name, value, start] of [
    [':path', '/some/path', '04'],
    ['content-length', '12', '0f0d'],
    ['etag', '"abc"', '0f13'],
    ['location', '/there', '0f1f'],
    ['age', '5', '0f06'],
    ['if-modified-since', 'Mon, 21 Oct 2013 20:13:21 GMT', '0f19'],
    ['if-none-match', '"abc"', '0f1a'],
    ['range', 'bytes=0-1', '0f23'],
    ['content-range', 'bytes 0-1/2', '0f0f'],
    ['authorization', 'Basic YTpi', '1f08'],
    ['proxy-authorization', 'Basic YTpi', '1f22'],
    ['cookie', 'a=b', '1f11'],
    ['set-cookie', 'a=b', '1f28'],
  ]) {
    const context = new Context()
    const field = fields.field(name, value)
    const blocks = [1, 2, 3, 4].map(() => context.send(field))
    t.ok(blocks[0].startsWith(start), `${name}: ${blocks[0]}`)
    t.equal(new Set(blocks).size, 1, 'the memo is the same octets')
    t.ok(field.memo !== null && field.memo.length * 2 === blocks[0].length, 'and is kept with the field')
    t.equal(new Context().send(field), blocks[0], 'for another connection, too')
    t.equal(context.encoder.tableSize, 0)
    t.equal(context.decoder.tableSize, 0)
    t.equal(context.out[0].neverIndexed, start.startsWith('1'))
    t.same(texts(context.out), [`${name}: ${value}`])
  }
})

t.test('large fields', async (t) => {
  const context = new Context()
  const kept = fields.field('x-kept', 'k'.repeat(3072 - 32 - 6))
  const large = fields.field('x-large', 'l'.repeat(3073 - 32 - 7))
  const path = fields.field(':path', '/'.repeat(60_000))
  context.send(kept, large, path, large)
  t.same(texts(context.out), texts([kept, large, path, large]))
  t.same(texts(context.encoder.entries()), texts([kept]), 'up to three quarters of the table')
  context.encoder.setPeerTableSizeMax(1000)
  context.decoder.setTableSizeMax(1000)
  context.send(fields.field('x-750', 'k'.repeat(713)), fields.field('x-751', 'k'.repeat(714)))
  t.same(
    context.encoder.entries().map((field) => field.size),
    [750],
    'of the size it has now',
  )
  context.send(path)
  t.ok((path.memo?.length ?? 0) <= 128, 'no memo of a large field')
  const exact = fields.make(':path', '\x80'.repeat(126))
  context.send(exact)
  context.send(exact)
  t.equal(exact.memo?.length, 128)
  context.send(exact)
  t.equal(context.out[0].value, exact.value)
})

t.test('a memo does not keep a field out of a table', async (t) => {
  const field = fields.make('x-memo', 'value')
  const none = new Context()
  none.encoder.setPeerTableSizeMax(0)
  none.decoder.setTableSizeMax(0)
  const first = none.send(field)
  t.equal(first.slice(0, 4), '2000', 'an update to 0, then a literal without indexing')
  t.same([none.send(field), none.send(field)], [first.slice(2), first.slice(2)])
  t.ok(field.memo !== null)
  const context = new Context()
  t.equal(context.send(field).slice(0, 2), '40')
  t.equal(context.send(field), 'be')
})

t.test('never-indexed stays never-indexed', async (t) => {
  const marked = [
    fields.make('x-token', 'secret', true),
    fields.make(':method', 'GET', true),
    fields.make(':path', '/', true),
    fields.make('x-known', 'value', true),
  ]
  const first = new Context()
  first.send(fields.field('x-known', 'value'))
  const wire = first.send(...marked)
  const between = first.out
  t.same(
    between.map((field) => field.neverIndexed),
    [true, true, true, true],
  )
  const second = new Context()
  for (let i = 0; i < 3; i++) {
    second.send(...between)
    t.same(texts(second.out), texts(marked))
    t.same(
      second.out.map((field) => field.neverIndexed),
      [true, true, true, true],
    )
  }
  t.equal(second.encoder.tableSize, 0)
  t.equal(first.encoder.entries().length, 1)
  t.match(wire, /^10/, 'a name in full')
  t.ok(wire.includes('1247455400') || wire.includes('1203474554'), 'the name by index, the value in full')
  t.ok([...marked, ...between].every((field) => field.memo === null))
  t.equal(first.send(fields.field('x-known', 'value')), 'be', 'the unmarked one is indexed all the same')
})

t.test('size updates', async (t) => {
  const field = fields.field('x-size', 'value')
  const begun = (change: (encoder: HpackEncoder) => void, tableSizeMax = 4096) => {
    const encoder = new HpackEncoder({ tableSizeMax })
    const octets = Buffer.alloc(64)
    encoder.begin(octets, 0)
    encoder.encode(field, octets, 32)
    change(encoder)
    const end = encoder.begin(octets, 0)
    t.equal(encoder.begin(octets, 40), 40, 'only once')
    return { wire: octets.toString('hex', 0, end), entries: encoder.entries().length }
  }
  t.same(
    begun(() => {}),
    { wire: '', entries: 1 },
    'no change, no update',
  )
  t.same(
    begun((e) => e.setPeerTableSizeMax(100)),
    { wire: '3f45', entries: 1 },
  )
  t.same(
    begun((e) => e.setPeerTableSizeMax(30)),
    { wire: '3e', entries: 0 },
  )
  t.same(
    begun((e) => e.setPeerTableSizeMax(0)),
    { wire: '20', entries: 0 },
  )
  t.same(
    begun((e) => e.setPeerTableSizeMax(1 << 20)),
    { wire: '', entries: 1 },
    'more than we want',
  )
  t.same(
    begun((e) => e.setPeerTableSizeMax(8192), 8192),
    { wire: '3fe13f', entries: 1 },
    'more, and we want it',
  )
  t.same(
    begun((e) => [0, 50, 4096].map((n) => e.setPeerTableSizeMax(n))),
    { wire: '203fe11f', entries: 0 },
    'the smallest and the last',
  )
  t.same(
    begun((e) => [50, 0].map((n) => e.setPeerTableSizeMax(n))),
    { wire: '20', entries: 0 },
    'the last is the smallest',
  )
  const less = new HpackEncoder({ tableSizeMax: 1024 })
  const octets = Buffer.alloc(16)
  t.equal(octets.toString('hex', 0, less.begin(octets, 0)), '3fe107', 'less than 4096 is told at once')
  const most = new HpackEncoder({ tableSizeMax: 2 ** 32 - 1 })
  most.setPeerTableSizeMax(2 ** 31)
  most.setPeerTableSizeMax(2 ** 32 - 1)
  const end = most.begin(octets, 0)
  t.ok(end <= SIZE_UPDATES_OCTETS_MAX)
  t.equal(octets.toString('hex', 0, end), '3fe1ffffff073fe0ffffff0f', 'numbers past 2^31')
})

t.test('O23: table-size changes in mid-connection', async (t) => {
  const context = new Context()
  const list = Array.from({ length: 20 }, (_, i) => fields.field(`x-${i}`, 'v'.repeat(i * 4)))
  for (const size of [4096, 500, 4096, 0, 0, 100, 2000, 60, 4096]) {
    context.encoder.setPeerTableSizeMax(size)
    context.decoder.setTableSizeMax(size)
    for (let i = 0; i < 3; i++) {
      context.send(...list)
      t.same(texts(context.out), texts(list))
      t.same(context.tables[0], context.tables[1], `in step at ${size}`)
      t.ok(context.encoder.tableSize <= size)
    }
  }
  t.equal(context.send(...list).length, 40)
})

t.test('it stays in step, whatever is sent', async (t) => {
  let seed = 7
  const random = (n: number) => (seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0) % n
  const names = [':path', 'cookie', 'accept', 'x-a', 'x-b', 'content-length', 'user-agent', 'authorization']
  const context = new Context()
  const pool: Field[] = []
  for (let i = 0; i < 400; i++) {
    const value = String.fromCharCode(...Array.from({ length: random(90) }, () => 1 + random(255)))
    pool.push(fields.make(names[random(8)], random(3) ? value.slice(0, 3) : value, random(9) === 0))
  }
  for (let block = 0; block < 3000; block++) {
    if (random(20) === 0) {
      const size = random(5000)
      context.encoder.setPeerTableSizeMax(size)
      context.decoder.setTableSizeMax(Math.min(size, 4096))
    }
    const list = Array.from({ length: random(12) }, () => pool[random(400)])
    context.send(...list)
    const same =
      texts(list).join('\n') === texts(context.out).join('\n') &&
      context.tables[0].join('\n') === context.tables[1].join('\n')
    if (!same) {
      t.same(texts(context.out), texts(list), `block ${block}`)
      t.same(context.tables[0], context.tables[1])
      return
    }
  }
  t.ok(context.encoder.tableSize > 0)
})
