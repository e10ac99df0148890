// The fields of an access log that HTTP defines: what is read of an exchange that has ended
// (spec/access-log.md).

import { type LogFamily, type LogField, LogFields, redactedQuery } from '../access-log/index.js'
import type { Head } from '../http/index.js'
import type { EndedAttempt, Exchange } from './exchange.js'
import { fieldValue } from './field-value.js'
import type { FilterTime } from './filter/run.js'
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

/** Fields whose value is a URL, which may have a query. */
const URL_FIELDS: ReadonlySet<string> = new Set(['referer', 'location', 'content-location'])
const FIELD_NAME = /^[a-z0-9_.-]{1,64}$/
/** A filter, and what it notes. */
const NOTE_NAME = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}\.[A-Za-z][A-Za-z0-9]{0,31}$/
const HIDDEN = '***'

/** See {@link EndedAttempt}. */
const ATTEMPT_COLUMNS = ['endpoint', 'session', 'outcome', 'ms']

/** See {@link FilterTime}. */
const FILTER_COLUMNS = ['filter', 'phase', 'ms']
const NO_TIMES: readonly FilterTime[] = []

/** Fields that a line has only where they are named. */
const NAMED_ONLY: ReadonlySet<string> = new Set(['time.clf', 'status.clf'])

/** nginx's status of a request whose client left before the response. */
const CLIENT_CLOSED = 499

/** Hides what a redaction names. */
export interface Hiding {
  readonly url: (text: string) => string
  /** Returns what hides the value of a field of this name, in lower case. */
  readonly field: (name: string) => (text: string) => string
}

const asItIs = (text: string): string => text

export function hidingBy({ query, fields }: Redaction): Hiding {
  const url = query === 'values' ? redactedQuery : asItIs
  const field: Hiding['field'] = (name) =>
    fields.includes(name) ? () => HIDDEN : URL_FIELDS.has(name) ? url : asItIs
  return { url, field }
}

/** Makes the fields. Their values are read when the exchange has ended and released what it had. */
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
      return { name: `${prefix}${name}`, kind: 'text', read }
    },
  })
  const all: readonly LogField<Exchange>[] = [
    { name: 'time', kind: 'time', read: startOf },
    { name: 'time.clf', kind: 'clf-time', read: startOf },
    { name: 'id', kind: 'word', read: (x) => x.id },
    { name: 'client', kind: 'text', read: (x) => x.clientAddress },
    { name: 'listener', kind: 'text', steady: true, read: (x) => x.listener },
    { name: 'protocol', kind: 'word', steady: true, read: (x) => x.frontend.client.protocol },
    { name: 'tlsVersion', kind: 'word', steady: true, read: (x) => x.frontend.client.secured?.version ?? '' },
    { name: 'sni', kind: 'text', steady: true, read: (x) => x.frontend.client.secured?.serverName ?? '' },
    { name: 'method', kind: 'text', steady: true, read: (x) => requestOf(x).method?.value ?? '' },
    { name: 'upgrade', kind: 'text', steady: true, read: (x) => requestOf(x).protocol?.value ?? '' },
    { name: 'host', kind: 'text', steady: true, read: (x) => requestOf(x).host },
    { name: 'path', kind: 'text', read: (x) => url(requestOf(x).path?.value ?? '') },
    { name: 'status', kind: 'number', read: (x) => x.status },
    { name: 'status.clf', kind: 'number', read: (x) => (x.status === 0 ? CLIENT_CLOSED : x.status) },
    { name: 'outcome', kind: 'word', steady: true, read: (x) => x.outcome },
    { name: 'side', kind: 'word', steady: true, read: sideOf },
    { name: 'route', kind: 'text', steady: true, read: (x) => x.route.name },
    { name: 'backend', kind: 'text', steady: true, read: (x) => x.backend?.name ?? '' },
    { name: 'endpoint', kind: 'text', steady: true, read: (x) => x.attemptTo },
    { name: 'session', kind: 'word', steady: true, read: (x) => x.sessionId },
    { name: 'sessionReused', kind: 'flag', read: (x) => (x.sessionId === '' ? null : x.sessionReused) },
    { name: 'attempts', kind: 'list', columns: ATTEMPT_COLUMNS, read: attemptsOf },
    { name: 'answeredBy', kind: 'text', steady: true, read: (x) => x.filters?.answeredBy ?? '' },
    { name: 'filters', kind: 'list', columns: FILTER_COLUMNS, read: (x) => x.filters?.times ?? NO_TIMES },
    { name: 'bytesIn', kind: 'number', read: (x) => x.frontend.receivedBytes },
    { name: 'bytesOut', kind: 'number', read: (x) => x.frontend.sentBytes },
    { name: 'ms', kind: 'number', read: (x) => x.now - x.receivedAt },
    { name: 'steps', kind: 'numbers', names: stepTimeNames, read: (x) => x.waitedMs },
  ]
  const steps: LogFamily<Exchange> = {
    prefix: 'steps.',
    rest: 'STEP',
    field(name) {
      const at = stepTimeNames.indexOf(name)
      return at < 0
        ? null
        : { name: `steps.${name}`, kind: 'number', read: (x) => x.waitedMs?.[at] ?? Number.NaN }
    },
  }
  const notes: LogFamily<Exchange> = {
    prefix: 'filters.',
    rest: 'NAME.NOTE',
    field(name) {
      if (!NOTE_NAME.test(name)) return null
      const read = (x: Exchange): string => String(x.filters?.notes?.get(name) ?? '')
      return { name: `filters.${name}`, kind: 'text', read }
    },
  }
  return new LogFields(all, [
    steps,
    notes,
    family('request.', requestOf),
    family('response.', (x) => x.backendStream?.head ?? null),
  ])
}

/** The request as the client sent it, with our forwarding fields. */
const requestOf = (x: Exchange): Head => x.frontend.head ?? x.request

const startOf = (x: Exchange): number => x.proxy.world.pollset.wallTime() - (x.now - x.receivedAt)

/** Returns the attempts, with the last. */
function attemptsOf(x: Exchange): readonly EndedAttempt[] {
  const { endedAttempts, attemptAt, attemptTo: endpoint, sessionId: session, outcome } = x
  if (attemptAt < 0) return endedAttempts
  return [...endedAttempts, { endpoint, session, outcome, ms: x.now - attemptAt }]
}

/** The names of the fields that a line has by default. */
export const defaultFieldNames: readonly string[] = exchangeFields(defaultRedaction)
  .all.map(({ name }) => name)
  .filter((name) => !NAMED_ONLY.has(name))
