// Where a client's commands go: its identity, the session that it has alone for a time (the pin), why it
// still needs it, and the session that it has taken over (the relay).
//
//   shared ──── MULTI, WATCH, a command that blocks or is large ────► pinned ── nothing is left ──► shared
//      └─────── SUBSCRIBE, MONITOR, CLIENT TRACKING … ──────────────► relay, up to the client's end
//
// A client moves only when all its commands are answered, so no two of them pass each other (S8).

import type { Command } from './command.js'
import type { CommandInfo } from './commands.js'
import type { RedisFrontend } from './frontend.js'
import type { Identity, IdentityParts } from './identity.js'
import type { RedisProxy } from './redis-proxy.js'
import type { RedisSession } from './session.js'
import {
  BACKEND_DOWN,
  bulkReply,
  EXEC_ABORT,
  integerReply,
  LOST,
  NEEDS_ADMIN,
  NEEDS_SESSION,
  NEEDS_WRITER,
  NOT_HTTP,
  nilReply,
  OK,
  REFUSED_IN_RELAY,
  RESET_REPLY,
  TOO_MANY_IDENTITIES,
} from './texts.js'

/** Why a session is kept: a transaction has begun; keys are watched. */
const IN_MULTI = 1
const WATCHES = 2

const MINUS = 0x2d
const PLUS = 0x2b
const E = 0x45
const O = 0x4f

/** How a command goes on: it leases a session, is sent on the one that its client has, is answered, waits. */
export type Way = 'lease' | 'send' | 'tell' | 'wait'

export class Place {
  identity: Identity
  /** The session that the client has alone; it may be the relay. */
  pin: RedisSession | null
  relay: RedisSession | null
  name: Buffer | null
  /** A session was lost within a transaction: it cannot be executed. */
  private isBroken: boolean
  private isClosed: boolean
  private dirty: number
  /** Commands on the pin that are not answered. */
  private inFlight: number
  private readonly frontend: RedisFrontend
  private readonly proxy: RedisProxy

  constructor(frontend: RedisFrontend, proxy: RedisProxy) {
    this.frontend = frontend
    this.proxy = proxy
    this.identity = proxy.options.backend.current.identities.anonymous
    this.identity.clients++
    this.pin = null
    this.relay = null
    this.name = null
    this.isBroken = false
    this.isClosed = false
    this.dirty = 0
    this.inFlight = 0
  }

  /** A transaction may be sent in one piece: nothing is watched, and nothing before it changes that. */
  get isPlain(): boolean {
    return this.pin === null && !this.isBroken
  }

  way(c: Command): Way {
    c.engine = null
    if ((c.does === 'exec' || c.does === 'unwatch') && this.isPlain) c.does = 'shared'
    if (c.does === 'shared' && !c.isLarge && this.pin === null && !this.isBroken) {
      return this.wayShared(c)
    }
    return this.waySpecial(c)
  }

  private wayShared(c: Command): Way {
    const { identity, frontend } = this
    if (identity.endpoint !== this.proxy.options.backend.current) return this.wayElsewhere(c)
    const engine = identity.endpoint.sharedOf(identity, frontend.number)
    if (!identity.endpoint.isUp && engine.sessions.length === 0) return this.wayDown(c)
    // What stays on a session that is shared no longer must not be passed (S8).
    if (this.frontend.staying > 0 && !c.isStaying && !frontend.ring.isOldest(c)) return 'wait'
    c.engine = engine
    return 'lease'
  }

  /** The backend has another server now: a client moves to it when all its commands are answered. */
  private wayElsewhere(c: Command): Way {
    if (!this.frontend.ring.isOldest(c)) return 'wait'
    if (this.move()) return this.way(c)
    c.own(TOO_MANY_IDENTITIES)
    this.frontend.advanceFrom(c)
    return 'tell'
  }

  /** The server is down, so nobody waits for it. */
  private wayDown(c: Command): Way {
    c.own(BACKEND_DOWN)
    this.frontend.advanceFrom(c)
    return 'tell'
  }

