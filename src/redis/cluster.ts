// A Redis Cluster: its nodes, and which of them has which slots. That is asked of a node (CLUSTER SLOTS) at
// the beginning, from time to time, and soon after a command was told that its keys are elsewhere. Nodes are
// asked in turn until one answers; when none does, the questions wait longer and longer.
//
// A node keeps its index as long as it is known, so cursors of SCAN outlive other nodes.

import { engineLimits } from '../engine/index.js'
import { Deadline } from '../pollset/index.js'
import { type EndpointOptions, RedisEndpoint } from './endpoint.js'
import { ANONYMOUS, type IdentityParts } from './identity.js'
import { arrayOf } from './inline.js'
import { Question } from './question.js'
import { Shard, ShardMap } from './shards.js'
import { type SlotRange, slotRangesOf } from './slot-ranges.js'
import { SLOTS } from './slots.js'
import type { RedisWorld } from './world.js'

export interface ClusterOptions {
  /** Servers that are asked first. There is at least one. */
  readonly seeds: readonly EndpointOptions[]
  /** Returns the server that the cluster names so. */
  nodeAt(host: string, port: number): EndpointOptions
}

/** The services of the backend for its cluster. */
export interface ClusterOwner {
  /** Makes a server, which is checked if servers are. */
  make(options: EndpointOptions): RedisEndpoint
  /** It has left the cluster. */
  dismiss(endpoint: RedisEndpoint): void
  /** Keys are elsewhere from now on. */
  moved(map: ShardMap): void
  /** @param nodes how many have slots; 0: none could tell. @param why one clause, for people */
  learned(nodes: number, why: string): void
}

const QUESTION = arrayOf(['CLUSTER', 'SLOTS'])
const NOBODY = 0xffff
/** Nodes that are asked in one round. */
const ROUND = 8
const MINUS = 0x2d
/** The bytes of an error that are told. */
const TOLD_BYTES_MAX = 200

export class Cluster extends Deadline {
  readonly options: ClusterOptions
  map: ShardMap
  private readonly world: RedisWorld
  private readonly owner: ClusterOwner
  /** By name. */
  private readonly nodes = new Map<string, Shard>()
  /** By what the cluster calls them: `HOST:PORT`. */
  private readonly called = new Map<string, Shard>()
  private running: Question | null = null
  /** Those that are still to be asked in this round. */
  private waiting: EndpointOptions[] = []
  private begunAt = Number.NEGATIVE_INFINITY
  /** The round that runs began before a command was told of another node. */
  private isOutdated = false
  /** Rounds in a row in which no node answered. */
  private failures = 0
  /** Where the next round begins among the servers that are known. */
  private turn = 0
  /** The one that asks: a client whose keys were elsewhere. */
  private parts: IdentityParts = ANONYMOUS
  private lastIndex = -1
  /** The node that is asked first. */
  private informed: Shard | null = null
  /** The owner knows of the nodes. */
  private isTold = false
  private isClosed = false

  constructor(world: RedisWorld, options: ClusterOptions, owner: ClusterOwner) {
    super()
    this.world = world
    this.options = options
    this.owner = owner
    this.map = this.mapOfSeed(options.seeds[0])
    world.pollset.deadlines.at(this, world.pollset.now)
  }

  /** Its nodes, also those without slots. */
  get endpoints(): readonly RedisEndpoint[] {
    return [...this.nodes.values()].map(({ current }) => current)
  }

  /** As long as nothing is known, this seed has all slots: it tells commands where their keys are. */
  private mapOfSeed(options: EndpointOptions): ShardMap {
    const seed = this.nodeOf(options)
    const owners = new Uint16Array(SLOTS).fill(seed.index)
    return new ShardMap([seed], { owners, most: this.places, isKnown: false })
  }

  private get most(): number {
    return this.world.redisLimits.clusterNodesMax
  }

  /** Indexes that nodes may have: those that leave, and those that come in their place, are known at once. */
  private get places(): number {
    return 2 * this.most
  }

  /**
   * Returns the node that the cluster calls so; null if there are too many.
   * @param host '': that of `asked`
   */
  nodeAt(host: string, port: number, asked: RedisEndpoint): Shard | null {
    const known = host === '' ? asked.target.host : host
    const node = this.called.get(`${known}:${port}`)
    if (node !== undefined) return node
    return this.nodes.size >= this.most ? null : this.nodeCalled(known, port)
  }

  private nodeCalled(host: string, port: number): Shard {
    const name = `${host}:${port}`
    const node = this.called.get(name) ?? this.nodeOf(this.options.nodeAt(host, port))
    this.called.set(name, node)
    return node
  }

  private nodeOf(options: EndpointOptions): Shard {
    let node = this.nodes.get(options.name)
    if (node === undefined) {
      const seed = this.options.seeds.find(({ name }) => name === options.name)
      node = new Shard(this.freeIndex(), [this.owner.make(seed ?? options)], [])
      this.nodes.set(options.name, node)
    }
    return node
  }

  /** Indexes are used again only when there are no others: clients may be at nodes that have left. */
  private freeIndex(): number {
    if (this.lastIndex + 1 < this.places) return ++this.lastIndex
    const used = new Set([...this.nodes.values()].map(({ index }) => index))
    for (let index = 0; ; index++) if (!used.has(index)) return index
  }

