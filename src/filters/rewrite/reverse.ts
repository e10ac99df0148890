// The way back of a rewrite: URLs and cookies of a response, which name the backend as it was asked, become
// those of the client. It does the same as ProxyPassReverse of Apache and proxy_redirect of nginx.

import { ambiguityOf, defaultPort, type FilterFields, normalised, readHost } from '../../proxy/index.js'
import { type PathRule, prefixRule } from './path-rules.js'

/** The first segments of a path, and their replacement. */
export interface PrefixChange {
  readonly from: string
  readonly to: string
}

/** The rewrite of one request: the state of its exchange. */
export interface Asked {
  /** `http` or `https`, of the client */
  readonly scheme: string
  /** The host and port that the client asked for; '' without a host. */
  readonly authority: string
  /** The host and port that the backend is asked for; '' without a host. */
  readonly backend: string
  /** True if its path was rewritten, so that paths of the backend are not those of the client. */
  path: boolean
}

/** An absolute URL, or one that begins with its host: scheme, authority, and the rest. */
const WITH_HOST = /^(?:([a-z][a-z\d+.-]*):)?\/\/([^/?#]*)(.*)$/i
const PATH = /^[^?#]*/
/** The prefix of cookies that browsers keep only with `Path=/` (RFC 6265bis §4.1.3). */
const HOST_COOKIE = /^\s*__host-/i
const ATTRIBUTE = /^(\s*)([^=\s]*)\s*=\s*(.*?)\s*$/
const ADDRESS = /^(?:\[.*\]|[\d.]+)$/

const sameHost = (one: string, other: string, scheme: string): boolean => {
  const a = readHost(one)
  const b = readHost(other)
  if (a === null || b === null || a.name !== b.name) return false
  const port = ({ port }: { port: number }) => (port < 0 ? defaultPort(scheme) : port)
  return port(a) === port(b)
}

const nameOf = (authority: string): string => readHost(authority)?.name ?? ''

/** Returns true if a cookie with this Domain is for the host (RFC 6265 §5.1.3). */
const isWithin = (host: string, domain: string): boolean =>
  host === domain || (host.endsWith(`.${domain}`) && !ADDRESS.test(host))

const withoutSlash = (path: string): string => (path.endsWith('/') ? path.slice(0, -1) : path)

/** Returns true if a cookie with this Path is for a path (RFC 6265 §5.1.4). */
const covers = (above: string, path: string): boolean =>
  path === above || path.startsWith(`${withoutSlash(above)}/`)

export class Reverse {
  /** The rule from paths of the backend to those of the client; null if they are the same. */
  private readonly rule: PathRule | null
  private readonly prefix: PrefixChange | null
  /** Hosts that stand for the backend, besides the one by which it is asked. */
  private readonly hosts: readonly string[]

  /** @param prefix the change from the backend's paths to the client's */
  constructor(prefix: PrefixChange | null, hosts: readonly string[]) {
    this.rule = prefix === null ? null : prefixRule(prefix.from, prefix.to)
    this.prefix = prefix
    this.hosts = hosts
  }

  /** Changes the fields of a response. */
  apply(fields: FilterFields, asked: Asked): void {
    for (const name of ['location', 'content-location']) {
      const lines = fields.lines(name)
      if (lines.length === 0) continue
      const changed = lines.map((each) => this.url(each, asked))
      if (changed.some((each, index) => each !== lines[index])) fields.set(name, changed)
    }
    const cookies = fields.lines('set-cookie')
    if (cookies.length === 0) return
    const changed = cookies.map((each) => this.cookie(each, asked))
    if (changed.some((each, index) => each !== cookies[index])) fields.set('set-cookie', changed)
  }

  /** Returns the client's URL for a URL of the backend. A foreign URL stays unchanged. */
  url(url: string, asked: Asked): string {
    const [, written, authority, rest] = WITH_HOST.exec(url) ?? []
    // A path belongs to the backend. A URL relative to the request's path stays relative.
    if (authority === undefined) return url.startsWith('/') ? this.path(url, asked) : url
    const scheme = (written ?? asked.scheme).toLowerCase()
    if (scheme !== 'http' && scheme !== 'https') return url
    const isBackend = [asked.backend, ...this.hosts].some((each) => sameHost(authority, each, scheme))
    if (!isBackend) return url
    const tail = this.path(rest.startsWith('/') ? rest : `/${rest}`, asked)
    if (readHost(asked.authority) === null) return tail
    // A backend that knows its host may send the client of http to https.
    const isKept = scheme === 'https' && sameHost(authority, asked.authority, scheme)
    const lead = written === undefined ? '' : `${isKept ? scheme : asked.scheme}:`
    return `${lead}//${isKept ? authority : asked.authority}${tail}`
  }

  /** Replaces the path at the beginning of a text by the client's. */
  private path(text: string, asked: Asked): string {
    if (this.rule === null || !asked.path) return text
    const [path] = PATH.exec(text) ?? ['']
    if (ambiguityOf(path) !== null) return text
    const made = this.rule(normalised(path))
    return made === null ? text : made + text.slice(path.length)
  }

  /** Returns a line of Set-Cookie with the Path and the Domain that the client's browser needs. */
  cookie(line: string, asked: Asked): string {
    const isOfHost = HOST_COOKIE.test(line)
    const [pair, ...attributes] = line.split(';')
    const kept = attributes.map((attribute): string | null => {
      const [, blank, name = '', value] = ATTRIBUTE.exec(attribute) ?? []
      switch (name.toLowerCase()) {
        case 'domain': {
          const domain = this.domain(value, asked)
          if (domain === value) return attribute
          return domain === null ? null : `${blank}${name}=${domain}`
        }
        case 'path': {
          const path = isOfHost || !asked.path ? value : this.cookiePath(value)
          return path === value ? attribute : `${blank}${name}=${path}`
        }
        default:
          return attribute
      }
    })
    return [pair, ...kept.filter((each) => each !== null)].join(';')
  }

  /** Returns the Domain for the client; null for none, so that the cookie is for its host alone. */
  private domain(written: string, { authority, backend }: Asked): string | null {
    const domain = written.toLowerCase().replace(/^\.|\.$/g, '')
    const client = nameOf(authority)
    if (domain === '' || isWithin(client, domain)) return written
    const names = [backend, ...this.hosts].map(nameOf)
    if (names.includes(domain)) return client === '' || ADDRESS.test(client) ? null : client
    return names.some((each) => isWithin(each, domain)) ? null : written
  }

  private cookiePath(written: string): string {
    const { rule, prefix } = this
    if (rule === null || prefix === null || !written.startsWith('/')) return written
    const made = rule(written)
    // `/v1/` would not match `/v1`.
    if (made !== null) return written.endsWith('/') ? withoutSlash(made) || '/' : made
    // A cookie for a path above the prefix is for all of the backend that clients reach.
    const isAbove = covers(written, withoutSlash(prefix.from) || '/')
    return isAbove && !covers(written, prefix.to) ? prefix.to : written
  }
}
