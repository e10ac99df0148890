// Translates the options of http-proxy into those of createProxy.

import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Readable } from 'node:stream'
import type { RequestOptions, Target } from './options.js'
import { readTarget, type TargetUrl } from './target-url.js'

/** The options of http-proxy 1.18. */
export interface CompatOptions {
  target?: Target | null
  forward?: Target | null
  /** Ignored: connections are kept and shared without it. */
  agent?: unknown
  ssl?: unknown
  ws?: boolean
  xfwd?: boolean
  secure?: boolean
  toProxy?: boolean
  prependPath?: boolean
  ignorePath?: boolean
  /** Ignored: the operating system chooses it. */
  localAddress?: string
  changeOrigin?: boolean
  preserveHeaderKeyCase?: boolean
  auth?: string
  hostRewrite?: string
  autoRewrite?: boolean
  protocolRewrite?: string
  cookieDomainRewrite?: string | Record<string, string> | false
  cookiePathRewrite?: string | Record<string, string> | false
  headers?: Record<string, string | string[]>
  method?: string
  proxyTimeout?: number
  timeout?: number
  followRedirects?: boolean
  selfHandleResponse?: boolean
  buffer?: Readable
  ca?: string
}

const TAKEN = [
  'xfwd',
  'prependPath',
  'ignorePath',
  'auth',
  'hostRewrite',
  'autoRewrite',
  'protocolRewrite',
  'cookieDomainRewrite',
  'cookiePathRewrite',
  'headers',
  'method',
  'selfHandleResponse',
] as const

/** Options that are on with any value that is true for JavaScript. */
const SWITCHES: ReadonlySet<string> = new Set([
  'xfwd',
  'prependPath',
  'ignorePath',
  'autoRewrite',
  'selfHandleResponse',
])

/** Numbers may be values of fields too. */
const textsOf = (headers: object): Record<string, string | string[]> =>
  Object.fromEntries(
    Object.entries(headers)
      .filter(([, value]) => value !== undefined && value !== null)
      .map(([name, value]) => [name, Array.isArray(value) ? value.map(String) : String(value)]),
  )

const isHost = (host: string | undefined): boolean =>
  host !== undefined && /^[\w.~%!$&'()*+,;=-]+(?::\d*)?$|^\[[\da-f:.]+\](?::\d*)?$/i.test(host)

/** The authority part of an absolute URL in a path, which url.parse makes a path of (toProxy). */
const wholeUrl = (path: string): string =>
  `/${path}`.replace(/\/+/g, '/').replace('http:/', 'http://').replace('https:/', 'https://')

/** Returns the options of createProxy for a call of http-proxy with these options. */
export function optionsOf(options: CompatOptions, request: IncomingMessage): RequestOptions {
  const all: Record<string, unknown> = {}
  for (const name of TAKEN)
    if (options[name] !== undefined && options[name] !== null)
      all[name] = SWITCHES.has(name) ? Boolean(options[name]) : options[name]
  if (all['headers'] !== undefined) all['headers'] = textsOf(all['headers'] as object)
  const { target, forward, changeOrigin, secure, ca, proxyTimeout, buffer, toProxy } = options
  if (target != null) all['target'] = target
  if (forward != null) all['mirror'] = forward
  if (changeOrigin === true) all['host'] = 'target'
  const authority = ca ?? (target as { ca?: string } | undefined)?.ca
  if (secure === false || authority !== undefined)
    all['tls'] = {
      verify: secure !== false,
      ...(authority === undefined ? {} : { ca: [authority].flat().map(String).join('\n') }),
    }
  if (typeof proxyTimeout === 'number' && proxyTimeout > 0)
    all['timeouts'] = { head: proxyTimeout, idle: proxyTimeout, connect: proxyTimeout }
  if (buffer !== undefined) all['body'] = buffer
  if (toProxy === true && options.ignorePath !== true) all['pathRewrite'] = () => wholeUrl(request.url ?? '/')
  // HTTP/1.0 need not name a host, and some clients name an invalid one: the backend's name is then used.
  if (!isHost(request.headers.host) && all['host'] === undefined && (target ?? forward) != null)
    all['headers'] = {
      host: readTarget((target ?? forward) as string | URL | TargetUrl).authority,
      ...(all['headers'] as object),
    }
  return all as RequestOptions
}

/** Returns a URL as an object, as http-proxy parses it; what is no URL, as it is. */
function parsedUrl(target: Target | null | undefined): Target | null | undefined {
  if (typeof target !== 'string' || !URL.canParse(target)) return target
  const { protocol, host, hostname, port, pathname, search, hash, href } = new URL(target)
  return { protocol, host, hostname, port, pathname, search, hash, href, path: `${pathname}${search}` }
}

/** Returns the options of a call as http-proxy shows them to listeners. */
export function shownOptions(options: CompatOptions): CompatOptions {
  const { target, forward } = options
  return {
    ...options,
    ...(target === undefined ? {} : { target: parsedUrl(target) as Target | null }),
    ...(forward === undefined ? {} : { forward: parsedUrl(forward) as Target | null }),
  }
}

/** Returns `Content-Type` for `content-type`. */
const titled = (name: string): string =>
  name.replace(/(^|-)([a-z])/g, (_, dash, letter) => dash + letter.toUpperCase())

/** Writes the names of a response's fields in their usual case (preserveHeaderKeyCase). */
export function titledFields(response: ServerResponse): void {
  const { setHeader } = response
  response.setHeader = function (name, value) {
    return setHeader.call(this, titled(name), value)
  }
  // The fields are set one by one if something stands before writeHead.
  const { writeHead } = response
  response.writeHead = function (this: ServerResponse, ...args: unknown[]) {
    return writeHead.apply(this, args as never)
  } as typeof writeHead
}
