// Plain CONNECT (RFC 9110 §9.3.6): the allowed targets, and the engines to them. It is off by default: an
// open CONNECT proxy lets anyone into the network behind it.

import type { World } from '../continuation/index.js'
import { Engine, engineLimits, type SessionFactory } from '../engine/index.js'
import { ConnectPattern, type ConnectTarget, partsOf } from './connect-pattern.js'
import type { ExchangeSession } from './engine-set.js'
import { type Refusal, refusal } from './refusal.js'

const NOT_ALLOWED = refusal(403, 'connect-not-allowed', 'the target of this CONNECT is not allowed here')
const NO_TARGET = refusal(400, 'connect-target', 'the target of a CONNECT is HOST:PORT (RFC 9110 §9.3.6)')

export class ConnectPolicy {
  private readonly world: World
  private readonly patterns: readonly ConnectPattern[]
  private readonly sessionsTo: (target: ConnectTarget) => SessionFactory<ExchangeSession>

  constructor(
    world: World,
    allowed: readonly string[],
    sessionsTo: (target: ConnectTarget) => SessionFactory<ExchangeSession>,
  ) {
    this.world = world
    this.patterns = allowed.map((each) => new ConnectPattern(each))
    this.sessionsTo = sessionsTo
  }

  /** Returns the target that this authority names; a refusal if it is malformed or not allowed. */
  targetOf(authority: string): ConnectTarget | Refusal {
    const parts = partsOf(authority)
    if (parts === null || parts.port === '*') return NO_TARGET
    const target = { host: parts.host, port: Number(parts.port) }
    return this.patterns.some((each) => each.matches(target)) ? target : NOT_ALLOWED
  }

  /** Makes an engine for one tunnel. The caller closes it. */
  engineTo(target: ConnectTarget): Engine<ExchangeSession> {
    const name = `tcp://${target.host.includes(':') ? `[${target.host}]` : target.host}:${target.port}`
    const limits = { ...engineLimits, sessionsMax: 1, openingMax: 1, queueMax: 1 }
    return new Engine(this.world, name, this.sessionsTo(target), limits)
  }
}
