// The Huffman code (RFC 7541 §5.2, Appendix B) against codes copied from the RFC, a bit-by-bit
// decoder written here, and every way a string can be malformed.

import t from 'tap'
import { huffmanDecode, huffmanEncode, huffmanLength } from '../../src/http2/hpack/huffman.js'

/** Appendix B: at least one symbol of every length, and its neighbours where symbols jump. */
const APPENDIX_B: readonly (readonly [symbol: number, code: number, bits: number])[] = [
  [0, 0x1ff8, 13],
  [1, 0x7fffd8, 23],
  [2, 0xfffffe2, 28],
  [9, 0xffffea, 24],
  [10, 0x3ffffffc, 30],
  [13, 0x3ffffffd, 30],
  [22, 0x3ffffffe, 30],
  [31, 0xffffffb, 28],
  [32, 0x14, 6],
  [33, 0x3f8, 10],
  [36, 0x1ff9, 13],
  [39, 0x7fa, 11],
  [48, 0x0, 5],
  [57, 0x1f, 6],
  [58, 0x5c, 7],
  [60, 0x7ffc, 15],
  [65, 0x21, 6],
  [88, 0xfc, 8],
  [90, 0xfd, 8],
  [92, 0x7fff0, 19],
  [94, 0x3ffc, 14],
  [116, 0x9, 5],
  [122, 0x7b, 7],
  [124, 0x7fc, 11],
  [126, 0x1ffd, 13],
  [127, 0xffffffc, 28],
  [128, 0xfffe6, 20],
  [153, 0x1fffdc, 21],
  [171, 0xfffff0, 24],
  [185, 0x3fffe2, 22],
  [191, 0x7ffff1, 23],
  [195, 0x7fff1, 19],
  [199, 0x1ffffec, 25],
  [203, 0x7ffffde, 27],
  [208, 0x7fff2, 19],
  [220, 0xffffffd, 28],
  [226, 0xfffed, 20],
  [235, 0x1ffffef, 25],
  [239, 0x7ffff4, 23],
  [249, 0xffffffe, 28],
  [254, 0x7fffff0, 27],
  [255, 0x3ffffee, 26],
]

const EOS_BITS = '1'.repeat(30)

const encoded = (text: string) => {
  const target = Buffer.alloc(huffmanLength(text) + 4, 0xa5)
  const end = huffmanEncode(text, target, 0)
  return target.subarray(0, end)
}
const toBits = (octets: Uint8Array) => [...octets].map((o) => o.toString(2).padStart(8, '0')).join('')
const fromBits = (bits: string) => Buffer.from((bits.match(/.{8}/g) ?? []).map((o) => Number.parseInt(o, 2)))
const padded = (bits: string) => bits + '1'.repeat((8 - (bits.length % 8)) % 8)

/** Code by bits, from what eight of a symbol in a row look like. */
const CODES = new Map<string, number>()
for (let symbol = 0; symbol < 256; symbol++) {
  const bits = toBits(encoded(String.fromCharCode(symbol).repeat(8)))
  CODES.set(bits.slice(0, bits.length / 8), symbol)
}

/** The plain reading of RFC 7541 §5.2. */
function decodeBitByBit(octets: Uint8Array): string | null {
  let text = ''
  let code = ''
  for (const bit of toBits(octets)) {
    code += bit
    if (code === EOS_BITS) return null
    const symbol = CODES.get(code)
    if (symbol === undefined) continue
    text += String.fromCharCode(symbol)
    code = ''
  }
  return code.length < 8 && !code.includes('0') ? text : null
}

function decode(octets: Uint8Array, room = 4096): string | null {
  // Between other octets: nothing outside of the string may be read or written.
  const around = Buffer.concat([Buffer.from([0x12]), octets, Buffer.from([0xff, 0x00])])
  const target = Buffer.alloc(room, 0x5a)
  const length = huffmanDecode(around, 1, 1 + octets.length, target)
  return length < 0 ? null : target.toString('latin1', 0, length)
}

t.test('the codes are those of Appendix B', async (t) => {
  for (const [symbol, code, bits] of APPENDIX_B) {
    t.equal(CODES.get(code.toString(2).padStart(bits, '0')), symbol, `symbol ${symbol}`)
  }
  t.equal(CODES.size, 256, 'no two symbols share a code')
  const sum = [...CODES.keys()].reduce((sum, code) => sum + 2 ** -code.length, 2 ** -30)
  t.equal(sum, 1, 'with EOS the code is complete')
})

t.test('every string of one and of two symbols comes back', async (t) => {
  let wrong = 0
  for (let a = 0; a < 256; a++) {
    if (decode(encoded(String.fromCharCode(a))) !== String.fromCharCode(a)) wrong++
    for (let b = 0; b < 256; b++) {
      const text = String.fromCharCode(a, b)
      const octets = encoded(text)
      if (octets.length !== huffmanLength(text) || decode(octets) !== text) wrong++
    }
  }
  t.equal(wrong, 0)
})

t.test('any octets decode as bit by bit, or are malformed for both', async (t) => {
  let seed = 1
  const random = () => (seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0) / 2 ** 32
  let good = 0
  for (let run = 0; run < 30_000; run++) {
    const octets = Buffer.from(
      Array.from({ length: Math.floor(random() * 12) }, () =>
        // Long codes and paddings begin with ones, which chance alone seldom gives.
        random() < 0.6 ? 0xff : Math.floor(random() * 256),
      ),
    )
    const expected = decodeBitByBit(octets)
    if (expected !== null) good++
    if (decode(octets) !== expected) t.equal(decode(octets), expected, octets.toString('hex'))
  }
  t.ok(good > 1000 && good < 29_000, 'both kinds were met')
})

t.test('malformed strings', async (t) => {
  const a = '00011'
  t.equal(decode(fromBits(padded(a))), 'a', 'three bits of padding')
  t.equal(decode(fromBits(`${a}110`)), null, 'padding that is not all ones')
  t.equal(decode(fromBits(`${a}000`)), null, 'padding of zeros')
  t.equal(decode(fromBits(`${padded(a)}11111111`)), null, 'an octet of padding too many')
  t.equal(decode(Buffer.from([0xff])), null, 'nothing but an octet of padding')
  t.equal(decode(fromBits(padded(EOS_BITS))), null, 'EOS')
  t.equal(decode(fromBits(padded(`${a}${EOS_BITS}${a}`))), null, 'EOS inside')
  t.equal(decode(fromBits('1111111111111111')), null, 'part of a long code')
  t.equal(decode(Buffer.alloc(0)), '', 'nothing at all')
})

t.test('what does not fit is counted and not written', async (t) => {
  const octets = encoded('hello, world')
  const target = Buffer.alloc(16, 0x2e)
  t.equal(huffmanDecode(octets, 0, octets.length, target.subarray(0, 5)), 12)
  t.equal(target.toString('latin1'), 'hello...........')
})
