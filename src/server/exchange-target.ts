// What the debugger shows and changes of exchanges: the one place where the two meet. Values of peers are
// cut, and credentials are masked unless the debugger may see them.

import { type Continuation, stateOf, stepOf } from '../continuation/index.js'
import type {
  Link,
  Moment,
  Row,
  RowKey,
  Scope,
  Tally,
  Target,
  Variable,
  Vocabulary,
} from '../debugger/index.js'
import { type Field, type Head, isCredential, type Stream, Token } from '../http/index.js'
import { formatAddress, type Subject } from '../pollset/index.js'
import { changes, Exchange, type Hiding } from '../proxy/index.js'
import type { Backends } from './backends.js'
import { ExchangeTally, heldBytesOf } from './exchange-tally.js'
import type { Server } from './server.js'
import { leasedOf, placesMaxOf, waitersOn } from './waiters.js'

/** The characters of one value that are shown, or that a condition sees. */
const VALUE_MAX = 4096

const cut = (text: string): string => (text.length > VALUE_MAX ? `${text.slice(0, VALUE_MAX)}…` : text)

/** Returns the value of a field; of a credential only its length. */
const shown = (field: Field, secrets: boolean): string =>
  secrets || !(field.neverIndexed || isCredential(field.token))
    ? cut(field.value)
    : `•••• (${field.value.length} bytes)`

function fieldsOf(head: Head | null, secrets: boolean, hiding: Hiding | null): ReadonlyMap<string, string> {
  const fields = new Map<string, string>()
  for (const field of head?.fields.slice(head.pseudos) ?? []) {
    const before = fields.get(field.name)
    const text = shown(field, secrets)
    const value = hiding === null ? text : hiding.field(field.name)(text)
    fields.set(field.name, before === undefined ? value : cut(`${before}, ${value}`))
  }
  return fields
}

const exchangeOf = ({ continuation }: Moment): Exchange | null =>
  continuation instanceof Exchange ? continuation : null

/** Returns the address of the client, as trusted proxies tell it where there are some. */
const addressOf = ({ view, frontend }: Exchange): string =>
  view !== null && view.address !== '' ? view.address : formatAddress(frontend.client.addresses.from)

const statusOf = (x: Exchange): number => x.refusal?.status ?? x.backendStream?.head?.status ?? 0

const pathOf = (x: Exchange, hiding: Hiding | null): string => {
  const path = x.request.path?.value ?? ''
  return hiding === null ? path : hiding.url(path)
}

/** The names of conditions, as in Envoy where it has them. */
function vocabularyOf(secrets: boolean, hiding: () => Hiding | null): Vocabulary<Moment> {
  const text = (about: string, read: (x: Exchange, moment: Moment) => string | null) => ({
    type: 'string' as const,
    about,
    read: (moment: Moment): string | null => {
      const x = exchangeOf(moment)
      const value = x === null ? null : read(x, moment)
      return value === null ? null : cut(value)
    },
  })
  return {
    'request.method': text('the method', (x) => x.request.method?.value ?? null),
    'request.path': text('path and query', (x) => (x.request.path === null ? null : pathOf(x, hiding()))),
    'request.host': text('the authority, or Host', (x) => x.request.host),
    'request.headers': {
      type: 'map',
      about: 'the fields of the request',
      read: (moment) => {
        const x = exchangeOf(moment)
        return x === null ? null : fieldsOf(x.request, secrets, hiding())
      },
    },
    'response.code': {
      type: 'int',
      about: 'the status of the response or refusal',
      read: (moment) => {
        const x = exchangeOf(moment)
        return x === null || statusOf(x) === 0 ? null : statusOf(x)
      },
    },
    'response.headers': {
      type: 'map',
      about: 'the fields of the response',
      read: (moment) => {
        const head = exchangeOf(moment)?.backendStream?.head ?? null
        return head === null ? null : fieldsOf(head, secrets, hiding())
      },
    },
    'source.address': text('the address of the client', (x) => addressOf(x)),
    'backend.name': text('the URL of the backend', (x) => x.backend?.name ?? null),
    'fault.code': text(
      'why it is refused, or why the last attempt failed',
      (x) => x.refusal?.code ?? x.cause?.code ?? '',
    ),
    outcome: text('how it ends: ok, or a code', (x) => x.outcome),
    step: {
      type: 'string',
      about: 'the step it takes next, or waits in',
      read: ({ continuation }) => continuation.stepName,
    },
    from: { type: 'string', about: 'the step it comes from', read: ({ from }) => from },
    id: { type: 'string', about: 'its id, such as m3/s5', read: ({ continuation }) => continuation.id },
    waits: text('what it waits on', (x) => waitsOf(x)),
    age: {
      type: 'double',
      about: 'ms since it came',
      read: (moment) => {
        const x = exchangeOf(moment)
        return x === null ? null : x.now - x.receivedAt
      },
    },
    attempts: {
      type: 'int',
      about: 'how often it was sent',
      read: (moment) => exchangeOf(moment)?.attempts ?? null,
    },
  }
}

