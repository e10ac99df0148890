// A process with stores behind a backend of Redis: the code of src, and the books that see what is asked of it
// and what it tells. Processes of a run share one World, and nothing else: each has its own backend, sessions
// and streams.

import type { Engine } from '../../../src/engine/index.js'
import type { SharedStore, StoreQuestion, StoreStreamEvents, StoreUse } from '../../../src/filters/store.js'
import { type Address, type Deadline, formatAddress } from '../../../src/pollset/index.js'
import {
  RedisBackend,
  type RedisSession,
  RedisStore,
  type RedisWorld,
  StoreCall,
} from '../../../src/redis/index.js'
import type { Limits } from '../../../src/server/index.js'
import { createTransportWorld, type TransportWorld } from '../../../src/transport/index.js'
import type { EngineInside } from '../inside.js'
import { Followed } from './books.js'
import type { StoreServer, StoreStage } from './server.js'

/** ms: what a question may take longer than it was given, since the turn and a last look take some. */
const BEHIND_MS = 3

/** The faults of the network for which a question may have no answer. */
const NETWORK_FAULTS = ['reset', 'vanish', 'refused connect', 'hanging connect', 'unresolved name']

/** A question, as it was asked. */
export interface Question {
  readonly asked: StoreQuestion
  readonly tag: string
  readonly key: string
  readonly at: number
  readonly within: number
  readonly faults: number
}

interface StoreInside {
  readonly patience: Deadline
  readonly pause: Deadline
}

/** A store, as the filters of a process are given it. */
export interface ProcessStore {
  readonly storeOf: (use: StoreUse) => SharedStore
  /** The options that name it. */
  readonly option: { readonly backend: string; readonly database: number }
  readonly timeoutMs: number
  /** A configuration has this limit, of which a process lets pass this part by itself. */
  configured(burst: number, perMs: number, delay: number, share: number): void
}

export interface ProcessStage extends StoreStage {
  readonly world: TransportWorld
  readonly limits: Limits
}

export class StoreProcess implements ProcessStore {
  readonly number: number
  readonly world: RedisWorld
  readonly option: ProcessStore['option']
  readonly timeoutMs: number
  /** The questions that are not settled. */
  readonly open = new Map<StoreQuestion, Question>()
  /** The key of the last question that was refused: its request is counted by the process itself. */
  refusedKey = ''
  readonly followed = new Set<Followed>()
  private readonly stage: ProcessStage
  private readonly server: StoreServer
  private readonly backend: RedisBackend
  private readonly stores = new Set<RedisStore>()
  /** Is called for each purge that it hears of. */
  private readonly heard: (process: number, text: string | null) => void

  constructor(
    stage: ProcessStage,
    number: number,
    server: StoreServer,
    address: Address,
    heard: (process: number, text: string | null) => void,
  ) {
    this.stage = stage
    this.number = number
    this.server = server
    this.heard = heard
    this.timeoutMs = stage.plan.storeTimeoutMs
    this.option = { backend: 'shared', database: stage.plan.seed % 2 }
    // Memory of its own, and enough of it: that of exchanges is counted to the byte.
    const { connectMs } = stage.limits.transport
    const own = createTransportWorld(stage.world, { connectMs })
    this.world = { ...own, redisLimits: stage.limits.redis }
    this.backend = new RedisBackend(this.world, optionsAt(address), { unreached: () => this.fault() })
  }

  /** Faults so far, of the store and of the network. */
  private get faults(): number {
    const { done } = this.stage.pollset
    return NETWORK_FAULTS.reduce((sum, each) => sum + (done[each] ?? 0), this.server.books.faults)
  }

  private fault(): void {
    this.server.books.faults++
  }

  configured(burst: number, perMs: number, delay: number, share: number): void {
    this.server.books.configured(burst, perMs, delay, share)
  }

  /** A reload names another address of the server, or the same. */
  configure(address: Address): void {
    this.fault()
    this.backend.configure(optionsAt(address))
  }

  /** Returns a store whose questions and entries the books see. */
  readonly storeOf = ({ database }: StoreUse): SharedStore => {
    const { books } = this.server
    const parts = { db: database }
    const store = new RedisStore(this.world, { name: 'shared', parts }, () => this.backend, {
      turned: (isAsked) => this.stage.tally(isAsked ? 'the store is asked again' : 'the store is left alone'),
    })
    this.stores.add(store)
    return {
      run: (script, key, args, within) => {
        const tag = books.asks(this.number)
        const asked = store.run(script, key, [...args, tag], within)
        const at = this.world.pollset.now
        if (asked === null) this.refusedKey = key
        else this.open.set(asked, { asked, tag, key, at, within, faults: this.faults })
        return asked
      },
      append: (key, entry, most, within, told) => {
        const tag = books.asks(this.number)
        const text = JSON.stringify({ ...JSON.parse(entry), n: tag })
        let isTold = false
        store.append(key, text, most, within, (id, why) => {
          if (isTold) books.breaks('G20', `the outcome of ${text} is told twice`)
          isTold = true
          const written = this.server.data.stream(key).log.find((each) => each.text === text)
          if (id !== null && written?.id !== id) books.breaks('G20', `${text} is not written as ${id}`)
          told(id, why)
        })
      },
      follow: (key, events) => this.follow(store, key, events),
      describe: () => store.describe(),
      close: () => {
        this.fault()
        this.stores.delete(store)
        store.close()
      },
    }
  }

