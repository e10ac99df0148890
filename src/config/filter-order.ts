// Finds mistakes in the order of a route's filters. The first filter is the outermost: it meets requests
// first and responses last.

import { definitionOf, type FilterDefinition, type FilterRole } from '../filters/index.js'
import type { FilterConfig } from './configuration.js'
import type { Diagnostics } from './diagnostics.js'

interface OrderRule {
  /** The role that belongs before the other. */
  readonly first: FilterRole
  readonly isOther: (definition: FilterDefinition | null) => boolean
  readonly isError: boolean
  readonly why: string
}

const hasRole =
  (role: FilterRole) =>
  (definition: FilterDefinition | null): boolean =>
    definition?.role === role
const isCache = hasRole('cache')

const RULES: readonly OrderRule[] = [
  {
    first: 'authentication',
    isOther: isCache,
    isError: true,
    why: 'a hit would be answered before anybody is asked who he is',
  },
  { first: 'access', isOther: isCache, isError: false, why: 'a hit is answered before access is judged' },
  {
    first: 'rate-limit',
    isOther: hasRole('authentication'),
    isError: false,
    why: 'else a flood of requests is authenticated before it is limited',
  },
  {
    first: 'cors',
    isOther: hasRole('authentication'),
    isError: false,
    why: 'else preflights are refused: browsers send them without credentials',
  },
  {
    first: 'compress',
    isOther: isCache,
    isError: false,
    why: 'else the cache stores one coding for all clients',
  },
  {
    first: 'body-limit',
    isOther: (definition) => definition?.holds === true,
    isError: false,
    why: 'else a body is held before its length is judged',
  },
]

type Find = (kind: string, filter: FilterConfig) => FilterDefinition | null

export class FilterOrder {
  private readonly diagnostics: Diagnostics
  private readonly find: Find

  /** @param find the definition of a filter; null if it is not known */
  constructor(diagnostics: Diagnostics, find: Find = definitionOf) {
    this.diagnostics = diagnostics
    this.find = find
  }

  check(filters: readonly FilterConfig[]): void {
    for (const { first, isOther, isError, why } of RULES) {
      const outer = filters.findIndex((each) => isOther(this.find(each.kind, each)))
      const inner = filters.findLastIndex((each) => this.find(each.kind, each)?.role === first)
      if (outer < 0 || inner < outer) continue
      const { name, source } = filters[inner]
      const message = `${name} stands inside ${filters[outer].name}: ${why}; write it before`
      if (isError) this.diagnostics.error(source, 'filters', message)
      else this.diagnostics.warn(source, 'filters', message)
    }
  }
}