const waitsOf = ({ slot0, slot1, slot2 }: Continuation): string =>
  [slot0, slot1, slot2].flatMap((each) => (each === null ? [] : [each.id])).join(', ')

export class ExchangeTarget implements Target {
  readonly vocabulary: Vocabulary<Moment>
  private readonly server: Server
  private readonly backends: Backends
  private readonly startedAt: number
  private readonly hiding: () => Hiding | null

  /**
   * @param secrets credentials are shown
   * @param hiding what is hidden beside them, in lists and from conditions; null: nothing
   */
  constructor(
    server: Server,
    backends: Backends,
    secrets: boolean,
    hiding: () => Hiding | null = () => null,
  ) {
    this.server = server
    this.backends = backends
    this.vocabulary = vocabularyOf(secrets, hiding)
    this.hiding = hiding
    this.startedAt = server.world.pollset.now
  }

  get world() {
    return this.server.world
  }

  isRequest(c: Continuation): boolean {
    return c instanceof Exchange
  }

  row(c: Continuation): Row | null {
    if (!(c instanceof Exchange)) return null
    const { now } = this.world.pollset
    const state = stateOf(c)
    const { hold, request, frontend } = c
    return {
      id: c.id,
      step: stepOf(c),
      state,
      method: request.method?.value ?? '',
      host: cut(request.host),
      path: cut(pathOf(c, this.hiding())),
      waits: waitsOf(c),
      sinceMs: hold !== null ? now - hold.since : state === 'running' ? 0 : now - c.since,
      ageMs: now - c.receivedAt,
      lateInMs: c.deadlineArmed ? c.deadlineAt - now : hold !== null && hold.left >= 0 ? hold.left : null,
      heldBytes: heldBytesOf(c),
      client: frontend.connection.id,
      clientAddress: addressOf(c),
      backend: c.backendStream?.id ?? null,
      engine: c.engine?.id ?? null,
      status: statusOf(c),
    }
  }

  scopes(c: Continuation, secrets: boolean): readonly Scope[] {
    if (!(c instanceof Exchange)) return [described('Values', c)]
    const { request, backendStream, frontend, engine, draft, responseHead } = c
    const row = this.row(c) as Row
    const unsent = backendStream === null
    const scopes: Scope[] = [
      { name: 'Request', expensive: false, variables: headVariables(request, 'request', unsent, secrets) },
    ]
    const response = draft?.head ?? responseHead ?? backendStream?.head ?? null
    if (response !== null)
      scopes.push({
        name: 'Response',
        expensive: false,
        variables: headVariables(response, 'response', c.stepName === 'filterResponse', secrets),
      })
    scopes.push({
      name: 'Waits and deadlines',
      expensive: false,
      variables: variablesOf({
        step: row.step,
        state: row.state,
        waits: row.waits === '' ? '-' : row.waits,
        since: `${row.sinceMs.toFixed(0)} ms`,
        late: row.lateInMs === null ? 'never' : `in ${row.lateInMs.toFixed(0)} ms`,
        age: `${row.ageMs.toFixed(0)} ms`,
        attempts: c.attempts,
        outcome: c.outcome,
        fault: c.refusal?.code ?? c.cause?.code ?? '-',
        backend: c.backend?.name ?? '-',
        waiters: waitersOn(c).join('; ') || 'none',
      }),
    })
    scopes.push({
      name: 'Flow control',
      expensive: false,
      variables: [
        ...flowVariables('client', frontend),
        ...(unsent ? [] : flowVariables('backend', backendStream)),
      ],
    })
    for (const [name, subject] of [
      ['Client connection', frontend.connection],
      ['Backend connection', backendStream?.connection],
      ['Engine', engine],
    ] as const)
      if (subject) scopes.push({ ...described(name, subject as unknown as Described), expensive: true })
    return scopes
  }

