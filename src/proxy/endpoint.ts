// An endpoint of a backend: what the balancer knows of it, and the engines of its address.

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
  /** It gets no new requests. */
  private retiring = false

  /** @param weight 1 to 256, relative to the other endpoints of its backend */
  constructor(world: World, engines: EngineSet, weight = 1) {
    this.name = engines.name
    this.engines = engines
    this.member = new Member(engines.name, weight, world.pollset.now)
  }

  /** Gives it no new requests. */
  retire(): void {
    this.retiring = true
    this.left()
  }

  /** Gives it requests again. */
  keep(): void {
    this.retiring = false
  }

  /** An exchange that had chosen it has ended, or chooses again. */
  left(): void {
    if (this.retiring && this.member.load === 0) this.onUnused?.()
  }
}
