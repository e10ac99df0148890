// The access log: fields that a protocol defines, formats that are compiled once, and the keeper of the file.
// This room knows no protocol.

export { CUT, TEXT_CHARACTERS_MAX } from './escape.js'
export {
  firstMarked,
  type LineValues,
  type ListRow,
  type LogFamily,
  type LogField,
  LogFields,
  NO_ROWS,
} from './fields.js'
export { COMBINED, FORMATS, type FormatName, formatOf, type LineFormat, lineText } from './format.js'
export { type KeeperWords, LogKeeper, logKeeperLife } from './keeper.js'
export { type KeyRedaction, redactedKey, redactedQuery } from './redact.js'
export { type Template, templateOf } from './template.js'
