// Addresses and URLs as people write them on a command line, and what is wrong with them.

import type { Address } from '../pollset/index.js'

/** A mistake of the one who configures: the message says what is right. */
export class ConfigError extends Error {
  override name = 'ConfigError'
}

const PORT_MAX = 65_535

/** `HOST:PORT`, `[IPV6]:PORT`, `:PORT` (all interfaces) or `PORT` (loopback). Port 0: any free one. */
export function parseListen(text: string): Address {
  const match = /^(?:(\[[0-9a-fA-F:.]+\]|[^[\]:/\s]*):)?(\d{1,5})$/.exec(text)
  if (match === null || Number(match[2]) > PORT_MAX) {
    throw new ConfigError(`'${text}' is not an address to listen on: write HOST:PORT, as in 127.0.0.1:8080`)
  }
  const host = match[1]
  if (host === undefined) return { host: '127.0.0.1', port: Number(match[2]) }
  return { host: host === '' ? '::' : host.replace(/^\[|\]$/g, ''), port: Number(match[2]) }
}

/** `h2c://HOST[:PORT]`; HTTP/2 in clear text, with prior knowledge. */
export function parseBackend(text: string): Address {
  const match = /^([a-z][a-z0-9+.-]*):\/\/(\[[0-9a-fA-F:.]+\]|[^[\]:/?#@\s]+)(?::(\d{1,5}))?\/?$/i.exec(text)
  if (match === null) throw new ConfigError(`'${text}' is not a backend: write h2c://HOST:PORT`)
  const [, scheme, host, port] = match
  if (scheme.toLowerCase() !== 'h2c') {
    throw new ConfigError(
      `'${text}': backends are spoken to by h2c:// (HTTP/2 in clear text) so far, not by ${scheme}://`,
    )
  }
  if (Number(port ?? 80) > PORT_MAX || port === '0') throw new ConfigError(`'${text}': no port is ${port}`)
  return { host: host.replace(/^\[|\]$/g, ''), port: Number(port ?? 80) }
}

export interface RouteText {
  readonly host: string
  readonly prefix: string
  readonly url: string
}

/** `HOST/PREFIX=URL`; without HOST every host, without PREFIX every path. */
export function parseRoute(text: string): RouteText {
  const match = /^([^/=\s]*)(\/[^=\s]*)?=(\S+)$/.exec(text)
  if (match === null) {
    throw new ConfigError(
      `'${text}' is not a route: write HOST/PREFIX=URL, as in example.org/api=h2c://127.0.0.1:9000`,
    )
  }
  parseBackend(match[3])
  return { host: match[1].toLowerCase(), prefix: match[2] ?? '/', url: match[3] }
}

const meant = (route: RouteText): string =>
  route.host === '' && route.prefix === '/' ? 'everything (/)' : `${route.host}${route.prefix}`

/** One more route: each says something of its own, or one of them would never be taken. */
export function addRoute(routes: readonly RouteText[], route: RouteText): RouteText[] {
  const other = routes.find((each) => each.host === route.host && each.prefix === route.prefix)
  if (other === undefined) return [...routes, route]
  throw new ConfigError(`two routes for ${meant(route)}: ${other.url} and ${route.url}; leave out one`)
}

const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000 }

/** `10s`, `500ms`, `2m`, or seconds without a unit; to ms. */
export function parseDuration(text: string): number {
  const match = /^(\d+(?:\.\d+)?)(ms|s|m)?$/.exec(text)
  if (match === null) throw new ConfigError(`'${text}' is not a duration: write 10s, 500ms or 2m`)
  return Number(match[1]) * UNITS[match[2] ?? 's']
}
