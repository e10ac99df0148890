// Numbers from the pollset's randomness.

import type { Pollset } from '../pollset/index.js'

/** How many numbers are drawn at a time. */
const BATCH = 256

/** Returns a function that returns numbers in [0, 1), from the pollset's randomness. */
export function chanceOf(pollset: Pick<Pollset, 'random'>): () => number {
  const drawn = new Uint32Array(BATCH)
  const bytes = new Uint8Array(drawn.buffer)
  let used = BATCH
  return () => {
    if (used === BATCH) {
      pollset.random(bytes)
      used = 0
    }
    return drawn[used++] / 0x1_0000_0000
  }
}
