// Numeric addresses: tests whether a text is a numeric address, and whether a set of networks contains it. A
// set is asked for each connection and each request, so its networks are ranges of numbers in order.

import { isIP } from 'node:net'

/** Returns 4 or 6; 0 if the text is not a numeric address or has a zone. */
export const addressVersion = (host: string): 0 | 4 | 6 =>
  host.includes('%') ? 0 : (isIP(host) as 0 | 4 | 6)

/**
 * Returns the IPv4 address in `::ffff:192.0.2.1`, the form in which a dual-stack socket shows an IPv4 peer.
 */
export const numericHost = (host: string): string =>
  host.startsWith('::ffff:') && /^::ffff:\d+\./.test(host) ? host.slice(7) : host

/** IPv4-mapped IPv6 in its shortest form (RFC 5952 §4, RFC 4291 §2.5.5.2). */
const MAPPED = /^::ffff:([\da-f]{1,4}):([\da-f]{1,4})$/

/**
 * Returns a numeric address in its shortest form, as IPv4 if it is IPv4-mapped; null if the text is not one.
 */
export function canonicalAddress(text: string): string | null {
  const version = addressVersion(text)
  if (version !== 6) return version === 0 ? null : text
  const short = new URL(`http://[${text}]`).hostname.slice(1, -1)
  const [, high, low] = MAPPED.exec(short) ?? []
  if (high === undefined) return short
  const [first, last] = [Number.parseInt(high, 16), Number.parseInt(low, 16)]
  return `${first >> 8}.${first & 255}.${last >> 8}.${last & 255}`
}

/** Returns an IPv4 address as a number of 32 bits; -1 if the text is not one. */
function ipv4(text: string): number {
  let address = 0
  let parts = 0
  let part = -1
  for (let i = 0; i <= text.length; i++) {
    const digit = i < text.length ? text.charCodeAt(i) - ZERO : DOT
    if (digit >= 0 && digit <= 9 && part !== 0) part = part < 0 ? digit : part * 10 + digit
    else if (digit === DOT && part >= 0 && parts < 4) {
      address = address * 256 + part
      parts++
      part = -1
    } else return -1
    if (part > 255) return -1
  }
  return parts === 4 ? address : -1
}

const ZERO = 0x30
/** `.` less `0` */
const DOT = 0x2e - ZERO
const COLON = 0x3a

/** Returns an IPv6 address without a zone as four numbers of 32 bits; null if the text is not one. */
function ipv6(text: string): readonly number[] | null {
  if (addressVersion(text) !== 6) return null
  const groups: number[] = []
  /** The number of groups before `::`; -1 without it. */
  let gap = -1
  let start = 0
  for (let i = 0; i <= text.length; i++) {
    if (i < text.length && text.charCodeAt(i) !== COLON) continue
    const group = text.slice(start, i)
    const four = group.includes('.') ? ipv4(group) : -1
    if (four >= 0) groups.push(four >>> 16, four & 0xffff)
    else if (group !== '') groups.push(Number.parseInt(group, 16))
    else if (i > 0 && i < text.length) gap = groups.length
    start = i + 1
  }
  if (gap >= 0) groups.splice(gap, 0, ...new Array<number>(8 - groups.length).fill(0))
  return [0, 2, 4, 6].map((at) => groups[at] * 0x10000 + groups[at + 1])
}

/** The first three words of IPv4-mapped IPv6, which is IPv4 (RFC 4291 §2.5.5.2). */
const MAPPED_WORDS = [0, 0, 0xffff]

interface Network {
  /** The words of 32 bits of an address in it. */
  readonly words: readonly number[]
  readonly bits: number
}

/** Throws a RangeError if the text is not a network. IPv4 is mapped to IPv6. */
function readNetwork(text: string): Network {
  const [address, bits] = text.split('/', 2)
  const four = ipv4(address)
  const words = four >= 0 ? [...MAPPED_WORDS, four] : ipv6(address)
  const most = four >= 0 ? 32 : 128
  const prefix = bits === undefined ? most : Number(bits)
  if (words === null || !/^(?:[^/]+|[^/]+\/\d{1,3})$/.test(text) || prefix > most)
    throw new RangeError(`'${text}' is no network`)
  return { words, bits: four >= 0 ? prefix + 96 : prefix }
}

