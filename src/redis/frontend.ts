// A connection from a client: it reads commands, makes a continuation of each, and sends their replies in the
// order of the commands (the ring).
//
// What is read is bounded: a client is read no further with too many commands without replies, with commands
// that could not be sent in the turn in which they came, with replies that it does not take, and while a
// large command waits for its session.

import { ENDED, type Settleable, type Socket } from '../pollset/index.js'
import { ByteOutput, type ByteOutputOwner, KeptBytes, SocketConnection } from '../transport/index.js'
import { changeOf, infoOf, kindOf } from './arguments.js'
import type { Relay } from './ask.js'
import { Command } from './command.js'
import { TURN } from './command-answer.js'
import { CommandRing } from './command-ring.js'
import { type CommandInfo, type Kind, UNKNOWN } from './commands.js'
import type { RedisLimits } from './limits.js'
import { Place } from './place.js'
import { type Route, routeOf, routeWithin, together } from './plan.js'
import type { RedisProxy } from './redis-proxy.js'
import { BAD, COMMAND, LARGE, MORE, NOTHING, PIECE, RequestReader } from './request-reader.js'
import { keepCommands } from './sent-commands.js'
import type { RedisSession } from './session.js'
import { protocolError, REFUSED_IN_RELAY } from './texts.js'

export class RedisFrontend extends SocketConnection implements ByteOutputOwner, Relay, Settleable {
  readonly kind = 'redis-frontend'
  readonly number: number
  readonly proxy: RedisProxy
  readonly redisLimits: RedisLimits
  readonly output: ByteOutput
  readonly place: Place
  /** Commands whose replies have not left, the oldest first. Their numbers follow each other. */
  readonly ring = new CommandRing()
  private readonly reader: RequestReader
  private made = 0
  /** Commands that were made in this turn. */
  private readonly fresh: Command[] = []
  private settles = false
  /** Commands of an earlier turn are not sent. */
  private waits = false
  /** Commands on sessions that are shared no longer. */
  staying = 0
  /** The bytes of replies that wait until those before them have left. */
  keptBytes = 0
  /** Replies wait for the client. */
  private isFull = false
  private isBlocked = false
  private quits = false
  private isBroken = false
  /** The command whose rest is to come. */
  private large: Command | null = null

  constructor(proxy: RedisProxy, socket: Socket) {
    super(proxy.world, proxy.world.nextId('m'), socket)
    this.output = new ByteOutput(proxy.world, this)
    this.output.attach(socket, this)
    this.proxy = proxy
    this.number = proxy.nextClient()
    this.redisLimits = proxy.limits
    const { pollset, memory } = proxy.world
    const { shareBytesMax, bulkBytesMax } = proxy.limits
    this.reader = new RequestReader(new KeptBytes(pollset, memory), shareBytesMax, bulkBytesMax)
    this.place = new Place(this, proxy)
  }

  get mayRead(): boolean {
    const { relay } = this.place
    if (this.quits || this.isFull) return false
    if (this.large !== null) return relay === null ? this.takesLarge(this.large) : relay.takesBytes
    if (relay !== null) return this.ring.size === 0 && relay.takesBytes
    return !this.waits && this.ring.size < this.redisLimits.commandsMax
  }

  private takesLarge(c: Command): boolean {
    return c.told || c.finished || (c.session?.takesBytes ?? false)
  }

  get owes(): boolean {
    return this.ring.size > 0 || this.place.relay !== null
  }

  override advance(): boolean {
    const goesOn = super.advance()
    // Its server answers what has come, then ends the session, and so this connection.
    if (this.ending) this.place.relay?.endInput()
    this.isBlocked = !this.mayRead
    return goesOn
  }

  /** Goes on reading if it may. */
  private maybeRead(): void {
    if (this.isBlocked && this.mayRead) this.changed()
  }

