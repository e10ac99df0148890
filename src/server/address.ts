// Parses addresses and URLs of the command line. Errors say what to write.

import { domainToASCII } from 'node:url'
import { type Address, Networks, UNIX_PATH_BYTES_MAX } from '../pollset/index.js'
import { ConnectPattern, HostPattern } from '../proxy/index.js'

/** A mistake in the configuration. The message says what to write. */
export class ConfigError extends Error {
  override name = 'ConfigError'
}

const PORT_MAX = 65_535

/** An address to listen on. */
export interface Listen extends Address {
  /** True if the listener does TLS. */
  readonly secure?: boolean
}

function unixAddress(path: string): Address & { readonly path: string } {
  const bytes = Buffer.byteLength(path)
  if (bytes > UNIX_PATH_BYTES_MAX)
    throw new ConfigError(
      `'unix:${path}': the path has ${bytes} bytes; at most ${UNIX_PATH_BYTES_MAX} are possible`,
    )
  return { host: '', port: 0, path }
}

/**
 * Parses `HOST:PORT`, `[IPV6]:PORT`, `:PORT` (all interfaces), `PORT` (loopback) or `unix:PATH`. `http://` or
 * `https://` may come first. Port 0 takes a free port. Throws a {@link ConfigError}.
 */
export function parseListen(text: string): Listen {
  const [, scheme, rest] = /^(?:(https?):\/\/)?(.*)$/s.exec(text) as RegExpExecArray
  const secure = scheme === 'https'
  if (/^unix:./.test(rest)) return { ...unixAddress(rest.slice(5)), secure }
  const match = /^(?:(\[[0-9a-fA-F:.]+\]|[^[\]:/\s]*):)?(\d{1,5})\/?$/.exec(rest)
  if (Number(match?.[2]) > PORT_MAX)
    throw new ConfigError(
      `'${text}': port ${match?.[2]} is out of range (1 to ${PORT_MAX}, or 0 for any free port); write HOST:PORT`,
    )
  if (match === null) {
    throw new ConfigError(
      `'${text}' is not an address to listen on: write HOST:PORT, as in 127.0.0.1:8080, https://HOST:PORT or unix:PATH${brackets(rest)}`,
    )
  }
  const host = match[1]
  if (host === undefined) return { host: '127.0.0.1', port: Number(match[2]), secure }
  return { host: host === '' ? '::' : host.replace(/^\[|\]$/g, ''), port: Number(match[2]), secure }
}

/** Names the mistake of an IPv6 address that has no brackets. */
const brackets = (address: string): string =>
  /^[\da-f]*:[\da-f:.]*:[\da-f]*\/?$/i.test(address) ? '; an IPv6 address has brackets, as in [::1]:8080' : ''

/** The schemes of backends, and their default ports. */
const SCHEMES = { http: 80, https: 443, h2c: 80, h2: 443 } as const

export interface BackendUrl extends Address {
  readonly scheme: keyof typeof SCHEMES
}

const isScheme = (text: string): text is BackendUrl['scheme'] => Object.hasOwn(SCHEMES, text)

/**
 * Parses `SCHEME://HOST[:PORT]` or `SCHEME://unix:PATH`. http: HTTP/1.1; https: over TLS, HTTP/2 or HTTP/1.1
 * by ALPN; h2c: HTTP/2 in clear text, with prior knowledge; h2: HTTP/2 over TLS. Throws a {@link
 * ConfigError}.
 */
