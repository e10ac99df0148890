// The admin listener and the listener of probes of a server: their answers, and the acts they allow
// (spec/admin.md). Questions answers what concerns requests and backends.

import {
  Admin,
  type AdminAnswer,
  type AdminQuestion,
  type AdminRoute,
  AdminRoutes,
  error,
  json,
  plain,
} from '../admin/index.js'
import { type Configuration, withoutSecrets } from '../config/index.js'
import { CommandError, LIST_ROWS } from '../debugger/index.js'
import type { Client, HttpWorld } from '../http/index.js'
import { type Address, formatAddress, keyedDigest } from '../pollset/index.js'
import { Connections } from '../transport/index.js'
import { ConfigError, parseListen } from './address.js'
import { explain } from './explain.js'
import type { Limits } from './limits.js'
import { overlaySchema, readChange } from './overlays.js'
import type { Protocols } from './protocols.js'
import { purgeSchema, readPurge } from './purges.js'
import type { Answer, Question, Questions } from './questions.js'
import { version } from './version.js'

export interface AdministrationEvents {
  ready(address: Address, what: 'admin' | 'probes'): void
  failed(address: Address, code: string): void
}

/** The server that is administered, or a primary with its workers. */
export interface Administered {
  readonly world: HttpWorld
  readonly protocols: Pick<Protocols, 'serve'>
  readonly limitsOf: Limits
  readonly configuration: Configuration
  readonly phase: 'starting' | 'serving' | 'stopping'
  /** Reads the configuration again. */
  command(order: 'reload'): void
}

/** Gives `done` the text of the metrics once, at once or later. */
export type TellsMetrics = (done: (text: string) => void) => void

const METRICS_TYPE = 'text/plain; version=0.0.4; charset=utf-8'

export class Administration {
  private readonly server: Administered
  private readonly metrics: TellsMetrics
  private readonly asked: Questions
  private readonly connections: Connections
  private readonly events: AdministrationEvents
  /** Compares texts in constant time: by digests under a key of its own. */
  private readonly digest = keyedDigest(null)

  constructor(server: Administered, asked: Questions, metrics: TellsMetrics, events: AdministrationEvents) {
    this.server = server
    this.asked = asked
    this.metrics = metrics
    this.events = events
    this.connections = new Connections('admin', server.limitsOf.admin.connectionsMax)
  }

  /** Listens at the addresses of the configuration. */
  begin({ admin, probes }: Configuration): void {
    if (probes !== null) this.listen('probes', parseListen(probes.address), null, null, this.probes())
    if (admin === null) return
    const address = parseListen(admin.address)
    const isPrivate = address.path !== undefined
    const hosts = isPrivate ? null : (admin.hosts ?? namesOf(address))
    this.listen('admin', address, hosts, isPrivate ? null : admin.token, [
      ...this.probes(),
      ...this.questions(),
    ])
  }

  /** Accepts no more connections. Open ones end. */
  drain(): void {
    this.connections.drain()
  }

  private listen(
    what: 'admin' | 'probes',
    address: Address,
    hosts: readonly string[] | null,
    token: string | null,
    routes: readonly AdminRoute[],
  ): void {
    const { world, protocols } = this.server
    const limits = this.server.limitsOf.admin
    const open = new Map<Client, Parameters<Connections['delete']>[0]>()
    const table: AdminRoutes = new AdminRoutes([
      ...routes,
      {
        method: 'GET',
        path: '/openapi.json',
        about: 'This description.',
        open: true,
        answers: (_, done) => done(json(table.describe(version()))),
      },
    ])
    const isSame = (a: string, b: string): boolean => this.digest(a) === this.digest(b)
    const acceptor = new Admin(world, limits, { hosts, token, isSame }, table, (client) => {
      const connection = open.get(client)
      open.delete(client)
      if (connection !== undefined) this.connections.delete(connection)
    })
    this.connections.serve(
      world,
      address,
      (socket) => {
        const ends = { from: socket.remote, to: socket.local }
        const connection = protocols.serve(socket, 'http/1.1', acceptor, ends)
        open.set(connection, connection)
        return connection
      },
      {
        ready: ({ listener }) => this.events.ready(listener.address, what),
        failed: ({ listener }) => this.events.failed(address, listener.fault?.code ?? 'EUNKNOWN'),
      },
      { ownerOnly: what === 'admin' },
    )
  }

  // Answers for everyone

  private probes(): AdminRoute[] {
    const route = (path: string, about: string, answer: () => AdminAnswer): AdminRoute => ({
      method: 'GET',
      path,
      about,
      open: true,
      answers: (_, done) => done(answer()),
    })
    return [
      route('/healthz', 'Whether the process serves at all: 200.', () => plain(200, 'ok')),
      route(
        '/readyz',
        'Whether it should get requests: 200, or 503 before it listens and when it stops.',
        () => {
          const { phase } = this.server
          return phase === 'serving' ? plain(200, 'ready') : plain(503, phase)
        },
      ),
      {
        method: 'GET',
        path: '/metrics',
        about: 'The metrics, for Prometheus.',
        open: true,
        answers: (_, done) => this.metrics((text) => done({ status: 200, type: METRICS_TYPE, text })),
      },
    ]
  }

  // Answers that need the token

