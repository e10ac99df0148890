// Commands of a client whose keys are elsewhere in the cluster: a node answers MOVED or ASK, and names
// another, or TRYAGAIN, while keys of one command are just moving. Such a command did not run, so it is sent
// again: its trail.
//
// No command passes another one on the same key (S8). While one is on its trail, the client's later commands
// wait, also those that were told of another node than it. A command with several keys can be told to try
// again when a later one with one of these keys would not be: so nothing with their slot follows it before it
// is answered. Nor does it where nobody knows who has the slot: the node that is asked may get it between two
// commands.

import type { Cluster } from './cluster.js'
import { type Answer, TURN } from './command-answer.js'
import type { RedisEndpoint } from './endpoint.js'
import type { IdentityParts } from './identity.js'
import type { RedisLimits } from './limits.js'
import { isPlan, type Route } from './plan.js'
import type { Shard, ShardMap } from './shards.js'

/** The answer of a node in place of a reply. */
export type Redirection =
  | { readonly kind: 'moved' | 'ask'; readonly host: string; readonly port: number }
  | { readonly kind: 'again' }

const ELSEWHERE = /^-(MOVED|ASK) \d+ (.*):(\d+)$/m
const AGAIN = /^-TRYAGAIN /m

/** Reads the replies of a command, the last of which is an error. Null: they are replies. */
export function redirectionIn(text: string): Redirection | null {
  const found = ELSEWHERE.exec(text.replaceAll('\r', ''))
  if (found === null) return AGAIN.test(text) ? { kind: 'again' } : null
  const [, word, host, port] = found
  return { kind: word === 'MOVED' ? 'moved' : 'ask', host: host === '?' ? '' : host, port: Number(port) }
}

/** The state that the commands of a client at a cluster share. */
export class Redirects {
  /** The bytes of its commands that are not answered. */
  heldBytes = 0
  /** The number of commands, or parts of them, that are on their trail. */
  following = 0
  /** A command that waits until others that are in flight are answered. */
  waiting: Answer | null = null
  /** By slot: how many commands with several keys are not answered. */
  readonly crowded = new Map<number, number>()
  /** By node: how many of those on their trail go there. */
  private readonly aims = new Map<Shard, number>()

  /** One of those on their trail goes there in place of another node. Null: the map tells where. */
  aim(before: Shard | null, now: Shard | null): void {
    const { aims } = this
    if (before !== null) aims.set(before, (aims.get(before) ?? 0) - 1)
    if (now !== null) aims.set(now, (aims.get(now) ?? 0) + 1)
    if (this.following === 0) aims.clear()
  }

  /** Returns true if all that are on their trail go to this node: there they keep their order. */
  allGoTo(node: Shard): boolean {
    return this.aims.get(node) === this.following
  }

  /** Returns true if a command with this route must wait until those before it are answered. */
  holds(route: Route, map: ShardMap): boolean {
    if (this.following > 0) return true
    if (typeof route === 'number') return this.holdsAt(route, map)
    return isPlan(route) && route.parts.some(({ spot }) => this.holdsAt(spot, map))
  }

  private holdsAt(spot: number, map: ShardMap): boolean {
    return this.crowded.has(spot) || map.isGuess(spot)
  }
}

/** A command, or a part of one, on its way through the cluster. */
export class Trail {
  /** Where it goes, in place of where the map has its keys. */
  target: Shard | null = null
  /** ASKING goes before it. */
  asks = false
  /** It is sent again only after a while. */
  pauses = false
  /** It was told so, and will be sent again. */
  isSentOn = false
  /** It was sent, and has no answer. */
  isInFlight = false
  /** It may have run. */
  hasRun = false
  /** Those that were in flight behind it with one of its keys when it was told so. */
  private rivals: readonly Trail[] = []
  /** It was told that its keys are elsewhere, and is not answered. */
  private isFollowing = false
  private followed = 0
  private pausedAt = -1
  /** The slot of its keys, if they are several; -1. */
  private slot = -1
  private bytes = 0
  private readonly client: Redirects