  private follow(store: RedisStore, key: string, events: StoreStreamEvents) {
    const { server } = this
    const place = new Followed(server.data.stream(key).log, server.books)
    this.followed.add(place)
    const stream = store.follow(key, {
      entry: (text) => {
        place.told(text)
        events.entry(text)
        this.heard(this.number, text)
      },
      missed: () => {
        place.missed(this.stage.pollset.clock)
        events.missed()
        this.heard(this.number, null)
      },
    })
    return {
      describe: () => stream.describe(),
      close: () => {
        place.close()
        this.followed.delete(place)
        stream.close()
      },
    }
  }

  // For the checkers

  /** Settled questions have the answer that was made for them, and the others have time left. */
  look(): void {
    const { books } = this.server
    const { now } = this.world.pollset
    // When the oldest has waited for half of its time, the others may be given up (Y41).
    const isSlow = [...this.open.values()].some(({ at, within }) => now - at >= within / 2)
    for (const [asked, { tag, at, within, faults }] of this.open) {
      if (!asked.isSettled) {
        if (now > at + within + BEHIND_MS)
          books.breaks('K24', `${tag} has waited for ${now - at} of ${within} ms`)
        continue
      }
      this.open.delete(asked)
      const { text } = asked
      this.stage.tally(text === null ? 'the store has not answered' : 'the store has answered')
      if (text !== null) books.answered(tag, text)
      else if (!isSlow && faults + this.faults === 0)
        books.breaks('K24', `${tag} is given up after ${now - at} of ${within} ms, and nothing has failed`)
    }
    for (const engine of this.engines()) this.leasesAreHeld(engine)
  }

  /** The leases of a session are the things that it is asked, and the grants that are not taken. */
  private leasesAreHeld(engine: Engine<RedisSession>): void {
    for (const session of engine.sessions) {
      if (session.state === 'opening' || session.ending || session.isGone) continue
      let held = 0
      for (const each of this.world.scheduler.alive())
        if (each instanceof StoreCall && each.lease.session === session) held++
      if (session.leased > session.asks.size + held + 1)
        this.server.books.breaks('S1', `${session.id} has ${session.leased} leases, and ${held} are held`)
    }
  }

  private engines(): Engine<RedisSession>[] {
    return this.backend.engines()
  }

  /** The number of armed deadlines that are of no continuation. */
  get armed(): number {
    let armed = 0
    for (const each of this.stores) {
      const { patience, pause } = each as unknown as StoreInside
      armed += Number(patience.deadlineArmed) + Number(pause.deadlineArmed)
    }
    for (const each of this.engines()) {
      const { openings, idle } = each as unknown as EngineInside
      armed += Number(openings.pause.deadlineArmed) + Number(idle.deadlineArmed)
    }
    return armed
  }

  /** True if no question is open, and it has heard of all purges. */
  get isStill(): boolean {
    return this.open.size === 0 && [...this.followed].every((each) => each.isUpToDate) && !this.isAlone
  }

  /** True if it leaves one of its stores alone. */
  get isAlone(): boolean {
    return [...this.stores].some((each) => !each.isAsked)
  }

  close(): void {
    for (const each of this.stores) each.close()
    this.stores.clear()
    this.backend.close()
  }

  /** All is over. */
  end(): void {
    const { books } = this.server
    const { memory, slabs, scheduler } = this.world
    if (this.open.size > 0) books.breaks('K24', `${this.open.size} questions are not settled at the end`)
    if (memory.bytes !== 0) books.breaks('S1', `${memory.bytes} bytes of a store are held at the end`)
    if (slabs.lent !== 0) books.breaks('S1', `${slabs.lent} slabs of a store are lent at the end`)
    for (const { id, queued, sessions } of this.engines())
      if (queued !== 0 || sessions.length !== 0)
        books.breaks('S1', `${id} has ${queued} waiters and ${sessions.length} sessions at the end`)
    for (const each of scheduler.alive())
      if (each.kind.startsWith('redis-')) books.breaks('S1', `${each.id} (${each.kind}) lives at the end`)
    books.look()
  }
}

const optionsAt = (address: Address) => ({
  name: 'shared',
  shards: [{ endpoints: [{ name: formatAddress(address), target: { ...address } }] }],
  check: null,
})
