// Caches decoded HPACK literals by their octets: short literals without indexing (RFC 7541 §6.2.2). Their
// octets alone determine the field, even if others were decoded in between. A literal whose name is an index
// of the dynamic table is the exception, and is not cached.

import { OctetCache } from '../../http/octet-cache.js'

const SLOTS = 64
const OCTETS_MAX = 64
/** The only kind of text in this cache. */
export const LITERAL = 1

/** Makes the cache of one connection's literals. */
export const literalCache = (): OctetCache => new OctetCache(SLOTS, OCTETS_MAX)

/**
 * Returns the offset after the literal at `start`; `start` if the block is shorter. It is a guess, correct if
 * each number fits its prefix. A wrong guess does no harm: the octets are only compared with whole literals.
 */
export function literalEnd(block: Buffer, start: number, end: number): number {
  const octet = block[start]
  // Skips the name: an index in one or two octets, or a string.
  let value = start + 1
  if (octet === 0) value += 1 + (block[value] & 0x7f)
  else if (octet === 0x0f) value++
  if (value >= end) return start
  const stop = value + 1 + (block[value] & 0x7f)
  return stop > end ? start : stop
}
