// Targets of requests: URLs as text, and the objects that url.parse makes from them. A target has an address
// to connect to, and a path that goes before that of each request.

import { ConfigError, parseBackend } from '../address.js'

/** A target as an object of `url.parse`. */
export interface TargetUrl {
  readonly protocol?: string | null
  readonly host?: string | null
  readonly hostname?: string | null
  readonly port?: string | number | null
  readonly path?: string | null
  readonly pathname?: string | null
  readonly search?: string | null
  readonly auth?: string | null
  readonly hash?: string | null
  readonly href?: string
  /** The path of a Unix-domain socket. */
  readonly socketPath?: string | null
}

/** A target that was read. */
export interface ReadTarget {
  /** The URL of the place to connect to: `h2c://127.0.0.1:9000`. */
  readonly url: string
  readonly secure: boolean
  /** Its name in Host. */
  readonly authority: string
  /** A host name or a numeric address; '' for a Unix-domain socket. */
  readonly hostname: string
  /** The path that goes before that of each request; '' for none. */
  readonly path: string
  /** A part of its URL that no request is sent with; null without one. */
  readonly unsent: 'user' | 'fragment' | null
  /** True if a function of the program has named it: only some addresses are allowed. */
  readonly guarded?: boolean
}

/** The schemes, including those of WebSockets, with ours for each. */
const SCHEMES: Readonly<Record<string, 'http' | 'https' | 'h2c' | 'h2'>> = {
  http: 'http',
  https: 'https',
  ws: 'http',
  wss: 'https',
  h2c: 'h2c',
  h2: 'h2',
}

const DEFAULT_PORTS: Readonly<Record<string, string>> = { http: '80', h2c: '80', https: '443', h2: '443' }

const TEXT = /^([a-z][a-z0-9+.-]*):\/\/([^/?#@]*@)?([^/?#]*)([^#]*)(#?)/is

/** Reads a target. Throws a {@link ConfigError} that says what to write. */
export function readTarget(target: string | URL | TargetUrl, option = 'target'): ReadTarget {
  if (typeof target === 'string') return readText(target, option)
  if (target === null || typeof target !== 'object')
    throw new ConfigError(`${option}: ${String(target)} is not a URL; write 'http://127.0.0.1:9000'`)
  if (target instanceof URL) return readText(target.href, option)
  return readObject(target)
}

function readText(text: string, option: string): ReadTarget {
  const unix = /^([a-z0-9]+):\/\/unix:([^:]+)(?::(\/.*))?$/i.exec(text)
  if (unix !== null) return made(unix[1], '', '', unix[2], unix[3] ?? '')
  const parts = TEXT.exec(text)
  if (parts === null || parts[3] === '')
    throw new ConfigError(
      `${option}: '${text}' is not a URL; write http://, https://, h2c:// or h2://, then HOST:PORT, as in h2c://127.0.0.1:9000`,
    )
  const [, scheme, user, authority, path, fragment] = parts
  const port = /:(\d+)$/.exec(authority)?.[1] ?? ''
  const read = made(scheme, authority.replace(/:\d*$/, ''), port, null, path)
  return { ...read, unsent: unsentOf(user, fragment) }
}

function readObject(target: TargetUrl): ReadTarget {
  const scheme = (target.protocol ?? 'http:').replace(/:(?:\/\/)?$/, '')
  const { socketPath } = target
  const path = target.path ?? `${target.pathname ?? ''}${target.search ?? ''}`
  const unsent = unsentOf(target.auth, target.hash)
  if (typeof socketPath === 'string' && socketPath !== '')
    return { ...made(scheme, '', '', socketPath, path), unsent }
  const host = target.hostname ?? target.host ?? 'localhost'
  const bare = target.hostname == null ? host.replace(/:\d*$/, '') : host
  const port = String(target.port ?? /:(\d+)$/.exec(target.host ?? '')?.[1] ?? '')
  return { ...made(scheme, bare, port, null, path), unsent }
}

const unsentOf = (
  user: string | null | undefined,
  fragment: string | null | undefined,
): ReadTarget['unsent'] => (user ? 'user' : fragment ? 'fragment' : null)

/**
 * Throws a {@link ConfigError} if a part of the target's URL would be dropped, or its query would stand
 * before the path of the request.
 */
export function checkWhole(read: ReadTarget, ignoresPath: boolean, option = 'target'): ReadTarget {
  const { unsent, path, authority } = read
  if (unsent === 'user')
    throw new ConfigError(`${option}: the URL of ${authority} has a user; write auth: 'USER:PASSWORD'`)
  if (unsent === 'fragment')
    throw new ConfigError(
      `${option}: the URL of ${authority} has a fragment, which is never sent; leave it out`,
    )
  if (path.includes('?') && !ignoresPath)
    throw new ConfigError(
      `${option}: the URL of ${authority} has a query; write pathRewrite, or ignorePath: true to send it alone`,
    )
  return read
}

function made(scheme: string, host: string, port: string, unixPath: string | null, path: string): ReadTarget {
  const ours = SCHEMES[scheme.toLowerCase()]
  if (ours === undefined)
    throw new ConfigError(`target: '${scheme}://' is not a scheme here; write http, https, h2c or h2`)
  const secure = ours === 'https' || ours === 'h2'
  const own = path === '/' ? '' : path
  if (unixPath !== null) {
    const url = `${ours}://unix:${unixPath}`
    parseBackend(url)
    return { url, secure, authority: 'localhost', hostname: '', path: own, unsent: null }
  }
  const name = host.includes(':') && !host.startsWith('[') ? `[${host}]` : host
  const number = port === '' ? DEFAULT_PORTS[ours] : port
  const url = `${ours}://${name}:${number}`
  parseBackend(url)
  const authority = number === DEFAULT_PORTS[ours] ? name : `${name}:${number}`
  return { url, secure, authority, hostname: name.replace(/^\[|\]$/g, ''), path: own, unsent: null }
}
