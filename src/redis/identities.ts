// The identities of a backend, and their engines: a bounded table. One that no client has, and whose engines
// have no session, is dropped when room is needed.

import { ANONYMOUS, Identity, type IdentityParts, keyOf } from './identity.js'

export class Identities {
  /** That of a client that has said nothing yet. */
  readonly anonymous = new Identity(ANONYMOUS)
  private readonly byKey = new Map<string, Identity>([[keyOf(ANONYMOUS), this.anonymous]])
  private readonly most: number

  constructor(most: number) {
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
      identity = new Identity(parts)
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
      for (const engine of identity.shared) engine.close()
      identity.exclusive?.close()
      return true
    }
    return false
  }
}
