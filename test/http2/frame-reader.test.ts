// The frame reader is told the same however the octets arrive: whole, one by one, or split at any point.

import t, { type Test } from 'tap'
import { ErrorCode } from '../../src/http2/codes.js'
import { FrameReader } from '../../src/http2/frame-reader.js'
import { http2Limits } from '../../src/http2/limits.js'
import { toOne } from '../../tools/testbed/frame-sinks.js'
import { block, frame, headers, REQUEST, uint32 } from '../../tools/testbed/frames.js'
import { FrameLog } from '../world/frame-log.js'

const HEAD = block(REQUEST)
const settings = (...pairs: [number, number][]) =>
  frame(4, 0, 0, Buffer.concat(pairs.map(([id, value]) => Buffer.from([0, id, ...uint32(value)]))))

/** Every type, with what each may carry, as one connection might send it. */
const SEQUENCE = Buffer.concat([
  settings([3, 100], [4, 70_000], [0xf0, 1]),
  frame(4, 1, 0),
  headers(1, REQUEST, false),
  frame(0, 0, 1, Buffer.from('plain')),
  frame(0, 0, 1),
  frame(0, 8, 1, Buffer.from('\x03padded\0\0\0', 'latin1')),
  frame(0, 8, 1, Buffer.from([4, 0, 0, 0, 0])),
  frame(0, 8, 1, Buffer.from([0])),
  // Padded, with priority, over two CONTINUATIONs, one of them empty.
  frame(
    1,
    8 | 32 | 1,
    3,
    Buffer.concat([Buffer.from([2, 0, 0, 0, 1, 15]), HEAD.subarray(0, 7), Buffer.alloc(2)]),
  ),
  frame(9, 0, 3, HEAD.subarray(7, 8)),
  frame(9, 0, 3),
  frame(9, 4, 3, HEAD.subarray(8)),
  // A block of no octets, one of padding only.
  frame(1, 4, 5),
  frame(1, 4 | 8, 5, Buffer.from([3, 0, 0, 0])),
  frame(1, 0, 7),
  frame(9, 4, 7, HEAD),
  frame(2, 0, 1, Buffer.alloc(5)),
  frame(2, 0, 1, Buffer.alloc(4)),
  frame(8, 0, 0, uint32(1000)),
  frame(8, 0, 1, uint32(0x80000005)),
  frame(8, 0, 1, uint32(0)),
  frame(6, 0, 0, Buffer.from('8 octets')),
  frame(6, 1, 0, Buffer.from('OCTETS 8')),
  frame(5, 4, 1, Buffer.concat([uint32(2), HEAD])),
  frame(0xbe, 0xff, 9, Buffer.from('unknown')),
  frame(0xbf, 0, 0),
  frame(3, 0, 1, uint32(8)),
  frame(7, 0, 0, Buffer.concat([uint32(7), uint32(2), Buffer.from('why')])),
  frame(0, 1, 3, Buffer.from('last')),
  frame(0, 1, 7),
])

/** Frames that may end it: each follows the sequence, with octets after it that must not be read. */
const ENDS: Readonly<Record<string, { wire: Buffer; code: number }>> = {
  'DATA on stream 0': { wire: frame(0, 0, 0, Buffer.from('x')), code: ErrorCode.PROTOCOL_ERROR },
  'DATA padded beyond its end': {
    wire: frame(0, 8, 1, Buffer.from([9, 1])),
    code: ErrorCode.PROTOCOL_ERROR,
  },
  'DATA without its pad length': { wire: frame(0, 8, 1), code: ErrorCode.FRAME_SIZE_ERROR },
  'a frame too large': { wire: Buffer.from('004001000000000001', 'hex'), code: ErrorCode.FRAME_SIZE_ERROR },
  'HEADERS padded beyond its end': {
    wire: frame(1, 12, 9, Buffer.from([2, 130])),
    code: ErrorCode.PROTOCOL_ERROR,
  },
  'HEADERS shorter than its priority': {
    wire: frame(1, 36, 9, Buffer.alloc(4)),
    code: ErrorCode.FRAME_SIZE_ERROR,
  },
  'a block interrupted': {
    wire: Buffer.concat([frame(1, 0, 9, HEAD), frame(6, 0, 0, Buffer.alloc(8))]),
    code: ErrorCode.PROTOCOL_ERROR,
  },
  'a block without end': {
    wire: Buffer.concat([frame(1, 0, 9, HEAD), ...Array.from({ length: 129 }, () => frame(9, 0, 9))]),
    code: ErrorCode.ENHANCE_YOUR_CALM,
  },
  'CONTINUATION of nothing': { wire: frame(9, 4, 9, HEAD), code: ErrorCode.PROTOCOL_ERROR },
  'SETTINGS cut short': { wire: frame(4, 0, 0, Buffer.alloc(7)), code: ErrorCode.FRAME_SIZE_ERROR },
  'PING too short': { wire: frame(6, 0, 0, Buffer.alloc(7)), code: ErrorCode.FRAME_SIZE_ERROR },
  'GOAWAY too short': { wire: frame(7, 0, 0, Buffer.alloc(7)), code: ErrorCode.FRAME_SIZE_ERROR },
  'RST_STREAM too long': { wire: frame(3, 0, 1, Buffer.alloc(5)), code: ErrorCode.FRAME_SIZE_ERROR },
  'WINDOW_UPDATE by 0': { wire: frame(8, 0, 0, uint32(0)), code: ErrorCode.PROTOCOL_ERROR },
}