  /** Moves to the server that the backend has now. Returns false if that has too many identities. */
  private move(): boolean {
    const next = this.proxy.options.backend.current.identities.of(this.identity.parts)
    if (next !== null) this.become(next)
    return next !== null
  }

  /** All commands are answered: a server that was taken away is not kept by a client that is idle. */
  idle(): void {
    const { endpoint } = this.identity
    if (endpoint.isRetired && this.pin === null && !this.isClosed) this.move()
  }

  private waySpecial(c: Command): Way {
    const { frontend } = this
    if (this.relay !== null) return 'send'
    const own = this.answerOf(c)
    if (own !== null) {
      // What it changes must not overtake the commands before it.
      if (c.info.name === 'reset' && !frontend.ring.isOldest(c)) return 'wait'
      c.own(own())
      frontend.advanceFrom(c)
      return 'tell'
    }
    if (this.pin !== null) {
      // An identity that changes within a transaction is the backend's affair from here on.
      if (c.does === 'identity') c.does = 'pinning'
      return c.does === 'pinning' && !frontend.ring.isOldest(c) ? 'wait' : 'send'
    }
    if (!frontend.ring.isOldest(c)) return 'wait'
    const { identity } = this
    if (identity.endpoint !== this.proxy.options.backend.current) return this.wayElsewhere(c)
    const engine = identity.endpoint.exclusiveOf(identity)
    if (!identity.endpoint.isUp && engine.sessions.length === 0) return this.wayDown(c)
    c.engine = engine
    return 'lease'
  }

  /** Returns what answers a command here; null if a backend must. */
  private answerOf(c: Command): (() => Buffer) | null {
    const { share } = this.proxy.options
    if (this.isBroken) return this.answerBroken(c)
    switch (c.does) {
      case 'local':
        return () => this.answerLocal(c)
      case 'admin':
      case 'replication':
        return this.proxy.options.allowAdmin ? null : () => NEEDS_ADMIN
      case 'wait':
        return this.pin === null ? () => NEEDS_WRITER : null
      case 'http':
        return () => NOT_HTTP
      case 'malformed':
        return () => c.argument ?? NOT_HTTP
      case 'shared':
      case 'identity':
        return null
      default:
        return share === 'always' && !c.isLarge ? () => NEEDS_SESSION : null
    }
  }

  /** The session of a transaction was lost: EXEC must not run a part of it. */
  private answerBroken(c: Command): () => Buffer {
    const { name } = c.info
    return () => {
      if (name === 'exec' || name === 'discard' || name === 'unwatch' || name === 'reset')
        this.isBroken = false
      if (name === 'exec') return EXEC_ABORT
      if (name === 'reset' || name === 'quit') return this.answerLocal(c)
      return name === 'multi' || name === 'discard' || name === 'unwatch' ? OK : LOST
    }
  }

  private answerLocal(c: Command): Buffer {
    switch (c.info.name) {
      case 'quit':
        return OK
      case 'reset':
        this.name = null
        this.become(this.proxy.options.backend.current.identities.anonymous)
        return RESET_REPLY
      case 'client|id':
        return integerReply(this.frontend.number)
      case 'client|setname':
        this.name = c.argument
        return OK
      case 'client|getname':
        return this.name === null || this.name.length === 0
          ? nilReply(this.identity.parts.resp)
          : bulkReply(this.name)
      default:
        return OK
    }
  }

  /** Sends a command whose turn it is. */
  send(c: Command): 'sent' | 'relayed' | 'unleased' {
    const { frontend, pin } = this
    const buffer = c.buffer as Buffer
    if (c.lease.session === null && (pin === null || c.engine !== null)) return 'unleased'
    if (this.relay !== null) {
      if (this.mayPass(c.info)) this.relay.send(buffer, c.start, c.end)
      else this.relay.send(REFUSED_IN_RELAY, 0, REFUSED_IN_RELAY.length)
      frontend.advanceFrom(c)
      return 'relayed'
    }
    const session = c.lease.session === null ? (pin as RedisSession) : c.lease.take()
    if (c.does === 'shared' && pin === null && !c.isLarge) {
      c.sendOn(session)
      frontend.advanceFrom(c)
      return 'sent'
    }
    this.pin = session
    session.owner = frontend
    if (c.does === 'pinning' || c.does === 'replication') {
      this.relay = session
      session.relays = true
      session.send(buffer, c.start, c.end)
      frontend.advanceFrom(c)
      return 'relayed'
    }
    this.inFlight++
    c.sendOn(session)
    this.note(c, session)
    // Its client is read no further until it has a session.
    if (c.isLarge) frontend.sessionTakes()
    return 'sent'
  }

