// The store of a run (plan: store): its server, two processes whose filters use it, operators who purge at
// either, and another writer of its streams, as a process of another version may be. The checks watch that
// each request follows what the store has answered to it, or counts alone (K24), and who hears of which purge
// (G20, Y42).

import { type Continuation, type Outcome, SUSPEND } from '../../../src/continuation/index.js'
import { RateLimitFilter } from '../../../src/filters/rate-limit/rate-limit.js'
import type { Prng } from '../../../src/pollset/index.js'
import { RATE_LIMITED, type Refusal } from '../../../src/proxy/index.js'
import { RedisSession } from '../../../src/redis/index.js'
import type { Purged } from '../../../src/server/filters.js'
import { spread } from '../../../src/server/purges.js'
import type { Checker, RunView } from '../checks/check.js'
import { CACHED, OTHER } from '../filters/services.js'
import type { ExchangeInside } from '../inside.js'
import { type PurgeText, StoreBooks, tagOf, urlOf } from './books.js'
import { type ProcessStage, type Question, StoreProcess } from './process.js'
import { StoreServer } from './server.js'

const ADDRESSES = [
  { host: '192.0.2.12', port: 6379 },
  { host: '192.0.2.13', port: 6379 },
]
/** The caches of all processes have this stream. */
const STREAM = 'fermata:purges:cache'
/** ms within which all that a store has to do is done once nothing fails: the pauses and the waits of all. */
const STILL_WITHIN_MS = 10_000
const NO_ENTRY = 'not a purge that anybody knows'

/** The state of rateLimit in an exchange. */
interface Held {
  readonly question: object | null
  readonly isHeld: boolean
}

/** A wait for the store. */
interface Wait {
  readonly question: Question
  isLate: boolean
}

export class StorePart implements Checker {
  readonly processes: readonly StoreProcess[]
  readonly books = new StoreBooks()
  readonly server: StoreServer
  private readonly stage: ProcessStage
  private readonly chance: Prng
  private readonly responses: { readonly count: number }
  private readonly waits = new Map<Continuation, Wait>()
  /** Requests that are held, and the key by which their process counts them alone; '' if a store does. */
  private readonly pausing = new Map<Continuation, string>()
  private readonly purged: (what: PurgeText) => void
  /** Those that a debugger's hand has sent on: their filter has not decided. */
  readonly redirected = new Set<Continuation>()
  private written = 0
  private healedAt = Number.POSITIVE_INFINITY

  /**
   * @param responses those of the origin
   * @param purged is told of each purge that a process does
   */
  constructor(
    stage: ProcessStage,
    chance: Prng,
    responses: { readonly count: number },
    purged: (what: PurgeText) => void,
  ) {
    this.stage = stage
    this.purged = purged
    this.chance = chance
    this.responses = responses
    this.server = new StoreServer(stage, ADDRESSES, this.books, chance.fork())
    this.processes = [0, 1].map(
      (number) =>
        new StoreProcess(stage, number, this.server, ADDRESSES[0], (at, text) => this.heard(at, text)),
    )
  }

  /** Purges begin, at the caches of these processes. */
  begin(purge: (process: number, what: PurgeText & Parameters<typeof spread>[0]) => Purged | null): void {
    const { stage, chance } = this
    const { plan, pollset } = stage
    for (let each = 0; each < plan.storePurges; each++) {
      const own = chance.fork()
      pollset.after(own.below(plan.runMs), () => {
        if (stage.healed) return
        if (own.chance(20)) this.write(own)
        else pollset.queue({ wake() {}, resume: () => this.purge(own, purge) })
      })
    }
  }

  private purge(chance: Prng, purge: Parameters<StorePart['begin']>[0]): void {
    const number = chance.below(2)
    const what = this.something(chance) as Parameters<typeof spread>[0]
    const purged = purge(number, what)
    if (purged === null) return
    this.stage.tally(`a purge by ${Object.keys(what)[0]}`)
    this.did(number, what)
    const { books } = this
    books.untold++
    spread(what, purged.shared, (outcome) => {
      books.untold--
      this.stage.tally(outcome.spread === true ? 'a purge is spread' : 'a purge is not spread')
    })
  }

  /** Another process writes an entry, which may be of a kind that this version does not know. */
  private write(chance: Prng): void {
    const text = chance.chance(70) ? JSON.stringify(this.something(chance)) : NO_ENTRY
    const { data } = this.server
    data.append(STREAM, `${text}${' '.repeat(++this.written)}`, this.stage.pollset.clock)
    this.server.appended()
    this.stage.tally('another process purges')
  }

  private something(chance: Prng): PurgeText {
    const key = `${chance.chance(50) ? CACHED : OTHER}${chance.below(4)}`
    switch (chance.below(8)) {
      case 0:
        return { all: true }
      case 1:
      case 2:
        return { prefix: urlOf(chance.chance(50) ? key.slice(0, -1) : key) }
      case 3:
      case 4:
        return { tag: tagOf(key) }
      default:
        return { url: urlOf(key) }
    }
  }

  private heard(process: number, text: string | null): void {
    this.stage.tally(text === null ? 'a process empties its cache' : 'a process hears of a purge')
    // Another version may mean anything.
    this.did(process, text === null || text.startsWith(NO_ENTRY) ? { all: true } : JSON.parse(text))
  }

  private did(process: number, what: PurgeText): void {
    this.purged(what)
    this.books.purged(process, what, this.stage.pollset.clock, this.responses.count)
  }

