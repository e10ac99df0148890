// A question to workers. It ends when all have answered, have ended, or are late. Workers that did not
// answer are named.

import { Continuation, defineLife, type World } from '../continuation/index.js'
import { Signal } from '../pollset/index.js'
import type { WorkerSlot } from './worker-slot.js'

/** The answers, in the order of the workers. */
export interface Answers {
  readonly answers: readonly { readonly from: string; readonly answer: unknown }[]
  /** Workers that did not answer. */
  readonly silent: readonly string[]
}

const ANSWERED = 1

export const askingLife = defineLife({
  name: 'asking',
  source: import.meta.url,
  edges: { ask: ['gather'], gather: ['gather', 'tell'], tell: ['done'] },
})

export class Asking extends Continuation {
  readonly id: string
  readonly number: number
  private readonly asked: unknown
  private readonly slots: readonly WorkerSlot[]
  private readonly awaited: Set<WorkerSlot>
  private readonly news: Signal
  private readonly by = new Map<WorkerSlot, unknown>()
  private readonly answeredBy: number
  private readonly done: (answers: Answers) => void

  constructor(
    world: World,
    number: number,
    slots: readonly WorkerSlot[],
    asked: unknown,
    ms: number,
    done: (answers: Answers) => void,
  ) {
    super(world)
    this.id = `asking${number}`
    this.number = number
    this.slots = slots
    this.awaited = new Set(slots)
    this.asked = asked
    this.answeredBy = world.pollset.now + ms
    this.done = done
    this.news = new Signal(`${this.id}.news`, 'signal', ['ANSWERED'])
    askingSteps.start(world, this, 'ask')
  }

  get kind(): string {
    return 'asking'
  }

  crashed(): void {
    this.tell()
  }

  answered(slot: WorkerSlot, answer: unknown): void {
    if (!this.awaited.delete(slot)) return
    this.by.set(slot, answer)
    this.news.raise(ANSWERED)
  }

  /** Notes that a worker has ended: it no longer answers. */
  lost(slot: WorkerSlot): void {
    if (this.awaited.delete(slot)) this.news.raise(ANSWERED)
  }

  // Called by its steps

  ask(): void {
    for (const each of this.slots) each.send({ kind: 'question', question: this.number, asked: this.asked })
  }

  get isComplete(): boolean {
    return this.awaited.size === 0
  }

  waitForAnswer(): void {
    this.news.lower(ANSWERED)
    this.waitOn(0, this.news, ANSWERED)
    this.waitUntil(this.answeredBy)
  }

  tell(): void {
    const { by, slots } = this
    this.done({
      answers: slots.filter((each) => by.has(each)).map((each) => ({ from: each.id, answer: by.get(each) })),
      silent: slots.filter((each) => !by.has(each)).map(({ id }) => id),
    })
  }
}

const { goto, done, suspend } = askingLife
const waitForAnswer = suspend({ then: 'gather', late: 'tell' })

const askingSteps = askingLife.steps<Asking>({
  ask(a) {
    a.ask()
    return goto.gather
  },
  gather(a) {
    if (a.isComplete) return goto.tell
    a.waitForAnswer()
    return waitForAnswer
  },
  tell(a) {
    a.tell()
    return done
  },
})
