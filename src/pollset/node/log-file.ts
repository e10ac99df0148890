// A LineFile of the operating system. It has two slabs: one is filled while the other is written. A write
// that fails, or that a full pipe does not take, is tried again until it succeeds. Lines that come meanwhile
// fill the other slab; when that is full, they are dropped. So a line is in the file whole or not at all.
//
// Writes run in Node's thread pool, so a slow disk blocks one of its threads, never the loop. A pipe is
// opened so that writing never blocks.

import { close, constants, fstatSync, open, openSync, write, writeSync } from 'node:fs'
import type { Flushable, SocketFault } from '../door.js'
import { DROPPED, FAILED, LineFile, LineSlab, type LineWriter, REOPENED } from '../line-file.js'
import { faultOf } from './listener.js'
import type { Marked, Marks } from './socket.js'

const { O_APPEND, O_CREAT, O_NONBLOCK, O_WRONLY } = constants
/** Opening a FIFO that nobody reads fails, and so does writing to a full one: neither waits. */
const FLAGS = O_WRONLY | O_APPEND | O_CREAT | O_NONBLOCK
/** The owner may write, the group may read. */
const MODE = 0o640
/** The descriptors of standard output and standard error. */
const STDOUT = 1
export const STDERR = 2
const LINE_END = 0x0a
/** ms until a failed write or opening is tried again */
const RETRY_MS = 100
/** bytes from which on a write follows the last one without a pause: a write costs more than a line */
const MUCH = 128 * 1024
/** ms between the beginnings of two smaller writes, if lines are many */
const PAUSE_MS = 20
/** the most ms that the last lines may take when the file is closed */
const END_MS = 2_000

/** The part of a pollset that a file needs. */
export interface LogFileOwner extends Pick<Marks, 'mark'> {
  flushLater(output: Flushable): void
}

export class NodeLogFile extends LineFile implements Flushable, Marked {
  readonly id: string
  readonly name: string
  marked = 0
  lines = 0
  dropped = 0
  /** The path; null for a descriptor that the process already has. */
  private readonly path: string | null
  private readonly descriptor: number
  private readonly owner: LogFileOwner
  private readonly pauseMs: number
  private fd = -1
  /** True if we opened the file, so that we close it. */
  private owned = true
  private filling: LineSlab
  private filled = 0
  private filledLines = 0
  private writing: LineSlab
  private writingLines = 0
  /** The rest of the slab that is being written: from `at` to `end`. */
  private at = 0
  private end = 0
  /** True while a write is in flight. */
  private inFlight = false
  private opening = false
  /** True if the file is to be opened again when the opening under way has ended. */
  private wanted = false
  /** The descriptor of the file that was opened again; it replaces `fd` when no write is in flight. */
  private next = -1
  private timer: NodeJS.Timeout | null = null
  /** Runs for pauseMs from the beginning of the last write. */
  private pause: NodeJS.Timeout | null = null
  private flushing = false
  private droppedSince = 0
  private fault: SocketFault | null = null
  private ending: ((lost: number) => void) | null = null
  private endTimer: NodeJS.Timeout | null = null
  private closed = false
  private readonly onPaused = (): void => {
    this.pause = null
    this.proceed()
  }
  private readonly onWritten = (error: NodeJS.ErrnoException | null, bytes: number): void =>
    this.written(error, bytes)

  /**
   * @param path `-` for standard output; {@link STDERR}
   * @param slabBytes the bytes of each of the two slabs in which lines wait
   * @param pauseMs ms between the beginnings of two writes, unless much waits
   */
  constructor(
    id: string,
    path: string | typeof STDERR,
    slabBytes: number,
    owner: LogFileOwner,
    pauseMs = PAUSE_MS,
  ) {
    super()
    this.id = id
    this.path = path === '-' || path === STDERR ? null : path
    this.descriptor = path === STDERR ? STDERR : STDOUT
    this.name = this.path ?? (path === '-' ? 'standard output' : 'standard error')
    this.owner = owner
    this.pauseMs = pauseMs
    this.filling = new LineSlab(slabBytes)
    this.writing = new LineSlab(slabBytes)
  }

  /** Opens the file now, at the start. Returns the fault, or null. */
  openNow(): SocketFault | null {
    try {
      if (this.path !== null) this.fd = openSync(this.path, FLAGS, MODE)
      else this.openDescriptor(this.descriptor)
      return null
    } catch (error) {
      return faultOf(error as NodeJS.ErrnoException)
    }
  }

  private openDescriptor(descriptor: number): void {
    this.fd = descriptor
    this.owned = false
    if (!fstatSync(descriptor).isFIFO()) return
    try {
      // A pipe that is opened once more has flags of its own.
      this.fd = openSync(`/proc/self/fd/${descriptor}`, O_WRONLY | O_NONBLOCK)
      this.owned = true
    } catch {
      // This system has no such path: a pipe that nobody reads then blocks a thread of the pool.
    }
  }

  append<T>(line: LineWriter<T>, x: T): void {
    this.put(line, x)
    if (this.flushing) return
    this.flushing = true
    this.owner.flushLater(this)
  }

  /** Puts the line of `x`, or drops it. {@link flush} or {@link writeNow} must follow. */
  put<T>(line: LineWriter<T>, x: T): void {
    const { filled, filling } = this
    const end = this.ending === null ? line(x, filling, filled) : Number.POSITIVE_INFINITY
    if (end > filling.room) {
      this.dropped++
      this.droppedSince++
      this.raise(DROPPED)
      return
    }
    this.filled = end
    this.filledLines++
  }

