// A connection from a client: its commands come (incoming.ts), each a continuation, and their replies leave
// in the order of the commands (the ring).
//
// Commands are bounded. None is begun while a client has too many commands without replies, commands that
// could not be sent in the turn in which they came, or replies that it does not take, and while a large
// command waits for its session. The bytes that come meanwhile are kept, up to a bound (ahead.ts).

import type { Continuation } from '../continuation/index.js'
import { ENDED, type Settleable, type Socket } from '../pollset/index.js'
import {
  ByteOutput,
  type ByteOutputOwner,
  type Keeper,
  KeptTotal,
  lingerLimits,
  PlaceInLine,
  SocketConnection,
  transitLimits,
} from '../transport/index.js'
import { Ahead } from './ahead.js'
import type { Relay } from './ask.js'
import type { Command } from './command.js'
import { TURN } from './command-answer.js'
import { CommandRing } from './command-ring.js'
import { Entry } from './entry.js'
import { Incoming } from './incoming.js'
import type { RedisLimits } from './limits.js'
import { Place } from './place.js'
import type { RedisProxy } from './redis-proxy.js'
import { dropBytes, hasLeft } from './sent-commands.js'
import type { RedisSession } from './session.js'
import { CLIENT_ENDED } from './texts.js'

export class RedisFrontend extends SocketConnection implements ByteOutputOwner, Keeper, Relay, Settleable {
  readonly kind = 'redis-frontend'
  readonly number: number
  readonly proxy: RedisProxy
  readonly redisLimits: RedisLimits
  readonly output: ByteOutput
  /** The bytes of its commands, and of replies that wait until those before them have left. */
  readonly total: KeptTotal
  readonly place: Place
  /** Commands whose replies have not left, the oldest first. Their numbers follow each other. */
  readonly ring = new CommandRing()
  private readonly entry = new Entry(() => this.changed())
  /** It is not read while the World's memory has no room. */
  private readonly line = new PlaceInLine(() => this.changed())
  private readonly incoming: Incoming
  /** Bytes that came while no command could be begun. */
  private readonly ahead: Ahead
  private settles = false
  /** Commands of an earlier turn are not sent. */
  private waits = false
  /** It was told its number (CLIENT ID). */
  knowsId = false
  /** Commands on sessions that are shared no longer. */
  staying = 0
  /** The bytes of replies that wait until those before them have left. */
  keptBytes = 0
  /** Some of these replies lie in this turn's read buffers. */
  hasLooseReplies = false
  /** Replies wait for the client. */
  private isFull = false
  private isBlocked = false
  private isBroken = false
  /** The session that it had taken over has closed, perhaps within a reply: nothing may follow. */
  private isOver = false

  constructor(proxy: RedisProxy, socket: Socket) {
    const lingerTotalMs = proxy.limits.clientLingerMs
    super(proxy.world, proxy.world.nextId('m'), socket, { ...transitLimits, ...lingerLimits, lingerTotalMs })
    this.output = new ByteOutput(proxy.world, this)
    this.output.attach(socket, this)
    this.total = new KeptTotal(proxy.world, this, this.output.budget)
    this.proxy = proxy
    this.number = proxy.nextClient()
    this.redisLimits = proxy.limits
    this.place = new Place(this, proxy)
    this.incoming = new Incoming(this, proxy)
    this.ahead = new Ahead(proxy.world, this.total, proxy.limits.clientAheadBytes)
  }

  get mayRead(): boolean {
    const mayGo = !this.entry.standsBack && (!this.line.waits || this.goesOn)
    return mayGo && (this.mayBegin || this.mayKeep)
  }

  /** It goes on even if memory has no room: the bytes of what has begun to come would never leave else. */
  private get goesOn(): boolean {
    return this.place.relay !== null || (this.incoming.isWithin && this.mayBegin)
  }

  /** Returns true if it must wait until memory has room for what it has sent. */
  private waitsForRoom({ arrived }: Socket): boolean {
    const { memoryLine } = this.proxy.world
    if (!this.goesOn) return arrived.length > 0 && memoryLine.stand(this.line)
    memoryLine.leave(this.line)
    return false
  }

  private get mayKeep(): boolean {
    const { incoming, place, ahead } = this
    return place.relay === null && incoming.large === null && !incoming.quits && ahead.hasRoom
  }

