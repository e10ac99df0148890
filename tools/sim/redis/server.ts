// A simulated server of Redis: its data, its channels, and its connections. It dies and comes back, and it is
// loading for a time; a connection thinks, falls silent, dies at any point of a reply, and sends replies in
// one piece or byte by byte.

import type { Address, Prng, SimPeerSocket } from '../../../src/pollset/index.js'
import { fail } from '../checks/check.js'
import { ANONYMOUS, type Asked, type Identity } from './books.js'
import type { Elsewhere, SimCluster } from './cluster.js'
import { isMark } from './keys.js'
import { DEATHS, ServedConnection } from './served-connection.js'
import { type RedisStage, USERS } from './stage.js'
import { type Queued, Store, type Tracker, type Waiter } from './store.js'
import { array, bulk, error, integer, map, nil, nilArray, push, simple } from './wire.js'

/** The place of a server in its cluster. */
export interface Member {
  readonly cluster: SimCluster
  readonly node: number
}

export class RedisServer {
  readonly store: Store
  readonly member: Member | null
  readonly name: string
  readonly address: Address
  readonly connections = new Set<ServerConnection>()
  /** It answers LOADING to all. */
  isLoading = false
  isDown = false
  private readonly stage: RedisStage
  private readonly chance: Prng

  constructor(stage: RedisStage, name: string, address: Address, chance: Prng, member: Member | null = null) {
    this.stage = stage
    this.member = member
    this.store = member?.cluster.store ?? new Store()
    this.name = name
    this.address = address
    this.chance = chance
    this.serve()
    const { plan, pollset } = stage
    if (chance.chance(plan.redisDownPercent))
      pollset.after(chance.below(plan.runMs), () => {
        if (!stage.healed) this.goDown()
      })
  }

  private serve(): void {
    const { stage } = this
    stage.pollset.serve(this.address, (far) => {
      this.connections.add(new ServerConnection(stage, this, far, this.chance.fork()))
    })
  }

  /** It dies, with all its connections, and comes back with its data. */
  private goDown(): void {
    const { stage, chance } = this
    stage.tally('server down')
    stage.books.refused++
    stage.pollset.unserve(this.address)
    this.isDown = true
    for (const each of [...this.connections]) each.die()
    this.member?.cluster.died(this.member.node)
    stage.pollset.after(chance.below(stage.plan.runMs), () => {
      this.isDown = false
      this.member?.cluster.returned(this.member.node)
      this.serve()
      if (stage.healed || !chance.chance(stage.plan.redisLoadingPercent)) return
      stage.tally('server loading')
      stage.books.loading++
      this.isLoading = true
      stage.pollset.after(chance.below(200), () => {
        this.isLoading = false
      })
    })
  }

  heal(): void {
    this.isLoading = false
    for (const each of this.connections) each.heal()
  }

  /** Sends this to all that have subscribed to the channel. Returns their number. */
  publish(channel: string, text: string): number {
    return this.member?.cluster.publish(channel, text) ?? this.deliver(channel, text)
  }

  /** Sends this to the connections that have subscribed to the channel. Returns their number. */
  deliver(channel: string, text: string): number {
    let count = 0
    for (const each of this.connections) if (each.message(channel, text)) count++
    return count
  }
}

export class ServerConnection extends ServedConnection<RedisStage> implements Waiter, Tracker {
  readonly server: RedisServer
  private identity: Identity = ANONYMOUS
  private blocked: Asked | null = null
  private queued: Queued[] | null = null
  private isAborted = false
  /** A transaction runs. */
  private executes = false
  private watched: {
    readonly db: number
    readonly keys: readonly string[]
    readonly versions: readonly number[]
  }[] = []
  private readonly channels = new Set<string>()
  /** By key that it has read since it tracks: the client. */
  private readonly tracked = new Map<string, number>()
  /** The client that was told of a key. */
  private toldLast: number | null = null
  /** ASKING has come. */
  private isAsking = false
  /** The reply that is being made says that its keys are elsewhere. */
  private elsewhere: Elsewhere | null = null

  constructor(stage: RedisStage, server: RedisServer, far: SimPeerSocket, chance: Prng) {
    const { redisSlowPercent, redisThinkMs, redisByBytePercent } = stage.plan
    super(stage, far, chance, {
      slowPercent: redisSlowPercent,
      thinkMs: redisThinkMs,
      byBytePercent: redisByBytePercent,
    })
    this.server = server
  }

  private get shown(): string {
    return `${this.server.name}.${this.far.near.id}`
  }

  // Its socket