  chain(c: Continuation): readonly Link[] {
    if (!(c instanceof Exchange)) return [{ label: `${stepOf(c)} · ${c.id}`, subject: c }]
    const { frontend, backendStream, engine } = c
    const links: Link[] = [{ label: `${stepOf(c)} · ${c.id}`, subject: c }]
    const add = (label: string, subject: unknown): void =>
      void links.push({ label, subject: subject as Subject })
    add(`client stream ${frontend.id}`, frontend)
    add(connectionLabel('client connection', frontend.connection), frontend.connection)
    if (engine !== null) add(`engine ${engine.id} · ${engine.name}`, engine)
    if (backendStream !== null) {
      add(`backend stream ${backendStream.id}`, backendStream)
      add(connectionLabel('backend connection', backendStream.connection), backendStream.connection)
    }
    return links
  }

  tally(): Tally {
    return new ExchangeTally(this.server, this.backends, this.startedAt)
  }

  keyOf(c: Continuation, by: RowKey): number | string {
    if (!(c instanceof Exchange)) return c.id
    switch (by) {
      case 'age':
        return c.receivedAt
      case 'held':
        return -heldBytesOf(c)
      case 'path':
        return pathOf(c, this.hiding())
      case 'step':
        return stepOf(c)
      default:
        return c.id
    }
  }

  waitersOn(c: Continuation): readonly string[] {
    return c instanceof Exchange ? waitersOn(c) : []
  }

  lastPlace(c: Continuation, held: readonly Continuation[]): string | null {
    const engine = c instanceof Exchange ? leasedOf(c) : null
    if (engine === null) return null
    const places = held.filter((each) => each instanceof Exchange && leasedOf(each) === engine).length
    return places + 1 < placesMaxOf(engine)
      ? null
      : `it has the last free place of ${engine.name} (use last-place)`
  }

  set(c: Continuation, name: string, value: string): string | null {
    if (!(c instanceof Exchange)) return `${c.id} has nothing that may be changed`
    if (!c.held) return `${c.id} is not held: hold it first`
    const [, side, field] = /^(request|response)(?:\.headers\[['"]?([^'"\]]*)['"]?\])$/.exec(name) ?? []
    if (side === 'response') return changes.setResponse(c, field, value)
    if (side === 'request') return changes.setRequest(c, field, value)
    if (name === 'backend') {
      const refused = changes.setBackend(c, value)
      return (
        refused ??
        (c.stepName === 'lease' && c.hold?.wait != null ? this.world.scheduler.redirect(c, 'lease') : null)
      )
    }
    const control =
      name === 'path' || name === 'request.path'
        ? 'path'
        : name === 'authority' || name === 'request.host'
          ? 'authority'
          : null
    if (control !== null) return changes.setControl(c, control, value)
    return `'${name}' may not be changed: path, authority, backend, request.headers['NAME'] and response.headers['NAME'] may`
  }

  answer(c: Continuation, status: number, text: string): string | null {
    if (!(c instanceof Exchange)) return `${c.id} is not a request`
    if (!c.held) return `${c.id} is not held: hold it first`
    return changes.setAnswer(c, status, text) ?? this.world.scheduler.redirect(c, 'respond')
  }
}

type Described = Subject & { describe(): Readonly<Record<string, unknown>> }

const variablesOf = (values: Readonly<Record<string, unknown>>): Variable[] =>
  Object.entries(values).map(([name, value]) => ({
    name,
    value: typeof value === 'object' ? JSON.stringify(value) : String(value),
  }))

const described = (name: string, subject: Described): Scope => ({
  name,
  expensive: false,
  variables: variablesOf(subject.describe()),
})

function headVariables(
  head: Head,
  side: 'request' | 'response',
  settable: boolean,
  secrets: boolean,
): Variable[] {
  const pseudos = head.fields.slice(0, head.pseudos).map((field) => ({
    name: field.name.slice(1),
    value: cut(field.value),
    settable:
      settable && side === 'request' && (field.token === Token.PATH || field.token === Token.AUTHORITY),
  }))
  const fields = head.fields.slice(head.pseudos).map((field) => ({
    name: `${side}.headers['${field.name}']`,
    value: shown(field, secrets),
    settable,
  }))
  return [...pseudos, ...fields]
}

function flowVariables(side: string, stream: Stream): Variable[] {
  const named = Object.entries(stream.describe()).map(([name, value]): [string, unknown] => [
    `${side}.${name}`,
    value,
  ])
  return variablesOf(Object.fromEntries(named))
}

const connectionLabel = (what: string, connection: { readonly id: string }): string =>
  `${what} ${connection.id}${'stepName' in connection ? ` · ${stepOf(connection as unknown as Continuation)}` : ''}`
