// Tests the frame reader alone: frames of every form, altered octets, any splits. Its reports to the sink do
// not depend on the split. Once stopped, by itself or by the sink, it reports nothing more.

import fc from 'fast-check'
import { FrameReader, type FrameReaderLimits } from '../../src/http2/frame-reader.js'
import { type EveryFrame, toOne } from '../testbed/frame-sinks.js'
import { frames, type Piece, showPieces, wireOf } from './frames.js'
import { crumbs, cut, type Edit, edits, hold, mangle, places, type Target } from './target.js'

interface Fed {
  readonly pieces: Piece[]
  readonly edits: readonly Edit[]
  readonly places: number[]
  readonly stopAt: number
  readonly limits: FrameReaderLimits
}

const FRAME_OCTETS_MAX = 16_384

/** Records everything it is told. */
class Listener implements EveryFrame {
  readonly told: string[] = []
  reader: FrameReader | null = null
  private readonly stopAt: number
  private over = false
  private open: Buffer[] | null = null

  constructor(stopAt: number) {
    this.stopAt = stopAt
  }

  private note(text: string): void {
    hold(!this.over, () => `told after the end: ${text}, after ${this.told.at(-1)}`)
    this.told.push(text)
    if (this.told.length <= this.stopAt) return
    this.over = true
    this.reader?.stop()
  }
  data(id: number, size: number, end: boolean): void {
    hold(this.open === null, 'DATA within DATA')
    this.note(`data ${id} ${size} ${end}`)
    this.open = []
  }
  dataBytes(id: number, buffer: Buffer, start: number, end: number): void {
    hold(!this.over && this.open !== null, `octets of ${id} out of their place`)
    hold(start <= end && end <= buffer.length, 'octets that are not there')
    this.open.push(Buffer.from(buffer.subarray(start, end)))
  }
  dataEnd(id: number, end: boolean): void {
    hold(this.open !== null, 'the end of no DATA')
    const bytes = Buffer.concat(this.open).toString('hex')
    this.open = null
    this.note(`dataEnd ${id} ${end} ${bytes}`)
  }
  headers(id: number, block: Buffer, start: number, end: number, ends: boolean): void {
    hold(start <= end && end <= block.length, 'a block that is not there')
    this.note(`headers ${id} ${ends} ${block.toString('hex', start, end)}`)
  }
  headersPiece(block: Buffer, start: number, end: number): void {
    hold(start <= end && end <= block.length, 'a piece that is not there')
    this.note(`piece ${block.toString('hex', start, end)}`)
  }
  headersTooLarge(id: number, ends: boolean): void {
    this.note(`too large ${id} ${ends}`)
  }
  priority = (id: number) => this.note(`priority ${id}`)
  rstStream = (id: number, code: number) => this.note(`rst ${id} ${code}`)
  setting = (id: number, value: number) => this.note(`setting ${id} ${value}`)
  settingsEnd = () => this.note('settings')
  settingsAck = () => this.note('settings ack')
  pushPromise = (id: number) => this.note(`push ${id}`)
  ping = (b: Buffer, at: number, ack: boolean) => this.note(`ping ${b.toString('hex', at, at + 8)} ${ack}`)
  goaway = (last: number, code: number, debug: string) => this.note(`goaway ${last} ${code} ${debug}`)
  windowUpdate = (id: number, by: number) => {
    hold(by > 0, 'a window update by nothing')
    this.note(`window ${id} ${by}`)
  }
  streamError = (id: number, code: number) => {
    hold(id !== 0, 'a stream error of stream 0')
    this.note(`stream error ${id} ${code}`)
  }
  idleFrame = () => this.note('idle')
  connectionError = (code: number) => {
    hold(this.reader?.stopped === true, 'a connection error, and it reads on')
    this.note(`connection error ${code}`)
    this.over = true
  }
}

function read(chunks: readonly Buffer[], stopAt: number, limits: Fed['limits']): string[] {
  const listener = new Listener(stopAt)
  const reader = new FrameReader(toOne(listener), limits)
  listener.reader = reader
  for (const chunk of chunks) {
    // The chunk has its own memory, which is wiped after reading: nothing may be kept by reference.
    const own = Buffer.from(chunk)
    reader.feed(own)
    own.fill(0xee)
    hold(reader.bufferedBytes <= FRAME_OCTETS_MAX + limits.headerBlockBytesMax, 'more buffered than bounded')
    hold(!reader.stopped || reader.bufferedBytes === 0, 'buffers kept after the end')
  }
  return listener.told
}

function checkOctets(octets: Buffer, at: readonly number[], stopAt: number, limits: Fed['limits']): void {
  const whole = read([octets], stopAt, limits)
  for (const chunks of [cut(octets, at), crumbs(octets)]) {
    const split = read(chunks, stopAt, limits)
    hold(
      whole.join('\n') === split.join('\n'),
      () => `whole:\n${whole.join('\n')}\nsplit:\n${split.join('\n')}`,
    )
  }
}

/** Most runs read on to the end. */
const NEVER = 1_000_000

export const reader: Target<Fed> = {
  about: 'frames of every form into the frame reader, split anywhere (frame-reader.ts)',
  arbitrary: fc.record({
    pieces: frames('either'),
    edits: fc.oneof(fc.constant([]), edits),
    places,
    stopAt: fc.oneof(fc.constant(NEVER), fc.nat(12)),
    limits: fc.record({
      headerBlockBytesMax: fc.constantFrom(64, 65_536),
      continuationsMax: fc.constantFrom(1, 32),
      headerBlockDiscardMax: fc.constantFrom(64, 300, 262_144),
      continuationsDiscardMax: fc.constantFrom(1, 4, 128),
      settingsMax: fc.constantFrom(1, 32),
    }),
  }),
  check({ pieces, edits, places, stopAt, limits }) {
    checkOctets(mangle(wireOf(pieces), edits), places, stopAt, limits)
  },
  show: (fed) => `${showPieces(fed.pieces)}\n${JSON.stringify({ ...fed, pieces: undefined })}`,
  octets: {
    of: ({ pieces, edits }) => mangle(wireOf(pieces), edits),
    check: (octets) =>
      checkOctets(octets, [0x5555, 0xaaaa], NEVER, {
        headerBlockBytesMax: 4096,
        continuationsMax: 4,
        headerBlockDiscardMax: 8192,
        continuationsDiscardMax: 8,
        settingsMax: 32,
      }),
  },
}
