// A worker's side: it carries out the orders of the primary, and answers its questions. When the primary has
// ended, it drains and ends too.

import { Continuation, defineLife, type World } from '../continuation/index.js'
import {
  type Address,
  formatAddress,
  GONE,
  HEARD,
  type LentListener,
  type ListenerLender,
  type PrimaryLink,
  type RawConnection,
} from '../pollset/index.js'
import type { ToPrimary, ToWorker, WorkerOrder } from './messages.js'

/** The tasks of a worker for its primary. */
export interface WorkerTasks {
  /** Prepares a configuration. One of `ready` and `refused` is called, once, unless a newer one comes. */
  prepare(parts: readonly unknown[], ready: () => void, refused: (why: string) => void): void
  /** Serves the configuration that is ready. */
  commit(): void
  /** Gives up the last configuration. */
  abandon(): void
  order(order: WorkerOrder): void
  setTicketKeys(keys: Uint8Array): void
  /** Answers a question. `done` is called once. */
  answer(asked: unknown, done: (answer: unknown) => void): void
  /** Is told that the primary has ended. */
  orphaned(): void
}

/** Lends a worker the listeners of its primary. */
export class LentListeners implements ListenerLender {
  private readonly link: PrimaryLink
  private readonly byNumber = new Map<number, { listener: LentListener; ordinal: number }>()
  private count = 0

  constructor(link: PrimaryLink) {
    this.link = link
  }

  lend(listener: LentListener): void {
    const number = ++this.count
    const { asked } = listener
    const ordinal = this.freeOrdinal(asked)
    this.byNumber.set(number, { listener, ordinal })
    this.link.send({ kind: 'listen', listener: number, address: asked, ordinal } satisfies ToPrimary)
  }

  giveBack(listener: LentListener): void {
    for (const [number, each] of this.byNumber)
      if (each.listener === listener) {
        this.byNumber.delete(number)
        this.link.send({ kind: 'unlisten', listener: number } satisfies ToPrimary)
      }
  }

  /** Takes a message for a listener. Returns false if it is another message. */
  take(message: ToWorker, connection: RawConnection | null): boolean {
    if (message.kind !== 'bound' && message.kind !== 'unbound' && message.kind !== 'connection') return false
    const listener = this.byNumber.get(message.listener)?.listener
    if (message.kind === 'bound') listener?.bound(message.address)
    else if (message.kind === 'unbound') listener?.failed(message.fault)
    else if (listener === undefined) connection?.close()
    else if (connection !== null) listener.given(connection)
    return true
  }

  /** Returns the least number that none of the listeners of this address has. */
  private freeOrdinal(address: Address): number {
    const name = formatAddress(address)
    const used = new Set<number>()
    for (const { listener, ordinal } of this.byNumber.values())
      if (formatAddress(listener.asked) === name) used.add(ordinal)
    let free = 0
    while (used.has(free)) free++
    return free
  }
}

/** Takes messages before the worker's World exists, until its first configuration is whole. */
export class WorkerStart {
  private settings: unknown
  private ticketKeys: Uint8Array = Buffer.alloc(0)
  private readonly parts: unknown[] = []

  /** Takes the messages that have come. Returns the beginnings of the worker when all are there. */
  take(
    link: PrimaryLink,
  ): { settings: unknown; ticketKeys: Uint8Array; parts: unknown[]; version: number } | null {
    for (let heard = link.take(); heard !== null; heard = link.take()) {
      const message = heard.message as ToWorker
      if (message.kind === 'begin') {
        this.settings = message.settings
        this.ticketKeys = message.ticketKeys
      } else if (message.kind === 'part') {
        this.parts.push(message.part)
        if (message.isLast) {
          const { settings, ticketKeys, parts } = this
          return { settings, ticketKeys, parts, version: message.version }
        }
      }
    }
    return null
  }
}

export const workerEndLife = defineLife({
  name: 'worker end',
  source: import.meta.url,
  edges: { hear: ['hear', 'orphan'], orphan: ['done'] },
})

export class WorkerEnd extends Continuation {
  readonly id = 'worker'
  private readonly link: PrimaryLink
  private readonly listeners: LentListeners
  private readonly tasks: WorkerTasks
  private parts: unknown[] = []
  /** The version that is being prepared, or was the last. */
  private version: number

  /** @param version the version of its first configuration, which it is about to serve */
  constructor(
    world: World,
    link: PrimaryLink,
    listeners: LentListeners,
    version: number,
    tasks: WorkerTasks,
  ) {
    super(world)
    this.link = link
    this.listeners = listeners
    this.version = version
    this.tasks = tasks
    workerEndSteps.start(world, this, 'hear')
  }

  get kind(): string {
    return 'worker'
  }

  crashed(): void {
    this.tasks.orphaned()
  }

  /** Reports that it serves. */
  serving(): void {
    this.link.send({ kind: 'serving', version: this.version } satisfies ToPrimary)
  }

  // Called by its steps

  hear(): void {
    for (let heard = this.link.take(); heard !== null; heard = this.link.take()) {
      const message = heard.message as ToWorker
      if (!this.listeners.take(message, heard.connection)) this.follow(message)
    }
  }

  waitToHear(): void {
    this.waitOn(0, this.link, HEARD | GONE)
  }

  get isOrphan(): boolean {
    return (this.link.readiness & GONE) !== 0
  }

  orphaned(): void {
    this.tasks.orphaned()
  }

  private follow(message: ToWorker): void {
    const { tasks } = this
    if (message.kind === 'part') this.takePart(message.version, message.part, message.isLast)
    else if (message.kind === 'commit') {
      if (message.version === this.version) tasks.commit()
    } else if (message.kind === 'abandon') {
      if (message.version === this.version) tasks.abandon()
    } else if (message.kind === 'order') tasks.order(message.order)
    else if (message.kind === 'ticketKeys') tasks.setTicketKeys(message.ticketKeys)
    else if (message.kind === 'question') {
      const { question, asked } = message
      tasks.answer(asked, (answer) =>
        this.link.send({ kind: 'answer', question, answer } satisfies ToPrimary),
      )
    }
  }

  private takePart(version: number, part: unknown, isLast: boolean): void {
    if (version !== this.version) this.parts = []
    this.version = version
    this.parts.push(part)
    if (!isLast) return
    const { parts, link } = this
    this.parts = []
    this.tasks.prepare(
      parts,
      () => link.send({ kind: 'ready', version } satisfies ToPrimary),
      (why) => link.send({ kind: 'refused', version, why } satisfies ToPrimary),
    )
  }
}

const { goto, done, suspend } = workerEndLife
const waitToHear = suspend({ then: 'hear' })

const workerEndSteps = workerEndLife.steps<WorkerEnd>({
  hear(w) {
    w.hear()
    if (w.isOrphan) return goto.orphan
    w.waitToHear()
    return waitToHear
  },
  orphan(w) {
    w.orphaned()
    return done
  },
})