export function parseBackend(text: string): BackendUrl {
  const parts = /^([a-z][a-z0-9+.-]*):\/\/(.*)$/is.exec(text)
  const scheme = parts?.[1].toLowerCase() ?? ''
  if (parts === null || !isScheme(scheme)) {
    const names = Object.keys(SCHEMES).map((each) => `${each}://`)
    throw new ConfigError(
      `'${text}' is not a backend: write ${names.slice(0, -1).join(', ')} or ${names.at(-1)}, then HOST:PORT or unix:PATH`,
    )
  }
  if (/^unix:./.test(parts[2])) return { scheme, ...unixAddress(parts[2].slice(5)) }
  const match = /^(\[[0-9a-fA-F:.]+\]|[^[\]:/?#@\s]+)(?::(\d{1,5}))?\/?$/.exec(parts[2])
  if (match === null)
    throw new ConfigError(
      `'${text}' is not a backend: write ${scheme}://HOST:PORT, without a path or a user, or ${scheme}://unix:PATH${brackets(parts[2])}`,
    )
  const [, host, port] = match
  if (Number(port ?? 80) > PORT_MAX || port === '0')
    throw new ConfigError(`'${text}': port ${port} is out of range (1 to ${PORT_MAX})`)
  return { scheme, host: host.replace(/^\[|\]$/g, ''), port: Number(port ?? SCHEMES[scheme]) }
}

/** Checks a network in CIDR form, or a single address. */
export function parseNetwork(text: string): string {
  try {
    new Networks([text])
  } catch {
    throw new ConfigError(
      `'${text}' is not a network: write ADDRESS/BITS, as in 10.0.0.0/8, an address, or unix`,
    )
  }
  return text
}

/** Checks a TLS server name. */
export function parseServerName(text: string): string {
  if (/^[\w-]+(?:\.[\w-]+)*\.?$/.test(text)) return text
  throw new ConfigError(`'${text}' is not a server name: write a host name, as in backend.example.org`)
}

/** Checks a target of plain CONNECT. */
export function parseConnect(text: string): string {
  try {
    new ConnectPattern(text)
  } catch {
    throw new ConfigError(
      `'${text}' is not a CONNECT target: write HOST:PORT, as in db.example.org:5432, *.example.org:443 or [::1]:22; * is any host or port`,
    )
  }
  return text
}

export interface RouteText {
  readonly host: string
  readonly prefix: string
  readonly url: string
}

/** Parses `HOST/PREFIX=URL`. Without HOST the route takes every host, without PREFIX every path. */
export function parseRoute(text: string): RouteText {
  const match = /^([^/=\s]*)(\/[^=\s]*)?=(\S+)$/.exec(text)
  if (/^[a-z][a-z0-9+.-]*:\/\//i.test(text))
    throw new ConfigError(`'${text}': a route begins with HOST or /PREFIX, without a scheme`)
  if (match === null) {
    throw new ConfigError(
      `'${text}' is not a route: write HOST/PREFIX=URL, as in example.org/api=h2c://127.0.0.1:9000`,
    )
  }
  checkUrl(match[3], text)
  const prefix = match[2] ?? '/'
  if (!/^[!"$-~]*$/.test(prefix))
    throw new ConfigError(`'${text}': no request path begins with ${prefix}; write special characters as %XX`)
  if (prefix.endsWith('*'))
    throw new ConfigError(
      `'${text}': a prefix is not a pattern; ${prefix.slice(0, -1)} takes all paths that begin with it`,
    )
  return { host: parseHost(match[1], text), prefix, url: match[3] }
}

function checkUrl(url: string, route: string): void {
  try {
    parseBackend(url)
  } catch (error) {
    throw error instanceof ConfigError ? new ConfigError(`'${route}': ${error.message}`) : error
  }
}

/** Normalises the host of a route. Requests name hosts in ASCII. */
function parseHost(text: string, route: string): string {
  try {
    const [, name, port] = /^(.*?)(:\d*)?$/s.exec(text) as RegExpExecArray
    const ascii = /[^ -~]/.test(name) ? domainToASCII(name) || '?' : name
    return new HostPattern(`${ascii}${port ?? ''}`).text
  } catch {
    throw new ConfigError(
      `'${route}': '${text}' is not a host: write example.org, *.example.org for all names below it, or [::1], each with or without a port; leave it out for every host`,
    )
  }
}

const describeRoute = (route: RouteText): string =>
  route.host === '' && route.prefix === '/' ? 'everything (/)' : `${route.host}${route.prefix}`

/** Adds a route. Refuses a second one for the same host and prefix, which would never take a request. */
export function addRoute(routes: readonly RouteText[], route: RouteText): RouteText[] {
  const other = routes.find((each) => each.host === route.host && each.prefix === route.prefix)
  if (other === undefined) return [...routes, route]
  throw new ConfigError(
    `two routes for ${describeRoute(route)}: ${other.url} and ${route.url}; leave out one`,
  )
}

const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000 }

/**
 * Parses `10s`, `500ms`, `2m` or 0. Returns ms. Other numbers need a unit: limits count in ms, people in s.
 */
export function parseDuration(text: string): number {
  const match = /^(?:(\d+(?:\.\d+)?)(ms|s|m)|(0))$/.exec(text)
  if (match === null) throw new ConfigError(`'${text}' is not a duration: write 10s, 500ms or 2m`)
  return match[3] === undefined ? Number(match[1]) * UNITS[match[2]] : 0
}
