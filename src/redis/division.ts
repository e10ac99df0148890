// A command that goes to several shards: its parts, and the gather in which it waits for all of them. Each
// part is a continuation, which leases and asks for itself: none waits for another with a session in its
// hand.

import { Continuation, defineLife } from '../continuation/index.js'
import { ALL_ENDED, Gather, LEASED, Lease, UNLEASED } from '../engine/index.js'
import { type Holder, Signal, type Subject } from '../pollset/index.js'
import { KeptBytes } from '../transport/index.js'
import type { Ask, Sharer } from './ask.js'
import type { Command } from './command.js'
import { merged, withCursor } from './merge.js'
import { isPlan, type Plan, type PlannedPart } from './plan.js'
import type { RedisSession } from './session.js'
import { holdersOf } from './session-holders.js'
import { stay } from './staying.js'
import { errorReply, LATE, LOST, NO_LEASE_IN_TIME } from './texts.js'

export const partLife = defineLife({
  name: 'redis.part',
  source: import.meta.url,
  edges: {
    lease: ['send', 'fail'],
    send: ['judge', 'giveUp', 'fail'],
    judge: ['lease', 'end', 'fail'],
    giveUp: ['end'],
    fail: ['end'],
    end: ['done'],
  },
  waits: ['leaseMs', 'commandMs'],
})

const ANSWERED = 1
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

/** What a command asks one shard. */
export class Part extends Continuation implements Ask, Sharer {
  readonly id: string
  readonly kind = 'redis-part'
  readonly command: Command
  readonly planned: PlannedPart
  readonly lease: Lease<RedisSession>
  readonly answer: Signal
  readonly kept: KeptBytes
  /** What stands in place of its reply. */
  error: Buffer | null = null
  askedAt = 0
  owed = 1
  wasLost = false
  session: RedisSession | null = null
  private isSafe = false
  private attempts = 0
  private position = 0
  private wasSent = false
  private readonly division: Division

  constructor(division: Division, planned: PlannedPart, number: number) {
    const { command } = division
    const { world, partDurations } = command.frontend.proxy
    super(world, partDurations)
    this.division = division
    this.command = command
    this.planned = planned
    this.id = `${command.id}/p${number}`
    this.lease = new Lease<RedisSession>(this)
    this.answer = new PartAnswer(this)
    this.kept = new KeptBytes(world.pollset, world.memory)
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
    const { bytes } = this.planned
    const session = this.lease.take()
    this.session = session
    this.attempts++
    this.owed = 1
    this.askedAt = this.command.frontend.proxy.world.pollset.now
    this.position = session.output.putBytes
    session.ask(this, bytes, 0, bytes.length)
    this.noteSent()
  }

  /** The commands behind its own may be sent when each part was. */
  private noteSent(): void {
    if (this.wasSent) return
    this.wasSent = true
    this.division.sent()
  }

  reply(buffer: Buffer, from: number, to: number, last: boolean): void {
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
    this.answer.raise(ANSWERED)
  }

  lost(): void {
    const { session } = this
    this.session = null
    if (session === null) return
    this.wasLost = true
    this.isSafe = this.position >= session.output.takenBytes
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

  /** Its session has gone: whether it may be sent again. */
  get mayRetry(): boolean {
    const { command, attempts } = this
    if (this.cancelAsked || !command.frontend.ring.mayResend(command)) return false
    return attempts < ATTEMPTS_MAX && (this.isSafe || (command.info.readonly && attempts === 1))
  }

  /** Forgets what has come of its reply, to be sent again. */
  again(): void {
    this.wasLost = false
    this.kept.clear()
    this.answer.lower(ANSWERED)
  }

  end(): void {
    this.lease.release()
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
    const { command, planned, session, attempts } = this
    return {
      shard: command.frontend.place.seats.map.shardAt(planned.spot).name,
      keys: planned.keys?.length ?? 0,
      session: session?.id ?? null,
      attempts,
    }
  }
}

const { goto, done, suspend } = partLife
const waitForLease = suspend({ then: 'send', late: 'fail', cancelled: 'fail', within: 'leaseMs' })
// What was sent has a reply, whether its client is there or not: a cancel changes nothing.
const waitForReply = suspend({ then: 'judge', late: 'giveUp', within: 'commandMs' })

const partSteps = partLife.steps<Part>({
  lease(p) {
    const { seats } = p.command.frontend.place
    const engine = seats.sharedAt(seats.map.shardAt(p.planned.spot))
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
    if (p.lease.session === null) return goto.fail
    p.send()
    p.waitOn(0, p.answer, ANSWERED)
    return waitForReply
  },
  judge(p) {
    if (!p.wasLost) return goto.end
    if (!p.mayRetry) return goto.fail
    p.again()
    return goto.lease
  },
  /** There is no reply in time. One that comes later is dropped. */
  giveUp(p) {
    p.session?.checkStall()
    p.discard()
    p.error = LATE
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

/** The parts of a command. */
export class Division {
  readonly command: Command
  readonly gather: Gather<Part>
  readonly size: number
  private readonly plan: Plan
  private readonly parts: Part[] = []
  /** Parts that were not sent. */
  private unsent: number

  constructor(command: Command, plan: Plan) {
    this.command = command
    this.plan = plan
    this.size = plan.parts.length
    this.unsent = this.size
    this.gather = new Gather(`${command.id}.gather`)
    for (const [number, planned] of plan.parts.entries()) {
      const part = new Part(this, planned, number)
      this.parts.push(part)
      this.gather.add(part)
    }
    command.waitOn(0, this.gather, ALL_ENDED)
  }

  sent(): void {
    this.unsent--
    if (this.unsent === 0) this.command.frontend.advanceFrom(this.command)
  }

  /** Returns the reply of them all. */
  reply(chance: number): Buffer {
    const { plan, parts } = this
    const replies = parts.map(({ bytes, planned }) => ({ bytes, keys: planned.keys }))
    const reply = merged(plan.merge, replies, chance)
    // It may be a part's, whose memory is given up.
    return plan.cursorOf === null ? Buffer.from(reply) : withCursor(reply, plan.cursorOf)
  }

  /** Their replies are of no use any more. */
  discard(): void {
    for (const part of this.gather) part.cancel()
    for (const part of this.parts) part.discard()
  }
}

/** Begins the parts of a command, which waits for them. */
export function divide(c: Command): void {
  if (isPlan(c.route)) c.division = new Division(c, c.route)
}

/** Each of its parts has ended. */
export function collect(c: Command): void {
  const chance = new Uint32Array(1)
  c.frontend.proxy.world.pollset.random(new Uint8Array(chance.buffer))
  if (c.division !== null) c.own(c.division.reply(chance[0]))
  endDivision(c)
}

/** Its parts are of no use any more. */
export function endDivision(c: Command): void {
  c.division?.discard()
  c.division = null
}
