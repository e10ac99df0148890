// Tasks on Node: a callback only marks that a task has settled.

import { SETTLED, Task, type TaskWork } from '../task.js'
import type { Marked, Marks } from './socket.js'

export class NodeTask<T> extends Task<T> implements Marked {
  marked = 0
  private readonly aborting = new AbortController()
  private over = false

  constructor(id: string, work: TaskWork<T>, marks: Marks) {
    super(id)
    const settle = (fault: Error | null, value: T | null): void => {
      if (this.over) return
      this.over = true
      this.fault = fault
      this.value = value
      marks.mark(this, SETTLED)
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
