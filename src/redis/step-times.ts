// The time of a command by its steps. The scheduler adds up the waits of each step (Continuation.waitedMs).
// Nothing is measured, and nothing allocated, while RedisProxy.stepTimes is null.

import { commandLife } from './command-steps.js'

/** The names of the times, by their place in the array. */
export const commandStepNames: readonly string[] = Object.keys(commandLife.edges)

/** The most arrays that are kept for further commands. */
const IDLE_MAX = 1_000

/** Lends arrays of times, all of them 0. */
export class StepTimes {
  private readonly idle: Float64Array[] = []

  take(): Float64Array {
    return this.idle.pop() ?? new Float64Array(commandStepNames.length)
  }

  give(times: Float64Array): void {
    if (this.idle.length < IDLE_MAX) this.idle.push(times.fill(0))
  }
}
