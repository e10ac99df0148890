// The outcomes of the requests of a recent time, counted by tenths of it.

const SLICES = 10

export class OutcomeWindow {
  /** Requests within the window that failed. */
  failed = 0
  /** All requests within the window. */
  total = 0
  private readonly sliceMs: number
  /** The number of the slice that is being counted, from the clock's beginning. */
  private slice = 0
  private readonly failedIn = new Uint32Array(SLICES)
  private readonly totalIn = new Uint32Array(SLICES)

  /** @param windowMs the time that is counted, in ms */
  constructor(windowMs: number) {
    this.sliceMs = windowMs / SLICES
  }

  add(failed: boolean, now: number): void {
    this.advance(now)
    const at = this.slice % SLICES
    this.totalIn[at]++
    this.total++
    if (!failed) return
    this.failedIn[at]++
    this.failed++
  }

  clear(): void {
    this.failedIn.fill(0)
    this.totalIn.fill(0)
    this.failed = 0
    this.total = 0
  }

  /** Forgets the slices that have left the window. */
  advance(now: number): void {
    const slice = Math.floor(now / this.sliceMs)
    if (slice === this.slice) return
    if (slice - this.slice >= SLICES) this.clear()
    else {
      for (let each = this.slice + 1; each <= slice; each++) {
        const at = each % SLICES
        this.failed -= this.failedIn[at]
        this.total -= this.totalIn[at]
        this.failedIn[at] = 0
        this.totalIn[at] = 0
      }
    }
    this.slice = slice
  }
}
