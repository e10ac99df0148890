// The keys that check tokens: a JWKS (RFC 7517), one public key, or a secret.

import type { JSONWebKeySet, JWTVerifyGetKey, JWTVerifyOptions } from 'jose'
import { createLocalJWKSet } from 'jose/jwks/local'
import { jwtVerify } from 'jose/jwt/verify'
import { readPublicKey } from '../../pollset/index.js'

export type Algorithm =
  | 'RS256'
  | 'RS384'
  | 'RS512'
  | 'PS256'
  | 'PS384'
  | 'PS512'
  | 'ES256'
  | 'ES384'
  | 'ES512'
  | 'EdDSA'
  | 'HS256'
  | 'HS384'
  | 'HS512'

export const ALGORITHMS: readonly Algorithm[] = [
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'ES256',
  'ES384',
  'ES512',
  'EdDSA',
  'HS256',
  'HS384',
  'HS512',
]

/** The most keys of a set. */
const KEYS_MAX = 100

/** The algorithms of a PEM key, by its type. */
const OF_TYPE: Readonly<Record<string, RegExp>> = {
  rsa: /^[RP]S/,
  'rsa-pss': /^PS/,
  ec: /^ES/,
  ed25519: /^EdDSA$/,
}

export interface TokenKeys {
  /** The ids of the keys; null if a token need not name one. */
  readonly ids: ReadonlySet<string> | null
  /** Checks a token: its signature, then its claims. */
  verify(token: string, options: JWTVerifyOptions): ReturnType<typeof jwtVerify>
}

/** Reads a JWKS, or one JWK. Returns a clause that says what is wrong. */
export function readKeySet(text: string): TokenKeys | string {
  try {
    const read = JSON.parse(text) as JSONWebKeySet | { kty?: unknown }
    const set = ('kty' in read ? { keys: [read] } : read) as JSONWebKeySet
    if (!Array.isArray(set.keys)) return 'it is not a JWKS: it has no list of keys'
    if (set.keys.length > KEYS_MAX) return `it has ${set.keys.length} keys; at most ${KEYS_MAX} are possible`
    // A key that anybody can fetch is not secret, and no private part is needed.
    const keys = set.keys.filter((each) => each?.kty !== 'oct' && each?.d === undefined)
    if (keys.length === 0) return 'it has no public key'
    const find: JWTVerifyGetKey = createLocalJWKSet({ keys })
    return {
      ids: new Set(keys.flatMap(({ kid }) => (typeof kid === 'string' ? [kid] : []))),
      verify: (token, options) => jwtVerify(token, find, options),
    }
  } catch {
    return 'it cannot be read as a JWKS'
  }
}

/** Reads a JWKS, or one public key in PEM. Returns a clause that says what is wrong. */
export function readKeys(text: string, algorithms: readonly Algorithm[]): TokenKeys | string {
  if (text.trimStart().startsWith('{')) return readKeySet(text)
  const read = readPublicKey(text)
  if (typeof read === 'string') return read
  const wrong = algorithms.find((each) => OF_TYPE[read.type]?.test(each) !== true)
  if (wrong !== undefined) return `it is a key of type ${read.type}, which ${wrong} does not use`
  return { ids: null, verify: (token, options) => jwtVerify(token, read.key, options) }
}

/** Returns the keys that consist of this secret. */
export function secretKeys(text: string): TokenKeys {
  const key = new TextEncoder().encode(text)
  return { ids: null, verify: (token, options) => jwtVerify(token, key, options) }
}
