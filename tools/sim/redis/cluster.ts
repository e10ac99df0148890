// A simulated Redis Cluster. Its data is one store; each key is at one node. A slot moves: it migrates, key by
// key, and then its new owner takes it; the others learn that one after the other, as rumours reach them. A node
// that has died may lose its slots to another one, which has its data.
//
// A slot returns to a node that has had it only if the plan says so.

import type { Address, Prng } from '../../../src/pollset/index.js'
import { SLOTS } from '../../../src/redis/slots.js'
import { isMark, slotOfKey, TAGS } from './keys.js'
import { RedisServer, type ServerConnection } from './server.js'
import type { RedisStage } from './stage.js'
import { Store } from './store.js'
import { array, bulk, error, integer } from './wire.js'

const PORT = 7_000
const FIRST_HOST = 31
/** Nobody listens at its address, and a wrong map may name it. */
export const WRONG_NODE = 200
export const addressOf = (node: number): Address => ({ host: `192.0.2.${FIRST_HOST + node}`, port: PORT })

/** A slot on its way from one node to another. */
interface Transfer {
  readonly from: number
  readonly to: number
  /** The keys that have moved, and those that were made since. */
  readonly moved: Set<string>
  /** The new owner has taken the slot. */
  isOver: boolean
}

/** The answer of a node in place of a reply. */
export interface Elsewhere {
  readonly text: string
  readonly kind: 'moved' | 'ask' | 'again' | 'error'
  readonly slot: number
  readonly node: number
}

export class SimCluster {
  readonly servers: readonly RedisServer[]
  readonly store = new Store()
  /** Slots that have moved. */
  moves = 0
  /** By node: the owner of each slot, as that node knows. */
  private readonly views: readonly Uint8Array[]
  /** By slot: the number of its moves, as each node knows. */
  private readonly epochs: readonly Map<number, number>[]
  private readonly owners: Uint8Array
  private readonly epoch = new Map<number, number>()
  private readonly transfers = new Map<number, Transfer>()
  /** By slot: the nodes that have had it. */
  private readonly visited = new Map<number, Set<number>>()
  private readonly stage: RedisStage
  private readonly chance: Prng

  constructor(stage: RedisStage, chance: Prng) {
    const { redisNodes } = stage.plan
    this.stage = stage
    this.chance = chance
    this.owners = Uint8Array.from({ length: SLOTS }, (_, slot) => Math.floor((slot * redisNodes) / SLOTS))
    this.views = Array.from({ length: redisNodes }, () => this.owners.slice())
    this.epochs = this.views.map(() => new Map<number, number>())
    this.servers = this.views.map(
      (_, node) =>
        new RedisServer(stage, `node${node}`, addressOf(node), chance.fork(), { cluster: this, node }),
    )
    for (const slot of this.used) this.visited.set(slot, new Set([this.owners[slot]]))
    this.moveSoon()
  }

  /** The slots that commands name. */
  private get used(): readonly number[] {
    return TAGS.map(slotOfKey)
  }

  ownerOf(slot: number): number {
    return this.owners[slot]
  }

  /** Returns a slot whose owner is not that of the map; null if there is none. */
  differsFrom(ownerIn: (slot: number) => string): number | null {
    const names = this.servers.map(({ address: { host, port } }) => `${host}:${port}`)
    for (let slot = 0; slot < SLOTS; slot++) if (ownerIn(slot) !== names[this.owners[slot]]) return slot
    return null
  }

  // Slots move

  private moveSoon(): void {
    const { plan, pollset } = this.stage
    if (plan.redisMoveMs === 0) return
    pollset.after(this.chance.between(1, plan.redisMoveMs), () => {
      if (this.stage.healed) return
      this.begin()
      this.moveSoon()
    })
  }

  /** A slot begins to migrate. */
  private begin(): void {
    const { used, chance } = this
    const slot = used[chance.below(used.length)]
    const from = this.owners[slot]
    if (this.transfers.has(slot) || this.servers[from].isDown) return
    const to = this.newOwner(slot)
    if (to === null) return
    this.stage.tally('a slot migrates')
    this.stage.say(() => `slot ${slot} migrates from node${from} to node${to}`)
    this.visited.get(slot)?.add(to)
    this.transfers.set(slot, { from, to, moved: new Set(), isOver: false })
    this.goOn(slot)
  }

  /** Returns a node that may get the slot; null if there is none. */
  private newOwner(slot: number): number | null {
    const returns = this.stage.plan.redisReturns === 1
    const others = this.servers.filter(({ isDown }, node) => {
      const isNew = this.visited.get(slot)?.has(node) === false
      return !isDown && (isNew || (returns && node !== this.owners[slot]))
    })
    if (others.length === 0) return null
    return this.servers.indexOf(others[this.chance.below(others.length)])
  }

