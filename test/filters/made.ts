// Filters of the box as the server makes them, for tests: their options are read, and what they keep is kept
// by their name.

import { readText } from '../../src/config/index.js'
import { definitionOf, type FilterContext } from '../../src/filters/index.js'
import type { FilterUse } from '../../src/proxy/index.js'
import { limitTables } from '../../src/server/check-configuration.js'
import { use } from './small-proxy.js'

/** Reads a configuration whose only route has these filters. */
export const configured = (filters: string) =>
  readText(
    `version: 1\nlisteners: { a: { address: 127.0.0.1:0 } }\nbackends: { app: { endpoints: [127.0.0.1:1] }, copy: { endpoints: [127.0.0.1:2] }, keys: { protocol: redis, endpoints: [127.0.0.1:3] }, many: { protocol: redis, cluster: { seeds: [127.0.0.1:4] } } }\nroutes:\n  - backend: app\n    ${filters}`,
    'a.yaml',
    { ...limitTables(), env: {} },
  )

/** The states of filters, by name and key. */
export class Kept {
  readonly states = new Map<string, object>()
  readonly told: string[] = []

  /** Makes the filter of this text, as `rateLimit: { limit: 1/1s }`. Throws if it has mistakes. */
  make(text: string, more: Partial<FilterContext> = {}): FilterUse {
    const { configuration, errors } = configured(`filters: [{ ${text} }]`)
    const [config] = configuration?.routes[0].filters ?? []
    if (config === undefined) throw new Error(errors.map((each) => each.message).join('\n'))
    const { kind, name, options, onFailure } = config
    const context: Partial<FilterContext> = {
      name,
      state: <T extends object>(key: string, make: () => T): T => {
        const id = `${name} ${key}`
        const found = (this.states.get(id) as T | undefined) ?? make()
        this.states.set(id, found)
        return found
      },
      tell: (_level, message) => void this.told.push(message),
      ...more,
    }
    const filter = definitionOf(kind)?.create(options, context as FilterContext)
    if (filter === undefined) throw new Error(`there is no kind ${kind}`)
    return use(name, filter, onFailure)
  }
}

/** Returns the errors and warnings of these filters, a line each. */
export const mistakesOf = (filters: string): string => {
  const { errors, warnings } = configured(filters)
  return [...errors, ...warnings]
    .map((each) => `${each.line}:${each.column} ${each.path} ${each.message}`)
    .join('\n')
}
