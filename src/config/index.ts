// The room of the configuration: from files to checked plain data.

export {
  type AccessLogOptions,
  accessLogConfig,
  defaultLogRedaction,
  type LogRedaction,
} from './access-log.js'
export {
  COMMAND_STEPS,
  commandFields,
  commandNumbers,
  commandTexts,
  commandTimeNames,
} from './command-fields.js'
export type * from './configuration.js'
export {
  type Diagnostic,
  Diagnostics,
  diagnosticText,
  type Place,
  pathText,
  placeText,
} from './diagnostics.js'
export { type Logged, templateReader, wrongField } from './field-names.js'
export type { FileContents } from './files.js'
export {
  type BackendNames,
  backendNames,
  MODULE,
  type ModuleOptions,
  type ModuleReadingResult,
  type ModuleSurroundings,
  readModuleOptions,
} from './filter-modules.js'
export { FilterOrder } from './filter-order.js'
export { jsonSchema } from './json-schema.js'
export { type LimitTables, writtenName } from './limits-schema.js'
export type { App, BackendChooser, ChooserRequest, HeldApp } from './live.js'
export { LOG_FORMATS, LOG_LEVELS, processLogConfig, type SomeProcessLog } from './process-log.js'
export { DURATION_MAX_MS, readDuration } from './quantities.js'
export {
  ConfigReader,
  fromObject,
  type ReadOptions,
  type ReadResult,
  readConfiguration,
  readText,
} from './read.js'
export { isAdminToken, type WrittenMain } from './schema.js'
export { masked, withoutSecrets } from './secrets.js'