  override received(bytes: Uint8Array): void {
    this.stage.octets?.(bytes)
    super.received(bytes)
  }

  protected malformed(why: string): never {
    return fail('Y4', `${this.server.name} gets what is malformed: ${why}`)
  }

  protected left(): void {
    this.stage.say(() => `${this.shown} has closed`)
    this.stage.books.ended++
    this.server.connections.delete(this)
    this.server.store.forget(this)
    this.server.store.trackers.delete(this)
  }

  /** Messages on their way are lost with it. */
  override die(): void {
    if (this.toldLast !== null) this.stage.books.losing.add(this.toldLast)
    super.die()
  }

  override heal(): void {
    super.heal()
    if (this.blocked !== null) this.unblock(nilArray(this.identity.resp))
  }

  // Its work

  protected take(words: readonly string[]): void {
    const { plan, healed, books } = this.stage
    const fate = healed ? '' : this.fate(plan.redisDiePercent, plan.redisSilentPercent)
    if (fate !== '') this.stage.tally(`server ${fate}`)
    if (fate === 'dies before') {
      this.die()
      return
    }
    if (fate === 'silent') {
      this.isSilent = true
      return
    }
    const asked = books.commandOf(words)
    this.stage.say(
      () => `${this.shown} takes ${asked?.shown ?? words.join(' ')}${fate === '' ? '' : `, and ${fate}`}`,
    )
    const reply = this.answer(words, asked)
    if (reply === null) return
    if (!this.diesBy(fate, reply)) this.reply(asked, reply)
  }

  private fate(diePercent: number, silentPercent: number): string {
    const { chance } = this
    if (chance.chance(diePercent) && chance.chance(50)) return DEATHS[chance.below(DEATHS.length)]
    return chance.chance(silentPercent) && chance.chance(20) ? 'silent' : ''
  }

  private reply(asked: Asked | null, reply: string): void {
    const { elsewhere, stage, identity } = this
    this.elsewhere = null
    if (asked !== null && elsewhere !== null && elsewhere.kind !== 'error')
      stage.books.redirects(asked, elsewhere, reply, stage)
    else if (asked !== null) stage.books.answers(asked, identity, reply, this.server.name)
    this.write(reply)
  }

  /** Returns the reply; null: it comes later. */
  private answer(words: readonly string[], asked: Asked | null): string | null {
    const name = words[0].toLowerCase()
    if (this.server.isLoading) return error('LOADING Redis is loading the dataset in memory')
    const { queued } = this
    const isAsking = this.isAsking
    // It lasts for one command, and within a transaction.
    if (queued === null ? name !== 'multi' : ['exec', 'discard', 'reset'].includes(name))
      this.isAsking = false
    const elsewhere = this.isElsewhere(name, words, asked, isAsking)
    if (elsewhere !== null) {
      this.elsewhere = elsewhere
      if (name === 'exec') {
        this.queued = null
        this.watched = []
      } else if (queued !== null) this.isAborted = true
      return elsewhere.text
    }
    if (queued === null || ['exec', 'discard', 'multi', 'watch', 'reset', 'quit'].includes(name))
      return this.run(name, words, asked)
    if (!KNOWN.has(name)) {
      this.isAborted = true
      return error(`ERR unknown command ${words.join(' ')}`)
    }
    queued.push({ asked, words })
    return simple(`QUEUED ${asked?.tag ?? ''}`)
  }

  /** Returns why a node of a cluster does not run a command; null: it does. */
  private isElsewhere(
    name: string,
    words: readonly string[],
    asked: Asked | null,
    isAsking: boolean,
  ): Elsewhere | null {
    const { member } = this.server
    const { queued, stage } = this
    if (member === null) return null
    const keys = name === 'exec' ? (queued ?? []).flatMap((each) => keysIn(each.words)) : keysIn(words)
    if (asked !== null && queued === null && keys.length > 0)
      stage.books.comes(asked, keys[0], member, isAsking, stage)
    return member.cluster.elsewhere(member.node, keys, isAsking)
  }

  /** The key that it waits for is at another node. */
  goElsewhere(elsewhere: Elsewhere): void {
    this.elsewhere = elsewhere
    if (this.blocked !== null) this.stage.books.hasNotRun(this.blocked)
    this.unblock(elsewhere.text)
  }

