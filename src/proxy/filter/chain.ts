// The filters of a route, in the order of its list: the first is the outermost. A chain is made with its
// configuration; exchanges share it.

import type { Filter } from './contract.js'
import { FieldNames } from './field-names.js'

/** The use of a filter in a route. */
export interface FilterUse {
  /** The name in logs, metrics, traces and for debuggers. */
  readonly name: string
  readonly filter: Filter<unknown>
  /**
   * The fate of an exchange if the filter fails or is late: it is refused, or passes without the filter.
   */
  readonly onFailure: 'refuse' | 'pass'
}

export class FilterChain {
  readonly uses: readonly FilterUse[]
  /** The places of the filters that have each phase. */
  readonly attempts: readonly number[]
  readonly interims: readonly number[]
  readonly trailers: readonly number[]
  readonly logs: readonly number[]
  readonly releases: readonly number[]
  /** True at the places of filters that have this phase. */
  readonly hasRequest: readonly boolean[]
  readonly hasResponse: readonly boolean[]
  /** The fields whose copies of the client each filter drops; null for none. */
  readonly identityFields: readonly (FieldNames | null)[]

  constructor(uses: readonly FilterUse[]) {
    this.uses = uses
    const having = (phase: 'attempt' | 'interim' | 'trailers' | 'log' | 'release'): number[] =>
      [...uses.keys()].filter((at) => uses[at].filter[phase] !== undefined)
    this.attempts = having('attempt')
    this.interims = having('interim')
    this.trailers = having('trailers')
    this.logs = having('log')
    this.releases = having('release')
    this.hasRequest = uses.map(({ filter }) => filter.request !== undefined)
    this.hasResponse = uses.map(({ filter }) => filter.response !== undefined)
    this.identityFields = uses.map(({ filter }) =>
      filter.identityFields === undefined ? null : new FieldNames(filter.identityFields),
    )
  }

  get length(): number {
    return this.uses.length
  }
}
