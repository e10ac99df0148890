// The time of a command by its steps. The scheduler adds up the waits of each step (Continuation.waitTimes).
// Nothing is measured while RedisProxy.measuresSteps is false.

import { commandLife } from './command-steps.js'

/** The names of the times, by the number of the step. */
export const commandStepNames: readonly string[] = Object.keys(commandLife.edges)
