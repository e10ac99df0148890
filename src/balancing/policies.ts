// The policies: each chooses the member that gets the next request. A policy is a function of the members
// that may be chosen. There are at least two of them, and at least one is not avoided.

import { hashText, unitOf } from './hash.js'
import type { Member } from './member.js'

/** Members that may be chosen, each with its share. */
export interface Candidates {
  readonly members: readonly Member[]
  /** True if all shares are equal. */
  readonly even: boolean
}

/** Returns a number in [0, 1). */
export type Chance = () => number

/** Chooses by smooth weighted round-robin: exact over a round, and heavy members do not come in a row. */
export function roundRobin(among: Candidates, avoid: readonly Member[]): Member {
  let chosen: Member | null = null
  let total = 0
  for (const each of among.members) {
    if (isIn(avoid, each)) continue
    each.credit += each.share
    total += each.share
    if (chosen === null || each.credit > chosen.credit) chosen = each
  }
  const member = chosen ?? among.members[0]
  member.credit -= total
  return member
}

/** Chooses at random, weighted by shares. */
export function random(among: Candidates, avoid: readonly Member[], chance: Chance): Member {
  const { members, even } = among
  if (even && avoid.length === 0) return members[Math.floor(chance() * members.length)]
  return draw(members, avoid, null, chance)
}

/**
 * Chooses the first of two members drawn by their shares, unless the second has less load for its share, both
 * without this request and with it. So shares hold at low load too, and a slow start works under any load.
 */
export function leastRequests(among: Candidates, avoid: readonly Member[], chance: Chance): Member {
  const { members, even } = among
  if (even && avoid.length === 0) {
    const first = Math.floor(chance() * members.length)
    const second = Math.floor(chance() * (members.length - 1))
    const one = members[first]
    const other = members[second < first ? second : second + 1]
    return other.load < one.load ? other : one
  }
  const one = draw(members, avoid, null, chance)
  const other = draw(members, avoid, one, chance)
  return other.load * one.share < one.load * other.share &&
    (other.load + 1) * one.share <= (one.load + 1) * other.share
    ? other
    : one
}

/**
 * Chooses by weighted rendezvous: the member with the best score for the key, among those with room under the
 * bound (among all, if every member with room is avoided).
 */
export function hash(among: Candidates, avoid: readonly Member[], key: string, bound: number): Member {
  const { members } = among
  const keyHash = hashText(key)
  let shares = 0
  let load = 1
  for (const each of members) {
    shares += each.share
    load += each.load
  }
  let best: Member | null = null
  let bestScore = Number.NEGATIVE_INFINITY
  let roomy: Member | null = null
  let roomyScore = Number.NEGATIVE_INFINITY
  for (const each of members) {
    if (isIn(avoid, each)) continue
    const score = scoreOf(keyHash, each)
    if (score > bestScore) {
      best = each
      bestScore = score
    }
    if (score > roomyScore && (bound === 0 || each.load < Math.ceil((bound * load * each.share) / shares))) {
      roomy = each
      roomyScore = score
    }
  }
  return roomy ?? best ?? members[0]
}

/** The score of a member for the hash of a key: the highest wins. */
export function scoreOf(keyHash: number, member: Member): number {
  return Math.log(unitOf(keyHash, member.hash)) / member.share
}

/** Draws a member by its share; `except` only if there is no other. */
function draw(
  members: readonly Member[],
  avoid: readonly Member[],
  except: Member | null,
  chance: Chance,
): Member {
  let total = 0
  for (const each of members) if (each !== except && !isIn(avoid, each)) total += each.share
  let left = chance() * total
  let drawn = except
  for (const each of members) {
    if (each === except || isIn(avoid, each)) continue
    drawn = each
    left -= each.share
    if (left < 0) break
  }
  return drawn ?? members[0]
}

const isIn = (avoid: readonly Member[], member: Member): boolean => avoid.length > 0 && avoid.includes(member)
