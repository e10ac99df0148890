// Reads the configuration again at run time, in a separate thread, since reading takes longer than a turn
// may. It is read after an order (SIGHUP, `apply`), and with `--watch` when one of its files has changed. An
// order during a reading makes one more reading; of waiting orders the newest wins.

import type { FileContents } from '../config/index.js'
import { Continuation, defineLife, type World } from '../continuation/index.js'
import {
  CHANGED,
  type FileWatch,
  LOOKED,
  type NodePollset,
  REPLIED,
  Signal,
  type Thread,
} from '../pollset/index.js'
import { readOptions } from './check-configuration.js'
import {
  type AnswerPart,
  Joining,
  NEXT_PART,
  type ReadAnswer,
  type ReadRequest,
  type ReadSource,
} from './reading.js'
import { CLOSING } from './served-configuration.js'

/** The heap of the thread, in MiB: a file of 4 MiB needs 150. */
const HEAP_MIB_MAX = 512
/** The longest time of a reading, in ms. */
const READ_MS_MAX = 60_000
/** The time without another change after which a file is read, in ms: changes come in groups. */
const QUIET_MS = 200
/** The time after which a file that keeps changing is read all the same, in ms. */
const UNQUIET_MS_MAX = 1_000
/**
 * The time after which files are compared, in ms: not every file system reports changes. The thread then
 * ends, because starting it takes longer than reading a short file.
 */
const COMPARE_MS = 5_000

const ASKED = 1

/** The outcome of a reading: an answer, or the reason for its absence. */
export type Reading =
  | { readonly answer: ReadAnswer }
  /** `unsent`: the source cannot be cloned to a thread. `superseded`: a newer order came. */
  | { readonly fault: string; readonly unsent?: boolean; readonly superseded?: boolean }

/** Asks for a reading. */
export interface Order {
  readonly source: ReadSource
  /** Is called once. */
  done(reading: Reading): void
}

export const reloadLife = defineLife({
  name: 'reload',
  source: import.meta.url,
  edges: {
    idle: ['decide', 'compare', 'close'],
    decide: ['read', 'settle'],
    settle: ['decide', 'read', 'close'],
    compare: ['compared', 'idle', 'close'],
    compared: ['read', 'idle'],
    read: ['take', 'told', 'close'],
    take: ['take', 'told', 'close'],
    told: ['read', 'idle'],
    close: ['done'],
  },
  waits: ['compare', 'quiet', 'read'],
})

export class Reloader extends Continuation {
  readonly id = 'reload'
  readonly asked = new Signal('reload.asked', 'signal', ['ASKED'])
  readonly thread: Thread
  readonly watch: FileWatch | null
  private readonly pollset: NodePollset
  private readonly digestKey: string
  /** The source that is read when a watched file has changed. */
  private readonly watched: Order | null
  private waiting: Order | null = null
  private current: Order | null = null
  private joining = new Joining()
  private answer: ReadAnswer | null = null
  /** The reason why the thread could not be asked; null if it was. */
  private unsent: string | null = null
  /** The time by which the last change must be read: ms of the pollset's clock; 0 without a change. */
  private settledBy = 0
  /** The files and contents of the last reading. */
  private contents: FileContents
  /**
   * The state of the files in the last comparison. It is not read again, even if it was
   * refused or unreadable.
   */
  private foundDigest = ''

  /**
   * @param digestKey the key of the digests, and of the digits that stand for secrets
   * @param watched the order that is read when one of the files changes; null: they are not watched
   * @param contents the files of the first reading
   */
  constructor(world: World, digestKey: string, watched: Order | null, contents: FileContents) {
    const pollset = world.pollset as NodePollset
    super(
      world,
      reloadLife.durations(pollset.deadlines, { compare: COMPARE_MS, quiet: QUIET_MS, read: READ_MS_MAX }),
    )
    this.pollset = pollset
    this.digestKey = digestKey
    this.watched = watched
    this.watch = watched === null ? null : pollset.fileWatch('reload.watch')
    this.thread = pollset.thread(
      'reload.thread',
      new URL('./config-thread.js', import.meta.url),
      HEAP_MIB_MAX,
    )
    this.contents = contents
    this.watch?.follow(contents.paths)
    reloadSteps.start(world, this, 'idle')
  }

  get kind(): string {
    return 'reload'
  }

  crashed(): void {
    this.close()
  }

  /** True while a requested reading has not begun. */
  get willRead(): boolean {
    return this.waiting !== null
  }

  /** Asks for a reading, which replaces one that has not begun. */
  order(order: Order): void {
    this.waiting?.done({ fault: 'a newer configuration came before it was read', superseded: true })
    this.waiting = order
    this.asked.raise(ASKED)
  }

