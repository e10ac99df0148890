// What every protocol needs under it and above the sockets: connection attempts, output slabs, the bytes that wait and their memory
// budget, lingering, rates. It knows no protocol.

export { type AttemptLimits, Attempts, attemptLimits } from './attempts.js'
export { Linger, type LingerLimits, lingerLimits } from './linger.js'
export { ConnectionBudget, MemoryBudget, type MemoryLimits, memoryLimits, STALL } from './memory-budget.js'
export { type CreditSink, ReceiveBuffer } from './receive-buffer.js'
export { type OutputOwner, SlabOutput } from './slab-output.js'
export { OutputSlabs, type SlabLimits, slabLimits } from './slabs.js'
export { type BackendTarget, notConnected } from './target.js'
export { TokenBucket } from './token-bucket.js'
export { Transit, type TransitLimits, transitLimits } from './transit.js'
export { createTransportWorld, type TransportLimits, type TransportWorld, transportLimits } from './world.js'
