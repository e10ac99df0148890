// Connection attempts to the addresses of a name, as RFC 8305 has them: in the order in which the name gives
// them, the families in turns (§4). One that fails is followed by the next at once; one that says nothing by
// the next after connectAttemptMs (§5). No more than three are in flight: then the oldest makes room, after
// its share of the time that is left. The first that is connected is taken, the others are dropped. All of
// it, the look-up too, has one deadline. A continuation drives it (dial.ts).

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

/** Attempts under way at once: a continuation waits for no more. */
const IN_FLIGHT_MAX = 3

interface Attempt {
  readonly to: Address
  readonly socket: Socket
}

export class HappyEyeballs {
  /** What has connected; null before. */
  socket: Socket | null = null
  /** Why nothing has and nothing will; null before. */
  fault: Fault | null = null
  private readonly pollset: Pollset
  private readonly target: DialTarget
  private readonly limits: DialLimits
  private resolution: Resolution | null = null
  /** Addresses that remain to be tried, the next first; null before they are known. */
  private remaining: Address[] | null = null
  private inFlight: Attempt[] = []
  private readonly failures: string[] = []
  private begun = 0
  /** The name has more than one address: what failed is told with it. */
  private several = false
  /** ms of the pollset's clock: when the next attempt is due, and when it is too late for any. */
  private nextAt = 0
  private by = 0

  constructor(pollset: Pollset, target: DialTarget, limits: DialLimits) {
    this.pollset = pollset
    this.target = target
    this.limits = limits
  }

  /**
   * Starts the look-up of the name, and has this continuation wait for it; returns false for a Unix-domain
   * socket, which has none.
   */
  resolve(c: Continuation): boolean {
    this.by = this.pollset.now + this.limits.connectMs
    if (this.target.path !== undefined) return false
    this.resolution = this.pollset.resolve(this.target.host)
    c.waitOn(0, this.resolution, RESOLVED)
    c.waitUntil(this.by)
    return true
  }

  /** The time is over. */
  get late(): boolean {
    return this.by !== 0 && this.pollset.now >= this.by
  }

  /** The fault where it was ended from outside. */
  get ended(): Fault {
    return notConnected(this.target, this.late ? 'ETIMEDOUT' : 'closed')
  }

  /**
   * Checks the running attempts and starts the next if it is due. Returns false once connected or failed.
   * `id`: of the sockets.
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

  /** Attempts that are not wanted any more. */
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
    const name = ++this.begun === 1 ? `${id}.socket` : `${id}.socket${this.begun}`
    this.inFlight.push({ to, socket: pollset.connect(to, name, target.tls, target.preamble) })
    // Where no more fit, the oldest has its share of what time is left before it makes room for another.
    const share = this.inFlight.length < IN_FLIGHT_MAX ? 0 : (this.by - pollset.now) / (remaining.length + 1)
    this.nextAt = pollset.now + Math.max(limits.connectAttemptMs, share)
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

/** One family, then the other, beginning with that of the first (RFC 8305 §4). */
function inTurns(addresses: readonly string[]): string[] {
  const isSix = (address: string) => address.includes(':')
  const first = addresses.filter((each) => isSix(each) === isSix(addresses[0]))
  const other = addresses.filter((each) => isSix(each) !== isSix(addresses[0]))
  const longest = Math.max(first.length, other.length)
  return Array.from({ length: longest }, (_, at) => [first[at], other[at]])
    .flat()
    .filter((each) => each !== undefined)
}
