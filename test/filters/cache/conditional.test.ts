// Conditions and ranges on a stored response (RFC 9110 §13, §14).

import t from 'tap'
import { isUnchanged, rangeOf } from '../../../src/filters/cache/conditional.js'
import type { ReadFields } from '../../../src/proxy/index.js'
import { entryOf } from './entries.js'

const request = (fields: Readonly<Record<string, string>>): ReadFields => ({
  get: (name) => fields[name] ?? null,
  lines: (name) => (fields[name] === undefined ? [] : [fields[name]]),
  has: (name) => fields[name] !== undefined,
  each: (visit) => {
    for (const [name, value] of Object.entries(fields)) visit(name, value)
  },
})

t.test('If-None-Match compares weakly, and wins over the date', async (t) => {
  const entry = entryOf({
    fields: [
      ['etag', '"a,b"'],
      ['last-modified', 'Sun, 01 Nov 2026 12:00:00 GMT'],
    ],
  })
  for (const [fields, unchanged] of [
    [{ 'if-none-match': '"a,b"' }, true],
    [{ 'if-none-match': 'W/"a,b"' }, true],
    [{ 'if-none-match': '"x", "a,b"' }, true],
    [{ 'if-none-match': '*' }, true],
    [{ 'if-none-match': '"a"' }, false],
    [{ 'if-none-match': '"x"', 'if-modified-since': 'Sun, 01 Nov 2026 12:00:00 GMT' }, false],
    [{ 'if-modified-since': 'Sun, 01 Nov 2026 12:00:00 GMT' }, true],
    [{ 'if-modified-since': 'Sun, 01 Nov 2026 11:59:59 GMT' }, false],
    [{ 'if-modified-since': 'yesterday' }, false],
    [{}, false],
  ] as const)
    t.equal(isUnchanged(request(fields), entry), unchanged, JSON.stringify(fields))
  t.notOk(isUnchanged(request({ 'if-none-match': '"a"' }), entryOf({})))
})

t.test('ranges of a whole body', async (t) => {
  const entry = entryOf({ fields: [['etag', '"a"']] })
  for (const [fields, expected] of [
    [{}, null],
    [{ range: 'bytes=0-9' }, { from: 0, end: 10 }],
    [{ range: 'bytes=90-' }, { from: 90, end: 100 }],
    [{ range: 'bytes=90-900' }, { from: 90, end: 100 }],
    [{ range: 'bytes=-10' }, { from: 90, end: 100 }],
    [{ range: 'bytes=-1000' }, { from: 0, end: 100 }],
    [{ range: 'bytes=100-' }, 'unsatisfiable'],
    [{ range: 'bytes=-0' }, 'unsatisfiable'],
    [{ range: 'bytes=9-1' }, null],
    [{ range: 'bytes=-' }, null],
    [{ range: 'bytes=0-1,5-6' }, null],
    [{ range: 'lines=0-1' }, null],
    [
      { range: 'bytes=0-9', 'if-range': '"a"' },
      { from: 0, end: 10 },
    ],
    [{ range: 'bytes=0-9', 'if-range': '"b"' }, null],
    [{ range: 'bytes=0-9', 'if-range': 'W/"a"' }, null],
    [{ range: 'bytes=0-9', 'if-range': 'Sun, 01 Nov 2026 12:00:00 GMT' }, null],
  ] as const)
    t.strictSame(rangeOf(request(fields), entry), expected, JSON.stringify(fields))
  t.equal(
    rangeOf(request({ range: 'bytes=0-9' }), entryOf({ isWhole: false })),
    null,
    'it has not come whole',
  )
})
