// Checks of a server, one after the other, until they are closed: by a request, by PING. Each protocol says
// what a check is, and judges it. Two never run at once.

import { Deadline, type Pollset } from '../pollset/index.js'

/** A check that runs. */
export interface RunningCheck {
  /** Ends it. It does not report. */
  cancel(): void
}

export abstract class Checks extends Deadline {
  private readonly pollset: Pollset
  private running: RunningCheck | null = null
  private startedAt = 0
  private isClosed = false

  constructor(pollset: Pollset) {
    super()
    this.pollset = pollset
  }

  /** Begins a check, which calls {@link ended} once, in a later step. */
  protected abstract begin(): RunningCheck

  /** Takes a check that has ended. Returns the ms from its beginning to that of the next. */
  protected abstract judged(passed: boolean, why: string): number

  /** Begins the first check. */
  start(): void {
    this.expire()
  }

  /** Ends the check that runs, which is not reported, and begins no other. */
  close(): void {
    this.isClosed = true
    this.pollset.deadlines.disarm(this)
    this.running?.cancel()
  }

  expire(): void {
    if (this.isClosed) return
    this.startedAt = this.pollset.now
    this.running = this.begin()
  }

  /** @param why one clause, for people */
  protected ended(passed: boolean, why: string): void {
    this.running = null
    if (this.isClosed) return
    const next = this.startedAt + this.judged(passed, why)
    // It may have been closed by what it was told.
    if (!this.isClosed) this.pollset.deadlines.at(this, Math.max(this.pollset.now, next))
  }
}
