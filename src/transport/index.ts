// What every protocol needs under it and above the sockets: connection attempts, output slabs, the bytes that
// wait and their memory budget, lingering, rates. It knows no protocol.

export { type AttemptLimits, Attempts, attemptLimits } from './attempts.js'
export { ByteConnection, byteConnectionLife } from './byte-connection.js'
export { ByteOutput, type ByteOutputOwner } from './byte-output.js'
export { Connections, EMPTY } from './connections.js'
export { type Ends, endsOf } from './endpoints.js'
export { Linger, type LingerLimits, lingerLimits } from './linger.js'
export { Listening, type ListeningEvents, listeningLife } from './listening.js'
export { ConnectionBudget, MemoryBudget, type MemoryLimits, memoryLimits, STALL } from './memory-budget.js'
export { ProxyHeaderReader, type ProxyVersion, proxyHeader } from './proxy-protocol.js'
export { type CreditSink, ReceiveBuffer } from './receive-buffer.js'
export { type OutputOwner, SlabOutput } from './slab-output.js'
export { OutputSlabs, type SlabLimits, slabLimits } from './slabs.js'
export { type BackendTarget, notConnected } from './target.js'
export { TokenBucket } from './token-bucket.js'
export { Transit, type TransitLimits, transitLimits } from './transit.js'
export { createTransportWorld, type TransportLimits, type TransportWorld, transportLimits } from './world.js'
