// E50: an engine keeps sessions open. E51: surrendered sessions are counted, and bounded.

import type { RedisBackend, RedisSession } from '../../../src/redis/index.js'
import { type Checker, fail } from '../checks/check.js'
import type { EngineInside } from '../inside.js'

interface EnginesView {
  readonly healed: boolean
  readonly engines: readonly EngineInside[]
  readonly sessions: readonly RedisSession[]
}

/** An engine, as far as these rules look at it. */
interface Keeping {
  readonly id: string
  readonly name: string
  readonly closing: boolean
  readonly sessions: readonly { readonly state: string }[]
  readonly limits: {
    readonly sessionsMin: number
    readonly sessionsMax: number
    readonly surrenderedMax: number
  }
  readonly openings: {
    readonly begun: number
    readonly size: number
    readonly pause: { readonly deadlineArmed: boolean }
  }
  readonly surrenderedSessions: ReadonlySet<RedisSession>
}

const insideOf = (engines: readonly EngineInside[]): readonly Keeping[] =>
  engines as unknown as readonly Keeping[]

const openOf = ({ sessions }: Keeping): number => sessions.filter(({ state }) => state === 'open').length

/** The number of sessions that it keeps, as far as all its places allow. */
const leastOf = ({ limits, sessions }: Keeping): number =>
  Math.min(limits.sessionsMin, limits.sessionsMax - sessions.filter(({ state }) => state !== 'open').length)

export function sessionsAreKept(): Checker<EnginesView> {
  return {
    turn({ engines, sessions }) {
      const counted = new Set<RedisSession>()
      for (const each of insideOf(engines)) {
        const { id, closing, openings, limits, surrenderedSessions } = each
        for (const session of surrenderedSessions) counted.add(session)
        if (surrenderedSessions.size > limits.surrenderedMax)
          fail(
            'E51',
            `${id} has ${surrenderedSessions.size} surrendered sessions, at most ${limits.surrenderedMax}`,
          )
        if (limits.sessionsMin === 0 || openings.begun === 0 || closing) continue
        const has = openOf(each) + openings.size
        if (has < leastOf(each) && !openings.pause.deadlineArmed)
          fail('E50', `${id} has ${has} sessions, and opens no other`)
      }
      for (const each of counted)
        if (each.finished) fail('E51', `${each.id} has closed, and counts as surrendered`)
      const own = new Set(insideOf(engines).flatMap((each) => each.sessions as readonly unknown[]))
      for (const each of sessions)
        if (each.isSurrendered && !each.isGone && !each.ending && !counted.has(each) && !own.has(each))
          fail('E51', `${each.id} is surrendered, and counts nowhere`)
    },
  }
}

/**
 * Returns true once each engine that has been used has its sessions.
 * @param isThere returns false if a wrong map has named this server, and nobody listens there
 */
export const areKept = (backend: RedisBackend, isThere: (name: string) => boolean): boolean =>
  insideOf(backend.engines() as unknown as readonly EngineInside[]).every(
    (each) =>
      each.closing ||
      each.openings.begun === 0 ||
      openOf(each) >= leastOf(each) ||
      !isThere(each.name.split(' ')[0]),
  )
