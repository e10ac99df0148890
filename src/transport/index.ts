// What every protocol needs under it and above the sockets: connection attempts, output slabs, the bytes that wait and their memory
// budget, lingering, rates. It knows no protocol.

export { type AttemptLimits, Attempts, attemptLimits } from './attempts.js'
export { HeldByConnection, HeldBytes, type HeldLimits, heldLimits, STALL } from './held.js'
export { Inbox, type Receiving } from './inbox.js'
export { Linger, type LingerLimits, lingerLimits } from './linger.js'
export { SlabOutput } from './slab-output.js'
export { type BackendTarget, notConnected } from './target.js'
export { TokenBucket } from './token-bucket.js'
export { Transit, type TransitLimits, transitLimits } from './transit.js'
