// The entry of a client's commands: while the session that it shares has no room for them, it stands back
// (shared-engine.ts, Y43).

import type { Entrant, SharedEngine } from './shared-engine.js'

export class Entry implements Entrant {
  list: object | null = null
  listPrev: Entrant | null = null
  listNext: Entrant | null = null
  /** The number of commands that it began in the last turn in which it began some. */
  expected = 1
  /** The engine that it stands back from, or whose room it takes in this turn; null if neither. */
  private host: SharedEngine | null = null
  /** The number of commands for which its host keeps room. */
  private promised = 0
  /** It begins in this turn what it has sent. */
  private begins = false
  private readonly reads: () => void

  /** @param reads is called when it may read again */
  constructor(reads: () => void) {
    this.reads = reads
  }

  /** It is not read until it is let in. */
  get standsBack(): boolean {
    return this.list !== null
  }

  /**
   * Returns true if the client, which has sent something, must not begin it now. Otherwise it begins it in
   * this turn: {@link began} and {@link settle} follow.
   * @param engine the engine whose session it shares; null if it shares none, or several
   */
  waits(engine: SharedEngine | null): boolean {
    if (this.standsBack) return true
    if (this.host === null) {
      if (engine === null) return false
      this.host = engine
      if (engine.isFull) engine.standBack(this)
    }
    this.begins = !this.standsBack
    return this.standsBack
  }

  letIn(): void {
    this.promised = this.expected
    this.reads()
  }

  /** @param begun the number of commands that have begun in this turn */
  began(begun: number): void {
    if (begun > 0) this.expected = begun
    if (!this.begins || begun <= this.promised) return
    this.host?.expect(begun - this.promised)
    this.promised = begun
  }

  /** The turn ends: its commands have begun. */
  settle(): void {
    if (this.begins) this.leave()
  }

  /** It gives up its place in line, or the room that was kept for it. */
  leave(): void {
    const { host } = this
    this.host = null
    this.begins = false
    if (host === null) return
    if (this.standsBack) host.left(this)
    else host.expectNoMore(this.promised)
    this.promised = 0
  }
}