/** The high bits of a word. */
const maskOf = (bits: number): number => (bits <= 0 ? 0 : (0xffffffff << Math.max(0, 32 - bits)) >>> 0)

/** Compares words of `a` from `at` on with those of `b` from its start. */
function compare(a: Uint32Array, at: number, b: readonly number[]): number {
  for (let i = 0; i < b.length; i++) if (a[at + i] !== b[i]) return a[at + i] < b[i] ? -1 : 1
  return 0
}

/** Ranges of addresses of four words, none of which overlaps another, in order. */
class Ranges {
  private readonly first: Uint32Array
  private readonly last: Uint32Array
  /** Those of IPv4, as numbers: of each the first and the last one. */
  private readonly fours: Uint32Array

  constructor(networks: readonly Network[]) {
    const ranges = networks.map(({ words, bits }) => ({
      first: words.map((word, at) => (word & maskOf(bits - 32 * at)) >>> 0),
      last: words.map((word, at) => (word | ~maskOf(bits - 32 * at)) >>> 0),
      bits,
    }))
    const order = (a: readonly number[], b: readonly number[]): number => compare(Uint32Array.from(a), 0, b)
    ranges.sort((a, b) => order(a.first, b.first) || a.bits - b.bits)
    // Of two overlapping networks, one contains the other and comes before it.
    const kept: typeof ranges = []
    for (const each of ranges) {
      const before = kept.at(-1)
      if (before === undefined || order(before.last, each.first) < 0) kept.push(each)
    }
    this.first = Uint32Array.from(kept.flatMap(({ first }) => first))
    this.last = Uint32Array.from(kept.flatMap(({ last }) => last))
    const isMapped = (words: readonly number[]): boolean =>
      MAPPED_WORDS.every((each, at) => words[at] === each)
    const [none, all] = [0, 0xffffffff].map((word) => [...MAPPED_WORDS, word])
    this.fours = Uint32Array.from(
      kept.flatMap(({ first, last }) => {
        if (isMapped(first)) return [first[3], last[3]]
        // One that has an address of IPv4 and does not begin with one has all of them.
        return order(first, none) < 0 && order(last, all) >= 0 ? [0, 0xffffffff] : []
      }),
    )
  }

  /** @param address of IPv4 */
  hasFour(address: number): boolean {
    const { fours } = this
    let low = 0
    let high = fours.length / 2
    while (low < high) {
      const middle = (low + high) >>> 1
      if (fours[middle * 2] <= address) low = middle + 1
      else high = middle
    }
    return low > 0 && fours[low * 2 - 1] >= address
  }

  has(words: readonly number[]): boolean {
    const { first, last } = this
    let low = 0
    let high = first.length / 4
    while (low < high) {
      const middle = (low + high) >>> 1
      if (compare(first, middle * 4, words) <= 0) low = middle + 1
      else high = middle
    }
    return low > 0 && compare(last, (low - 1) * 4, words) >= 0
  }
}

/** The word for peers on Unix-domain sockets. */
const UNIX = 'unix'

/**
 * A set of networks, each as `10.0.0.0/8`, `2001:db8::/32` or a single address; `unix` for all peers on
 * Unix-domain sockets, which have no address. IPv4 in the form of IPv6 counts as IPv4.
 */
export class Networks {
  private readonly ranges: Ranges
  private readonly isEmpty: boolean
  private readonly hasUnix: boolean

  /** Throws a RangeError if one of them is malformed. */
  constructor(networks: readonly string[]) {
    const numeric = networks.filter((each) => each !== UNIX)
    this.isEmpty = numeric.length === 0
    this.hasUnix = numeric.length < networks.length
    this.ranges = new Ranges(numeric.map(readNetwork))
  }

  /** @param host '' for a peer on a Unix-domain socket; one with a zone is in no network */
  has(host: string): boolean {
    if (host === '') return this.hasUnix
    if (this.isEmpty) return false
    const four = ipv4(host)
    if (four >= 0) return this.ranges.hasFour(four)
    const words = ipv6(host)
    return words !== null && this.ranges.has(words)
  }
}
