// The identities of a client at the shards: the identity that it has agreed with each server, and its engines
// at each shard that it has commands for. They are taken when they are first needed, and given up when the
// shard has another server, or the client another identity.

import type { Engine } from '../engine/index.js'
import type { Command } from './command.js'
import { ANONYMOUS, type Identity, type IdentityChange, type IdentityParts, nameOf } from './identity.js'
import type { RedisSession } from './session.js'
import type { Shard, ShardMap } from './shards.js'
import type { SharedEngine } from './shared-engine.js'
import { BACKEND_DOWN, PASSED, TOO_MANY_IDENTITIES } from './texts.js'

export class Seats {
  parts: IdentityParts = ANONYMOUS
  /** The places of keys for this client: the backend's map, since all earlier commands were answered. */
  map: ShardMap
  private readonly client: number
  /** By the index of the shard. */
  private readonly taken: (Identity | undefined)[] = []

  constructor(map: ShardMap, client: number) {
    this.map = map
    this.client = client
  }

  /** For messages and debuggers. */
  get name(): string {
    return nameOf(this.parts)
  }

  /** Returns true if it is at the server that this shard has now, or at none of it. */
  isCurrent(shard: Shard): boolean {
    const seat = this.taken[shard.index]
    return seat === undefined || seat.endpoint === shard.current
  }

  /** Returns its identity at this shard, which is current or idle; null if there are too many. */
  private identityAt(shard: Shard): Identity | null {
    const seat = this.taken[shard.index]
    if (seat !== undefined) {
      if (seat.endpoint === shard.current) return seat
      this.leave(shard.index)
    }
    const identity = shard.current.identities.of(this.parts)
    if (identity !== null) {
      identity.clients++
      this.taken[shard.index] = identity
    }
    return identity
  }

  /** Returns the engine whose sessions it shares at this shard, or the error that is the reply. */
  sharedAt(shard: Shard): SharedEngine | Buffer {
    const identity = this.identityAt(shard)
    if (identity === null) return TOO_MANY_IDENTITIES
    return this.upAt(identity, identity.endpoint.sharedOf(identity, this.client))
  }

  /** The engine whose session it shares; null if nobody has asked for it, or the keys have several places. */
  get shared(): SharedEngine | null {
    const { map, taken, client } = this
    if (map.isSharded) return null
    const seat = taken[map.first.index] ?? map.first.current.identities.anonymous
    return seat.endpoint.sharedBefore(seat, client)
  }

  /** Returns the engine of sessions that a client has alone at this shard, or the error that is the reply. */
  exclusiveAt(shard: Shard): Engine<RedisSession> | Buffer {
    const identity = this.identityAt(shard)
    if (identity === null) return TOO_MANY_IDENTITIES
    return this.upAt(identity, identity.endpoint.exclusiveOf(identity))
  }

  /**
   * Returns the engine of sessions for commands that a busy server takes: it would refuse to select a
   * database. Otherwise as {@link exclusiveAt}.
   */
  undelayedAt(shard: Shard): Engine<RedisSession> | Buffer {
    const { parts } = this
    if (parts.db === 0) return this.exclusiveAt(shard)
    const identity = shard.current.identities.of({ ...parts, db: 0 })
    return identity === null
      ? TOO_MANY_IDENTITIES
      : this.upAt(identity, identity.endpoint.exclusiveOf(identity))
  }

  private upAt<E extends Engine<RedisSession>>({ endpoint }: Identity, engine: E): E | Buffer {
    // Nobody waits for a server that is down.
    return endpoint.isUp || engine.sessions.length > 0 ? engine : BACKEND_DOWN
  }

  /** Returns the engine of the proxy's own calls at this shard, or the error that is the reply. */
  ownAt(shard: Shard): Engine<RedisSession> | Buffer {
    const identity = this.identityAt(shard)
    if (identity === null) return TOO_MANY_IDENTITIES
    const engine = identity.endpoint.ownOf(identity)
    return identity.endpoint.isUp || engine.sessions.length > 0 ? engine : BACKEND_DOWN
  }

  /** Closes the sessions of the proxy's own calls: what they owe is of no use. */
  dropOwn(): void {
    for (const seat of this.taken) seat?.endpoint.dropOwn(seat)
  }

  private leave(index: number): void {
    const seat = this.taken[index]
    if (seat === undefined) return
    this.taken[index] = undefined
    seat.clients--
    seat.endpoint.left(seat)
  }

  private leaveAll(): void {
    for (let index = 0; index < this.taken.length; index++) this.leave(index)
  }

  /** Keys are elsewhere from now on: all its commands are answered. */
  adopt(map: ShardMap): void {
    this.map = map
    for (let index = 0; index < this.taken.length; index++) {
      const seat = this.taken[index]
      if (seat !== undefined && map.shardWith(index)?.current !== seat.endpoint) this.leave(index)
    }
  }

  /** It does not keep a server that was taken away: all its commands are answered. */
  leaveRetired(): void {
    for (let index = 0; index < this.taken.length; index++)
      if (this.taken[index]?.endpoint.isRetired === true) this.leave(index)
  }

  become(parts: IdentityParts): void {
    this.leaveAll()
    this.parts = parts
  }

  /** A server of this shard has agreed to another identity. Returns false if it has too many of them. */
  change(change: IdentityChange, { index }: Shard, { endpoint }: Identity): boolean {
    const parts = { ...this.parts, ...change }
    const identity = endpoint.identities.of(parts)
    if (identity === null) return false
    identity.clients++
    this.become(parts)
    this.taken[index] = identity
    return true
  }

  close(): void {
    this.leaveAll()
  }

  /** The engine at a node that a reply has named, or the error that is the reply. */
  engineFor({ does, trail }: Command, shard: Shard): Engine<RedisSession> | Buffer {
    if (trail?.isPassed === true) return PASSED
    return does === 'shared' ? this.sharedAt(shard) : this.exclusiveAt(shard)
  }
}
