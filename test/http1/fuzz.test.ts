// The fuzz targets of HTTP/1.1, for a moment (tools/fuzz). And the writer against the reader: what is written
// is read as the one message it was.

import assert from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import { type Field, FieldTable, type Head } from '../../src/http/index.js'
import { read } from '../../tools/testbed/http1-wire.js'
import { short } from '../world/short-fuzz.js'
import { forwarded } from './forwarded.js'
import { headOf } from './heads.js'

short({ 'http1-request': 1_500, 'http1-response': 1_500, 'http1-frontend': 300, 'http1-backend': 300 })

const names = fc.constantFrom(
  'x-a',
  'x-b',
  'accept',
  'cookie',
  'te',
  'connection',
  'transfer-encoding',
  'upgrade',
  'host',
  'trailer',
)
const values = fc.oneof(
  fc.constantFrom('', '1', 'a=b', 'chunked', 'close', 'x-a', 'a\r\nb: c', 'a\0', 'a\n', '\xe9'),
  fc.string({ maxLength: 20 }).map((text) => text.trim()),
)
const fieldLists = fc.array(fc.tuple(names, values), { maxLength: 8 })
const bodies = fc.oneof(
  fc.constant(''),
  fc.string({ maxLength: 40, unit: 'binary-ascii' }),
  fc.constant('0\r\n\r\nGET / HTTP/1.1\r\n\r\n'),
)
const trailerLists = fc.array(fc.tuple(fc.constantFrom('x-sum', 'content-length', 'host', 'x-b'), values), {
  maxLength: 3,
})

/** The length is told, or not. */
const withLength = (fields: [string, string][], body: string, told: boolean): [string, string][] =>
  told ? [...fields, ['content-length', String(body.length)]] : fields

const HIDDEN = new Set([
  'te',
  'connection',
  'transfer-encoding',
  'upgrade',
  'host',
  'trailer',
  'content-length',
  'cookie',
])
/** The part of a message that must come out as it went in. */
const passed = (head: Head): string[] =>
  head.fields
    .filter((each) => !each.name.startsWith(':') && !HIDDEN.has(each.name) && each.faults === 0)
    .map((each) => `${each.name}: ${each.value}`)

const fieldsOf = (table: FieldTable, items: [string, string][]): Field[] | null =>
  items.length === 0 ? null : items.map(([name, value]) => table.make(name, value))

t.test('requests written are the requests read', (t) => {
  const table = new FieldTable()
  fc.assert(
    fc.property(
      fc.constantFrom('GET', 'POST', 'PUT', 'DELETE', 'FOO'),
      fc.constantFrom('/', '/a?b=c', '/%20'),
      fieldLists,
      bodies,
      trailerLists,
      fc.boolean(),
      (method, path, fields, body, trailers, told) => {
        const head = headOf(
          withLength(
            [[':method', method], [':scheme', 'http'], [':authority', 'a'], [':path', path], ...fields],
            body,
            told,
          ),
        )
        const ended = body === '' && trailers.length === 0
        const wire = forwarded({ head, body, trailers: fieldsOf(table, trailers), ended }, null)
        const { sink, verdict, left } = read(wire)
        const first = sink.events[0]
        if (first.kind !== 'head' || verdict !== 'ok' || left !== 0) return false
        assert.equal(first.head.method?.value, method)
        assert.equal(first.head.path?.value, path)
        assert.deepEqual(passed(first.head), passed(head))
        assert.equal(sink.bodyText, body)
        return sink.events.filter((each) => each.kind === 'head').length === 1
      },
    ),
    { numRuns: 500 },
  )
  t.end()
})

t.test('responses written are the responses read', (t) => {
  const table = new FieldTable()
  fc.assert(
    fc.property(
      fc.constantFrom(200, 201, 204, 205, 304, 404, 500, 799),
      fc.constantFrom('GET', 'HEAD'),
      fc.constantFrom(0, 1),
      fieldLists,
      bodies,
      trailerLists,
      fc.boolean(),
      (status, to, minor, fields, body, trailers, told) => {
        const bodiless = to === 'HEAD' || status === 204 || status === 304
        const content = bodiless ? '' : body
        const head = headOf(withLength([[':status', String(status)], ...fields], body, told))
        const ended = content === '' && trailers.length === 0
        const wire = forwarded({ head, body: content, trailers: fieldsOf(table, trailers), ended }, to, minor)
        const { sink, verdict } = read(wire, { to, fin: true })
        const first = sink.events[0]
        if (first.kind !== 'head' || (verdict !== 'ok' && verdict !== 'close')) return false
        assert.equal(first.head.status, status)
        assert.deepEqual(passed(first.head), passed(head))
        assert.equal(sink.bodyText, content)
        return sink.events.filter((each) => each.kind === 'head').length === 1
      },
    ),
    { numRuns: 500 },
  )
  t.end()
})
