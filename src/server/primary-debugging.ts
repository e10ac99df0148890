// The listener for debuggers of a server with workers (spec/workers.md). The debugger of each worker listens
// on a Unix-domain socket in a folder of the primary, which only this user may open.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type PrimaryContext, PrimarySession } from '../debugger/index.js'
import type { Address } from '../pollset/index.js'
import { Connections, type TransportWorld } from '../transport/index.js'
import { parseListen } from './address.js'
import { type DebuggingEvents, type DebugOptions, KEEP_ALIVE_MS, newToken } from './debugging.js'
import type { Limits } from './limits.js'
import type { Questions } from './questions.js'

export class PrimaryDebugging {
  readonly secrets: boolean
  /** The folder of the sockets at which the debuggers of workers listen. */
  readonly folder: string
  private readonly world: TransportWorld
  private readonly connections: Connections
  private readonly options: DebugOptions
  private readonly made: string | null
  private readonly context: PrimaryContext
  private bound: Address | null = null

  /** @param workers has their ids, which change with their number */
  constructor(
    world: TransportWorld,
    limits: Limits,
    options: DebugOptions,
    workers: { readonly ids: readonly string[] },
    questions: Questions,
  ) {
    const { address, token, secrets = false } = options
    this.world = world
    this.options = options
    this.secrets = secrets
    this.made = token === undefined && address.path === undefined ? newToken(world.pollset) : null
    this.folder = mkdtempSync(join(tmpdir(), 'fermata-debug-'))
    process.on('exit', () => this.remove())
    this.connections = new Connections('debuggers', limits.debugger.sessionsMax)
    this.context = {
      world,
      limits: limits.debugger,
      dialLimits: limits.transport,
      token: token ?? this.made,
      refusedAt: Number.NEGATIVE_INFINITY,
      get workers() {
        return workers.ids
      },
      debuggerOf: (worker) => workerDebugAddress(this.folder, worker),
      ask: (question, answered) => questions.ask(question, answered),
      closed: (session) => this.connections.delete(session),
    }
  }

  /** Listens. Its events report when. */
  begin(events: DebuggingEvents): void {
    const { world, options, context } = this
    this.connections.serve(
      world,
      options.address,
      (socket) => new PrimarySession(context, socket),
      {
        ready: ({ listener }) => {
          this.bound = listener.address
          events.ready(listener.address, this.made)
        },
        failed: ({ listener }) => events.failed(listener.fault?.code ?? 'EUNKNOWN'),
      },
      { ownerOnly: true, keepAliveMs: KEEP_ALIVE_MS, isPrivate: true },
    )
  }

  /** The addresses that no worker may dial for a client. */
  get addresses(): readonly Address[] {
    const own = this.bound ?? this.options.address
    return [own, ...this.context.workers.map((each) => workerDebugAddress(this.folder, each))]
  }

  drain(): void {
    this.connections.drain()
    this.remove()
  }

  private remove(): void {
    rmSync(this.folder, { recursive: true, force: true })
  }
}

/** Returns the address of a worker's debugger. */
export const workerDebugAddress = (folder: string, worker: string): Address =>
  parseListen(`unix:${join(folder, worker)}`)
