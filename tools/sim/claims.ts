// The claims of clients that no backend may get: forged fields in every spelling, and another `:scheme`.

import type { Prng } from '../../src/pollset/index.js'

const NAMES = [
  'forwarded',
  'x-forwarded-for',
  'x-forwarded-port',
  'x-forwarded-prefix',
  'x-forwarded-client-cert',
  'x-real-ip',
  'x-client-ip',
  'true-client-ip',
  'x-original-url',
  'x-rewrite-url',
  'front-end-https',
]
/** Framing itself is read; spelled with `_` it is dropped. */
const FRAMING = ['content_length', 'transfer_encoding', 'keep_alive']
const FORGED = 'forged'

export function forgedField(chance: Prng): [string, string] {
  if (chance.chance(20)) return [FRAMING[chance.below(FRAMING.length)], FORGED]
  const name = NAMES[chance.below(NAMES.length)]
  return [name.replace(/-/g, (dash) => (chance.chance(30) ? '_' : dash)), FORGED]
}

/** The `:scheme` of an HTTP/2 client in clear text. */
export const forgedScheme = (chance: Prng): string => ['http', 'https', 'HTTP'][chance.below(3)]

/** Returns a field that a backend got and must not get, or null. */
export function forgery(fields: readonly (readonly [string, string])[]): string | null {
  const found = fields.find(([name, value]) => value === FORGED || (name === ':scheme' && value !== 'http'))
  return found === undefined ? null : `a client's ${found[0]}: ${found[1]} reached a backend`
}
