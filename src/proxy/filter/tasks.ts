// The tasks of filters, in bounded pools: work in other threads, and promises of users. A task without a
// place waits in a bounded queue, in order. Results come through the pollset, so a run depends only on what
// the pollset hands in.

import {
  type Holder,
  List,
  type Listed,
  type Pollset,
  SETTLED,
  type Subject,
  Task,
  type TaskWork,
} from '../../pollset/index.js'

/**
 * The threads of Node's pool that the tasks of all its pools may take together: the rest are for names, files
 * and the access log. Of the pools that wait for a thread, the one that has waited longest is next.
 */
export class ThreadShare {
  /** The number of threads taken now. */
  taken = 0
  readonly max: number
  private readonly waiting = new Set<TaskPool>()

  /** @param threads the number of threads in Node's pool */
  constructor(threads: number) {
    this.max = Math.max(1, threads - 1)
  }

  /** Takes a thread for a pool. If none is left, the pool goes on when its turn comes. @internal */
  take(pool: TaskPool): boolean {
    if (this.taken >= this.max) {
      this.waiting.add(pool)
      return false
    }
    this.waiting.delete(pool)
    this.taken++
    return true
  }

  /** @internal */
  give(): void {
    this.taken--
    for (const next of this.waiting) {
      this.waiting.delete(next)
      next.proceed()
      if (this.taken >= this.max) return
    }
  }
}

export interface TaskPoolOptions {
  /** The name of its tasks: `gzip`. */
  readonly name: string
  /** The most tasks that run at once. */
  readonly concurrencyMax: number
  /** The most tasks that wait for a place. */
  readonly queueMax: number
  /**
   * The most tasks that were given up, have not ended, and take no place: for promises, which may never
   * settle and hold no thread. Default 0: a task keeps its place until it has ended.
   */
  readonly abandonedMax?: number
  /**
   * The share from which each of its tasks takes a thread. Not with {@link abandonedMax}. Default: its
   * tasks take none.
   */
  readonly threads?: ThreadShare
}

/** A task of a pool, which may wait before it begins. */
export class PooledTask<T> extends Task<T> implements Listed<PooledTask<unknown>> {
  list: object | null = null
  listPrev: PooledTask<unknown> | null = null
  listNext: PooledTask<unknown> | null = null
  readonly work: TaskWork<T>
  /** The running task; null before it has begun, and when it has ended. */
  private running: Task<T> | null = null
  private readonly pool: TaskPool
  private cancelled = false
  private abandoned = false

  constructor(id: string, work: TaskWork<T>, pool: TaskPool) {
    super(id)
    this.work = work
    this.pool = pool
  }

  /** @internal */
  begin(pollset: Pollset): void {
    const running = pollset.task(this.id, this.work)
    this.running = running
    running.onSettled = () => {
      this.running = null
      if (this.abandoned) this.pool.abandoned--
      else this.pool.ended()
      if (this.cancelled) return
      this.value = running.value
      this.fault = running.fault
      this.raise(SETTLED)
    }
  }

  /**
   * Gives it up. A thread cannot be stopped: its place is free when it has ended, or at once, within {@link
   * TaskPoolOptions.abandonedMax}.
   */
  cancel(): void {
    if (this.cancelled || this.settled) return
    this.cancelled = true
    if (this.running === null) this.pool.forget(this)
    else {
      this.running.cancel()
      this.abandoned = this.pool.abandon()
    }
  }

  override holders(): readonly Holder[] {
    if (this.settled) return []
    const { pool, running } = this
    return [{ subject: pool, reason: running === null ? pool.queueText : 'it runs outside of this thread' }]
  }
}

export class TaskPool implements Subject {
  readonly kind = 'task-pool'
  /** The options. They may be set, and count for tasks that begin from then on. */
  options: TaskPoolOptions
  /** The number of running tasks, including those whose outcome nobody waits for. */
  running = 0
  /** The numbers of tasks that were started, and of those that were not, since the queue was full. */
  started = 0
  refused = 0
  /** The number of tasks that were given up, have not ended, and take no place. */
  abandoned = 0
  private readonly queue = new List<PooledTask<unknown>>()
  private readonly pollset: Pollset

  constructor(pollset: Pollset, options: TaskPoolOptions) {
    this.pollset = pollset
    this.options = options
  }

  /** Begins work, now or when it has a place. Returns null if the queue is full: refuse then, with 503. */
  start<T>(work: TaskWork<T>): PooledTask<T> | null {
    const { name } = this.options
    const task = new PooledTask<T>(`${name}${this.started + 1}`, work, this)
    this.queue.push(task as PooledTask<unknown>)
    this.proceed()
    if (this.queue.size > this.options.queueMax) {
      this.queue.remove(task as PooledTask<unknown>)
      this.refused++
      return null
    }
    this.started++
    return task
  }

  get id(): string {
    return this.options.name
  }

  /** The reason why a task waits: one clause, for a person. @internal */
  get queueText(): string {
    const { concurrencyMax, threads } = this.options
    const taken =
      this.running < concurrencyMax ? `all ${threads?.max} threads` : `its ${concurrencyMax} places`
    return `${taken} are taken, and ${this.queue.size} tasks wait`
  }

  /** The number of tasks that wait for a place. */
  get waiting(): number {
    return this.queue.size
  }

  /** @internal */
  forget(task: Listed<PooledTask<unknown>>): void {
    if (task.list === this.queue) this.queue.remove(task as PooledTask<unknown>)
  }

  /** Frees the place of a task that is given up, if that is allowed. Returns true if it did. @internal */
  abandon(): boolean {
    if (this.abandoned >= (this.options.abandonedMax ?? 0)) return false
    this.abandoned++
    this.ended()
    return true
  }

  /** @internal */
  ended(): void {
    this.running--
    this.options.threads?.give()
    this.proceed()
  }

  /** Begins waiting tasks, as long as there are places for them. @internal */
  proceed(): void {
    const { concurrencyMax, threads } = this.options
    while (this.queue.first !== null && this.running < concurrencyMax) {
      if (threads !== undefined && !threads.take(this)) return
      this.running++
      this.queue.shift()?.begin(this.pollset)
    }
  }
}
