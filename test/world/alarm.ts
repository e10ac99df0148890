// A deadline that does what a test gives it to do.

import { Deadline } from '../../src/pollset/index.js'

export class Alarm extends Deadline {
  private readonly does: () => void
  constructor(does: () => void) {
    super()
    this.does = does
  }
  expire(): void {
    this.does()
  }
}
