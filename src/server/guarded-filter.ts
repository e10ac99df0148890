// A user's filter, each call of which is guarded: an error that its code throws later, in a timer or as a
// rejection that nobody handles, is reported as a failure of the filter.

import type { FilterContext } from '../filters/index.js'
import type { Filter } from '../proxy/index.js'

const CALLS = [
  'begin',
  'request',
  'attempt',
  'interim',
  'response',
  'trailers',
  'late',
  'log',
  'release',
  'close',
  'describe',
] as const

type AnyCall = (...args: unknown[]) => unknown

/** Returns a guarded filter that does the same. It has the same phases. */
export function guarded(filter: Filter<unknown>, guard: FilterContext['guard']): Filter<unknown> {
  const { identityFields } = filter
  const made: Record<string, AnyCall> = {}
  for (const name of CALLS) {
    const call = filter[name] as AnyCall | undefined
    if (call !== undefined) made[name] = (...args) => guard(() => call.apply(filter, args))
  }
  return { ...made, ...(identityFields === undefined ? {} : { identityFields }) } as Filter<unknown>
}