  private run(name: string, words: readonly string[], asked: Asked | null): string | null {
    const { identity, server } = this
    const { store } = server
    const { db, resp } = identity
    const tag = asked?.tag ?? ''
    const [, first = '', second = ''] = words
    switch (name) {
      case 'ping':
        return words.length > 1 ? bulk(first) : simple('PONG')
      case 'echo':
        return bulk(first)
      case 'getrange':
        this.note(asked, [first])
        this.track(asked, [first])
        return bulk(`${tag} ${first} ${store.get(db, first)}`)
      case 'set':
        this.note(asked, [first])
        store.set(db, first, second.slice(0, 40))
        return simple(`OK ${tag}`)
      case 'append':
        this.note(asked, [first])
        store.set(db, first, second)
        return integer(second.length)
      case 'mget': {
        const keys = words.slice(1)
        this.note(asked, keys)
        this.track(asked, keys)
        return array(keys.map((key) => bulk(`${key} ${store.get(db, key)}`)))
      }
      case 'mset': {
        const keys = words.filter((_, at) => at % 2 === 1)
        this.note(asked, keys)
        for (let at = 1; at < words.length; at += 2) store.set(db, words[at], words[at + 1])
        return simple('OK')
      }
      case 'del':
        this.note(asked, words.slice(1))
        return integer(store.remove(db, words.slice(1)))
      case 'rpush':
        this.note(asked, [first])
        return integer(store.push(db, first, second, server))
      case 'blpop':
        return this.blpop(words, asked)
      case 'publish':
        return integer(server.publish(first, second))
      case 'dbsize':
        return integer(store.size(db))
      default:
        return this.runConnection(name, words, asked, resp)
    }
  }

  /** Runs a command that concerns its connection. */
  private runConnection(
    name: string,
    words: readonly string[],
    asked: Asked | null,
    resp: 2 | 3,
  ): string | null {
    const [, first = ''] = words
    switch (name) {
      case 'multi':
        if (this.queued !== null) return error('ERR MULTI calls can not be nested')
        this.queued = []
        this.isAborted = false
        return simple('OK')
      case 'discard':
        if (this.queued === null) return error('ERR DISCARD without MULTI')
        this.queued = null
        this.watched = []
        return simple('OK')
      case 'exec':
        return this.exec(resp)
      case 'watch': {
        if (this.queued !== null) return error('ERR WATCH inside MULTI is not allowed')
        const keys = words.slice(1)
        const { db } = this.identity
        this.watched.push({ db, keys, versions: this.server.store.versions(db, keys) })
        return simple('OK')
      }
      case 'unwatch':
        this.watched = []
        return simple('OK')
      case 'asking':
        this.isAsking = true
        return simple('OK')
      case 'readonly':
      case 'readwrite':
        return simple('OK')
      case 'cluster':
        return this.server.member === null
          ? error('ERR This instance has cluster support disabled')
          : this.cluster(words)
      case 'select':
        if (this.server.member !== null && first !== '0')
          return error('ERR SELECT is not allowed in cluster mode')
        if (!/^\d$/.test(first)) return error('ERR DB index is out of range')
        this.identity = { ...this.identity, db: Number(first) }
        return simple('OK')
      case 'auth':
        return this.auth(words.slice(1)) ?? simple('OK')
      case 'hello':
        return this.hello(words)
      case 'reset':
        this.identity = ANONYMOUS
        this.queued = null
        this.watched = []
        this.channels.clear()
        this.tracked.clear()
        this.server.store.trackers.delete(this)
        return simple('RESET')
      case 'subscribe':
        this.channels.add(first)
        return this.pushed([bulk('subscribe'), bulk(first), integer(this.channels.size)])
      case 'unsubscribe':
        this.channels.delete(first)
        return this.pushed([bulk('unsubscribe'), bulk(first), integer(this.channels.size)])
      case 'quit':
        return simple('OK')
      case 'client':
        return first === 'TRACKING' ? this.tracking(resp) : this.unknown(words, asked)
      default:
        return this.unknown(words, asked)
    }
  }

  private unknown(words: readonly string[], asked: Asked | null): string {
    return error(`ERR unknown command '${words[0]}' ${asked?.tag ?? ''}`)
  }

  private tracking(resp: 2 | 3): string {
    if (resp === 2) return error('ERR Client tracking can be enabled only when RESP3 or redirection is used')
    this.server.store.trackers.add(this)
    return simple('OK')
  }

  private track(asked: Asked | null, keys: readonly string[]): void {
    if (asked === null || !this.server.store.trackers.has(this)) return
    for (const key of keys) if (!isMark(key)) this.tracked.set(key, asked.client)
  }

