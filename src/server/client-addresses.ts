// Counts, by client address, connections that were closed for abuse and connections that are open. Limits
// bound each connection, but a client that was closed for abuse can connect again with full budgets: this
// table bounds how often. An address without abuse never enters the table.

import { addressKey } from '../proxy/index.js'

export interface ClientAddressLimits {
  /**
   * The number of connections of one address, closed for abuse within abuseWindowMs, after which the address
   * is refused. 0: never. Each worker counts its own.
   */
  readonly abusesMax: number
  /** The time in which abuses of one address are counted together, in ms. */
  readonly abuseWindowMs: number
  /** The time for which an address is refused after its last abuse, in ms. */
  readonly refusalMs: number
  /**
   * The number of addresses that are remembered for abuse. One more replaces the one with the oldest abuse.
   * Each worker counts its own.
   */
  readonly abusersMax: number
  /**
   * The number of open client connections of one address. One more is closed. 0: any number. Each worker
   * counts its own.
   */
  readonly connectionsPerAddressMax: number
}

export const clientAddressLimits: ClientAddressLimits = {
  // Off by default: behind a load balancer or a NAT many clients share one address, and one could
  // have all refused.
  abusesMax: 0,
  abuseWindowMs: 60_000,
  refusalMs: 60_000,
  abusersMax: 10_000,
  connectionsPerAddressMax: 0,
}

interface Abuser {
  abuses: number
  /**
   * Times, in ms of the pollset's clock: of the first abuse, of the end of the refusal, and from which on the
   * address may be forgotten.
   */
  since: number
  refusedUntil: number
  knownUntil: number
}

export class ClientAddresses {
  /** The number of refused connections. */
  refused = 0
  private readonly limits: ClientAddressLimits
  /** The abusers by key; the latest abuse is last. */
  private readonly abusers = new Map<string, Abuser>()
  /** Open connections by key, if connectionsPerAddressMax bounds them. */
  private readonly open = new Map<string, number>()

  constructor(limits: ClientAddressLimits) {
    this.limits = limits
  }

  /**
   * Decides whether another connection of this address is accepted; if so, {@link closed} follows once.
   * @param host '' for a Unix-domain socket, which has no address
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

  /** Notes that an accepted connection of this address has closed. */
  closed(host: string): void {
    if (host === '' || this.open.size === 0) return
    const key = addressKey(host)
    const count = this.open.get(key) ?? 0
    if (count > 1) this.open.set(key, count - 1)
    else this.open.delete(key)
  }

  /**
   * Notes an abuse. Returns true if the address is refused from now on, and was not before.
   * @param part the part of an abuse that closes a connection, up to 1
   */
  abused(host: string, part: number, now: number): boolean {
    const { abusesMax, abuseWindowMs, refusalMs, abusersMax } = this.limits
    if (host === '' || abusesMax === 0) return false
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
    const wasRefused = now < abuser.refusedUntil
    abuser.abuses += part
    if (abuser.abuses >= abusesMax) {
      abuser.refusedUntil = now + refusalMs
      abuser.knownUntil = Math.max(abuser.knownUntil, abuser.refusedUntil)
    }
    this.abusers.delete(key)
    this.abusers.set(key, abuser)
    if (this.abusers.size > abusersMax) this.abusers.delete(this.abusers.keys().next().value as string)
    return !wasRefused && now < abuser.refusedUntil
  }

  describe(): Readonly<Record<string, unknown>> {
    return { refused: this.refused, abusers: this.abusers.size }
  }
}
