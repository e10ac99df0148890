// The admin listener and the listener of probes of a server: what they tell, and what may be done over them
// (spec/admin.md). The questions about requests are the debugger's: its surveys and its why.

import { Admin, type AdminAnswer, type AdminRoute, AdminRoutes, error, json, plain } from '../admin/index.js'
import { type Configuration, withoutSecrets } from '../config/index.js'
import { why, whyText } from '../continuation/index.js'
import { Conditions, type Moment, rowKeys, Survey, type Surveyor, TurnShare } from '../debugger/index.js'
import type { Client } from '../http/index.js'
import { type Address, keyedDigest } from '../pollset/index.js'
import { Exchange } from '../proxy/index.js'
import { Connections } from '../transport/index.js'
import { ConfigError, parseListen } from './address.js'
import type { Backends } from './backends.js'
import { ExchangeTarget } from './exchange-target.js'
import { explain } from './explain.js'
import type { Server } from './server.js'
import type { ServerMetrics } from './server-metrics.js'
import { version } from './version.js'

export interface AdministrationEvents {
  ready(address: Address, what: 'admin' | 'probes'): void
  failed(address: Address, code: string): void
}

/** Rows of a list, unless another number is asked for, and at most. */
const ROWS = 100
const ROWS_MAX = 10_000

const METRICS_TYPE = 'text/plain; version=0.0.4; charset=utf-8'

export class Administration {
  private readonly server: Server
  private readonly backends: Backends
  private readonly metrics: ServerMetrics
  private readonly target: ExchangeTarget
  private readonly conditions: Conditions<Moment>
  private readonly share: TurnShare
  private readonly connections: Connections
  private readonly events: AdministrationEvents
  /** Compares texts in constant time: their digests, under a key of its own. */
  private readonly digest = keyedDigest(null)

  constructor(server: Server, backends: Backends, metrics: ServerMetrics, events: AdministrationEvents) {
    this.server = server
    this.backends = backends
    this.metrics = metrics
    this.events = events
    this.target = new ExchangeTarget(server, backends, false)
    this.conditions = new Conditions(this.target.vocabulary, server.limitsOf.debugger)
    this.share = new TurnShare(server.world.pollset)
    this.connections = new Connections('admin', server.limitsOf.admin.connectionsMax)
  }

  /** Listens as the configuration says. */
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

  /** Accepts no more connections. Those that are open end. */
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

  // Answers for everybody

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
      route('/metrics', 'The metrics, for Prometheus.', () => ({
        status: 200,
        type: METRICS_TYPE,
        text: this.metrics.text(),
      })),
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
        done(json(withoutSecrets(this.server.configuration, null))),
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
        done(json(this.states())),
      ),
      route(
        'GET',
        '/exchanges',
        'The requests in flight: if (a condition), sort, limit.',
        ({ query }, done) => {
          const refused = this.list(query, done)
          if (refused !== null) done(refused)
        },
      ),
      route('GET', '/exchanges/{id}', 'What a request waits for, and why.', ({ parts }, done) =>
        done(
          this.about(parts.id, (x) => {
            const answer = why(x, this.server.world.pollset)
            return { ...answer, text: whyText(answer) }
          }),
        ),
      ),
      route('DELETE', '/exchanges/{id}', 'Ends a request.', ({ parts }, done) =>
        done(
          this.about(parts.id, (x) => {
            x.cancel()
            return { id: x.id, ended: true }
          }),
        ),
      ),
      route('POST', '/reload', 'Reads the configuration again, as SIGHUP does.', (_, done) => {
        this.server.command('reload')
        done(json({ ordered: 'reload' }, 202))
      }),
    ]
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

  private states(): unknown {
    const { now } = this.server.world.pollset
    return this.backends.all().map((backend) => ({
      name: backend.name,
      budget: backend.budget?.describe() ?? null,
      ...backend.balancer.describe(now),
    }))
  }

  /** Begins a list. Returns why it is refused; null if it has begun. */
  private list(query: URLSearchParams, done: (answer: AdminAnswer) => void): AdminAnswer | null {
    const text = query.get('if') ?? ''
    const condition = text === '' ? null : this.conditions.compile(text, () => {})
    if (typeof condition === 'string') return error(400, condition)
    const by = query.get('sort') ?? 'age'
    if (!isRowKey(by)) return error(400, `sort is one of ${rowKeys.join(', ')}`)
    const limit = Number(query.get('limit') ?? ROWS)
    if (!Number.isInteger(limit) || limit < 0 || limit > ROWS_MAX)
      return error(400, `limit is a number from 0 to ${ROWS_MAX}`)
    const question = { condition, by, reversed: false, limit, overview: false }
    new Survey(this.target, question, this.share, new Gathering(done)).begin()
    return null
  }

  private about(id: string, tell: (x: Exchange) => unknown): AdminAnswer {
    const x = this.find(id)
    return x === null ? error(404, `there is no request ${id}; GET /exchanges lists them`) : json(tell(x))
  }

  private find(id: string): Exchange | null {
    for (const each of this.server.world.scheduler.alive())
      if (each instanceof Exchange && each.id === id) return each
    return null
  }
}

const isRowKey = (text: string): text is (typeof rowKeys)[number] => rowKeys.some((each) => each === text)

/** Puts the pieces of a survey together. */
class Gathering implements Surveyor {
  private readonly pieces: Buffer[] = []
  private readonly done: (answer: AdminAnswer) => void

  constructor(done: (answer: AdminAnswer) => void) {
    this.done = done
  }

  surveyed(): void {}

  surveyPiece(bytes: Buffer): void {
    this.pieces.push(Buffer.from(bytes))
  }

  surveyOver(): void {
    this.done({ status: 200, type: 'application/json', text: `${Buffer.concat(this.pieces)}\n` })
  }

  surveyFailed(thrown: unknown): void {
    this.done(error(500, thrown instanceof Error ? thrown.message : String(thrown)))
  }
}

/** Returns the names by which a listener of this address is asked. */
const namesOf = ({ host }: Address): readonly string[] => [
  ...new Set(['localhost', '127.0.0.1', '[::1]', host.includes(':') ? `[${host}]` : host]),
]
