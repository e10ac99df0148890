// The part of a command that goes to several shards, for one of them: a continuation, which leases and asks
// for itself. None waits for another with a session in its hand.

import { Continuation, defineLife } from '../continuation/index.js'
import { LEASED, Lease, UNLEASED } from '../engine/index.js'
import { type Holder, Signal, type Subject } from '../pollset/index.js'
import { KeptBytes } from '../transport/index.js'
import { type Ask, type Sharer, Unwanted } from './ask.js'
import type { Command } from './command.js'
import { trailOf } from './command-trail.js'
import type { Division } from './division.js'
import { rivalsOfPart } from './passing.js'
import type { PlannedPart } from './plan.js'
import { nodeNamed, redirectionIn, Trail } from './redirects.js'
import type { RedisSession } from './session.js'
import { holdersOf } from './session-holders.js'
import type { Shard } from './shards.js'
import { stay } from './staying.js'
import { ASKING, errorReply, LATE, LOST, NO_LEASE_IN_TIME, PASSED, TOO_MANY_REDIRECTS } from './texts.js'

export const partLife = defineLife({
  name: 'redis.part',
  source: import.meta.url,
  edges: {
    lease: ['send', 'fail'],
    send: ['judge', 'giveUp', 'fail', 'lease', 'pause'],
    judge: ['lease', 'pause', 'end', 'fail'],
    pause: ['lease', 'fail'],
    giveUp: ['end'],
    fail: ['end'],
    end: ['done'],
  },
  waits: ['leaseMs', 'commandMs', 'tryAgainMs'],
})

const ANSWERED = 1
const MINUS = 0x2d
const ATTEMPTS_MAX = 3

/** The reply of a part, as what it waits for. */
class PartAnswer extends Signal {
  private readonly part: Part

  constructor(part: Part) {
    super(`${part.id}.reply`, 'reply', ['ANSWERED'])
    this.part = part
  }

  override holders(): readonly Holder[] {
    const { session, command } = this.part
    return session === null ? [] : holdersOf(session, this.part, command.frontend.proxy.world.pollset.now)
  }
}

/** The part of a command that is sent to one shard. */
export class Part extends Continuation implements Ask, Sharer {
  readonly id: string
  readonly kind = 'redis-part'
  readonly command: Command
  readonly planned: PlannedPart
  readonly lease: Lease<RedisSession>
  readonly answer: Signal
  readonly kept: KeptBytes
  /** The error in place of its reply. */
  error: Buffer | null = null
  askedAt = 0
  owed = 1
  wasLost = false
  session: RedisSession | null = null
  /** In a cluster: how it finds its keys. */
  readonly trail: Trail | null
  private isSafe = false
  private attempts = 0
  private position = 0
  private wasSent = false
  private readonly division: Division

  constructor(division: Division, planned: PlannedPart, number: number) {
    const { command } = division
    const { frontend } = command
    const { world, partDurations } = frontend.proxy
    super(world, partDurations)
    this.division = division
    this.command = command
    this.planned = planned
    this.id = `${command.id}/p${number}`
    this.lease = new Lease<RedisSession>(this)
    this.answer = new PartAnswer(this)
    this.kept = new KeptBytes(world.pollset, world.memory, frontend.total)
    this.trail =
      planned.keys !== null && trailOf(command) !== null ? new Trail(frontend.place.redirects) : null
    partSteps.start(world, this, 'lease')
  }

  override get holdable(): boolean {
    return true
  }

  override released(): void {
    this.lease.heldNoMore()
  }

  /** Sends it on the session that was leased. */
  send(): void {
    const { bytes, keys, spot } = this.planned
    const session = this.lease.take()
    this.session = session
    this.attempts++
    this.owed = 1
    this.askedAt = this.command.frontend.proxy.world.pollset.now
    this.position = session.output.putBytes
    if (keys !== null && keys.length > 1) this.trail?.crowds(spot)
    this.trail?.sent()
    if (this.trail?.asks === true) session.ask(new Unwanted(this), ASKING, 0, ASKING.length)
    session.ask(this, bytes, 0, bytes.length)
    this.noteSent()
  }

  /** The commands behind its own may be sent when each part was. */
  private noteSent(): void {
    if (this.wasSent) return
    this.wasSent = true
    this.division.sent()
  }

  reply(buffer: Buffer, from: number, to: number, last: boolean, type: number): void {
    if (this.error === null) {
      this.kept.append(buffer, from, to)
      if (this.kept.length > this.command.frontend.redisLimits.clientHeldBytesMax) {
        this.discard()
        this.command.frontend.overflow()
      }
    }
    if (!last) return
    this.owed = 0
    const { session } = this
    this.session = null
    session?.freed()
    if (type === MINUS && session !== null && this.error === null) this.look(session)
    this.trail?.landed(true)
    this.answer.raise(ANSWERED)
  }

  /** Its reply is an error: it may say that its keys are elsewhere. */
  private look({ identity: { endpoint } }: RedisSession): void {
    const { command, trail, shard } = this
    const { place, proxy, redisLimits } = command.frontend
    const { cluster } = proxy.options.backend
    const to = trail === null ? null : redirectionIn(this.kept.bytes.toString('latin1', 0, this.kept.length))
    if (trail === null || to === null || cluster === null) return
    trail.landed(false)
    const node = nodeNamed(cluster, to, endpoint, place.seats.parts)
    trail.isSentOn = trail.follow(to, shard, node, proxy.world.pollset.now, redisLimits)
    if (trail.isSentOn) {
      trail.noteRivals(rivalsOfPart(this))
      // Those behind its command that are not sent wait from now on: it may be held before it is sent again.
      this.unsend()
    } else this.error = TOO_MANY_REDIRECTS
  }

