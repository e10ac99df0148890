// What all HTTP/2 connections of one World share: its limits, durations and counts.

import type { HttpWorld } from '../http/index.js'
import type { DurationList } from '../pollset/index.js'
import { type Http2Limits, http2Limits } from './limits.js'
import { sessionLife } from './session-life.js'

/** What has happened, for metrics and tests. Only grows. */
export interface Http2Counts {
  /** connections given up because the peer kept us busy with nothing (ENHANCE_YOUR_CALM) */
  calmed: number
  connectionErrors: number
  streamErrors: number
  /** requests answered with 431 here */
  headersTooLarge: number
  /** requests refused because the client had too many open */
  refused: number
  /** streams that were discarded instead of being reset */
  discarded: number
}

export interface Http2Context {
  readonly world: HttpWorld
  readonly limits: Http2Limits
  /** Of the waits of either life (connection-steps.ts). */
  readonly durations: readonly DurationList[]
  /** ms between two checks of a connection: no limit ends it more than a tenth late */
  readonly checkMs: number
  /** The same while the peer owes something, or somebody waits for it. */
  readonly hastyCheckMs: number
  readonly counts: Http2Counts
}

/** ms between two looks at a connection, at most; and looks in the time of each limit, at least */
const CHECK_MS = 5_000
const LOOKS = 10
/** ms between two looks at streams that are discarded */
const PACE_MS = 100

export function createHttp2(world: HttpWorld, limits: Partial<Http2Limits> = {}): Http2Context {
  const all = { ...http2Limits, ...limits }
  const checkMs = Math.min(CHECK_MS, Math.min(all.frontendIdleMs, all.backendIdleMs) / LOOKS)
  const { pingAfterMs, frontendPingTimeoutMs, backendPingTimeoutMs, prefaceMs, frameMs, discardMs } = all
  const hasty = [pingAfterMs, frontendPingTimeoutMs, backendPingTimeoutMs, prefaceMs, frameMs, discardMs]
  const hastyCheckMs = Math.min(checkMs, Math.min(...hasty) / LOOKS)
  return {
    world,
    limits: all,
    durations: sessionLife.durations(world.pollset.deadlines, {
      check: checkMs,
      hasten: hastyCheckMs,
      pace: Math.min(PACE_MS, all.discardMs / LOOKS),
    }),
    checkMs,
    hastyCheckMs,
    counts: { calmed: 0, connectionErrors: 0, streamErrors: 0, headersTooLarge: 0, refused: 0, discarded: 0 },
  }
}
