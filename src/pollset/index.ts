// fermata-proxy/pollset: readiness. What can be waited for, until when, and the turn that tells.

export * from './deadlines.js'
export * from './door.js'
export { addressVersion, Networks, numericHost } from './node-networks.js'
export { NodePollset, type NodePollsetLimits, nodePollsetLimits } from './node-pollset.js'
export { namesOf, Pollable, type PollableView, type Waiter } from './pollable.js'
export { Prng } from './prng.js'
export type { FarOwner, SimFar, SimSocket } from './sim-link.js'
export { noFaults, type SimFaults } from './sim-pipe.js'
export { SimPollset } from './sim-pollset.js'
export { OutputSlabs, SlabPool } from './slabs.js'
export type { Certificate, Secured, TlsClient, TlsClientOptions, TlsServer, TlsServerOptions } from './tls.js'
export { type TurnLimits, Turns, turnLimits } from './turn.js'