  /** A key moves, or the new owner takes the slot. */
  private goOn(slot: number): void {
    const { stage, chance } = this
    const { redisMigrateMs } = stage.plan
    stage.pollset.after(redisMigrateMs === 0 ? 0 : chance.below(redisMigrateMs), () => {
      const transfer = this.transfers.get(slot)
      if (transfer === undefined || transfer.isOver) return
      const left = this.keysLeft(slot, transfer)
      if (left.length === 0 || redisMigrateMs === 0) this.finish(slot, transfer)
      else {
        this.moveKey(left[chance.below(left.length)], transfer)
        this.goOn(slot)
      }
    })
  }

  private keysLeft(slot: number, { moved }: Transfer): readonly string[] {
    return this.store.keys(0).filter((key) => !moved.has(key) && slotOfKey(key) === slot)
  }

  private moveKey(key: string, { moved, from, to }: Transfer): void {
    this.stage.say(() => `${key} moves from node${from} to node${to}`)
    moved.add(key)
    this.store.touch(0, key)
  }

  /** The new owner takes the slot; the old one learns it next, and the others whenever they do. */
  private finish(slot: number, transfer: Transfer): void {
    const { stage } = this
    const { from, to } = transfer
    for (const key of this.keysLeft(slot, transfer)) this.moveKey(key, transfer)
    transfer.isOver = true
    this.take(slot, to)
    stage.pollset.after(this.rumour(), () => {
      if (this.transfers.get(slot) !== transfer) return
      this.transfers.delete(slot)
      this.learn(from, slot)
      this.tell(slot)
    })
  }

  private take(slot: number, node: number): void {
    this.stage.say(() => `node${node} has slot ${slot}`)
    this.moves++
    this.owners[slot] = node
    this.epoch.set(slot, (this.epoch.get(slot) ?? 0) + 1)
    this.learn(node, slot)
  }

  private rumour(): number {
    return this.chance.below(this.stage.plan.redisRumourMs + 1)
  }

  /** All learn who has the slot. */
  private tell(slot: number): void {
    const owner = this.owners[slot]
    const epoch = this.epoch.get(slot) ?? 0
    for (const node of this.views.keys())
      this.stage.pollset.after(this.rumour(), () => {
        if ((this.epochs[node].get(slot) ?? 0) < epoch && !this.servers[node].isDown)
          this.learnAs(node, slot, owner, epoch)
      })
  }

  private learn(node: number, slot: number): void {
    this.learnAs(node, slot, this.owners[slot], this.epoch.get(slot) ?? 0)
  }

  private learnAs(node: number, slot: number, owner: number, epoch: number): void {
    this.epochs[node].set(slot, epoch)
    this.views[node][slot] = owner
    if (owner === node) return
    // Those that wait here for an element wait for nothing.
    this.store.redirect(
      (key) => slotOfKey(key) === slot,
      this.servers[node],
      (waiter) => (waiter as ServerConnection).goElsewhere(this.movedTo(slot, owner)),
    )
  }

  // Nodes die

  /** A node has died: what it was doing with slots is over, and another one may take those that it had. */
  died(node: number): void {
    for (const [slot, transfer] of this.transfers)
      if (transfer.from === node || transfer.to === node) {
        if (!transfer.isOver) this.finish(slot, transfer)
        this.transfers.delete(slot)
        this.learn(transfer.from, slot)
        this.tell(slot)
      }
    const { stage, chance } = this
    if (!chance.chance(stage.plan.redisFailoverPercent)) return
    stage.pollset.after(chance.between(1, stage.plan.runMs), () => {
      if (this.servers[node].isDown && !stage.healed) this.succeed(node)
    })
  }

  private succeed(node: number): void {
    const heirs = this.servers.filter(
      ({ isDown }, at) =>
        !isDown &&
        this.used.every((slot) => this.owners[slot] !== node || this.visited.get(slot)?.has(at) === false),
    )
    if (heirs.length === 0) return
    const heir = this.servers.indexOf(heirs[this.chance.below(heirs.length)])
    this.stage.tally('a node has an heir')
    for (let slot = 0; slot < SLOTS; slot++)
      if (this.owners[slot] === node) {
        this.visited.get(slot)?.add(heir)
        this.take(slot, heir)
        if (this.visited.has(slot)) this.tell(slot)
        else for (const each of this.views.keys()) this.learn(each, slot)
      }
  }

  /** A node is back, and knows what the others do. */
  returned(node: number): void {
    for (let slot = 0; slot < SLOTS; slot++)
      if (this.views[node][slot] !== this.owners[slot]) this.learn(node, slot)
    // An old rumour comes too late, also if it would be of a later owner than the one that it knew.
    for (const [slot, epoch] of this.epoch) this.epochs[node].set(slot, epoch)
  }

