// Connections for any protocol: listening, dialling, output slabs, receive buffers and their memory budget,
// lingering, token buckets. This room knows no protocol.

export { type AddressPair, addressPairOf } from './address-pair.js'
export { ByteConnection } from './byte-connection.js'
export { ByteOutput, type ByteOutputOwner } from './byte-output.js'
export { Connections, EMPTY } from './connections.js'
export { DelayedReset } from './delayed-reset.js'
export { Dial, type DialEvents, dial, dialLife } from './dial.js'
export { type DialLimits, dialLimits } from './happy-eyeballs.js'
export { KeptBytes } from './kept-bytes.js'
export { type Keeper, KeptCopy, KeptTotal } from './kept-total.js'
export { LineConnection } from './line-connection.js'
export { BARE_CR, BARE_LF, LINE, LineReader, MORE, TOO_LONG } from './line-reader.js'
export { Linger, type LingerLimits, lingerLimits } from './linger.js'
export { Listening, type ListeningEvents, listeningLife } from './listening.js'
export {
  ConnectionBudget,
  type HeldLoss,
  MemoryBudget,
  type MemoryHolder,
  type MemoryLimits,
  memoryLimits,
  STALL,
} from './memory-budget.js'
export { MemoryLine, PlaceInLine } from './memory-line.js'
export { Pipeline } from './pipeline.js'
export { ProxyHeaderReader, type ProxyVersion, proxyHeader } from './proxy-protocol.js'
export { type CreditSink, ReceiveBuffer } from './receive-buffer.js'
export { type Securing, type SecuringEnd, secure, securingLife } from './securing.js'
export { type OutputOwner, SlabOutput } from './slab-output.js'
export { OutputSlabs, type SlabLimits, slabLimits } from './slabs.js'
export { SocketConnection, socketConnectionLife } from './socket-connection.js'
export { type ConnectTime, type DialTarget, notConnected } from './target.js'
export { TokenBucket } from './token-bucket.js'
export { Transit, type TransitLimits, transitLimits } from './transit.js'
export { createTransportWorld, type TransportLimits, type TransportWorld, transportLimits } from './world.js'
