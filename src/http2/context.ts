// What all HTTP/2 connections of one World share: its limits, output slabs, durations and counts.

import type { HttpWorld } from '../http/index.js'
import { type DurationList, OutputSlabs } from '../pollset/index.js'
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
  readonly slabs: OutputSlabs
  readonly durations: readonly DurationList[]
  /** ms between two looks at a connection */
  readonly tendMs: number
  readonly counts: Http2Counts
}

/** ms between two looks at a connection: at least, and at most five times that */
const TEND_MS = 1_000
/** ms between two looks at streams that run dry */
const PACE_MS = 100

export function createHttp2(world: HttpWorld, limits: Partial<Http2Limits> = {}): Http2Context {
  const all = { ...http2Limits, ...limits }
  const shortest = Math.min(
    all.pingAfterMs,
    all.frontendPingTimeoutMs,
    all.backendPingTimeoutMs,
    all.frontendIdleMs,
    all.backendIdleMs,
    all.prefaceMs,
    all.frameMs,
  )
  const tendMs = Math.max(TEND_MS, Math.min(5 * TEND_MS, shortest))
  return {
    world,
    limits: all,
    slabs: new OutputSlabs(all.flushBytesMax, all.largeSlabsMax),
    durations: connectionLife.durations(world.pollset.deadlines, {
      tend: tendMs,
      pace: PACE_MS,
    }),
    tendMs,
    counts: { calmed: 0, connectionErrors: 0, streamErrors: 0, headersTooLarge: 0, refused: 0, dried: 0 },
  }
}
