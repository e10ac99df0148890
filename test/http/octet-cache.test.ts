// The cache of lines: a line gives the field that these very octets, read as this kind, gave before, or nothing.

import t from 'tap'
import { FieldTable, OctetCache } from '../../src/http/index.js'
import { REQUEST_FIELD, RESPONSE_FIELD } from '../../src/http1/field-decoder.js'
import { FieldDecoder } from '../../src/http1/index.js'
import { seeded } from '../world/random.js'

t.test('only the same octets, and only as the same kind', (t) => {
  const cache = new OctetCache(512, 192)
  const table = new FieldTable()
  const random = seeded(1)
  for (let n = 0; n < 3_000; n++) {
    const line = Buffer.from(`x-${random(1_000_000)}: ${'v'.repeat(random(60))}${random(10)}`, 'latin1')
    const field = table.make('x', String(n))
    cache.keep(1, line, 0, line.length, field)
    if (cache.find(1, line, 0, line.length) !== field) t.fail(`not found: ${line}`)
    for (let kind = 2; kind < 5; kind++)
      if (cache.find(kind, line, 0, line.length) !== null) t.fail(`found as ${kind}`)
    const other = Buffer.from(line)
    const at = random(line.length)
    other[at] ^= 1 + random(255)
    if (cache.find(1, other, 0, other.length) !== null) t.fail(`${line} found for ${other}`)
    if (cache.find(1, line, 0, line.length - 1) !== null) t.fail('found for a shorter one')
  }
  t.end()
})

t.test(
  'Host is an authority in a request, and a field like any other in a response, whichever came first',
  (t) => {
    const decoder = new FieldDecoder(new FieldTable())
    for (let n = 0; n < 2_000; n++) {
      const line = Buffer.from(`Host: h${n}`, 'latin1')
      for (const [kind, name] of [
        [REQUEST_FIELD, ':authority'],
        [RESPONSE_FIELD, 'host'],
      ] as const) {
        for (let times = 0; times < 3; times++) {
          const field = decoder.fieldLine(kind, line, 0, line.length)
          if (field?.name !== name || field.value !== `h${n}`)
            t.fail(`${name}: ${field?.name} ${field?.value}`)
        }
      }
    }
    t.end()
  },
)

t.test('what comes once is not kept, and what is too short or too long never', (t) => {
  const cache = new OctetCache(512, 192)
  const line = Buffer.from('accept: */*', 'latin1')
  t.notOk(cache.note(1, line, 0, line.length))
  t.ok(cache.note(1, line, 0, line.length))
  for (const size of [3, 193]) {
    const odd = Buffer.alloc(size, 0x61)
    t.notOk(cache.note(1, odd, 0, size))
    t.notOk(cache.note(1, odd, 0, size))
    t.equal(cache.find(1, odd, 0, size), null)
  }
  t.end()
})
