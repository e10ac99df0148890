// The two ends of the channel between a primary process and one of its workers. Messages are plain data, and
// a connection may go with one. Messages are kept until a turn takes them.
//
// The primary keeps each connection until the worker has said that it took it, before it reads any of its
// bytes. So a connection that was on its way to a worker that dies can be given to another.

import { type ChildProcess, fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { Pollable } from '../pollable.js'
import type { Marked, Marks } from './socket.js'

/** A message has come: {@link ProcessLink.take} returns it. */
export const HEARD = 1
/** The other process has ended, or has closed the channel. Messages from before may still be taken. */
export const GONE = 2

/** An accepted connection for which Node has made no socket. */
export interface RawConnection {
  close(): void
}

/** A message, and the connection that came with it. */
export interface Heard {
  readonly message: unknown
  readonly connection: RawConnection | null
}

/** A connection that was sent, and that the other process has not yet taken. */
interface OnTheWay {
  readonly connection: RawConnection
  readonly given: (was: boolean) => void
}

/** The part of a process that has a channel. */
interface Channel {
  readonly connected?: boolean
  send?: ChildProcess['send'] | undefined
}

/** An end of a channel. */
export abstract class ProcessLink extends Pollable implements Marked {
  readonly kind = 'process'
  readonly bitNames = ['HEARD', 'GONE']
  marked = 0
  protected marks: Marks | null
  private readonly heard: Heard[] = []
  private taken = 0
  /** The number of connections that were taken and not yet acknowledged. */
  private tookConnections = 0

  constructor(marks: Marks | null) {
    super()
    this.marks = marks
  }

  abstract override readonly id: string
  protected abstract readonly channel: Channel

  /**
   * Returns the next message, or null. Read nothing of a connection before this has returned null: only then
   * is the other process told that the connection was taken.
   */
  take(): Heard | null {
    const { heard } = this
    const next = heard[this.taken] ?? null
    if (next === null) this.sayTaken()
    else this.taken++
    if (next !== null && next.connection !== null) this.tookConnections++
    if (this.taken === heard.length) {
      heard.length = 0
      this.taken = 0
      this.lower(HEARD)
    }
    return next
  }

  /** Sends a message. It is lost if the other process has ended. Throws if it cannot be cloned. */
  send(message: object | number): void {
    const { channel } = this
    if (channel.connected === true) channel.send?.(message as object, undefined, {}, () => {})
  }

  private sayTaken(): void {
    if (this.tookConnections === 0) return
    this.send(this.tookConnections)
    this.tookConnections = 0
  }

  protected came(message: unknown, connection: unknown): void {
    this.heard.push({ message, connection: (connection as RawConnection | undefined) ?? null })
    this.mark(HEARD)
  }

  protected gone(): void {
    this.mark(GONE)
  }

  protected mark(bits: number): void {
    this.marks?.mark(this, bits)
  }
}

/** The end of a worker process. */
export interface ProcessEnd {
  readonly code: number | null
  readonly signal: string | null
}

/** The primary's end of the channel of a worker. */
export class WorkerProcess extends ProcessLink {
  readonly id: string
  /** The end of the process; null while it runs. */
  ended: ProcessEnd | null = null
  private exited: ProcessEnd | null = null
  /** The connections on their way, in the order of sending, which is the order of taking. */
  private onTheWay: OnTheWay[] = []
  protected readonly channel: ChildProcess

  /**
   * Starts the process.
   * @param module the module that it runs
   * @param args its arguments
   */
  constructor(id: string, module: URL, args: readonly string[], marks: Marks) {
    super(marks)
    this.id = id
    const child = fork(fileURLToPath(module), args, {
      serialization: 'advanced',
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
      execArgv: workerFlags(process.execArgv),
    })
    this.channel = child
    child.on('message', (message, connection) => {
      if (!this.took(message)) this.came(message, connection)
    })
    child.on('error', () => {
      // The process could not be started, so no `exit` follows.
      if (child.pid === undefined) this.over({ code: null, signal: null })
    })
    // The last messages come before the channel closes. That may be after the process has ended.
    child.on('exit', (code, signal) => {
      this.exited = { code, signal }
      if (!child.connected) this.over(this.exited)
    })
    child.on('disconnect', () => {
      if (this.exited !== null) this.over(this.exited)
    })
  }

  get pid(): number {
    return this.channel.pid ?? 0
  }

  /**
   * Sends a message with a connection. The connection belongs to the worker once the worker has taken it.
   * @param given is called once; false: the worker has ended, and the connection is still ours
   */
  sendWith(message: object, connection: RawConnection, given: (was: boolean) => void): void {
    const { channel } = this
    if (!channel.connected) {
      setImmediate(given, false)
      return
    }
    const sent: OnTheWay = { connection, given }
    this.onTheWay.push(sent)
    channel.send(message, connection as never, {}, (error) => {
      if (error !== null && this.onTheWay.includes(sent)) {
        this.onTheWay.splice(this.onTheWay.indexOf(sent), 1)
        given(false)
      }
    })
  }

  /** Returns true if the message is the worker's count of connections that it has taken. */
  private took(message: unknown): boolean {
    const { onTheWay } = this
    if (typeof message !== 'number' || !(message > 0 && message <= onTheWay.length)) return false
    for (const { connection, given } of onTheWay.splice(0, message)) {
      connection.close()
      given(true)
    }
    return true
  }

  /** Ends it at once. */
  kill(): void {
    this.channel.kill('SIGKILL')
  }

  private over(end: ProcessEnd): void {
    this.ended ??= end
    const { onTheWay } = this
    this.onTheWay = []
    this.gone()
    for (const { given } of onTheWay) given(false)
  }
}

/** Flags of Node that a worker must not share: each process has its own inspector, and 9229 is one port. */
const workerFlags = (flags: readonly string[]): string[] => [
  ...flags.filter((each) => !/^--inspect/.test(each)),
  // A signal that comes before our own code runs would open the inspector.
  ...(process.allowedNodeEnvironmentFlags.has('--disable-sigusr1') ? ['--disable-sigusr1'] : []),
]

/** A worker's end of its channel. It exists before the worker's pollset, whose limits come through it. */
export class PrimaryLink extends ProcessLink {
  readonly id = 'primary'
  protected readonly channel: Channel = process
  private early: (() => void) | null

  /** @param early is called for events before {@link attach} */
  constructor(early: () => void) {
    super(null)
    this.early = early
    process.on('message', (message, connection) => this.came(message, connection))
    process.on('disconnect', () => this.gone())
    if (process.connected !== true) this.gone()
  }

  /** Reports events to a pollset from now on. */
  attach(marks: Marks): void {
    const { readiness } = this
    this.early = null
    this.marks = marks
    this.readiness = 0
    if (readiness !== 0) marks.mark(this, readiness)
  }

  /** Closes the channel: this process may end. */
  close(): void {
    process.removeAllListeners('message')
    if (process.connected === true) process.disconnect()
  }

  protected override mark(bits: number): void {
    const { early } = this
    if (early === null) {
      super.mark(bits)
      return
    }
    this.readiness |= bits
    early()
  }
}
