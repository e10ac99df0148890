// The commands of a client: what it asks next. Commands that can tell carry the tag of their client and number,
// so that servers know whose they are, and clients whose replies they get.

import type { Prng } from '../../../src/pollset/index.js'
import type { Plan } from '../plan.js'
import { type Asked, type Books, type Sort, tagOf } from './books.js'
import { keyOf, TAGS, withMarks } from './keys.js'
import { CHANNELS, DATABASES, USERS } from './stage.js'

const PAD = 'abcdefghijklmnopqrstuvwxyz'.repeat(20_000)

/** Input that is not a command, of the kinds that Redis refuses. */
export const MALFORMED = [
  '*1000000000000\r\n',
  '*2\r\n:3\r\n',
  '*1\r\n$-7\r\n',
  '*2\r\n$4\r\nECHO\r\n$x\r\n',
  '*1\r\n$9999999999\r\n',
  '*1\r\n$4\r\nPINGPONG\r\n',
  'ECHO "half\r\n',
]

export class Script {
  private readonly plan: Plan
  private readonly books: Books
  private readonly client: number
  private readonly chance: Prng
  private inMulti = false
  /** All keys of a transaction share a slot with this one. */
  private near: number | null = null
  isSubscribed = false

  constructor(plan: Plan, books: Books, client: number, chance: Prng) {
    this.plan = plan
    this.books = books
    this.client = client
    this.chance = chance
  }

  /** Draws what is asked next: one command, or several that belong together. */
  next(): readonly Asked[] {
    const { plan, chance } = this
    if (this.isSubscribed && chance.chance(60)) return [this.subscribe()]
    if (chance.chance(plan.redisMalformedPercent) && chance.chance(10))
      return [this.add('malformed', () => [])]
    if (chance.chance(plan.redisIdentityPercent)) return [this.identity()]
    if (chance.chance(plan.redisMultiPercent)) return this.transaction()
    if (chance.chance(plan.redisBlockPercent)) return this.blocking()
    if (chance.chance(plan.redisSubscribePercent)) return [this.channel()]
    if (chance.chance(plan.redisTrackPercent)) return this.tracking()
    return [this.plain()]
  }

  private add(
    sort: Sort,
    wordsOf: (tag: string) => readonly string[],
    keys: readonly string[] = [],
    writes = false,
  ): Asked {
    return this.books.add(this.client, sort, wordsOf, keys, writes, this.inMulti)
  }

  private key(): string {
    const { chance, near } = this
    const { redisKeys } = this.plan
    const drawn = chance.below(redisKeys)
    if (near === null || chance.chance(3)) return keyOf(drawn)
    const alike = Array.from({ length: redisKeys }, (_, n) => n).filter((n) => (n - near) % TAGS.length === 0)
    return keyOf(alike[drawn % alike.length])
  }

  private keys(): readonly string[] {
    const first = this.key()
    const all = new Set([first])
    for (let more = this.chance.below(3); more > 0; more--) all.add(this.key())
    return [...all]
  }

  private pad(): string {
    const { plan, chance } = this
    if (chance.chance(plan.redisLargePercent)) return PAD.slice(0, plan.redisLargeBytes)
    return PAD.slice(0, chance.below(plan.redisValueBytes + 1))
  }

  /** A command that needs nothing but a session. */
  private plain(): Asked {
    const { plan, chance } = this
    if (chance.chance(plan.redisSeveralPercent)) return this.several()
    if (chance.chance(3)) return this.own()
    if (plan.redisNodes + plan.redisShards > 0 && chance.chance(3)) return this.ofAll()
    if (chance.chance(5)) return this.add('plain', (tag) => ['ECHO', tag])
    if (chance.chance(2)) return this.add('plain', (tag) => ['PING', tag])
    const key = this.key()
    if (!chance.chance(plan.redisWritePercent))
      return this.add('read', (tag) => ['GETRANGE', key, tag], [key])
    if (chance.chance(30)) return this.push(key)
    return this.add('write', (tag) => ['SET', key, `${tag}${this.pad()}`], [key], true)
  }

  private push(key: string): Asked {
    return this.add('write', (tag) => ['RPUSH', `list${key}`, tag], [`list${key}`], true)
  }

