// The destination of a client's commands: its identity, the session that it has alone for a time (the pin),
// the reasons to keep it, and the session that it has taken over (the relay).
//
//   shared ──── MULTI, WATCH, a command that blocks or is large ────► pinned ── nothing is left ──► shared
//      └─────── SUBSCRIBE, MONITOR, CLIENT TRACKING … ──────────────► relay, up to the client's end
//
// A client moves only when all its commands are answered, so no two of them pass each other (S8).

import type { Engine } from '../engine/index.js'
import { ClientName } from './client-name.js'
import type { Command } from './command.js'
import type { RedisFrontend } from './frontend.js'
import { ANONYMOUS } from './identity.js'
import { answerOf } from './own-answers.js'
import { Begun, Broken, hasEnded, IN_MULTI, pinText } from './pin.js'
import type { Route } from './plan.js'
import { Redirects } from './redirects.js'
import type { RedisProxy } from './redis-proxy.js'
import { RelayRecord } from './relay-record.js'
import { Seats } from './seats.js'
import type { RedisSession } from './session.js'
import { ShardedWay } from './sharded-way.js'
import type { Shard } from './shards.js'
import { endedInRelay, REFUSED_IN_RELAY, TOO_MANY_IDENTITIES } from './texts.js'

const MINUS = 0x2d

/** The next act of a command: it leases a session, is sent on its client's, divided, answered, or waits. */
export type Way = 'lease' | 'send' | 'divide' | 'tell' | 'wait'

export class Place {
  readonly seats: Seats
  /** The session that the client has alone; it may be the relay. */
  pin: RedisSession | null
  relay: RedisSession | null
  readonly relayed: RelayRecord
  readonly name: ClientName
  readonly broken = new Broken()
  readonly proxy: RedisProxy
  private isClosed = false
  private readonly begun = new Begun()
  readonly sharded: ShardedWay
  /** The state that its commands at a cluster share. */
  readonly redirects: Redirects
  /** The shard of the pin, and the route of the command that got it. */
  private pinShard: Shard | null = null
  private pinRoute: Route = null
  /** The command that began its transaction, or watched the first key. */
  private opener: Command | null = null
  /** Commands on the pin that are not answered. */
  private inFlight = 0
  /** Since when it has a session alone: ms of the pollset's clock. */
  pinnedAt = 0
  private readonly frontend: RedisFrontend

  constructor(frontend: RedisFrontend, proxy: RedisProxy) {
    this.frontend = frontend
    this.proxy = proxy
    this.seats = new Seats(proxy.options.backend.map, frontend.number)
    this.pin = null
    this.relay = null
    this.relayed = new RelayRecord()
    this.name = new ClientName(frontend.total)
    this.sharded = new ShardedWay(this, frontend)
    this.redirects = new Redirects()
  }

  get isBroken(): boolean {
    return this.broken.bits !== 0
  }

  /** A transaction may be sent in one piece: nothing is watched, and nothing before it changes that. */
  get isPlain(): boolean {
    return this.pin === null && !this.isBroken && !this.sharded.multiWaits
  }

  way(c: Command): Way {
    const { seats } = this
    c.engine = null
    const target = c.trail?.target ?? null
    if (c.trail?.mayGo(this.frontend.ring.isOldest(c)) === false) return 'wait'
    if (target !== null) {
      // It has another session than those before it.
      const isFree = c.does === 'shared' || (this.pin === null && this.frontend.ring.isOldest(c))
      if (isFree && c.trail?.mustWait !== true) return this.lease(c, seats.engineFor(c, target))
      c.trail?.wakes(c.answer)
      return 'wait'
    }
    if (seats.map !== this.proxy.options.backend.map && this.pin === null) {
      // Keys are elsewhere: no command passes those that are in flight to where they were.
      if (!this.frontend.ring.isOldest(c)) return 'wait'
      seats.adopt(this.proxy.options.backend.map)
    }
    if (seats.map.isSharded && this.relay === null && !this.isBroken) {
      if (c.map !== seats.map) this.frontend.routeAgain(c)
      const way = this.sharded.way(c)
      if (way !== null) return way
    }
    return this.wayOf(c)
  }

  private wayOf(c: Command): Way {
    if ((c.does === 'exec' || c.does === 'unwatch') && this.isPlain) c.does = 'shared'
    if (c.does !== 'shared' || c.isLarge || this.pin !== null || this.isBroken) return this.waySpecial(c)
    const shard = this.shardOf(c)
    if ((!this.seats.isCurrent(shard) || this.mustStayBehind(c)) && !this.frontend.ring.isOldest(c))
      return 'wait'
    return this.lease(c, this.seats.sharedAt(shard))
  }

