// The identities of a server, and their engines: a bounded table. One that no client has makes room.

import { RecentTable } from '../engine/index.js'
import type { RedisEndpoint } from './endpoint.js'
import { ANONYMOUS, Identity, type IdentityParts, keyOf } from './identity.js'

export class Identities {
  /** That of a client that has said nothing yet. It stays. */
  readonly anonymous: Identity
  private readonly table: RecentTable<Identity>
  private readonly endpoint: RedisEndpoint

  constructor(endpoint: RedisEndpoint, most: number) {
    this.anonymous = new Identity(endpoint, ANONYMOUS)
    this.endpoint = endpoint
    this.table = new RecentTable<Identity>(
      most,
      (each) => each.clients > 0 || each === this.anonymous,
      (each) => {
        for (const engine of each.engines()) engine.close()
      },
    )
    this.table.of(keyOf(ANONYMOUS), () => this.anonymous)
  }

  get size(): number {
    return this.table.size
  }

  /** Returns the identity of these parts; null if there are too many that are in use. */
  of(parts: IdentityParts): Identity | null {
    return this.table.of(keyOf(parts), () => new Identity(this.endpoint, parts))
  }

  all(): IterableIterator<Identity> {
    return this.table.values()
  }
}
