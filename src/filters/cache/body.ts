// The body of a stored response, which may still grow while it is read. Many readers read it at once, each at
// its own position.

import type { StreamFault } from '../../http/index.js'
import { BODY, RESET } from '../../http/index.js'
import { List, type Listed, Signal } from '../../pollset/index.js'
import { AnswerSource } from '../../proxy/index.js'

const NOTHING = Buffer.alloc(0)
const CHUNK_BYTES_MIN = 4_096
const CHUNK_BYTES_MAX = 65_536

/** A bit of {@link CachedBody.moved}: a reader has read, or has left. */
export const MOVED = 1

export class CachedBody {
  readonly chunks: Buffer[] = []
  /** The offset of each chunk in the body. */
  private readonly starts: number[] = []
  /** The number of bytes that have come. */
  bytes = 0
  /** The number of bytes before the first chunk, dropped after all readers had read them. */
  dropped = 0
  /** The memory that it takes. */
  allocated = 0
  complete = false
  /** All of it in one piece, once it is complete; null if it has several. */
  whole: Buffer | null = null
  fault: StreamFault | null = null
  readonly readers = new List<BodyReader>()
  /** True if the fill goes no faster than its readers. */
  isThrottled = false
  /** Rises when a reader has left, or has read from a throttled body. The fill waits for it. */
  readonly moved: Signal
  private last = 0

  constructor(id: string) {
    this.moved = new Signal(`${id}.readers`, 'readers', ['MOVED'])
  }

  /** Returns space for the next bytes: `room` bytes of it, from `at` on. */
  space(wanted: number): { readonly chunk: Buffer; readonly at: number; readonly room: number } {
    const tail = this.chunks.at(-1)
    if (tail !== undefined && this.last < tail.length)
      return { chunk: tail, at: this.last, room: tail.length - this.last }
    const size = Math.min(Math.max(wanted, CHUNK_BYTES_MIN), CHUNK_BYTES_MAX)
    const chunk = Buffer.allocUnsafeSlow(size)
    this.chunks.push(chunk)
    this.starts.push(this.bytes)
    this.allocated += size
    this.last = 0
    return { chunk, at: 0, room: size }
  }

  /** Notes that the last space was filled with these bytes. */
  filled(bytes: number): void {
    this.bytes += bytes
    this.last += bytes
  }

  /** Ends the body: nothing more comes. The unused part of its last chunk is given back. */
  end(fault: StreamFault | null = null): void {
    this.fault = fault
    this.complete = fault === null
    const tail = this.chunks.at(-1)
    if (tail !== undefined && this.last < tail.length / 2) {
      const exact = Buffer.allocUnsafeSlow(this.last)
      tail.copy(exact, 0, 0, this.last)
      this.chunks[this.chunks.length - 1] = exact
      this.allocated -= tail.length - this.last
    }
    const { chunks, bytes } = this
    if (this.complete && this.dropped === 0 && chunks.length < 2)
      this.whole = chunks.length === 0 ? NOTHING : chunks[0].subarray(0, bytes)
    this.tell()
  }

  /** Wakes its readers. */
  tell(): void {
    for (const each of this.readers) each.raise(this.fault === null ? BODY : RESET)
  }

  /** The position of the slowest reader. */
  get slowest(): number {
    let least = this.bytes
    for (const each of this.readers) least = Math.min(least, each.place)
    return least
  }

  /** Drops the chunks that all readers have read. */
  trim(): void {
    const { slowest } = this
    while (this.chunks.length > 1 && this.starts[1] <= slowest) {
      const [chunk] = this.chunks.splice(0, 1)
      this.starts.splice(0, 1)
      this.allocated -= chunk.length
      this.dropped = this.starts[0]
    }
  }

  /** Copies bytes from `place` on; returns their number. */
  copy(place: number, target: Buffer, at: number, bytes: number): number {
    let left = Math.min(bytes, this.bytes - place)
    const copied = left
    let index = this.indexOf(place)
    while (left > 0) {
      const from = place - this.starts[index]
      const chunk = this.chunks[index]
      const size = Math.min(left, chunk.length - from)
      chunk.copy(target, at, from, from + size)
      at += size
      place += size
      left -= size
      index++
    }
    return copied
  }

  /** Returns the chunk that holds this place. */
  private indexOf(place: number): number {
    let low = 0
    let high = this.starts.length - 1
    while (low < high) {
      const middle = (low + high + 1) >> 1
      if (this.starts[middle] <= place) low = middle
      else high = middle - 1
    }
    return low
  }
}

/** The reader of one answer from a body: all of it, or a range. */
export class BodyReader extends AnswerSource implements Listed<BodyReader> {
  readonly id: string
  readonly kind = 'reader'
  readonly trailers = null
  list: object | null = null
  listPrev: BodyReader | null = null
  listNext: BodyReader | null = null
  /** The next byte to read. */
  place: number
  private readonly body: CachedBody
  private readonly end: number

  /** @param end the end of the range; Infinity for the end of the body */
  constructor(id: string, body: CachedBody, from = 0, end = Number.POSITIVE_INFINITY) {
    super()
    this.id = id
    this.body = body
    this.place = from
    this.end = end
    this.fault = body.fault
    if (!body.complete) body.readers.push(this)
    this.raise(this.fault === null ? BODY : RESET)
  }

  get waitingBytes(): number {
    return Math.max(0, Math.min(this.end, this.body.bytes) - this.place)
  }
  get remoteEnded(): boolean {
    return this.body.complete || this.body.bytes >= this.end
  }
  get receiveBuffer() {
    return this
  }

  override raise(bits: number): void {
    if ((bits & RESET) !== 0) this.fault = this.body.fault
    super.raise(bits)
  }

  pull(target: Buffer, at: number, bytes: number): number {
    const copied = this.body.copy(this.place, target, at, Math.min(bytes, this.waitingBytes))
    this.place += copied
    if (this.body.isThrottled) this.body.moved.raise(MOVED)
    return copied
  }

  leave(): void {
    if (this.list === null) return
    this.body.readers.remove(this)
    this.body.moved.raise(MOVED)
  }
}
