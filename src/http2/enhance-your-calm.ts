// Counts resets with ENHANCE_YOUR_CALM (RFC 9113 §7) on the streams of a session. Node's server bounds the
// memory of a connection, and never subtracts cancelled responses. Past the bound it resets each new stream
// with this code, and after a hundred resets it closes the connection. So the session is retired before that.

/** The number of resets in a row that retires the session. A single one may concern its request alone. */
const RESETS_MAX = 2

export class EnhanceYourCalmResets {
  /** The last stream with such a reset, and the number of them in a row. */
  private lastId = 0
  private resets = 0

  /** Notes such a reset before the response. Returns true if the session should be retired. */
  reset(id: number): boolean {
    this.lastId = Math.max(this.lastId, id)
    return ++this.resets >= RESETS_MAX
  }

  /** Notes that a response has begun, which ends the row if its stream is newer. */
  answered(id: number): void {
    if (id > this.lastId) this.resets = 0
  }
}