  /** Where it goes. */
  get shard(): Shard {
    return this.trail?.target ?? this.command.frontend.place.seats.map.shardAt(this.planned.spot)
  }

  lost(): void {
    const { session } = this
    this.session = null
    if (session === null) return
    this.wasLost = true
    this.isSafe = this.position >= session.output.takenBytes
    this.trail?.landed(!this.isSafe && !this.command.info.readonly)
    if (this.error === null) this.unsend()
    this.answer.raise(ANSWERED)
  }

  // A session that is shared no longer

  get sharer(): Sharer | null {
    return this.error === null ? this : null
  }

  get received(): number {
    return this.kept.length
  }

  get client(): Subject {
    return this.command.frontend
  }

  /** Its reply is kept. */
  get takesMore(): boolean {
    return true
  }

  /** It stays, since its siblings are elsewhere. */
  get mayMove(): boolean {
    return false
  }

  stays(): void {
    stay(this.command)
  }

  moves(): void {}

  /** True if it may be sent again after its session has gone. */
  get mayRetry(): boolean {
    const { command, attempts } = this
    if (this.cancelAsked || !command.frontend.ring.mayResend(command)) return false
    return attempts < ATTEMPTS_MAX && (this.isSafe || (command.info.readonly && attempts === 1))
  }

  /** False: one before its command is to be sent again, or answered, first; one behind it may run (S8). */
  get isItsTurn(): boolean {
    const { command, trail } = this
    const { ring } = command.frontend
    if (!ring.isNext(command)) return false
    return trail === null || (!trail.mustWait && trail.mayGo(ring.isOldest(command)))
  }

  /** It may have to be sent again: the commands behind its own wait until it is. */
  private unsend(): void {
    const { division, command } = this
    if (this.wasSent) division.unsent++
    this.wasSent = false
    command.frontend.ring.goBackTo(command)
  }

  /** Forgets the received part of its reply, to be sent again. */
  again(): void {
    this.unsend()
    this.trail?.again(this.wasLost)
    // It did not run this time.
    if (!this.wasLost) this.attempts--
    this.wasLost = false
    this.kept.clear()
    this.answer.lower(ANSWERED)
  }

  end(): void {
    this.lease.release()
    this.trail?.end()
    this.noteSent()
    this.division.gather.ended(this, this.error !== null)
  }

  /** Its reply has left, or is of no use. */
  discard(): void {
    this.error ??= LOST
    this.kept.clear()
    this.session?.takesMore()
  }

  get bytes(): Buffer {
    return this.error ?? this.kept.bytes.subarray(0, this.kept.length)
  }

  crashed(): void {
    this.discard()
    this.end()
  }

  override describe(): Readonly<Record<string, unknown>> {
    const { planned, session, attempts, shard } = this
    return {
      shard: shard.name,
      keys: planned.keys?.length ?? 0,
      session: session?.id ?? null,
      attempts,
    }
  }
}

const { goto, done, suspend } = partLife
const waitForLease = suspend({ then: 'send', late: 'fail', cancelled: 'fail', within: 'leaseMs' })
// The part has been sent and has a reply, even if its client has left: a cancel changes nothing.
const waitForReply = suspend({ then: 'judge', late: 'giveUp', within: 'commandMs' })
const waitAWhile = suspend({ then: 'lease', late: 'lease', cancelled: 'fail', within: 'tryAgainMs' })

const partSteps = partLife.steps<Part>({
  lease(p) {
    if (p.cancelAsked) return goto.fail
    const { seats } = p.command.frontend.place
    const engine = seats.sharedAt(p.shard)
    if (Buffer.isBuffer(engine)) {
      p.error = engine
      return goto.fail
    }
    const answer = engine.lease(p.lease)
    if (answer === 'granted') return goto.send
    if (answer !== 'queued') {
      p.lease.fault = answer.fault
      return goto.fail
    }
    p.waitOn(0, p.lease, LEASED | UNLEASED)
    return waitForLease
  },
  send(p) {
    const { session } = p.lease
    if (session === null || p.cancelAsked) return goto.fail
    if (session.isOver || !p.isItsTurn) {
      p.lease.release()
      return p.isItsTurn ? goto.lease : goto.pause
    }
    if (p.trail?.isPassed === true) {
      p.error = PASSED
      return goto.fail
    }
    p.send()
    p.waitOn(0, p.answer, ANSWERED)
    return waitForReply
  },
  judge(p) {
    const { trail } = p
    if (!p.wasLost) {
      if (trail?.isSentOn !== true || p.cancelAsked) return goto.end
      p.again()
      return trail.pauses ? goto.pause : goto.lease
    }
    if (!p.mayRetry) return goto.fail
    p.again()
    return goto.lease
  },
  /** Its keys are just moving, or a command before its own is to be sent again first. */
  pause(p) {
    p.waitOn(0, p.answer, ANSWERED)
    return waitAWhile
  },
  /** There is no reply in time. One that comes later is dropped. */
  giveUp(p) {
    p.error = LATE
    p.trail?.landed(true)
    p.session?.checkStall()
    p.discard()
    return goto.end
  },
  fail(p) {
    const { fault } = p.lease
    const why = p.wasLost ? LOST : fault === null ? NO_LEASE_IN_TIME : errorReply(fault.code, fault.message)
    p.error ??= why
    return goto.end
  },
  end(p) {
    p.end()
    return done
  },
})
