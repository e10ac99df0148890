// Work outside the loop whose outcome enters a run through the pollset: a compression in the pool of
// threads, a check of a key, a user's promise (design: Pollset). It begins at once; the turn after it has
// settled notes that.

import { Pollable } from './pollable.js'

// Bits of a Task.
/** The work has settled: `value` or `fault` is set. */
export const SETTLED = 1

/**
 * Begins the work. `settle` is called once, at any time, with a fault or a value; later calls are ignored.
 * The signal is aborted when nobody waits any longer.
 */
export type TaskWork<T> = (
  settle: (fault: Error | null, value: T | null) => void,
  signal: AbortSignal,
) => void

export abstract class Task<T = unknown> extends Pollable {
  readonly id: string
  value: T | null = null
  fault: Error | null = null
  /** Is called in the turn in which it settles. It is for owners that do not wait on it as a pollable. */
  onSettled: (() => void) | null = null

  constructor(id: string) {
    super()
    this.id = id
  }

  get kind(): string {
    return 'task'
  }
  get bitNames(): readonly string[] {
    return ['SETTLED']
  }
  get settled(): boolean {
    return (this.readiness & SETTLED) !== 0
  }

  override raise(bits: number): void {
    super.raise(bits)
    this.onSettled?.()
  }

  /** Asks the work, by its signal, to end. The task settles when the work has ended. */
  abstract cancel(): void
}
