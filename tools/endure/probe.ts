// Watches the process that loads it first (`node --import`): its turns and the rounds of its loop, the
// contents of long ones, its heap, and the number of its compiled routes. It answers questions over IPC.

import { openSync, readSync } from 'node:fs'
import { type Profiler, Session } from 'node:inspector'
import { queryObjects } from 'node:v8'
import { Turns } from '../../src/pollset/index.js'
import { Route } from '../../src/proxy/index.js'
import { heaviestPath, type Span } from './profile.js'

/**
 * `watch`: measures from now on; `profile`: records from now on what is in the turns, which makes them
 * longer; `tell`: reports the results since then; `collect`: reports what is held after a collection.
 */
export type Question = 'watch' | 'profile' | 'tell' | 'collect'

export interface TurnsTold {
  readonly turns: number
  /** The longest turns, in ms, the longest first. Time for which the process had no CPU is left out. */
  readonly turnsMs: readonly number[]
  /** The longest times between two rounds of Node's loop, in the same form. */
  readonly roundsMs: readonly number[]
  /** The functions in the longest turns and rounds; empty without `profile`. */
  readonly inTurns: readonly string[]
  readonly inRounds: readonly string[]
}

export interface HeldTold {
  readonly heapBytes: number
  readonly routes: number
}

/** The number of longest times that are reported. */
const KEPT = 10
/** The number of longest times whose contents are reported. */
const EXPLAINED = 3
const SAMPLE_MICROSECONDS = 250

interface Time {
  readonly ms: number
  /** The time in microseconds, by the clock of profiles. */
  readonly span: Span
}

/** Keeps the longest of many times. */
class Longest {
  private times: Time[] = []

  add(ms: number, from: number, to: number): void {
    if (this.times.length === KEPT && ms <= (this.times[KEPT - 1] as Time).ms) return
    this.times.push({ ms, span: [from * 1_000, to * 1_000] })
    this.times.sort((a, b) => b.ms - a.ms)
    this.times.length = Math.min(this.times.length, KEPT)
  }

  take(): readonly Time[] {
    const { times } = this
    this.times = []
    return times
  }
}

const text = Buffer.alloc(128)
const schedule = opened()

function opened(): number {
  try {
    return openSync('/proc/thread-self/schedstat', 'r')
  } catch {
    return -1
  }
}

/**
 * Returns the time for which this thread could have run and had no CPU, in ms; 0 if Linux does not tell it.
 */
function waitedMs(): number {
  if (schedule < 0) return 0
  const length = readSync(schedule, text, 0, text.length, 0)
  return Number(text.toString('latin1', 0, length).split(' ')[1]) / 1e6
}

/** The monotonic clock, in ms: that of profiles. */
const clock = (): number => Number(process.hrtime.bigint()) / 1e6

let turns = 0
let watching = false
let profiler: Session | null = null
const longTurns = new Longest()
const longRounds = new Longest()

const measured = Turns.prototype as unknown as { turn(): void }
const { turn } = measured
measured.turn = function (): void {
  if (!watching) {
    turn.call(this)
    return
  }
  const waited = waitedMs()
  const began = clock()
  turn.call(this)
  const ended = clock()
  turns++
  longTurns.add(ended - began - (waitedMs() - waited), began, ended)
}

/** Runs in each round of Node's loop, so that it never sleeps. */
function round(began: number, waited: number): void {
  const now = clock()
  const waitedNow = waitedMs()
  longRounds.add(now - began - (waitedNow - waited), began, now)
  if (watching) setImmediate(round, now, waitedNow)
}

function watch(): void {
  turns = 0
  longTurns.take()
  longRounds.take()
  if (!watching) setImmediate(round, clock(), waitedMs())
  watching = true
}

function profile(): void {
  profiler = new Session()
  profiler.connect()
  profiler.post('Profiler.enable')
  profiler.post('Profiler.setSamplingInterval', { interval: SAMPLE_MICROSECONDS })
  profiler.post('Profiler.start')
  watch()
}

function profiled(): Profiler.Profile | null {
  let found: Profiler.Profile | null = null
  profiler?.post('Profiler.stop', (_, result) => {
    found = result.profile
  })
  profiler?.disconnect()
  profiler = null
  return found
}

function tell(): TurnsTold {
  watching = false
  const [ofTurns, ofRounds, found] = [longTurns.take(), longRounds.take(), profiled()]
  const contents = (times: readonly Time[]): string[] =>
    found === null ? [] : times.slice(0, EXPLAINED).map(({ span, ms }) => heaviestPath(found, span, ms))
  return {
    turns,
    turnsMs: ofTurns.map((each) => each.ms),
    roundsMs: ofRounds.map((each) => each.ms),
    inTurns: contents(ofTurns),
    inRounds: contents(ofRounds),
  }
}

function collect(): HeldTold {
  for (let i = 0; i < 3; i++) globalThis.gc?.()
  const routes = queryObjects(Route, { format: 'count' })
  return { heapBytes: process.memoryUsage().heapUsed, routes }
}

function answer(question: Question): TurnsTold | HeldTold | null {
  if (question === 'tell') return tell()
  if (question === 'collect') return collect()
  if (question === 'profile') profile()
  else watch()
  return null
}

process.on('message', (question: Question) => process.send?.(answer(question)))
process.on('disconnect', () => process.exit(0))
