// The fields that filters write again and again: checked once, and kept within bounds.

import t from 'tap'
import { FieldTable } from '../../src/http/index.js'
import { FilterWriteError, WrittenFields } from '../../src/proxy/filter/fields.js'

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
