// The workers of a primary process. They share its listening sockets. It starts, configures, asks and ends
// them, and replaces those that die. It knows no protocol of clients: only its owner knows the contents of
// configurations and questions.

import type { World } from '../continuation/index.js'
import type { ProcessEnd } from '../pollset/index.js'
import { type Answers, Asking } from './asking.js'
import type { WorkersLimits } from './limits.js'
import type { ToPrimary, WorkerOrder } from './messages.js'
import { Round } from './round.js'
import type { SharedListeners } from './shared-listeners.js'
import { type SlotOwner, WorkerSlot } from './worker-slot.js'

/** A configuration, in parts that can each be cloned in less time than a turn may take. */
export type ConfigurationParts = () => Iterable<unknown>

export interface WorkersEvents {
  /** Returns the first message to each worker. */
  settings(): { readonly settings: unknown; readonly ticketKeys: Uint8Array }
  /** All workers serve, for the first time. */
  serving(): void
  /** A worker serves that was started after the first ones. `isNew`: not in the place of one that ended. */
  joined(worker: string, isNew: boolean): void
  /** A worker has told something that nobody asked for. */
  told(worker: string, told: unknown): void
  /** `backOffMs`: the time until it is replaced; null: it is not. `wasServing`: it has served. */
  ended(worker: string, end: ProcessEnd, backOffMs: number | null, wasServing: boolean): void
  /** A worker is ended because of its conduct. */
  faulty(worker: string, why: string): void
  /** A starting worker does not take its configuration. */
  refused(worker: string, why: string): void
  /** No worker has ever served, and none is started again. */
  gaveUp(): void
  /** All workers have ended, after an order. `codes`: their exit codes. */
  over(): void
}

/** Is called once. */
export type ChangeDone = (wrong: string | null, superseded: boolean) => void

export interface WorkersOptions {
  readonly count: number
  readonly module: URL
  readonly args: readonly string[]
  readonly limits: WorkersLimits
}

export class Workers implements SlotOwner {
  readonly world: World
  readonly limits: WorkersLimits
  readonly module: URL
  readonly args: readonly string[]
  isStopping = false
  /** The last version that was committed. */
  version = 1
  private count: number
  private readonly events: WorkersEvents
  private readonly listeners: SharedListeners
  private slots: WorkerSlot[] = []
  private parts: ConfigurationParts
  /** The newest version that was to be prepared. */
  private newest = 1
  private round: Round | null = null
  private readonly askings = new Map<number, Asking>()
  private questions = 0
  private hasServed = false
  private haveAllServed = false
  private left = 0
  /** Restarts of places that are closed. */
  private restartsBefore = 0

  constructor(
    world: World,
    options: WorkersOptions,
    listeners: SharedListeners,
    parts: ConfigurationParts,
    events: WorkersEvents,
  ) {
    this.world = world
    this.limits = options.limits
    this.module = options.module
    this.args = options.args
    this.count = options.count
    this.listeners = listeners
    this.parts = parts
    this.events = events
  }

  /** Starts them. */
  begin(): void {
    this.left = this.count
    this.slots = Array.from({ length: this.count }, (_, at) => new WorkerSlot(this, at + 1))
  }

  /** The numbers of workers that serve now, and of all places of workers. */
  get servingCount(): number {
    return this.staying.filter((each) => each.isServing).length
  }

  /** Those that are not to leave. */
  private get staying(): WorkerSlot[] {
    return this.slots.filter((each) => !each.isLeaving)
  }

  /** The number of times that workers were started in place of others. */
  get restarts(): number {
    return this.slots.reduce((all, each) => all + each.restarts, this.restartsBefore)
  }

  /** The ids of all places of workers, without those that leave. */
  get ids(): readonly string[] {
    return this.staying.map(({ id }) => id)
  }

  /** The process ids of the workers, by their place; 0 for one that has not started. */
  get pids(): readonly number[] {
    return this.slots.map(({ process }) => process?.pid ?? 0)
  }

  order(order: WorkerOrder): void {
    for (const each of this.slots) each.send({ kind: 'order', order })
  }

  /** Ends all, by this order. None is started again. */
  stop(order: 'shutdown' | 'drain'): void {
    if (!this.isStopping) {
      this.isStopping = true
      this.round?.supersede()
      for (const each of this.slots) each.stop()
      if (this.left === 0) this.events.over()
    }
    // Those that leave drain already: a second order would cut their requests.
    for (const each of this.staying) each.send({ kind: 'order', order })
    // One that does not serve yet has nothing to finish.
    for (const each of this.slots) if (!each.isServing) each.process?.kill()
  }

  /** Ends all at once. */
  kill(): void {
    for (const each of this.slots) each.process?.kill()
  }

  setTicketKeys(ticketKeys: Uint8Array): void {
    for (const each of this.slots) each.send({ kind: 'ticketKeys', ticketKeys })
  }

  /**
   * Has all workers serve another configuration, or none. Another change under way fails.
   * @param count how many workers there are from then on
   * @param committed is called when it is sure to serve
   * @param done is called once, with why it is not served, or null when all workers serve it; `superseded`:
   * it
   *   gave way to a newer one
   */
  change(parts: ConfigurationParts, count: number, committed: () => void, done: ChangeDone): void {
    this.round?.supersede()
    const version = ++this.newest
    const serving = this.staying.filter((each) => each.isServing)
    this.round = new Round(this.world, version, serving, this.limits.prepareMs, {
      prepare: (slot) => this.sendParts(slot, version, parts),
      commits: (slots) => {
        this.version = version
        this.parts = parts
        for (const each of slots) each.send({ kind: 'commit', version })
        // Those that began to serve during the round.
        for (const each of this.staying)
          if (each.isServing && !slots.includes(each)) this.sendParts(each, version, parts)
        this.resize(count)
        committed()
      },
      done: () => {
        this.round = null
        done(null, false)
      },
      failed: (why, superseded) => {
        for (const each of serving) each.send({ kind: 'abandon', version })
        if (this.newest === version) this.round = null
        done(why, superseded)
      },
    })
  }

