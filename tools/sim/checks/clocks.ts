// The clocks of an exchange, from the inside (L1): one in which nothing moves for the time of its wait is
// ended, at most a tenth of that late, unless a side that takes no more may still be taking what it was sent;
// and none is ended as late while something moved within that time. While a debugger holds it, its clocks
// stand still: the time of a hold counts neither way.

import type { Continuation } from '../../../src/continuation/index.js'
import type { Exchange } from '../../../src/proxy/index.js'
import type { Limits } from '../../../src/server/index.js'
import { isOfReader } from '../filters/services.js'
import { type ExchangeInside, responseBegun } from '../inside.js'
import { type Checker, fail, type RunView } from './check.js'

interface Seen {
  moved: number
  waits: boolean
  sent: boolean
  phase: Phase
  /** The stream of the attempt under way: not every attempt is counted. */
  backend: object | null
  /** ms of the pollset's clock, later by each hold since: when one of them was last another; when the request came */
  at: number
  receivedAt: number
  lookedAt: number
  held: boolean
  /** It has begun a wait for a lease since the last look. */
  asked: boolean
  /** ms likewise: until when a side that takes nothing may still be taking what it was sent, as of the last look */
  arriving: number
  /** The same without the time of holds: when it becomes another, so does `arriving`. */
  arrivingUntil: number
  /** True once its lateness was judged. */
  judged: boolean
}

type Phase = 'none' | 'lease' | 'head' | 'body' | 'tunnel'

/** Returns the clock that runs. */
const phaseOf = (x: ExchangeInside): Phase => {
  // The waits of filters have deadlines of their own.
  if (x.stepName.startsWith('filter')) return 'none'
  if (x.tunnelOpen) return 'tunnel'
  if (responseBegun(x)) return 'body'
  if (x.backendStream !== null) return 'head'
  return x.lease.list === null ? 'none' : 'lease'
}

/** ms: the difference of two readings of the clock may come out a little less than it is */
const ROUNDING_MS = 1e-6

const LATE: Readonly<Record<string, Phase>> = {
  'lease-late': 'lease',
  'head-late': 'head',
  'tunnel-idle': 'tunnel',
}

export interface ClockChecker extends Checker {
  /** Called when a continuation has taken this step. */
  stepped(continuation: Continuation, step: string): void
}

export function clocks(): ClockChecker {
  const seen = new WeakMap<object, Seen>()

  function look(x: ExchangeInside, now: number): Seen {
    const { frontend, backendStream: backend } = x
    const moved = frontend.sentBytes + (backend?.sentBytes ?? 0)
    const waits = frontend.granted > 0 || (backend !== null && backend.granted > 0)
    const sent = backend?.localEnded === true
    const last = seen.get(x)
    // An exchange that is held before its next step has not taken it.
    const phase = x.held && last !== undefined ? last.phase : phaseOf(x)
    if (last === undefined) {
      const first = {
        moved,
        waits,
        sent,
        phase,
        backend,
        at: now,
        receivedAt: x.receivedAt,
        lookedAt: now,
        held: x.held,
        asked: false,
        arriving: 0,
        arrivingUntil: 0,
        judged: false,
      }
      seen.set(x, first)
      return first
    }
    // While it is held its own clocks stand still.
    if (last.held) {
      last.at += now - last.lookedAt
      last.receivedAt += now - last.lookedAt
      last.arriving += now - last.lookedAt
    }
    // It is given up, and held before its answer: what happens now comes after its clock.
    if (x.held && last.held && responseBegun(x) && phase === 'head') {
      last.lookedAt = now
      return last
    }
    if (
      last.asked ||
      last.backend !== backend ||
      last.moved !== moved ||
      (phase === 'head' && last.sent !== sent) ||
      last.phase !== phase ||
      (phase !== 'head' && waits && !last.waits)
    )
      last.at = now
    last.lookedAt = now
    return Object.assign(last, { moved, waits, sent, phase, held: x.held, backend, asked: false })
  }

  /** It was given up as late since the last look: its answer has not been counted yet. */
  function judge(x: ExchangeInside, { limits, pollset, hand }: RunView): void {
    const last = seen.get(x)
    const phase = LATE[x.outcome]
    if (last === undefined || phase === undefined || last.judged) return
    last.judged = true
    const ms = pollset.now - last.at
    // A reader's response from a cache may be late by the clock of the fill.
    if (isOfReader((x as unknown as Exchange).request.path?.value)) return
    // A trickle of what a side owes is no progress.
    const trickles = last.moved > 0 && phase === 'head' && limits.proxy.bodyBytesMin > 1
    if (!hand.late.has(x) && !trickles && ms + ROUNDING_MS < limitOf(phase, limits))
      fail('L1', `${x.id} is ended by ${x.outcome} after ${ms} ms`)
  }

  return {
    stepped(continuation, step) {
      const last = step === 'lease' ? seen.get(continuation) : undefined
      if (last !== undefined) last.asked = true
    },
    turn(scene) {
      const { now } = scene.pollset
      for (const x of scene.exchanges) {
        judge(x, scene)
        const last = look(x, now)
        const { at, phase } = last
        // One that has just ended has nothing that waits any more.
        const before = last.arriving
        const until = arriving(x, phase)
        if (until !== last.arrivingUntil) last.arriving = last.arrivingUntil = until
        const limit = phase === 'lease' && x.connecting ? x.route.connectMs : limitOf(phase, scene.limits)
        if (x.held) continue
        sameTime(x, x.receivedAt, last.receivedAt)
        sameTime(x, x.progress.receivedAt, last.receivedAt)
        // It does not wait: its step comes in the next turn, as its steps of this turn are spent.
        if (x.queued) continue
        if (now - Math.max(at, before, last.arriving) > limit * 1.1 + 1)
          fail(
            'L1',
            `${x.id} at ${x.stepName}: nothing moves for ${now - at} ms, and its limit is ${limit} ms`,
          )
      }
      for (const x of scene.logged as unknown as ExchangeInside[]) judge(x, scene)
    },
  }
}

/** Checks that its own time of receipt moves on with each hold, and by no more. */
function sameTime(x: ExchangeInside, theirs: number, ours: number): void {
  if (Math.abs(theirs - ours) > ROUNDING_MS)
    fail('L1', `${x.id} counts from ${theirs} ms, and its request came at ${ours} ms, without its holds`)
}

/** Until when a side that takes nothing may still be taking what it was sent. */
function arriving({ frontend, backendStream: backend }: ExchangeInside, phase: Phase): number {
  const client = frontend.granted > 0 ? frontend.arrivingUntil : 0
  if (backend === null) return client
  const upload = backend.granted > 0 || (phase === 'head' && backend.sentBytes > 0)
  return upload ? Math.max(client, backend.arrivingUntil) : client
}

function limitOf(phase: Phase, limits: Limits): number {
  if (phase === 'lease') return limits.proxy.leaseTimeoutMs
  if (phase === 'head') return limits.proxy.headTimeoutMs
  if (phase === 'body') return limits.proxy.bodyTimeoutMs
  return phase === 'tunnel' ? limits.proxy.tunnelIdleMs : Number.POSITIVE_INFINITY
}
