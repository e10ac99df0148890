// Connection attempts to the addresses of a name, as RFC 8305 says: in the resolver's order, with alternating
// families (§4). After a failure the next address is tried at once; after silence, when connectAttemptMs has
// passed (§5). At most three attempts are in flight; then the oldest is given up after its share of the
// remaining time. The first connected socket is taken, and the others are closed. One deadline covers
// everything, including the resolution. A continuation drives it (dial.ts).

import type { Continuation, Fault } from '../continuation/index.js'
import {
  type Address,
  CLOSED,
  CONNECTED,
  formatAddress,
  type Pollset,
  RESOLVED,
  type Resolution,
  type Socket,
} from '../pollset/index.js'
import { type DialTarget, notConnected, notResolved } from './target.js'

export interface DialLimits {
  /** The longest time to make a connection to a backend, in ms: name, addresses and TLS. */
  readonly connectMs: number
  /**
   * The time after which the next address of a backend's name is tried beside one that does not answer, in ms
   * (RFC 8305 §8).
   */
  readonly connectAttemptMs: number
  /** The number of addresses of one name that are tried. */
  readonly connectAddressesMax: number
}

export const dialLimits: DialLimits = {
  connectMs: 5_000,
  connectAttemptMs: 250,
  connectAddressesMax: 16,
}

/** The number of attempts in flight: a continuation has three wait slots. */
const IN_FLIGHT_MAX = 3

interface Attempt {
  readonly to: Address
  readonly socket: Socket
}

export class HappyEyeballs {
  /** The connected socket; null before. */
  socket: Socket | null = null
  /** The fault of the last attempt, when no address is left to try; null before. */
  fault: Fault | null = null
  private readonly pollset: Pollset
  private readonly target: DialTarget
  private readonly limits: DialLimits
  private resolution: Resolution | null = null
  /** Addresses that remain to be tried, in order; null before the name is resolved. */
  private remaining: Address[] | null = null
  private inFlight: Attempt[] = []
  private readonly failures: string[] = []
  private begun = 0
  /** True if the name has more than one address: errors then name the address. */
  private several = false
  /** The times at which the next attempt is due, and the deadline: ms of the pollset's clock. */
  private nextAt = 0
  private by = 0

  constructor(pollset: Pollset, target: DialTarget, limits: DialLimits) {
    this.pollset = pollset
    this.target = target
    this.limits = limits
  }

  /**
   * Starts to resolve the name, and makes this continuation wait for it. Returns false for a Unix-domain
   * socket or a server of this process, which have no name.
   */
  resolve(c: Continuation): boolean {
    this.by = this.pollset.now + (this.target.connectTime?.ms ?? this.limits.connectMs)
    if (this.target.path !== undefined || this.target.local !== undefined) return false
    this.resolution = this.pollset.resolve(this.target.host)
    c.waitOn(0, this.resolution, RESOLVED)
    c.waitUntil(this.by)
    return true
  }

  /** True once the deadline has passed. */
  get late(): boolean {
    return this.by !== 0 && this.pollset.now >= this.by
  }

  /** The fault of a dial that was cancelled. */
  get ended(): Fault {
    return notConnected(this.target, this.late ? 'ETIMEDOUT' : 'closed')
  }

  /**
   * Checks the running attempts and starts the next if it is due. Returns false once connected or failed.
   * @param id the id of the sockets
   */
  advance(c: Continuation, id: string): boolean {
    this.remaining ??= this.addresses()
    this.check()
    if (this.socket === null && this.fault === null) this.beginNext(id)
    if (this.socket !== null || this.fault !== null) {
      this.drop()
      return false
    }
    for (let slot = 0; slot < this.inFlight.length; slot++)
      c.waitOn(slot as 0 | 1 | 2, this.inFlight[slot].socket, CONNECTED | CLOSED)
    c.waitUntil(this.remaining.length > 0 ? Math.min(this.nextAt, this.by) : this.by)
    return true
  }

