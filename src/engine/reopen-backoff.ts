// The time that an engine waits before it opens another session: armed after an opening has failed while
// other sessions serve, and after a session that was of no use (spec/engine.md, E30, E35).

import { Deadline } from '../pollset/index.js'

export class ReopenBackoff extends Deadline {
  private readonly elapsed: () => void

  constructor(over: () => void) {
    super()
    this.elapsed = over
  }

  expire(): void {
    this.elapsed()
  }
}
