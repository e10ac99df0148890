// Numeric addresses: whether a text is one, and whether it is in a set of networks.

import { BlockList, isIP } from 'node:net'

/** Returns 4 or 6; 0 if the text is not a numeric address or has a zone. */
export const addressVersion = (host: string): 0 | 4 | 6 =>
  host.includes('%') ? 0 : (isIP(host) as 0 | 4 | 6)

/** Returns the IPv4 address in `::ffff:192.0.2.1`, as which a dual-stack socket sees an IPv4 peer. */
export const numericHost = (host: string): string => (/^::ffff:\d+\./.test(host) ? host.slice(7) : host)

/** A set of networks, each as `10.0.0.0/8`, `2001:db8::/32` or a single address. */
export class Networks {
  private readonly list = new BlockList()
  private readonly isEmpty: boolean

  /** Throws a RangeError if one of them is malformed. */
  constructor(networks: readonly string[]) {
    this.isEmpty = networks.length === 0
    for (const network of networks) {
      const [address, bits] = network.split('/', 2)
      const version = addressVersion(address)
      const most = version === 4 ? 32 : 128
      const prefix = bits === undefined ? most : Number(bits)
      if (version === 0 || !/^(?:[^/]+|[^/]+\/\d{1,3})$/.test(network) || prefix > most)
        throw new RangeError(`'${network}' is no network`)
      this.list.addSubnet(address, prefix, version === 4 ? 'ipv4' : 'ipv6')
    }
  }

  has(host: string): boolean {
    // BlockList.check allocates, so an empty set skips it: this runs for each connection.
    const version = this.isEmpty ? 0 : addressVersion(host)
    return version !== 0 && this.list.check(host, version === 4 ? 'ipv4' : 'ipv6')
  }
}
