// The fields of the access log that commands of Redis have, and relays (spec/access-log.md). The server reads
// their values.

import { type LineValues, type LogFamily, type LogField, LogFields } from '../access-log/index.js'

/** The names of the times of a command: the steps of its life. */
export const commandTimeNames: readonly string[] = [
  'route',
  'divide',
  'collect',
  'lease',
  'send',
  'stream',
  'tell',
  'pause',
  'giveUp',
  'refuse',
  'drop',
]

/** The places of texts (LineValues). */
export const commandTexts = {
  owner: 0,
  letter: 1,
  client: 2,
  listener: 3,
  protocol: 4,
  user: 5,
  command: 6,
  kind: 7,
  keys: 8,
  outcome: 9,
  backend: 10,
  endpoint: 11,
  session: 12,
} as const

/** The places of numbers. */
export const commandNumbers = {
  time: 0,
  id: 1,
  db: 2,
  clfStatus: 3,
  attempts: 4,
  parts: 5,
  bytesIn: 6,
  bytesOut: 7,
  ms: 8,
} as const

/** The place of the series. */
export const COMMAND_STEPS = 0

/** The fields that a line has only if they are named. */
const NAMED_ONLY: ReadonlySet<string> = new Set(['time.clf', 'status.clf'])

const [text, number] = [commandTexts, commandNumbers]

const FIELDS: readonly LogField<never>[] = [
  { name: 'time', kind: 'time', at: number.time },
  { name: 'time.clf', kind: 'clf-time', at: number.time },
  { name: 'id', kind: 'id', owner: text.owner, letter: text.letter, at: number.id },
  { name: 'client', kind: 'text', at: text.client },
  { name: 'listener', kind: 'text', steady: true, at: text.listener },
  { name: 'protocol', kind: 'word', steady: true, at: text.protocol },
  { name: 'user', kind: 'text', steady: true, at: text.user },
  { name: 'db', kind: 'number', steady: true, at: number.db },
  { name: 'command', kind: 'text', steady: true, at: text.command },
  { name: 'kind', kind: 'word', steady: true, at: text.kind },
  { name: 'keys', kind: 'text', at: text.keys },
  { name: 'outcome', kind: 'word', steady: true, at: text.outcome },
  { name: 'status.clf', kind: 'number', at: number.clfStatus },
  { name: 'backend', kind: 'text', steady: true, at: text.backend },
  { name: 'endpoint', kind: 'text', steady: true, at: text.endpoint },
  { name: 'session', kind: 'word', steady: true, at: text.session },
  { name: 'attempts', kind: 'number', at: number.attempts },
  { name: 'parts', kind: 'number', at: number.parts },
  { name: 'bytesIn', kind: 'number', at: number.bytesIn },
  { name: 'bytesOut', kind: 'number', at: number.bytesOut },
  { name: 'ms', kind: 'number', at: number.ms },
  { name: 'steps', kind: 'numbers', names: commandTimeNames, at: COMMAND_STEPS },
]

/**
 * Makes the fields.
 * @param read puts the values of a command at the places of its fields
 * @param ms returns the ms of a step; NaN if they were not measured
 */
export function commandFields<T>(
  read: (x: T, values: LineValues) => void,
  ms: (x: T, step: number) => number,
): LogFields<T> {
  const steps: LogFamily<T> = {
    prefix: 'steps.',
    rest: 'STEP',
    field(name) {
      const at = commandTimeNames.indexOf(name)
      return at < 0 ? null : { name: `steps.${name}`, kind: 'number', number: (x) => ms(x, at) }
    },
  }
  return new LogFields(FIELDS as readonly LogField<T>[], read, [steps])
}

/** The fields, of which only the names are used. */
export const knownCommandFields = (): LogFields<never> =>
  commandFields(
    () => {},
    () => Number.NaN,
  )

/** The names of the fields that a line of a command has by default. */
export const defaultCommandFields: readonly string[] = FIELDS.map(({ name }) => name).filter(
  (name) => !NAMED_ONLY.has(name),
)
