// fermata-proxy/continuation: work as named steps and plain data, which can be held between two steps.

export { Continuation, type Description } from './continuation.js'
export { type Fault, fault } from './fault.js'
export { Hold, type HoldPoint } from './hold.js'
export { Scheduler, type SchedulerLimits, StepError, schedulerLimits } from './scheduler.js'
export { type Snapshot, snapshot } from './snapshot.js'
export {
  type BoundLife,
  DONE,
  defineLife,
  type EdgeTable,
  GOTO,
  type Life,
  type Outcome,
  type Program,
  SUSPEND,
} from './steps.js'
export { TraceLines, waitsOf } from './trace.js'
export { WaitTimes } from './wait-times.js'
export type { Cause, Gate, Tracer, Watcher } from './watchers.js'
export { seconds, stateOf, stepOf, type Why, type WhyHolder, type WhyWait, why, whyText } from './why.js'
export { createWorld, type World, type WorldOptions } from './world.js'
