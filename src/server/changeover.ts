// The change to another configuration: it is prepared, a piece in each turn; its new listeners are bound; and
// it is committed in one turn. A mistake leaves everything unchanged.

import type { ModuleOptions } from '../config/index.js'
import { Continuation, defineLife, type World } from '../continuation/index.js'
import { formatAddress, SETTLED, Signal, type Task } from '../pollset/index.js'
import { ConfigError } from './address.js'
import { notListening } from './listen-faults.js'
import type { BoundListeners, CheckedListeners, Listeners } from './listeners.js'
import { LOAD_MS_MAX, type Preparation } from './preparation.js'
import { addressSetting } from './setting-names.js'

/** The prepared parts of a configuration, piece by piece. */
export type Preparing = Pick<
  Preparation,
  | 'configuration'
  | 'nextModule'
  | 'load'
  | 'loaded'
  | 'listeners'
  | 'checkListeners'
  | 'addBackends'
  | 'hasMoreBackends'
  | 'addRoutes'
  | 'hasMoreRoutes'
  | 'makeRouter'
  | 'abandon'
>

/** The events of a changeover. One of `gaveUp`, `failed` and `commits` is called, once. */
export interface ChangeoverEvents {
  /** It was cancelled. */
  gaveUp(): void
  failed(wrong: Error): void
  /**
   * Is told that everything is ready. The changeover waits for `proceed`, since others must be ready too.
   * Without this method it commits at once.
   */
  ready?: ((proceed: () => void) => void) | undefined
  /** Commits the configuration, since everything is ready. */
  commits(): void
}

const BOUND = 1

export const changeoverLife = defineLife({
  name: 'changeover',
  source: import.meta.url,
  edges: {
    load: ['take', 'listeners', 'giveUp'],
    take: ['load'],
    listeners: ['backends', 'refuse', 'giveUp'],
    backends: ['backends', 'routes', 'refuse', 'giveUp'],
    routes: ['routes', 'router', 'refuse', 'giveUp'],
    router: ['bind', 'refuse', 'giveUp'],
    bind: ['agree', 'giveUp'],
    agree: ['commit', 'refuse', 'giveUp'],
    commit: ['done'],
    refuse: ['done'],
    giveUp: ['done'],
  },
  waits: ['load'],
})

export class Changeover extends Continuation {
  readonly id = 'changeover'
  readonly preparation: Preparing
  readonly events: ChangeoverEvents
  /** Rises when it may go on: each piece is made in a turn of its own. */
  readonly ready = new Signal('changeover.ready', 'signal', ['BOUND'])
  bound: BoundListeners | null = null
  wrong: Error | null = null
  private readonly listeners: Listeners
  private module: ModuleOptions | null = null
  private loading: Task<unknown> | null = null
  private isOver = false

  constructor(world: World, listeners: Listeners, preparation: Preparing, events: ChangeoverEvents) {
    super(world, changeoverLife.durations(world.pollset.deadlines, { load: LOAD_MS_MAX }))
    this.listeners = listeners
    this.preparation = preparation
    this.events = events
    this.ready.raise(BOUND)
    changeoverSteps.start(world, this, preparation.nextModule === null ? 'listeners' : 'load')
  }

  get kind(): string {
    return 'changeover'
  }

  crashed(error: unknown): void {
    this.note(error)
    this.refuse()
  }

  /** Begins to load the next module of a user, and waits for it. Returns false if none is left. */
  loads(): boolean {
    const { preparation } = this
    this.module = preparation.nextModule
    if (this.module === null) return false
    this.loading = preparation.load(this.module)
    this.waitOn(0, this.loading, SETTLED)
    return true
  }

  /** Takes the module, or notes that it is late. */
  take(): void {
    this.preparation.loaded(this.module as ModuleOptions, this.loading as Task<unknown>)
    this.loading = null
  }

