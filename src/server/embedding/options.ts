// The options of createProxy, and those of each request: its own options over those of the proxy.

import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Http2ServerRequest, Http2ServerResponse } from 'node:http2'
import type { Duplex, Readable, Transform } from 'node:stream'
import { ConfigError } from '../address.js'
import type { SomeLimits } from '../limits.js'
import { checkNames, type Elsewhere } from '../option-kinds.js'
import { checkOwn, checkValues } from './option-values.js'
import { checkWhole, readTarget, type TargetUrl } from './target-url.js'

/** A request of node:http, or of the compatibility API of node:http2. */
export type ProxyRequest = IncomingMessage | Http2ServerRequest
/** The response to it. */
export type ProxyReply = ServerResponse | Http2ServerResponse

/**
 * A URL: `http://`, `https://`, `h2c://` or `h2://`, then HOST:PORT and a path, which goes first. It has no
 * user, and a query only with `ignorePath`.
 */
export type Target = string | URL | TargetUrl

/** Chooses the target of a request. */
export type TargetChoice = (request: ProxyRequest) => Target | Promise<Target>

/** The head of a response, as seen by a transform. It must not be changed here. */
export interface TransformedHead {
  readonly status: number
  readonly headers: Readonly<Record<string, string | string[]>>
  readonly request: ProxyRequest
}

/** Options that a single request may have. */
export interface RequestOptions {
  /** The target of the request. */
  readonly target?: Target | TargetChoice | undefined
  /** The target of a copy of each request, whose answer nobody waits for. */
  readonly mirror?: Target | undefined
  /** The Host that the backend gets: the client's (the default), or the target's. */
  readonly host?: 'client' | 'target' | undefined
  /** True: a Location that names the target becomes what the client asked for. */
  readonly reverse?: boolean | undefined
  /** The host of a Location that names the target. */
  readonly hostRewrite?: string | undefined
  /** True: the host of a Location that names the target becomes that of the request. */
  readonly autoRewrite?: boolean | undefined
  /** The new scheme of a Location that names the target. */
  readonly protocolRewrite?: string | undefined
  /** Rewrites the Location of a redirect, after the options above. */
  readonly locationRewrite?: ((location: string) => string) | undefined
  /** The domains of cookies, by their old domain, or `*` for any; '' removes it. */
  readonly cookieDomainRewrite?: string | Readonly<Record<string, string>> | false | undefined
  /** The paths of cookies, in the same form. */
  readonly cookiePathRewrite?: string | Readonly<Record<string, string>> | false | undefined
  /**
   * Patterns and the replacements of their first match, in order; or a function of the path with its query.
   */
  readonly pathRewrite?: Readonly<Record<string, string>> | PathRewrite | undefined
  /** False leaves the path of the target out. */
  readonly prependPath?: boolean | undefined
  /** True leaves the path of the request out. */
  readonly ignorePath?: boolean | undefined
  /** True: describes the client to the backend in X-Forwarded-For, -Port, -Proto and -Host. */
  readonly xfwd?: boolean | undefined
  /** Fields of each request, in place of the client's. */
  readonly headers?: Readonly<Record<string, string | readonly string[]>> | undefined
  /** `USER:PASSWORD` for the backend. */
  readonly auth?: string | undefined
  /** The method in place of the client's. */
  readonly method?: string | undefined
  /** The body in place of the request's. */
  readonly body?: Readable | Buffer | string | undefined
  /** Gives the response to the listeners of `proxyRes`, which answer the client themselves. */
  readonly selfHandleResponse?: boolean | undefined
  /** Makes a transform for the body of a response; null lets the body pass unchanged. */
  readonly transform?: ((head: TransformedHead) => Transform | null) | undefined
  readonly timeouts?: ProxyTimeouts | undefined
  readonly tls?: ProxyTls | undefined
}

/** The timeouts in ms; 0: no end. */
export interface ProxyTimeouts {
  /** The wait for a connection, while none is open. */
  readonly connect?: number
  /** The wait for a stream on an open connection. */
  readonly lease?: number
  /** The wait for the response head. */
  readonly head?: number
  /** The longest silence in a body. */
  readonly idle?: number
  /** The longest silence in a WebSocket. */
  readonly tunnel?: number
  /** The whole exchange. */
  readonly request?: number
}

/** The TLS of connections to the backend. */
export interface ProxyTls {
  /** False accepts any certificate. */
  readonly verify?: boolean
  /** PEM of the trusted authorities, in place of those of the runtime. */
  readonly ca?: string
  /** The server name that is sent and checked, in place of the target's. */
  readonly name?: string
}

