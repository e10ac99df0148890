// Tests the PROXY protocol's reader. For any input it never throws, takes no more than its bound, and
// reports the same for all splits of the octets. A header that it accepts is written again and read
// again as the same.

import { isIP } from 'node:net'
import fc from 'fast-check'
import { ProxyHeaderReader, proxyHeader } from '../../src/transport/index.js'
import { crumbs, cut, type Edit, edits, hold, mangle, octets, places, type Target } from './target.js'

interface Fed {
  readonly header: Buffer
  readonly edits: readonly Edit[]
  readonly places: readonly number[]
}

const BYTES_MAX = 256
/** The most octets of a version 1 header; version 2 has a given bound. */
const V1_MAX = 107

const port = fc.oneof(fc.constantFrom(0, 1, 65_535), fc.nat(65_535))
const endsOver = (host: fc.Arbitrary<string>) => {
  const end = fc.record({ host, port })
  return fc.record({ from: end, to: end })
}
const ends = fc.oneof(fc.constant(null), endsOver(fc.ipV4()), endsOver(fc.ipV6()))
const written = fc
  .tuple(fc.constantFrom('v1' as const, 'v2' as const), ends)
  .map(([version, each]) => proxyHeader(version, each))

const words = fc.constantFrom(
  'PROXY',
  'TCP4',
  'TCP6',
  'UNKNOWN',
  '1.2.3.4',
  '::1',
  '::ffff:1.2.3.4',
  '01.2.3.4',
  '80',
  '0',
  '65536',
  '080',
  '-1',
  '',
)
const lines = fc
  .tuple(fc.array(words, { maxLength: 7 }), fc.constantFrom('\r\n', '\n', '\r', ''))
  .map(([each, end]) => Buffer.from(`PROXY ${each.join(' ')}${end}`, 'latin1'))
const SIGNATURE = Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1')
const binary = fc
  .tuple(fc.constantFrom(0x20, 0x21, 0x22, 0x11), fc.nat(0x42), fc.nat(300), octets(300))
  .map(([command, family, size, rest]) =>
    Buffer.concat([SIGNATURE, Buffer.from([command, family, size >> 8, size & 255]), rest]),
  )

function readIn(pieces: readonly Buffer[]) {
  const reader = new ProxyHeaderReader(BYTES_MAX)
  let taken = 0
  for (const piece of pieces) {
    // The piece has its own memory, which is wiped after reading.
    const own = Buffer.from(piece)
    const before = reader.state
    const used = reader.feed(own)
    own.fill(0x21)
    hold(before === 'reading' || used === 0, 'it reads on behind its end')
    hold(used === piece.length || reader.state !== 'reading', 'octets left, and it is not at its end')
    taken += used
  }
  return { state: reader.state, ends: reader.addresses, taken }
}

function check(wire: Buffer, places: readonly number[]): void {
  const whole = readIn([wire])
  for (const pieces of [cut(wire, places), crumbs(wire)]) {
    const split = JSON.stringify(readIn(pieces))
    hold(split === JSON.stringify(whole), () => `whole ${JSON.stringify(whole)}\nsplit ${split}`)
  }
  hold(whole.taken <= (wire[0] === 0x50 ? V1_MAX : BYTES_MAX), () => `${whole.taken} octets taken`)
  hold(whole.state !== 'reading' || whole.taken === wire.length, 'it waits for more')
  if (whole.ends === null) return
  hold(whole.state === 'whole', 'addresses of no whole header')
  for (const each of [whole.ends.from, whole.ends.to]) {
    hold(isIP(each.host) !== 0, () => `an address: ${each.host}`)
    hold(Number.isInteger(each.port) && each.port >= 0 && each.port <= 65_535, () => `a port: ${each.port}`)
  }
  for (const version of ['v1', 'v2'] as const) {
    const again = proxyHeader(version, whole.ends)
    const other = readIn([again])
    hold(other.state === 'whole' && other.taken === again.length, () => `${version}: not read again`)
    const same = proxyHeader('v2', other.ends).equals(proxyHeader('v2', whole.ends))
    hold(same, () => `${version}: ${JSON.stringify(whole.ends)}, again ${JSON.stringify(other.ends)}`)
  }
}

export const proxyHeaders: Target<Fed> = {
  about: 'octets into the reader of PROXY headers, split anywhere (transport/proxy-protocol.ts)',
  arbitrary: fc.record({
    header: fc.oneof(written, lines, binary, octets(120)),
    edits: fc.oneof(fc.constant([]), edits),
    places,
  }),
  check: ({ header, edits, places }) => check(mangle(header, edits), places),
  octets: {
    of: ({ header, edits }) => mangle(header, edits),
    check: (wire) => check(wire, [0x3333, 0x9999]),
  },
  show: (fed) => `${mangle(fed.header, fed.edits).toString('hex')}\n${JSON.stringify(fed.places)}`,
}
