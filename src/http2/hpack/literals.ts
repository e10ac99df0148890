// Literals of HPACK that were decoded before, by the octets they came in. Short literals without indexing
// (RFC 7541 §6.2.2): unless their name is an index of the dynamic table (those are left out), the octets
// alone say which field it is, whatever was decoded in between.

import { OctetCache } from '../../http/octet-cache.js'

const SLOTS = 64
const OCTETS_MAX = 64
/** The one kind of text in such a cache. */
export const LITERAL = 1

/** A cache of one connection's literals: what it holds, dies with the connection. */
export const literalCache = (): OctetCache => new OctetCache(SLOTS, OCTETS_MAX)

/**
 * Where the literal that begins at `start` ends; `start` where it is longer than the block. A guess, right
 * for plain forms (numbers below their prefix): these octets are only ever compared with whole literals.
 */
export function literalEnd(block: Buffer, start: number, end: number): number {
  const octet = block[start]
  // Past the name: an index in one or two octets, or a string.
  let value = start + 1
  if (octet === 0) value += 1 + (block[value] & 0x7f)
  else if (octet === 0x0f) value++
  if (value >= end) return start
  const stop = value + 1 + (block[value] & 0x7f)
  return stop > end ? start : stop
}