  constructor(client: Redirects) {
    this.client = client
  }

  sent(): void {
    this.isInFlight = true
    this.hasRun = false
  }

  /** It has an answer, or none is to come. */
  landed(hasRun: boolean): void {
    if (!this.isInFlight) return
    this.isInFlight = false
    this.hasRun = hasRun
    const { client } = this
    client.waiting?.raise(TURN)
    client.waiting = null
  }

  /** It is to be sent again, and these are in flight behind it with one of its keys. */
  noteRivals(rivals: readonly Trail[]): void {
    this.rivals = rivals
  }

  /** It is sent again only when it is known which of those behind it have run. */
  get mustWait(): boolean {
    return this.rivals.some(({ isInFlight }) => isInFlight)
  }

  /** One behind it with one of its keys may have run. */
  get isPassed(): boolean {
    return this.rivals.some(({ hasRun }) => hasRun)
  }

  /** Wakes a command that waits so. */
  wakes(answer: Answer): void {
    this.client.waiting = answer
  }

  /** Its bytes are kept until it is answered. */
  keeps(bytes: number): void {
    this.bytes += bytes
    this.client.heldBytes += bytes
  }

  /** It is sent, and has several keys in this slot. */
  crowds(slot: number): void {
    const { crowded } = this.client
    if (this.slot >= 0) return
    this.slot = slot
    crowded.set(slot, (crowded.get(slot) ?? 0) + 1)
  }

  /**
   * Takes what a node has answered. Returns false if it has been sent often enough.
   * @param from the node that has answered
   */
  follow(to: Redirection, from: Shard, toNode: Shard | null, now: number, limits: RedisLimits): boolean {
    this.begin()
    this.pauses = to.kind === 'again' || toNode === null
    if (this.pauses) {
      this.goTo(this.target ?? from)
      if (this.pausedAt < 0) this.pausedAt = now
      return now - this.pausedAt < limits.commandMs
    }
    this.goTo(toNode)
    this.asks = to.kind === 'ask'
    this.followed++
    return this.followed <= limits.redirectsMax
  }

  private goTo(node: Shard | null): void {
    if (this.isFollowing) this.client.aim(this.target, node)
    this.target = node
  }

  private begin(): void {
    if (this.isFollowing) return
    this.isFollowing = true
    this.client.following++
  }

  /** Returns true if it may be sent now: the oldest of its client may, and one that goes where all do. */
  mayGo(isOldest: boolean): boolean {
    return this.target === null || isOldest || this.client.allGoTo(this.target)
  }

  /** It is not sent again, whatever it was told. */
  stays(): void {
    this.isSentOn = false
  }

  /** It is sent again. @param wasLost its session was lost: the map tells again where it goes */
  again(wasLost: boolean): void {
    this.stays()
    if (!wasLost) return
    this.goTo(null)
    this.asks = false
    this.pauses = false
  }

  /** It has its reply. */
  end(): void {
    const { client, slot } = this
    client.heldBytes -= this.bytes
    this.bytes = 0
    if (this.isFollowing) {
      client.following--
      this.goTo(null)
    }
    this.isFollowing = false
    if (slot < 0) return
    this.slot = -1
    const left = (client.crowded.get(slot) ?? 1) - 1
    if (left === 0) client.crowded.delete(slot)
    else client.crowded.set(slot, left)
  }
}

/** Returns the node that was named; null: none. The cluster is asked again which slots its nodes have. */
export function nodeNamed(
  cluster: Cluster,
  to: Redirection,
  asked: RedisEndpoint,
  parts: IdentityParts,
): Shard | null {
  if (to.kind === 'again') return null
  const node = cluster.nodeAt(to.host, to.port, asked)
  if (to.kind === 'moved') cluster.refresh(node, parts)
  return node
}
