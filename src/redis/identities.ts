// The identities of a server, and their engines: a bounded table. One that no client has, and whose engines
// have no session, is dropped when room is needed.

import type { RedisEndpoint } from './endpoint.js'
import { ANONYMOUS, Identity, type IdentityParts, keyOf } from './identity.js'

export class Identities {
  /** That of a client that has said nothing yet. */
  readonly anonymous: Identity
  private readonly byKey: Map<string, Identity>
  private readonly endpoint: RedisEndpoint
  private readonly most: number

  constructor(endpoint: RedisEndpoint, most: number) {
    this.anonymous = new Identity(endpoint, ANONYMOUS)
    this.byKey = new Map([[keyOf(ANONYMOUS), this.anonymous]])
    this.endpoint = endpoint
    this.most = most
  }

  get size(): number {
    return this.byKey.size
  }

  /** Returns the identity of these parts; null if there are too many that are in use. */
  of(parts: IdentityParts): Identity | null {
    const key = keyOf(parts)
    let identity = this.byKey.get(key)
    if (identity === undefined) {
      if (this.byKey.size >= this.most && !this.makeRoom()) return null
      identity = new Identity(this.endpoint, parts)
    } else this.byKey.delete(key)
    // The one that was asked for last stands last.
    this.byKey.set(key, identity)
    return identity
  }

  all(): IterableIterator<Identity> {
    return this.byKey.values()
  }

  private makeRoom(): boolean {
    for (const [key, identity] of this.byKey) {
      if (identity.clients > 0 || identity === this.anonymous) continue
      this.byKey.delete(key)
      for (const engine of identity.engines()) engine.close()
      return true
    }
    return false
  }
}
