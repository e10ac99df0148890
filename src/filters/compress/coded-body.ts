// The transform of a body into a content coding: its pieces are coded in tasks, one at a time. A piece
// is coded when it is full, when the body ends, and when its first byte has waited for a time, so that
// bytes leave soon.

import { Deadline, type Deadlines } from '../../pollset/index.js'
import type { BodyInput, BodyTransform, PooledTask, TaskPool } from '../../proxy/index.js'
import type { Coder, Part } from './coder.js'

const PIECE_BYTES = 16 * 1_024
/** The wait if the queue of tasks is full, in ms. */
const AGAIN_MS = 10

/** Returns the most bytes that a body in this coder holds. */
export const heldAtMost = (coder: Pick<Coder, 'bytes' | 'burstBytes'>): number =>
  coder.bytes + coder.burstBytes + PIECE_BYTES

/** Expires when a piece has waited long enough. */
export class CodingPause extends Deadline {
  private readonly over: () => void

  constructor(over: () => void) {
    super()
    this.over = over
  }
  override expire(): void {
    this.over()
  }
}

export class CodedBody implements BodyTransform {
  readonly holdBytesMax: number
  ended = false
  private readonly coder: Coder
  private readonly pool: TaskPool
  private readonly deadlines: Deadlines
  private readonly pauseMs: number
  private readonly pause = new CodingPause(() => this.paused())
  private wake: () => void = () => {}
  /** The piece that is coded next, or that is being coded. */
  private readonly piece = Buffer.allocUnsafe(PIECE_BYTES)
  private filled = 0
  /** True if bytes may be inside the coder: coded and not flushed. */
  private unflushed = false
  /** True once bytes have waited for {@link pauseMs}. */
  private isDue = false
  private task: PooledTask<readonly Buffer[]> | null = null
  /** The part that the task codes. */
  private part: Part = 'more'
  /** The coded bytes that have not left. */
  private coded: Buffer[] = []
  private codedBytes = 0
  private closed = false

  /** @param pauseMs the time for which bytes wait for others before they are flushed; 0: they do not */
  constructor(coder: Coder, pool: TaskPool, deadlines: Deadlines, pauseMs: number) {
    this.coder = coder
    this.pool = pool
    this.deadlines = deadlines
    this.pauseMs = pauseMs
    this.holdBytesMax = heldAtMost(coder)
  }

  get heldBytes(): number {
    return this.coder.bytes + this.filled + this.codedBytes
  }

  begin(wake: () => void): void {
    this.wake = wake
  }

  pull(input: BodyInput, out: Buffer, at: number, room: number): number {
    const { task } = this
    if (task?.settled === true) this.settled(task)
    if (this.codedBytes > 0) return this.write(out, at, room)
    if (this.task !== null || this.ended) return 0
    this.take(input)
    const isWhole = input.ended && input.available === 0
    if (isWhole) this.start('end')
    else if (this.filled === PIECE_BYTES) this.start('more')
    else if (this.filled > 0 || this.unflushed) {
      if (this.isDue || this.pauseMs === 0) this.start('flush')
      else this.wait(this.pauseMs)
    }
    return 0
  }

  private take(input: BodyInput): void {
    const taken = input.take(this.piece, this.filled, Math.min(input.available, PIECE_BYTES - this.filled))
    this.filled += taken
  }

  /** Copies coded bytes. */
  private write(out: Buffer, at: number, room: number): number {
    let written = 0
    while (written < room && this.coded.length > 0) {
      const [first] = this.coded
      const copied = first.copy(out, at + written, 0, Math.min(first.length, room - written))
      written += copied
      if (copied === first.length) this.coded.shift()
      else this.coded[0] = first.subarray(copied)
    }
    this.codedBytes -= written
    if (this.codedBytes === 0 && this.part === 'end' && this.task === null) this.ended = true
    return written
  }

  private start(part: Part): void {
    this.deadlines.disarm(this.pause)
    const task = this.pool.start(this.coder.code(this.piece.subarray(0, this.filled), part))
    if (task === null) {
      this.wait(AGAIN_MS)
      return
    }
    this.isDue = false
    this.unflushed = part === 'more'
    this.part = part
    this.task = task
    task.onSettled = () => {
      if (!this.closed) this.wake()
    }
  }

  /** Takes the result of a task. Throws its fault. */
  private settled(task: PooledTask<readonly Buffer[]>): void {
    this.task = null
    this.filled = 0
    if (task.fault !== null) throw task.fault
    this.coded = [...(task.value ?? [])]
    for (const { length } of this.coded) this.codedBytes += length
    if (this.codedBytes === 0 && this.part === 'end') this.ended = true
  }

  private wait(ms: number): void {
    if (!this.pause.deadlineArmed) this.deadlines.every(ms).arm(this.pause)
  }

  private paused(): void {
    this.isDue = true
    this.wake()
  }

  end(): void {
    this.closed = true
    this.deadlines.disarm(this.pause)
    this.task?.cancel()
    this.coder.close()
  }
}
