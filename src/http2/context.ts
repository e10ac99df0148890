// What all HTTP/2 connections of one World share: its limits, durations and counts.

import type { HttpWorld } from '../http/index.js'
import type { DurationList } from '../pollset/index.js'
import { connectionLife } from './connection-life.js'
import { type Http2Limits, http2Limits } from './limits.js'

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
  /** streams left to run dry instead of being reset */
  dried: number
}

export interface Http2Context {
  readonly world: HttpWorld
  readonly limits: Http2Limits
  readonly durations: readonly DurationList[]
  /** ms between two looks at a connection: no limit ends it more than a tenth late */
  readonly tendMs: number
  /** The same while the peer owes something, or somebody waits for it. */
  readonly lookMs: number
  readonly counts: Http2Counts
}

/** ms between two looks at a connection, at most; and looks in the time of each limit, at least */
const TEND_MS = 5_000
const LOOKS = 10
/** ms between two looks at streams that run dry */
const PACE_MS = 100

export function createHttp2(world: HttpWorld, limits: Partial<Http2Limits> = {}): Http2Context {
  const all = { ...http2Limits, ...limits }
  const tendMs = Math.min(TEND_MS, Math.min(all.frontendIdleMs, all.backendIdleMs) / LOOKS)
  const { pingAfterMs, frontendPingTimeoutMs, backendPingTimeoutMs, prefaceMs, frameMs, dryMs } = all
  const hasty = [pingAfterMs, frontendPingTimeoutMs, backendPingTimeoutMs, prefaceMs, frameMs, dryMs]
  const lookMs = Math.min(tendMs, Math.min(...hasty) / LOOKS)
  return {
    world,
    limits: all,
    durations: connectionLife.durations(world.pollset.deadlines, {
      tend: tendMs,
      look: lookMs,
      pace: Math.min(PACE_MS, all.dryMs / LOOKS),
    }),
    tendMs,
    lookMs,
    counts: { calmed: 0, connectionErrors: 0, streamErrors: 0, headersTooLarge: 0, refused: 0, dried: 0 },
  }
}
