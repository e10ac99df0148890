// The fields of an access log that HTTP defines, read from an exchange that has ended (spec/access-log.md).

import {
  type LineValues,
  type LogFamily,
  type LogField,
  LogFields,
  NO_ROWS,
  redactedQuery,
} from '../access-log/index.js'
import type { Head } from '../http/index.js'
import type { EndedAttempt, Exchange } from './exchange.js'
import { fieldValue } from './field-value.js'
import { sideOf } from './outcomes.js'
import { stepTimeNames } from './step-times.js'

/** The parts of a request that are not logged. */
export interface Redaction {
  /** `values`: the values of the query are hidden, in the path and in fields that have URLs. */
  readonly query: 'values' | 'none'
  /** Names of fields whose values are hidden, in lower case. */
  readonly fields: readonly string[]
}

export const defaultRedaction: Redaction = {
  query: 'values',
  fields: ['authorization', 'cookie', 'set-cookie', 'proxy-authorization'],
}

/** The fields whose value is a URL, which may have a query. */
const URL_FIELDS: ReadonlySet<string> = new Set(['referer', 'location', 'content-location'])
const FIELD_NAME = /^[a-z0-9_.-]{1,64}$/
/** The name of a filter and of its note. */
const NOTE_NAME = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}\.[A-Za-z][A-Za-z0-9]{0,31}$/
const HIDDEN = '***'

/** See {@link EndedAttempt}. */
const ATTEMPT_COLUMNS = ['endpoint', 'session', 'outcome', 'ms']

/** The columns of a `FilterTime`. */
const FILTER_COLUMNS = ['filter', 'phase', 'ms']

/** The fields that a line has only if they are named. */
const NAMED_ONLY: ReadonlySet<string> = new Set(['time.clf', 'status.clf'])

/** nginx's status of a request whose client left before the response. */
const CLIENT_CLOSED = 499

/** Hides the parts that a redaction names. */
export interface Hiding {
  readonly url: (text: string) => string
  /** Returns the function that hides the value of a field of this name, in lower case. */
  readonly field: (name: string) => (text: string) => string
}

const asItIs = (text: string): string => text

export function hidingBy({ query, fields }: Redaction): Hiding {
  const url = query === 'values' ? redactedQuery : asItIs
  const field: Hiding['field'] = (name) =>
    fields.includes(name) ? () => HIDDEN : URL_FIELDS.has(name) ? url : asItIs
  return { url, field }
}

/** The places of texts (LineValues). */
const text = {
  owner: 0,
  letter: 1,
  client: 2,
  listener: 3,
  protocol: 4,
  tlsVersion: 5,
  sni: 6,
  method: 7,
  upgrade: 8,
  host: 9,
  path: 10,
  outcome: 11,
  side: 12,
  route: 13,
  backend: 14,
  endpoint: 15,
  session: 16,
  answeredBy: 17,
} as const

/** The places of numbers. */
const number = {
  time: 0,
  id: 1,
  status: 2,
  clfStatus: 3,
  sessionReused: 4,
  bytesIn: 5,
  bytesOut: 6,
  ms: 7,
} as const

const STEPS = 0

/** The places of lists. */
const list = { attempts: 0, filters: 1 } as const

const FIELDS: readonly LogField<Exchange>[] = [
  { name: 'time', kind: 'time', at: number.time },
  { name: 'time.clf', kind: 'clf-time', at: number.time },
  { name: 'id', kind: 'id', owner: text.owner, letter: text.letter, at: number.id },
  { name: 'client', kind: 'text', at: text.client },
  { name: 'listener', kind: 'text', steady: true, at: text.listener },
  { name: 'protocol', kind: 'word', steady: true, at: text.protocol },
  { name: 'tlsVersion', kind: 'word', steady: true, at: text.tlsVersion },
  { name: 'sni', kind: 'text', steady: true, at: text.sni },
  { name: 'method', kind: 'text', steady: true, at: text.method },
  { name: 'upgrade', kind: 'text', steady: true, at: text.upgrade },
  { name: 'host', kind: 'text', steady: true, at: text.host },
  { name: 'path', kind: 'text', at: text.path },
  { name: 'status', kind: 'number', steady: true, at: number.status },
  { name: 'status.clf', kind: 'number', at: number.clfStatus },
  { name: 'outcome', kind: 'word', steady: true, at: text.outcome },
  { name: 'side', kind: 'word', steady: true, at: text.side },
  { name: 'route', kind: 'text', steady: true, at: text.route },
  { name: 'backend', kind: 'text', steady: true, at: text.backend },
  { name: 'endpoint', kind: 'text', steady: true, at: text.endpoint },
  { name: 'session', kind: 'word', steady: true, at: text.session },
  { name: 'sessionReused', kind: 'flag', steady: true, at: number.sessionReused },
  { name: 'attempts', kind: 'list', columns: ATTEMPT_COLUMNS, at: list.attempts },
  { name: 'answeredBy', kind: 'text', at: text.answeredBy },
  { name: 'filters', kind: 'list', columns: FILTER_COLUMNS, at: list.filters },
  { name: 'bytesIn', kind: 'number', at: number.bytesIn },
  { name: 'bytesOut', kind: 'number', at: number.bytesOut },
  { name: 'ms', kind: 'number', at: number.ms },
  { name: 'steps', kind: 'numbers', names: stepTimeNames, at: STEPS },
]

