// Heads: made, changed and read.

import t from 'tap'
import { FieldTable, Head, Token } from '../../src/http/index.js'

const table = new FieldTable()
const fields = (...lines: readonly [string, string][]) =>
  lines.map(([name, value]) => table.make(name, value))
const sum = (head: Head): number => head.fields.reduce((size, each) => size + each.size, 0)
const text = (head: Head): string[] => head.fields.map((each) => `${each.name}=${each.value}`)

const REQUEST: readonly [string, string][] = [
  [':method', 'GET'],
  [':scheme', 'http'],
  [':path', '/'],
  [':authority', 'a'],
  ['x-a', '1'],
  ['content-length', '5'],
]

t.test('a request knows its control data, its size and its length', async (t) => {
  const head = Head.request(fields(...REQUEST))
  t.strictSame(
    [head.method?.value, head.scheme?.value, head.path?.value, head.authority?.value, head.protocol],
    ['GET', 'http', '/', 'a', null],
  )
  t.strictSame([head.pseudos, head.status, head.contentLength, head.size], [4, 0, 5, sum(head)])
  t.equal(Head.request(fields(...REQUEST.slice(0, 4))).contentLength, -1)
})

t.test('a response knows its status; what its maker knows better is taken', async (t) => {
  const head = Head.response(fields([':status', '204'], ['x-a', '1']))
  t.strictSame([head.status, head.pseudos, head.contentLength, head.size], [204, 1, -1, sum(head)])
  const told = Head.response(fields([':status', '200'], ['content-length', '5']), 77, -1)
  t.strictSame([told.size, told.contentLength], [77, -1])
})

t.test('a field that is replaced counts in the size', async (t) => {
  const head = Head.request(fields(...REQUEST))
  const [before] = head.fields.slice(4)
  head.replace(before, table.make('x-a', 'longer'))
  head.replaceScheme(table.make(':scheme', 'https'))
  head.add(table.make('x-b', '2'))
  t.equal(head.size, sum(head))
  t.equal(head.find(Token.OTHER)?.value, 'longer')
  t.equal(head.scheme?.value, 'https')
})

t.test('with: another head with this one value of a field', async (t) => {
  const head = Head.request(fields(...REQUEST, ['x-a', '2']))
  const before = text(head)
  const changed = head.with('x-a', '3')
  t.strictSame(text(changed), [...before.filter((each) => !each.startsWith('x-a')), 'x-a=3'])
  t.strictSame(text(head), before)
  t.strictSame(
    [changed.pseudos, changed.size, changed.contentLength, changed.method?.value],
    [4, sum(changed), 5, 'GET'],
  )
  t.equal(head.with('x-new', 'v').find(Token.OTHER)?.name, 'x-a')
  const response = Head.response(fields([':status', '404']))
  t.strictSame([response.with('x-a', '1').status, text(response.with('x-a', '1'))[1]], [404, 'x-a=1'])
})

t.test('with: what must not be indexed stays so', async (t) => {
  const head = Head.request([...fields(...REQUEST), table.make('x-key', 'secret', true)])
  t.equal(head.with('x-key', 'other').fields.at(-1)?.neverIndexed, true)
  t.equal(head.with('x-a', 'other').fields.at(-1)?.neverIndexed, false)
})

t.test('with: no field line, control data and framing are refused', async (t) => {
  const head = Head.request(fields(...REQUEST))
  for (const [name, value] of [
    ['X-A', '1'],
    ['x a', '1'],
    ['x-a', 'two\r\nlines'],
    [':path', '/other'],
    [':status', '200'],
    ['host', 'b'],
    ['content-length', '7'],
    ['content_length', '7'],
    ['transfer-encoding', 'chunked'],
    ['connection', 'close'],
  ])
    t.throws(() => head.with(name, value), RangeError, `${name}: ${value}`)
})
