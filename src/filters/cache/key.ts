// The key of an entry: the parts that two requests must share to share a response.

import type { RequestView } from '../../proxy/index.js'

export interface KeyOptions {
  /** True: the entries serve all routes that use the cache, not one. */
  readonly shared: boolean
  /** True: the query is not part of the key. */
  readonly ignoresQuery: boolean
  /** Request fields whose values are part of the key, in lower case. */
  readonly fields: readonly string[]
}

const DEFAULT_PORT: Readonly<Record<string, string>> = { http: ':80', https: ':443' }

/** Returns the URL of a request, normalised: host in lower case, without the default port. */
export function urlOf(scheme: string, authority: string, target: string): string {
  const port = DEFAULT_PORT[scheme] ?? ''
  const host = authority.toLowerCase()
  const plain = port !== '' && host.endsWith(port) ? host.slice(0, -port.length) : host
  return `${scheme}://${plain}${target}`
}

/** Returns the key. The URL stands last, so that a prefix of it can be found. No part holds a line feed. */
export function keyOf(request: RequestView, route: string, options: KeyOptions): string {
  const url = urlOf(request.scheme, request.authority, options.ignoresQuery ? request.path : request.target)
  return keyOfUrl(url, route, options, (name) => request.fields.get(name) ?? '')
}

export function keyOfUrl(
  url: string,
  route: string,
  { shared, fields }: KeyOptions,
  fieldOf: (name: string) => string,
): string {
  let key = shared ? '' : route
  for (const name of fields) key += `\n${name}:${fieldOf(name)}`
  return `${key}\n${url}`
}

/** Returns the URL of a key. */
export const urlOfKey = (key: string): string => key.slice(key.lastIndexOf('\n') + 1)