  take(socket: Socket): void {
    for (let chunk = this.mayRead ? socket.take() : null; chunk !== null; ) {
      const at = this.takeChunk(chunk)
      if (at < chunk.length) {
        if (!this.quits) socket.unread(chunk.subarray(at))
        break
      }
      chunk = this.mayRead ? socket.take() : null
    }
    if ((socket.readiness & ENDED) !== 0 && socket.arrived.length === 0) this.inputEnded()
  }

  /** Reads commands. Returns the offset after what was read. */
  private takeChunk(chunk: Buffer): number {
    const { reader } = this
    let at = 0
    while (at < chunk.length && this.mayRead) {
      const { relay } = this.place
      if (relay !== null && this.proxy.options.allowAdmin && this.large === null && !reader.isWithin) {
        relay.send(chunk, at, chunk.length)
        return chunk.length
      }
      at = reader.read(chunk, at, chunk.length)
      if (reader.found === COMMAND) {
        if (relay === null) at = this.command(chunk, at)
        else this.pass(relay)
      } else if (reader.found === LARGE) this.largeBegins()
      else if (reader.found === PIECE) this.piece(reader.last)
      else if (reader.found === BAD) {
        this.malformed(reader.fault)
        return chunk.length
      } else if (reader.found !== MORE && reader.found !== NOTHING) return at
    }
    return at
  }

  /** With several shards: where the command that was read goes. */
  private routeOf(info: CommandInfo, does: Kind): Route {
    const { map } = this.place.seats
    return map.isSharded ? routeOf(info, does, this.reader, map) : null
  }

  /** Keys have moved since it was read. */
  routeAgain(c: Command): void {
    const { map } = this.place.seats
    c.map = map
    if (!c.isComplete) return
    const { pollset, memory } = this.proxy.world
    const { bulkBytesMax } = this.redisLimits
    const reader = new RequestReader(new KeptBytes(pollset, memory), Number.POSITIVE_INFINITY, bulkBytesMax)
    c.route = routeWithin(c, reader, map, (info, read) => this.kindOf(info, read))
  }

  private kindOf(info: CommandInfo, reader = this.reader): Kind {
    const { share, allowAdmin } = this.proxy.options
    return kindOf(info, reader, share === 'never', allowAdmin)
  }

  /** Makes a continuation of the command that was read. Returns the offset after it. */
  private command(chunk: Buffer, at: number): number {
    const { reader, place } = this
    const info = infoOf(reader)
    const does = this.kindOf(info)
    const c = this.make(info, does)
    c.map = place.seats.map
    c.route = this.routeOf(info, does)
    c.buffer = reader.buffer
    c.start = reader.start
    c.end = reader.end
    if (does === 'identity') c.change = changeOf(info, reader)
    else if (does === 'local' && reader.known > 2)
      c.argument = Buffer.from(reader.buffer.subarray(reader.from[2], reader.to[2]))
    // Nothing behind these is read.
    if (does === 'http' || (does === 'local' && info.name === 'quit')) this.quits = true
    let after = at
    if (does === 'multi' && reader.buffer === chunk && place.isPlain && this.ring.isSharedUpTo(c))
      after = this.wholeTransaction(c, chunk, at)
    c.begin()
    return after
  }

  /** If all of a transaction has come, it is one command: no other gets between. */
  private wholeTransaction(c: Command, chunk: Buffer, at: number): number {
    const { reader, place } = this
    let replies = 1
    let route: Route = null
    for (let to = at; to < chunk.length; ) {
      to = reader.read(chunk, to, chunk.length)
      if (reader.found !== COMMAND || reader.buffer !== chunk) break
      const info = infoOf(this.reader)
      const does = this.kindOf(info)
      replies++
      if (does === 'exec') {
        c.end = to
        c.does = 'shared'
        c.route = route
        c.replies = replies
        return to
      }
      if (does !== 'shared') break
      route = together(route, this.routeOf(info, does), place.seats.map)
    }
    reader.release()
    return at
  }

