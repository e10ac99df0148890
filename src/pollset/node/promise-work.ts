// The way of a promise through the door: a library that answers by promises, or a user's function, is the
// work of a task. Its outcome enters a run as that of any other task does, in a turn.

import type { TaskWork } from '../task.js'

/** What a library or a user's function answers with, if not at once. */
export type Promised<T> = PromiseLike<T>

/**
 * Returns work that settles as the promise does which `begin` returns. What `begin` throws is its fault. A
 * promise that never settles costs its task alone, which its waiter gives up when it is late.
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

/** Returns how many threads Node's pool has: names, files, codings and checks of keys share them. */
export function poolThreads({ UV_THREADPOOL_SIZE }: NodeJS.ProcessEnv): number {
  const told = Number(UV_THREADPOOL_SIZE)
  return Number.isInteger(told) && told > 0 ? told : POOL_THREADS
}
