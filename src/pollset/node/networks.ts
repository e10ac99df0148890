// Numeric addresses: tests whether a text is a numeric address, and whether a set of networks contains it.

import { BlockList, isIP } from 'node:net'

/** Returns 4 or 6; 0 if the text is not a numeric address or has a zone. */
export const addressVersion = (host: string): 0 | 4 | 6 =>
  host.includes('%') ? 0 : (isIP(host) as 0 | 4 | 6)

/**
 * Returns the IPv4 address in `::ffff:192.0.2.1`, the form in which a dual-stack socket shows an IPv4 peer.
 */
export const numericHost = (host: string): string => (/^::ffff:\d+\./.test(host) ? host.slice(7) : host)

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

/** The word for peers on Unix-domain sockets. */
const UNIX = 'unix'

/**
 * A set of networks, each as `10.0.0.0/8`, `2001:db8::/32` or a single address; `unix` for all peers on
 * Unix-domain sockets, which have no address.
 */
export class Networks {
  private readonly list = new BlockList()
  private readonly isEmpty: boolean
  private readonly hasUnix: boolean

  /** Throws a RangeError if one of them is malformed. */
  constructor(networks: readonly string[]) {
    const numeric = networks.filter((each) => each !== UNIX)
    this.isEmpty = numeric.length === 0
    this.hasUnix = numeric.length < networks.length
    for (const network of numeric) {
      const [address, bits] = network.split('/', 2)
      const version = addressVersion(address)
      const most = version === 4 ? 32 : 128
      const prefix = bits === undefined ? most : Number(bits)
      if (version === 0 || !/^(?:[^/]+|[^/]+\/\d{1,3})$/.test(network) || prefix > most)
        throw new RangeError(`'${network}' is no network`)
      this.list.addSubnet(address, prefix, version === 4 ? 'ipv4' : 'ipv6')
    }
  }

  /** @param host '' for a peer on a Unix-domain socket */
  has(host: string): boolean {
    if (host === '') return this.hasUnix
    // BlockList.check allocates, so an empty set skips it: this runs for each connection.
    const version = this.isEmpty ? 0 : addressVersion(host)
    return version !== 0 && this.list.check(host, version === 4 ? 'ipv4' : 'ipv6')
  }
}
