// A command of a client as a continuation: its bytes, the session on which it was sent, and what has come of
// its reply. Its steps are in command-steps.ts. Replies leave in the order of the commands: a command that
// has its reply stays in its client's ring until it is the oldest (spec/redis.md).

import { Continuation, WaitTimes } from '../continuation/index.js'
import { type Engine, Lease } from '../engine/index.js'
import type { KeptBytes, KeptCopy } from '../transport/index.js'
import type { Ask, Sharer } from './ask.js'
import { ANSWERED, Answer, STAYS } from './command-answer.js'
import { commandSteps } from './command-steps.js'
import { askFirst, isDoubtful, wasRedirected } from './command-trail.js'
import { commandView, outcomeOf } from './command-view.js'
import type { CommandInfo, Kind } from './commands.js'
import { type Division, endDivision } from './division.js'
import type { RedisFrontend } from './frontend.js'
import type { IdentityChange } from './identity.js'
import type { Route } from './plan.js'
import type { Trail } from './redirects.js'
import { hasReply, isResendable } from './resending.js'
import { dropBytes } from './sent-commands.js'
import type { RedisSession } from './session.js'
import type { ShardMap } from './shards.js'
import { stay, staysNoMore } from './staying.js'
import { codeOf, ENDED, execAborted, INTERNAL } from './texts.js'

export class Command extends Continuation implements Ask, Sharer {
  readonly frontend: RedisFrontend
  readonly number: number
  readonly info: CommandInfo
  readonly kind: string
  /** Its treatment: `info.kind`, unless its arguments or its client require another. */
  does: Kind
  /** Its bytes: of this turn's read buffer until the turn settles, of its own behind that; null when gone. */
  buffer: Buffer | null
  start: number
  end: number
  /** The memory of its bytes: its own, or that of a copy which others use too. */
  kept: KeptBytes | KeptCopy | null
  /** The bytes of copies of its arguments, which its client keeps too: parts for several shards, a name. */
  extra: number
  /** It was sent, and only its beginning is kept, for people. */
  isCut: boolean
  /** More of it is to come: it is sent as it comes. */
  isLarge: boolean
  readonly lease: Lease<RedisSession>
  readonly answer: Answer
  /** The session to which it was sent, until its reply is complete; and that to which it was sent last. */
  session: RedisSession | null
  sentTo: RedisSession | null
  engine: Engine<RedisSession> | null
  askedAt: number
  /** The time of its receipt, plus the time that a debugger held it, in ms of the pollset's clock. */
  receivedAt: number
  /** The number of its replies: a transaction in one piece has several. */
  owed: number
  replies: number
  attempts: number
  /** The first bytes of its last reply. */
  replyType: number
  replySecond: number
  /** Parts of its reply have left. */
  streams: boolean
  /** It may leave its client's ring. */
  told: boolean
  /** It was sent in its turn, or passed over. */
  hadTurn: boolean
  /** No further part of its reply is of use. */
  dropped: boolean
  /** Its reply, if it was ended and its client stays (Y9, Y30); true if its client has left before that. */
  endedWith: Buffer | null
  isLeft: boolean
  /** The code of the error that it was refused with. */
  code: string | null
  /** Its session has gone without the whole reply. */
  wasLost: boolean
  /** Its bytes had not left by then. */
  isSafe: boolean
  /** That session was its client's alone. */
  wasAlone: boolean
  /** The offset of its first byte in all that its session was given. */
  private position: number
  /** Its session is shared no longer: the commands behind it wait. */
  isStaying: boolean
  /** The bytes that have come of it, and of its reply. */
  bytesIn: number
  received: number
  /** The bytes that had come, and those that its client had taken, at the last look. */
  receivedBefore: number
  takenBefore: number
  /** The change of identity that it asks for. */
  change: IdentityChange | null
  /** Its second argument, if it is answered here; the error of what is malformed. */
  argument: Buffer | null
  /** All of it has come. */
  isComplete: boolean
  /** The places of its keys by this map, with several shards. */
  route: Route
  map: ShardMap | null
  division: Division | null
  /** In a cluster: how it finds its keys. */
  trail: Trail | null
  /** The bytes that are sent before it, and whose reply is dropped: the MULTI that was answered here. */
  preface: Buffer | null