  /** A reload may name another address. */
  reload(chance: Prng): void {
    if (!chance.chance(30)) return
    this.stage.tally('the store is elsewhere')
    for (const each of this.processes) each.configure(ADDRESSES[chance.below(2)])
  }

  // The tracer

  stepped(c: Continuation, step: string, out: Outcome<string>): void {
    if (c.kind !== 'exchange') return
    const wait = this.waits.get(c)
    const pausing = this.pausing.get(c)
    this.pausing.delete(c)
    if (this.redirected.delete(c)) return
    this.waits.delete(c)
    const x = c as ExchangeInside
    if (step !== 'filterRequest' || x.cancelAsked || x.filters === null || x.filters.ran !== 'rateLimit')
      return
    const at = x.filters.chain.uses.findIndex(({ filter }) => filter instanceof RateLimitFilter)
    const { shared } = x.filters.chain.uses[at].filter as unknown as { readonly shared: object | null }
    const state = x.filters.states[at] as Held | undefined
    if (shared === null || state === undefined) return
    if (state.question !== null) {
      const asked = this.questionOf(state.question)
      if (asked === undefined) this.books.breaks('K24', `${c.id} waits for a question that is settled`)
      else if (out.kind !== SUSPEND) this.books.breaks('K24', `${c.id} goes on, and has a question`)
      else this.waits.set(c, { question: asked, isLate: false })
      return
    }
    if (state.isHeld && pausing !== undefined) this.pausing.set(c, pausing)
    else if (pausing === undefined) this.judge(x, wait, state.isHeld)
    else if (pausing !== '') this.books.passedAlone(this.processOf(x), pausing, this.stage.pollset.clock)
  }

  diverted(c: Continuation, cause: 'late' | 'cancelled'): void {
    const wait = this.waits.get(c)
    if (wait !== undefined && cause === 'late') wait.isLate = true
  }

  private questionOf(asked: object): Question | undefined {
    for (const { open } of this.processes) {
      const found = open.get(asked as never)
      if (found !== undefined) return found
    }
    return undefined
  }

  /** A request has been counted: as the store has answered, or by its process alone. */
  private judge(x: ExchangeInside, wait: Wait | undefined, isHeld: boolean): void {
    const { books } = this
    const { refusal } = x as unknown as { readonly refusal: Refusal | null }
    const refused = refusal?.code === RATE_LIMITED.code
    const verdict = isHeld ? 'held' : refused ? 'refused' : 'passed'
    const notes = x.filters?.notes ?? []
    const alone = notes.some(({ filter, field }) => filter === 'rateLimit' && field === 'alone')
    const text = wait === undefined || wait.isLate ? null : wait.question.asked.text
    const [, passes, ms] = /^([01]) ([0-9.e-]+) [0-9.e-]+$/.exec(text ?? '') ?? []
    if (wait !== undefined && !wait.isLate && !wait.question.asked.isSettled)
      books.breaks('K24', `${x.id} goes on, and ${wait.question.tag} is not settled`)
    if (passes === undefined) {
      if (!alone)
        books.breaks('K24', `${x.id} is ${verdict} without an answer, and its process has not counted`)
      const number = this.processOf(x)
      const key = wait?.question.key ?? this.processes[number].refusedKey
      if (isHeld) this.pausing.set(x, key)
      else if (!refused) books.passedAlone(number, key, this.stage.pollset.clock)
      return
    }
    if (isHeld) this.pausing.set(x, '')
    const wanted = passes === '0' ? 'refused' : Number(ms) > 0 ? 'held' : 'passed'
    if (alone || verdict !== wanted)
      books.breaks('K24', `${x.id} is ${verdict}${alone ? ' alone' : ''}, and the store has answered ${text}`)
  }

  private processOf(x: ExchangeInside): number {
    return (
      x as unknown as { readonly request: { readonly path: { readonly value: string } | null } }
    ).request.path?.value.startsWith(OTHER)
      ? 1
      : 0
  }

  // The checker

  turn({ exchanges }: RunView): void {
    for (const each of this.processes) each.look()
    if (this.waits.size > 0) {
      const live = new Set<Continuation>(exchanges)
      for (const each of this.waits.keys()) if (!live.has(each)) this.waits.delete(each)
    }
    this.books.look()
  }

  quiet(): void {
    const { untold } = this.books
    if (untold > 0) this.books.breaks('G20', `the outcome of ${untold} purges is not told`)
    for (const { number, isStill, isAlone } of this.processes)
      if (isAlone) this.books.breaks('Y41', `process ${number} leaves its store alone, which would answer`)
      else if (!isStill)
        this.books.breaks('Y42', `process ${number} has not heard of all purges, or waits for the store`)
    this.books.look()
  }

  end(): void {
    for (const each of this.processes) each.end()
  }

  // The run

  /** The armed deadlines that are of no continuation. */
  get armed(): number {
    let armed = this.processes.reduce((sum, each) => sum + each.armed, 0)
    for (const each of this.stage.world.scheduler.alive())
      if (each instanceof RedisSession && each.stall.deadlineArmed) armed++
    return armed
  }

  /** True if nothing is under way, or if that has taken too long since all is well. */
  get isStill(): boolean {
    const isLate = this.stage.pollset.clock > this.healedAt + STILL_WITHIN_MS
    return isLate || (this.books.untold === 0 && this.processes.every((each) => each.isStill))
  }

  heal(): void {
    this.healedAt = this.stage.pollset.clock
    this.server.heal()
  }

  /** Ends all, in a turn. */
  close(): void {
    const resume = (): void => {
      for (const each of this.processes) each.close()
    }
    this.stage.pollset.queue({ wake() {}, resume })
  }
}