  /** Whether a client that has taken over its session may send this. */
  mayPass({ kind }: CommandInfo): boolean {
    return (kind !== 'admin' && kind !== 'replication') || this.proxy.options.allowAdmin
  }

  private note(c: Command, session: RedisSession): void {
    if (c.does === 'multi') this.dirty |= IN_MULTI
    else if (c.does === 'watch') this.dirty |= WATCHES
    if (c.does === 'identity') session.isDirty = true
    // What follows one of the others must not overtake it: it waits for its reply.
    const goesOn = c.does === 'multi' || c.does === 'watch' || c.does === 'exec' || this.dirty !== 0
    if (goesOn || c.isLarge) this.frontend.advanceFrom(c)
  }

  /** A command has its whole reply. */
  replied(c: Command, session: RedisSession): void {
    if (session !== this.pin) {
      if (session.owner === null) session.freed()
      return
    }
    this.inFlight--
    if (c.isLarge && !c.isComplete) {
      // The rest of it would be taken for another command.
      this.losePin()
      session.abort()
    }
    const { replyType, replySecond } = c
    const isOk = replyType === PLUS && replySecond === O
    if (c.does === 'exec' && (replyType !== MINUS || replySecond === E)) this.dirty = 0
    else if (c.does === 'unwatch' && isOk) this.dirty &= ~WATCHES
    else if (c.does === 'identity' && replyType !== MINUS && c.change !== null && !c.dropped)
      this.change(c, c.change)
    this.unpin()
    this.frontend.advanceFrom(c)
  }

  /** Gives the session back if nothing needs it any more. */
  private unpin(): void {
    const { pin } = this
    if (pin === null || this.relay !== null || this.inFlight > 0 || this.dirty !== 0) return
    this.pin = null
    pin.giveBack()
  }

  private change(c: Command, change: Partial<IdentityParts>): void {
    const next = this.identity.endpoint.identities.of({ ...this.identity.parts, ...change })
    if (next === null) {
      c.own(TOO_MANY_IDENTITIES)
      return
    }
    this.become(next)
  }

  private become(next: Identity): void {
    this.leave()
    this.identity = next
    next.clients++
  }

  private leave(): void {
    const { identity } = this
    identity.clients--
    identity.endpoint.left(identity)
  }

  /** The session of a command has gone before its reply. */
  lost(c: Command, session: RedisSession): void {
    if (session === this.pin) this.losePin()
    this.frontend.advanceFrom(c)
  }

  private losePin(): void {
    this.pin = null
    this.inFlight = 0
    if (this.dirty !== 0) this.isBroken = true
    this.dirty = 0
  }

  /** There was no reply in time. */
  gaveUp(c: Command): void {
    const { session } = c
    if (session === null) return
    if (session !== this.pin) session.checkStall()
    else {
      this.losePin()
      session.abort()
    }
    this.frontend.advanceFrom(c)
  }

  /** A command is of no use: its client has gone. */
  dropped(c: Command): void {
    const { session } = c
    // A server that waits for it would pop an element for nobody.
    if (session !== null && session === this.pin) {
      this.pin = null
      session.abort()
    }
  }

  /** The session of this client has gone. */
  sessionClosed(session: RedisSession): void {
    if (session === this.relay) {
      this.relay = null
      this.pin = null
      this.frontend.relayEnded()
    } else if (session === this.pin) this.losePin()
  }

  /** The client has closed. */
  close(): void {
    const { pin, relay } = this
    this.isClosed = true
    this.pin = null
    this.relay = null
    if (relay !== null) relay.abort()
    else if (pin !== null) {
      if (this.dirty !== 0) pin.isDirty = true
      pin.giveBack()
    }
    this.leave()
  }
}