  constructor(frontend: RedisFrontend, number: number, info: CommandInfo, does: Kind) {
    const { world, durations } = frontend.proxy
    super(world, durations)
    this.frontend = frontend
    this.number = number
    this.info = info
    this.kind = 'redis-command'
    this.does = does
    this.buffer = null
    this.start = 0
    this.end = 0
    this.kept = null
    this.extra = 0
    this.isCut = false
    this.isLarge = false
    this.session = null
    this.sentTo = null
    this.engine = null
    this.askedAt = 0
    this.receivedAt = world.pollset.now
    this.owed = 1
    this.replies = 1
    this.attempts = 0
    this.replyType = 0
    this.replySecond = 0
    this.streams = false
    this.told = false
    this.hadTurn = false
    this.dropped = false
    this.endedWith = null
    this.isLeft = false
    this.code = null
    this.wasLost = false
    this.isSafe = false
    this.wasAlone = false
    this.position = 0
    this.isStaying = false
    this.bytesIn = 0
    this.received = 0
    this.receivedBefore = 0
    this.takenBefore = 0
    this.change = null
    this.argument = null
    this.isComplete = true
    this.route = null
    this.map = null
    this.division = null
    this.trail = null
    this.preface = null
    this.lease = new Lease<RedisSession>(this)
    this.answer = new Answer(this)
    if (frontend.proxy.measuresSteps) this.waitTimes = new WaitTimes()
  }

  get id(): string {
    return `${this.frontend.id}/c${this.number}`
  }

  override get holdable(): boolean {
    return true
  }

  begin(): void {
    commandSteps.start(this.frontend.proxy.world, this, 'route')
  }

  own(reply: Buffer): void {
    this.answer.forget()
    this.answer.own(reply)
  }

  /** Takes a reply that is made of those of its parts. */
  ownCopy(reply: Buffer): void {
    this.answer.forget()
    this.answer.ownCopy(reply)
  }

  reply(buffer: Buffer, from: number, to: number, last: boolean, type: number): void {
    if (last) this.owed--
    this.received += to - from
    if (!this.dropped) {
      if (this.replyType === 0 || this.replies > 1) {
        this.replyType = type
        this.replySecond = to > from + 1 ? buffer[from + 1] : 0
      } else if (this.replySecond === 0) this.replySecond = buffer[from]
      if (this.streams) this.frontend.put(buffer, from, to)
      else this.answer.add(buffer, from, to)
      if (this.owed > 0 && this.hold === null && this.frontend.ring.isOldest(this)) this.stream()
    }
    if (this.owed === 0) this.answered()
  }

  /** It is the oldest of its client: its reply leaves as it comes, so that no long one is whole in memory. */
  stream(): void {
    // The reply to a change of identity may turn into an error.
    if (this.replyType === 0 || this.streams || this.does === 'identity' || isDoubtful(this)) return
    const { session, takesMore } = this
    this.streams = true
    this.answer.leave()
    if (!takesMore) session?.takesMore()
  }

  private answered(): void {
    const { session } = this
    this.session = null
    if (session !== null && !wasRedirected(this, session)) this.frontend.place.replied(this, session)
    this.answer.raise(ANSWERED)
  }

  get sharer(): Sharer | null {
    return this.dropped ? null : this
  }

  get client(): RedisFrontend {
    return this.frontend
  }

  get takesMore(): boolean {
    const { frontend } = this
    const leaves = this.streams || (this.hold === null && frontend.ring.isOldest(this))
    return leaves ? frontend.takesReply(this.isStaying) : frontend.holdsMore
  }

  get mayMove(): boolean {
    return this.replyType === 0 && this.info.readonly && this.mayRetry
  }

  stays(): void {
    stay(this)
    this.answer.raise(STAYS)
  }

  moves(): void {
    stay(this)
    this.session = null
    this.wasLost = true
    this.isSafe = false
    this.trail?.landed(false)
    this.frontend.ring.goBackTo(this)
    this.answer.raise(ANSWERED)
  }

  override released(ms: number): void {
    this.receivedAt += ms
    this.lease.heldNoMore()
    this.frontend.told()
  }

  /** Its session owes it a reply that it waits for. */
  get isOwed(): boolean {
    return this.session !== null && !this.dropped
  }

