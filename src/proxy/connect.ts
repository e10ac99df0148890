// Plain CONNECT (RFC 9110 §9.3.6): which targets clients may have connections to, and the way there. Off
// where no target is allowed: a proxy that connects anyone to anything is a door into the network behind it.

import type { World } from '../continuation/index.js'
import { Engine, engineLimits, type SessionFactory } from '../engine/index.js'
import { type Refusal, refusal } from './refusal.js'
import type { ExchangeSession } from './routing.js'

/** An IPv6 address without its brackets. */
export interface ConnectTarget {
  readonly host: string
  readonly port: number
}

/** The part of an authority or of a pattern before and behind the last colon. */
const PARTS = /^(\[[\da-f:.]+\]|[^[\]:/?#@\s]+):(\*|\d{1,5})$/i

const NOT_ALLOWED = refusal(403, 'connect-not-allowed', 'the target of this CONNECT is not allowed here')
const NO_TARGET = refusal(400, 'connect-target', 'the target of a CONNECT is HOST:PORT (RFC 9110 §9.3.6)')

const partsOf = (text: string): { host: string; port: string } | null => {
  const match = PARTS.exec(text)
  if (match === null || Number(match[2]) > 65_535 || Number(match[2]) === 0) return null
  const host = match[1].toLowerCase()
  if (!host.startsWith('[')) return { host, port: match[2] }
  // An IPv6 address is written in many ways; a URL has one of them.
  const plain = URL.canParse(`http://${host}`) ? new URL(`http://${host}`).hostname : null
  return plain === null ? null : { host: plain.slice(1, -1), port: match[2] }
}

/** `HOST:PORT`, where HOST may be `*` or `*.DOMAIN`, and PORT `*`. */
export class ConnectPattern {
  private readonly host: string
  private readonly port: string

  /** Throws where it is none. */
  constructor(text: string) {
    const parts = partsOf(text)
    if (parts === null || /\*/.test(parts.host.replace(/^\*($|\.(?=.))/, '')))
      throw new Error(`no pattern: ${text}`)
    this.host = parts.host.replace(/(?<=.)\.$/, '')
    this.port = parts.port
  }

  matches({ host, port }: ConnectTarget): boolean {
    if (this.port !== '*' && Number(this.port) !== port) return false
    // A last dot says that a name is whole (RFC 3986 §3.2.2): it is the same name.
    const name = host.endsWith('.') ? host.slice(0, -1) : host
    if (this.host === '*' || this.host === name) return true
    return this.host.startsWith('*.') && name.endsWith(this.host.slice(1)) && name.length >= this.host.length
  }
}

export class Connects {
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

  /** The target of this authority; a refusal where it is none, or not allowed. */
  targetOf(authority: string): ConnectTarget | Refusal {
    const parts = partsOf(authority)
    if (parts === null || parts.port === '*') return NO_TARGET
    const target = { host: parts.host, port: Number(parts.port) }
    return this.patterns.some((each) => each.matches(target)) ? target : NOT_ALLOWED
  }

  /** For one tunnel: whoever opens it closes it. */
  engineTo(target: ConnectTarget): Engine<ExchangeSession> {
    const name = `tcp://${target.host.includes(':') ? `[${target.host}]` : target.host}:${target.port}`
    const limits = { ...engineLimits, sessionsMax: 1, openingMax: 1, queueMax: 1 }
    return new Engine(this.world, name, this.sessionsTo(target), limits)
  }
}
