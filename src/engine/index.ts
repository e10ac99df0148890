// fermata-proxy/engine: sessions to one backend, shared. Knows no protocol.

export { Engine, GRANTED, QUEUED, REFUSED } from './engine.js'
export { LEASED, Lease, type LeaseHolder, UNLEASED } from './lease.js'
export { type EngineLimits, engineLimits } from './limits.js'
export type { Session, SessionFactory, SessionReports, SessionState } from './session.js'
