// The examples of RFC 7541 Appendix C, through the decoder, with the table after each; and through
// the encoder where its policy and that of the examples agree.

import t, { type Test } from 'tap'
import type { Field } from '../../src/http/field.js'
import { FieldTable } from '../../src/http/field-table.js'
import { HPACK_ERROR, HpackDecoder } from '../../src/http2/hpack/decoder.js'
import { HpackEncoder } from '../../src/http2/hpack/encoder.js'

interface Example {
  readonly name: string
  readonly wire: string
  readonly headers: readonly string[]
  readonly table: readonly string[]
  readonly tableSize: number
}

const bytes = (hex: string) => Buffer.from(hex.replaceAll(' ', ''), 'hex')
const lines = (fields: readonly Field[]) => fields.map((field) => `${field.name}: ${field.value}`)

const GET = ':method: GET'
const HTTP = ':scheme: http'
const HTTPS = ':scheme: https'
const ROOT = ':path: /'
const INDEX = ':path: /index.html'
const AUTHORITY = ':authority: www.example.com'
const NO_CACHE = 'cache-control: no-cache'
const CUSTOM = 'custom-key: custom-value'
const S302 = ':status: 302'
const S307 = ':status: 307'
const PRIVATE = 'cache-control: private'
const DATE21 = 'date: Mon, 21 Oct 2013 20:13:21 GMT'
const DATE22 = 'date: Mon, 21 Oct 2013 20:13:22 GMT'
const LOCATION = 'location: https://www.example.com'
const GZIP = 'content-encoding: gzip'
const COOKIE = 'set-cookie: foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1'

const requests = (section: string, wires: readonly string[]): Example[] => [
  {
    name: `${section}.1`,
    wire: wires[0],
    headers: [GET, HTTP, ROOT, AUTHORITY],
    table: [AUTHORITY],
    tableSize: 57,
  },
  {
    name: `${section}.2`,
    wire: wires[1],
    headers: [GET, HTTP, ROOT, AUTHORITY, NO_CACHE],
    table: [NO_CACHE, AUTHORITY],
    tableSize: 110,
  },
  {
    name: `${section}.3`,
    wire: wires[2],
    headers: [GET, HTTPS, INDEX, AUTHORITY, CUSTOM],
    table: [CUSTOM, NO_CACHE, AUTHORITY],
    tableSize: 164,
  },
]

const responses = (section: string, wires: readonly string[]): Example[] => [
  {
    name: `${section}.1`,
    wire: wires[0],
    headers: [S302, PRIVATE, DATE21, LOCATION],
    table: [LOCATION, DATE21, PRIVATE, S302],
    tableSize: 222,
  },
  {
    name: `${section}.2`,
    wire: wires[1],
    headers: [S307, PRIVATE, DATE21, LOCATION],
    table: [S307, LOCATION, DATE21, PRIVATE],
    tableSize: 222,
  },
  {
    name: `${section}.3`,
    wire: wires[2],
    headers: [':status: 200', PRIVATE, DATE22, LOCATION, GZIP, COOKIE],
    table: [COOKIE, GZIP, DATE22],
    tableSize: 215,
  },
]

const C2: readonly Example[] = [
  {
    name: 'C.2.1 literal with indexing',
    wire: '400a 6375 7374 6f6d 2d6b 6579 0d63 7573 746f 6d2d 6865 6164 6572',
    headers: ['custom-key: custom-header'],
    table: ['custom-key: custom-header'],
    tableSize: 55,
  },
  {
    name: 'C.2.2 literal without indexing',
    wire: '040c 2f73 616d 706c 652f 7061 7468',
    headers: [':path: /sample/path'],
    table: [],
    tableSize: 0,
  },
  {
    name: 'C.2.3 literal never indexed',
    wire: '1008 7061 7373 776f 7264 0673 6563 7265 74',
    headers: ['password: secret'],
    table: [],
    tableSize: 0,
  },
  { name: 'C.2.4 indexed', wire: '82', headers: [GET], table: [], tableSize: 0 },
]

const C3 = requests('C.3', [
  '8286 8441 0f77 7777 2e65 7861 6d70 6c65 2e63 6f6d',
  '8286 84be 5808 6e6f 2d63 6163 6865',
  '8287 85bf 400a 6375 7374 6f6d 2d6b 6579 0c63 7573 746f 6d2d 7661 6c75 65',
])

const C4 = requests('C.4', [
  '8286 8441 8cf1 e3c2 e5f2 3a6b a0ab 90f4 ff',
  '8286 84be 5886 a8eb 1064 9cbf',
  '8287 85bf 4088 25a8 49e9 5ba9 7d7f 8925 a849 e95b b8e8 b4bf',
])

