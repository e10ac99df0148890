// The paths and the URLs of an embedded proxy: the path for a backend, and the targets of its redirects.

import type { ProxyRequest, RequestOptions } from './options.js'
import type { ReadTarget } from './target-url.js'

/** Joins two paths with one slash, and leaves the query unchanged, as http-proxy does. */
export function joined(before: string, after: string): string {
  const mark = after.indexOf('?')
  const path = mark < 0 ? after : after.slice(0, mark)
  const whole = [before, path]
    .filter((each) => each !== '')
    .join('/')
    .replace(/\/+/g, '/')
  return mark < 0 ? whole : whole + after.slice(mark)
}

/** Returns the path and query of a request-target, which may be in absolute-form (RFC 9112 §3.2.2). */
export function pathOf(target: string): string {
  if (target.startsWith('/')) {
    const hash = target.indexOf('#')
    return hash < 0 ? target : target.slice(0, hash)
  }
  if (target === '*' || target === '') return target
  const parts = /^[a-z][a-z0-9+.-]*:\/\/[^/?#]*([^#]*)/i.exec(target)
  return parts === null ? target : parts[1]
}

function rewritten(path: string, { pathRewrite }: RequestOptions, request: ProxyRequest): string {
  if (pathRewrite === undefined) return path
  if (typeof pathRewrite === 'function') {
    const other = pathRewrite(path, request)
    return typeof other === 'string' ? other : path
  }
  for (const [pattern, replacement] of Object.entries(pathRewrite)) {
    const found = new RegExp(pattern)
    if (found.test(path)) return path.replace(found, replacement)
  }
  return path
}

/** Returns the path and query for the backend. */
export function outgoingPath(request: ProxyRequest, target: ReadTarget, options: RequestOptions): string {
  const own = options.ignorePath === true ? '' : rewritten(pathOf(request.url ?? '/'), options, request)
  if (own === '*') return own
  const base = options.prependPath === false ? '' : target.path
  if (base === '') return own === '' ? '/' : own.startsWith('/') ? own : `/${own}`
  const path = joined(base, own)
  return path.startsWith('/') ? path : `/${path}`
}

/** The statuses whose Location is rewritten. */
const REDIRECTS: ReadonlySet<number> = new Set([201, 301, 302, 303, 307, 308])

/** Returns a Location for the client. */
export function rewrittenLocation(
  location: string,
  status: number,
  request: { readonly host: string; readonly scheme: string },
  target: ReadTarget,
  { reverse, hostRewrite, autoRewrite, protocolRewrite }: RequestOptions,
): string {
  const asks = reverse === true || hostRewrite || autoRewrite || protocolRewrite
  if (!asks || !REDIRECTS.has(status)) return location
  const parts = /^([a-z][a-z0-9+.-]*):\/\/([^/?#]*)(.*)$/is.exec(location)
  // Only a redirect to the target itself is rewritten.
  if (parts === null || parts[2].toLowerCase() !== target.authority.toLowerCase()) return location
  const [, scheme, host, rest] = parts
  const newHost = hostRewrite ?? (autoRewrite || reverse ? request.host : host)
  const newScheme = (protocolRewrite ?? (reverse ? request.scheme : scheme)).replace(/:$/, '')
  return `${newScheme}://${newHost}${rest}`
}

/** Rewrites a property of a cookie, `domain` or `path`, by its old value or `*`; '' removes it. */
export function rewrittenCookie(
  cookie: string,
  changes: string | Readonly<Record<string, string>> | false | undefined,
  property: 'domain' | 'path',
): string {
  if (changes === undefined || changes === false) return cookie
  const by: Readonly<Record<string, string>> = typeof changes === 'string' ? { '*': changes } : changes
  return cookie.replace(
    new RegExp(`(;\\s*${property}=)([^;]+)`, 'i'),
    (all, prefix: string, value: string) => {
      const other = Object.hasOwn(by, value) ? by[value] : by['*']
      if (other === undefined) return all
      return other ? prefix + other : ''
    },
  )
}
