// Numeric addresses, by Node's own: whether a text is one, and whether it lies in one of some networks.

import { BlockList, isIP } from 'node:net'

/** 4 or 6; 0 for what is no numeric address, or has a zone. */
export const addressVersion = (host: string): 0 | 4 | 6 =>
  host.includes('%') ? 0 : (isIP(host) as 0 | 4 | 6)

/** A dual-stack socket sees an IPv4 peer as `::ffff:192.0.2.1`. */
export const numericHost = (host: string): string => (/^::ffff:\d+\./.test(host) ? host.slice(7) : host)

/** A set of networks, each as `10.0.0.0/8`, `2001:db8::/32` or a single address. */
export class Networks {
  private readonly list = new BlockList()
  private readonly isEmpty: boolean

  /** Throws a RangeError where one of them is none. */
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
    // A check makes objects of addresses: not for each connection where there is nothing to find.
    const version = this.isEmpty ? 0 : addressVersion(host)
    return version !== 0 && this.list.check(host, version === 4 ? 'ipv4' : 'ipv6')
  }
}