  /**
   * Asks again, soon: what is known is not true any more.
   * @param informed the node that knows
   * @param parts who found that out
   */
  refresh(informed: Shard | null = null, parts: IdentityParts | null = null): void {
    if (this.isClosed) return
    if (informed !== null) this.informed = informed
    if (parts !== null) this.parts = { ...ANONYMOUS, auth: parts.auth }
    if (this.running !== null) this.isOutdated = true
    else this.askAt(this.begunAt + this.world.redisLimits.clusterLeastMs)
  }

  private askAt(time: number): void {
    const { deadlines, now } = this.world.pollset
    const at = Math.max(now, time)
    if (this.deadlineArmed && this.deadlineAt <= at) return
    deadlines.disarm(this)
    deadlines.at(this, at)
  }

  close(): void {
    this.isClosed = true
    this.world.pollset.deadlines.disarm(this)
    this.running?.cancel()
    this.running = null
  }

  /** Begins a round. */
  expire(): void {
    const { informed, options, map } = this
    const servers = new Map<string, EndpointOptions>()
    const all = [...map.shards.map(({ current }) => current), ...options.seeds]
    const rotated = all.map((_, at) => all[(at + this.turn) % all.length])
    if (informed !== null) rotated.unshift(informed.current)
    for (const { name, target } of rotated) servers.set(name, { name, target })
    this.turn++
    this.informed = null
    this.isOutdated = false
    this.begunAt = this.world.pollset.now
    this.waiting = [...servers.values()].slice(0, ROUND)
    this.askNext('')
  }

  private askNext(why: string): void {
    const next = this.waiting.shift()
    if (next === undefined) {
      this.failed(why)
      return
    }
    const endpoint = this.nodes.get(next.name)?.current ?? this.stranger(next)
    const { clusterAnswerMs, clusterReplyBytesMax } = this.world.redisLimits
    const asked = {
      name: next.name,
      command: QUESTION,
      timeoutMs: clusterAnswerMs,
      replyBytesMax: clusterReplyBytesMax,
    }
    this.running = new Question(this.world, asked, endpoint.sessionsAs(this.parts), (reply, noReply) => {
      this.running = null
      if (this.isClosed) return
      const error = reply === null ? noReply : this.learn(reply, endpoint)
      if (error === '') this.succeeded()
      else {
        const [other] = this.waiting
        if (reply === null && !this.map.isKnown && other !== undefined) this.move(this.mapOfSeed(other))
        this.askNext(`${next.name}: ${error}`)
      }
    })
  }

  /** Returns a server for a question alone. */
  private stranger(options: EndpointOptions): RedisEndpoint {
    return new RedisEndpoint(this.world, options, { unreached() {} }, engineLimits)
  }

  private succeeded(): void {
    const { clusterLeastMs, clusterEveryMs } = this.world.redisLimits
    if (!this.isTold) this.owner.learned(this.map.shards.length, '')
    this.isTold = true
    this.failures = 0
    this.askAt(this.begunAt + (this.isOutdated ? clusterLeastMs : clusterEveryMs))
  }

  private failed(why: string): void {
    const { clusterLeastMs, clusterEveryMs } = this.world.redisLimits
    this.owner.learned(0, why)
    this.isTold = false
    const wait = Math.min(clusterEveryMs, clusterLeastMs * 2 ** Math.min(this.failures++, 20))
    this.askAt(this.world.pollset.now + wait)
  }

  /** Takes what a node says. Returns what is wrong with it: one clause; '' if nothing is. */
  private learn(reply: Buffer, asked: RedisEndpoint): string {
    if (reply[0] === MINUS) return `it answers ${reply.toString('latin1', 0, TOLD_BYTES_MAX).trim()}`
    const ranges = slotRangesOf(reply)
    if (ranges === null) return 'its answer is not one of CLUSTER SLOTS'
    if (ranges.length === 0) return 'it knows no node that has slots'
    const named = new Set(ranges.map(({ host, port }) => `${host}:${port}`))
    if (named.size > this.most) return `it names more than ${this.most} nodes`
    this.place(ranges, asked)
    return ''
  }

  private place(ranges: readonly SlotRange[], asked: RedisEndpoint): void {
    const owners = new Uint16Array(SLOTS).fill(NOBODY)
    const present = new Set<Shard>()
    for (const { host, port, first, last } of ranges) {
      const node = this.nodeCalled(host === '' ? asked.target.host : host, port)
      present.add(node)
      owners.fill(node.index, first, last + 1)
    }
    for (const [name, node] of this.called) if (!present.has(node)) this.called.delete(name)
    for (const [name, node] of this.nodes) {
      if (present.has(node)) continue
      this.nodes.delete(name)
      this.owner.dismiss(node.current)
    }
    const shards = [...present].sort((a, b) => a.index - b.index)
    const { map } = this
    if (map.isKnown && map.isSame(shards, owners)) return
    this.move(new ShardMap(shards, { owners, most: this.places, isKnown: true }))
    if (!map.isKnown || !map.hasShards(shards)) this.isTold = false
  }

  private move(map: ShardMap): void {
    this.map = map
    this.owner.moved(map)
  }
}
