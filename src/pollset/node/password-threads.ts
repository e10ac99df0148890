// The threads in which passwords are hashed. They are not those of Node's pool, so hashing keeps neither
// files nor names nor codings waiting; and they are nicer than the loop, so it runs first where processors
// are few. A thread is started when one is needed, and is kept.

import { Worker } from 'node:worker_threads'
import type { TaskWork } from '../task.js'
import type { PasswordAnswer, PasswordQuestion } from './password-thread.js'
import type { PasswordHash } from './passwords.js'

const MODULE = new URL('./password-thread.js', import.meta.url)
/** MiB of the heap of a thread. What hashing itself needs is not on it. */
const HEAP_MIB_MAX = 32

type Settle = (fault: Error | null, value: boolean | null) => void

interface HashingThread {
  readonly worker: Worker
  /** Of the check that it makes; null if it is free. */
  settle: Settle | null
}

export class PasswordThreads {
  private readonly threads = new Set<HashingThread>()

  /**
   * Returns the work of checking a password: it settles with whether the hash is one of it. There are as many
   * threads as there have been checks at once, so its pool bounds them. It heeds no signal: a hash that was
   * begun takes its thread to the end.
   */
  check(hash: PasswordHash, password: Uint8Array): TaskWork<boolean> {
    return (settle) => {
      const thread = [...this.threads].find((each) => each.settle === null) ?? this.started()
      thread.settle = settle
      // A copy: a Buffer may be a part of memory that holds other things, which would be sent with it.
      const question: PasswordQuestion = { hash, password: Uint8Array.from(password) }
      thread.worker.postMessage(question)
    }
  }

  /** How many there are now. */
  get size(): number {
    return this.threads.size
  }

  /** Ends them. Checks that run have failed. */
  end(): void {
    for (const each of [...this.threads]) {
      this.lost(each, 'the threads of passwords have ended')
      void each.worker.terminate()
    }
  }

  private started(): HashingThread {
    const worker = new Worker(MODULE, {
      resourceLimits: { maxOldGenerationSizeMb: HEAP_MIB_MAX },
      // Options of the program, such as a debugger's port, are not the thread's.
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
    // A process that has nothing else to do may end. A listener for messages would undo this, so it comes
    // last.
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
