// The pause before an engine opens another session. It is armed after an opening failed while other sessions
// serve, and after a session closed before it was of use (spec/engine.md, E30, E35).

import { Deadline } from '../pollset/index.js'

export class ReopenBackoff extends Deadline {
  private readonly elapsed: () => void

  constructor(elapsed: () => void) {
    super()
    this.elapsed = elapsed
  }

  expire(): void {
    this.elapsed()
  }
}