  /**
   * Returns true if a command must not pass others: those that stay on a session that is shared no longer, or
   * that look for their keys in a cluster (S8).
   */
  mustStayBehind(c: Command): boolean {
    return (this.frontend.staying > 0 && !c.isStaying) || this.redirects.holds(c.route, this.seats.map)
  }

  /** Returns true if a command may use the session that its client has alone. */
  isPinnedTo(c: Command): boolean {
    return c.route === this.pinRoute || this.shardOf(c) === this.pinShard
  }

  /** A command that comes now is in no transaction, and no key is watched for it. */
  get isClean(): boolean {
    return this.begun.bits === 0 || this.begun.isEnding
  }

  /** The shard that a command goes to if it goes to one. */
  shardOf({ route, trail }: Command): Shard {
    const { map } = this.seats
    return trail?.target ?? (typeof route === 'number' ? map.shardAt(route) : map.first)
  }

  lease(c: Command, engine: Engine<RedisSession> | Buffer): Way {
    if (Buffer.isBuffer(engine)) return this.tellOwn(c, engine)
    c.engine = engine
    return 'lease'
  }

  tellOwn(c: Command, reply: Buffer): Way {
    c.own(reply)
    this.frontend.advanceFrom(c)
    return 'tell'
  }

  /** Within a transaction, a command that cannot be a part of it is its end. */
  breakTransaction(): void {
    const { pin } = this
    if (pin === null || this.isClean || (this.begun.bits & IN_MULTI) === 0) return
    this.losePin()
    pin.abort()
  }

  /** A transaction that was begun here reached no server, or cannot go on. */
  transactionBroke(): void {
    this.sharded.forget()
    this.broken.bits |= IN_MULTI
  }

  /** EXEC or the like has ended a broken transaction. The server has not got it, so it still watches keys. */
  endBroken(number: number): void {
    const { pin, begun } = this
    this.broken.endWith(number)
    if (pin === null || begun.bits === 0) return
    pin.isDirty = true
    begun.bits = 0
    this.unpin()
  }

  private waySpecial(c: Command): Way {
    const { frontend } = this
    if (this.relay !== null) return 'send'
    const own = answerOf(this, c)
    if (own !== null) {
      // Its changes must not overtake the commands before it.
      if (c.info.name === 'reset' && !frontend.ring.isOldest(c)) return 'wait'
      return this.tellOwn(c, own())
    }
    if (this.pin !== null) {
      // Behind a command that needs it alone, it is like any other.
      if (c.does === 'identity' && this.isClean) return frontend.ring.isOldest(c) ? 'send' : 'wait'
      // An identity that changes within a transaction is the backend's affair from here on.
      if (c.does === 'identity') c.does = 'pinning'
      return c.does === 'pinning' && !frontend.ring.isOldest(c) ? 'wait' : 'send'
    }
    if (!frontend.ring.isOldest(c)) return 'wait'
    const shard = this.shardOf(c)
    return this.lease(c, c.does === 'alone' ? this.seats.undelayedAt(shard) : this.seats.exclusiveAt(shard))
  }

  /** All commands are answered: a server that was taken away is not kept by a client that is idle. */
  idle(): void {
    if (this.pin === null && !this.isClosed) this.seats.leaveRetired()
  }

  /** It forgets who it is. */
  reset(): void {
    this.name.set(null)
    this.unpin(true)
    this.seats.become(ANONYMOUS)
  }

