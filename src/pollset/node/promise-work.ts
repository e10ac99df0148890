// The way of a promise through the door: a promise of a library or of a user's function is the work of a
// task. Its outcome enters the run in a turn, as that of any other task does.

import type { TaskWork } from '../task.js'

/** An answer that a library or a user's function gives later. */
export type Promised<T> = PromiseLike<T>

/**
 * Returns work that settles as the promise of `begin` does. An error that `begin` throws is its fault. A
 * promise that never settles harms only its task, which its waiter gives up when it is late.
 */
export const promised =
  <T>(begin: (signal: AbortSignal) => PromiseLike<T>): TaskWork<T> =>
  (settle, signal) =>
    void begin(signal).then(
      (value) => settle(null, value),
      (reason: unknown) => settle(reason instanceof Error ? reason : new Error(String(reason)), null),
    )

/** Node's own number of threads in its pool. */
const POOL_THREADS = 4

/** Returns the number of threads in Node's pool, which names, files, codings and checks of keys share. */
export function poolThreads({ UV_THREADPOOL_SIZE }: NodeJS.ProcessEnv): number {
  const told = Number(UV_THREADPOOL_SIZE)
  return Number.isInteger(told) && told > 0 ? told : POOL_THREADS
}
