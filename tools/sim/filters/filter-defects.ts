// Defects of filters, planted one at a time. Each breaks a property of spec/filters.md.

import { CacheFilter } from '../../../src/filters/cache/cache.js'
import { bodies } from '../../../src/proxy/filter/bodies.js'
import { BodyPath } from '../../../src/proxy/filter/body-path.js'
import { FilterCall } from '../../../src/proxy/filter/call.js'
import { filtering } from '../../../src/proxy/filter/filtering.js'
import { FilterRun } from '../../../src/proxy/filter/run.js'
import { type FilterResult, simulateFilters } from './filter-run.js'

export interface FilterDefect {
  readonly name: string
  readonly what: string
  readonly expected: readonly string[]
  /** Plants it; returns what digs it out. */
  plant(): () => void
}

/** Replaces a method; returns what puts it back. */
function replaced<T extends object, K extends keyof T>(
  of: T,
  name: K,
  make: (before: T[K]) => T[K],
): () => void {
  const before = of[name]
  of[name] = make(before)
  return () => {
    of[name] = before
  }
}

/** A method with any arguments, of an object with any fields. */
type Method = (this: Record<string, unknown>, ...args: never[]) => unknown
const method = (prototype: object, name: string, make: (before: Method) => Method): (() => void) =>
  replaced(prototype as Record<string, Method>, name, make)

export const filterDefects: readonly FilterDefect[] = [
  {
    name: 'a wait for other bits',
    what: 'a filter is not woken by what it waits for',
    expected: ['X1'],
    plant: () =>
      replaced(
        FilterCall.prototype,
        'waitFor',
        (before) =>
          function (this: FilterCall, pollable, bits, options) {
            return before.call(this, pollable, bits << 8, options)
          },
      ),
  },
  {
    name: 'a wait without its deadline',
    what: 'the wait of a filter has no end',
    expected: ['X1'],
    plant: () =>
      replaced(filtering, 'call', (before) => (x, run, phase, place) => {
        const next = before(x, run, phase, place)
        if (next === 'wait') x.waitUntil(Number.MAX_SAFE_INTEGER)
        return next
      }),
  },
  {
    name: 'release forgotten',
    what: 'filters of an exchange whose client has left are not released',
    expected: ['X2'],
    plant: () =>
      replaced(
        FilterRun.prototype,
        'release',
        (before) =>
          function (this: FilterRun, failed) {
            if (this.current < 0) before.call(this, failed)
          },
      ),
  },
  {
    name: 'release twice',
    what: 'each filter is released again',
    expected: ['X2'],
    plant: () =>
      replaced(
        FilterRun.prototype,
        'release',
        (before) =>
          function (this: FilterRun, failed) {
            const { begun } = this
            before.call(this, failed)
            this.begun = begun
            before.call(this, failed)
          },
      ),
  },
  {
    name: 'a byte changed on the way',
    what: 'the path of a body through transforms changes a byte',
    expected: ['X3'],
    plant: () =>
      replaced(
        BodyPath.prototype,
        'pull',
        (before) =>
          function (this: BodyPath, target, at, bytes) {
            const taken = before.call(this, target, at, bytes)
            if (taken > 200) target[at + 100] ^= 1
            return taken
          },
      ),
  },
  {
    name: 'a charge that stays',
    what: 'what a collected or transformed body held is not given back',
    expected: ['X4'],
    plant: () =>
      replaced(bodies, 'transform', (before) => (x, run, of, filter, make) => {
        before(x, run, of, filter, make)
        x.proxy.world.memory.charge(1)
      }),
  },
  {
    name: 'filters of another configuration',
    what: 'a response meets the filters of the configuration that serves now',
    expected: ['X5'],
    plant: () =>
      replaced(filtering, 'response', (before) => (x) => {
        const [newest] = newestRoutes(x.proxy.routes)
        if (x.filters !== null && newest?.filters != null)
          (x.filters as { chain: unknown }).chain = newest.filters
        return before(x)
      }),
  },
  {
    name: 'a fill for each request',
    what: 'requests for the same thing do not join the fill that runs',
    expected: ['X6'],
    plant: () => method(CacheFilter.prototype, 'running', () => () => null),
  },
  {
    name: 'the entry of another key',
    what: 'a reader gets what the fill of another key fetches',
    expected: ['X3'],
    plant: () => method(CacheFilter.prototype, 'listedAs', () => () => 'one'),
  },
]

interface RouterInside {
  readonly routes?: readonly { readonly to: { readonly filters: unknown } }[]
}
const newestRoutes = (router: unknown): readonly { readonly filters: unknown }[] =>
  ((router as RouterInside).routes ?? []).map(({ to }) => to)

/** Plants a defect, and runs seeds until its property breaks. Returns the run; null if it does not. */
export function lookForFilterDefect(defect: FilterDefect, seedsMax: number): FilterResult | null {
  const undo = defect.plant()
  try {
    for (let seed = 1; seed <= seedsMax; seed++) {
      const result = simulateFilters(seed)
      if (result.violation !== null && defect.expected.includes(result.violation.property)) return result
    }
    return null
  } finally {
    undo()
  }
}