  flush(): void {
    this.flushing = false
    this.proceed()
  }

  crashWith(error: unknown): void {
    throw error
  }

  reopen(): void {
    if (this.path === null || this.ending !== null) return
    this.wanted = true
    this.openSoon()
  }

  private openSoon(): void {
    if (this.opening || !this.wanted) return
    this.opening = true
    this.wanted = false
    open(this.path as string, FLAGS, MODE, (error, fd) => {
      this.opening = false
      if (error !== null) {
        this.wanted = true
        this.failed(error)
        this.retryLater()
        return
      }
      if (this.next >= 0) close(this.next, ignored)
      this.next = fd
      this.owner.mark(this, REOPENED)
      this.proceed()
    })
  }

  /** Writes what it can at once, before the process ends. */
  writeNow(): void {
    try {
      if (this.fd < 0) return
      if (!this.inFlight && this.at < this.end) {
        this.at += writeSync(this.fd, this.writing.bytes, this.at, this.end - this.at)
        // The rest would follow on another line.
        if (this.at < this.end) return
        this.lines += this.writingLines
        this.writingLines = 0
      }
      if (this.filled === 0) return
      const bytes = writeSync(this.fd, this.filling.bytes, 0, this.filled)
      this.filled = 0
      if (bytes > 0) this.lines += this.filledLines
      this.filledLines = 0
    } catch {
      // The process ends, so there is nobody to tell.
    }
  }

  /**
   * Writes the rest, then closes the file. A slow file has {@link END_MS}.
   * @param ended is called once, with the number of dropped lines that nobody was told of
   */
  finish(ended: (lost: number) => void): void {
    if (this.ending !== null) return
    this.ending = ended
    this.endTimer = setTimeout(() => this.giveUp(), END_MS)
    this.proceed()
  }

  takeDropped(): number {
    const count = this.droppedSince
    this.droppedSince = 0
    this.lower(DROPPED)
    return count
  }

  takeFault(): SocketFault | null {
    const { fault } = this
    this.fault = null
    this.lower(FAILED)
    return fault
  }

  /** Begins the next write, if there is something to write. */
  private proceed(): void {
    if (this.timer === null) this.openSoon()
    if (this.inFlight || this.timer !== null || this.closed) return
    if (this.next >= 0) this.change()
    if (this.at === this.end) {
      if (this.filled === 0) {
        if (this.ending !== null) this.close()
        return
      }
      if (this.pause !== null && this.filled < MUCH && this.ending === null) return
      this.swap()
    }
    if (this.fd < 0) return
    this.inFlight = true
    if (this.pauseMs > 0) this.pause ??= setTimeout(this.onPaused, this.pauseMs)
    write(this.fd, this.writing.bytes, this.at, this.end - this.at, null, this.onWritten)
  }

  private swap(): void {
    const { filling } = this
    this.filling = this.writing
    this.writing = filling
    this.at = 0
    this.end = this.filled
    this.writingLines = this.filledLines
    this.filled = 0
    this.filledLines = 0
  }

  /**
   * Changes to the file that was opened again. It drops the rest of a line whose beginning is
   * in the old file.
   */
  private change(): void {
    if (this.fd >= 0 && this.owned) close(this.fd, ignored)
    this.fd = this.next
    this.next = -1
    if (this.at === 0 || this.writing.bytes[this.at - 1] === LINE_END) return
    const lineEnd = this.writing.bytes.indexOf(LINE_END, this.at)
    this.at = lineEnd + 1
    this.writingLines--
    this.lose(1)
  }

  private written(error: NodeJS.ErrnoException | null, bytes: number): void {
    this.inFlight = false
    if (error !== null) {
      // The pipe is full: it is slow, not broken.
      if (error.code !== 'EAGAIN') this.failed(error)
      this.retryLater()
      return
    }
    this.at += bytes
    if (this.at === this.end) {
      this.lines += this.writingLines
      this.writingLines = 0
    }
    this.proceed()
  }

  private failed(error: NodeJS.ErrnoException): void {
    this.fault = faultOf(error)
    this.owner.mark(this, FAILED)
  }

  private lose(lines: number): void {
    this.dropped += lines
    this.droppedSince += lines
    this.owner.mark(this, DROPPED)
  }

  private retryLater(): void {
    this.timer ??= setTimeout(() => {
      this.timer = null
      this.proceed()
    }, RETRY_MS)
    // The timer keeps the process alive only while the file is being closed.
    if (this.ending === null) this.timer.unref()
    else this.timer.ref()
  }

  private giveUp(): void {
    let left = this.filledLines
    for (let at = this.at; at < this.end; at++) if (this.writing.bytes[at] === LINE_END) left++
    this.lose(left)
    this.close()
  }

  private close(): void {
    const { ending } = this
    this.closed = true
    this.wanted = false
    if (this.timer !== null) clearTimeout(this.timer)
    if (this.pause !== null) clearTimeout(this.pause)
    if (this.next >= 0) close(this.next, ignored)
    if (this.endTimer !== null) clearTimeout(this.endTimer)
    this.at = 0
    this.end = 0
    this.filled = 0
    // A write in flight keeps its file open until it has ended.
    if (!this.inFlight && this.fd >= 0 && this.owned) close(this.fd, ignored)
    this.fd = -1
    ending?.(this.droppedSince)
    this.droppedSince = 0
  }
}

const ignored = (): void => {}
