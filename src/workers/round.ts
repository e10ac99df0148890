// The change of all workers to another configuration: each prepares it, and when all are ready, each commits
// it. If one refuses it, or does not answer in time, none serves it.

import { Continuation, defineLife, type World } from '../continuation/index.js'
import { Signal } from '../pollset/index.js'
import type { WorkerSlot } from './worker-slot.js'

/** One of `commits` and `failed` is called, once; `done` follows `commits` when all serve it. */
export interface RoundEvents {
  prepare(slot: WorkerSlot): void
  /** Commits it: a worker that starts from now on gets it. */
  commits(slots: readonly WorkerSlot[]): void
  done(): void
  /** @param superseded true: it gave way to a newer one, or to the end */
  failed(why: string, superseded: boolean): void
}

const NEWS = 1

export const roundLife = defineLife({
  name: 'round',
  source: import.meta.url,
  edges: {
    prepare: ['gather'],
    gather: ['gather', 'commit', 'abandon'],
    commit: ['confirm'],
    confirm: ['confirm', 'end'],
    abandon: ['done'],
    end: ['done'],
  },
})

export class Round extends Continuation {
  readonly id = 'round'
  readonly version: number
  readonly news = new Signal('round.news', 'signal', ['NEWS'])
  /** The reason why it fails; null while it does not. */
  private wrong: string | null = null
  private isCommitted = false
  private isSuperseded = false
  /** Workers that have not answered yet: that they are ready, then that they serve. */
  private readonly awaited: Set<WorkerSlot>
  private readonly ready: WorkerSlot[] = []
  private readonly events: RoundEvents
  private readonly preparedBy: number
  private readonly ms: number

  /** @param ms the time for preparing; serving it has the same time again */
  constructor(world: World, version: number, slots: readonly WorkerSlot[], ms: number, events: RoundEvents) {
    super(world)
    this.version = version
    this.events = events
    this.ms = ms
    this.preparedBy = world.pollset.now + ms
    this.awaited = new Set(slots)
    roundSteps.start(world, this, 'prepare')
  }

  get kind(): string {
    return 'round'
  }

  crashed(error: unknown): void {
    if (!this.isCommitted) this.events.failed(String(error), false)
  }

  /** Notes that a worker is ready, or serves it. */
  agrees(slot: WorkerSlot): void {
    if (!this.awaited.delete(slot)) return
    if (!this.isCommitted) this.ready.push(slot)
    this.news.raise(NEWS)
  }

  refuses(slot: WorkerSlot, why: string): void {
    if (this.isCommitted || !this.awaited.has(slot)) return
    this.wrong = why
    this.news.raise(NEWS)
  }

  /** Gives way to a newer round, or to the end, unless it is committed. */
  supersede(): void {
    this.isSuperseded = true
    this.cancel()
  }

  /**
   * Notes that a worker has ended: its replacement starts with the configuration that is committed by then.
   */
  lost(slot: WorkerSlot): void {
    const at = this.ready.indexOf(slot)
    if (at >= 0) this.ready.splice(at, 1)
    this.awaited.delete(slot)
    this.news.raise(NEWS)
  }

  // Called by its steps

  prepare(): void {
    for (const each of this.awaited) this.events.prepare(each)
  }

  get isRefused(): boolean {
    return this.wrong !== null
  }

  /** True once no worker is awaited any more. */
  get isComplete(): boolean {
    return this.awaited.size === 0
  }

  /** True once all have ended. */
  get isAlone(): boolean {
    return this.awaited.size === 0 && this.ready.length === 0
  }

  waitForNews(): void {
    this.news.lower(NEWS)
    this.waitOn(0, this.news, NEWS)
    this.waitUntil(this.preparedBy + (this.isCommitted ? this.ms : 0))
  }

  commit(): void {
    this.isCommitted = true
    for (const each of this.ready) this.awaited.add(each)
    this.events.commits(this.ready)
  }

  abandon(): void {
    const silent = [...this.awaited].map(({ id }) => id).join(', ')
    this.events.failed(
      this.wrong ?? (this.isAlone ? 'no worker serves' : `not ready within ${this.ms / 1_000} s: ${silent}`),
      this.isSuperseded,
    )
  }

  end(): void {
    this.events.done()
  }
}

const { goto, done, suspend } = roundLife
const waitForReady = suspend({ then: 'gather', late: 'abandon', cancelled: 'abandon' })
const waitForServing = suspend({ then: 'confirm', late: 'end' })

const roundSteps = roundLife.steps<Round>({
  prepare(r) {
    r.prepare()
    return goto.gather
  },
  gather(r) {
    if (r.isRefused || r.isAlone) return goto.abandon
    if (r.isComplete) return goto.commit
    r.waitForNews()
    return waitForReady
  },
  commit(r) {
    r.commit()
    return goto.confirm
  },
  /** Waits until all serve it. */
  confirm(r) {
    if (r.isComplete) return goto.end
    r.waitForNews()
    return waitForServing
  },
  abandon(r) {
    r.abandon()
    return done
  },
  end(r) {
    r.end()
    return done
  },
})