  /** Sends a command. `lost`: its session is over, or its turn is to come again, and nothing was sent. */
  send(c: Command): 'sent' | 'relayed' | 'unleased' | 'lost' {
    const { frontend, pin } = this
    const buffer = c.buffer as Buffer
    if (c.engine === null) {
      if (pin === null || pin.isOver) return 'lost'
    } else if (c.lease.session === null) return 'unleased'
    else if (c.lease.session.isOver || !frontend.ring.isNext(c)) {
      c.lease.release()
      return 'lost'
    }
    if (this.relay !== null) {
      c.sentTo = this.relay
      if (this.proxy.mayPass(c.info)) this.relay.send(buffer, c.start, c.end)
      else this.relay.send(REFUSED_IN_RELAY, 0, REFUSED_IN_RELAY.length)
      frontend.advanceFrom(c)
      return 'relayed'
    }
    const session = c.engine === null ? (pin as RedisSession) : c.lease.take()
    if (c.does === 'shared' && c.engine !== null && !c.isLarge) {
      c.sendOn(session)
      frontend.advanceFrom(c)
      return 'sent'
    }
    if (this.pin === null) {
      this.pinShard = this.shardOf(c)
      this.pinRoute = c.route
      this.pinnedAt = this.proxy.world.pollset.now
    }
    this.pin = session
    session.owner = frontend
    if (frontend.knowsId && (this.begun.bits & IN_MULTI) === 0) session.askId()
    if (c.does === 'pinning' || c.does === 'replication') {
      this.relay = session
      this.relayed.begins(c.info.name, session, frontend)
      c.sentTo = session
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

  private note(c: Command, session: RedisSession): void {
    if (this.begun.bits === 0 && (c.does === 'multi' || c.does === 'watch')) this.opener = c
    this.begun.sent(c.does, c.number)
    if (c.does === 'identity') session.isDirty = true
    // The commands after one of the others must not overtake it: they wait for its reply.
    const goesOn = c.does === 'multi' || c.does === 'watch' || c.does === 'exec' || this.begun.bits !== 0
    // In a cluster it may be told that it has begun at the wrong node.
    if (c === this.opener && this.seats.map.isCluster) return
    if (goesOn || c.isLarge) this.frontend.advanceFrom(c)
  }

  /**
   * A command is told that its keys are elsewhere: it leaves its session. Returns false if it cannot, being
   * within a transaction, or not whole here.
   */
  detach(c: Command, session: RedisSession): boolean {
    if (session !== this.pin) {
      session.freed()
      return true
    }
    if (c.isLarge || (this.begun.bits !== 0 && c !== this.opener)) return false
    this.inFlight--
    this.unpin(true)
    return true
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
    this.begun.replied(c.does, c.number, hasEnded(c))
    if (c.does === 'identity' && c.replyType !== MINUS && c.change !== null && !c.dropped) {
      const shard = this.pinShard ?? this.seats.map.first
      if (!this.seats.change(c.change, shard, session.identity)) c.own(TOO_MANY_IDENTITIES)
    }
    this.unpin()
    this.frontend.advanceFrom(c)
  }

  /** Why it has a session alone: one clause, for people. */
  get whyAlone(): string {
    const { begun, relayed, proxy, pinnedAt, frontend } = this
    return pinText(
      begun.bits,
      relayed.by,
      frontend.ring.first?.info.name ?? '',
      proxy.world.pollset.now - pinnedAt,
    )
  }

  /** Gives the session back if nothing needs it any more. @param always true: whatever has begun there */
  private unpin(always = false): void {
    const { pin } = this
    if (pin === null || this.relay !== null || this.inFlight > 0 || (this.begun.bits !== 0 && !always)) return
    if (this.begun.bits !== 0) pin.isDirty = true
    this.begun.bits = 0
    this.pin = null
    pin.giveBack()
  }

  /** The session of a command has gone before its reply. */
  lost(c: Command, session: RedisSession): void {
    if (session === this.pin) this.losePin()
    this.broken.lost(c.does, c.number)
    this.frontend.advanceFrom(c)
  }

  private losePin(): void {
    const { begun, broken } = this
    this.pin = null
    this.inFlight = 0
    // Commands behind EXEC are no part of it, though nobody has heard yet that EXEC is lost too.
    if (begun.isEnding) broken.endWith(begun.endsWith)
    else broken.bits |= begun.bits
    begun.bits = 0
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
    this.broken.lost(c.does, c.number)
    this.frontend.advanceFrom(c)
  }

  /** A command was ended unsent: its transaction must not run. Returns true if a relay has its reply. */
  endedUnsent(c: Command): boolean {
    if (c.does === 'multi' || this.sharded.holds(c)) this.transactionBroke()
    const told = endedInRelay(c.endedWith)
    if (this.relay === null) this.breakTransaction()
    else this.relay.send(told, 0, told.length)
    // Commands behind it are no part of its transaction.
    if (c.does === 'exec') this.broken.endWith(c.number)
    return this.relay !== null
  }

  /** A command is of no use: its client has gone. */
  dropped(c: Command): void {
    const { session } = c
    // A server that waits for it would pop an element for nobody.
    if (session !== null && session === this.pin) {
      this.pin = null
      session.abort()
    } else session?.checkStall()
  }

  /** The session of this client has gone. */
  sessionClosed(session: RedisSession): void {
    if (session === this.relay) {
      this.proxy.relayEnded(this.frontend)
      this.relay = null
      this.pin = null
      this.frontend.relayEnded()
    } else if (session === this.pin) this.losePin()
  }

  /** The client has closed. */
  close(): void {
    if (this.relay !== null) this.proxy.relayEnded(this.frontend)
    this.isClosed = true
    this.inFlight = 0
    this.unpin(true)
    this.relay?.abort()
    this.pin = null
    this.relay = null
    this.seats.close()
  }
}
