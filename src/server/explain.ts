// Explains the treatment of a request by a configuration: its listener and certificate, its route and the
// reasons why others lose, and each setting with the place where it was written.

import { Balancer, balancerOptions, Member } from '../balancing/index.js'
import {
  type BackendConfig,
  type Configuration,
  placeText,
  type RouteConfig,
  type Source,
} from '../config/index.js'
import { type Client, FieldTable, forwardingFieldsOf, Head } from '../http/index.js'
import { certificateFor, Networks } from '../pollset/index.js'
import {
  type ClientView,
  cookieValue,
  durationText,
  fieldValue,
  forward,
  locationOf,
  NEVER,
  type RouteRequest,
  Router,
  TrustedProxies,
} from '../proxy/index.js'
import { ConfigError, parseListen } from './address.js'
import { explainRedis, isRedisUrl } from './explain-redis.js'
import { matchedRoutes } from './routes.js'

/** A request to explain. */
export interface AskedRequest {
  readonly url: string
  readonly method: string
  /** The field lines, each like `x-beta: 1`. */
  readonly headers: readonly string[]
  /** The address of the peer. */
  readonly from: string
}

/** A line of the explanation: its subject, the fact, and the place where that was written. */
export interface Explained {
  readonly about: string
  readonly value: string
  /** `FILE:LINE:COLUMN`; '' if nothing was written. */
  readonly place: string
}

const PORTS: Readonly<Record<string, number>> = { 'http:': 80, 'https:': 443 }

function urlOf(text: string): URL {
  if (!URL.canParse(text) || !Object.hasOwn(PORTS, new URL(text).protocol))
    throw new ConfigError(`'${text}' is not a URL: write http:// or https://, then HOST/PATH`)
  return new URL(text)
}

