// The routes of the configuration: their matches, the treatment of their requests, and their
// inherited settings.

import type { RouteAction, RouteMatch, ValueMatch } from '../proxy/index.js'
import type { ChosenAction, RouteConfig } from './configuration.js'
import { type Diagnostics, type Path, placeText } from './diagnostics.js'
import type { ConfigDocument } from './document.js'
import type { FilterReading } from './filters.js'
import { readFieldName } from './forms.js'
import { type Layer, pathOptionsOf, retryOf, Sources, TIMEOUT_NAMES, timeoutsOf } from './inheritance.js'
import type { Named, Names } from './parts.js'
import { isRedis } from './redis.js'
import type { BackendFile, RouteFile } from './schema.js'

const ACTIONS = ['backend', 'redirect', 'answer'] as const

/** The things that routes refer to and inherit from. */
export interface RouteContext {
  readonly names: Names
  readonly backends: ReadonlyMap<string, Named<BackendFile>>
  /** The defaults; null if there are none. */
  readonly defaults: Layer | null
  readonly diagnostics: Diagnostics
  readonly filters: FilterReading
}

/** Fields of one connection, which the next hop does not see. */
const HOP_BY_HOP: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'te',
  'transfer-encoding',
])

/** Returns why routes do not see this field; null if they do. */
function unseenBy(name: string): string | null {
  if (name === 'host') return 'routes do not see host as a field; write match: { hosts: [...] }'
  return HOP_BY_HOP.has(name)
    ? `${name} is of one connection only, and routes do not see it; leave it out`
    : null
}

/** Reads one route. */
export class RouteReading {
  private readonly value: RouteFile
  private readonly document: ConfigDocument
  private readonly path: Path
  private readonly context: RouteContext

  constructor(value: RouteFile, document: ConfigDocument, path: Path, context: RouteContext) {
    this.value = value
    this.document = document
    this.path = path
    this.context = context
  }

  /** @param fallback the name of a route that has none */
  read(fallback: string): RouteConfig {
    const { name = fallback } = this.value
    const sources = new Sources()
    const action = this.action(name)
    const layers = this.layers(action)
    sources.own('match', this.document, [...this.path, 'match'], this.value.match, null)
    const written = ACTIONS.find((each) => this.value[each] !== undefined)
    sources.own('action', this.document, [...this.path, written ?? 'backend'], written, null)
    return {
      name,
      match: this.match(),
      action,
      timeouts: timeoutsOf(sources, layers),
      retry: this.retry(sources, layers),
      path: pathOptionsOf(sources, layers),
      upgrades: sources.inherited(['upgrades'], layers, ['upgrades'], (value) => value.upgrades, []),
      errors: sources.inherited(['errors'], layers, ['errors'], (value) => value.errors, 'plain'),
      filters: this.filters(name),
      sources: sources.all,
      source: this.document.place(this.path),
    }
  }

  private filters(name: string) {
    const entries = this.value.filters
    const path = [...this.path, 'filters']
    return this.context.filters.of(
      name,
      entries === undefined ? null : { document: this.document, path, entries },
    )
  }

  private error(path: Path, message: string): void {
    const whole = [...this.path, ...path]
    this.context.diagnostics.error(this.document.place(whole), whole, message)
  }

  private retry(sources: Sources, layers: readonly Layer[]) {
    const retry = retryOf(sources, layers)
    const { statuses, connectFailure, refusedStream, closedBeforeHead } = retry
    if (statuses.length > 0 && !connectFailure && !refusedStream && !closedBeforeHead)
      this.context.diagnostics.warn(
        sources.all['retry.statuses'],
        [...this.path, 'retry', 'on'],
        'a status alone leaves out lost and refused connections; add connect-failure, refused-stream and closed-before-head, if they may be retried too',
      )
    if (retry.firstMs > retry.mostMs) {
      const { diagnostics } = this.context
      const source = sources.all['retry.firstMs']
      const place = source.line < 0 ? sources.all['retry.mostMs'] : source
      diagnostics.error(
        place,
        [...this.path, 'retry', 'backoff'],
        `first is ${retry.firstMs}ms and most ${retry.mostMs}ms; raise most`,
      )
    }
    return retry
  }

  // Its matches

