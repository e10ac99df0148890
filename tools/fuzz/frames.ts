// Sequences of frames that a peer could send: valid ones, ones with a single mistake, and absurd ones. A
// separate encoder writes them (tools/testbed/frames.ts and below), so that the codec is not its own judge.

import fc from 'fast-check'
import { uint32 } from '../testbed/frames.js'
import { type Line, requestList, responseList, trailerList } from './field-lists.js'
import { octets } from './target.js'

/** A frame. The length in its header may be wrong. */
export interface Piece {
  readonly type: number
  readonly flags: number
  readonly stream: number
  readonly payload: Buffer
  readonly length: number
}

/**
 * A frame before its stream is known: 0 is the connection, 1 a new stream, a higher number a recent stream.
 */
interface Draft extends Omit<Piece, 'stream' | 'length'> {
  readonly at: number
  readonly length?: number
}

/** The sender: a client, a server, or either. A sender's own first stream is left out: it is the sibling. */
export type Sender = 'client' | 'server' | 'either'

const FIRST_STREAM = 3

export const wireOf = (pieces: readonly Piece[]): Buffer =>
  Buffer.concat(
    pieces.flatMap(({ type, flags, stream, payload, length }) => {
      const head = Buffer.alloc(9)
      head.writeUIntBE(length, 0, 3)
      head[3] = type
      head[4] = flags
      head.writeUInt32BE(stream, 5)
      return [head, payload]
    }),
  )

const TYPES =
  'DATA HEADERS PRIORITY RST_STREAM SETTINGS PUSH_PROMISE PING GOAWAY WINDOW_UPDATE CONTINUATION'.split(' ')

export const showPieces = (pieces: readonly Piece[]): string =>
  pieces
    .map(
      ({ type, flags, stream, payload, length }) =>
        `\n  ${TYPES[type] ?? type} flags ${flags} stream ${stream} length ${length} ${payload.toString('hex')}`,
    )
    .join('')

/** RFC 7541 §5.1. */
export function integer(flags: number, prefix: number, value: number): Buffer {
  const max = 2 ** prefix - 1
  if (value < max) return Buffer.from([flags | value])
  const all = [flags | max]
  let rest = value - max
  for (; rest >= 128; rest = Math.floor(rest / 128)) all.push((rest % 128) + 128)
  return Buffer.from([...all, rest])
}

const text = (s: string): Buffer => Buffer.concat([integer(0, 7, s.length), Buffer.from(s, 'latin1')])

/** Literals of one kind, names in full. */
export const literals = (lines: readonly Line[], kind: number): Buffer =>
  Buffer.concat(lines.flatMap(([name, value]) => [Buffer.from([kind]), text(name), text(value)]))

/**
 * Makes a block. From time to time it begins with a change of the table's size, or ends with bytes
 * that are no field.
 */
const blockOf = (lists: fc.Arbitrary<Line[]>): fc.Arbitrary<Buffer> =>
  fc
    .tuple(
      fc.oneof(
        { weight: 12, arbitrary: fc.constant(Buffer.alloc(0)) },
        { weight: 1, arbitrary: fc.constantFrom(0, 64, 4096, 4097).map((size) => integer(0x20, 5, size)) },
      ),
      lists,
      fc.constantFrom(0, 0x10, 0x40),
      fc.oneof(
        { weight: 16, arbitrary: fc.constant(Buffer.alloc(0)) },
        { weight: 1, arbitrary: fc.nat(70).map((index) => integer(0x80, 7, index)) },
        { weight: 1, arbitrary: octets(8) },
      ),
    )
    .map(([first, lines, kind, last]) => Buffer.concat([first, literals(lines, kind), last]))

const recent = fc.oneof({ weight: 4, arbitrary: fc.constant(2) }, fc.nat({ max: 8 }))
const flags = fc.oneof(fc.constantFrom(0, 1, 4, 5, 8, 9), fc.nat(255))

const draft = (
  type: number,
  at: fc.Arbitrary<number>,
  flags: fc.Arbitrary<number>,
  payload: fc.Arbitrary<Buffer>,
): fc.Arbitrary<Draft[]> =>
  fc.tuple(at, flags, payload).map(([at, flags, payload]) => [{ type, at, flags, payload }])

/** Makes HEADERS, and CONTINUATION for further parts; sometimes with padding and priority. */
function headersOf(at: fc.Arbitrary<number>, block: fc.Arbitrary<Buffer>): fc.Arbitrary<Draft[]> {
  const plain = { parts: 1, padding: -1, priority: false }
  const form = fc.oneof(
    { weight: 3, arbitrary: fc.constant(plain) },
    {
      weight: 1,
      arbitrary: fc.record({
        parts: fc.integer({ min: 1, max: 4 }),
        padding: fc.integer({ min: -1, max: 9 }),
        priority: fc.boolean(),
      }),
    },
  )
  return fc.tuple(at, block, form, fc.boolean()).map(([at, block, { parts, padding, priority }, end]) => {
    const size = Math.ceil(block.length / parts)
    return Array.from({ length: parts }, (_, i): Draft => {
      const part = block.subarray(i * size, (i + 1) * size)
      const last = i === parts - 1 ? 4 : 0
      if (i > 0) return { type: 9, at: 2, flags: last, payload: part }
      const payload = [part]
      if (priority) payload.unshift(Buffer.from([0, 0, 0, 0, 16]))
      if (padding >= 0) payload.unshift(Buffer.from([padding]))
      if (padding > 0) payload.push(Buffer.alloc(padding))
      const flags = last | (end ? 1 : 0) | (padding >= 0 ? 8 : 0) | (priority ? 32 : 0)
      return { type: 1, at, flags, payload: Buffer.concat(payload) }
    })
  })
}

