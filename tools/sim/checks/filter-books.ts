// V1: the states of filters equal the possessions of exchanges: each place and each held request belongs to a
// living exchange, nobody waits for a free place, and at the end nothing is left.

import { type Place, Places } from '../../../src/filters/in-flight/places.js'
import { Copies } from '../../../src/filters/mirror.js'
import { Buckets } from '../../../src/filters/rate-limit/buckets.js'
import { type Exchange, isSubrequest } from '../../../src/proxy/index.js'
import type { ExchangeInside } from '../inside.js'
import { type Checker, fail, type RunView } from './check.js'

/** A filter that keeps places, or a limit. */
interface FilterInside {
  readonly places?: Places
  readonly buckets?: Buckets
}

/** The state of a filter, of one exchange. */
interface Kept {
  readonly place?: Place | null
  readonly isHeld?: boolean
}

interface LineInside {
  readonly key: string
  readonly running: number
  readonly waiting: { readonly first: Place | null; readonly size: number }
}

const linesOf = (places: Places): ReadonlyMap<string, LineInside> =>
  (places as unknown as { readonly lines: ReadonlyMap<string, LineInside> }).lines

/** The possessions of exchanges in one table of places. */
class Had {
  readonly granted = new Set<Place>()
  readonly waiting = new Set<Place>()
}

/** @param kept the states of configured filters; others keep theirs for exchanges that have begun */
export function filterBooks(kept: () => Iterable<object>): Checker {
  return {
    turn(scene) {
      const had = new Map<object, Had>()
      const held = new Map<object, number>()
      for (const each of kept()) {
        if (each instanceof Places) had.set(each, new Had())
        if (each instanceof Buckets) held.set(each, 0)
      }
      for (const x of scene.exchanges)
        for (const [{ places, buckets }, { place = null, isHeld = false }] of filtersOf(x)) {
          if (buckets !== undefined) held.set(buckets, (held.get(buckets) ?? 0) + Number(isHeld))
          if (places === undefined || place === null) continue
          const all = had.get(places) ?? new Had()
          had.set(places, all)
          if (all.granted.has(place) || all.waiting.has(place)) fail('V1', `${place.id} has two exchanges`)
          if (place.isGranted) all.granted.add(place)
          else all.waiting.add(place)
        }
      const copies = scene.exchanges.filter((x) => isSubrequest(x as unknown as Exchange)).length
      for (const each of kept())
        if (each instanceof Copies && each.running.size > copies)
          fail('V1', `${each.running.size} copies count as in flight, ${copies} are`)
      for (const [places, all] of had) placesFit(places as Places, all)
      for (const [buckets, count] of held)
        if ((buckets as Buckets).held !== count)
          fail('V1', `${(buckets as Buckets).held} requests count as held by a limit, ${count} are`)
    },
    end(scene: RunView) {
      for (const x of scene.exchanges) fail('V1', `${x.id} lives at the end`)
      for (const each of kept()) {
        if (each instanceof Places && (each.running > 0 || each.waiting > 0 || each.keys > 0))
          fail('V1', `${each.running} places are taken at the end, ${each.waiting} are waited for`)
        if (each instanceof Copies && each.running.size > 0)
          fail('V1', `${each.running.size} copies are in flight at the end`)
        if (each instanceof Buckets && each.held > 0) fail('V1', `${each.held} requests are held at the end`)
      }
    },
  }
}

function* filtersOf(x: ExchangeInside): Iterable<readonly [FilterInside, Kept]> {
  const run = x.filters
  if (run === null) return
  for (let at = 0; at < run.begun; at++) {
    const state = run.states[at]
    if (typeof state === 'object' && state !== null)
      yield [run.chain.uses[at].filter as FilterInside, state as Kept]
  }
}

function placesFit(places: Places, { granted, waiting }: Had): void {
  if (places.running !== granted.size)
    fail('V1', `${places.running} places count as taken, ${granted.size} are`)
  if (places.waiting !== waiting.size)
    fail('V1', `${places.waiting} places count as waited for, ${waiting.size} are`)
  let running = 0
  for (const line of linesOf(places).values()) {
    running += line.running
    const { first } = line.waiting
    if (first !== null && line.running < first.most) fail('V1', `${first.id} waits, and a place is free`)
    if (first === null && line.running === 0) fail('V1', `the key ${line.key} is kept without a request`)
  }
  if (running !== places.running) fail('V1', `${running} places are taken by key, ${places.running} in all`)
}
