// Looks after the file of an access log: reports dropped lines, failed writes, and a file that was opened
// again. Each event is reported at once, then counted for a while.

import { Continuation, defineLife, type World } from '../continuation/index.js'
import { DROPPED, FAILED, type LineFile, type Pollset, REOPENED } from '../pollset/index.js'

/** Its events. */
export interface KeeperWords {
  dropped(file: LineFile, lines: number): void
  failed(file: LineFile, why: string): void
  reopened(file: LineFile): void
}

export const logKeeperLife = defineLife({
  name: 'accessLog',
  source: import.meta.url,
  edges: {
    watch: ['tell', 'close'],
    tell: ['pause'],
    pause: ['pauseTold', 'watch', 'close'],
    pauseTold: ['pause'],
    close: ['done'],
  },
})

export class LogKeeper extends Continuation {
  readonly id: string
  readonly file: LineFile
  /** The time of its next report, in ms of the pollset's clock. */
  tellsAt = 0
  readonly repeatMs: number
  private readonly words: KeeperWords
  private readonly pollset: Pollset

  /** @param repeatMs ms between two lines of the same kind */
  constructor(world: World, file: LineFile, repeatMs: number, words: KeeperWords) {
    super(world)
    this.pollset = world.pollset
    this.id = file.id
    this.file = file
    this.repeatMs = repeatMs
    this.words = words
    steps.start(world, this, 'watch')
  }

  get kind(): string {
    return 'log'
  }
  get now(): number {
    return this.pollset.now
  }

  crashed(): void {}

  tellReopened(): void {
    if ((this.file.readiness & REOPENED) === 0) return
    this.file.lower(REOPENED)
    this.words.reopened(this.file)
  }

  /** Reports the events since its last report. */
  tell(): void {
    const { file, words } = this
    this.tellReopened()
    const fault = file.takeFault()
    if (fault !== null) words.failed(file, fault.message)
    const dropped = file.takeDropped()
    if (dropped > 0) words.dropped(file, dropped)
  }
}

const { goto, done, suspend } = logKeeperLife
const waitForNews = suspend({ then: 'tell', cancelled: 'close' })
const waitToRepeat = suspend({ then: 'pauseTold', late: 'watch', cancelled: 'close' })

const steps = logKeeperLife.steps<LogKeeper>({
  watch(k) {
    k.waitOn(0, k.file, DROPPED | FAILED | REOPENED)
    return waitForNews
  },
  tell(k) {
    k.tell()
    k.tellsAt = k.now + k.repeatMs
    return goto.pause
  },
  /** Lets dropped lines add up. */
  pause(k) {
    k.waitOn(0, k.file, REOPENED)
    k.waitUntil(k.tellsAt)
    return waitToRepeat
  },
  pauseTold(k) {
    k.tellReopened()
    return goto.pause
  },
  close(k) {
    k.tell()
    return done
  },
})
