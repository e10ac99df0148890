// fermata-proxy/testing: tries filters on the simulated network (spec/filters.md).

export type { FieldLine } from '../filters/filter.js'
export type { AskedRequest, GotResponse, TestRequest, TestResponse } from './network.js'
export {
  type ExploreOptions,
  exploreFilter,
  type FilterRun,
  type FilterTest,
  type TestedFilter,
  tryFilter,
} from './try-filter.js'
