// Fields: what is worked out when one is made, and the table that makes equal text one object.

import t from 'tap'
import { Field, FieldTable, FORM_INVALID, NAME_INVALID, Token, VALUE_INVALID } from '../../src/http/index.js'

t.test('faults', async (t) => {
  const cases: [name: string, value: string, faults: number][] = [
    ['accept', '*/*', 0],
    ['x-empty', '', 0],
    ["!#$%&'*+-.^_`|~09az", 'x', 0],
    ['', 'x', NAME_INVALID],
    ['Accept', 'x', NAME_INVALID],
    ['a b', 'x', NAME_INVALID],
    ['a:b', 'x', NAME_INVALID],
    ['a\u0000', 'x', NAME_INVALID],
    ['caf\u00e9', 'x', NAME_INVALID],
    [':', 'x', NAME_INVALID],
    ['x', 'obs-text \u00ff', 0],
    ['x', 'tab\tinside', 0],
    ['x', ' before', VALUE_INVALID],
    ['x', 'after\t', VALUE_INVALID],
    ['x', 'nul\u0000', VALUE_INVALID],
    ['x', 'cr\rlf', VALUE_INVALID],
    ['x', 'lf\n', VALUE_INVALID],
    ['x', 'bell\u0007', VALUE_INVALID],
    ['x', '\u001b[31m', VALUE_INVALID],
    ['x', 'del\u007f', VALUE_INVALID],
    ['x', '\u0100', VALUE_INVALID],
    [':method', 'GET', 0],
    [':method', 'G T', FORM_INVALID],
    [':method', '', FORM_INVALID],
    [':scheme', 'https', 0],
    [':scheme', '1http', FORM_INVALID],
    [':authority', '[::1]:8080', 0],
    [':authority', 'user@host', FORM_INVALID],
    ['host', 'a/b', FORM_INVALID],
    ['host', '', FORM_INVALID],
    ['host', ':80', FORM_INVALID],
    ['host', 'a:1:2', FORM_INVALID],
    ['host', 'a:b', FORM_INVALID],
    ['host', '[::1', FORM_INVALID],
    ['host', '::1]', FORM_INVALID],
    ['host', 'a%2', FORM_INVALID],
    ['host', 'a:', 0],
    ['host', '127.0.0.1:80', 0],
    ['host', "a-b_c.~!$&'()*+,;=%20", 0],
    [':path', '/a?b=c', 0],
    [':path', '*', 0],
    [':path', '', FORM_INVALID],
    [':path', 'a', FORM_INVALID],
    [':path', '/a b', FORM_INVALID],
    [':path', '/a#b', FORM_INVALID],
    [':path', '/caf\u00e9', FORM_INVALID],
    [':path', '/a\r\nb', FORM_INVALID | VALUE_INVALID],
    [':status', '200', 0],
    [':status', '099', FORM_INVALID],
    [':status', '2000', FORM_INVALID],
    ['content-length', '0', 0],
    ['content-length', '-1', FORM_INVALID],
    ['content-length', '1,1', FORM_INVALID],
    ['content-length', '', FORM_INVALID],
    ['Content-Length', ' x', NAME_INVALID | VALUE_INVALID],
  ]
  for (const [name, value, faults] of cases)
    t.equal(new Field(name, value).faults, faults, JSON.stringify(`${name}: ${value}`))
})

t.test('token and size', async (t) => {
  t.equal(new Field(':path', '/').token, Token.PATH)
  t.equal(new Field(':nonsense', '/').token, Token.UNKNOWN_PSEUDO)
  t.equal(new Field('cookie', 'a').token, Token.COOKIE)
  t.equal(new Field('x-other', 'a').token, Token.OTHER)
  t.equal(new Field('abc', 'de').size, 37, 'RFC 9113 §6.5.2: and 32')
})

t.test('equal text is one object', async (t) => {
  const table = new FieldTable()
  const field = table.field('accept', '*/*')
  t.equal(table.field('accept', '*/*'), field)
  t.not(table.field('accept', '*'), field)
  t.not(table.field('a', 'b\u0000c'), table.field('a\u0000b', 'c'), 'however it is cut')
  t.not(table.make('accept', '*/*'), field, 'made, not shared')
  t.equal(table.field('accept', '*/*'), field)
  const uids = new Set(['a', 'b', 'c'].map((name) => table.make(name, '').uid))
  t.equal(uids.size, 3)
})

t.test('two tables share nothing', async (t) => {
  t.not(new FieldTable().field('a', 'b'), new FieldTable().field('a', 'b'))
})

t.test('credentials are nobody else’s', async (t) => {
  const table = new FieldTable()
  for (const name of ['authorization', 'proxy-authorization', 'cookie', 'set-cookie']) {
    t.not(table.field(name, 'secret'), table.field(name, 'secret'), name)
    t.equal(table.size, 0, 'and not kept')
  }
  // A token of 32 and above must not be taken for one of them: 1 << 49 is 1 << 17.
  t.equal(table.field('if-none-match', 'x'), table.field('if-none-match', 'x'))
  t.equal(table.field('server', 'x'), table.field('server', 'x'))
  t.equal(table.size, 2)
})

t.test('never-indexed is never shared', async (t) => {
  const table = new FieldTable()
  const open = table.field('x-key', '1')
  const closed = table.make('x-key', '1', true)
  t.ok(closed.neverIndexed)
  t.notOk(open.neverIndexed)
  t.equal(table.field('x-key', '1'), open)
})

t.test('S4: two generations at most; what is asked for again stays', async (t) => {
  const table = new FieldTable(10)
  const used = table.field('x-used', 'always')
  const once = table.field('x-once', 'first')
  for (let n = 0; n < 1_000; n++) {
    table.field('x', String(n))
    if (table.size > 20) t.fail(`${table.size} kept`)
    if (n % 5 === 0 && table.field('x-used', 'always') !== used) t.fail(`let go at ${n}`)
  }
  t.not(table.field('x-once', 'first'), once, 'what is not asked for is let go')
  t.equal(table.field('x-used', 'always'), used)
})