  /** A key has changed that it has perhaps read. */
  touched(key: string): void {
    const client = this.tracked.get(key)
    if (client === undefined || this.isSilent || this.isGone) return
    this.tracked.delete(key)
    if (this.identity.resp === 2) return
    this.stage.tally('a client is told that a key has changed')
    this.toldLast = client
    this.stage.say(() => `${this.shown} tells client ${client} that ${key} has changed`)
    this.stage.books.invalidates(client, key)
    this.write(push([bulk('invalidate'), array([bulk(key)])]))
  }

  private cluster(words: readonly string[]): string {
    const { member } = this.server
    return member === null || words[1]?.toLowerCase() !== 'slots'
      ? bulk('')
      : member.cluster.slotsAt(member.node)
  }

  private note(asked: Asked | null, keys: readonly string[]): void {
    if (asked !== null)
      this.stage.books.run(
        asked,
        keys.filter((each) => !isMark(each)),
        this.identity.db,
      )
  }

  private auth(words: readonly string[]): string | null {
    const [user, password] = words.length === 1 ? ['default', words[0]] : words
    if (USERS[user] !== password)
      return error('WRONGPASS invalid username-password pair or user is disabled.')
    this.identity = { ...this.identity, user }
    return null
  }

  private hello(words: readonly string[]): string {
    const at = words.findIndex((each) => each.toUpperCase() === 'AUTH')
    if (at > 0) {
      const refused = this.auth(words.slice(at + 1, at + 3))
      if (refused !== null) return refused
    }
    const resp = words[1] === '3' ? 3 : 2
    this.identity = { ...this.identity, resp }
    const pairs = [bulk('server'), bulk('redis'), bulk('proto'), integer(resp)]
    return resp === 3 ? map(pairs) : array(pairs)
  }

  private exec(resp: 2 | 3): string {
    const { queued, isAborted, watched } = this
    if (queued === null) return error('ERR EXEC without MULTI')
    this.queued = null
    this.watched = []
    if (isAborted) return error('EXECABORT Transaction discarded because of previous errors.')
    const { store } = this.server
    const isSame = watched.every(({ db, keys, versions }) =>
      store.versions(db, keys).every((each, at) => each === versions[at]),
    )
    if (!isSame) return nilArray(resp)
    this.executes = true
    const replies = queued.map(({ asked, words }) => {
      const reply = this.run(words[0].toLowerCase(), words, asked) ?? nil(resp)
      if (asked !== null) this.stage.books.answers(asked, this.identity, reply, this.server.name)
      return reply
    })
    this.executes = false
    return array(replies)
  }

  private blpop(words: readonly string[], asked: Asked | null): string | null {
    const keys = words.slice(1, -1)
    const { db, resp } = this.identity
    this.note(asked, keys)
    const found = this.server.store.pop(db, keys)
    if (found !== null) return array(found.map(bulk))
    if (this.executes || this.stage.healed) return nilArray(resp)
    this.blocked = asked
    this.isBusy = true
    this.server.store.waits(db, this, keys)
    const seconds = Number(words.at(-1))
    if (seconds > 0)
      this.stage.pollset.after(seconds * 1_000, () => {
        if (this.blocked === asked) this.unblock(nilArray(resp))
      })
    return null
  }

  /** It waited for an element, and gets this one. */
  give(key: string, element: string): void {
    this.unblock(array([bulk(key), bulk(element)]))
  }

  private unblock(reply: string): void {
    const { blocked } = this
    if (this.isGone) return
    this.server.store.forget(this)
    this.blocked = null
    this.reply(blocked, reply)
    // A push of this turn is answered first.
    this.goOn()
  }

  /** A message comes to a channel. Returns true if it has subscribed to it. */
  message(channel: string, text: string): boolean {
    if (!this.channels.has(channel)) return false
    this.write(this.pushed([bulk('message'), bulk(channel), bulk(text)]))
    return true
  }

  private pushed(items: readonly string[]): string {
    return this.identity.resp === 3 ? push(items) : array(items)
  }
}

/** The keys that a command names, and the tags that stand among them. */
function keysIn(words: readonly string[]): readonly string[] {
  switch (words[0].toLowerCase()) {
    case 'getrange':
    case 'set':
    case 'append':
    case 'rpush':
      return words.slice(1, 2)
    case 'mget':
    case 'del':
    case 'watch':
      return words.slice(1)
    case 'mset':
      return words.filter((_, at) => at % 2 === 1)
    case 'blpop':
      return words.slice(1, -1)
    default:
      return []
  }
}

const KNOWN: ReadonlySet<string> = new Set(
  'ping echo getrange set append mget mset del rpush blpop publish dbsize select auth hello unwatch subscribe unsubscribe client'.split(
    ' ',
  ),
)
