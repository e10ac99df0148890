// Random numbers of the pollset, drawn in blocks: a draw for each number would cost more than a
// choice is worth.

import type { Pollset } from '../pollset/index.js'

const NUMBERS = 256
const BEYOND = 2 ** 32

export class Chance {
  private readonly pollset: Pick<Pollset, 'random'>
  private readonly numbers = new Uint32Array(NUMBERS)
  private left = 0

  constructor(pollset: Pick<Pollset, 'random'>) {
    this.pollset = pollset
  }

  /** Returns a number from 0 to below 1. */
  readonly next = (): number => {
    if (this.left === 0) {
      this.pollset.random(new Uint8Array(this.numbers.buffer))
      this.left = NUMBERS
    }
    return this.numbers[--this.left] / BEYOND
  }
}
