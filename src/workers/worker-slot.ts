// The place of one worker: it starts the worker's process, listens to it, and replaces it when it has died,
// after a time that doubles with each death soon after a start.

import { Continuation, defineLife, type World } from '../continuation/index.js'
import {
  type Address,
  GONE,
  HEARD,
  type NodePollset,
  type ProcessEnd,
  type RawConnection,
  Signal,
  type SocketFault,
  type WorkerProcess,
} from '../pollset/index.js'
import type { WorkersLimits } from './limits.js'
import { isToPrimary, type ToPrimary, type ToWorker } from './messages.js'
import type { ConnectionTaker } from './shared-listeners.js'

/** The owner of the places of workers. */
export interface SlotOwner {
  readonly world: World
  readonly limits: WorkersLimits
  /** The program that a worker runs, and its arguments. */
  readonly module: URL
  readonly args: readonly string[]
  /** True once no worker is started any more. */
  readonly isStopping: boolean
  /** Is told that the worker has begun and must be configured. */
  here(slot: WorkerSlot): void
  /** Is given another message of the worker. */
  heard(slot: WorkerSlot, message: ToPrimary): void
  /** Is told that a worker is ended: it did not serve in time, or has sent something that is no message. */
  faulty(slot: WorkerSlot, why: string): void
  /**
   * Is told that the worker has ended. `backOffMs`: the time until it is replaced; null: it is not replaced.
   */
  ended(slot: WorkerSlot, end: ProcessEnd, backOffMs: number | null, wasServing: boolean): void
  /** A place has been closed. */
  closed(slot: WorkerSlot): void
}

/** Returns the id of a worker: they are numbered from 1. */
export const workerId = (number: number): string => `w${number}`

const STOPPED = 1

export const workerSlotLife = defineLife({
  name: 'worker',
  source: import.meta.url,
  edges: {
    start: ['hear'],
    hear: ['hear', 'kill', 'lose'],
    kill: ['lose'],
    lose: ['start', 'end'],
    end: ['done'],
  },
})

export class WorkerSlot extends Continuation implements ConnectionTaker {
  readonly number: number
  /** `w1`, `w2` … */
  readonly id: string
  readonly owner: SlotOwner
  process: WorkerProcess | null = null
  onTheWay = 0
  /** True while it serves. */
  isServing = false
  /** There are to be fewer workers: it finishes its requests, and is not replaced. */
  isLeaving = false
  /** The version of the configuration that it serves; 0 before it does. */
  version = 0
  /** The number of its starts. */
  starts = 0
  /** The number of deaths before it served, since it last served. */
  failures = 0
  private readonly pollset: NodePollset
  /** Rises when it must not be started again. */
  private readonly stopped: Signal
  private startedAt = 0
  private backOffMs = 0

  constructor(owner: SlotOwner, number: number) {
    super(owner.world)
    this.owner = owner
    this.number = number
    this.id = workerId(number)
    this.stopped = new Signal(`${this.id}.stopped`, 'signal', ['STOPPED'])
    this.pollset = owner.world.pollset as NodePollset
    workerSlotSteps.start(owner.world, this, 'start')
  }

  get kind(): string {
    return 'worker'
  }

  crashed(): void {
    this.process?.kill()
  }

  get isGone(): boolean {
    return this.process === null || this.process.ended !== null
  }

  send(message: ToWorker): void {
    this.process?.send(message)
  }

  bound(listener: number, address: Address): void {
    this.send({ kind: 'bound', listener, address })
  }

  unbound(listener: number, fault: SocketFault): void {
    this.send({ kind: 'unbound', listener, fault })
  }

  give(listener: number, connection: RawConnection, given: (was: boolean) => void): void {
    const message: ToWorker = { kind: 'connection', listener }
    if (this.process === null) setImmediate(given, false)
    else this.process.sendWith(message, connection, given)
  }

  /** Notes that it serves a configuration. */
  serves(version: number): void {
    this.version = version
    this.isServing = true
    this.failures = 0
  }

  /** The number of times that its process was started in the place of another. */
  get restarts(): number {
    return Math.max(0, this.starts - 1)
  }

  /** Has no other process started. */
  stop(): void {
    this.stopped.raise(STOPPED)
  }

  /** Has no other process started, since there are to be fewer workers. */
  leave(): void {
    this.isLeaving = true
    this.stop()
  }

  // Called by its steps

  begin(): void {
    const { owner } = this
    this.starts++
    this.startedAt = this.pollset.now
    this.process = this.pollset.worker(this.id, owner.module, [...owner.args, this.id])
  }

  /** Takes the messages that have come. Returns false if one is not a message. */
  hear(): boolean {
    const { owner } = this
    const process = this.process as WorkerProcess
    for (let heard = process.take(); heard !== null; heard = process.take()) {
      heard.connection?.close()
      const { message } = heard
      if (!isToPrimary(message)) {
        owner.faulty(this, 'it has sent what is no message')
        return false
      }
      if (message.kind === 'here') owner.here(this)
      else owner.heard(this, message)
    }
    return true
  }

  get hasEnded(): boolean {
    return ((this.process?.readiness ?? 0) & GONE) !== 0
  }

  waitToHear(): void {
    this.waitOn(0, this.process as WorkerProcess, HEARD | GONE)
    if (!this.isServing) this.waitUntil(this.startedAt + this.owner.limits.startMs)
  }

  kill(): void {
    const { startMs } = this.owner.limits
    if (!this.isServing && this.pollset.now >= this.startedAt + startMs)
      this.owner.faulty(this, `it did not serve within ${startMs / 1_000} s`)
    this.process?.kill()
    this.waitOn(0, this.process as WorkerProcess, GONE)
  }

  /** Notes its end, and the time until it is replaced. Returns true if it is replaced. */
  lose(): boolean {
    const { owner, isServing, pollset } = this
    const { backOffMs, backOffMaxMs, soundMs } = owner.limits
    const end = this.process?.ended ?? { code: null, signal: null }
    const wasSound = isServing && pollset.now - this.startedAt >= soundMs
    this.backOffMs = wasSound || this.backOffMs === 0 ? backOffMs : Math.min(2 * this.backOffMs, backOffMaxMs)
    if (!isServing) this.failures++
    this.isServing = false
    this.version = 0
    this.process = null
    const isReplaced = !owner.isStopping && !this.isLeaving
    owner.ended(this, end, isReplaced ? this.backOffMs : null, isServing)
    this.waitOn(0, this.stopped, STOPPED)
    this.waitUntil(pollset.now + this.backOffMs)
    return isReplaced
  }
}

const { goto, done, suspend } = workerSlotLife
const waitToServe = suspend({ then: 'hear', late: 'kill' })
const waitForMessage = suspend({ then: 'hear' })
const waitForEnd = suspend({ then: 'lose' })
const waitToStart = suspend({ then: 'end', late: 'start' })

const workerSlotSteps = workerSlotLife.steps<WorkerSlot>({
  start(w) {
    w.begin()
    return goto.hear
  },
  hear(w) {
    if (!w.hear()) return goto.kill
    if (w.hasEnded) return goto.lose
    w.waitToHear()
    return w.isServing ? waitForMessage : waitToServe
  },
  kill(w) {
    w.kill()
    return waitForEnd
  },
  /** Waits until it is time to start another. */
  lose: (w) => (w.lose() ? waitToStart : goto.end),
  end(w) {
    w.owner.closed(w)
    return done
  },
})