export interface ProxyOptions extends RequestOptions {
  /**
   * The networks that a `target` function may name although they are private, loopback or
   * link-local: addresses, `ADDRESS/BITS`, or true for all. By default none, since such a function
   * often follows the request.
   */
  readonly allowPrivate?: boolean | readonly string[] | undefined
  /** The proxies whose forwarding fields are trusted, and these fields. Implies `xfwd`. */
  readonly trustedProxies?: { readonly addresses: readonly string[]; readonly fields: readonly string[] }
  /**
   * The requests that share connections to the backend: those of all clients, or of one client connection.
   */
  readonly share?: 'process' | 'connection' | undefined
  /** The attempts of a request that may be sent again; 1 for no retry. */
  readonly attempts?: number | undefined
  readonly limits?: SomeLimits | undefined
  /** `detailed`: our own errors tell clients the cause. */
  readonly errors?: 'plain' | 'detailed' | undefined
  /** Writes a line about errors of the proxy itself. */
  readonly log?: ((line: string) => void) | undefined
}

/** Returns the path, with its query, that replaces this one. */
export type PathRewrite = (path: string, request: ProxyRequest) => string

export const REQUEST_OPTIONS: readonly (keyof RequestOptions)[] = [
  'target',
  'mirror',
  'host',
  'reverse',
  'hostRewrite',
  'autoRewrite',
  'protocolRewrite',
  'locationRewrite',
  'cookieDomainRewrite',
  'cookiePathRewrite',
  'pathRewrite',
  'prependPath',
  'ignorePath',
  'xfwd',
  'headers',
  'auth',
  'method',
  'body',
  'selfHandleResponse',
  'transform',
  'timeouts',
  'tls',
]
const PROXY_OPTIONS: readonly (keyof ProxyOptions)[] = [
  ...REQUEST_OPTIONS,
  'allowPrivate',
  'trustedProxies',
  'share',
  'attempts',
  'limits',
  'errors',
  'log',
]

const LISTEN = 'listeners are added on the proxy: write '

/** Options of http-proxy, or common among its users, that have another name here, or none. */
const ELSEWHERE: Elsewhere = {
  changeOrigin: "write host: 'target'",
  router: 'write target: (request) => url',
  pathFilter: 'mount the middleware at a path',
  secure: 'write tls: { verify: false }',
  ssl: 'listeners are the program’s own',
  agent: 'connections are kept and shared by themselves',
  ws: 'ws() is always there',
  toProxy: 'a request to another proxy is not supported',
  buffer: 'write body',
  followRedirects: 'redirects are the client’s to follow',
  timeout: 'write timeouts: { idle }',
  proxyTimeout: 'write timeouts: { head }',
  forward: 'write mirror',
  localAddress: 'the operating system chooses the local address',
  preserveHeaderKeyCase: 'names of fields are in lower case',
  on: `${LISTEN}proxy.on('proxyReq', listener)`,
  events: `${LISTEN}proxy.on('proxyReq', listener)`,
  onProxyReq: `${LISTEN}proxy.on('proxyReq', listener)`,
  onProxyReqWs: `${LISTEN}proxy.on('proxyReqWs', listener)`,
  onProxyRes: `${LISTEN}proxy.on('proxyRes', listener)`,
  onError: `${LISTEN}proxy.on('error', listener)`,
  onOpen: `${LISTEN}proxy.on('open', listener)`,
  onClose: `${LISTEN}proxy.on('close', listener)`,
  backend: 'write target',
  handler: 'createServer takes an app as the handler of a backend',
  handlers: 'createServer takes an app as the handler of a backend',
  app: 'createServer takes an app as the handler of a backend',
  logger: 'write log: (line) => …',
  logLevel: 'write log: (line) => …',
  logProvider: 'write log: (line) => …',
  trustProxy: 'write trustedProxies: { addresses, fields }',
}

/** Throws a {@link ConfigError} that says what to write. */
export function checkRequestOptions(options: RequestOptions): void {
  checkNames(options, REQUEST_OPTIONS, ELSEWHERE)
  checkValues(options)
}

/** Throws a {@link ConfigError} that says what to write. */
export function checkProxyOptions(options: ProxyOptions): void {
  checkNames(options, PROXY_OPTIONS, ELSEWHERE)
  checkValues(options)
  const { attempts } = options
  checkOwn(options)
  if (options.mirror !== undefined)
    checkWhole(readTarget(options.mirror, 'mirror'), options.ignorePath === true, 'mirror')
  if (attempts !== undefined && !(Number.isInteger(attempts) && attempts >= 1))
    throw new ConfigError(`attempts must be a whole number from 1 on, not ${String(attempts)}`)
}

/** The socket that the program was given with `upgrade`. */
export type UpgradeSocket = Duplex