  /** Starts more workers, or has the last ones finish their requests and end. */
  private resize(count: number): void {
    if (this.isStopping) return
    this.count = count
    const { staying } = this
    for (const each of staying.slice(count)) {
      each.leave()
      // Connections go to the others from now on. Those on their way come before the order.
      this.listeners.leaveAll(each)
      each.send({ kind: 'order', order: 'drain' })
      if (!each.isServing) each.process?.kill()
    }
    const numbers = new Set(this.slots.map(({ number }) => number))
    for (let missing = count - staying.length, number = 1; missing > 0; number++) {
      if (numbers.has(number)) continue
      missing--
      this.left++
      this.slots.push(new WorkerSlot(this, number))
    }
    this.slots.sort((a, b) => a.number - b.number)
  }

  /** Asks all workers that serve, or one. `done` is called once, at once if nobody can be asked. */
  ask(to: 'all' | string, asked: unknown, done: (answers: Answers) => void): void {
    const slots = this.slots.filter((each) => to === 'all' || each.id === to)
    const serving = slots.filter((each) => each.isServing)
    const isFull = this.askings.size >= this.limits.questionsMax
    if (serving.length === 0 || isFull) {
      done({ answers: [], silent: slots.map(({ id }) => id) })
      return
    }
    const number = ++this.questions
    const starting = slots.filter((each) => !each.isServing).map(({ id }) => id)
    const { answerMs } = this.limits
    const asking = new Asking(this.world, number, serving, asked, answerMs, ({ answers, silent }) => {
      this.askings.delete(number)
      done({ answers, silent: [...silent, ...starting] })
    })
    this.askings.set(number, asking)
  }

  // Called by the places

  here(slot: WorkerSlot): void {
    slot.send({ kind: 'begin', ...this.events.settings() })
    this.sendParts(slot, this.version, this.parts)
  }

  heard(slot: WorkerSlot, message: ToPrimary): void {
    if (message.kind === 'listen')
      this.listeners.join(slot, message.listener, message.address, message.ordinal)
    else if (message.kind === 'unlisten') this.listeners.leave(slot, message.listener)
    else if (message.kind === 'answer') this.askings.get(message.question)?.answered(slot, message.answer)
    else if (message.kind === 'told') this.events.told(slot.id, message.told)
    else if (message.kind === 'ready') this.noteReady(slot, message.version)
    else if (message.kind === 'refused') this.refuses(slot, message.version, message.why)
    else if (message.kind === 'serving') this.serves(slot, message.version)
  }

  faulty(slot: WorkerSlot, why: string): void {
    this.events.faulty(slot.id, why)
  }

  ended(slot: WorkerSlot, end: ProcessEnd, backOffMs: number | null, wasServing: boolean): void {
    this.listeners.leaveAll(slot)
    this.round?.lost(slot)
    for (const each of this.askings.values()) each.lost(slot)
    this.events.ended(slot.id, end, backOffMs, wasServing)
    if (
      backOffMs !== null &&
      !this.hasServed &&
      this.slots.every(({ failures }) => failures >= this.limits.startsMax)
    )
      this.events.gaveUp()
  }

  closed(slot: WorkerSlot): void {
    this.left--
    if (slot.isLeaving) {
      this.restartsBefore += slot.restarts
      this.slots = this.slots.filter((each) => each !== slot)
    }
    if (this.left === 0) this.events.over()
  }

  private sendParts(slot: WorkerSlot, version: number, parts: ConfigurationParts): void {
    let held: unknown
    let isFirst = true
    for (const part of parts()) {
      if (!isFirst) slot.send({ kind: 'part', version, part: held, isLast: false })
      held = part
      isFirst = false
    }
    slot.send({ kind: 'part', version, part: held, isLast: true })
  }

  private noteReady(slot: WorkerSlot, version: number): void {
    if (this.round?.version === version) this.round.agrees(slot)
    // It was behind: it started before this was committed.
    else if (version === this.version) slot.send({ kind: 'commit', version })
  }

  private refuses(slot: WorkerSlot, version: number, why: string): void {
    if (this.round?.version === version) {
      this.round.refuses(slot, why)
      return
    }
    // A configuration that was given up is refused too. One that is committed must be served.
    if (version !== this.version || slot.isLeaving) return
    this.events.refused(slot.id, why)
    slot.process?.kill()
  }

  private serves(slot: WorkerSlot, version: number): void {
    const isAnother = !slot.isServing && this.haveAllServed
    slot.serves(version)
    if (isAnother) this.events.joined(slot.id, slot.starts === 1)
    if (this.round?.version === version) this.round.agrees(slot)
    else if (version !== this.version && !slot.isLeaving) this.sendParts(slot, this.version, this.parts)
    this.hasServed = true
    if (this.isStopping) slot.send({ kind: 'order', order: 'drain' })
    if (this.haveAllServed || this.slots.some((each) => !each.isServing)) return
    this.haveAllServed = true
    this.events.serving()
  }
}
