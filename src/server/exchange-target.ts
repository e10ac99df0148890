// The debugger's view of exchanges, and its changes to them: the only place where the two meet. Values of
// peers are cut, and credentials are masked unless the debugger may see them.

import type { Continuation, Program } from '../continuation/index.js'
import type { Link, Moment, Row, Scope, Variable, Vocabulary } from '../debugger/index.js'
import type { Engine } from '../engine/index.js'
import { type Client, type Field, type Head, isCredential, type Stream, Token } from '../http/index.js'
import { formatAddress, type Subject } from '../pollset/index.js'
import {
  changes,
  Exchange,
  type ExchangeSession,
  exchangeSteps,
  type Hiding,
  methodOf,
} from '../proxy/index.js'
import type { Backends } from './backends.js'
import {
  type ClientRow,
  connectionLabel,
  cut,
  describedAll,
  type RequestKind,
  variablesOf,
  waitingRow,
  waitsScope,
} from './request-kind.js'
import type { Server } from './server.js'
import { waitersOn } from './waiters.js'

/** Returns the value of a field; for a credential only its length. */
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

/** Returns the address of the client, as reported by trusted proxies if there are any. */
const addressOf = ({ view, frontend }: Exchange): string =>
  view !== null && view.address !== '' ? view.address : formatAddress(frontend.client.addresses.from)

const statusOf = (x: Exchange): number => x.refusal?.status ?? x.backendStream?.head?.status ?? 0

const pathOf = (x: Exchange, hiding: Hiding | null): string => {
  const path = x.request.path?.value ?? ''
  return hiding === null ? path : hiding.url(path)
}

/** Returns the names of conditions, which are Envoy's if it has them. */
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
    'request.method': text('the method', methodOf),
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

export class ExchangeTarget implements RequestKind<Exchange> {
  readonly vocabulary: Vocabulary<Moment>
  readonly lives = [exchangeSteps as Program<never>]
  private readonly server: Server
  private readonly backends: Backends
  private readonly hiding: () => Hiding | null

  /**
   * @param secrets true: credentials are shown
   * @param hiding the values hidden besides them, in lists and from conditions; null: none
   */
  constructor(server: Server, backends: Backends, secrets: boolean, hiding: () => Hiding | null) {
    this.server = server
    this.backends = backends
    this.vocabulary = vocabularyOf(secrets, hiding)
    this.hiding = hiding
  }

  takes(c: Continuation): c is Exchange {
    return c instanceof Exchange
  }

  row(x: Exchange): Row {
    const { now } = this.server.world.pollset
    const { request, frontend } = x
    return {
      ...waitingRow(x, now),
      method: methodOf(x),
      host: cut(request.host),
      path: cut(pathOf(x, this.hiding())),
      ageMs: now - x.receivedAt,
      heldBytes: this.heldBytesOf(x),
      client: frontend.connection.id,
      clientAddress: addressOf(x),
      backend: x.backendStream?.id ?? null,
      engine: x.engine?.id ?? null,
      status: statusOf(x),
    }
  }

  scopes(x: Exchange, secrets: boolean, waiters: readonly string[]): readonly Scope[] {
    const { request, backendStream, frontend, engine, draft, responseHead } = x
    const unsent = backendStream === null
    const scopes: Scope[] = [
      { name: 'Request', expensive: false, variables: headVariables(request, 'request', unsent, secrets) },
    ]
    const response = draft?.head ?? responseHead ?? backendStream?.head ?? null
    if (response !== null)
      scopes.push({
        name: 'Response',
        expensive: false,
        variables: headVariables(response, 'response', x.stepName === 'filterResponse', secrets),
      })
    const more = {
      attempts: x.attempts,
      outcome: x.outcome,
      fault: x.refusal?.code ?? x.cause?.code ?? '-',
      backend: x.backend?.name ?? '-',
    }
    scopes.push(waitsScope(this.row(x), more, waiters))
    scopes.push({
      name: 'Flow control',
      expensive: false,
      variables: [
        ...flowVariables('client', frontend),
        ...(unsent ? [] : flowVariables('backend', backendStream)),
      ],
    })
    const used = describedAll([
      ['Client connection', frontend.connection],
      ['Backend connection', backendStream?.connection],
      ['Engine', engine],
    ])
    return [...scopes, ...used]
  }

  chain({ frontend, backendStream, engine }: Exchange): readonly Link[] {
    const links: Link[] = []
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

  keyOf(x: Exchange, by: 'age' | 'held' | 'path'): number | string {
    if (by === 'age') return x.receivedAt
    return by === 'held' ? -this.heldBytesOf(x) : pathOf(x, this.hiding())
  }

  /** The bytes of bodies that it holds. */
  heldBytesOf(x: Exchange): number {
    return (x.frontend.receiveBuffer?.heldBytes ?? 0) + (x.backendStream?.receiveBuffer?.heldBytes ?? 0)
  }

  leasedOf(x: Exchange): Engine<ExchangeSession> | null {
    const session = x.lease.session ?? x.backendStream?.connection ?? null
    if (session === null) return null
    // A session that was bound to its client has left the engine that granted it.
    const holds = (engine: Engine<ExchangeSession>) => engine.sessions.some((each) => each === session)
    return x.backend?.engines().find(holds) ?? x.engine
  }

  waitersOn(x: Exchange): readonly string[] {
    return waitersOn(x)
  }

  set(x: Exchange, name: string, value: string): string | null {
    const [, side, field] = /^(request|response)(?:\.headers\[['"]?([^'"\]]*)['"]?\])$/.exec(name) ?? []
    if (side === 'response') return changes.setResponse(x, field, value)
    if (side === 'request') return changes.setRequest(x, field, value)
    const { scheduler } = this.server.world
    if (name === 'backend') {
      const refused = changes.setBackend(x, value)
      const waitsForLease = x.stepName === 'lease' && x.hold?.wait != null
      return refused ?? (waitsForLease ? scheduler.redirect(x, 'lease') : null)
    }
    const control =
      name === 'path' || name === 'request.path'
        ? 'path'
        : name === 'authority' || name === 'request.host'
          ? 'authority'
          : null
    if (control !== null) return changes.setControl(x, control, value)
    return `'${name}' may not be changed: path, authority, backend, request.headers['NAME'] and response.headers['NAME'] may`
  }

  answer(x: Exchange, status: number, text: string): string | null {
    return changes.setAnswer(x, status, text) ?? this.server.world.scheduler.redirect(x, 'respond')
  }

  end(x: Exchange): void {
    x.cancel()
  }

  clientOf(x: Exchange): Client {
    return x.frontend.client
  }

  clients(): Iterable<Client> {
    return this.server.clients()
  }

  get openClients(): number {
    return this.server.openClients
  }

  describeClient(client: Client): ClientRow | null {
    const protocol = this.server.protocolOf(client)
    const { id, addresses } = client
    return protocol === null ? null : { id, address: formatAddress(addresses.from), protocol }
  }

  *engines(): Iterable<Engine<ExchangeSession> | null> {
    for (const backend of this.backends.all()) {
      yield* backend.engines()
      yield null
    }
  }
}

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
