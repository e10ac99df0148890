// A World: everything that one run owns. Two Worlds in one process share nothing, because no module has
// mutable state: all state belongs to a World or to an object made with it.

import type { Pollset } from '../pollset/index.js'
import { Scheduler, type SchedulerLimits, schedulerLimits } from './scheduler.js'

export interface World {
  readonly pollset: Pollset
  readonly scheduler: Scheduler
  /** Returns the next id of a kind: `m1`, `m2`, … for `m`, after the World's prefix if it has one. */
  nextId(kind: string): string
}

export interface WorldOptions {
  readonly limits?: SchedulerLimits
  /** The text before every id, such as `w2/`, for Worlds that share a log. */
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
