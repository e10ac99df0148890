// Measures the turns of the process that loads it first (`node --import`). Over IPC it reports everything
// since the last question: the durations of turns, the debugger's part of each, and which of the long ones
// overlap a pause of the garbage collector.

import { existsSync, openSync, readSync } from 'node:fs'
import { constants, type NodeGCPerformanceDetail, PerformanceObserver } from 'node:perf_hooks'
import { DapSession } from '../../src/debugger/index.js'
import { Survey } from '../../src/debugger/survey.js'
import { Turns } from '../../src/pollset/index.js'
import { ByteOutput } from '../../src/transport/index.js'

export interface TurnReport {
  readonly turns: number
  /** The turns of more than 1 ms. Each is in one of the three following groups, or in none. */
  readonly long: number
  /** The turns that overlap a pause of the garbage collector, by its kind. */
  readonly inGc: Readonly<Record<string, number>>
  /** The turns whose thread had 1 ms of CPU or less: another thread had it, of this process or of another. */
  readonly interrupted: number
  /** The turns in which the work of the debugger took more than 1 ms. */
  readonly byDebugger: number
  /** The longest turn without a pause, in ms of the thread's CPU. */
  readonly longestMs: number
  /** The longest work of the debugger in such a turn, in ms of the thread's CPU. */
  readonly debuggerMs: number
  /** The turns with work of the debugger. */
  readonly debuggerTurns: number
}

const LONG_MS = 1
/** The CPU of a shorter turn is not read: it has no more. */
const SHORT_MS = 0.2

const GC_KINDS = new Map([
  [constants.NODE_PERFORMANCE_GC_MINOR, 'minor'],
  [constants.NODE_PERFORMANCE_GC_MAJOR, 'major'],
  [constants.NODE_PERFORMANCE_GC_INCREMENTAL, 'incremental'],
  [constants.NODE_PERFORMANCE_GC_WEAKCB, 'weak callbacks'],
])

interface Span {
  readonly began: number
  readonly ended: number
}
interface Pause extends Span {
  readonly kind: string
}
interface Turn extends Span {
  readonly debuggerMs: number
  /** The CPU that the thread had. */
  readonly cpuMs: number
}

/**
 * Reads the CPU time of this thread. Linux has it in no other place that Node 20 can read, and not every
 * Linux has it: then it is that of all threads of the process.
 */
class ThreadCpu {
  private readonly path = `/proc/self/task/${process.pid}/sched`
  private readonly file = existsSync(this.path) ? openSync(this.path, 'r') : null
  private readonly text = Buffer.alloc(8192)

  /** In ms. */
  get ms(): number {
    // Linux counts until now when it is asked for this.
    const { userCPUTime, systemCPUTime } = process.resourceUsage()
    if (this.file === null) return (userCPUTime + systemCPUTime) / 1000
    const length = readSync(this.file, this.text, 0, this.text.length, 0)
    const [, ms] = /^se\.sum_exec_runtime\s*:\s*([\d.]+)/m.exec(this.text.toString('latin1', 0, length)) ?? []
    return Number(ms)
  }
}

const threadCpu = new ThreadCpu()

let turns: Turn[] = []
let pauses: Pause[] = []
/** The work of the debugger in this turn, in ms. */
let spentMs = 0
/** True while work of the debugger is being measured: calls from it are part of it. */
let inside = false

const observer = new PerformanceObserver((list) => addPauses(list.getEntries()))
observer.observe({ entryTypes: ['gc'] })

function addPauses(entries: ReturnType<typeof observer.takeRecords>): void {
  for (const each of entries) {
    const { startTime, duration, detail } = each as typeof each & { readonly detail: NodeGCPerformanceDetail }
    const kind = GC_KINDS.get(detail.kind ?? -1) ?? 'other'
    pauses.push({ began: startTime, ended: startTime + duration, kind })
  }
}

/** Replaces a method by one that counts as work of the debugger if `its` returns true. */
function measure<T extends object>(prototype: T, name: string, its: (it: T) => boolean): void {
  const method = Reflect.get(prototype, name) as (...given: unknown[]) => unknown
  Reflect.set(prototype, name, function (this: T, ...given: unknown[]): unknown {
    if (inside || !its(this)) return method.apply(this, given)
    inside = true
    const began = performance.now()
    try {
      return method.apply(this, given)
    } finally {
      inside = false
      // Work of 0 ms is work too.
      spentMs += Math.max(performance.now() - began, Number.MIN_VALUE)
    }
  })
}

const isOfDebugger = (output: ByteOutput): boolean => Reflect.get(output, 'connection') instanceof DapSession
measure(Survey.prototype, 'resume', () => true)
measure(DapSession.prototype, 'resume', () => true)
measure(ByteOutput.prototype, 'flush', isOfDebugger)
measure(ByteOutput.prototype, 'settle', isOfDebugger)

const measured = Turns.prototype as unknown as { turn(): void }
const { turn } = measured
measured.turn = function (): void {
  spentMs = 0
  const before = threadCpu.ms
  const began = performance.now()
  turn.call(this)
  const ended = performance.now()
  const tookMs = ended - began
  const cpuMs = tookMs <= SHORT_MS ? tookMs : Math.min(tookMs, threadCpu.ms - before)
  turns.push({ began, ended, debuggerMs: Math.min(spentMs, cpuMs), cpuMs })
}

/** Returns the measurements, and begins again. */
function report(): TurnReport {
  const inGc: Record<string, number> = {}
  const found = { long: 0, interrupted: 0, byDebugger: 0, longestMs: 0, debuggerMs: 0, debuggerTurns: 0 }
  for (const { began, ended, debuggerMs, cpuMs } of turns) {
    if (debuggerMs > 0) found.debuggerTurns++
    const isLong = ended - began > LONG_MS
    const pause = pauses.find((each) => each.began < ended && each.ended > began)
    if (isLong) found.long++
    if (pause === undefined) {
      if (isLong && cpuMs <= LONG_MS) found.interrupted++
      if (debuggerMs > LONG_MS) found.byDebugger++
      found.longestMs = Math.max(found.longestMs, cpuMs)
      found.debuggerMs = Math.max(found.debuggerMs, debuggerMs)
    } else if (isLong) inGc[pause.kind] = (inGc[pause.kind] ?? 0) + 1
  }
  const told = { turns: turns.length, inGc, ...found }
  turns = []
  pauses = []
  return told
}

/** The delay with which the collector's pauses are reported. */
const TOLD_MS = 20

process.on('message', () => {
  setTimeout(() => {
    addPauses(observer.takeRecords())
    process.send?.(report())
  }, TOLD_MS)
})
process.on('disconnect', () => process.exit(0))
