// Gathers the commands of a shared session, as Nagle's algorithm gathers small segments (RFC 896): while the
// server has commands that it has not answered, further ones wait, and leave in one write with its last
// answer. It would not begin them earlier, and it reads, runs and answers them together, which costs it less.
// Only the way to the server and back is lost, so nothing is gathered for a server that is far.

import type { Pollset } from '../pollset/index.js'
import type { ByteOutput } from '../transport/index.js'

/** The bytes that are gathered. With these they leave. */
const BYTES_MAX = 16 * 1024
/** The answers of a round, of which the shortest time counts. */
const ROUND = 64

export class Gathering {
  /** The number of commands put behind the cork. An earlier write may have taken some of them. */
  size = 0
  private readonly output: ByteOutput
  private readonly pollset: Pollset
  private readonly nearMs: number
  /** The shortest time between a write and the last answer to what was written, in this round and before. */
  private shortestMs = Number.POSITIVE_INFINITY
  private shortestMsBefore = Number.POSITIVE_INFINITY
  private times = 0

  /** @param nearMs the longest time of an answer of a server that is near; 0: nothing is gathered */
  constructor(output: ByteOutput, pollset: Pollset, nearMs: number) {
    this.output = output
    this.pollset = pollset
    this.nearMs = nearMs
  }

  /** A command is about to be put. @param unanswered the number of those before it */
  add(unanswered: number): void {
    if (this.size > 0) this.size++
    else if (unanswered > 0 && this.isNear && !this.output.flushesSoon) {
      this.size = 1
      this.output.cork()
    }
  }

  /** It was put. */
  added(): void {
    if (this.size > 0 && this.output.waiting > BYTES_MAX) this.release()
  }

  /** Answers have come. @param unanswered the number of commands without one */
  answered(unanswered: number): void {
    if (unanswered > this.size) return
    this.note(this.pollset.now - this.output.wroteAt)
    this.release()
  }

  /** Sends those that wait. */
  release(): void {
    this.size = 0
    this.output.uncork()
  }

  private get isNear(): boolean {
    return Math.min(this.shortestMs, this.shortestMsBefore) < this.nearMs
  }

  private note(ms: number): void {
    this.shortestMs = Math.min(this.shortestMs, ms)
    if (++this.times < ROUND) return
    this.times = 0
    this.shortestMsBefore = this.shortestMs
    this.shortestMs = Number.POSITIVE_INFINITY
  }
}