/**
 * Reads the values of all these fields.
 * @param url hides the secret parts of a URL
 * @param steps takes the times of the steps
 */
function readValues(
  x: Exchange,
  { texts, numbers, series, marks, lists }: LineValues,
  url: (text: string) => string,
  steps: Float64Array,
): void {
  const { frontend, status, sessionId } = x
  const { client } = frontend
  const request = requestOf(x)
  const ms = x.now - x.receivedAt
  texts[text.owner] = client.id
  texts[text.letter] = frontend.idLetter
  texts[text.client] = x.clientAddress
  texts[text.listener] = x.listener
  texts[text.protocol] = client.protocol
  texts[text.tlsVersion] = client.secured?.version ?? ''
  texts[text.sni] = client.secured?.serverName ?? ''
  texts[text.method] = methodOf(x)
  texts[text.upgrade] = request.protocol?.value ?? ''
  texts[text.host] = request.host
  texts[text.path] = url(request.path?.value ?? '')
  texts[text.outcome] = x.outcome
  texts[text.side] = sideOf(x)
  texts[text.route] = x.route.name
  texts[text.backend] = x.backend?.name ?? ''
  texts[text.endpoint] = x.attemptTo
  texts[text.session] = sessionId
  texts[text.answeredBy] = x.filters?.answeredBy ?? ''
  numbers[number.time] = x.proxy.world.pollset.wallTime() - ms
  numbers[number.id] = frontend.idNumber
  numbers[number.status] = status
  numbers[number.clfStatus] = status === 0 ? CLIENT_CLOSED : status
  numbers[number.sessionReused] = sessionId === '' ? Number.NaN : x.sessionReused ? 1 : 0
  numbers[number.bytesIn] = frontend.receivedBytes
  numbers[number.bytesOut] = frontend.sentBytes
  numbers[number.ms] = ms
  const { waitTimes } = x
  waitTimes?.put(steps)
  series[STEPS] = steps
  marks[STEPS] = waitTimes?.marks ?? 0
  lists[list.attempts] = x.endedAttempts.length === 0 ? NO_ROWS : attemptsOf(x)
  lists[list.filters] = x.filters === null ? NO_ROWS : x.filters.times
}

/** Makes the fields. Their values are read when the exchange has ended and released everything. */
export function exchangeFields({ query, fields: hidden }: Redaction): LogFields<Exchange> {
  const { url, field: ofField } = hidingBy({ query, fields: hidden })
  const family = (prefix: string, headOf: (x: Exchange) => Head | null): LogFamily<Exchange> => ({
    prefix,
    rest: 'NAME',
    field(name) {
      if (!FIELD_NAME.test(name)) return null
      const shown = ofField(name)
      const read = (x: Exchange): string => {
        const head = headOf(x)
        const value = head === null ? null : fieldValue(head, name)
        return value === null ? '' : shown(value)
      }
      return { name: `${prefix}${name}`, kind: 'text', text: read }
    },
  })
  const steps: LogFamily<Exchange> = {
    prefix: 'steps.',
    rest: 'STEP',
    field(name) {
      const at = stepTimeNames.indexOf(name)
      return at < 0
        ? null
        : { name: `steps.${name}`, kind: 'number', number: (x) => x.waitTimes?.at(at) ?? Number.NaN }
    },
  }
  const notes: LogFamily<Exchange> = {
    prefix: 'filters.',
    rest: 'NAME.NOTE',
    field(name) {
      if (!NOTE_NAME.test(name)) return null
      const read = (x: Exchange): string => String(x.filters?.noteOf(name) ?? '')
      return { name: `filters.${name}`, kind: 'text', text: read }
    },
  }
  const times = new Float64Array(stepTimeNames.length)
  const read = (x: Exchange, values: LineValues): void => readValues(x, values, url, times)
  return new LogFields(FIELDS, read, [
    steps,
    notes,
    family('request.', requestOf),
    family('response.', (x) => x.backendStream?.head ?? null),
  ])
}

/** Returns the method that the client sent: GET for an Upgrade, which steps see as extended CONNECT. */
export const methodOf = (x: Exchange): string =>
  x.frontend.mayBeDeclined ? 'GET' : (requestOf(x).method?.value ?? '')

/** Returns the request as the client sent it, with our forwarding fields. */
const requestOf = (x: Exchange): Head => x.frontend.head ?? x.request

/** Returns the attempts, including the last. Other fields already describe an only attempt. */
function attemptsOf(x: Exchange): readonly EndedAttempt[] {
  const { endedAttempts, attemptAt, attemptTo: endpoint, sessionId: session, outcome } = x
  if (attemptAt < 0) return endedAttempts
  return [...endedAttempts, { endpoint, session, outcome, ms: x.now - attemptAt }]
}

/** The names of the fields that a line has by default. */
export const defaultFieldNames: readonly string[] = exchangeFields(defaultRedaction)
  .all.map(({ name }) => name)
  .filter((name) => !NAMED_ONLY.has(name))
