// The frame or field block that a peer has begun and not ended. It holds memory, so it has a time limit
// (spec/http2/connection-grid.md, Bounds).

export class UnfinishedFrame {
  /** The number of the frame; 0 for none. */
  private number: number
  /** The time since which it is this frame: ms of the pollset's clock. */
  private since: number

  constructor() {
    this.number = 0
    this.since = 0
  }

  /** Notes the frame that is unfinished after a read; 0 for none. */
  note(number: number, now: number): void {
    if (number === this.number) return
    this.number = number
    this.since = now
  }

  get isThere(): boolean {
    return this.number !== 0
  }

  /** Returns true if a frame has been unfinished for this many ms. */
  isOlder(ms: number, now: number): boolean {
    return this.number !== 0 && now - this.since >= ms
  }
}
