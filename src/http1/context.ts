// The things that all HTTP/1.1 connections of one World share: limits, durations, field decoder and counts.

import type { HttpWorld } from '../http/index.js'
import type { DurationList } from '../pollset/index.js'
import { FieldDecoder } from './field-decoder.js'
import { frontendLife } from './frontend-life.js'
import { type Http1Limits, http1Limits } from './limits.js'

/** Counters, for metrics and tests. They only grow. */
export interface Http1Counts {
  /** malformed requests, answered here */
  badRequests: number
  /** malformed responses */
  badResponses: number
  /** client connections whose head did not come in time (408) */
  headsLate: number
}

export interface Http1Context {
  readonly world: HttpWorld
  readonly limits: Http1Limits
  readonly durations: readonly DurationList[]
  /** ms between two checks of a connection, so that limits end at most a tenth late */
  readonly checkMs: number
  readonly decoder: FieldDecoder
  readonly counts: Http1Counts
}

/** the most ms between two checks */
const CHECK_MS = 1_000
const LOOKS = 10

export function createHttp1(world: HttpWorld, limits: Partial<Http1Limits> = {}): Http1Context {
  const all = { ...http1Limits, ...limits }
  const shortest = Math.min(all.headMs, all.keepAliveMs)
  const checkMs = Math.min(CHECK_MS, shortest / LOOKS)
  return {
    world,
    limits: all,
    durations: frontendLife.durations(world.pollset.deadlines, {
      check: checkMs,
    }),
    checkMs,
    decoder: new FieldDecoder(world.fields),
    counts: { badRequests: 0, badResponses: 0, headsLate: 0 },
  }
}