  close(): void {
    this.thread.end()
    this.watch?.close()
    this.current?.done({ fault: CLOSING })
    this.waiting?.done({ fault: CLOSING })
    this.current = null
    this.waiting = null
  }

  /** Lets the thread end. */
  rest(): void {
    this.thread.end()
    this.settledBy = 0
  }

  /** Looks at the files. */
  look(): void {
    this.watch?.look(this.contents.paths)
  }

  /** True if the files differ from those that were last read. */
  get haveChanged(): boolean {
    const digest = this.watch?.digest ?? this.contents.digest
    return digest !== this.contents.digest && digest !== this.foundDigest
  }

  /** Notes a change. Returns true if the changes of the files have gone on for too long. */
  noteChange(): boolean {
    const { now } = this.pollset
    if (this.settledBy === 0) this.settledBy = now + UNQUIET_MS_MAX
    return now >= this.settledBy
  }

  /** Starts the reading in the thread. Returns false if the thread cannot be told what to read. */
  begin(): boolean {
    this.asked.lower(ASKED)
    this.watch?.lower(CHANGED)
    this.settledBy = 0
    this.foundDigest = this.watch?.digest ?? ''
    this.current = this.waiting ?? this.watched
    this.waiting = null
    this.joining = new Joining()
    this.answer = null
    const { source } = this.current as Order
    try {
      this.thread.ask({
        source,
        options: readOptions(this.digestKey),
        digestKey: this.digestKey,
      } satisfies ReadRequest)
      return true
    } catch (error) {
      this.unsent = String(error)
      return false
    }
  }

  /** Takes a part of the answer. Returns true if there are more; then it asks for the next. */
  take(): boolean {
    const { answer, fault } = this.thread
    if (fault !== null) return false
    this.answer = this.joining.take(answer as AnswerPart)
    if (this.answer !== null) return false
    this.thread.ask(NEXT_PART)
    return true
  }

  ended(): void {
    const { answer, current, unsent } = this
    if (unsent !== null) {
      this.unsent = null
      this.current = null
      current?.done({ fault: unsent, unsent: true })
      return
    }
    const fault = this.thread.fault ?? `it was not read within ${READ_MS_MAX / 1_000} s`
    this.current = null
    this.joining = new Joining()
    this.answer = null
    if (answer === null) this.thread.end()
    else this.follow(answer.contents)
    current?.done(answer === null ? { fault: `it could not be read: ${fault}` } : { answer })
  }

  /** Watches the files of the last reading. */
  private follow(contents: FileContents): void {
    if (contents.paths.length === 0) return
    this.contents = contents
    this.watch?.follow(contents.paths)
  }
}

const { goto, done, suspend } = reloadLife
const waitForOrder = suspend({ then: 'decide', cancelled: 'close' })
const waitForOrderOrTime = suspend({ then: 'decide', late: 'compare', cancelled: 'close', within: 'compare' })
const waitForQuiet = suspend({ then: 'decide', late: 'read', cancelled: 'close', within: 'quiet' })
const waitForLook = suspend({ then: 'compared', late: 'idle', cancelled: 'close', within: 'read' })
const waitForPart = suspend({ then: 'take', late: 'told', cancelled: 'close', within: 'read' })

const reloadSteps = reloadLife.steps<Reloader>({
  /** Waits for an order, and for a change if somebody watches. */
  idle(r) {
    r.waitOn(0, r.asked, ASKED)
    if (r.watch !== null) r.waitOn(1, r.watch, CHANGED)
    return r.watch !== null || r.thread.isRunning ? waitForOrderOrTime : waitForOrder
  },
  /** Decides: an order is read at once, a change when it is over. */
  decide: (r) => ((r.asked.readiness & ASKED) !== 0 || r.noteChange() ? goto.read : goto.settle),
  settle(r) {
    r.watch?.lower(CHANGED)
    r.waitOn(0, r.asked, ASKED)
    if (r.watch !== null) r.waitOn(1, r.watch, CHANGED)
    return waitForQuiet
  },
  compare(r) {
    r.rest()
    if (r.watch === null) return goto.idle
    r.look()
    r.waitOn(0, r.watch, LOOKED)
    return waitForLook
  },
  compared: (r) => (r.haveChanged ? goto.read : goto.idle),
  read(r) {
    if (!r.begin()) return goto.told
    r.waitOn(0, r.thread, REPLIED)
    return waitForPart
  },
  take(r) {
    if (!r.take()) return goto.told
    r.waitOn(0, r.thread, REPLIED)
    return waitForPart
  },
  told(r) {
    r.ended()
    return (r.asked.readiness & ASKED) !== 0 ? goto.read : goto.idle
  },
  close(r) {
    r.close()
    return done
  },
})