/** Returns path and query as they were written: a URL object would resolve dot segments. */
const targetOf = (text: string): string => /^[a-z]+:\/\/[^/?#]*([^#]*)/i.exec(text)?.[1] || '/'

class Explainer {
  readonly lines: Explained[] = []
  private readonly configuration: Configuration
  private readonly asked: AskedRequest
  private readonly url: URL
  private readonly head: Head
  private readonly fields = new FieldTable()

  constructor(configuration: Configuration, asked: AskedRequest) {
    this.configuration = configuration
    this.asked = asked
    this.url = urlOf(asked.url)
    const { fields } = this
    const lines = asked.headers.map((line) => {
      const at = line.indexOf(':')
      if (at < 1) throw new ConfigError(`'${line}' is not a field: write 'name: value'`)
      const name = line.slice(0, at).trim().toLowerCase()
      if (name === 'host') throw new ConfigError(`'${line}': write the host into the URL`)
      return fields.make(name, line.slice(at + 1).trim())
    })
    this.head = Head.request([
      fields.field(':method', asked.method),
      fields.field(':scheme', this.url.protocol.slice(0, -1)),
      fields.field(':path', targetOf(asked.url)),
      fields.make(':authority', this.url.host),
      ...lines,
    ])
  }

  explain(): readonly Explained[] {
    const view = this.client()
    const listener = this.listener()
    const request: RouteRequest = {
      listener,
      authority: view?.host ?? this.head.host,
      scheme: view?.scheme ?? this.url.protocol.slice(0, -1),
      method: this.asked.method,
      target: targetOf(this.asked.url),
      field: (name) => fieldValue(this.head, name),
    }
    const route = this.route(request)
    if (route !== null) this.action(route, request, view?.address ?? this.asked.from)
    return this.lines
  }

  private add(about: string, value: string, source: Source | null = null): void {
    const place = source === null || source.line < 0 ? '' : placeText(source)
    this.lines.push({ about, value, place })
  }

  private client(): ClientView | null {
    const { addresses, fields } = this.configuration.trustedProxies
    const trusted = new TrustedProxies(new Networks(addresses), fields)
    const from = { host: this.asked.from, port: 0 }
    const ends = { from, to: from }
    const scheme = this.url.protocol === 'https:' ? 'https' : 'http'
    const forwardingFields = forwardingFieldsOf(this.fields, '1.1', ends, scheme)
    const client = { addresses: ends, neighbour: from, forwardingFields } as unknown as Client
    const view = trusted.viewOf(client, this.head)
    forward(this.head, client, view, trusted, this.fields)
    if (view !== null) this.add('client', `${view.address}, as trusted proxies tell`)
    return view
  }

  /** Finds the listener by the port and scheme of the URL. */
  private listener(): string {
    const port = this.url.port === '' ? PORTS[this.url.protocol] : Number(this.url.port)
    const secure = this.url.protocol === 'https:'
    const alike = this.configuration.listeners.filter(
      ({ tls, redis }) => (tls !== null) === secure && redis === null,
    )
    const exact = alike.find(({ address }) => parseListen(address).port === port)
    // A port without a listener may be mapped to the only listener.
    const found = exact ?? (alike.length === 1 ? alike[0] : undefined)
    if (found === undefined) {
      const kind = secure ? 'with TLS' : 'in clear text'
      const others = alike.map(({ name, address }) => `${name}: ${address}`).join(', ')
      const hint = others === '' ? '' : `; write the port of one that does: ${others}`
      this.add('listener', `none listens on port ${port} ${kind}${hint}`)
      return ''
    }
    const mapped = exact === undefined ? `, if port ${port} is mapped to it` : ''
    this.add('listener', `${found.name}: ${found.address}${mapped}`, found.source)
    if (found.tls !== null) {
      const certificate = certificateFor(found.tls.certificates, this.url.hostname)
      this.add('certificate', certificate.name, certificate.source)
    }
    return found.name
  }

  private route(request: RouteRequest): RouteConfig | null {
    const router = new Router(matchedRoutes(this.configuration.routes, (each) => each))
    const { chosen, ambiguous, path, considered } = router.explain(request)
    this.add('path', path)
    if (ambiguous !== null) this.add('refused', `400 path-ambiguous: ${ambiguous}`)
    else if (chosen === null) this.add('refused', '404 no-route')
    else this.add('route', chosen.name, chosen.source)
    for (const { name, lost } of considered) if (lost !== null) this.add(`not ${name}`, lost)
    return chosen
  }

  private action(route: RouteConfig, request: RouteRequest, address: string): void {
    const { action, sources } = route
    for (const { name, kind, source } of route.filters)
      this.add('filter', name === kind ? name : `${name} (${kind})`, source)
    if (action.kind === 'answer') {
      this.add('answer', String(action.status), sources.action)
      return
    }
    if (action.kind === 'chosen') {
      this.add('backend', 'chosen by a function', sources.action)
      return
    }
    if (action.kind === 'redirect') {
      this.add('redirect', `${action.status} ${locationOf(action, request) ?? 'no host'}`, sources.action)
      return
    }
    for (const [name, value] of Object.entries(route.timeouts))
      this.setting(`timeouts.${name.replace(/Ms$/, '')}`, timeText(value), sources[`timeouts.${name}`])
    const { attempts, replayBytes, firstMs, mostMs } = route.retry
    this.setting('retry.attempts', String(attempts), sources['retry.attempts'])
    this.setting('retry.on', retriedText(route), sources['retry.statuses'])
    this.setting('retry.replay', `${replayBytes}B`, sources['retry.replayBytes'])
    this.setting('retry.backoff.first', timeText(firstMs), sources['retry.firstMs'])
    this.setting('retry.backoff.most', timeText(mostMs), sources['retry.mostMs'])
    for (const [name, value] of Object.entries(route.path))
      this.setting(`path.${name}`, value, sources[`path.${name}`])
    this.setting('upgrades', route.upgrades.join(' ') || 'none', sources.upgrades)
    this.setting('errors', route.errors, sources.errors)
    const sum = action.to.reduce((all, { weight }) => all + weight, 0)
    for (const { backend: name, weight } of action.to) {
      const backend = this.configuration.backends.find((each) => each.name === name)
      if (backend === undefined) continue
      const part = action.to.length > 1 ? `, ${Math.round((weight / sum) * 1_000) / 10}% of the requests` : ''
      this.add('backend', `${name}${part}`, backend.source)
      this.backend(backend, request, address)
    }
  }

  private setting(about: string, value: string, source: Source | undefined): void {
    this.add(about, value, source ?? null)
  }

  private backend(backend: BackendConfig, request: RouteRequest, address: string): void {
    const { sources, balance, endpoints, protocol, health, discovery, retryBudget } = backend
    for (const [name, value] of Object.entries(backend.limits)) {
      const text = value === null ? 'that of the room' : name.endsWith('Ms') ? timeText(value) : String(value)
      this.setting(`limits.${name.replace(/Ms$/, '')}`, text, sources[`limits.${name}`])
    }
    const budget =
      retryBudget === null ? 'no bound' : `${retryBudget.ratio * 100}% and ${retryBudget.perSecond} a second`
    this.setting('retryBudget', budget, sources['retryBudget.ratio'])
    this.setting('balance.policy', balance.policy, sources['balance.policy'])
    this.setting('balance.slowStart', timeText(balance.slowStartMs), sources['balance.slowStartMs'])
    if (balance.affinity !== null)
      this.setting(
        'balance.affinity',
        `cookie ${balance.affinity.cookie}`,
        sources['balance.affinity.cookie'],
      )
    const { active, passive, panic } = health
    this.setting(
      'health.active',
      active === null ? 'none' : `every ${timeText(active.intervalMs)}`,
      sources['health.active.intervalMs'],
    )
    this.setting('health.passive', passive === null ? 'none' : 'on', sources['health.passive.consecutive'])
    this.setting('health.panic', `${panic * 100}%`, sources['health.panic'])
    if (discovery !== null)
      this.setting(`discovery.${discovery.kind}`, discovery.name, sources['discovery.leastMs'])
    if (balance.policy !== 'hash' || balance.key === null) {
      for (const each of endpoints) this.add('endpoint', `${each.address}, weight ${each.weight}`)
      return
    }
    const { kind, name } = balance.key
    const key =
      kind === 'address'
        ? address
        : kind === 'field'
          ? request.field(name)
          : cookieValue(request.field('cookie') ?? '', name)
    if (key === null) {
      this.add('endpoint', `any: the request has no ${kind} ${name} to hash`)
      return
    }
    const balancer = new Balancer(balancerOptions(balance, { ...health, active: null }, null), 0, () => 0)
    balancer.replace(
      endpoints.map((each) => new Member(`${protocol}://${each.address}`, each.weight, 0)),
      0,
    )
    for (const [at, { member, score }] of balancer.scores(key, 0).entries())
      this.add(at === 0 ? 'endpoint' : 'or', `${member}, score ${score.toPrecision(6)} for ${key}`)
  }
}

/** Returns a duration in the form of the file. */
const timeText = (ms: number): string => (ms === NEVER ? '0 (no limit)' : durationText(ms))

const retriedText = ({ retry }: RouteConfig): string =>
  [
    ...(retry.connectFailure ? ['connect-failure'] : []),
    ...(retry.refusedStream ? ['refused-stream'] : []),
    ...(retry.closedBeforeHead ? ['closed-before-head'] : []),
    ...retry.statuses,
  ].join(' ') || 'none'

/** Explains the treatment of a request. Throws a {@link ConfigError} for a wrong question. */
export const explain = (configuration: Configuration, asked: AskedRequest): readonly Explained[] =>
  isRedisUrl(asked.url)
    ? explainRedis(configuration, asked.url)
    : new Explainer(configuration, asked).explain()

/** Writes an explanation in columns. */
export function explanationText(lines: readonly Explained[]): string {
  const width = Math.max(...lines.map(({ about }) => about.length)) + 2
  const values = Math.min(60, Math.max(...lines.map(({ value }) => value.length)) + 2)
  return lines
    .map(({ about, value, place }) => `${about.padEnd(width)}${value.padEnd(values)}${place}`.trimEnd())
    .map((line) => `${line}\n`)
    .join('')
}
