// A request, as read by routes.

import { Token } from '../http/index.js'
import type { RouteRequest } from './compiled-route.js'
import type { Exchange } from './exchange.js'
import { fieldValue } from './field-value.js'

/** A view that all exchanges of a proxy share in turn, since a route is found at once. */
export class RequestView implements RouteRequest {
  private x: Exchange | null = null

  of(x: Exchange): this {
    this.x = x
    return this
  }

  private get exchange(): Exchange {
    return this.x as Exchange
  }

  get listener(): string {
    return this.exchange.listener
  }

  get authority(): string {
    const { view, request } = this.exchange
    return view?.host ?? request.host
  }

  get scheme(): string {
    const { view, request } = this.exchange
    return view?.scheme ?? request.scheme?.value ?? 'http'
  }

  /** The method. For routes, a WebSocket is a GET with Upgrade, as in HTTP/1.1 (RFC 8441 §5). */
  get method(): string {
    const { request } = this.exchange
    return request.protocol === null ? (request.method?.value ?? '') : 'GET'
  }

  get target(): string {
    return this.exchange.request.path?.value ?? '*'
  }

  field(name: string): string | null {
    const { request, frontend } = this.exchange
    if (name === 'upgrade') return request.protocol?.value ?? (frontend.upgrade || null)
    return fieldValue(request, name)
  }
}

/** Returns the value of a cookie in the value of a Cookie field; null without one (RFC 6265 §5.4). */
export function cookieValue(cookies: string, name: string): string | null {
  for (const pair of cookies.split(';')) {
    const at = pair.indexOf('=')
    if (at > 0 && pair.slice(0, at).trim() === name) return pair.slice(at + 1).trim()
  }
  return null
}

/** Returns the value of a cookie of this request; null without one. */
export function cookieOf({ request }: Exchange, name: string): string | null {
  for (const field of request.fields) {
    const value = field.token === Token.COOKIE ? cookieValue(field.value, name) : null
    if (value !== null) return value
  }
  return null
}
