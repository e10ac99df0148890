// A hold: a debugger keeps a continuation from its next step, or from arming its next wait.

import type { Outcome } from './steps.js'

/** The place where a continuation was stopped. `arm`: before it waits. `paused`: anywhere, by hand. */
export type HoldPoint = 'started' | 'goto' | 'ready' | 'late' | 'cancelled' | 'arm' | 'paused'

export class Hold {
  /** ms of the pollset's clock */
  readonly since: number
  readonly point: HoldPoint
  /** The step it came from; -1 before its first step. */
  readonly from: number
  /** The wait that its release arms; null if it takes a step. */
  readonly wait: Outcome<string> | null
  /** ms left of that wait; -1: all of it, or no end. */
  left: number

  constructor(since: number, point: HoldPoint, from: number, wait: Outcome<string> | null, left: number) {
    this.since = since
    this.point = point
    this.from = from
    this.wait = wait
    this.left = left
  }
}
