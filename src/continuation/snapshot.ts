// A snapshot of a continuation for a person to read: JSON, with ids in place of objects. A continuation
// cannot be restored from it.

import type { Pollset } from '../pollset/index.js'
import type { Continuation, Description } from './continuation.js'
import { waitsOf } from './trace.js'

export interface Snapshot {
  readonly id: string
  readonly kind: string
  readonly step: string
  readonly state: 'queued' | 'suspended' | 'held' | 'done'
  /** Its wait, in the trace's grammar (spec/trace.md). */
  readonly waits: string
  /** ms until its deadline; null without one. */
  readonly lateInMs: number | null
  readonly data: Description
}

export function snapshot(c: Continuation, pollset: Pollset): Snapshot {
  return {
    id: c.id,
    kind: c.kind,
    step: c.stepName,
    state: c.finished ? 'done' : c.held ? 'held' : c.suspended !== null && !c.queued ? 'suspended' : 'queued',
    waits: c.suspended === null ? '-' : waitsOf(c, c.suspended),
    lateInMs: c.deadlineArmed ? Math.max(0, c.deadlineAt - pollset.now) : null,
    data: c.describe(),
  }
}