  private match(): RouteMatch {
    const match = this.value.match ?? {}
    const { listener = [], hosts = [], methods = [], headers = {}, query = {} } = match
    const listeners = typeof listener === 'string' ? [listener] : listener
    for (const [at, name] of listeners.entries()) {
      const path = typeof listener === 'string' ? [] : [at]
      this.context.names.check('listeners', name, this.document, [...this.path, 'match', 'listener', ...path])
    }
    return {
      listeners: [...new Set(listeners)],
      hosts: [...new Set(hosts)],
      path: this.matchedPath(),
      methods: [...new Set(methods)],
      headers: this.values('headers', headers, (name) => {
        const reading = readFieldName(name)
        return 'value' in reading ? reading.value : name
      }),
      query: this.values('query', query, (name) => name),
    }
  }

  private matchedPath(): RouteMatch['path'] {
    const path = this.value.match?.path
    if (path === undefined) return null
    if (typeof path === 'string') return { kind: 'prefix', value: path }
    const kinds = (['exact', 'prefix', 'pattern'] as const).filter((each) => path[each] !== undefined)
    if (kinds.length > 1)
      this.error(
        ['match', 'path', kinds[1]],
        `${kinds[0]} is written too; write one of exact, prefix and pattern`,
      )
    const [kind] = kinds
    if (kind === undefined) {
      if (!this.document.isDamaged([...this.path, 'match', 'path']))
        this.error(['match', 'path'], 'is empty; write exact, prefix or pattern, or leave out the key')
      return null
    }
    return { kind, value: path[kind] as string }
  }

  private values(
    section: 'headers' | 'query',
    written: NonNullable<NonNullable<RouteFile['match']>['headers']>,
    normal: (name: string) => string,
  ): ValueMatch[] {
    const met = new Set<string>()
    return Object.entries(written).map(([key, value]): ValueMatch => {
      const name = normal(key)
      const path = ['match', section, key]
      const unseen = section === 'headers' ? unseenBy(name) : null
      if (unseen !== null) this.error(path, unseen)
      if (met.has(name)) this.error(path, `the field ${name} is written twice; leave out one`)
      met.add(name)
      if (typeof value === 'string') return { name, kind: 'exact', value }
      const { pattern, present } = value
      if (pattern !== undefined && present !== undefined)
        this.error([...path, 'present'], 'pattern is written too; leave out one')
      if (present === false) this.error([...path, 'present'], 'got false; write true, or leave out the name')
      if (pattern === undefined && present === undefined && !this.document.isDamaged([...this.path, ...path]))
        this.error(path, 'is empty; write a value, { pattern: REGEXP } or { present: true }')
      return pattern === undefined
        ? { name, kind: 'present', value: '' }
        : { name, kind: 'pattern', value: pattern }
    })
  }

  // The treatment of its requests

  private action(name: string): RouteAction | ChosenAction {
    const { backend, redirect, answer } = this.value
    const written = ACTIONS.filter((each) => this.value[each] !== undefined)
    if (written.length > 1)
      this.error([written[1]], `${written[0]} is written too; write one of backend, redirect and answer`)
    if (written.length === 0 && !this.document.isDamaged(this.path))
      this.error([], `the route ${name} leads nowhere; write backend, redirect or answer`)
    if (this.value.allowPrivate !== undefined && typeof backend !== 'function')
      this.error(['allowPrivate'], 'it is for a function as backend; leave it out')
    if (backend !== undefined) return this.toBackends(backend)
    if (redirect !== undefined) return this.redirect(redirect)
    return this.answer(answer ?? {})
  }

  private toBackends(backend: NonNullable<RouteFile['backend']>): RouteAction | ChosenAction {
    const { names } = this.context
    if (typeof backend === 'function')
      return { kind: 'chosen', choose: backend, allowPrivate: this.value.allowPrivate ?? false }
    if (typeof backend === 'string') {
      names.check('backends', backend, this.document, [...this.path, 'backend'])
      this.checkProtocol(backend, ['backend'])
      return { kind: 'backend', to: [{ backend, weight: 1 }] }
    }
    const to = backend.map((each) => ({ backend: each.to, weight: each.weight ?? 1 }))
    const met = new Set<string>()
    for (const [at, each] of to.entries()) {
      names.check('backends', each.backend, this.document, [...this.path, 'backend', at, 'to'])
      this.checkProtocol(each.backend, ['backend', at, 'to'])
      if (met.has(each.backend))
        this.error(['backend', at, 'to'], `${each.backend} is written twice; add up the weights`)
      met.add(each.backend)
    }
    if (to.every((each) => each.weight === 0))
      this.error(['backend'], 'all weights are 0; give one of them a weight')
    return { kind: 'backend', to: to.filter((each) => each.weight > 0) }
  }

