// A thread that answers messages, for work that would take longer than a turn may. It starts with its first
// message, and its memory is bounded.

import { Worker } from 'node:worker_threads'
import { Pollable } from '../pollable.js'
import type { Marked, Marks } from './socket.js'

/**
 * The thread has replied; {@link Thread.answer} has the answer, or {@link Thread.fault} the reason
 * for its absence.
 */
export const REPLIED = 1

export class Thread extends Pollable implements Marked {
  readonly id: string
  readonly kind = 'thread'
  readonly bitNames = ['REPLIED']
  marked = 0
  answer: unknown = null
  fault: string | null = null
  private readonly module: URL
  private readonly heapMiBMax: number
  private readonly marks: Marks
  private worker: Worker | null = null

  /**
   * @param module the module that it runs, which answers each message with one
   * @param heapMiBMax its heap, in MiB; if it needs more, it ends
   */
  constructor(id: string, module: URL, heapMiBMax: number, marks: Marks) {
    super()
    this.id = id
    this.module = module
    this.heapMiBMax = heapMiBMax
    this.marks = marks
  }

  /** Sends a message. The last one must have been answered. Throws if the message cannot be cloned. */
  ask(message: unknown): void {
    this.lower(REPLIED)
    this.answer = null
    this.fault = null
    this.started().postMessage(message)
  }

  /** True from its start to its end. */
  get isRunning(): boolean {
    return this.worker !== null
  }

  /** Ends the thread and its work. A later message starts it again. */
  end(): void {
    const { worker } = this
    this.worker = null
    this.lower(REPLIED)
    void worker?.terminate()
  }

  private started(): Worker {
    if (this.worker !== null) return this.worker
    const worker = new Worker(this.module, {
      resourceLimits: { maxOldGenerationSizeMb: this.heapMiBMax },
      // The program's own options, such as a debugger's port, are not for the thread.
      execArgv: [],
    })
    worker.on('message', (answer: unknown) => this.ended(worker, answer, null))
    worker.on('error', (error) => {
      this.ended(worker, null, error.message)
      if (this.worker === worker) this.worker = null
    })
    worker.on('exit', () => {
      if (this.worker !== worker) return
      this.worker = null
      this.ended(worker, null, 'the thread ended')
    })
    // A process that has nothing else to do may end. Adding a listener for messages would undo this, so
    // unref comes last.
    worker.unref()
    this.worker = worker
    return worker
  }

  private ended(worker: Worker, answer: unknown, fault: string | null): void {
    if (this.worker !== worker && this.worker !== null) return
    if (this.answer !== null || this.fault !== null) return
    this.answer = answer
    this.fault = fault
    this.marks.mark(this, REPLIED)
  }
}
