// Debugging live requests over the Debug Adapter Protocol. This room knows continuations, but neither
// HTTP nor exchanges.

export { type Condition, Conditions, type Name, type Vocabulary } from './conditions.js'
export {
  ALL_WORKERS,
  BROKEN,
  checkAnswer,
  checkRequest,
  type DapCheck,
  type DapEvent,
  type DapMessage,
  type DapObject,
  DapReader,
  type DapRequest,
  type DapResponse,
  dapBytes,
  isObject,
  MALFORMED,
  MESSAGE,
  MORE,
} from './dap-codec.js'
export { type DapContext, DapSession } from './dap-session.js'
export { Debugger } from './debugger.js'
export { Foremost, type Key, numbersInText } from './foremost.js'
export { Glob } from './glob.js'
export {
  CommandError,
  Inquiry,
  LIST_ROWS,
  type ListAsked,
  type WhyAnswer,
} from './inquiry.js'
export { type DebuggerLimits, debuggerLimits } from './limits.js'
export {
  type PrimaryAnswer,
  type PrimaryContext,
  type PrimaryQuestion,
  PrimarySession,
} from './primary-session.js'
export { type Place, type SourceLife, Sources, type StepPlace } from './sources.js'
export { Survey, type Surveyor, type SurveyQuestion } from './survey.js'
export type { Link, Moment, Overview, Row, RowKey, Scope, Tally, Target, Variable } from './target.js'
export { rowKeys } from './target.js'
export { TurnShare, units } from './turn-share.js'
