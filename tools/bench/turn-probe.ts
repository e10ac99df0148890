// Measures the turns of the process that loads it first (`node --import`). Over IPC it is asked, and tells
// what was since it was last asked.

import { Turns } from '../../src/pollset/index.js'

export interface TurnReport {
  readonly turns: number
  /** Turns in which the process lost its CPU to another: how long they took is not known. */
  readonly interrupted: number
  /** The longest turn of the others, in ms. */
  readonly longestMs: number
  /** Turns of more than 1 ms. */
  readonly long: number
}

const LONG_MS = 1
/** A turn may take so much longer than its CPU time, in ms and as a ratio, and was not interrupted. */
const SLACK_MS = 0.05
const SLACK = 1.1
let turns = 0
let interrupted = 0
let longestMs = 0
let long = 0

const measured = Turns.prototype as unknown as { turn(): void }
const { turn } = measured
measured.turn = function (): void {
  const cpu = process.cpuUsage()
  const began = performance.now()
  turn.call(this)
  const tookMs = performance.now() - began
  const { user, system } = process.cpuUsage(cpu)
  turns++
  // Other threads may add to the CPU time, and do not make the turn longer.
  if (tookMs > SLACK * ((user + system) / 1000) + SLACK_MS) interrupted++
  else {
    if (tookMs > longestMs) longestMs = tookMs
    if (tookMs > LONG_MS) long++
  }
}

process.on('message', () => {
  const report: TurnReport = { turns, interrupted, longestMs, long }
  turns = 0
  interrupted = 0
  longestMs = 0
  long = 0
  process.send?.(report)
})
process.on('disconnect', () => process.exit(0))
