// The frame, or field block, that has begun on a connection and not ended: a peer that begins one and sends
// no more of it keeps what was gathered (spec/http2/connection-grid.md, Bounds).

export class UnfinishedFrame {
  /** The frame by its number; 0 for none. */
  private number: number
  /** ms of the pollset's clock: since when it is this one */
  private since: number

  constructor() {
    this.number = 0
    this.since = 0
  }

  /** Bytes were read: `number` is what is unfinished behind them, 0 for nothing. */
  note(number: number, now: number): void {
    if (number === this.number) return
    this.number = number
    this.since = now
  }

  get isThere(): boolean {
    return this.number !== 0
  }

  /** One frame has been unfinished for so many ms. */
  isOlder(ms: number, now: number): boolean {
    return this.number !== 0 && now - this.since >= ms
  }
}
