// A connection to a server of Redis. It says first who it is (the greeting), then carries the commands of
// many clients, or of one. Replies come in the order of the commands: each part of a reply goes to the oldest
// ask. A client that has the session for itself may take over its bytes altogether (the relay): then nothing
// is read here.

import { type Fault, fault } from '../continuation/index.js'
import type { Session, SessionReports, SessionState } from '../engine/index.js'
import { ENDED, type Holder, type Socket } from '../pollset/index.js'
import { ByteOutput, type ByteOutputOwner, Pipeline, SocketConnection } from '../transport/index.js'
import { type Ask, Greeting, type Relay, type Sharer, Unwanted } from './ask.js'
import { IdQuestion } from './client-ids.js'
import { Gathering } from './gathering.js'
import type { Identity } from './identity.js'
import { arrayOf } from './inline.js'
import type { RedisLimits } from './limits.js'
import { PART, PUSH, ReplyReader, WRONG } from './reply-reader.js'
import { holdersOfSession } from './session-holders.js'
import { Stall } from './stall.js'
import type { RedisWorld } from './world.js'

const RESET = arrayOf(['RESET'])
const CLIENT_ID = arrayOf(['CLIENT', 'ID'])

export class RedisSession extends SocketConnection implements ByteOutputOwner, Session {
  readonly kind = 'redis-session'
  readonly features = 0
  state: SessionState = 'opening'
  leased = 0
  capacity: number
  readonly identity: Identity
  readonly asks = new Pipeline<Ask>()
  /** The client that it belongs to, if it is not shared. */
  owner: Relay | null = null
  /** Its owner has taken over its bytes. */
  relays = false
  /** Commands have changed it: the next owner must not get it so. */
  isDirty = false
  /** It was shared, and serves the client of a long reply: it takes no more commands (Y15). */
  isSurrendered = false
  /** The number by which its server knows it; 0 if it was not asked, or has not told. */
  serverId = 0
  private isIdAsked = false
  /** The reason why it cannot be used. */
  private fault: Fault | null = null
  private readonly reports: SessionReports<RedisSession>
  private readonly reader = new ReplyReader()
  private readonly most: number
  private readonly redisLimits: RedisLimits
  readonly output: ByteOutput
  readonly stall: Stall
  readonly gathering: Gathering
  /** When its last lease ended. */
  private idleSince: number
  /** `take` has begun. */
  private greeted = false
  /** Its owner waits until it takes bytes. */
  private isFull = false
  private isAborted = false

  /** @param most the commands that it carries at once */
  constructor(
    world: RedisWorld,
    id: string,
    socket: Socket,
    identity: Identity,
    most: number,
    reports: SessionReports<RedisSession>,
  ) {
    super(world, id, socket)
    this.output = new ByteOutput(world, this)
    this.output.attach(socket, this)
    this.gathering = new Gathering(this.output, world.pollset, world.redisLimits.gatherMs)
    this.stall = new Stall(this, world.pollset.deadlines)
    this.identity = identity
    this.capacity = most
    this.most = most
    this.reports = reports
    this.redisLimits = world.redisLimits
    this.idleSince = world.pollset.now
  }

  get mayRead(): boolean {
    const { owner } = this
    return owner === null ? (this.asks.first?.sharer?.takesMore ?? true) : owner.takesMore
  }

  get owes(): boolean {
    return this.asks.size > 0 || (this.relays && !this.ended)
  }

  get idleBy(): number {
    return this.idleSince + this.redisLimits.backendIdleMs
  }

  /** It has nothing to do, and belongs to no client. */
  get isIdle(): boolean {
    return this.leased === 0 && this.asks.size === 0
  }

  private get ended(): boolean {
    return (this.socket.readiness & ENDED) !== 0
  }

  take(socket: Socket): void {
    if (!this.greeted) this.greet()
    for (let chunk = this.mayRead ? socket.take() : null; chunk !== null; ) {
      // Its number may be asked for directly before it is taken over.
      if (this.relays && this.asks.size === 0) this.owner?.relayed(chunk)
      else this.takeReplies(chunk)
      chunk = this.mayRead ? socket.take() : null
    }
    if (this.ended && socket.arrived.length === 0) this.inputEnded()
  }

