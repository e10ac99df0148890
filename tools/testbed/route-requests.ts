// Routes and requests for tests of the router, given by their differences from a route that takes everything.

import type { RouteRequest, RouterRoute } from '../../src/proxy/index.js'
import type { RouteMatch } from '../../src/proxy/route.js'

/** Makes a route whose target is its own name. */
export const routeOf = (
  name: string,
  match: Partial<RouteMatch> = {},
  ambiguous: 'refuse' | 'pass' = 'refuse',
): RouterRoute<string> => ({
  name,
  match: { listeners: [], hosts: [], path: null, methods: [], headers: [], query: [], ...match },
  path: { ambiguous, forward: 'client' },
  to: name,
})

export interface PlainRequest {
  readonly listener?: string
  readonly authority?: string
  readonly scheme?: string
  readonly method?: string
  readonly target?: string
  /** Values by name, in lower case. */
  readonly fields?: Readonly<Record<string, string>>
}

export const requestOf = ({
  listener = 'web',
  authority = 'example.org',
  scheme = 'http',
  method = 'GET',
  target = '/',
  fields = {},
}: PlainRequest): RouteRequest => ({
  listener,
  authority,
  scheme,
  method,
  target,
  field: (name) => fields[name] ?? null,
})
