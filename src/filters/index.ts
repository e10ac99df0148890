// The built-in filters, and the tools for writing filters.

export { optionsSchema } from './define.js'
export * from './filter.js'
export { type FilterLimits, filterLimits } from './limits.js'
export { redirect } from './redirect.js'
export { type boxed, definitionOf, definitions } from './registry.js'
export { respond } from './respond.js'
export { readHostName, readPath, readTarget } from './url-options.js'
export type * from './written.js'
