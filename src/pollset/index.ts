// fermata-proxy/pollset: pollables, deadlines, and the turn that resumes waiters.

export * from './deadlines.js'
export * from './door.js'
export { endsWorld, InvariantBroken, type InvariantReach, invariant } from './invariant.js'
export { DROPPED, FAILED, LineFile, LineSlab, type LineWriter, REOPENED } from './line-file.js'
export { List, type Listed } from './list.js'
export {
  certificateFor,
  checkAuthorities,
  checkCertificates,
  type Identity,
  KnownCertificates,
} from './node/certificates.js'
export { FilesDigest, keyedDigest, randomKey, sha1Of } from './node/digest.js'
export { CHANGED, FileWatch, LOOKED } from './node/file-watch.js'
export { LentListener, type ListenerLender } from './node/lent-listener.js'
export { UNIX_PATH_BYTES_MAX } from './node/listener.js'
export { NodeLogFile } from './node/log-file.js'
export { addressVersion, canonicalAddress, Networks, numericHost } from './node/networks.js'
export { PasswordThreads } from './node/password-threads.js'
export { checkPasswordKind, type PasswordHash, readPasswordHash } from './node/passwords.js'
export { type LentParts, NodePollset, type NodePollsetLimits, nodePollsetLimits } from './node/pollset.js'
export {
  GONE,
  HEARD,
  type Heard,
  PrimaryLink,
  type ProcessEnd,
  ProcessLink,
  type RawConnection,
  WorkerProcess,
} from './node/process-link.js'
export { type Promised, poolThreads, promised } from './node/promise-work.js'
export { type PublicKey, readPublicKey } from './node/public-keys.js'
export { StandardError } from './node/standard-error.js'
export { REPLIED, Thread } from './node/thread.js'
export { newTicketKeys } from './node/ticket-keys.js'
export { securedBy } from './node/tls.js'
export { UserCode } from './node/user-code.js'
export {
  type Holder,
  namesOf,
  Pollable,
  type PollableView,
  Signal,
  type Subject,
  type Waiter,
} from './pollable.js'
export { ANSWERED, addressRecord, type NameRecord, Query, type Question } from './query.js'
export type { SimPeerSocket, SimPeerSocketOwner, SimSocket } from './sim/link.js'
export { noFaults, type SimFaults } from './sim/pipe.js'
export { SimPollset } from './sim/pollset.js'
export { Prng } from './sim/prng.js'
export type { SimAnswer } from './sim/query.js'
export { Slab, SlabPool } from './slabs.js'
export { SETTLED, Task, type TaskWork } from './task.js'
export type { Certificate, Secured, TlsClient, TlsClientOptions, TlsServer, TlsServerOptions } from './tls.js'
export { type TurnLimits, Turns, turnLimits } from './turn.js'
