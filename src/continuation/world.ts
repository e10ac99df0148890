// A World: everything that one run owns. Two of them in one process do not touch: there is no mutable
// state at module level, so all of it hangs from here or from what was made with it.

import type { Pollset } from '../pollset/index.js'
import { Scheduler, type SchedulerLimits, schedulerLimits } from './scheduler.js'

export interface World {
  readonly pollset: Pollset
  readonly scheduler: Scheduler
  /** The next id of a kind: `m1`, `m2`, … for `m`; a prefix such as `w2/` when the World has one. */
  nextId(kind: string): string
}

export interface WorldOptions {
  readonly limits?: SchedulerLimits
  /** Put before every id, for worlds that share a log: `w2/`. */
  readonly prefix?: string
}

export function createWorld(pollset: Pollset, options: WorldOptions = {}): World {
  const counts = new Map<string, number>()
  const prefix = options.prefix ?? ''
  return {
    pollset,
    scheduler: new Scheduler(pollset, options.limits ?? schedulerLimits),
    nextId(kind) {
      const count = (counts.get(kind) ?? 0) + 1
      counts.set(kind, count)
      return `${prefix}${kind}${count}`
    },
  }
}