const bodies = fc.oneof(
  fc.constantFrom(0, 0, 1, 5, 5, 5, 100, 100, 1000, 16_384).map((size) => Buffer.alloc(size, 'x')),
  octets(40),
)
const padded = fc
  .tuple(bodies, fc.nat(20), fc.nat(20))
  .map(([body, said, padding]) =>
    Buffer.concat([Buffer.from([said]), body.subarray(0, 16_000), Buffer.alloc(padding)]),
  )
const data = fc.oneof(
  { weight: 3, arbitrary: draft(0, recent, fc.constantFrom(0, 1), bodies) },
  { weight: 1, arbitrary: draft(0, recent, fc.constantFrom(8, 9), padded) },
)

const settingValue = fc.oneof(
  fc.constantFrom(0, 1, 2, 64, 4096, 16_383, 16_384, 65_535, 0x7fffffff, 0x80000000, 0xffffffff),
  fc.nat(70_000),
)
const settings = fc
  .array(fc.tuple(fc.oneof(fc.integer({ min: 1, max: 9 }), fc.nat(0xffff)), settingValue), { maxLength: 4 })
  .map((all) =>
    Buffer.concat(all.flatMap(([id, value]) => [Buffer.from([id >> 8, id & 255]), uint32(value)])),
  )
const codes = fc.oneof(fc.nat(14), fc.constant(0xffffffff)).map(uint32)
const increments = fc
  .oneof(fc.constantFrom(0, 1, 100, 65_535, 0x7fffffff, 0x80000001), fc.nat(9999))
  .map(uint32)
const zero = fc.constant(0)
const goaway = fc
  .tuple(fc.oneof(fc.nat(9), fc.constant(0x7fffffff)), codes, octets(5))
  .map(([last, code, debug]) => Buffer.concat([uint32(last), code, debug]))

/** A frame that is random in all parts. */
const wild = fc
  .record({
    type: fc.oneof(fc.nat(11), fc.nat(255)),
    at: fc.nat(9),
    flags,
    payload: octets(16),
    length: fc.option(fc.oneof(fc.nat(40), fc.constantFrom(16_384, 16_385, 0xffffff)), { nil: -1 }),
  })
  .map((each): Draft[] => [{ ...each, length: each.length < 0 ? each.payload.length : each.length }])

const control = fc.oneof(
  draft(2, recent, zero, octets(6)),
  draft(3, recent, zero, codes),
  draft(4, zero, fc.oneof({ weight: 5, arbitrary: zero }, fc.constant(1)), settings),
  draft(4, zero, fc.constant(1), fc.constant(Buffer.alloc(0))),
  draft(6, zero, fc.constantFrom(0, 1), fc.constant(Buffer.from('12345678'))),
  draft(8, zero, zero, increments),
  draft(8, recent, zero, increments),
  draft(10, recent, flags, octets(4)),
)

const rare = fc.oneof(
  draft(7, zero, zero, goaway),
  draft(5, recent, fc.constant(4), octets(9)),
  draft(9, recent, fc.constantFrom(0, 4), octets(9)),
  wild,
)

/** A usual request, or the parts of one in any order. */
const fromClient = fc.oneof(
  { weight: 5, arbitrary: headersOf(fc.constant(1), blockOf(requestList)) },
  { weight: 1, arbitrary: headersOf(recent, blockOf(trailerList)) },
  { weight: 4, arbitrary: data },
  { weight: 3, arbitrary: control },
  { weight: 1, arbitrary: rare },
)
const fromServer = fc.oneof(
  { weight: 5, arbitrary: headersOf(recent, blockOf(responseList)) },
  { weight: 1, arbitrary: headersOf(recent, blockOf(trailerList)) },
  { weight: 4, arbitrary: data },
  { weight: 3, arbitrary: control },
  { weight: 1, arbitrary: rare },
)

const greeting: Draft = { type: 4, at: 0, flags: 0, payload: Buffer.alloc(0) }

/** Gives streams their numbers, so that most sequences are in order after any drawing or shrinking. */
function numbered(drafts: readonly Draft[], sender: Sender): Piece[] {
  // The streams that a server answers exist already: FIRST_STREAM and the three after it.
  let newest = sender === 'server' ? FIRST_STREAM + 4 : FIRST_STREAM - 2
  return drafts.map(({ type, at, flags, payload, length }) => {
    if (at === 1) newest += 2
    let stream = at === 0 ? 0 : at <= 6 ? newest - Math.max(0, at - 2) * 2 : newest + at - 6
    if (at > 0 && stream < FIRST_STREAM) stream = FIRST_STREAM
    // The reserved bit must be ignored (RFC 9113 §4.1).
    if (at === 6) stream = (stream | 0x80000000) >>> 0
    return { type, flags, stream, payload, length: length ?? payload.length }
  })
}

export const frames = (sender: Sender): fc.Arbitrary<Piece[]> => {
  const one = { client: fromClient, server: fromServer, either: fc.oneof(fromClient, fromServer) }[sender]
  return fc
    .tuple(
      fc.oneof({ weight: 20, arbitrary: fc.constant([greeting]) }, fc.constant([])),
      fc.array(one, { maxLength: 14 }),
    )
    .map(([first, rest]) => numbered([...first, ...rest.flat()], sender))
}

/** Returns true if these octets are whole frames and no field block is left open. */
export function isWhole(pieces: readonly Piece[]): boolean {
  const last = pieces.at(-1)
  if (last === undefined) return true
  const open = (last.type === 1 || last.type === 9) && (last.flags & 4) === 0
  return !open && pieces.every(({ payload, length }) => payload.length === length)
}