const C5 = responses('C.5', [
  `4803 3330 3258 0770 7269 7661 7465 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 2032 303a 3133
   3a32 3120 474d 546e 1768 7474 7073 3a2f 2f77 7777 2e65 7861 6d70 6c65 2e63 6f6d`.replaceAll(/\s/g, ''),
  '4803 3330 37c1 c0bf',
  `88c1 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 2032 303a 3133 3a32 3220 474d 54c0 5a04 677a
   6970 7738 666f 6f3d 4153 444a 4b48 514b 425a 584f 5157 454f 5049 5541 5851 5745 4f49 553b 206d
   6178 2d61 6765 3d33 3630 303b 2076 6572 7369 6f6e 3d31`.replaceAll(/\s/g, ''),
])

const C6 = responses('C.6', [
  `4882 6402 5885 aec3 771a 4b61 96d0 7abe 9410 54d4 44a8 2005 9504 0b81 66e0 82a6 2d1b ff6e 919d
   29ad 1718 63c7 8f0b 97c8 e9ae 82ae 43d3`.replaceAll(/\s/g, ''),
  '4883 640e ffc1 c0bf',
  `88c1 6196 d07a be94 1054 d444 a820 0595 040b 8166 e084 a62d 1bff c05a 839b d9ab 77ad 94e7 821d
   d7f2 e6c7 b335 dfdf cd5b 3960 d5af 2708 7f36 72c1 ab27 0fb5 291f 9587 3160 65c0 03ed 4ee5 b106
   3d50 07`.replaceAll(/\s/g, ''),
])

/** Decodes at an offset, between octets that would be read as fields. */
function decodeAt(decoder: HpackDecoder, wire: Buffer, offset: number): { size: number; out: Field[] } {
  const around = Buffer.alloc(offset + wire.length + 3, 0x82)
  wire.copy(around, offset)
  const out: Field[] = []
  return { size: decoder.decode(around, offset, offset + wire.length, out, 65536, 100), out }
}

function check(t: Test, decoder: HpackDecoder, example: Example, before: string, offset: number): void {
  const { size, out } = decodeAt(decoder, bytes(before + example.wire), offset)
  t.same(lines(out), example.headers, example.name)
  t.equal(
    size,
    out.reduce((sum, field) => sum + field.size, 0),
    'list size',
  )
  t.same(lines(decoder.entries()), example.table, `${example.name} table`)
  t.equal(decoder.tableSize, example.tableSize, `${example.name} table size`)
}

t.test('C.1 integers', async (t) => {
  const limited = (octets: number) => {
    const decoder = new HpackDecoder(new FieldTable(), { tableSizeMax: 4096 })
    decoder.setTableSizeMax(octets)
    return (wire: string) => decodeAt(decoder, bytes(wire), 0).size
  }
  t.equal(limited(10)('2a'), 0, 'C.1.1: 10 in a prefix of five bits')
  t.equal(limited(9)('2a'), HPACK_ERROR)
  t.equal(limited(1337)('3f9a0a'), 0, 'C.1.2: 1337 in a prefix of five bits')
  t.equal(limited(1336)('3f9a0a'), HPACK_ERROR)
  for (const [octets, wire] of [
    [10, '2a'],
    [1337, '3f9a0a'],
  ] as const) {
    const encoder = new HpackEncoder({ tableSizeMax: octets })
    const target = Buffer.alloc(16)
    t.equal(target.toString('hex', 0, encoder.begin(target, 0)), wire, `${octets} is written so`)
  }
})

t.test('C.2 representations', async (t) => {
  for (const example of C2) {
    check(t, new HpackDecoder(new FieldTable(), { tableSizeMax: 4096 }), example, '', 5)
  }
})

for (const offset of [0, 1, 77]) {
  t.test(`C.3 and C.4 requests, at offset ${offset}`, async (t) => {
    for (const examples of [C3, C4]) {
      const decoder = new HpackDecoder(new FieldTable(), { tableSizeMax: 4096 })
      for (const example of examples) check(t, decoder, example, '', offset)
    }
  })

  t.test(`C.5 and C.6 responses, with a table of 256 octets, at offset ${offset}`, async (t) => {
    for (const examples of [C5, C6]) {
      const decoder = new HpackDecoder(new FieldTable(), { tableSizeMax: 4096 })
      decoder.setTableSizeMax(256)
      // The examples take the bound for agreed; over a connection it takes an update.
      for (const example of examples)
        check(t, decoder, example, example === examples[0] ? '3fe101' : '', offset)
    }
  })
}

t.test('C.4 requests are encoded to the letter', async (t) => {
  const fields = new FieldTable()
  const encoder = new HpackEncoder({ tableSizeMax: 4096 })
  const target = Buffer.alloc(256)
  for (const example of C4) {
    let at = encoder.begin(target, 3)
    for (const line of example.headers) {
      const colon = line.indexOf(': ')
      at = encoder.encode(fields.field(line.slice(0, colon), line.slice(colon + 2)), target, at)
    }
    t.equal(target.toString('hex', 3, at), example.wire.replaceAll(' ', ''), example.name)
    t.same(lines(encoder.entries()), example.table, `${example.name} table`)
    t.equal(encoder.tableSize, example.tableSize)
  }
})
