// What is known of the addresses that clients come from: how much of an abuse their connections were when
// they ended, and how many are open. A client that was cut off for abuse can come back at once with full
// budgets: each connection is bounded, and this table bounds how often. An address whose connections end well
// is not in the table, however many it makes.

import { numericHost } from '../pollset/index.js'

export interface ClientAddressLimits {
  /**
   * client connections ended for abuse, of one address within abuseWindowMs, from which on it is refused; 0:
   * none ever is
   */
  readonly abusesMax: number
  /** ms in which they count together */
  readonly abuseWindowMs: number
  /** ms that such an address is refused, from the abuse on that was too much */
  readonly refusalMs: number
  /** addresses remembered for abuse; one more, and the one that abused longest ago is forgotten */
  readonly abusersMax: number
  /** client connections of one address at once; 0: as many as it likes */
  readonly connectionsPerAddressMax: number
}

export const clientAddressLimits: ClientAddressLimits = {
  // Many may have one address, behind a load balancer or a NAT, and would pay for one of them: it is for the
  // operator to say.
  abusesMax: 0,
  abuseWindowMs: 60_000,
  refusalMs: 60_000,
  abusersMax: 10_000,
  connectionsPerAddressMax: 0,
}

interface Abuser {
  abuses: number
  /**
   * ms of the pollset's clock, these three: when the first came, until when it is refused, when it may be
   * forgotten
   */
  since: number
  refusedUntil: number
  knownUntil: number
}

/** One address of IPv4; of IPv6 the /64, as a client has all of that (RFC 6177 §2). */
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
  // IPv4 in its other clothes, as a relay may write it.
  if (numbers.slice(0, 5).every((each) => each === 0) && numbers[5] === 0xffff)
    return `${numbers[6] >> 8}.${numbers[6] & 255}.${numbers[7] >> 8}.${numbers[7] & 255}`
  return numbers
    .slice(0, 4)
    .map((each) => each.toString(16))
    .join(':')
}

export class ClientAddresses {
  /** Connections that were refused. */
  refused = 0
  private readonly limits: ClientAddressLimits
  /** By key, the last abuse last. */
  private readonly abusers = new Map<string, Abuser>()
  /** By key, where they are bounded. */
  private readonly open = new Map<string, number>()

  constructor(limits: ClientAddressLimits) {
    this.limits = limits
  }

  /**
   * Whether another connection from there is taken. {@link closed} follows, once, if it is. A Unix-domain
   * socket has no address: ''.
   */
  admit(host: string, now: number): boolean {
    const { connectionsPerAddressMax } = this.limits
    if (host === '' || (this.abusers.size === 0 && connectionsPerAddressMax === 0)) return true
    const key = addressKey(host)
    const count = this.open.get(key) ?? 0
    const full = connectionsPerAddressMax > 0 && count >= connectionsPerAddressMax
    if (full || now < (this.abusers.get(key)?.refusedUntil ?? 0)) {
      this.refused++
      return false
    }
    if (connectionsPerAddressMax > 0) this.open.set(key, count + 1)
    return true
  }

  /** A connection from there has ended. */
  closed(host: string): void {
    if (host === '' || this.open.size === 0) return
    const key = addressKey(host)
    const count = this.open.get(key) ?? 0
    if (count > 1) this.open.set(key, count - 1)
    else this.open.delete(key)
  }

  /** A connection from there ends, and was so much of an abuse: up to 1. */
  abused(host: string, part: number, now: number): void {
    const { abusesMax, abuseWindowMs, refusalMs, abusersMax } = this.limits
    if (host === '' || abusesMax === 0) return
    const key = addressKey(host)
    for (const [each, { knownUntil }] of this.abusers) {
      if (now < knownUntil) break
      this.abusers.delete(each)
    }
    let abuser = this.abusers.get(key)
    if (abuser === undefined || now - abuser.since >= abuseWindowMs) {
      const refusedUntil = abuser?.refusedUntil ?? 0
      abuser = {
        abuses: 0,
        since: now,
        refusedUntil,
        knownUntil: Math.max(now + abuseWindowMs, refusedUntil),
      }
    }
    abuser.abuses += part
    if (abuser.abuses >= abusesMax) {
      abuser.refusedUntil = now + refusalMs
      abuser.knownUntil = Math.max(abuser.knownUntil, abuser.refusedUntil)
    }
    this.abusers.delete(key)
    this.abusers.set(key, abuser)
    if (this.abusers.size > abusersMax) this.abusers.delete(this.abusers.keys().next().value as string)
  }

  describe(): Readonly<Record<string, unknown>> {
    return { refused: this.refused, abusers: this.abusers.size }
  }
}