function read(...pieces: Buffer[]): FrameLog {
  const log = new FrameLog()
  const reader = new FrameReader(toOne(log), http2Limits)
  // Each piece in a buffer of its own, overwritten as soon as it was read: nothing may point into it.
  for (const piece of pieces) {
    const chunk = Buffer.from(piece)
    reader.feed(chunk)
    chunk.fill(0xee)
  }
  log.rest = reader.bufferedBytes
  return log
}

function sameInEveryPiece(t: Test, wire: Buffer, from = 1): FrameLog {
  const whole = read(wire)
  const octets = read(...Array.from({ length: wire.length }, (_, at) => wire.subarray(at, at + 1)))
  t.same(octets.events, whole.events, 'octet by octet')
  for (let at = from; at < wire.length; at++) {
    const split = read(wire.subarray(0, at), wire.subarray(at))
    if (JSON.stringify(split.events) === JSON.stringify(whole.events)) continue
    t.same(split.events, whole.events, `split at ${at}`)
    break
  }
  return whole
}

t.test('all types', (t) => {
  const log = sameInEveryPiece(t, SEQUENCE)
  t.equal(log.rest, 0, 'nothing is kept')
  t.same(log.events, [
    'setting 3=100',
    'setting 4=70000',
    'setting 240=1',
    'settings',
    'settings ack',
    `headers 1 ${HEAD.toString('hex')}`,
    'data 1 size=5 plain',
    'idle',
    'data 1 size=0 ',
    'data 1 size=10 padded',
    'data 1 size=5 ',
    // Padding alone carries nothing either.
    'idle',
    'data 1 size=1 ',
    'idle',
    `headers 3 end ${HEAD.toString('hex')}`,
    'headers 5 ',
    'headers 5 ',
    `headers 7 ${HEAD.toString('hex')}`,
    'priority 1',
    'stream error 1 FRAME_SIZE_ERROR',
    'window 0 1000',
    'window 1 5',
    'stream error 1 PROTOCOL_ERROR',
    'ping 8 octets',
    'ping ack OCTETS 8',
    'push 1',
    'idle',
    'idle',
    'reset 1 8',
    'goaway 7 2 why',
    'data 3 end size=4 last',
    'data 7 end size=0 ',
  ])
  t.end()
})

for (const [name, { wire, code }] of Object.entries(ENDS)) {
  t.test(`its end: ${name}`, (t) => {
    const before = settings()
    const all = Buffer.concat([before, wire, frame(6, 0, 0, Buffer.from('not read'))])
    const log = sameInEveryPiece(t, all)
    t.equal(log.events.at(-1), `connection error ${Object.keys(ErrorCode)[code]}`)
    t.equal(log.rest, 0, 'nothing is kept')
    t.same(read(SEQUENCE, wire).events.at(-1), log.events.at(-1), 'also behind all the rest')
    t.end()
  })
}

t.test('nothing is read once the sink has stopped the reader, whatever it was told then', (t) => {
  const all = Buffer.concat([SEQUENCE, frame(0, 0, 9), frame(6, 0, 0, Buffer.from('the end.'))])
  const count = read(all).events.length
  for (let stopAt = 1; stopAt < count; stopAt++) {
    for (const pieces of [[all], Array.from({ length: all.length }, (_, at) => all.subarray(at, at + 1))]) {
      const log = new FrameLog()
      const reader = new FrameReader(toOne(log), http2Limits)
      log.stopAt = stopAt
      log.stop = () => reader.stop()
      for (const piece of pieces) reader.feed(Buffer.from(piece))
      // A DATA frame is told in three calls: what the stop falls into is not told to its end.
      if (log.calls > log.callsAtStop) t.fail(`told of ${log.events.at(-1)} after the stop at ${stopAt}`)
    }
  }
  t.ok(count > 20)
  t.end()
})
