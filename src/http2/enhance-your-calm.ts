// When a backend has had enough of a connection without saying so of the connection: ENHANCE_YOUR_CALM (RFC
// 9113 §7) on its streams. Node's server refuses every further stream so once its memory of a connection is
// full, of which responses that were cancelled are never taken off; a hundred later it ends the connection,
// with all that runs on it.

/** One such reset may be the answer to its request alone. */
const RESETS_MAX = 2

export class EnhanceYourCalmResets {
  /** The last stream that was reset so, and how many in a row were. */
  private lastId = 0
  private resets = 0

  /** A stream was reset so before its response began. Whether the connection should get no new ones. */
  reset(id: number): boolean {
    this.lastId = Math.max(this.lastId, id)
    return ++this.resets >= RESETS_MAX
  }

  /** The response of a stream has begun. Of one opened before it says nothing. */
  answered(id: number): void {
    if (id > this.lastId) this.resets = 0
  }
}