  private greet(): void {
    const { identity } = this
    this.greeted = true
    if (identity.greetings === 0) this.reports.opened(this)
    else this.introduce(identity.greeting, identity.greetings, () => this.reports.opened(this))
  }

  private introduce(commands: Buffer, replies: number, done: () => void): void {
    const told = (error: string | null): void => {
      this.stall.close()
      if (error === null) done()
      else {
        this.fault = fault(
          'backend-refused',
          'backend',
          'connection',
          'safe',
          `the backend refused: ${error}`,
        )
        this.end()
      }
    }
    const { selectsTwice } = this.identity
    const { now } = this.world.pollset
    this.asks.push(new Greeting(now, replies, selectsTwice, told))
    this.output.write(commands)
    // Nobody who waits for a session has it yet, so nobody would notice that its server is silent (Y45).
    this.stall.lookAt(now + this.redisLimits.leaseMs)
  }

  private takeReplies(chunk: Buffer): void {
    const { reader, asks } = this
    for (let at = 0; at < chunk.length; ) {
      const from = at
      at = reader.read(chunk, at, chunk.length)
      // Nobody here asked for pushes: a client that does has taken the session over.
      if (reader.found === PUSH || (reader.found === PART && reader.type === 0x3e)) continue
      const ask = asks.first
      if (reader.found === WRONG || ask === null) {
        this.abort()
        return
      }
      const last = reader.found !== PART
      // It leaves first: its end may give this session to another.
      if (last && ask.owed === 1) asks.shift()
      ask.reply(chunk, from, at, last, reader.type)
      if (this.relays && asks.size === 0) {
        if (at < chunk.length) this.owner?.relayed(chunk.subarray(at))
        return
      }
    }
    this.gathering.answered(asks.size)
    if (this.isSurrendered) this.closeIfUnwanted()
    else this.checkLength()
  }

  /** A long reply, and one whose client does not take it, does not hold up the commands of others (Y15). */
  private checkLength(): void {
    const { reader, asks } = this
    const { shareReplyBytesMax } = this.redisLimits
    const ask = asks.first
    if (ask === null || this.owner !== null || this.state !== 'open') return
    const { sharer } = ask
    if (reader.size <= shareReplyBytesMax && (sharer?.takesMore ?? true)) return
    if (this.reports.maySurrender) this.surrender(sharer)
    else sharer?.stays()
  }

  /** Serves this command, and those that must stay behind it. The others move to another session. */
  private surrender(served: Sharer | null): void {
    const { asks } = this
    this.isSurrendered = true
    this.capacity = 0
    const staying = new Set([served?.client])
    // A command must not pass another one of its client, so all of them stay or none.
    for (const { sharer } of asks) if (sharer !== null && !sharer.mayMove) staying.add(sharer.client)
    const moving: Sharer[] = []
    for (let place = 0; place < asks.size; place++) {
      const ask = asks.peek(place) as Ask
      const { sharer } = ask
      if (sharer === null) continue
      if (staying.has(sharer.client)) sharer.stays()
      else {
        moving.push(sharer)
        asks.replace(place, new Unwanted(ask))
      }
    }
    this.reports.surrendered(this)
    for (const sharer of moving) sharer.moves()
    this.closeIfUnwanted()
  }

  /** Returns true if a client waits behind this command for another one's reply. */
  isAwaitedBehind(first: Sharer): boolean {
    for (const { sharer } of this.asks) if (sharer !== null && sharer.client !== first.client) return true
    return false
  }

  /** The client of the oldest ask has taken bytes, or wants no more of it. */
  takesMore(): void {
    if (this.isSurrendered) this.closeIfUnwanted()
    this.changed()
  }

  private closeIfUnwanted(): void {
    for (const { sharer } of this.asks) if (sharer !== null) return
    if (this.asks.size === 0) this.end()
    else this.abort()
  }

  /** Sends a command whose replies this ask gets. */
  ask(ask: Ask, buffer: Buffer, from: number, to: number): void {
    const { asks, gathering } = this
    if (this.owner === null) gathering.add(asks.size)
    asks.push(ask)
    this.send(buffer, from, to)
    gathering.added()
  }

