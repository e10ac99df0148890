// Checks of a server by PING, each on a session of its own: they show that it takes connections and answers.
// An error that asks for a password, or tells of missing rights, is an answer. LOADING is not.

import { Checks, type SessionFactory } from '../engine/index.js'
import { arrayOf } from './inline.js'
import { Question } from './question.js'
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

const PING = arrayOf(['PING'])
/** A word, or an error of a server that serves. */
const SERVES = /^(\+|-(NOAUTH|NOPERM|DENIED)\b)/
/** The bytes of a reply that are read. */
const REPLY_BYTES_MAX = 10_000
/** Those that are told. */
const TOLD_BYTES_MAX = 200

/** Is called after each check. @param isUp the state of the server from now on */
export type PingReport = (passed: boolean, why: string, isUp: boolean) => void

/** Checks a server again and again, until it is closed. It counts as up at first. */
export class PingChecks extends Checks {
  private readonly world: RedisWorld
  private readonly name: string
  private readonly options: PingOptions
  private readonly sessions: SessionFactory<RedisSession>
  private readonly report: PingReport
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
    super(world.pollset)
    this.world = world
    this.name = name
    this.options = options
    this.sessions = sessions
    this.report = report
    this.start()
  }

  protected begin(): Question {
    const { world, name, options, sessions } = this
    const asked = { name, command: PING, timeoutMs: options.timeoutMs, replyBytesMax: REPLY_BYTES_MAX }
    return new Question(world, asked, sessions, (reply, why) => {
      if (reply === null) this.ended(false, why)
      else this.answered(reply.toString('latin1', 0, TOLD_BYTES_MAX).trim())
    })
  }

  private answered(text: string): void {
    const passed = SERVES.test(text)
    this.ended(passed, passed ? 'it answers' : `it answers ${text}`)
  }

  protected judged(passed: boolean, why: string): number {
    const { healthy, unhealthy, intervalMs } = this.options
    this.against = passed === this.isUp ? 0 : this.against + 1
    if (this.against >= (this.isUp ? unhealthy : healthy)) {
      this.isUp = passed
      this.against = 0
    }
    this.report(passed, why, this.isUp)
    return intervalMs
  }
}
