// fermata-proxy/engine: shares sessions to one backend. It knows no protocol.

export { Checks, type RunningCheck } from './checks.js'
export { Engine } from './engine.js'
export { ALL_ENDED, Gather, PART_FAILED } from './gather.js'
export { LEASED, Lease, type LeaseAnswer, type LeaseHolder, LeaseRefusal, UNLEASED } from './lease.js'
export { type EngineLimits, engineLimits } from './limits.js'
export {
  type ConnectAttempt,
  type ConnectEvents,
  type Opening,
  type SessionOnConnection,
  sessionsOn,
} from './opening.js'
export { OwnSession } from './own-session.js'
export { RecentTable } from './recent-table.js'
export type { Session, SessionFactory, SessionReports, SessionState } from './session.js'
