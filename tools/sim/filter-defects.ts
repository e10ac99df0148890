// Defects to plant in filters that suspend exchanges.

import { CacheFilter } from '../../src/filters/cache/cache.js'
import { type Place, Places } from '../../src/filters/in-flight/places.js'
import { RateLimitFilter } from '../../src/filters/rate-limit/rate-limit.js'
import { bodies } from '../../src/proxy/filter/bodies.js'
import { BodyPath } from '../../src/proxy/filter/body-path.js'
import { FilterCall } from '../../src/proxy/filter/call.js'
import { filtering } from '../../src/proxy/filter/filtering.js'
import { FilterRun } from '../../src/proxy/filter/run.js'
import { Subrequest } from '../../src/proxy/filter/subrequest.js'
import type { Exchange } from '../../src/proxy/index.js'
import { type Defect, wrap } from './defects.js'

const FILTERS = { filters: 1, requests: 20, cancelPercent: 60, cancelWithinMs: 100, handOnly: 0 }

/** Readers alone: the requests of the ledger would see other properties break before. */
const READERS = { ...FILTERS, clients: 1, requests: 1, readers: 40, sendBufferBytes: 0 }

interface RouterInside {
  readonly routes?: readonly { readonly to: { readonly filters: unknown } }[]
}
const newestRoutes = (router: unknown): readonly { readonly filters: unknown }[] =>
  ((router as RouterInside).routes ?? []).map(({ to }) => to)

export const filterDefects: readonly Defect[] = [
  {
    name: 'place kept by a client that left',
    what: 'the place of a request that was cancelled while it waited is still waited for',
    expected: ['V1'],
    plan: FILTERS,
    plant: () =>
      wrap<Places, [Place]>(Places.prototype, 'leave', (_self, original, place) =>
        place.isGranted ? original(place) : undefined,
      ),
  },
  {
    name: 'place given back twice',
    what: 'a request that has ended gives back the place of another one too',
    expected: ['V1'],
    plan: FILTERS,
    plant: () =>
      wrap<Places, [Place]>(Places.prototype, 'leave', (self, original, place) => {
        if (place.isGranted && place.line !== null) self.running--
        return original(place)
      }),
  },
  {
    name: 'free place nobody gets',
    what: 'a place that was given back is not given to the request that waits for it',
    expected: ['V1'],
    plan: FILTERS,
    plant: () =>
      wrap<Places, [Place]>(Places.prototype, 'leave', (self, original, place) => {
        const { line } = place
        if (line === null || !place.isGranted || line.waiting.size === 0) return original(place)
        place.line = null
        line.running--
        self.running--
        return undefined
      }),
  },
  {
    name: 'hold that never ends',
    what: 'a request that was cancelled while the limit held it counts as held for ever',
    expected: ['V1'],
    plan: FILTERS,
    plant: () => wrap(RateLimitFilter.prototype, 'release', () => undefined),
  },
  {
    name: 'copy that never ends',
    what: 'a copy that has ended early counts as in flight for ever',
    expected: ['V1'],
    plan: FILTERS,
    plant: () => wrap(Subrequest.prototype, 'cut', () => undefined),
  },
  {
    name: 'filters not released',
    what: 'an exchange that has ended does not release its filters',
    expected: ['V1'],
    plan: FILTERS,
    plant: () => wrap(FilterRun.prototype, 'release', () => undefined),
  },
  {
    name: 'a wait for other bits',
    what: 'a filter is not woken by what it waits for',
    expected: ['X1'],
    plan: READERS,
    plant: () =>
      wrap<FilterCall, [object, number, object]>(
        FilterCall.prototype,
        'waitFor',
        (_self, original, pollable, bits, options) => original(pollable, bits << 8, options),
      ),
  },
  {
    name: 'a wait without its deadline',
    what: 'the wait of a filter has no end',
    expected: ['X1'],
    plan: READERS,
    plant: () =>
      wrap<object, [Exchange, unknown, unknown, unknown]>(
        filtering,
        'call',
        (_self, original, x, ...more) => {
          const next = original(x, ...more)
          if (next === 'wait') x.waitUntil(Number.MAX_SAFE_INTEGER)
          return next
        },
      ),
  },
  {
    name: 'release forgotten',
    what: 'filters of an exchange whose client has left are not released',
    expected: ['X2'],
    plan: READERS,
    plant: () =>
      wrap<FilterRun, [unknown]>(FilterRun.prototype, 'release', (self, original, failed) =>
        self.current < 0 ? original(failed) : undefined,
      ),
  },
  {
    name: 'release twice',
    what: 'each filter is released again',
    expected: ['X2'],
    plan: READERS,
    plant: () =>
      wrap<FilterRun, [unknown]>(FilterRun.prototype, 'release', (self, original, failed) => {
        const { begun } = self
        original(failed)
        self.begun = begun
        return original(failed)
      }),
  },
  {
    name: 'a byte changed on the way',
    what: 'the path of a body through transforms changes a byte',
    expected: ['X3'],
    plan: READERS,
    plant: () =>
      wrap<BodyPath, [Buffer, number, number]>(
        BodyPath.prototype,
        'pull',
        (_self, original, target, at, bytes) => {
          const taken = original(target, at, bytes) as number
          if (taken > 200) target[at + 100] ^= 1
          return taken
        },
      ),
  },
  {
    name: 'a charge that stays',
    what: 'what a collected or transformed body held is not given back',
    expected: ['X4'],
    plan: READERS,
    plant: () =>
      wrap<object, [Exchange, ...unknown[]]>(bodies, 'transform', (_self, original, x, ...more) => {
        const made = original(x, ...more)
        x.proxy.world.memory.charge(1)
        return made
      }),
  },
  {
    name: 'filters of another configuration',
    what: 'a response meets the filters of the configuration that serves now',
    expected: ['X5'],
    plan: READERS,
    plant: () =>
      wrap<object, [Exchange]>(filtering, 'response', (_self, original, x) => {
        const { filters } = x
        const newest = newestRoutes(x.proxy.routes).find(
          (each) => (each.filters as { uses: unknown[] } | null)?.uses.length === filters?.chain.uses.length,
        )
        if (filters !== null && newest?.filters != null)
          (filters as { chain: unknown }).chain = newest.filters
        return original(x)
      }),
  },
  {
    name: 'a fill for each request',
    what: 'requests for the same thing do not join the fill that runs',
    expected: ['X6'],
    plan: READERS,
    plant: () => wrap(CacheFilter.prototype, 'running', () => null),
  },
  {
    name: 'the entry of another key',
    what: 'a reader gets what the fill of another key fetches',
    expected: ['X3'],
    plan: READERS,
    plant: () => wrap(CacheFilter.prototype, 'listedAs', () => 'one'),
  },
]