  /** Closes the attempts that are no longer needed. */
  drop(): void {
    for (const { socket } of this.inFlight) socket.destroy()
    this.inFlight.length = 0
  }

  private addresses(): Address[] {
    const { target, resolution } = this
    const { port } = target
    if (resolution === null) return [target]
    const { addresses, fault: wrong } = resolution
    if (addresses.length === 0) this.fault = notResolved(target, wrong?.code ?? 'no address')
    this.several = addresses.length > 1
    return inTurns(addresses)
      .slice(0, this.limits.connectAddressesMax)
      .map((address) => ({ host: address, port }))
  }

  private check(): void {
    for (const attempt of [...this.inFlight]) {
      const { socket } = attempt
      if ((socket.readiness & CLOSED) !== 0) this.failed(attempt, socket.fault?.code ?? 'closed')
      else if ((socket.readiness & CONNECTED) !== 0) {
        this.socket = socket
        this.inFlight.splice(this.inFlight.indexOf(attempt), 1)
        return
      }
    }
    if (!this.late) return
    for (const attempt of [...this.inFlight]) this.failed(attempt, 'ETIMEDOUT')
    this.fault ??= this.why()
  }

  private failed(attempt: Attempt, code: string): void {
    attempt.socket.destroy()
    this.inFlight.splice(this.inFlight.indexOf(attempt), 1)
    this.failures.push(this.several ? `${code} (${attempt.to.host})` : code)
    this.nextAt = this.pollset.now
  }

  private beginNext(id: string): void {
    const { pollset, target, limits } = this
    const remaining = this.remaining as Address[]
    if (this.inFlight.length > 0 && pollset.now < this.nextAt) return
    const to = remaining.shift()
    if (to === undefined) {
      if (this.inFlight.length === 0) this.fault = this.why()
      return
    }
    if (this.inFlight.length === IN_FLIGHT_MAX) this.failed(this.inFlight[0], 'ETIMEDOUT')
    const what = this.refusalOf(to)
    if (what !== null) {
      this.failures.push(this.several ? `${what} (${to.host})` : what)
      this.beginNext(id)
      return
    }
    const name = ++this.begun === 1 ? `${id}.socket` : `${id}.socket${this.begun}`
    this.inFlight.push({ to, socket: pollset.connect(to, name, target.tls, target.preamble) })
    // If all places are taken, the oldest attempt keeps its place for its share of the remaining time.
    const share = this.inFlight.length < IN_FLIGHT_MAX ? 0 : (this.by - pollset.now) / (remaining.length + 1)
    this.nextAt = pollset.now + Math.max(limits.connectAttemptMs, share)
  }

  /** Returns the reason why this address must not be connected to; null if it may. */
  private refusalOf(to: Address): string | null {
    const { pollset, target } = this
    if (to.local !== undefined) return null
    if (pollset.isPrivate(to)) return 'a listener of this server, which is not to be dialled'
    return target.refuses?.(to.host) ?? null
  }

  private why(): Fault {
    return notConnected(this.target, this.failures.join(', ') || 'ETIMEDOUT')
  }

  describe(): Readonly<Record<string, unknown>> {
    return {
      inFlight: this.inFlight.map(({ to }) => formatAddress(to)),
      remaining: this.remaining?.length ?? null,
      failures: this.failures,
    }
  }
}

/** Alternates the families, beginning with that of the first address (RFC 8305 §4). */
function inTurns(addresses: readonly string[]): string[] {
  const isSix = (address: string) => address.includes(':')
  const first = addresses.filter((each) => isSix(each) === isSix(addresses[0]))
  const other = addresses.filter((each) => isSix(each) !== isSix(addresses[0]))
  const longest = Math.max(first.length, other.length)
  return Array.from({ length: longest }, (_, at) => [first[at], other[at]])
    .flat()
    .filter((each) => each !== undefined)
}