  /** Checks that no request of HTTP goes to Redis. */
  private checkProtocol(backend: string, path: Path): void {
    const protocol = this.context.backends.get(backend)?.value.protocol
    if (isRedis(protocol))
      this.error(
        path,
        `the backend ${backend} speaks ${protocol}: a listener with protocol: redis leads to it`,
      )
  }

  private redirect(redirect: NonNullable<RouteFile['redirect']>): RouteAction {
    const { scheme = null, host = null, port = null, path = null, status = 302 } = redirect
    if (scheme === null && host === null && port === null && path === null)
      if (!this.document.isDamaged([...this.path, 'redirect']))
        this.error(['redirect'], 'it leads to the same place; write scheme, host, port or path')
    return { kind: 'redirect', scheme, host, port, path, status }
  }

  private answer({ status = 200, body = '', fields = {} }: NonNullable<RouteFile['answer']>): RouteAction {
    if (body !== '' && (status === 204 || status === 205 || status === 304))
      this.error(['answer', 'body'], `a ${status} has no body; leave it out, or write another status`)
    return {
      kind: 'answer',
      status,
      body,
      fields: Object.entries(fields).flatMap(([name, value]) =>
        [value].flat().map((each) => [name.toLowerCase(), each] as const),
      ),
    }
  }

  // Its inherited settings

  /** Returns the levels that have settings for it, the nearest first. */
  private layers(action: RouteAction | ChosenAction): Layer[] {
    const own: Layer = { document: this.document, path: this.path, value: this.value }
    const { backends, defaults } = this.context
    const targets =
      action.kind === 'backend'
        ? action.to.flatMap(({ backend }) => {
            const entry = backends.get(backend)
            return entry === undefined ? [] : [entry]
          })
        : []
    const [first] = targets
    for (const other of targets.slice(1)) this.compare(first, other)
    // A backend has no more than these two.
    const middle = first && {
      document: first.document,
      path: first.path,
      value: { timeouts: first.value.timeouts, retry: first.value.retry },
    }
    return [own, middle, defaults].filter((each) => each != null) as Layer[]
  }

  /** Compares backends: a request gets the settings of its route before its backend is chosen. */
  private compare(first: Named<BackendFile>, other: Named<BackendFile>): void {
    for (const name of TIMEOUT_NAMES)
      if (
        this.value.timeouts?.[name] === undefined &&
        first.value.timeouts?.[name] !== other.value.timeouts?.[name]
      )
        this.differs(`timeouts.${name}`, first, other)
    for (const name of ['attempts', 'on', 'replay', 'backoff'] as const)
      if (
        this.value.retry?.[name] === undefined &&
        JSON.stringify(first.value.retry?.[name]) !== JSON.stringify(other.value.retry?.[name])
      )
        this.differs(`retry.${name}`, first, other)
  }

  private differs(setting: string, first: Named<BackendFile>, other: Named<BackendFile>): void {
    const path = [...this.path, 'backend']
    this.context.diagnostics.warn(
      this.document.place(path),
      path,
      `${first.name} and ${other.name} have different ${setting}, and the route takes that of ${first.name}; write it in the route`,
    )
  }
}

/** Reports routes with the same name. */
export function checkRouteNames(
  routes: readonly RouteConfig[],
  written: readonly Path[],
  diagnostics: Diagnostics,
): void {
  const met = new Map<string, RouteConfig>()
  for (const [at, route] of routes.entries()) {
    const other = met.get(route.name)
    if (other === undefined) met.set(route.name, route)
    else {
      const place = placeText(other.source)
      const where = place === '' ? 'another route' : `the route at ${place}`
      diagnostics.error(
        route.source,
        [...written[at], 'name'],
        `the name ${route.name} is that of ${where}; take another`,
      )
    }
  }
}
