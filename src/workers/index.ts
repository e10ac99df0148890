// Workers: processes that carry the requests of one server, and the primary process that has its sockets.

export type { Answers } from './asking.js'
export { askingLife } from './asking.js'
export { type WorkersLimits, workersLimits } from './limits.js'
export { isToPrimary, type ToPrimary, type ToWorker, type WorkerOrder } from './messages.js'
export { roundLife } from './round.js'
export { SharedListeners, type SharedListenersEvents, sharedListenerLife } from './shared-listeners.js'
export { LentListeners, WorkerEnd, WorkerStart, type WorkerTasks, workerEndLife } from './worker-end.js'
export { workerId, workerSlotLife } from './worker-slot.js'
export { type ConfigurationParts, Workers, type WorkersEvents, type WorkersOptions } from './workers.js'
