// The reader against whatever comes: it never throws, keeps no more than a line, tells the same however the octets
// are cut, and tells it once. And the writer against the reader: what is written is read as the one message it was.

import assert from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import { type Field, FieldTable, type Head } from '../../src/http/index.js'
import { http1Limits } from '../../src/http1/index.js'
import { forwarded } from './forwarded.js'
import { headOf } from './heads.js'
import { newDecoder, read } from './wire.js'

const PIECES = [
  'GET ',
  '/ ',
  'HTTP/1.1\r\n',
  'HTTP/1.0\r\n',
  'Host: a\r\n',
  '\r\n',
  '\r',
  '\n',
  ' ',
  '\t',
  ':',
  '\0',
  '\xff',
  'POST / HTTP/1.1\r\nHost: a\r\n',
  'GET / HTTP/1.1\r\nHost: a\r\n\r\n',
  'CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n',
  'Content-Length: 3\r\n',
  'Content-Length: 0\r\n',
  'Transfer-Encoding: chunked\r\n',
  'Transfer-Encoding: gzip\r\n',
  'Connection: close\r\n',
  'Connection: keep-alive, x-a\r\n',
  'Connection: upgrade\r\n',
  'Upgrade: x\r\n',
  'X-A: b\r\n',
  'Cookie: a=b\r\n',
  'abc',
  '3\r\nabc\r\n',
  '0\r\n',
  '0\r\n\r\n',
  'a;b=c\r\n',
  'ffffffffffffffff\r\n',
  'HTTP/1.1 200 OK\r\n',
  'HTTP/1.1 204 No Content\r\n\r\n',
  'HTTP/1.1 100 Continue\r\n\r\n',
  'HTTP/1.1 304 x\r\n',
  'HTTP/1.1 101 Switching Protocols\r\n',
  'HTTP/1.0 200 OK\r\n',
  '\x16\x03\x01',
  'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
]

/** Heaps of pieces, some of them spoiled; and noise. */
const wires = fc.oneof(
  fc.array(fc.constantFrom(...PIECES), { maxLength: 14 }).map((each) => Buffer.from(each.join(''), 'latin1')),
  fc
    .tuple(fc.array(fc.constantFrom(...PIECES), { minLength: 1, maxLength: 10 }), fc.nat(), fc.nat(255))
    .map(([pieces, at, octet]) => {
      const b = Buffer.from(pieces.join(''), 'latin1')
      b[at % b.length] = octet
      return b
    }),
  fc.uint8Array({ maxLength: 60 }).map((each) => Buffer.from(each)),
)
const sides = fc.constantFrom(null, 'GET', 'HEAD', 'CONNECT', 'GET+upgrade', '-')
const limits = {
  startLineBytesMax: 60,
  fieldSectionBytesMax: 120,
  fieldsMax: 6,
  trailerSectionBytesMax: 40,
  chunkExtensionBytesMax: 10,
}
const longest = 120

t.test('whatever comes', (t) => {
  const decoder = newDecoder()
  fc.assert(
    fc.property(
      wires,
      sides,
      fc.array(fc.nat(), { maxLength: 6 }),
      fc.boolean(),
      fc.boolean(),
      (wire, to, points, tight, fin) => {
        const options = { to, fin, pipelined: true, limits: tight ? limits : {} }
        const whole = read(wire, options)
        const cuts = points.map((each) => each % (wire.length + 1)).sort((a, b) => a - b)
        for (const each of [cuts, Array.from(wire, (_, at) => at)]) {
          const other = read(wire, { ...options, cuts: each, decoder })
          assert.deepEqual(other.sink.plain, whole.sink.plain)
          if (other.reader.bufferedBytes > (tight ? 2 * longest : http1Limits.fieldSectionBytesMax))
            return false
        }
        return orderly(
          whole.sink.events.map((each) =>
            each.kind === 'head' && each.head.isInterim ? 'interim' : each.kind,
          ),
        )
      },
    ),
    { numRuns: 3_000 },
  )
  t.end()
})

/** Heads, bodies, trailers and ends come in their order, and nothing behind an error. */
function orderly(kinds: readonly string[]): boolean {
  const text = kinds
    .map((each) => ({ interim: 'i', head: 'h', body: 'b', trailers: 't', end: 'e', error: '!' })[each])
    .join('')
  return /^(?:i*hb?t?e)*(?:i*(?:hb?t?)?)!?$/.test(text)
}

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
/** What must come out as it went in. */
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
