// Checks of a server by PING, each on a session of its own: they show that it takes connections and answers.
// An error that asks for a password, or tells of missing rights, is an answer. LOADING is not.
//
//   lease ──► ask ──► tell          all of it within one deadline

import { Continuation, defineLife } from '../continuation/index.js'
import {
  Engine,
  type EngineLimits,
  engineLimits,
  LEASED,
  Lease,
  type SessionFactory,
  UNLEASED,
} from '../engine/index.js'
import { Deadline, Signal } from '../pollset/index.js'
import type { Ask } from './ask.js'
import { arrayOf } from './inline.js'
import type { RedisSession } from './session.js'
import type { RedisWorld } from './world.js'

export interface PingOptions {
  /** ms from the beginning of one check to the next */
  readonly intervalMs: number
  /** ms that a check may take */
  readonly timeoutMs: number
  /** Passed checks in a row after which a server is up. */
  readonly healthy: number
  /** Failed checks in a row after which it is down. */
  readonly unhealthy: number
}

const LIMITS: EngineLimits = { ...engineLimits, sessionsMax: 1, openingMax: 1, queueMax: 1 }
const PING = arrayOf(['PING'])
const PLUS = 0x2b
/** Errors of a server that serves. */
const SERVES = /^-(NOAUTH|NOPERM|DENIED)\b/
/** The bytes of a reply that are read. */
const REPLY_BYTES_MAX = 200
/** The reply has come, or the session has gone. */
const ANSWERED = 1

export const pingLife = defineLife({
  name: 'redis.check',
  source: import.meta.url,
  edges: {
    lease: ['ask', 'tell', 'abandon'],
    ask: ['tell', 'abandon'],
    tell: ['done'],
    abandon: ['done'],
  },
})

type Tell = (passed: boolean, why: string) => void

export class Ping extends Continuation implements Ask {
  readonly id: string
  readonly kind = 'redis-check'
  readonly lateAt: number
  readonly engine: Engine<RedisSession>
  readonly lease: Lease<RedisSession>
  readonly answer: Signal
  readonly askedAt: number
  readonly sharer = null
  owed = 1
  session: RedisSession | null = null
  /** Why it has failed; '' when it has passed. */
  why = 'no answer in time'
  private reported = ''
  private readonly tell: Tell

  constructor(
    world: RedisWorld,
    name: string,
    timeoutMs: number,
    sessions: SessionFactory<RedisSession>,
    tell: Tell,
  ) {
    super(world)
    this.id = world.nextId('k')
    this.askedAt = world.pollset.now
    this.lateAt = this.askedAt + timeoutMs
    this.engine = new Engine(world, name, sessions, LIMITS)
    this.lease = new Lease<RedisSession>(this)
    this.answer = new Signal(`${this.id}.reply`, 'signal', ['ANSWERED'])
    this.tell = tell
  }

  reply(buffer: Buffer, from: number, to: number, last: boolean, type: number): void {
    if (this.reported.length < REPLY_BYTES_MAX)
      this.reported += buffer.toString('latin1', from, Math.min(to, from + REPLY_BYTES_MAX))
    if (!last) return
    this.owed = 0
    const text = this.reported.trim()
    this.why = type === PLUS || SERVES.test(text) ? '' : `it answers ${text}`
    this.answer.raise(ANSWERED)
  }

  lost(): void {
    if (this.owed === 0) return
    this.why = 'the connection was closed'
    this.answer.raise(ANSWERED)
  }

  release(): void {
    this.lease.release()
    this.session?.abort()
    this.engine.close()
  }

  report(): void {
    this.release()
    this.tell(this.why === '', this.why === '' ? 'it answers' : this.why)
  }

  crashed(): void {
    this.why = 'a step of the check failed'
    this.report()
  }
}

const { goto, done, suspend } = pingLife
const waitForLease = suspend({ then: 'ask', late: 'tell', cancelled: 'abandon' })
const waitForReply = suspend({ then: 'tell', late: 'tell', cancelled: 'abandon' })

const pingSteps = pingLife.steps<Ping>({
  lease(p) {
    const answer = p.engine.lease(p.lease)
    if (answer === 'granted') return goto.ask
    if (answer !== 'queued') {
      p.why = answer.fault.detail ?? answer.fault.message
      return goto.tell
    }
    p.waitOn(0, p.lease, LEASED | UNLEASED)
    p.waitUntil(p.lateAt)
    return waitForLease
  },
  ask(p) {
    const { fault } = p.lease
    if (p.lease.session === null) {
      p.why = fault === null ? p.why : (fault.detail ?? fault.message)
      return goto.tell
    }
    p.session = p.lease.take()
    p.session.ask(p, PING, 0, PING.length)
    p.waitOn(0, p.answer, ANSWERED)
    p.waitUntil(p.lateAt)
    return waitForReply
  },
  tell(p) {
    p.report()
    return done
  },
  abandon(p) {
    p.release()
    return done
  },
})

/** Is called after each check. @param isUp what the server counts as from now on */
export type PingReport = (passed: boolean, why: string, isUp: boolean) => void

/** Checks a server again and again, until it is closed. It counts as up at first. */
export class PingChecks extends Deadline {
  private readonly world: RedisWorld
  private readonly name: string
  private readonly options: PingOptions
  private readonly sessions: SessionFactory<RedisSession>
  private readonly report: PingReport
  private running: Ping | null = null
  private startedAt = 0
  private isClosed = false
  private isUp = true
  /** Checks in a row that say otherwise. */
  private against = 0

  constructor(
    world: RedisWorld,
    name: string,
    options: PingOptions,
    sessions: SessionFactory<RedisSession>,
    report: PingReport,
  ) {
    super()
    this.world = world
    this.name = name
    this.options = options
    this.sessions = sessions
    this.report = report
    world.pollset.deadlines.at(this, world.pollset.now)
  }

  /** Ends the check that runs, which is not reported, and begins no other. */
  close(): void {
    this.isClosed = true
    this.world.pollset.deadlines.disarm(this)
    this.running?.cancel()
  }

  expire(): void {
    if (this.isClosed) return
    const { world, name, options, sessions } = this
    this.startedAt = world.pollset.now
    this.running = new Ping(world, name, options.timeoutMs, sessions, (passed, why) =>
      this.ended(passed, why),
    )
    pingSteps.start(world, this.running, 'lease')
  }

  private ended(passed: boolean, why: string): void {
    this.running = null
    if (this.isClosed) return
    const { healthy, unhealthy, intervalMs } = this.options
    this.against = passed === this.isUp ? 0 : this.against + 1
    if (this.against >= (this.isUp ? unhealthy : healthy)) {
      this.isUp = passed
      this.against = 0
    }
    this.report(passed, why, this.isUp)
    const { deadlines, now } = this.world.pollset
    if (!this.isClosed) deadlines.at(this, Math.max(now, this.startedAt + intervalMs))
  }
}
