// Stories of real traffic (https://github.com/http2jp/hpack-test-case, data, MIT): what other
// implementations encoded goes through the decoder, what browsers sent through encoder and decoder.

import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import type { Field } from '../../src/http/field.js'
import { FieldTable } from '../../src/http/field-table.js'
import { Token } from '../../src/http/token.js'
import { HpackDecoder } from '../../src/http2/hpack/decoder.js'
import { HpackEncoder } from '../../src/http2/hpack/encoder.js'
import { vectorsOf } from '../../tools/testbed/vectors.js'

interface Story {
  readonly cases: readonly {
    readonly header_table_size?: number
    readonly wire: string
    readonly headers: readonly Readonly<Record<string, string>>[]
  }[]
}

const { folder, skip } = vectorsOf('hpack-test-case')

const stories = (name: string): Story[] =>
  readdirSync(join(folder, name))
    .filter((file) => file.endsWith('.json'))
    .map((file): Story => JSON.parse(readFileSync(join(folder, name, file), 'utf8')))

const latin1 = (text: string) => Buffer.from(text, 'utf8').toString('latin1')
const lines = (headers: Story['cases'][number]['headers']) =>
  headers.flatMap((header) =>
    Object.entries(header).map(([name, value]) => `${latin1(name)}: ${latin1(value)}`),
  )
const texts = (fields: readonly Field[]) => fields.map((field) => `${field.name}: ${field.value}`)
const sizes = (fields: readonly Field[]) => fields.reduce((sum, field) => sum + field.size, 0)

const implementations = [
  'go-hpack',
  'haskell-http2-static-huffman',
  'nghttp2',
  'nghttp2-16384-4096',
  'nghttp2-change-table-size',
  'python-hpack',
]

for (const implementation of implementations) {
  t.test(`decodes ${implementation}`, { skip }, async (t) => {
    // One World for all stories: interning across connections may change nothing.
    const fields = new FieldTable(64)
    let blocks = 0
    for (const [number, story] of stories(implementation).entries()) {
      const decoder = new HpackDecoder(fields, { tableSizeMax: 4096 })
      for (const [seqno, { header_table_size, wire, headers }] of story.cases.entries()) {
        if (header_table_size !== undefined) decoder.setTableSizeMax(header_table_size)
        const offset = (seqno * 7) % 23
        const block = Buffer.from(`${'82'.repeat(offset)}${wire}8286`, 'hex')
        const out: Field[] = []
        const size = decoder.decode(block, offset, offset + wire.length / 2, out, 1 << 20, 1000)
        // A thousand blocks a story: only what is wrong is worth a line.
        const expected = lines(headers)
        const actual = texts(out)
        if (actual.join('\n') !== expected.join('\n') || size !== sizes(out)) {
          t.same(actual, expected, `story ${number} case ${seqno}`)
          t.equal(size, sizes(out), `story ${number} case ${seqno} size`)
          return
        }
        blocks++
      }
    }
    t.ok(blocks > 100, `${blocks} blocks`)
  })
}

const sensitive = new Set<number>([
  Token.AUTHORIZATION,
  Token.PROXY_AUTHORIZATION,
  Token.COOKIE,
  Token.SET_COOKIE,
])

for (const [title, tableSize] of [
  ['the default table', () => 4096],
  ['a larger table', () => 16384],
  ['no table', () => 0],
  ['a table that changes size between blocks', (seqno: number) => [4096, 100, 700, 0, 4096, 2000][seqno % 6]],
  ['a table that changes twice between blocks', (seqno: number) => [4096, 300, 50, 3000, 0][seqno % 5]],
] as const) {
  t.test(`what is encoded comes back, with ${title}`, { skip }, async (t) => {
    let blocks = 0
    let raw = 0
    let wire = 0
    const interned = new FieldTable()
    for (const [number, story] of stories('raw-data').entries()) {
      const fields = new FieldTable()
      const encoder = new HpackEncoder({ tableSizeMax: 16384 })
      const decoder = new HpackDecoder(interned, { tableSizeMax: 4096 })
      const target = Buffer.alloc(1 << 18)
      for (const [seqno, { headers }] of story.cases.entries()) {
        for (const change of title.includes('twice') ? [seqno * 2, seqno * 2 + 1] : [seqno]) {
          encoder.setPeerTableSizeMax(tableSize(change))
          decoder.setTableSizeMax(tableSize(change))
        }
        const sent = headers.flatMap((header) =>
          // One in three comes as an object of its own, as from HTTP/1 or a filter.
          Object.entries(header).map(([name, value], i) =>
            (seqno + i) % 3 === 0 ? fields.make(name, latin1(value)) : fields.field(name, latin1(value)),
          ),
        )
        const offset = 1 + (seqno % 5)
        let at = encoder.begin(target, offset)
        let tooLong = 0
        for (const field of sent) {
          const before = at
          at = encoder.encode(field, target, at)
          if (at - before > field.size) tooLong++
        }
        const out: Field[] = []
        const size = decoder.decode(target, offset, at, out, 1 << 20, 1000)
        const unmarked = out.filter((field) => sensitive.has(field.token) && !field.neverIndexed)
        if (
          texts(out).join('\n') !== texts(sent).join('\n') ||
          size !== sizes(sent) ||
          texts(encoder.entries()).join('\n') !== texts(decoder.entries()).join('\n') ||
          unmarked.length + tooLong > 0
        ) {
          t.same(texts(out), texts(sent), `story ${number} case ${seqno}`)
          t.equal(size, sizes(sent), 'list size')
          t.same(texts(encoder.entries()), texts(decoder.entries()), 'both tables')
          t.same(unmarked, [], 'sensitive fields are marked')
          t.equal(tooLong, 0, 'no field takes more room than its size')
          return
        }
        blocks++
        raw += size - 32 * sent.length
        wire += at - offset
      }
    }
    t.ok(blocks > 100, `${blocks} blocks, ${Math.round((100 * wire) / raw)}% of ${raw} octets`)
    t.ok(wire < raw, 'compressed')
  })
}
