// The debugger of a server: its listener, its token, and its rights (spec/debugger.md).

import { type DapContext, DapSession, Debugger, type DebuggerLimits, Sources } from '../debugger/index.js'
import { type Address, formatAddress, type Pollset } from '../pollset/index.js'
import { Connections } from '../transport/index.js'
import type { Backends } from './backends.js'
import { requestTarget } from './request-kinds.js'
import type { Server } from './server.js'

export interface DebugOptions {
  readonly address: Address
  /** The token that a debugger must send first. Without it one is made, unless only this user can connect. */
  readonly token?: string | undefined
  /** True: credentials are shown. */
  readonly secrets?: boolean
}

export interface DebuggingEvents {
  /** @param token the token that was made; null: it was given, or there is none */
  ready(address: Address, token: string | null): void
  failed(code: string): void
}

/**
 * ms without traffic after which a debugger's connection is probed; a vanished one ends in ten more seconds
 */
export const KEEP_ALIVE_MS = 1_000

const TOKEN_BYTES = 18

/** Returns a token for debuggers. */
export function newToken(pollset: Pollset): string {
  const bytes = Buffer.alloc(TOKEN_BYTES)
  pollset.random(bytes)
  return bytes.toString('base64url')
}

export class Debugging {
  readonly debugger: Debugger
  private readonly connections: Connections

  constructor(
    server: Server,
    backends: Backends,
    { address, token, secrets = false }: DebugOptions,
    limits: DebuggerLimits,
    events: DebuggingEvents,
  ) {
    const { world } = server
    const made = token === undefined && address.path === undefined ? newToken(world.pollset) : null
    const target = requestTarget(server, backends, {
      secrets,
      hiding: () => null,
      keyHiding: () => (key) => key,
    })
    this.debugger = new Debugger(target, limits)
    this.debugger.lives = target.lives
    const sources = new Sources()
    for (const life of this.debugger.lives) sources.register(life)
    this.connections = new Connections('debuggers', limits.sessionsMax)
    const context: DapContext = {
      world,
      debugger: this.debugger,
      sources,
      token: token ?? made,
      secrets,
      refusedAt: Number.NEGATIVE_INFINITY,
      closed: (session) => this.connections.delete(session),
    }
    this.connections.serve(
      world,
      address,
      (socket) => new DapSession(context, socket),
      {
        ready: ({ listener }) => events.ready(listener.address, made),
        failed: ({ listener }) => events.failed(listener.fault?.code ?? 'EUNKNOWN'),
      },
      { ownerOnly: true, keepAliveMs: KEEP_ALIVE_MS, isPrivate: true },
    )
  }

  /** Releases everything that is held, since the server drains. Debuggers may look on until it stops. */
  drain(): void {
    this.debugger.drain()
  }
}

/** Returns the line about the address for debuggers, for the log. */
export const debuggedText = (address: Address, token: string | null): string =>
  `debuggers may attach at ${formatAddress(address)}${token === null ? '' : `, with the token ${token}`}`
