// fermata-proxy/engine: sessions to one backend, shared. Knows no protocol.

export { Engine, type EngineLimits, engineLimits, GRANTED, QUEUED, REFUSED } from './engine.js'
export { LEASED, Lease, type LeaseHolder, UNLEASED } from './lease.js'
export type { Session, SessionFactory, SessionReports, SessionState } from './session.js'
