// Tests the Huffman code alone. A code string is the only one of its text, including its padding, so decoded
// text must encode to the very same octets: this finds any padding that should have been refused.

import fc from 'fast-check'
import { huffmanDecode, huffmanEncode, huffmanLength } from '../../src/http2/hpack/huffman.js'
import { integer } from './frames.js'
import { theirHuffman, theirHuffmanDecode } from './independent-hpack.js'
import { type Edit, edits, hold, mangle, octets, type Target } from './target.js'

/** The octets around each string, which must not change. */
const GUARD = 0xa5

function encode(text: Buffer): Buffer {
  const latin1 = text.toString('latin1')
  const size = huffmanLength(latin1)
  const room = Buffer.alloc(size + 8, GUARD)
  const end = huffmanEncode(latin1, room, 4)
  hold(end === 4 + size, () => `${end - 4} octets written, ${size} said`)
  hold(
    [0, 1, 2, 3, -1, -2, -3, -4].every((at) => room.at(at) === GUARD),
    'written beyond its end',
  )
  return room.subarray(4, end)
}

/** Returns null if it is refused. */
function decode(coded: Buffer): Buffer | null {
  const source = Buffer.concat([Buffer.from([GUARD]), coded, Buffer.from([GUARD])])
  const room = Buffer.alloc(coded.length * 2 + 8, GUARD)
  const length = huffmanDecode(source, 1, 1 + coded.length, room)
  const short = Buffer.alloc(3, GUARD)
  hold(huffmanDecode(source, 1, 1 + coded.length, short) === length, 'another length with less room')
  if (length < 0) return null
  hold(length * 5 <= coded.length * 8, 'more than 8/5 of the source')
  hold(
    room.subarray(length).every((octet) => octet === GUARD),
    'written beyond its end',
  )
  const out = room.subarray(0, length)
  const part = Math.min(3, length)
  hold(short.subarray(0, part).equals(out.subarray(0, part)), 'other octets with less room')
  return out
}

function checkCode(coded: Buffer): void {
  const text = decode(coded)
  const theirs = theirHuffmanDecode(coded)
  if (text !== null) {
    const again = encode(text)
    hold(
      again.equals(coded),
      () => `${coded.toString('hex')} decodes, and its text encodes to ${again.toString('hex')}`,
    )
    hold(
      theirs?.equals(text) === true,
      () => `they read ${theirs?.toString('hex')}, we ${text.toString('hex')}`,
    )
  } else {
    // hpack.js accepts padding of a whole octet and more if a code of ours ends in front of it.
    hold(
      theirs === null ||
        !theirHuffman(theirs)
          .subarray(integer(0x80, 7, coded.length).length)
          .equals(coded),
      'they read it, we do not',
    )
  }
}

export const huffman: Target<{ text: Buffer; edits: readonly Edit[]; tail: Buffer }> = {
  about: 'the Huffman code both ways, altered and badly padded, against hpack.js (huffman.ts)',
  arbitrary: fc.record({
    text: fc.oneof(
      octets(80),
      fc.string({ maxLength: 80 }).map((s) => Buffer.from(s)),
    ),
    edits,
    tail: fc.oneof(
      octets(4),
      fc.constantFrom('', 'ff', 'ffff', 'ffffffff', '00').map((hex) => Buffer.from(hex, 'hex')),
    ),
  }),
  check({ text, edits, tail }) {
    const coded = encode(text)
    const theirs = theirHuffman(text)
    hold(theirs.equals(Buffer.concat([integer(0x80, 7, coded.length), coded])), 'they encode it otherwise')
    hold(decode(coded)?.equals(text) === true, 'it does not decode to itself')
    checkCode(coded)
    checkCode(Buffer.concat([coded, tail]))
    checkCode(mangle(coded, edits))
    checkCode(text)
  },
  octets: { of: ({ text }) => encode(text), check: checkCode },
}
