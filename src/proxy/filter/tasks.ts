// Tasks of filters, in bounded pools: work in other threads, and promises of users. What finds no place waits
// in a bounded queue, in order. Results come through the pollset, so a run depends on nothing but what it
// hands in.

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

export interface TaskPoolOptions {
  /** Names its tasks: `gzip`. */
  readonly name: string
  /** Tasks that run at once. */
  readonly concurrencyMax: number
  /** Tasks that wait for one of those to end. */
  readonly queueMax: number
  /**
   * Tasks that were given up, have not ended, and take no place: for promises, which may never settle and
   * hold no thread. Default 0: a task keeps its place until it has ended.
   */
  readonly abandonedMax?: number
}

/** A task of a pool, which may wait before it begins. */
export class PooledTask<T> extends Task<T> implements Listed<PooledTask<unknown>> {
  list: object | null = null
  listPrev: PooledTask<unknown> | null = null
  listNext: PooledTask<unknown> | null = null
  readonly work: TaskWork<T>
  /** Null before it has begun, and when it has ended. */
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
   * Gives it up. A thread cannot be stopped: its place is free when it has ended, or at once, within
   * {@link TaskPoolOptions.abandonedMax}.
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
  /** May be set: it counts for tasks that begin from then on. */
  options: TaskPoolOptions
  /** Tasks that run now, those too whose outcome nobody waits for. */
  running = 0
  /** Tasks that were started, and those that were not, since the queue was full. */
  started = 0
  refused = 0
  /** Tasks that were given up, have not ended, and take no place. */
  abandoned = 0
  private readonly queue = new List<PooledTask<unknown>>()
  private readonly pollset: Pollset

  constructor(pollset: Pollset, options: TaskPoolOptions) {
    this.pollset = pollset
    this.options = options
  }

  /** Begins work, now or when it has a place. Returns null if the queue is full: refuse then, with 503. */
  start<T>(work: TaskWork<T>): PooledTask<T> | null {
    const { name, concurrencyMax, queueMax } = this.options
    if (this.running >= concurrencyMax && this.queue.size >= queueMax) {
      this.refused++
      return null
    }
    const task = new PooledTask<T>(`${name}${++this.started}`, work, this)
    if (this.running < concurrencyMax) this.run(task as PooledTask<unknown>)
    else this.queue.push(task as PooledTask<unknown>)
    return task
  }

  get id(): string {
    return this.options.name
  }

  /** Why a task waits: one clause, for a person. @internal */
  get queueText(): string {
    return `its ${this.options.concurrencyMax} places are taken, and ${this.queue.size} tasks wait`
  }

  /** Tasks that wait for a place. */
  get waiting(): number {
    return this.queue.size
  }

  /** @internal */
  forget(task: Listed<PooledTask<unknown>>): void {
    if (task.list === this.queue) this.queue.remove(task as PooledTask<unknown>)
  }

  /** Frees the place of a task that is given up, if it may; returns whether it has. @internal */
  abandon(): boolean {
    if (this.abandoned >= (this.options.abandonedMax ?? 0)) return false
    this.abandoned++
    this.ended()
    return true
  }

  /** @internal */
  ended(): void {
    this.running--
    const next = this.queue.shift()
    if (next !== null) this.run(next)
  }

  private run(task: PooledTask<unknown>): void {
    this.running++
    task.begin(this.pollset)
  }
}
