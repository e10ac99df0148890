// The threads in which passwords are hashed. They are not those of Node's pool, so hashing delays neither
// files nor names nor codings. They are nicer than the loop, so the loop runs first where processors are few.
// A thread is started when one is needed, and is kept.

import { Worker } from 'node:worker_threads'
import type { TaskWork } from '../task.js'
import type { PasswordAnswer, PasswordQuestion } from './password-thread.js'
import type { PasswordHash } from './passwords.js'

const MODULE = new URL('./password-thread.js', import.meta.url)
/** MiB of a thread's heap; the memory of hashing itself is outside it */
const HEAP_MIB_MAX = 32

type Settle = (fault: Error | null, value: boolean | null) => void

interface HashingThread {
  readonly worker: Worker
  /** Settles the check that the thread makes; null if the thread is free. */
  settle: Settle | null
}

export class PasswordThreads {
  private readonly threads = new Set<HashingThread>()

  /**
   * Returns the work of checking a password. It settles with true if the hash belongs to the password. There
   * are as many threads as checks have run at once, so the pool of checks bounds them. The work ignores its
   * signal: a hash that has begun keeps its thread until it is done.
   */
  check(hash: PasswordHash, password: Uint8Array): TaskWork<boolean> {
    return (settle) => {
      const thread = [...this.threads].find((each) => each.settle === null) ?? this.started()
      thread.settle = settle
      // Sends a copy: a Buffer may be part of memory that holds other things, which would be sent too.
      const question: PasswordQuestion = { hash, password: Uint8Array.from(password) }
      thread.worker.postMessage(question)
    }
  }

  /** The number of threads. */
  get size(): number {
    return this.threads.size
  }

  /** Ends the threads. Running checks fail. */
  end(): void {
    for (const each of [...this.threads]) {
      this.lost(each, 'the threads of passwords have ended')
      void each.worker.terminate()
    }
  }

  private started(): HashingThread {
    const worker = new Worker(MODULE, {
      resourceLimits: { maxOldGenerationSizeMb: HEAP_MIB_MAX },
      // The program's own options, such as a debugger's port, are not for the thread.
      execArgv: [],
    })
    const thread: HashingThread = { worker, settle: null }
    this.threads.add(thread)
    worker.on('message', (answer: PasswordAnswer) => {
      const { settle } = thread
      thread.settle = null
      if ('wrong' in answer) settle?.(new Error(answer.wrong), null)
      else settle?.(null, answer.isRight)
    })
    worker.on('error', (error) => this.lost(thread, error.message))
    worker.on('exit', () => this.lost(thread, 'the thread ended'))
    // A process that has nothing else to do may end. Adding a listener for messages would undo this, so
    // unref comes last.
    worker.unref()
    return thread
  }

  /** Forgets a thread that has ended. Does nothing the second time. */
  private lost(thread: HashingThread, why: string): void {
    this.threads.delete(thread)
    const { settle } = thread
    thread.settle = null
    settle?.(new Error(`a password could not be checked: ${why}`), null)
  }
}
