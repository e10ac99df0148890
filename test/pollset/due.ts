// A deadline that does what a test tells it to.

import { Deadline } from '../../src/pollset/index.js'

export class Due extends Deadline {
  private readonly does: () => void
  constructor(does: () => void) {
    super()
    this.does = does
  }
  expire(): void {
    this.does()
  }
}