  /** Asks the server for its number, once. */
  askId(): void {
    if (this.isIdAsked) return
    this.isIdAsked = true
    const told = (id: number): void => {
      this.serverId = id
    }
    this.ask(new IdQuestion(this.world.pollset.now, told), CLIENT_ID, 0, CLIENT_ID.length)
  }

  /** Sends bytes of a command that was asked, or of a client that relays. */
  send(buffer: Buffer, from: number, to: number): void {
    const { output } = this
    output.put(buffer, from, to)
    if (output.waiting <= this.redisLimits.sessionWaitingBytes) return
    this.isFull = true
    this.capacity = 0
  }

  /** It carries no more commands: one that was to be sent on it needs another. */
  get isOver(): boolean {
    return this.isGone || this.ending || this.finished || this.isSurrendered
  }

  /** True if a client that relays, or sends a large command, may go on. */
  get takesBytes(): boolean {
    return !this.isFull
  }

  sent(): void {
    if (!this.isFull || this.output.waiting * 2 > this.redisLimits.sessionWaitingBytes) return
    this.isFull = false
    if (!this.isDirty) this.restore()
    this.owner?.sessionTakes()
  }

  private restore(): void {
    if (this.ending || this.isGone || this.isSurrendered) return
    this.capacity = this.most
    this.reports.changed(this)
  }

  /** A command of a shared session has its reply. */
  freed(): void {
    if (this.isSurrendered) return
    this.idleSince = this.world.pollset.now
    this.reports.freed(this)
  }

  /** Its client gives it back: it is cleaned if commands have changed it. */
  giveBack(): void {
    this.owner = null
    this.changed()
    if (this.asks.size > 0 || this.reader.isWithin || this.relays) this.abort()
    else if (this.isDirty && this.state === 'open' && !this.ending) {
      this.capacity = 0
      const { greeting, greetings } = this.identity
      this.introduce(Buffer.concat([RESET, greeting]), 1 + greetings, () => {
        this.isDirty = false
        this.restore()
      })
    }
    this.idleSince = this.world.pollset.now
    this.reports.freed(this)
  }

  /** Nobody waits for a command any more: the session is of no use if its oldest is as old as that may be. */
  checkStall(): void {
    const oldest = this.asks.first
    if (oldest === null) return
    const { leaseMs, sessionStallMs } = this.redisLimits
    const by = oldest.askedAt + (oldest instanceof Greeting ? leaseMs : sessionStallMs)
    if (this.world.pollset.now >= by) this.abort()
    else this.stall.lookAt(by)
  }

  /** Closes at once: its server drops what it does for it. */
  abort(): void {
    this.capacity = 0
    this.isAborted = true
    this.socket.destroy()
    this.changed()
  }

  override get isGone(): boolean {
    // The last bytes for a client that has taken it over may come with the end.
    const { relays, socket } = this
    return this.isAborted || (super.isGone && !(relays && socket.arrived.length > 0))
  }

  /** The client that has taken it over sends nothing more. */
  endInput(): void {
    this.output.finish()
  }

  /** Sends nothing more, and closes. */
  private end(): void {
    this.capacity = 0
    this.ending = true
    this.loseAll()
    this.changed()
  }

  private inputEnded(): void {
    if (this.ending) return
    // Commands that have not left may be sent again elsewhere: they must not leave here too.
    if (this.output.waiting > 0) this.abort()
    else this.end()
  }

  private loseAll(): void {
    for (let ask = this.asks.shift(); ask !== null; ask = this.asks.shift()) ask.lost()
  }

  close(): void {
    // It carries no lease: nobody waits for what its server still owes, and it reads no more.
    this.loseAll()
    this.cancel()
  }

  closed(): void {
    this.capacity = 0
    this.stall.close()
    this.loseAll()
    const { owner } = this
    this.owner = null
    owner?.sessionClosed(this)
    this.reports.closed(this, this.fault)
  }

  /** The World's memory is spent, and this connection holds most of it. */
  stalled(): void {
    this.abort()
  }

  override holders(): readonly Holder[] {
    return holdersOfSession(this)
  }

  override describe(): Readonly<Record<string, unknown>> {
    const { identity, asks, gathering, owner, relays, isSurrendered } = this
    return {
      ...super.describe(),
      identity: identity.name,
      asks: asks.size,
      gathered: gathering.size,
      shared: owner === null && !isSurrendered,
      relays,
    }
  }
}
