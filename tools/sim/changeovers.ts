// The configurations of a run with balancing (plan: changeovers): each goes through the changeover of the
// server, piece by piece, with a module that is loaded, backends, and listeners that are bound. It may be
// wrong in any piece, its address may be taken, other workers may be slow to agree, and a newer configuration
// may come before it serves.

import type { Configuration, ModuleOptions } from '../../src/config/index.js'
import type { HttpWorld } from '../../src/http/index.js'
import { formatAddress, type Prng, type Task } from '../../src/pollset/index.js'
import { Changeover, type Preparing } from '../../src/server/changeover.js'
import { type CheckedListeners, Listeners } from '../../src/server/listeners.js'
import { configurationOf } from '../../src/server/short-form.js'
import { Connections } from '../../src/transport/index.js'
import type { PeerContext } from './peer.js'

const HOST = '192.0.2.1'
/** The ports of the listeners that configurations have. */
const PORTS = [81, 82, 83]
/** The port that another process has. */
const TAKEN = 84
const PIECES = ['module', 'listeners', 'backends', 'routes', 'router'] as const
type Piece = (typeof PIECES)[number]

export interface ChangeoversContext extends PeerContext {
  readonly world: HttpWorld
}

/** One configuration, and what has become of it. */
export class Version {
  readonly number: number
  readonly ports: readonly number[]
  /** The events of its changeover that have come: there must be one. */
  readonly told: string[] = []
  /** A newer one has come before it served. */
  superseded = false

  constructor(number: number, ports: readonly number[]) {
    this.number = number
    this.ports = ports
  }
}

/** A configuration that is prepared in pieces, as the server's. One of them may be wrong. */
class Pieces implements Preparing {
  readonly configuration: Configuration
  listeners: CheckedListeners | null = null
  private readonly stage: ChangeoversContext
  private readonly all: Listeners
  private readonly wrong: Piece | null
  private modules: number
  private backends: number
  private routes: number

  constructor(
    stage: ChangeoversContext,
    all: Listeners,
    ports: readonly number[],
    wrong: Piece | null,
    chance: Prng,
  ) {
    this.stage = stage
    this.all = all
    this.wrong = wrong
    this.modules = wrong === 'module' ? 1 : chance.below(3)
    this.backends = chance.between(1, 3)
    this.routes = chance.between(1, 3)
    this.configuration = configurationOf({ listen: ports.map((port) => ({ host: HOST, port })), routes: [] })
  }

  get nextModule(): ModuleOptions | null {
    return this.modules === 0 ? null : ({} as ModuleOptions)
  }
  load(): Task<unknown> {
    return this.stage.world.pollset.task('module', (settle) =>
      settle(this.wrong === 'module' ? new Error('the module is wrong') : null, null),
    )
  }
  loaded(_module: ModuleOptions, { settled, fault }: Task<unknown>): void {
    if (!settled) throw new Error('the module was taken before it was loaded')
    if (fault === null) this.modules--
    else this.modules = 0
  }
  checkListeners(): void {
    this.make('listeners')
    this.listeners = this.all.check(this.configuration.listeners)
  }
  addBackends(): void {
    this.make('backends')
    this.backends--
  }
  get hasMoreBackends(): boolean {
    return this.backends > 0
  }
  addRoutes(): void {
    this.make('module')
    this.make('routes')
    this.routes--
  }
  get hasMoreRoutes(): boolean {
    return this.routes > 0
  }
  makeRouter(): void {
    this.make('router')
  }
  abandon(): void {}

  private make(piece: Piece): void {
    if (this.wrong === piece) throw new Error(`${piece}: it is wrong`)
  }
}

export class Changeovers {
  /** The one that serves. */
  serving = new Version(0, [])
  /** All that have come since the run began, the newest last. */
  readonly versions: Version[] = [this.serving]
  readonly listeners: Listeners
  private readonly stage: ChangeoversContext
  private readonly chance: Prng
  private readonly connections = new Connections('extra', 1)
  private coming: Changeover | null = null

  constructor(stage: ChangeoversContext, chance: Prng) {
    this.stage = stage
    this.chance = chance
    this.listeners = new Listeners(stage.world, this.connections, {
      accepted: (socket) => socket.destroy(),
      listening: () => undefined,
      replaced: () => undefined,
    })
    stage.pollset.listen({ host: HOST, port: TAKEN }, 'of another process')
  }

  /** True while a configuration is being prepared. */
  get isComing(): boolean {
    return this.coming !== null
  }

  /** Has another configuration serve, unless it is wrong. @param commit commits its backends */
  begin(commit: () => void): void {
    const { chance, stage } = this
    const isTaken = chance.chance(10)
    const ports = PORTS.filter(() => chance.chance(50))
    const wrong = chance.chance(20) ? (PIECES[chance.below(PIECES.length)] as Piece) : null
    const version = new Version(this.versions.length, isTaken ? [...ports, TAKEN] : ports)
    this.versions.push(version)
    const tell = (what: string): void => {
      stage.tally(`configuration ${what}`)
      version.told.push(what)
      if (this.coming === own) this.coming = null
    }
    const waits = chance.chance(40)
    if (this.coming !== null) {
      ;(this.versions.at(-2) as Version).superseded = true
      this.coming.cancel()
    }
    const own: Changeover = new Changeover(
      stage.world,
      this.listeners,
      new Pieces(stage, this.listeners, version.ports, wrong, chance),
      {
        gaveUp: () => tell('given up'),
        failed: () => tell('refused'),
        ...(waits ? { ready: (proceed) => this.inTurn(chance.below(40), proceed) } : {}),
        commits: () => {
          this.serving = version
          commit()
          tell('committed')
        },
      },
    )
    this.coming = own
  }

  /** Does this in a turn. */
  private inTurn(ms: number, act: () => void): void {
    const { pollset } = this.stage
    pollset.after(ms, () => pollset.queue({ wake() {}, resume: act }))
  }

  /** Serves no longer: it has no listener from now on. */
  close(): void {
    this.serving = new Version(this.serving.number, [])
    this.coming?.cancel()
    this.connections.stopListening()
  }

  /** Returns whether something listens on a port of this run's configurations. */
  isOpen(port: number): boolean {
    const { listeners } = this.stage.pollset as unknown as {
      readonly listeners: ReadonlyMap<string, { readonly open: boolean }>
    }
    return listeners.get(formatAddress({ host: HOST, port }))?.open === true
  }

  /** The ports that configurations of a run may have. */
  get ports(): readonly number[] {
    return PORTS
  }
}
