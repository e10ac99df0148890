// Tasks of a simulation. The work must settle before its call returns; the seed decides when
// the World notes it.

import { Task, type TaskWork } from '../task.js'

export class SimTask<T> extends Task<T> {
  private readonly aborting = new AbortController()

  /** @param failure takes the place of the work's result; null: no failure */
  constructor(id: string, work: TaskWork<T>, failure: Error | null, settled: (task: SimTask<T>) => void) {
    super(id)
    let over = false
    const settle = (fault: Error | null, value: T | null): void => {
      if (over) return
      over = true
      this.fault = failure ?? fault
      this.value = failure === null ? value : null
      settled(this)
    }
    try {
      work(settle, this.aborting.signal)
    } catch (error) {
      settle(error instanceof Error ? error : new Error(String(error)), null)
    }
  }

  cancel(): void {
    this.aborting.abort()
  }
}