  /** More of what the client sends may be taken for commands, or passed on. */
  get mayBegin(): boolean {
    const { relay } = this.place
    const { quits, large } = this.incoming
    if (quits || this.isFull) return false
    if (large !== null) return this.takesLarge(large)
    if (relay !== null) return this.ring.size === 0 && relay.takesBytes
    const { commandsMax, clusterHeldBytes } = this.redisLimits
    return !this.waits && this.ring.size < commandsMax && this.place.redirects.heldBytes <= clusterHeldBytes
  }

  /** The rest of a large command follows its beginning, or is dropped. */
  private takesLarge(c: Command): boolean {
    const { relay } = this.place
    if (relay !== null && c.sentTo === relay) return relay.takesBytes
    return c.told || c.finished || (c.session?.takesBytes ?? false)
  }

  get owes(): boolean {
    return this.ring.size > 0 || this.place.relay !== null
  }

  override advance(): boolean {
    const goesOn = super.advance()
    if (this.ending) {
      this.entry.leave()
      // Its server answers what has come, then ends the session, and so this connection.
      if (this.ring.size === 0) this.place.relay?.endInput()
    }
    this.isBlocked = !this.mayBegin
    return goesOn
  }

  /** Goes on reading if it may. */
  private maybeRead(): void {
    if (this.isBlocked && this.mayBegin) this.changed()
  }

  take(socket: Socket): void {
    const { ahead, incoming } = this
    if (this.standsBack(socket)) return
    for (;;) {
      if (!ahead.isEmpty) this.takeAhead()
      const chunk = this.mayRead && !this.waitsForRoom(socket) ? socket.take() : null
      if (chunk === null) break
      // While bytes are kept, none that came behind them may be taken.
      const at = this.mayBegin ? incoming.take(chunk) : 0
      if (at < chunk.length && !this.keep(socket, chunk, at)) break
    }
    this.entry.began(incoming.begun)
    if ((socket.readiness & ENDED) !== 0 && socket.arrived.length === 0 && ahead.isEmpty) this.inputEnded()
  }

  /** Returns true if it must not begin what it has sent: the session that it shares is full (Y43). */
  private standsBack({ arrived }: Socket): boolean {
    const { ahead, entry, incoming, place, ring } = this
    if (entry.standsBack) return true
    if ((arrived.length === 0 && ahead.isEmpty) || !this.mayBegin) return false
    // A client that waits for replies, has a session alone, or has sent a part of a large command goes on.
    const goesOn = ring.size > 0 || !place.isPlain || place.relay !== null || incoming.large !== null
    if (entry.waits(goesOn ? null : place.seats.shared)) return true
    this.settleSoon()
    return false
  }

  private takeAhead(): void {
    const { ahead, incoming } = this
    while (!ahead.isEmpty && this.mayBegin) ahead.taken(incoming.take(ahead.first))
    if (incoming.quits) ahead.clear()
  }

  /** Keeps the rest of the chunk. Returns false if it could not, and nothing more may be read. */
  private keep(socket: Socket, chunk: Buffer, at: number): boolean {
    if (this.incoming.quits) return false
    if (this.mayKeep) {
      this.ahead.append(chunk, at)
      return true
    }
    socket.unread(chunk.subarray(at))
    return false
  }

  /** Keys have moved since it was read. */
  routeAgain(c: Command): void {
    this.incoming.routeAgain(c)
  }

  // The requests of commands

  /** The commands behind this one may be sent. */
  advanceFrom(c: Command): void {
    if (!this.ring.advanceFrom(c) && this.waits) {
      this.waits = false
      this.maybeRead()
    }
  }

  /** A command has its reply, or an error in its place: replies leave in order. */
  told(): void {
    const { ring, place } = this
    let isNew = false
    for (let oldest = ring.first; oldest !== null; oldest = ring.first) {
      if (!oldest.told) {
        if (oldest.hold === null) oldest.stream()
        // One that pauses is woken when it becomes the oldest, and not again.
        if (isNew) oldest.answer.raise(TURN)
        return
      }
      oldest.answer.leave()
      ring.shift()
      isNew = true
    }
    place.idle()
    if (this.incoming.quits) this.ending = true
    if (this.ending || this.isBlocked) this.changed()
  }

