// Accept-Encoding (RFC 9110 §12.5.3): the choice of a content coding for a client.

/** `gzip`, `*`, and a weight of at most three digits (RFC 9110 §12.4.2). */
const ELEMENT = /^([!#$%&'*+.^_`|~0-9a-z-]+)(?:[ \t]*;[ \t]*q=(0(?:\.\d{0,3})?|1(?:\.0{0,3})?))?$/

/** Names that are one coding (RFC 9110 §8.4.1). */
const ALIASES: Readonly<Record<string, string>> = { 'x-gzip': 'gzip' }

/**
 * Returns the coding that the client prefers; of equal ones the first offered. Null: the body stays as it is.
 * That is so without the field, and if no offered coding may be used: a body that the client did not ask for
 * serves it better than 406. Malformed elements are ignored.
 */
export function codingFor<C extends string>(accepted: string | null, offered: readonly C[]): C | null {
  if (accepted === null) return null
  const weights = new Map<string, number>()
  for (const each of accepted.toLowerCase().split(',')) {
    const [, name, weight = '1'] = ELEMENT.exec(each.trim()) ?? []
    if (name === undefined) continue
    const coding = ALIASES[name] ?? name
    // The lowest weight counts: a client that refuses a coding anywhere does not get it.
    weights.set(coding, Math.min(Number(weight), weights.get(coding) ?? 1))
  }
  const others = weights.get('*') ?? 0
  // Without an element of its own `identity` is acceptable, but less preferred than named codings.
  let best: C | null = null
  let most = weights.get('identity') ?? 0
  for (const each of offered) {
    const weight = weights.get(each) ?? others
    if (weight === 0 || weight < most || (best !== null && weight === most)) continue
    best = each
    most = weight
  }
  return best
}
