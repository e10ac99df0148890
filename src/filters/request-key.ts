// The keys by which requests are counted: the client's address, the route, the host, a field, a
// cookie, or several of these. A long value counts by its beginning and a hash, so a key is small for
// any input of a client.

import { z } from 'zod'
import { addressKey, cookieValue, type ExchangeView } from '../proxy/index.js'
import type { OptionReading, OptionTypes } from './define.js'
import { readFieldName } from './field-options.js'

/** One part of a key in the options. */
export interface KeyPart {
  readonly kind: 'address' | 'route' | 'host' | 'identity' | 'field' | 'cookie'
  /** The name of the field or cookie; otherwise ''. */
  readonly name: string
}

const WORDS = ['address', 'route', 'host', 'identity'] as const
const FORMS = 'address, route, host, identity, field.NAME or cookie.NAME'
const PARTS_MAX = 4
/** The number of characters of a value that are kept unchanged. */
const VALUE_CHARS_MAX = 128

function readKeyPart(text: string): OptionReading<KeyPart> {
  const word = WORDS.find((each) => each === text)
  if (word !== undefined) return { value: { kind: word, name: '' } }
  const [, kind, name] = /^(field|cookie)\.(.+)$/.exec(text) ?? []
  if (kind === undefined) return { wrong: `${JSON.stringify(text)} is not a key; write ${FORMS}` }
  if (kind === 'cookie') return { value: { kind, name } }
  const reading = readFieldName(name)
  return 'wrong' in reading ? reading : { value: { kind: 'field', name: reading.value } }
}

/** The option `key`: one part, or a list of them. */
export const keyOption = (types: OptionTypes, what: string) => {
  const part = types.text(`${FORMS}; an IPv6 address counts by its /64.`, FORMS, readKeyPart)
  return z
    .union([part, z.array(part).min(1).max(PARTS_MAX)])
    .describe(`${what} Requests without the field share one. Default: address.`)
}

const BY_ADDRESS: KeyPart = { kind: 'address', name: '' }

/** Returns the function that reads the key of a request. */
export function keyReader(option: KeyPart | readonly KeyPart[] = BY_ADDRESS): (x: ExchangeView) => string {
  const parts = [option].flat()
  if (parts.length === 1) return (x) => bounded(partOf(x, parts[0]))
  return (x) => JSON.stringify(parts.map((each) => bounded(partOf(x, each))))
}

/** Returns the key in its written form, for messages and identities. */
export const keyText = (option: KeyPart | readonly KeyPart[] = BY_ADDRESS): string =>
  [option]
    .flat()
    .map(({ kind, name }) => (name === '' ? kind : `${kind}.${name}`))
    .join()

function partOf(x: ExchangeView, { kind, name }: KeyPart): string {
  switch (kind) {
    case 'address':
      return addressKey(x.clientAddress)
    case 'route':
      return x.route
    case 'host':
      return x.request.authority.toLowerCase()
    case 'identity':
      return x.identity ?? ''
    case 'field':
      return x.request.fields.get(name) ?? ''
    default:
      return cookieValue(x.request.fields.get('cookie') ?? '', name) ?? ''
  }
}

function bounded(value: string): string {
  if (value.length <= VALUE_CHARS_MAX) return value
  return `${value.slice(0, VALUE_CHARS_MAX)}#${value.length}.${hashOf(value, 0x811c9dc5)}.${hashOf(value, 0x9e3779b1)}`
}

/**
 * Returns FNV-1a over UTF-16 code units, from this start. It is not cryptographic: a client's own
 * keys may collide.
 */
function hashOf(text: string, start: number): number {
  let hash = start
  for (let at = 0; at < text.length; at++) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193)
  return hash >>> 0
}
