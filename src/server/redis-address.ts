// Addresses of Redis, to listen on and to connect to: `redis://` and `rediss://` stand for clear text and
// TLS.

import type { Address } from '../pollset/index.js'
import { ConfigError, type Listen, parseListen } from './address.js'

const DEFAULT_PORT = 6379

/** Takes `redis://` and `rediss://` for clear text and TLS. */
function withoutScheme(text: string): { readonly secure: boolean; readonly rest: string } {
  const [, scheme, rest] = /^(?:(rediss?):\/\/)?(.*)$/s.exec(text) as RegExpExecArray
  return { secure: scheme === 'rediss', rest }
}

/** Parses `HOST:PORT`, `rediss://HOST:PORT` or `unix:PATH`, to listen on. Throws a {@link ConfigError}. */
export function parseRedisListen(text: string): Listen {
  const { secure, rest } = withoutScheme(text)
  if (/^https?:/.test(rest))
    throw new ConfigError(`'${text}': write redis://HOST:PORT, or rediss://HOST:PORT for TLS`)
  return { ...parseListen(rest), secure }
}

export interface RedisAddress extends Address {
  readonly secure: boolean
}

/** Parses `HOST[:PORT]`, `rediss://HOST[:PORT]` or `unix:PATH`. Throws a {@link ConfigError}. */
export function parseRedisBackend(text: string): RedisAddress {
  const { secure, rest } = withoutScheme(text)
  if (/^unix:./.test(rest)) return { ...parseListen(rest), secure }
  const match = /^(\[[0-9a-fA-F:.]+\]|[^[\]:/?#@\s]+)(?::(\d{1,5}))?\/?$/.exec(rest)
  if (match === null)
    throw new ConfigError(
      `'${text}' is not a backend of Redis: write HOST:PORT, rediss://HOST:PORT for TLS, or unix:PATH; users and databases are what clients ask for by AUTH and SELECT`,
    )
  const port = Number(match[2] ?? DEFAULT_PORT)
  if (port < 1 || port > 65_535)
    throw new ConfigError(`'${text}': port ${match[2]} is out of range (1 to 65535)`)
  return { secure, host: match[1].replace(/^\[|\]$/g, ''), port }
}