  private several(): Asked {
    const keys = this.keys()
    switch (this.chance.below(3)) {
      case 0:
        return this.add('several', (tag) => ['MGET', ...withMarks(keys, tag)], keys)
      case 1:
        return this.add('several', (tag) => ['MSET', ...keys.flatMap((key) => [key, tag])], keys, true)
      default:
        return this.add('several', (tag) => ['DEL', ...withMarks(keys, tag)], keys, true)
    }
  }

  /** A command to all nodes of a cluster, or one that none is to see. */
  private ofAll(): Asked {
    if (this.plan.redisNodes === 0 || this.chance.chance(40)) return this.add('all', () => ['DBSIZE'])
    const words = [['READONLY'], ['CLUSTER', 'NODES'], ['READWRITE'], ['CLUSTER', 'SLOTS']]
    return this.add('disabled', () => words[this.chance.below(words.length)])
  }

  private own(): Asked {
    return this.chance.chance(70)
      ? this.add('own', (tag) => ['CLIENT', 'SETNAME', tag])
      : this.add('own', (tag) => ['RESET', tag])
  }

  private identity(): Asked {
    const { chance } = this
    const db = String(chance.below(DATABASES))
    const users = Object.keys(USERS)
    const user = users[chance.below(users.length)]
    const password = chance.chance(70) ? USERS[user] : 'wrong'
    switch (chance.below(4)) {
      case 0:
      case 1:
        return this.add('identity', () => ['SELECT', db])
      case 2:
        return this.add('identity', () => ['AUTH', user, password])
      default:
        return chance.chance(50)
          ? this.add('identity', () => ['HELLO', String(chance.between(2, 3))])
          : this.add('identity', () => ['HELLO', '3', 'AUTH', user, password])
    }
  }

  private drawTransaction(): readonly Asked[] {
    const { chance, plan } = this
    const all: Asked[] = []
    if (plan.redisNodes + plan.redisShards > 0) this.near = chance.below(plan.redisKeys)
    if (chance.chance(40)) {
      const keys = this.keys()
      all.push(this.add('watch', (tag) => ['WATCH', ...withMarks(keys, tag)], keys))
      if (chance.chance(20)) return [...all, this.add('unwatch', () => ['UNWATCH'])]
    }
    all.push(this.add('multi', () => ['MULTI']))
    this.inMulti = true
    for (let count = chance.below(4); count > 0; count--) all.push(this.plain())
    this.inMulti = false
    const ends = chance.below(20)
    if (ends === 0) return all
    all.push(ends === 1 ? this.add('discard', () => ['DISCARD']) : this.add('exec', () => ['EXEC']))
    return all
  }

  private transaction(): readonly Asked[] {
    const all = this.drawTransaction()
    this.near = null
    return all
  }

  private blocking(): readonly Asked[] {
    const { chance } = this
    const key = this.key()
    const seconds = chance.chance(50) ? '0' : '1'
    const waits = (): Asked =>
      this.add(
        'blocking',
        (tag) => ['BLPOP', ...withMarks([`list${key}`], tag), seconds],
        [`list${key}`],
        true,
      )
    return chance.chance(50) ? [this.push(key), waits()] : [waits()]
  }

  /** Only with RESP3 a server tells its client on the same connection. */
  private tracking(): readonly Asked[] {
    const hello = this.add('identity', () => ['HELLO', '3'])
    return [hello, this.add('tracking', () => ['CLIENT', 'TRACKING', 'ON'])]
  }

  private channel(): Asked {
    return this.chance.chance(60) ? this.publish() : this.subscribe()
  }

  private publish(): Asked {
    const channel = CHANNELS[this.chance.below(CHANNELS.length)]
    return this.add('publish', (tag) => ['PUBLISH', channel, tag], [], true)
  }

  private subscribe(): Asked {
    const { chance } = this
    const channel = CHANNELS[chance.below(CHANNELS.length)]
    this.isSubscribed = true
    if (chance.chance(5)) return this.add('unknown', (tag) => ['NOSUCH', tag])
    return this.add('subscribe', () => [chance.chance(70) ? 'SUBSCRIBE' : 'UNSUBSCRIBE', channel])
  }
}

/** Returns the number of the client that has published this; null: nobody has. */
export function publisherOf(text: string): readonly [number, number] | null {
  const found = /^@(\d+)\.(\d+)@$/.exec(text)
  if (found === null || tagOf(Number(found[1]), Number(found[2])) !== text) return null
  return [Number(found[1]), Number(found[2])]
}