  /** There is no whole reply in time, and it is dropped. */
  giveUp(error: Buffer): void {
    const { session, frontend } = this
    if (this.streams && !frontend.takesMore) frontend.overflow()
    this.trail?.landed(true)
    this.dropped = true
    // Its session may have gone meanwhile, or its keys: it is answered, and not sent again.
    this.wasLost = false
    this.trail?.stays()
    frontend.place.gaveUp(this)
    this.refuse(error)
    session?.takesMore()
  }

  lost(): void {
    const { session } = this
    this.session = null
    if (session === null || this.dropped) return
    this.wasLost = true
    this.isSafe = this.hasNotLeft(session)
    this.trail?.landed(!this.isSafe && !this.info.readonly)
    this.frontend.place.lost(this, session)
    this.wasAlone = session.owner !== null
    if (isResendable(this)) this.frontend.ring.goBackTo(this)
    this.answer.raise(ANSWERED)
  }

  /** None of its bytes has gone into a write. */
  hasNotLeft(session: RedisSession): boolean {
    return this.position >= session.output.takenBytes
  }

  sendOn(session: RedisSession): void {
    staysNoMore(this)
    this.session = session
    this.sentTo = session
    this.isSafe = false
    this.askedAt = this.frontend.proxy.world.pollset.now
    this.position = session.output.putBytes
    this.owed = this.replies
    this.attempts++
    askFirst(this, session)
    session.ask(this, this.buffer as Buffer, this.start, this.end)
  }

  get mayRetry(): boolean {
    return isResendable(this) && this.frontend.ring.mayResend(this)
  }

  /** Forgets what has come of a reply, to be sent again. */
  again(): void {
    this.frontend.ring.goBackTo(this)
    this.trail?.again(this.wasLost)
    // It did not run this time.
    if (!this.wasLost) this.attempts--
    this.wasLost = false
    this.replyType = 0
    this.received = 0
    this.answer.forget()
    this.answer.lower(ANSWERED)
  }

  get outcome(): string {
    return outcomeOf(this)
  }

  /** It has its reply, or an error in its place. */
  tell(): void {
    this.frontend.proxy.ended(this)
    this.told = true
    staysNoMore(this)
    this.trail?.end()
    dropBytes(this)
    this.frontend.advanceFrom(this)
    this.frontend.told()
  }

  /** Its reply is this error. A part of another reply that has left cannot be taken back. */
  refuse(error: Buffer): void {
    this.code = codeOf(error)
    this.answer.forget()
    if (this.streams) {
      this.frontend.breakOff()
      return
    }
    // The client's next commands, parts of its transaction, must not run alone.
    if (this.does === 'multi' && this.attempts === 0 && this.frontend.ring.isNext(this))
      this.frontend.place.transactionBroke()
    const errors = Array.from({ length: this.replies - 1 }, () => error)
    errors.push(this.replies > 1 || this.does === 'exec' ? execAborted(error) : error)
    this.own(Buffer.concat(errors))
  }

  /** Ends it, while its client stays: the reply is an error (Y30). */
  terminate(error = ENDED): void {
    this.endedWith = error
    this.cancel()
  }

  passedOver(): void {
    if (this.attempts > 0 || !this.frontend.place.endedUnsent(this)) return
    this.dropped = true
    this.answer.forget()
  }

  /** It was cancelled: by its client's end, or by an operator. */
  drop(): void {
    const { frontend, session } = this
    this.lease.release()
    if (this.endedWith !== null && !frontend.finished) {
      endDivision(this)
      if (session === null && frontend.ring.isNext(this)) this.passedOver()
      if (!this.dropped && !hasReply(this)) this.giveUp(this.endedWith)
    } else {
      this.dropped = true
      this.isLeft = true
      this.discard()
      frontend.place.dropped(this)
      session?.takesMore()
    }
    this.tell()
  }

  /** Its client has gone. Its bytes are there until it ends, unless somebody holds it. */
  discard(): void {
    if (this.hold !== null) dropBytes(this)
    this.answer.forget()
    endDivision(this)
  }

  crashed(): void {
    this.code = 'internal-error'
    this.drop()
    this.own(INTERNAL)
    this.told = true
    this.frontend.told()
  }

  override describe(): Readonly<Record<string, unknown>> {
    return commandView(this)
  }
}
