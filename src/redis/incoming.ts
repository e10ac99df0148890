// The commands of a client as they come: each is read, routed, and made a continuation. A whole transaction
// is one command; a large command passes in pieces. The commands of a client that has taken over a session
// pass to it.

import { KeptBytes } from '../transport/index.js'
import { changeOf, infoOf, kindOf } from './arguments.js'
import { Command } from './command.js'
import { trailOf } from './command-trail.js'
import { type CommandInfo, type Kind, UNKNOWN } from './commands.js'
import type { RedisFrontend } from './frontend.js'
import type { Place } from './place.js'
import { isPlan, type Route, routeOf, routeWithin, together } from './plan.js'
import type { RedisProxy } from './redis-proxy.js'
import { BAD, COMMAND, LARGE, MORE, NOTHING, PIECE, RequestReader } from './request-reader.js'
import { countExtra, keepCommands } from './sent-commands.js'
import type { RedisSession } from './session.js'
import { protocolError, REFUSED_IN_RELAY } from './texts.js'

export class Incoming {
  /** The number of commands that have come. */
  made = 0
  /** Nothing more is read. */
  quits = false
  /** The command whose rest is to come. */
  large: Command | null = null
  /** The rest of a large command passes to the session: it was not refused. */
  private isPassed = true
  private readonly reader: RequestReader
  /** Commands that were made in this turn. */
  private readonly fresh: Command[] = []
  private readonly frontend: RedisFrontend
  private readonly proxy: RedisProxy
  private readonly place: Place

  constructor(frontend: RedisFrontend, proxy: RedisProxy) {
    const { pollset, memory } = proxy.world
    const { shareBytesMax, bulkBytesMax } = proxy.limits
    this.frontend = frontend
    this.proxy = proxy
    this.place = frontend.place
    const kept = new KeptBytes(pollset, memory, frontend.total)
    this.reader = new RequestReader(kept, shareBytesMax, bulkBytesMax)
  }

  /** A command has begun to come, and its rest has not. */
  get isWithin(): boolean {
    return this.large !== null || this.reader.isWithin
  }

  /** Reads commands. Returns the offset after what was read. */
  take(chunk: Buffer): number {
    const { reader, frontend, place } = this
    let at = 0
    while (at < chunk.length && frontend.mayBegin) {
      const { relay } = place
      if (relay !== null && this.passesAll && this.large === null && !reader.isWithin) {
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

  /** A client that has taken over a session may send anything, and names no client by a number of ours. */
  private get passesAll(): boolean {
    const { allowAdmin, share } = this.proxy.options
    return allowAdmin && share === 'never'
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
    const { bulkBytesMax } = this.proxy.limits
    const reader = new RequestReader(new KeptBytes(pollset, memory), Number.POSITIVE_INFINITY, bulkBytesMax)
    c.route = routeWithin(c, reader, map, (info, read) => this.kindOf(info, read))
    countExtra(c)
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
    c.bytesIn = c.end - c.start
    c.kept = reader.handOver()
    this.translate(c)
    if (does === 'identity') c.change = changeOf(info, reader)
    else if (does === 'local' && reader.known > 2)
      c.argument = Buffer.from(reader.buffer.subarray(reader.from[2], reader.to[2]))
    if (does !== 'shared' || isPlan(c.route)) countExtra(c)
    // Nothing behind these is read.
    if (does === 'http' || (does === 'local' && info.name === 'quit')) this.quits = true
    let after = at
    if (does === 'multi' && reader.buffer === chunk && place.isPlain && this.frontend.ring.isSharedUpTo(c))
      after = this.wholeTransaction(c, chunk, at)
    c.begin()
    return after
  }

  /** Numbers of clients become those of the server. */
  private translate(c: Command): void {
    const translated = this.proxy.clientIds.translated(c.info, this.reader)
    if (translated === null) return
    c.kept?.clear()
    c.kept = null
    c.buffer = translated
    c.start = 0
    c.end = translated.length
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
      // The reply to DISCARD says nothing of what became of the others: they go by themselves.
      if (info.name === 'exec') {
        c.end = to
        c.bytesIn = to - c.start
        c.does = 'shared'
        c.route = route
        c.replies = replies
        return to
      }
      if (does !== 'shared' || place.sharded.isOfCluster(info)) break
      route = together(route, this.routeOf(info, does), place.seats.map)
    }
    reader.release()
    return at
  }

  private make(info: CommandInfo, does: Kind): Command {
    const { frontend } = this
    const c = new Command(frontend, this.made++, info, does)
    frontend.ring.push(c)
    this.proxy.begun++
    this.fresh.push(c)
    frontend.settleSoon()
    return c
  }

  /** A client that has taken over a session sends a command to it. */
  private pass(relay: RedisSession): void {
    const { reader } = this
    const info = infoOf(reader)
    const translated = this.proxy.clientIds.translated(info, reader)
    if (translated !== null) relay.send(translated, 0, translated.length)
    else if (this.proxy.mayPass(info)) relay.send(reader.buffer, reader.start, reader.end)
    else relay.send(REFUSED_IN_RELAY, 0, REFUSED_IN_RELAY.length)
  }

  private largeBegins(): void {
    const { reader } = this
    const { relay } = this.place
    const info = infoOf(reader)
    if (relay !== null) {
      this.isPassed = this.proxy.mayPass(info)
      this.pass(relay)
      return
    }
    const c = this.make(info, this.kindOf(info))
    c.buffer = reader.buffer
    c.start = reader.start
    c.end = reader.end
    c.bytesIn = c.end - c.start
    c.map = this.place.seats.map
    c.route = this.routeOf(info, c.does)
    c.isLarge = true
    c.isComplete = false
    this.large = c
    c.begin()
  }

  private piece(last: boolean): void {
    const { reader, large, place } = this
    if (large !== null) large.bytesIn += reader.end - reader.start
    const { relay } = place
    // Its beginning may wait, or be replaced: its rest follows it only.
    const to = large === null || large.sentTo === relay ? relay : large.session
    if (to !== null && this.isPassed) to.send(reader.buffer, reader.start, reader.end)
    if (last) this.isPassed = true
    if (!last || large === null) return
    large.isComplete = true
    this.large = null
  }

  private malformed(why: string): void {
    if (this.place.relay !== null || this.large !== null) {
      // The server says what is wrong with it; a half of a command must not stay there.
      this.frontend.breakOff()
      return
    }
    const c = this.make(UNKNOWN, 'malformed')
    c.argument = protocolError(why)
    this.quits = true
    c.begin()
  }

  /** The number of commands that were made in this turn. */
  get begun(): number {
    return this.fresh.length
  }

  /** The turn ends: commands that came in it keep what is needed. Returns true if some came. */
  settle(): boolean {
    const { fresh, proxy } = this
    if (fresh.length === 0) return false
    const { isCluster } = this.place.seats.map
    const retryBytesMax = isCluster ? Number.POSITIVE_INFINITY : proxy.limits.retryBytesMax
    keepCommands(fresh, proxy.world.memory.aboveSoft ? -1 : retryBytesMax, this.frontend.total)
    // They may have to be sent again.
    if (isCluster) for (const each of fresh) if (!each.told) trailOf(each)?.keeps(each.end - each.start)
    fresh.length = 0
    return true
  }

  close(): void {
    this.reader.release()
  }
}
