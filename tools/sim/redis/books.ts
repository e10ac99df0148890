// The books of a run with Redis: each command that a client has sent, what servers have done for it, and what
// they have answered. The receiving actors check every reply with them (S2), and the order of what is done
// for each key (S8).

import { fail } from '../checks/check.js'
import type { Elsewhere } from './cluster.js'
import { slotOfKey } from './keys.js'
import type { Member } from './server.js'
import type { RedisStage } from './stage.js'

/** A user, a database and a version of RESP, as a connection has them. */
export interface Identity {
  readonly user: string
  readonly db: number
  readonly resp: 2 | 3
}

export const ANONYMOUS: Identity = { user: 'default', db: 0, resp: 2 }

export const nameOf = ({ user, db, resp }: Identity): string => `${user} db${db} resp${resp}`

/** The kinds of commands, as the actors see them. */
export type Sort =
  | 'read'
  | 'write'
  | 'several'
  | 'blocking'
  | 'multi'
  | 'exec'
  | 'discard'
  | 'watch'
  | 'unwatch'
  | 'identity'
  | 'subscribe'
  | 'tracking'
  | 'publish'
  | 'plain'
  | 'own'
  | 'all'
  | 'disabled'
  | 'unknown'
  | 'malformed'

/** A command that a server has run. */
export interface Run {
  /** The number among all that servers have run. */
  readonly order: number
  readonly identity: Identity
  readonly raw: string
  /** The name of the server, and the keys that it was asked for. */
  readonly server: string
  readonly keys: readonly string[]
  /** A write of its client on one of its keys that came before it in the client's order, and ran behind it. */
  passed: Asked | null
  /** It ran behind a later write on one of its keys: the clause that says so; ''. */
  readonly outOfOrder: string
}

/** The answer of a node in place of a reply to a command, or to its part for one slot. */
interface Told {
  readonly elsewhere: Elsewhere
  readonly at: number
  /** The number of connections that had ended then. */
  readonly ended: number
  /** The number of times that it was sent to another node, one behind the other. */
  readonly times: number
}

/** A command of a client. */
export class Asked {
  readonly client: number
  readonly number: number
  readonly sort: Sort
  readonly words: readonly string[]
  /** The keys whose order counts. */
  readonly keys: readonly string[]
  readonly writes: boolean
  /** Within MULTI and EXEC. */
  readonly queued: boolean
  sentAt = -1
  /** The number of times that a server has run it, or a part of it with this key. */
  readonly runs = new Map<string, number>()
  /** The replies of servers that may reach its client. */
  readonly replies: Run[] = []
  /** Replies of nodes that had not its keys, which no client may see. */
  readonly redirects = new Set<string>()
  /** By slot: the last of them. */
  readonly told = new Map<number, Told>()
  /** The number of times that it came again too soon. */
  hurries = 0
  /** The keys of the run whose reply is being made. */
  runsOn: readonly string[] = []
  /** The fault in the order of the run whose reply is being made; ''. */
  outOfOrder = ''
  /** It is answered: its client has its reply. */
  isAnswered = false
  /** Its reply was an error in the place of a server's. */
  hasFailed = false

  constructor(
    client: number,
    number: number,
    sort: Sort,
    words: readonly string[],
    keys: readonly string[],
    writes: boolean,
    queued: boolean,
  ) {
    this.client = client
    this.number = number
    this.sort = sort
    this.words = words
    this.keys = keys
    this.writes = writes
    this.queued = queued
  }

  /** Servers know whose it is. */
  get tagged(): boolean {
    return this.words.some((each) => each.includes(this.tag))
  }

  get tag(): string {
    return tagOf(this.client, this.number)
  }

  get shown(): string {
    const words = this.words.map((each) => (each.length > 20 ? `${each.slice(0, 20)}…` : each))
    return `${this.tag} ${words.join(' ')}`
  }
}

export const tagOf = (client: number, number: number): string => `@${client}.${number}@`
const TAG = /@(\d+)\.(\d+)@/

export class Books {
  /** By client, the commands in order. */
  private readonly asked: Asked[][] = []
  /** By key: the last command of each client that has run on it, and the last that has written it. */
  private readonly latest = new Map<string, { read: Asked | null; wrote: Asked | null }>()
  private order = 0
  /** By client: the keys of which its server has told it that they have changed, and it has not heard so. */
  readonly invalidated: string[][] = []
  /** Clients whose server has died when it had told them so. */
  readonly losing = new Set<number>()
  /** Connections of servers that have ended. */
  ended = 0
  /** Connects that a server has refused. */
  refused = 0
  /** Clients that have sent MULTI or WATCH. */
  readonly begun = new Set<number>()
  /** The number of times that a server was loading, and said so. */
  loading = 0
  /** The longest time that a reply of a server was on hold by its own delays, ms. */
  readonly elements = new Map<string, number>()