  heal(): void {
    for (const [slot, transfer] of this.transfers) if (!transfer.isOver) this.finish(slot, transfer)
    this.transfers.clear()
    for (const node of this.views.keys()) this.returned(node)
    for (const each of this.servers) each.heal()
  }

  // The slots, as a node knows them

  /** Returns why a node does not run a command on these keys; null if it does. @param asking behind ASKING */
  elsewhere(node: number, keys: readonly string[], asking: boolean): Elsewhere | null {
    const [slot, other] = new Set(keys.map(slotOfKey))
    if (slot === undefined) return null
    if (other !== undefined)
      return {
        text: error("CROSSSLOT Keys in request don't hash to the same slot"),
        kind: 'error',
        slot,
        node,
      }
    const transfer = this.transfers.get(slot)
    const owner = this.views[node][slot]
    const named = keys.filter((key) => !isMark(key))
    const missing = named.filter((key) => !this.has(node, key)).length
    if (owner === node) {
      if (transfer?.from !== node || missing === 0) return null
      return missing < named.length ? this.again(slot, node) : this.askAt(slot, transfer.to)
    }
    if (transfer?.to === node && asking) {
      if (named.length > 1 && missing > 0) return this.again(slot, node)
      for (const key of named) transfer.moved.add(key)
      return null
    }
    return this.movedTo(slot, owner)
  }

  private again(slot: number, node: number): Elsewhere {
    this.stage.tally('TRYAGAIN')
    return {
      text: error('TRYAGAIN Multiple keys request during rehashing of slot'),
      kind: 'again',
      slot,
      node,
    }
  }

  private askAt(slot: number, node: number): Elsewhere {
    this.stage.tally('ASK')
    const { host, port } = addressOf(node)
    return { text: error(`ASK ${slot} ${host}:${port}`), kind: 'ask', slot, node }
  }

  private movedTo(slot: number, node: number): Elsewhere {
    this.stage.tally('MOVED')
    const { host, port } = addressOf(node)
    return { text: error(`MOVED ${slot} ${host}:${port}`), kind: 'moved', slot, node }
  }

  /** Returns true if the key exists, and is at this node. */
  private has(node: number, key: string): boolean {
    const slot = slotOfKey(key)
    const transfer = this.transfers.get(slot)
    const at =
      transfer === undefined ? this.owners[slot] : transfer.moved.has(key) ? transfer.to : transfer.from
    return at === node && this.store.has(0, key)
  }

  /** Returns true if this node would run a command on this slot that comes without ASKING. */
  thinksItHas(node: number, slot: number): boolean {
    return this.views[node][slot] === node
  }

  /** Returns the reply of a node to CLUSTER SLOTS; '': none comes. */
  slotsAt(node: number): string {
    const { stage, chance } = this
    if (!stage.healed && chance.chance(stage.plan.redisMapFaultPercent)) {
      stage.tally('a map that is wrong')
      return this.wrongMap(node)
    }
    return array(this.rangesOf(this.views[node]).map((each) => rangeReply(each)))
  }

  private rangesOf(view: Uint8Array): readonly (readonly [number, number, number])[] {
    const ranges: (readonly [number, number, number])[] = []
    for (let first = 0; first < SLOTS; ) {
      let last = first
      while (last + 1 < SLOTS && view[last + 1] === view[first]) last++
      ranges.push([first, last, view[first]])
      first = last + 1
    }
    return ranges
  }

  private wrongMap(node: number): string {
    const { chance } = this
    const ranges = this.rangesOf(this.views[node])
    switch (chance.below(7)) {
      case 0:
        return error('CLUSTERDOWN The cluster is down')
      case 1:
        return array([])
      case 2:
        // Some slots have no owner.
        return array(ranges.filter(() => chance.chance(60)).map((each) => rangeReply(each)))
      case 3:
        // Nobody listens where some slots are.
        return array(ranges.map((each) => rangeReply(each, chance.chance(40) ? WRONG_NODE : each[2])))
      case 4:
        return array([array([integer(5), integer(2), array([bulk('x'), integer(1)])])])
      case 5:
        return array([integer(1)])
      default:
        return bulk('x'.repeat(chance.below(3_000)))
    }
  }

  /** Sends this to all that have subscribed to the channel, at whichever node. Returns their number. */
  publish(channel: string, text: string): number {
    return this.servers.reduce((sum, each) => sum + each.deliver(channel, text), 0)
  }
}

function rangeReply([first, last, node]: readonly [number, number, number], at = node): string {
  const { host, port } = addressOf(at)
  return array([
    integer(first),
    integer(last),
    array([bulk(host), integer(port), bulk(`id${node}`), array([])]),
  ])
}
