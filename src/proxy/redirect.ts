// The Location of a redirect (RFC 9110 §10.2.2).

import { defaultPort, readHost } from './host.js'
import type { RouteAction } from './route.js'

export type RedirectAction = Extract<RouteAction, { kind: 'redirect' }>

/** What a redirect keeps of the request. */
export interface RedirectRequest {
  /** `http` or `https` */
  readonly scheme: string
  /** Host and port that the client asked for, as sent. */
  readonly authority: string
  /** The path and the query, as sent. */
  readonly target: string
}

/**
 * Returns the value of Location; null if the request has no host that could stand in one, which is answered
 * 400.
 */
export function locationOf(action: RedirectAction, request: RedirectRequest): string | null {
  const asked = readHost(request.authority)
  const scheme = action.scheme ?? request.scheme
  const host = action.host ?? asked?.name ?? null
  if (host === null) return null
  // The port that the client used is one of its scheme.
  const kept = action.scheme === null && action.host === null && asked !== null ? asked.port : -1
  const port = action.port ?? kept
  const shown = port < 0 || port === defaultPort(scheme) ? '' : `:${port}`
  const mark = request.target.indexOf('?')
  const path = action.path ?? (mark < 0 ? request.target : request.target.slice(0, mark))
  return `${scheme}://${host}${shown}${path === '*' ? '/' : path}${mark < 0 ? '' : request.target.slice(mark)}`
}
