// The part of a client's address that one client has whole. Everything counted by client is
// counted by this key.

import { numericHost } from '../pollset/index.js'

/** Returns an IPv4 address, or the /64 of an IPv6 address, which one client has whole (RFC 6177 §2). */
export function addressKey(host: string): string {
  const numeric = numericHost(host)
  if (!numeric.includes(':')) return numeric
  const [before, after] = numeric.split('%', 1)[0].toLowerCase().split('::')
  const groups = before === '' ? [] : before.split(':')
  if (after !== undefined) {
    const rest = after === '' ? [] : after.split(':')
    while (groups.length + rest.length < 8) groups.push('0')
    groups.push(...rest)
  }
  const numbers = groups.map((group) => Number.parseInt(group, 16))
  // IPv4-mapped IPv6, as a relay may write it.
  if (numbers.slice(0, 5).every((each) => each === 0) && numbers[5] === 0xffff)
    return `${numbers[6] >> 8}.${numbers[6] & 255}.${numbers[7] >> 8}.${numbers[7] & 255}`
  return numbers
    .slice(0, 4)
    .map((each) => each.toString(16))
    .join(':')
}