  private make(info: CommandInfo, does: Kind): Command {
    const c = new Command(this, this.made++, info, does)
    this.ring.push(c)
    this.fresh.push(c)
    this.settleSoon()
    return c
  }

  /** A client that has taken over a session sends a command to it. */
  private pass(relay: RedisSession): void {
    const { reader } = this
    if (this.place.mayPass(infoOf(reader))) relay.send(reader.buffer, reader.start, reader.end)
    else relay.send(REFUSED_IN_RELAY, 0, REFUSED_IN_RELAY.length)
  }

  private largeBegins(): void {
    const { reader } = this
    const info = infoOf(reader)
    const c = this.make(info, this.kindOf(info))
    c.buffer = reader.buffer
    c.start = reader.start
    c.end = reader.end
    c.map = this.place.seats.map
    c.route = this.routeOf(info, c.does)
    c.isLarge = true
    c.isComplete = false
    this.large = c
    c.begin()
  }

  private piece(last: boolean): void {
    const { reader, large, place } = this
    const to = place.relay ?? large?.session ?? null
    if (to !== null) to.send(reader.buffer, reader.start, reader.end)
    if (!last || large === null) return
    large.isComplete = true
    this.large = null
  }

  private malformed(why: string): void {
    if (this.place.relay !== null || this.large !== null) {
      // The server says what is wrong with it; a half of a command must not stay there.
      this.breakOff()
      return
    }
    const c = this.make(UNKNOWN, 'malformed')
    c.argument = protocolError(why)
    this.quits = true
    c.begin()
  }

  // What commands ask

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
    for (let oldest = ring.first; oldest !== null; oldest = ring.first) {
      if (!oldest.told) {
        if (oldest.hold === null) oldest.stream()
        oldest.answer.raise(TURN)
        return
      }
      oldest.leave()
      ring.shift()
    }
    place.idle()
    if (this.quits) this.ending = true
    if (this.ending || this.isBlocked) this.changed()
  }

  put(buffer: Buffer, from: number, to: number): void {
    const { output, redisLimits: limits } = this
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

  // What its own session asks

  relayed(bytes: Buffer): void {
    this.put(bytes, 0, bytes.length)
  }

  get takesMore(): boolean {
    return !this.isFull
  }

  /** Whether its oldest command may have more of its reply. @param alone nobody else waits for the session */
  takesReply(alone: boolean): boolean {
    return !this.isFull || (!alone && this.output.waiting <= this.redisLimits.shareReplyBytesMax)
  }

  /** Whether more of a reply may be kept until those before it have left. */
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
    this.changed()
  }

  // The turn ends

  settleSoon(): void {
    if (this.settles) return
    this.settles = true
    this.proxy.world.pollset.settleLater(this)
  }

  settle(): void {
    const { ring, fresh } = this
    this.settles = false
    for (let place = 0; place < ring.size; place++) ring.peek(place)?.settleReply()
    if (fresh.length === 0) return
    keepCommands(fresh, this.redisLimits.retryBytesMax)
    fresh.length = 0
    this.waits = this.ring.next < this.made
  }

  private inputEnded(): void {
    if (this.ending) return
    this.ending = true
    // A server that waits for them would answer nobody.
    for (const each of this.ring) if (each.does === 'blocking' || each === this.large) each.cancel()
  }

  closed(): void {
    this.reader.release()
    this.place.close()
    for (const each of this.ring) {
      each.discard()
      each.cancel()
    }
    this.proxy.closed(this)
  }

  /** The World's memory is spent, and this connection holds most of it. */
  stalled(): void {
    this.breakOff()
  }

  override describe(): Readonly<Record<string, unknown>> {
    const { place, ring } = this
    return {
      ...super.describe(),
      identity: place.seats.name,
      commands: ring.size,
      alone: place.pin?.id ?? null,
      relays: place.relay !== null,
    }
  }
}