  put(buffer: Buffer, from: number, to: number): void {
    const { output, redisLimits: limits } = this
    if (this.isOver) return
    output.put(buffer, from, to)
    if (output.waiting <= limits.clientWaitingBytes) return
    this.isFull = true
    if (output.waiting > limits.clientHeldBytesMax) this.overflow()
  }

  /** The client takes its replies too slowly. */
  overflow(): void {
    if (!this.isBroken) this.proxy.overflows++
    this.breakOff()
  }

  /** Closes at once. */
  cut(): void {
    this.breakOff()
  }

  /** A part of a reply has left, and the rest will not come. */
  breakOff(): void {
    this.isBroken = true
    this.socket.reset()
    this.changed()
  }

  override get isGone(): boolean {
    return this.isBroken || super.isGone
  }

  sent(): void {
    if (!this.isFull || this.output.waiting * 2 > this.redisLimits.clientWaitingBytes) return
    this.isFull = false
    this.changed()
    this.place.pin?.changed()
    this.ring.first?.session?.takesMore()
  }

  // The requests of its own session

  get whyAlone(): string {
    return this.place.whyAlone
  }

  relayed(bytes: Buffer): void {
    this.put(bytes, 0, bytes.length)
  }

  get takesMore(): boolean {
    return !this.isFull
  }

  /** Returns true if its oldest command may have more. @param alone nobody else waits for the session */
  takesReply(alone: boolean): boolean {
    return !this.isFull || (!alone && this.output.waiting <= this.redisLimits.shareReplyBytesMax)
  }

  /** True if more of a reply may be kept until those before it have left. */
  get holdsMore(): boolean {
    return this.keptBytes + this.output.waiting <= this.redisLimits.shareReplyBytesMax
  }

  sessionTakes(): void {
    this.maybeRead()
  }

  sessionClosed(session: RedisSession): void {
    this.place.sessionClosed(session)
  }

  relayEnded(): void {
    this.ending = true
    this.isOver = true
    // Replies are missing: what would come behind them is of no use.
    this.dropAll()
    this.changed()
  }

  // The turn ends

  settleSoon(): void {
    if (this.settles) return
    this.settles = true
    this.proxy.world.pollset.settleLater(this)
  }

  settle(): void {
    const { ring, incoming } = this
    this.settles = false
    if (this.hasLooseReplies) {
      this.hasLooseReplies = false
      for (let place = 0; place < ring.size; place++) ring.peek(place)?.answer.settle()
    }
    if (incoming.settle()) this.waits = ring.next < incoming.made
    this.entry.settle()
    // Copies were made.
    this.total.settle()
  }

  private inputEnded(): void {
    if (this.ending) return
    this.ending = true
    // A server that waits for them would answer nobody. The last one is dropped without an error, since
    // clients close so; without a reply in the place of another one, the replies behind it would shift.
    for (const each of this.ring)
      if (each === this.incoming.large) each.cancel()
      else if (each.does !== 'blocking') continue
      else if (this.ring.behind(each) === 0) each.cancel()
      else each.terminate(CLIENT_ENDED)
  }

  closed(): void {
    this.entry.leave()
    this.proxy.world.memoryLine.leave(this.line)
    this.incoming.close()
    this.ahead.clear()
    this.place.close()
    this.place.name.set(null)
    this.dropAll()
    this.proxy.closed(this)
  }

  private dropAll(): void {
    for (const each of this.ring) {
      each.discard()
      each.cancel()
    }
  }

  // The World's memory is spent, and this connection has held most of it for longest

  get heldOwner(): Continuation | null {
    for (const each of this.ring) if (each.held) return each
    return null
  }

  giveUp(): boolean {
    const { heldBytes } = this.total
    // The bytes of commands that are sent are kept for a retry only.
    for (const each of this.ring) if (each.isOwed && hasLeft(each)) dropBytes(each)
    if (this.total.heldBytes < heldBytes) return false
    this.stalled()
    return true
  }

  stalled(): void {
    this.breakOff()
    this.incoming.close()
    this.ahead.clear()
    this.dropAll()
    for (const each of this.ring) dropBytes(each)
    this.place.name.set(null)
  }

  override describe(): Readonly<Record<string, unknown>> {
    const { place, ring } = this
    return {
      ...super.describe(),
      identity: place.seats.name,
      commands: ring.size,
      alone: place.pin?.id ?? null,
      standsBack: this.entry.standsBack,
      relays: place.relay !== null,
    }
  }
}
