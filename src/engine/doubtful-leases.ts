// The doubtful leases of an engine, oldest first: leases whose clients may have left (spec/engine.md, E33).

import type { Lease } from './lease.js'
import type { Session } from './session.js'

export class DoubtfulLeases<S extends Session> extends Set<Lease<S>> {
  /**
   * Ends the oldest leases past half of the room. The other half is for leases that are not doubtful.
   * @param share the most leases that a session may have, as configured
   */
  endOldest(sessions: readonly S[], sessionsMax: number, share: number): void {
    if (this.size * 2 <= sessionsMax) return
    let capacity = 0
    for (const each of sessions) capacity = Math.max(capacity, each.capacity)
    // No session can carry a lease: the room is unknown, and leases take none of it.
    if (capacity === 0) return
    const most = Math.max(1, (sessionsMax * Math.min(capacity, share)) >> 1)
    for (const lease of this) {
      if (this.size <= most) return
      this.delete(lease)
      lease.of.cancel?.()
    }
  }
}
