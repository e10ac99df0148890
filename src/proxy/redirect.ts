// The Location of a redirect (RFC 9110 §10.2.2): an absolute URL, as made by the Gateway API's
// RequestRedirect.

import { defaultPort, readHost } from './host.js'
import type { RouteAction } from './route.js'

export type RedirectAction = Extract<RouteAction, { kind: 'redirect' }>

/** The parts of the request that a redirect keeps. */
export interface RedirectRequest {
  /** `http` or `https` */
  readonly scheme: string
  /** The host and port that the client asked for, as sent. */
  readonly authority: string
  /** The path and the query, as sent. */
  readonly target: string
}

/** A name or an address that cannot end the authority of a URL early, nor the field line. */
const HOST = /^(?:[\w~.-]+|\[[\da-f:.]+\])$/i

/** Encodes characters that a URL cannot have. */
const visible = (text: string): string => text.replace(/[^!-~]+/gu, encodeURIComponent)

/**
 * Returns the value of Location; null if the action names no host and the request's host cannot stand in a
 * URL. Such a request is answered 400.
 */
export function locationOf(action: RedirectAction, request: RedirectRequest): string | null {
  const asked = readHost(request.authority)
  const host = action.host ?? asked?.name ?? ''
  if (!HOST.test(host)) return null
  const scheme = action.scheme ?? request.scheme
  // With another scheme the client's port would be wrong.
  const port = action.port ?? (action.scheme === null ? (asked?.port ?? -1) : -1)
  const shown = port <= 0 || port === defaultPort(scheme) ? '' : `:${port}`
  return `${scheme}://${host}${shown}${visible(pathAndQuery(action.path, request.target))}`
}

/** Returns the path of the action, or of the target, with the target's query. */
function pathAndQuery(path: string | null, target: string): string {
  const mark = target.indexOf('?')
  const query = mark < 0 ? '' : target.slice(mark)
  const sent = mark < 0 ? target : target.slice(0, mark)
  // `*` is the server as a whole (RFC 9110 §7.1).
  if (path === null) return `${sent.startsWith('/') ? sent : '/'}${query}`
  return path.includes('?') ? `${path}${query.replace('?', '&')}` : `${path}${query}`
}

const UNCHANGED: RedirectAction = {
  kind: 'redirect',
  scheme: null,
  host: null,
  port: null,
  path: null,
  status: 308,
}

/**
 * Returns true if a redirect would lead to the requested URL. The client would follow it forever, so such a
 * redirect does not take the request.
 */
export function leadsToItself(action: RedirectAction, request: RedirectRequest): boolean {
  const location = locationOf(action, request)
  return location !== null && location === locationOf(UNCHANGED, request)
}
