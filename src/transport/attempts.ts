// The way to a backend whose name may have several addresses: connection attempts, in the order in which the
// name gives them, the families in turns (RFC 8305 §4). One that fails is followed by the next at once; one
// that says nothing by the next after connectAttemptMs (§5), and goes on beside it, where no more than three
// do: then the oldest makes room, after its share of the time that is left. The first that is connected is
// taken, the others are dropped. All of it, the look-up too, has one deadline. A continuation drives it and
// waits for it; here is nothing that moves by itself.

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
import { type BackendTarget, notConnected, notResolved } from './target.js'

export interface AttemptLimits {
  /** ms for a connection to a backend to be made, whatever it takes: name, addresses, TLS */
  readonly connectMs: number
  /**
   * ms after which another address of a backend's name is tried beside one that does not answer (RFC 8305 §8)
   */
  readonly connectAttemptMs: number
  /** addresses of one name that are tried */
  readonly connectAddressesMax: number
}

export const attemptLimits: AttemptLimits = {
  connectMs: 5_000,
  connectAttemptMs: 250,
  connectAddressesMax: 16,
}

/** Attempts under way at once: a continuation waits for no more. */
const UNDER_WAY_MAX = 3

interface Attempt {
  readonly to: Address
  readonly socket: Socket
}

export class Attempts {
  /** What has connected; null before. */
  socket: Socket | null = null
  /** Why nothing has and nothing will; null before. */
  fault: Fault | null = null
  private readonly pollset: Pollset
  private readonly target: BackendTarget
  private readonly limits: AttemptLimits
  private resolution: Resolution | null = null
  /** Addresses not tried yet, the next first; null before they are known. */
  private untried: Address[] | null = null
  private underWay: Attempt[] = []
  private readonly failures: string[] = []
  private begun = 0
  /** The name has more than one address: what failed is told with it. */
  private several = false
  /** ms of the pollset's clock: when the next attempt is due, and when it is too late for any. */
  private nextAt = 0
  private by = 0

  constructor(pollset: Pollset, target: BackendTarget, limits: AttemptLimits) {
    this.pollset = pollset
    this.target = target
    this.limits = limits
  }

  /**
   * Have its name looked up, and this continuation wait for it; false for a Unix-domain socket, which has
   * none.
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

  /** What it says of itself where it was ended from outside. */
  get ended(): Fault {
    return notConnected(this.target, this.late ? 'ETIMEDOUT' : 'closed')
  }

  /**
   * See what has become of the attempts, and begin another where one is due. False: nothing is left to wait
   * for. `id`: of the sockets.
   */
  goOn(c: Continuation, id: string): boolean {
    this.untried ??= this.addresses()
    this.look()
    if (this.socket === null && this.fault === null) this.begin(id)
    if (this.socket !== null || this.fault !== null) {
      this.drop()
      return false
    }
    for (let slot = 0; slot < this.underWay.length; slot++)
      c.waitOn(slot as 0 | 1 | 2, this.underWay[slot].socket, CONNECTED | CLOSED)
    c.waitUntil(this.untried.length > 0 ? Math.min(this.nextAt, this.by) : this.by)
    return true
  }

  /** Attempts that are not wanted any more. */
  drop(): void {
    for (const { socket } of this.underWay) socket.destroy()
    this.underWay.length = 0
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

  private look(): void {
    for (const attempt of [...this.underWay]) {
      const { socket } = attempt
      if ((socket.readiness & CLOSED) !== 0) this.failed(attempt, socket.fault?.code ?? 'closed')
      else if ((socket.readiness & CONNECTED) !== 0) {
        this.socket = socket
        this.underWay.splice(this.underWay.indexOf(attempt), 1)
        return
      }
    }
    if (!this.late) return
    for (const attempt of [...this.underWay]) this.failed(attempt, 'ETIMEDOUT')
    this.fault ??= this.why()
  }

  private failed(attempt: Attempt, code: string): void {
    attempt.socket.destroy()
    this.underWay.splice(this.underWay.indexOf(attempt), 1)
    this.failures.push(this.several ? `${code} (${attempt.to.host})` : code)
    this.nextAt = this.pollset.now
  }

  private begin(id: string): void {
    const { pollset, target, limits } = this
    const untried = this.untried as Address[]
    if (this.underWay.length > 0 && pollset.now < this.nextAt) return
    const to = untried.shift()
    if (to === undefined) {
      if (this.underWay.length === 0) this.fault = this.why()
      return
    }
    if (this.underWay.length === UNDER_WAY_MAX) this.failed(this.underWay[0], 'ETIMEDOUT')
    const name = ++this.begun === 1 ? `${id}.socket` : `${id}.socket${this.begun}`
    this.underWay.push({ to, socket: pollset.connect(to, name, target.tls, target.preamble) })
    // Where no more fit, the oldest has its share of what time is left before it makes room for another.
    const share = this.underWay.length < UNDER_WAY_MAX ? 0 : (this.by - pollset.now) / (untried.length + 1)
    this.nextAt = pollset.now + Math.max(limits.connectAttemptMs, share)
  }

  private why(): Fault {
    return notConnected(this.target, this.failures.join(', ') || 'ETIMEDOUT')
  }

  describe(): Readonly<Record<string, unknown>> {
    return {
      underWay: this.underWay.map(({ to }) => formatAddress(to)),
      untried: this.untried?.length ?? null,
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