  /** Makes a piece: the next step comes in a turn of its own. Returns false if the piece is wrong. */
  makes(piece: () => void): boolean {
    try {
      piece()
    } catch (error) {
      this.note(error)
      return false
    }
    this.waitOn(0, this.ready, BOUND)
    return true
  }

  private note(error: unknown): void {
    this.wrong = error instanceof Error ? error : new Error(String(error))
  }

  /** Binds the new listeners; then it is ready. */
  bind(): void {
    this.ready.lower(BOUND)
    this.listeners.bindNew(this.preparation.listeners as CheckedListeners, (bound, failed, code) => {
      if (this.isOver) {
        bound?.abandon()
        return
      }
      this.bound = bound
      if (failed !== null) {
        const own = code === 'EADDRINUSE' ? this.listeners.nameOfPort(failed) : null
        this.wrong = new ConfigError(
          own === null
            ? notListening(failed, code, addressSetting(this.preparation.configuration, failed))
            : `cannot listen on ${formatAddress(failed)}: the listener ${own} has the port; take it away in one reload, and add this one in the next`,
        )
      }
      this.ready.raise(BOUND)
    })
  }

  /** Reports that it is ready. Returns true if it may be committed at once. */
  agree(): boolean {
    const { ready } = this.events
    if (ready === undefined) return true
    this.ready.lower(BOUND)
    this.waitOn(0, this.ready, BOUND)
    ready(() => this.ready.raise(BOUND))
    return false
  }

  /** Commits everything in this turn. */
  commit(): void {
    this.isOver = true
    this.bound?.commit()
    this.events.commits()
  }

  refuse(): void {
    this.end()
    this.events.failed(this.wrong as Error)
  }

  giveUp(): void {
    this.end()
    this.events.gaveUp()
  }

  private end(): void {
    this.isOver = true
    this.bound?.abandon()
    this.bound = null
    this.preparation.abandon()
  }
}

const { goto, done, suspend } = changeoverLife
const nextTurn = { cancelled: 'giveUp', yieldFirst: true } as const
const waitForModule = suspend({ then: 'take', late: 'take', cancelled: 'giveUp', within: 'load' })
const thenBackends = suspend({ then: 'backends', ...nextTurn })
const thenRoutes = suspend({ then: 'routes', ...nextTurn })
const thenRouter = suspend({ then: 'router', ...nextTurn })
const thenBind = suspend({ then: 'bind', ...nextTurn })
const thenAgree = suspend({ then: 'agree', ...nextTurn })
const waitForOthers = suspend({ then: 'commit', cancelled: 'giveUp' })

const changeoverSteps = changeoverLife.steps<Changeover>({
  /** Loads new or changed modules of users, one after the other. */
  load: (c) => (c.loads() ? waitForModule : goto.listeners),
  take(c) {
    c.take()
    return goto.load
  },
  listeners(c) {
    return c.makes(() => c.preparation.checkListeners()) ? thenBackends : goto.refuse
  },
  /** Makes some backends. */
  backends(c) {
    if (!c.makes(() => c.preparation.addBackends())) return goto.refuse
    return c.preparation.hasMoreBackends ? thenBackends : thenRoutes
  },
  /** Makes some routes. */
  routes(c) {
    if (!c.makes(() => c.preparation.addRoutes())) return goto.refuse
    return c.preparation.hasMoreRoutes ? thenRoutes : thenRouter
  },
  router(c) {
    return c.makes(() => c.preparation.makeRouter()) ? thenBind : goto.refuse
  },
  /** Waits until all new listeners are bound, or one cannot be. */
  bind(c) {
    c.bind()
    c.waitOn(0, c.ready, BOUND)
    return thenAgree
  },
  /** Waits until the other workers are ready, if there are any. */
  agree(c) {
    if (c.wrong !== null) return goto.refuse
    return c.agree() ? goto.commit : waitForOthers
  },
  commit(c) {
    c.commit()
    return done
  },
  refuse(c) {
    c.refuse()
    return done
  },
  giveUp(c) {
    c.giveUp()
    return done
  },
})
