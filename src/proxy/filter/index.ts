// The filters of an exchange: their contract, and the code that runs them.

export { AnswerSource } from './answer-source.js'
export { PreparedFields, prepareFields } from './answers.js'
export { FilterChain, type FilterUse } from './chain.js'
export * from './contract.js'
export { FilterWriteError, writtenField } from './fields.js'
export { filtering } from './filtering.js'
export { PreparedChange } from './prepared-change.js'
export type { FilterTime } from './run.js'
export { isSubrequest, Subrequest, type SubrequestOptions } from './subrequest.js'
export { PooledTask, TaskPool, type TaskPoolOptions, ThreadShare } from './tasks.js'
export { FilterUseError } from './view.js'
