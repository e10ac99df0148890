// Where a command goes if keys are on several shards. Within a transaction that was begun here, the first
// command behind MULTI says which shard it is for.

import type { Command } from './command.js'
import type { CommandInfo } from './commands.js'
import type { RedisFrontend } from './frontend.js'
import type { Place, Way } from './place.js'
import { isPlan } from './plan.js'
import {
  CLUSTER_DISABLED,
  CROSS_SLOT,
  EMPTY_ARRAY,
  EXEC_DISCARDED,
  MULTI,
  MULTI_NESTED,
  NOT_FIRST_IN_MULTI,
  OK,
  WATCH_INSIDE,
} from './texts.js'

const ANSWERED_HERE: ReadonlySet<string> = new Set(['admin', 'replication', 'malformed', 'http'])
/** A cluster is one server for its clients, and such a server answers these as one without a cluster. */
const OF_CLUSTERS: ReadonlySet<string> = new Set(['asking', 'readonly', 'readwrite'])

export class ShardedWay {
  /** The number of MULTI, which was answered, and no server has it yet: the first key says which; -1. */
  private multi = -1
  private readonly place: Place
  private readonly frontend: RedisFrontend

  constructor(place: Place, frontend: RedisFrontend) {
    this.place = place
    this.frontend = frontend
  }

  /** MULTI was answered here, and no server has it yet. */
  get multiWaits(): boolean {
    return this.multi >= 0
  }

  /** Returns true if a command is behind that MULTI. One before it may be sent again. */
  holds(c: Command): boolean {
    return this.multi >= 0 && c.number > this.multi
  }

  /** Nothing waits for a server any more. */
  forget(): void {
    this.multi = -1
  }

  /** Null: as with one shard. */
  way(c: Command): Way | null {
    if (this.isOfCluster(c.info)) return this.place.tellOwn(c, CLUSTER_DISABLED)
    return this.holds(c) ? this.wayInMulti(c) : this.wayOf(c)
  }

  /** Returns true if it is refused, since it is about the cluster behind the proxy. */
  isOfCluster({ name }: CommandInfo): boolean {
    if (!this.place.seats.map.isCluster) return false
    if (OF_CLUSTERS.has(name)) return true
    return (name === 'cluster' || name.startsWith('cluster|')) && !this.place.proxy.options.allowAdmin
  }

  private wayOf(c: Command): Way | null {
    const { place, frontend } = this
    const { route } = c
    if (place.pin !== null && typeof route === 'number' && !place.isPinnedTo(c)) {
      // Its session is given back when the command before this one is answered.
      if (place.isClean) return 'wait'
      return this.crosses(c)
    }
    if (Buffer.isBuffer(route)) return this.crosses(c, route)
    if (isPlan(route)) {
      if (place.pin !== null) return place.isClean ? 'wait' : this.crosses(c)
      const { seats } = place
      const goesOn =
        !place.mustStayBehind(c) && route.parts.every(({ spot }) => seats.isCurrent(seats.map.shardAt(spot)))
      return goesOn || frontend.ring.isOldest(c) ? 'divide' : 'wait'
    }
    // Not one that is to begin there, nor a transaction in one piece.
    const isMulti = c.does === 'multi' && c.info.name === 'multi'
    if (!isMulti || place.proxy.options.share === 'always') return null
    if (place.pin !== null) return place.isClean ? 'wait' : null
    this.multi = c.number
    return place.tellOwn(c, OK)
  }

  /** Its keys are on several shards. Within a transaction, this is its end. */
  private crosses(c: Command, error = CROSS_SLOT): Way {
    const { place } = this
    place.breakTransaction()
    if (c.replies === 1) return place.tellOwn(c, error)
    const errors = Array.from({ length: c.replies - 2 }, () => error)
    return place.tellOwn(c, Buffer.concat([OK, ...errors, EXEC_DISCARDED]))
  }

  /** Behind a MULTI that no server has: the first command with a shard takes it there. */
  private wayInMulti(c: Command): Way | null {
    const { place } = this
    const { name } = c.info
    const ends = c.does === 'exec' || name === 'reset' || name === 'quit'
    if (ends) this.forget()
    if (c.does === 'exec') return place.tellOwn(c, name === 'exec' ? EMPTY_ARRAY : OK)
    if (ends) return null
    if (c.does === 'multi' || c.does === 'watch')
      return place.tellOwn(c, c.does === 'multi' ? MULTI_NESTED : WATCH_INSIDE)
    if (ANSWERED_HERE.has(c.does)) return null
    const isFirst = c.does !== 'identity' && c.does !== 'pinning'
    if (!isFirst || (c.route !== null && typeof c.route !== 'number')) {
      place.transactionBroke()
      return this.crosses(c, isFirst ? CROSS_SLOT : NOT_FIRST_IN_MULTI)
    }
    if (!this.frontend.ring.isOldest(c)) return 'wait'
    this.forget()
    c.does = 'multi'
    c.preface = MULTI
    const way = place.lease(c, place.seats.exclusiveAt(place.shardOf(c)))
    if (way === 'tell') place.transactionBroke()
    return way
  }
}
