// Defects to plant in filters that suspend exchanges.

import { type Place, Places } from '../../src/filters/in-flight/places.js'
import { RateLimitFilter } from '../../src/filters/rate-limit/rate-limit.js'
import { FilterRun } from '../../src/proxy/filter/run.js'
import { Subrequest } from '../../src/proxy/filter/subrequest.js'
import { type Defect, wrap } from './defects.js'

const FILTERS = { filters: 1, requests: 20, cancelPercent: 60, cancelWithinMs: 100, handOnly: 0 }

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
]
