// Reads the configuration again while the server runs, in a thread of its own: reading takes longer than a
// turn may. It is read for an order (SIGHUP), and with `--watch` when one of its files has changed. An order
// that comes while it is read makes one more reading; the newest wins.

import { readFileSync } from 'node:fs'
import { type Configuration, diagnosticText } from '../config/index.js'
import { Continuation, defineLife, type World } from '../continuation/index.js'
import { CHANGED, type FileWatch, type NodePollset, REPLIED, Signal, type Thread } from '../pollset/index.js'
import type { ReadAnswer, ReadRequest } from './config-thread.js'

/** The heap of the thread, in MiB: a file of 4 MiB needs 150. */
const HEAP_MIB_MAX = 512
/** The longest time of a reading, in ms. */
const READ_MS_MAX = 60_000
/** Changes of a file come in groups: it is read when this time has passed without another, in ms. */
const QUIET_MS = 200
/** Files are compared after this time, in ms: not every file system tells of changes. */
const COMPARE_MS = 5_000

const ASKED = 1

/** The result of a reading: the configuration, or its mistakes. */
export interface Reading {
  readonly configuration: Configuration | null
  readonly errors: readonly string[]
  readonly warnings: readonly string[]
  /** The files that it was read from. */
  readonly files: readonly string[]
}

export interface ReloadEvents {
  /** A reading has ended. */
  read(reading: Reading): void
}

export const reloadLife = defineLife({
  name: 'reload',
  source: import.meta.url,
  edges: {
    idle: ['decide', 'compare', 'close'],
    decide: ['read', 'settle'],
    settle: ['decide', 'compare', 'close'],
    compare: ['read', 'idle'],
    read: ['told', 'close'],
    told: ['read', 'idle'],
    close: ['done'],
  },
  waits: ['compare', 'quiet', 'read'],
})

export class Reloader extends Continuation {
  readonly id = 'reload'
  readonly asked = new Signal('reload.asked', 'signal', ['ASKED'])
  readonly watch: FileWatch | null
  readonly thread: Thread
  readonly events: ReloadEvents
  readonly request: Omit<ReadRequest, 'id'>
  private readings = 0
  /** The files that were last read, and their contents at that time; '' if they are not watched. */
  private files: readonly string[]
  private contents: string

  /**
   * @param files the files of the first reading
   * @param watches the files are watched
   */
  constructor(
    world: World,
    pollset: NodePollset,
    request: Omit<ReadRequest, 'id'>,
    files: readonly string[],
    watches: boolean,
    events: ReloadEvents,
  ) {
    super(
      world,
      reloadLife.durations(pollset.deadlines, { compare: COMPARE_MS, quiet: QUIET_MS, read: READ_MS_MAX }),
    )
    this.request = request
    this.events = events
    this.watch = watches ? pollset.fileWatch('reload.watch') : null
    this.thread = pollset.thread(
      'reload.thread',
      new URL('./config-thread.js', import.meta.url),
      HEAP_MIB_MAX,
    )
    this.files = files
    this.contents = watches ? contentsOf(files) : ''
    this.watch?.follow(files)
    reloadSteps.start(world, this, 'idle')
  }

  get kind(): string {
    return 'reload'
  }

  crashed(): void {
    this.close()
  }

  /** Asks for a reading. */
  order(): void {
    this.asked.raise(ASKED)
  }

  close(): void {
    this.thread.end()
    this.watch?.close()
  }

  /** Whether the files are others than those that were last read. */
  get haveChanged(): boolean {
    return contentsOf(this.files) !== this.contents
  }

  begin(): void {
    this.asked.lower(ASKED)
    this.watch?.lower(CHANGED)
    if (this.watch !== null) this.contents = contentsOf(this.files)
    this.thread.ask({ ...this.request, id: ++this.readings } satisfies ReadRequest)
  }

  ended(late: boolean): void {
    const reading = late
      ? failed(`it was not read within ${READ_MS_MAX / 1_000} s`)
      : this.thread.fault !== null
        ? failed(`it could not be read: ${this.thread.fault}`)
        : readingOf((this.thread.answer as ReadAnswer).result)
    this.thread.end()
    if (
      this.watch !== null &&
      reading.files.length > 0 &&
      reading.files.join('\0') !== this.files.join('\0')
    ) {
      // What changes meanwhile in the others shows against what they held when the reading began.
      this.files = reading.files
      this.contents = contentsOf(reading.files)
      this.watch.follow(reading.files)
    }
    this.events.read(reading)
  }
}

const failed = (error: string): Reading => ({ configuration: null, errors: [error], warnings: [], files: [] })

const readingOf = ({ configuration, errors, warnings, files }: ReadAnswer['result']): Reading => ({
  configuration,
  errors: errors.map(diagnosticText),
  warnings: warnings.map(diagnosticText),
  files,
})

/** Returns what the files hold, in a form that is equal if all are. */
const contentsOf = (files: readonly string[]): string =>
  files
    .map((file) => {
      try {
        return readFileSync(file, 'latin1')
      } catch {
        return ''
      }
    })
    .join('\0')

const { goto, done, suspend } = reloadLife
const waitForOrder = suspend({ then: 'decide', cancelled: 'close' })
const waitForOrderOrTime = suspend({ then: 'decide', late: 'compare', cancelled: 'close', within: 'compare' })
const waitForQuiet = suspend({ then: 'decide', late: 'compare', cancelled: 'close', within: 'quiet' })
const waitForAnswer = suspend({ then: 'told', late: 'told', cancelled: 'close', within: 'read' })

const reloadSteps = reloadLife.steps<Reloader>({
  /** Waits for an order, and for a change if somebody watches. */
  idle(r) {
    r.waitOn(0, r.asked, ASKED)
    if (r.watch === null) return waitForOrder
    r.waitOn(1, r.watch, CHANGED)
    return waitForOrderOrTime
  },
  /** An order is read at once, a change when it is over. */
  decide: (r) => ((r.asked.readiness & ASKED) !== 0 ? goto.read : goto.settle),
  settle(r) {
    r.watch?.lower(CHANGED)
    r.waitOn(0, r.asked, ASKED)
    if (r.watch !== null) r.waitOn(1, r.watch, CHANGED)
    return waitForQuiet
  },
  compare: (r) => (r.haveChanged ? goto.read : goto.idle),
  read(r) {
    r.begin()
    r.waitOn(0, r.thread, REPLIED)
    return waitForAnswer
  },
  told(r) {
    r.ended((r.thread.readiness & REPLIED) === 0)
    return (r.asked.readiness & ASKED) !== 0 ? goto.read : goto.idle
  },
  close(r) {
    r.close()
    return done
  },
})