  private questions(): AdminRoute[] {
    const route = (
      method: string,
      path: string,
      about: string,
      answers: AdminRoute['answers'],
    ): AdminRoute => ({ method, path, about, open: false, answers })
    return [
      route('GET', '/config', 'The configuration that serves, without secrets.', (_, done) =>
        this.asked.ask({ ask: 'overlays' }, (answer) =>
          done('json' in answer ? this.configurationWith(answer.json) : httpAnswer(answer)),
        ),
      ),
      route('GET', '/routes', 'The routes, in the order of the configuration.', (_, done) =>
        done(
          json(this.server.configuration.routes.map(({ name, match, action }) => ({ name, match, action }))),
        ),
      ),
      route(
        'GET',
        '/explain',
        'What becomes of a request: url, method, header (several), from.',
        ({ query }, done) => done(this.explain(query)),
      ),
      route('GET', '/backends', 'The backends and the state of their endpoints.', (_, done) =>
        this.tell(done, { ask: 'backends' }),
      ),
      {
        ...route(
          'PATCH',
          '/backends/{backend}/endpoints/{endpoint}',
          'Sets weight, drain and block of an endpoint over the configuration, for a time or until the end.',
          (question, done) => this.overlay(question, question.body, done),
        ),
        body: overlaySchema,
      },
      route(
        'DELETE',
        '/backends/{backend}/endpoints/{endpoint}',
        'Makes an endpoint as configured again.',
        (question, done) => this.overlay(question, null, done),
      ),
      route('GET', '/caches', 'The caches, and what they hold and have counted.', (_, done) =>
        this.tell(done, { ask: 'caches' }),
      ),
      {
        ...route(
          'POST',
          '/caches/{cache}/purge',
          'Removes what a cache has stored: a URL, all that begin so, all with a tag, or everything.',
          (question, done) => this.purge(question, done),
        ),
        body: purgeSchema,
      },
      route(
        'GET',
        '/exchanges',
        'The requests in flight: if (a condition), sort, reversed, limit, overview.',
        ({ query }, done) => this.list(query, done),
      ),
      route('GET', '/exchanges/{id}', 'What a request waits for, and why.', ({ parts }, done) =>
        this.tell(done, { ask: 'why', id: parts.id }),
      ),
      route('DELETE', '/exchanges/{id}', 'Ends a request.', ({ parts }, done) =>
        this.tell(done, { ask: 'end', id: parts.id }),
      ),
      route('POST', '/reload', 'Reads the configuration again, as SIGHUP does.', (_, done) => {
        this.server.command('reload')
        done(json({ ordered: 'reload' }, 202))
      }),
    ]
  }

  private configurationWith(overlays: string): AdminAnswer {
    const configuration = withoutSecrets(this.server.configuration, null)
    return json({ ...configuration, overlays: JSON.parse(overlays) as unknown })
  }

  private explain(query: URLSearchParams): AdminAnswer {
    const asked = {
      url: query.get('url') ?? '',
      method: query.get('method') ?? 'GET',
      headers: query.getAll('header'),
      from: query.get('from') ?? '127.0.0.1',
    }
    try {
      return json(explain(this.server.configuration, asked))
    } catch (thrown) {
      if (!(thrown instanceof ConfigError)) throw thrown
      return error(400, thrown.message)
    }
  }

  private list(query: URLSearchParams, done: (answer: AdminAnswer) => void): void {
    this.tell(done, {
      ask: 'list',
      filter: query.get('if') ?? '',
      sort: query.get('sort') ?? 'age',
      reversed: query.get('reversed') === 'true',
      limit: Number(query.get('limit') ?? LIST_ROWS),
      overview: query.get('overview') === 'true',
    })
  }

  /** Has a question answered. */
  private tell(done: (answer: AdminAnswer) => void, question: Question): void {
    this.asked.ask(question, (answer) => done(httpAnswer(answer)))
  }

  private purge({ parts, body }: AdminQuestion, done: (answer: AdminAnswer) => void): void {
    try {
      this.tell(done, { ask: 'purge', cache: parts.cache, what: readPurge(body) })
    } catch (thrown) {
      if (!(thrown instanceof CommandError)) throw thrown
      done(error(400, thrown.message))
    }
  }

  private overlay({ parts }: AdminQuestion, body: unknown, done: (answer: AdminAnswer) => void): void {
    try {
      const { backend, endpoint } = parts
      this.tell(done, { ask: 'overlay', backend, endpoint, change: readChange(body) })
    } catch (thrown) {
      if (!(thrown instanceof CommandError)) throw thrown
      done(error(400, thrown.message))
    }
  }
}

/** Returns a line about a listener's address, for the log. */
export const administeredText = (address: Address, what: 'admin' | 'probes'): string =>
  `${what === 'admin' ? 'operators may ask' : 'health and metrics are told'} at ${formatAddress(address)}`

const STATUS = { wrong: 400, unknown: 404, failed: 500 } as const

const httpAnswer = (answer: Answer): AdminAnswer =>
  'json' in answer
    ? { status: 200, type: 'application/json', text: `${answer.json}\n` }
    : error(STATUS[answer.refused], answer.why)

/** Returns the names by which a listener of this address may be asked. */
const namesOf = ({ host }: Address): readonly string[] => [
  ...new Set(['localhost', '127.0.0.1', '[::1]', host.includes(':') ? `[${host}]` : host]),
]