  client(): number {
    this.asked.push([])
    this.invalidated.push([])
    return this.asked.length - 1
  }

  get clients(): number {
    return this.asked.length
  }

  add(
    client: number,
    sort: Sort,
    wordsOf: (tag: string) => readonly string[],
    keys: readonly string[] = [],
    writes = false,
    queued = false,
  ): Asked {
    const all = this.asked[client]
    const words = wordsOf(tagOf(client, all.length))
    const made = new Asked(client, all.length, sort, words, keys, writes, queued)
    all.push(made)
    return made
  }

  at(client: number, number: number): Asked {
    return this.asked[client][number]
  }

  /** Returns the command that these words are a part of; null: they have no tag. */
  commandOf(words: readonly string[]): Asked | null {
    for (const word of words) {
      const found = TAG.exec(word.length > 200 ? word.slice(0, 200) : word)
      if (found !== null) return this.asked[Number(found[1])]?.[Number(found[2])] ?? null
    }
    return null
  }

  /**
   * A server runs a command, or a part of one, on these keys.
   * @param at the place of the keys: the database
   */
  run(a: Asked, keys: readonly string[], at: number): void {
    for (const key of keys.length > 0 ? keys : ['']) {
      const runs = (a.runs.get(key) ?? 0) + 1
      a.runs.set(key, runs)
      const most = a.writes ? 1 : 2
      if (runs > most) fail('Y12', `${a.shown} has run ${runs} times`)
    }
    a.outOfOrder = ''
    a.runsOn = keys
    for (const key of keys) this.inOrder(a, key, at)
  }

  /** A server tells a client that a key has changed. */
  invalidates(client: number, key: string): void {
    this.invalidated[client].push(key)
  }

  /** A command waited for an element, and is sent elsewhere. */
  hasNotRun(a: Asked): void {
    for (const [key, runs] of a.runs) a.runs.set(key, runs - 1)
  }

  private inOrder(a: Asked, key: string, at: number): void {
    const place = `${a.client} ${at} ${key}`
    let last = this.latest.get(place)
    if (last === undefined) {
      last = { read: null, wrote: null }
      this.latest.set(place, last)
    }
    const { read, wrote } = last
    if (wrote !== null && wrote.number > a.number)
      a.outOfOrder = `${a.shown} has run on ${key} behind ${wrote.shown}, which came after it`
    // A read that is sent again later is in order then.
    if (a.writes && read !== null && read.number > a.number)
      for (let n = a.number + 1; n <= read.number; n++) {
        const each = this.asked[a.client][n]
        if (!each.writes && each.keys.includes(key)) for (const run of each.replies) run.passed = a
      }
    if (a.writes) last.wrote = a
    else if (read === null || read.number < a.number) last.read = a
  }

  /** A node has not the keys of a command, or not all. */
  redirects(a: Asked, elsewhere: Elsewhere, raw: string, { pollset, plan }: RedisStage): void {
    const { slot, kind } = elsewhere
    const last = a.told.get(slot)
    a.redirects.add(raw)
    const goesOn = last?.ended === this.ended
    const times = (goesOn ? last.times : 0) + (kind === 'again' ? 0 : 1)
    if (times > plan.redisRedirectsMax + 1) fail('Y27', `${a.shown} was sent elsewhere ${times} times`)
    a.told.set(slot, { elsewhere, at: pollset.clock, ended: this.ended, times })
  }

  /** A command, or its part for one slot, comes to a node of a cluster. */
  comes(a: Asked, key: string, { cluster, node }: Member, isAsking: boolean, stage: RedisStage): void {
    const slot = slotOfKey(key)
    const told = a.told.get(slot)
    const wasAsked = told?.elsewhere.kind === 'ask' && told.elsewhere.node === node
    if (isAsking && told?.elsewhere.kind !== 'again' && !wasAsked)
      fail('Y27', `${a.shown} comes behind ASKING to node${node}, and nobody has said so`)
    // If its session was lost, the map tells again where it goes.
    if (told === undefined || told.ended !== this.ended) return
    if (wasAsked && !isAsking && !cluster.thinksItHas(node, slot))
      fail('Y27', `${a.shown} comes to node${node} without ASKING`)
    const paused = stage.pollset.clock - told.at
    if (told.elsewhere.kind !== 'again' || paused >= stage.plan.redisTryAgainMs - 0.001) return
    // A command does not pause when it becomes the oldest of its client.
    if (a.hurries++ > 0) fail('Y27', `${a.shown} was told TRYAGAIN, and comes again after ${paused} ms`)
  }

  /** A server answers a command. */
  answers(a: Asked, identity: Identity, raw: string, server: string): void {
    const { outOfOrder, runsOn: keys } = a
    a.replies.push({ order: this.order++, identity, raw, server, keys, passed: null, outOfOrder })
    a.runsOn = []
  }
}
