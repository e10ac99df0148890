// A simulated server of Redis that processes share as a store. It thinks, falls silent, dies before, within or
// behind a reply, goes down and comes back with or without its data, is loading then, forgets scripts, trims
// its streams, and answers with errors and nonsense.

import type { Address, Prng, SimPeerSocket, SimPollset } from '../../../src/pollset/index.js'
import { fail } from '../checks/check.js'
import type { Plan } from '../plan.js'
import { DEATHS, ServedConnection } from '../redis/served-connection.js'
import { array, bulk, error, nilArray, simple } from '../redis/wire.js'
import type { StoreBooks } from './books.js'
import { StoreData, type StreamEntry } from './data.js'

/** The things that the parts of a store share. */
export interface StoreStage {
  readonly plan: Plan
  readonly pollset: SimPollset
  /** True once the faults are over. */
  readonly healed: boolean
  tally(kind: string): void
}

/** ms: the longest time between two looks whether something of its own happens */
const LOOK_MS = 100
const NONSENSE = ['+PONG\r\n', '$3\r\n0 0\r\n', '$9\r\n2 0.0 0.0\r\n', ':7\r\n', '*1\r\n*0\r\n', '*-1\r\n']
const ERRORS = ['OOM command not allowed', 'READONLY You cannot write', 'NOAUTH Authentication required.']

export class StoreServer {
  readonly data = new StoreData()
  readonly books: StoreBooks
  readonly connections = new Set<Connection>()
  isLoading = false
  private readonly addresses: readonly Address[]
  private readonly stage: StoreStage
  private readonly chance: Prng

  /** @param addresses it is at each of them */
  constructor(stage: StoreStage, addresses: readonly Address[], books: StoreBooks, chance: Prng) {
    this.stage = stage
    this.addresses = addresses
    this.books = books
    this.chance = chance
    this.serve()
    const { plan, pollset } = stage
    if (chance.chance(plan.storeDownPercent)) pollset.after(chance.below(plan.runMs), () => this.goDown())
    this.lookLater()
  }

  private serve(): void {
    const { stage, chance } = this
    for (const each of this.addresses)
      stage.pollset.serve(each, (far) => {
        this.connections.add(new Connection(stage, this, far, chance.fork()))
      })
  }

  private goDown(): void {
    const { stage, chance } = this
    if (stage.healed) return
    stage.tally('the store goes down')
    this.books.faults++
    for (const each of this.addresses) stage.pollset.unserve(each)
    for (const each of [...this.connections]) each.die()
    if (chance.chance(50)) this.data.lose()
    stage.pollset.after(chance.below(stage.plan.runMs), () => {
      this.serve()
      if (stage.healed || !chance.chance(40)) return
      this.isLoading = true
      stage.pollset.after(chance.below(200), () => {
        this.isLoading = false
      })
    })
  }

  private lookLater(): void {
    const { stage, chance, data } = this
    const { plan, pollset } = stage
    if (plan.storeForgetPercent + plan.storeTrimPercent === 0) return
    pollset.after(chance.between(1, LOOK_MS), () => {
      if (stage.healed) return
      if (chance.chance(plan.storeForgetPercent)) data.forgetScripts()
      if (chance.chance(plan.storeTrimPercent)) data.trim(chance.below(3))
      this.lookLater()
    })
  }

  heal(): void {
    this.isLoading = false
    for (const each of this.connections) each.heal()
  }

  /** An entry has come: connections that wait for it get it. */
  appended(): void {
    for (const each of this.connections) each.wake()
  }
}

class Connection extends ServedConnection<StoreStage> {
  private readonly server: StoreServer
  /** The question for entries that it waits with; null without one. */
  private blocked: { readonly key: string; readonly id: string } | null = null

  constructor(stage: StoreStage, server: StoreServer, far: SimPeerSocket, chance: Prng) {
    const { storeSlowPercent, storeThinkMs, storeByBytePercent } = stage.plan
    super(stage, far, chance, {
      slowPercent: storeSlowPercent,
      thinkMs: storeThinkMs,
      byBytePercent: storeByBytePercent,
    })
    this.server = server
  }

  protected malformed(why: string): never {
    return fail('Y40', `the store gets what is malformed: ${why}`)
  }

  protected left(): void {
    this.server.books.faults++
    this.server.connections.delete(this)
  }

  protected take(words: readonly string[]): void {
    const { stage, chance } = this
    const fate = stage.healed ? '' : this.fate()
    if (fate !== '') {
      stage.tally(`the store ${fate}`)
      this.server.books.faults++
    }
    if (fate === 'dies before') this.die()
    else if (fate === 'falls silent') this.isSilent = true
    else if (fate === 'answers wrongly') {
      this.server.books.answeredWrongly(words)
      this.write(chance.chance(50) ? error(ERRORS[chance.below(3)]) : NONSENSE[chance.below(NONSENSE.length)])
    } else {
      const reply = this.answer(words)
      if (reply !== null && !this.diesBy(fate, reply)) this.write(reply)
    }
  }

  private fate(): string {
    const { chance } = this
    const { plan } = this.stage
    if (chance.chance(plan.storeDiePercent)) return DEATHS[chance.below(DEATHS.length)]
    if (chance.chance(plan.storeWrongPercent)) return 'answers wrongly'
    return chance.chance(plan.storeSilentPercent) && chance.chance(30) ? 'falls silent' : ''
  }

  /** Returns the reply; null: it comes later. */
  private answer(words: readonly string[]): string | null {
    const { server, stage } = this
    const { data, books } = server
    const name = words[0].toLowerCase()
    const now = stage.pollset.clock
    if (server.isLoading) {
      books.faults++
      return error('LOADING Redis is loading the dataset in memory')
    }
    switch (name) {
      case 'eval':
      case 'evalsha': {
        const script = data.script(name, words[1])
        if (script === null) return error('NOSCRIPT No matching script.')
        const [, , , key, ...args] = words
        const text = data.run(script, key, args, now)
        books.ran(key, args, text)
        server.appended()
        return bulk(text)
      }
      case 'xrevrange':
        return entriesOf(data.stream(words[1]).entries.slice(-1))
      case 'xread': {
        const [, , count, , ms, , key, id] = words
        const found = data.behind(key, id).slice(0, Number(count))
        if (found.length > 0) return array([array([bulk(key), entriesOf(found)])])
        this.block(key, id, Number(ms))
        return null
      }
      case 'select':
      case 'auth':
        return simple('OK')
      default:
        return fail('Y40', `the store is asked ${words.join(' ')}`)
    }
  }

  private block(key: string, id: string, ms: number): void {
    const blocked = { key, id }
    this.blocked = blocked
    this.isBusy = true
    this.stage.pollset.after(ms, () => {
      if (this.blocked === blocked) this.unblock(nilArray(2))
    })
  }

  wake(): void {
    if (this.blocked === null) return
    const { key, id } = this.blocked
    const found = this.server.data.behind(key, id)
    if (found.length > 0) this.unblock(array([array([bulk(key), entriesOf(found)])]))
  }

  private unblock(reply: string): void {
    this.blocked = null
    if (this.isGone) return
    this.write(reply)
    this.goOn()
  }
}

const entriesOf = (entries: readonly StreamEntry[]): string =>
  array(
    entries.map(({ id, after, text }) =>
      array([bulk(id), array([bulk('after'), bulk(after), bulk('entry'), bulk(text)])]),
    ),
  )
