// The things that all HTTP/2 connections of one World share: limits, durations and counts.

import type { HttpWorld } from '../http/index.js'
import type { DurationList } from '../pollset/index.js'
import { type Http2Limits, http2Limits } from './limits.js'
import { sessionLife } from './session-life.js'

/** Counters, for metrics and tests. They only grow. */
export interface Http2Counts {
  /** Connections closed for abuse (ENHANCE_YOUR_CALM). */
  calmed: number
  connectionErrors: number
  streamErrors: number
  /** Requests answered with 431 here. */
  headersTooLarge: number
  /** Requests refused because the client had too many open. */
  refused: number
  /** Streams that were discarded instead of being reset. */
  discarded: number
}

export interface Http2Context {
  readonly world: HttpWorld
  readonly limits: Http2Limits
  /** The durations of the waits of both lives (connection-steps.ts). */
  readonly durations: readonly DurationList[]
  /** ms between two checks of a connection: at most a tenth of each time limit. */
  readonly checkMs: number
  /** ms between two checks while the peer owes something, or an exchange waits for it. */
  readonly hastyCheckMs: number
  readonly counts: Http2Counts
}

/** The most ms between two checks. */
const CHECK_MS = 5_000
/** The fewest checks within each time limit. */
const CHECKS_MIN = 10
/** ms between two paced resets of discarded streams. */
const PACE_MS = 100

export function createHttp2(world: HttpWorld, limits: Partial<Http2Limits> = {}): Http2Context {
  const all = { ...http2Limits, ...limits }
  const checkMs = Math.min(CHECK_MS, all.frontendIdleMs / CHECKS_MIN)
  const { pingAfterMs, frontendPingTimeoutMs, backendPingTimeoutMs, prefaceMs, frameMs, discardMs } = all
  const hasty = [pingAfterMs, frontendPingTimeoutMs, backendPingTimeoutMs, prefaceMs, frameMs, discardMs]
  const hastyCheckMs = Math.min(checkMs, Math.min(...hasty) / CHECKS_MIN)
  return {
    world,
    limits: all,
    durations: sessionLife.durations(world.pollset.deadlines, {
      check: checkMs,
      hasten: hastyCheckMs,
      pace: Math.min(PACE_MS, all.discardMs / CHECKS_MIN),
    }),
    checkMs,
    hastyCheckMs,
    counts: { calmed: 0, connectionErrors: 0, streamErrors: 0, headersTooLarge: 0, refused: 0, discarded: 0 },
  }
}
