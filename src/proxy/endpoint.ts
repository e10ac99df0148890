// An endpoint of a backend: its member in the balancer, and its engines. If other connections are configured
// for its address, another endpoint with other engines takes over its member.

import { Member } from '../balancing/index.js'
import type { World } from '../continuation/index.js'
import type { EngineSet } from './engine-set.js'

export class Endpoint {
  /** Its URL: `h2c://127.0.0.1:9000`. */
  readonly name: string
  readonly member: Member
  readonly engines: EngineSet
  /** Is called when it has retired and its last exchange has ended. */
  onUnused: (() => void) | null = null
  private onIdle: (() => void)[] = []
  /** It gets no new requests. */
  private retiring = false
  /**
   * The number of exchanges that have chosen it. The load of its member also counts those of its predecessor.
   */
  private exchanges = 0

  /**
   * @param weight 1 to 256, relative to the other endpoints of its backend
   * @param member the member of the endpoint that it replaces
   */
  constructor(world: World, engines: EngineSet, weight = 1, member: Member | null = null) {
    this.name = engines.name
    this.engines = engines
    this.member = member ?? new Member(engines.name, weight, world.pollset.now)
  }

  /** Notes that an exchange has chosen it. */
  chosen(): void {
    this.exchanges++
  }

  /** Gives it no new requests. */
  retire(): void {
    this.retiring = true
    this.closeUnused()
  }

  /** Gives it requests again. */
  keep(): void {
    this.retiring = false
  }

  /** Notes that an exchange that had chosen it has ended, or chooses again. */
  left(): void {
    this.exchanges--
    this.closeUnused()
  }

  /** Calls `call` when no exchange has it: at once, if none has. */
  whenIdle(call: () => void): void {
    if (this.exchanges === 0) call()
    else this.onIdle.push(call)
  }

  private closeUnused(): void {
    if (this.exchanges === 0 && this.onIdle.length > 0) {
      const calls = this.onIdle
      this.onIdle = []
      for (const each of calls) each()
    }
    if (this.retiring && this.exchanges === 0) this.onUnused?.()
  }
}
