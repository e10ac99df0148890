// The deadline of a session that owes replies which nobody waits for any more: no command of it will be late,
// so nothing else shows that its server has stopped to answer (Y13).

import { Deadline, type Deadlines } from '../pollset/index.js'
import type { Ask } from './ask.js'

interface Stalling {
  readonly asks: Iterable<Ask>
  checkStall(): void
}

export class Stall extends Deadline {
  private readonly session: Stalling
  private readonly deadlines: Deadlines

  constructor(session: Stalling, deadlines: Deadlines) {
    super()
    this.session = session
    this.deadlines = deadlines
  }

  /** Looks again at this time if there is a reply that nobody waits for. */
  lookAt(time: number): void {
    if (this.deadlineArmed) return
    for (const { sharer } of this.session.asks)
      if (sharer === null) {
        this.deadlines.at(this, time)
        return
      }
  }

  expire(): void {
    this.session.checkStall()
  }

  close(): void {
    this.deadlines.disarm(this)
  }
}
