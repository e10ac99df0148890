// The fields that filters write again and again: checked once, and kept within bounds.

import t from 'tap'
import { FieldTable, Head } from '../../src/http/index.js'
import { CheckedFields, FilterWriteError, WrittenFields } from '../../src/proxy/filter/fields.js'
import { PreparedChange } from '../../src/proxy/index.js'
import { seeded } from '../world/random.js'

const fields = () => new WrittenFields(new FieldTable())

t.test('K5: a field that is written again is the one that was checked', async (t) => {
  const written = fields()
  const first = written.field('X-Mark', 'a'.repeat(100))
  t.equal(first.name, 'x-mark')
  t.equal(written.field('X-Mark', 'a'.repeat(100)), first)
  t.equal(written.field('x-mark', 'b').value, 'b')
  t.equal(written.removed('x-mark').name, 'x-mark')
})

t.test('K5: a kept name lets no wrong value pass, and a kept value no wrong name', async (t) => {
  const written = fields()
  written.field('x-mark', 'a')
  for (const value of ['a\r\nb', ' a', 'ā', '\0']) {
    t.throws(() => written.field('x-mark', value), FilterWriteError, JSON.stringify(value))
    t.throws(() => written.field('x-mark', value), FilterWriteError, `${JSON.stringify(value)} again`)
  }
  for (const name of ['x mark', ':path', 'host', 'Content-Length', 'transfer_encoding', '']) {
    t.throws(() => written.field(name, 'a'), FilterWriteError, name)
    t.throws(() => written.removed(name), FilterWriteError, name)
    t.throws(() => written.removed(name), FilterWriteError, `${name} again`)
  }
})

t.test('credentials and long values are not kept, and 256 names at most', async (t) => {
  const written = fields()
  const isKept = (name: string, value: string): boolean => {
    const first = written.field(name, value)
    return written.field(name, value) === first
  }
  t.notOk(isKept('authorization', 'Bearer a'))
  t.notOk(isKept('cookie', 'a=b'))
  t.ok(isKept('x-long', 'a'.repeat(1_018)))
  t.notOk(isKept('x-long', 'a'.repeat(1_019)))
  const value = 'v'.repeat(100)
  const first = written.field('x-0', value)
  // One name was kept before.
  for (let at = 1; at < 255; at++) written.field(`x-${at}`, value)
  t.equal(written.field('x-0', value), first)
  written.field('x-255', value)
  t.not(written.field('x-0', value), first)
})

t.test('a prepared change does what single writes do', async (t) => {
  const names = ['x-a', 'x-b', 'x-c', 'via', 'set-cookie', 'server']
  const written = fields()
  const ofHead = (head: Head): CheckedFields =>
    new CheckedFields({
      written,
      readHead: head,
      ownHead: () => head,
      spoilt: (error) => error,
      misassigned: (message) => new Error(message),
      isTrailer: false,
      isRequest: false,
      headBytesMax: 65_536,
    })
  for (let seed = 1; seed <= 500; seed++) {
    const below = seeded(seed)
    const some = <T>(make: () => T): T[] => Array.from({ length: below(4) }, make)
    const name = (): string => names[below(names.length)]
    const line = (): [string, string] => [name(), `v${below(3)}`]
    const table = new FieldTable()
    const lines = [table.field(':status', '200'), ...some(line).map((each) => table.field(...each))]
    const [single, whole] = [Head.response([...lines]), Head.response([...lines])]
    const [remove, set, append] = [some(name), [...new Map(some(line))], some(line)]
    for (const each of remove) ofHead(single).remove(each)
    for (const each of set) ofHead(single).set(...each)
    for (const each of append) ofHead(single).append(...each)
    ofHead(whole).change(new PreparedChange({ remove, set, append }))
    const seen = ({ fields, size }: Head) => ({ size, lines: fields.map((each) => [each.name, each.value]) })
    if (JSON.stringify(seen(whole)) !== JSON.stringify(seen(single)))
      t.same(seen(whole), seen(single), `seed ${seed}`)
  }
  t.pass('500 changes')
})
