// Frames that others wrote down (https://github.com/http2jp/http2-frame-test-case, MIT), and what our reader
// tells of them.
//
// The vectors are single frames for a decoder without a connection, that has no state, keeps padding and
// priority, and knows PUSH_PROMISE whole. Ours reads a connection: SETTINGS come first here, a CONTINUATION
// after its HEADERS, and what has no use is not told.

import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { ErrorCode, FrameType } from '../../src/http2/codes.js'
import { FrameReader } from '../../src/http2/frame-reader.js'
import { http2Limits } from '../../src/http2/limits.js'
import { toOne } from '../../tools/testbed/frame-sinks.js'
import { frame } from '../../tools/testbed/frames.js'
import { vectorsOf } from '../../tools/testbed/vectors.js'
import { FrameLog } from '../world/frame-log.js'

interface Vector {
  readonly error: readonly number[] | null
  readonly wire: string
  readonly description: string
  readonly frame: {
    readonly length: number
    readonly type: number
    readonly flags: number
    readonly stream_identifier: number
    readonly frame_payload: Readonly<Record<string, unknown>>
  } | null
}

const { folder: VECTORS, skip } = vectorsOf('http2-frame-test-case')
const files = skip
  ? []
  : readdirSync(VECTORS, { withFileTypes: true })
      .filter((each) => each.isDirectory())
      .flatMap((each) => readdirSync(join(VECTORS, each.name)).map((name) => `${each.name}/${name}`))
      .filter((name) => name.endsWith('.json'))
      .sort()

const CODES = Object.keys(ErrorCode)
const SETTINGS = frame(4, 0, 0)
const hex = (text: unknown) => Buffer.from(String(text), 'latin1').toString('hex')

/** Vectors that we judge otherwise, and why. */
const OTHERWISE: Readonly<Record<string, { says: string; why: string }>> = {
  'error/priority-frame-size.json': {
    says: 'stream error 2 FRAME_SIZE_ERROR',
    why: 'the same code; an error of the stream since RFC 9113 §6.3 (which the connection raises where the stream is idle)',
  },
  'error/push_promise-frame-padding.json': {
    says: 'push 1',
    why: 'push is never enabled, so the frame itself is the error PROTOCOL_ERROR that the vector allows; its inside is not looked at (§6.6)',
  },
  'error/push_promise-frame-promised_stream-odd.json': {
    says: 'push 1',
    why: 'as above',
  },
  'error/push_promise-frame-promised_stream-zero.json': {
    says: 'push 1',
    why: 'as above',
  },
  'error/window_update-frame-increment.json': {
    says: 'stream error 1 PROTOCOL_ERROR',
    why: 'the same code; on a stream it is an error of the stream (§6.9)',
  },
  'push_promise/normal.json': {
    says: 'push 10',
    why: 'for the same reason nothing of it is told but its stream',
  },
}

/** The frames that must come before, so that the frame stands where it may. */
function before(vector: Vector): Buffer {
  const type = Number.parseInt(vector.wire.slice(6, 8), 16)
  const stream = Number.parseInt(vector.wire.slice(10, 18), 16)
  return type === FrameType.CONTINUATION ? Buffer.concat([SETTINGS, frame(1, 0, stream)]) : SETTINGS
}

/** The result that our reader should have for the vector's frame. */
function expectedOf(vector: Vector): string[] {
  const {
    type,
    flags,
    stream_identifier: id,
    length,
    frame_payload: p,
  } = vector.frame as NonNullable<Vector['frame']>
  switch (type) {
    case FrameType.DATA:
      return [`data ${id}${flags & 1 ? ' end' : ''} size=${length} ${p.data}`]
    case FrameType.HEADERS:
      return [`headers ${id} ${flags & 1 ? 'end ' : ''}${hex(p.header_block_fragment)}`]
    case FrameType.PRIORITY:
      return [`priority ${id}`]
    case FrameType.RST_STREAM:
      return [`reset ${id} ${p.error_code}`]
    case FrameType.SETTINGS:
      return [
        ...(p.settings as [number, number][]).map(([name, value]) => `setting ${name}=${value}`),
        'settings',
      ]
    case FrameType.PING:
      return [`ping ${flags & 1 ? 'ack ' : ''}${p.opaque_data}`]
    case FrameType.GOAWAY:
      return [`goaway ${p.last_stream_id} ${p.error_code} ${p.additional_debug_data}`]
    case FrameType.WINDOW_UPDATE:
      return [`window ${id} ${p.window_size_increment}`]
    default:
      return []
  }
}

function tell(vector: Vector, octets: boolean): string[] {
  const log = new FrameLog()
  const reader = new FrameReader(toOne(log), http2Limits)
  reader.feed(before(vector))
  const seen = log.events.length
  const wire = Buffer.from(vector.wire, 'hex')
  if (octets) for (let at = 0; at < wire.length; at++) reader.feed(wire.subarray(at, at + 1))
  else reader.feed(wire)
  // The fragments of a block are told when it is whole.
  if (vector.frame?.type === FrameType.CONTINUATION) {
    reader.feed(frame(9, 4, vector.frame.stream_identifier, Buffer.from('!')))
  }
  return log.events.slice(seen)
}

t.test('the vectors', { skip }, (t) => {
  t.ok(files.length >= 32, `${files.length} of them`)
  const exceptions = new Set(Object.keys(OTHERWISE))
  for (const name of files) {
    const vector = JSON.parse(readFileSync(join(VECTORS, name), 'utf8')) as Vector
    for (const octets of [false, true]) {
      const events = tell(vector, octets)
      const title = `${name}: ${vector.description}`
      const other = OTHERWISE[name]
      exceptions.delete(name)
      if (other !== undefined) t.same(events, [other.says], `${title}; ${other.why}`)
      else if (vector.error !== null) {
        // A DATA frame is told as it comes, before all of it can be judged.
        const end = events.filter((each) => !each.startsWith('data '))
        const code = /^connection error (\w+)$/.exec(end[0])?.[1] ?? 'none'
        t.equal(end.length, 1, title)
        t.ok(vector.error.includes(CODES.indexOf(code)), `${title}: ${end[0]}`)
      } else if (vector.frame?.type === FrameType.CONTINUATION) {
        const { stream_identifier: id, frame_payload: p } = vector.frame
        t.same(events, [`headers ${id} ${hex(`${p.header_block_fragment}!`)}`], title)
      } else t.same(events, expectedOf(vector), title)
    }
  }
  t.same([...exceptions], [], 'every exception is of a vector')
  t.end()
})

t.test('without SETTINGS before it, none of them is read (RFC 9113 §3.4)', { skip }, (t) => {
  for (const name of files) {
    const vector = JSON.parse(readFileSync(join(VECTORS, name), 'utf8')) as Vector
    if (vector.wire.slice(6, 10) === '0400') continue
    const log = new FrameLog()
    new FrameReader(toOne(log), http2Limits).feed(Buffer.from(vector.wire, 'hex'))
    t.same(log.events, ['connection error PROTOCOL_ERROR'], name)
  }
  t.end()
})
