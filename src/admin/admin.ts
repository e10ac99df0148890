// The admin listener over HTTP: it decides who may ask, and has each question answered. No web page may ask
// through the browser of its user, so Host must be a listed name, and requests made by other sites are
// refused (DNS rebinding, CSRF). Over a Unix-domain socket the file's mode decides who may connect.

import { type FrontendStream, type Head, type HttpWorld, type StreamAcceptor, Token } from '../http/index.js'
import { AdminExchange, adminSteps } from './admin-exchange.js'
import type { AdminLimits } from './limits.js'
import { type AdminAnswer, type AdminQuestion, type AdminRoutes, error } from './routes.js'

export interface AdminOptions {
  /**
   * The names of the listener in Host, in lower case and without a port; null: any name will do, as
   * on a Unix socket.
   */
  readonly hosts: readonly string[] | null
  /** The token for all routes that are not open; null: none is needed, as on a Unix socket. */
  readonly token: string | null
  /** Compares two texts in constant time. */
  readonly isSame: (a: string, b: string) => boolean
}

/** The judgement on the head of a request. */
export type Judged =
  | { readonly refusal: AdminAnswer }
  | {
      readonly question: Omit<AdminQuestion, 'body'>
      answers(question: AdminQuestion, done: (answer: AdminAnswer) => void): void
    }

export class Admin implements StreamAcceptor {
  readonly world: HttpWorld
  readonly limits: AdminLimits
  private readonly options: AdminOptions
  private readonly routes: AdminRoutes
  private readonly onClosed: (client: FrontendStream['client']) => void

  /** @param closed is called when a connection has closed */
  constructor(
    world: HttpWorld,
    limits: AdminLimits,
    options: AdminOptions,
    routes: AdminRoutes,
    closed: (client: FrontendStream['client']) => void,
  ) {
    this.world = world
    this.limits = limits
    this.options = options
    this.routes = routes
    this.onClosed = closed
  }

  accept(stream: FrontendStream): void {
    const exchange = new AdminExchange(this, stream)
    stream.owner = exchange
    adminSteps.start(this.world, exchange, 'receive')
  }

  clientClosed(client: FrontendStream['client']): void {
    this.onClosed(client)
  }

  /** Judges a request by its head. @param hasBody true: content follows */
  judge(head: Head, hasBody: boolean): Judged {
    const refused = this.refusalOf(head)
    if (refused !== null) return { refusal: refused }
    const target = head.path?.value ?? '*'
    const mark = target.indexOf('?')
    const path = mark < 0 ? target : target.slice(0, mark)
    const method = head.method?.value ?? ''
    const found = this.routes.find(method, path)
    if ('methods' in found)
      return {
        refusal:
          found.methods.length === 0
            ? error(404, `there is no ${path}; GET /openapi.json lists what there is`)
            : error(405, `${path} takes ${found.methods.join(', ')}`),
      }
    const { route, parts } = found
    if (!route.open && !this.isAllowed(head)) {
      return { refusal: error(401, 'this needs the token: send `authorization: Bearer TOKEN`') }
    }
    if (hasBody && !isJson(head)) return { refusal: error(415, 'the body must be application/json') }
    const question = { method, parts, query: new URLSearchParams(mark < 0 ? '' : target.slice(mark + 1)) }
    return { question, answers: route.answers }
  }

  private refusalOf(head: Head): AdminAnswer | null {
    const { hosts } = this.options
    if (hosts !== null && !hosts.includes(hostName(head.host)))
      return error(421, `this listener is not ${head.host}; its names are ${hosts.join(', ')}`)
    const site = textOf(head, 'sec-fetch-site')
    if (textOf(head, 'origin') !== null || (site !== null && site !== 'none'))
      return error(403, 'pages of other sites may not ask this')
    return null
  }

  private isAllowed(head: Head): boolean {
    const { token, isSame } = this.options
    if (token === null) return true
    const sent = /^Bearer +(\S+)$/i.exec(head.find(Token.AUTHORIZATION)?.value ?? '')?.[1]
    return sent !== undefined && isSame(sent, token)
  }
}

/** Returns the host of an authority, in lower case and without its port. */
const hostName = (authority: string): string =>
  authority.toLowerCase().replace(/:\d*$/, '').replace(/\.$/, '')

const textOf = (head: Head, name: string): string | null =>
  head.fields.find((each) => each.name === name)?.value ?? null

const isJson = (head: Head): boolean =>
  /^application\/json(?:$|[;\s])/i.test(head.find(Token.CONTENT_TYPE)?.value ?? '')
