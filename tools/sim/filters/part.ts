// The filters of a run: their lists, the backends that they ask, the readers behind them, and the checks that
// watch them.

import type { Continuation, Outcome } from '../../../src/continuation/index.js'
import type { HttpWorld } from '../../../src/http/index.js'
import { type Address, Prng, type SimPeerSocket } from '../../../src/pollset/index.js'
import { Backend, Endpoint, type ReverseProxy } from '../../../src/proxy/index.js'
import type { Limits } from '../../../src/server/index.js'
import type { Protocols } from '../../../src/server/protocols.js'
import { configurationOf } from '../../../src/server/short-form.js'
import type { PlainRoute } from '../../testbed/short-server.js'
import type { Checker } from '../checks/check.js'
import { filterBooks } from '../checks/filter-books.js'
import { CopyBackend } from '../copy-backend.js'
import { reloadTimes, SimFilters } from '../filters.js'
import type { EngineInside } from '../inside.js'
import type { PeerContext } from '../peer.js'
import { StorePart } from '../stores/part.js'
import { Readers } from './readers.js'
import { CACHED, OTHER, PROTECTED, Service, STORE, STORE_NAME, Store } from './services.js'
import { WatchedFilters } from './watched.js'

const COPY = { host: '192.0.2.10', port: 10 }
const COPY_NAME = 'copy.sim'

export interface FilterStage extends PeerContext {
  readonly limits: Limits
  readonly world: HttpWorld
  readonly proxy: ReverseProxy
  /** Serves the routes again: their filters are others. */
  rerouted(): void
  /** Returns true if a debugger's hand has made this exchange late. */
  wasMadeLate(id: string): boolean
}

export class FilterPart {
  readonly checkers: readonly Checker[]
  private readonly stage: FilterStage
  /** For what was added later. */
  private readonly more: Prng
  private readonly protocols: Protocols
  private readonly filters: SimFilters
  /** The store that processes share, and the filters of the second process; null without one. */
  private readonly shared: StorePart | null
  private readonly second: SimFilters | null
  private readonly watched: WatchedFilters
  private readonly readers: Readers
  /** The backend that gets copies of requests, and that of all other questions. */
  private readonly copies: Backend
  private readonly store: Backend

  constructor(stage: FilterStage, protocols: Protocols, chance: Prng, front: Address) {
    const { plan, pollset, proxy } = stage
    this.stage = stage
    this.protocols = protocols
    const responses = new Store()
    this.copies = this.serve(COPY_NAME, COPY, chance.fork(), (far, own) => new CopyBackend(stage, far, own))
    this.store = this.serve(
      STORE_NAME,
      STORE,
      chance.fork(),
      (far, own) => new Service(stage, far, own, responses),
    )
    proxy.backends = [this.copies, this.store]
    this.watched = new WatchedFilters(
      pollset,
      chance.fork(),
      (how) => stage.tally(how),
      (id) => stage.wasMadeLate(id),
    )
    const more = new Prng(plan.seed ^ 0xf118)
    this.more = more
    const shared =
      plan.store === 0
        ? null
        : new StorePart(stage, more.fork(), responses, ({ tag }) => {
            if (tag !== undefined) this.watched.tagPurgedAt = pollset.now
          })
    this.shared = shared
    const filtersOf = (process: number, own: Prng): SimFilters =>
      new SimFilters(
        proxy,
        own,
        more,
        this.copies.name,
        this.watched,
        shared === null ? null : shared.processes[process],
      )
    this.filters = filtersOf(0, chance)
    this.second = shared === null ? null : filtersOf(1, more.fork())
    this.readers = new Readers(
      stage,
      chance.fork(),
      responses,
      (number) => pollset.dial(front, { host: '198.51.101.1', port: 20_000 + number }),
      shared?.books ?? null,
    )
    shared?.begin((process, what) => (process === 0 ? this.filters : (this.second as SimFilters)).purge(what))
    const kept = () => [...this.filters.kept, ...(this.second?.kept ?? [])]
    this.checkers = [filterBooks(kept), this.watched, ...(shared === null ? [] : [shared])]
    for (const ms of reloadTimes(plan, chance))
      pollset.after(ms, () => pollset.queue({ wake() {}, resume: () => this.reload() }))
  }

  private serve(
    name: string,
    address: Address,
    chance: Prng,
    connected: (far: SimPeerSocket, chance: Prng) => unknown,
  ): Backend {
    const { limits, pollset, world } = this.stage
    pollset.name(name, [address.host])
    pollset.serve(address, (far) => void connected(far, chance.fork()))
    const { backends } = configurationOf({
      listen: [],
      routes: [{ host: '', prefix: '/', url: `http://${name}:${address.port}` }],
      share: 'process',
      limits,
    })
    return new Backend(world, `http://${name}`, [
      new Endpoint(world, this.protocols.enginesTo(backends[0].name, backends[0])),
    ])
  }

  private reload(): void {
    if (this.stage.healed) return
    this.stage.tally('filters reloaded')
    this.filters.reload()
    this.second?.reload()
    this.shared?.reload(this.more)
    this.stage.rerouted()
  }

  /** The routes of readers, and that of all others to this backend. */
  routes(backend: Backend): readonly PlainRoute[] {
    const { lists } = this.filters
    const { second, store } = this
    if (lists === null) return []
    const other =
      second === null
        ? []
        : [{ host: '', prefix: OTHER, name: 'other', backend: store, filters: second.lists?.cached ?? [] }]
    return [
      ...other,
      { host: '', prefix: CACHED, name: 'cached', backend: store, filters: lists.cached },
      { host: '', prefix: PROTECTED, name: 'protected', backend: store, filters: lists.protected },
      { host: '', prefix: '/', backend, filters: lists.all },
    ]
  }

  get engines(): readonly EngineInside[] {
    return [...this.copies.engines(), ...this.store.engines()] as unknown as readonly EngineInside[]
  }

  stepped(c: Continuation, step: string, out: Outcome<string>): void {
    this.watched.stepped(c, step, out)
    this.shared?.stepped(c, step, out)
  }

  redirected(c: Continuation): void {
    this.shared?.redirected.add(c)
  }

  diverted(c: Continuation, cause: 'late' | 'cancelled'): void {
    this.watched.diverted(c, cause)
    this.shared?.diverted(c, cause)
  }

  /** The armed deadlines of its parts that are of no continuation. */
  get armed(): number {
    return this.shared?.armed ?? 0
  }

  /** True if nothing is under way between its parts. */
  get isStill(): boolean {
    return this.shared?.isStill ?? true
  }

  heal(): void {
    this.shared?.heal()
  }

  /** All actors leave. */
  part(): void {
    this.readers.part()
    this.copies.close()
    this.store.close()
    this.shared?.close()
  }

  /** All is over. */
  close(): void {
    this.filters.close()
    this.second?.close()
  }
}
