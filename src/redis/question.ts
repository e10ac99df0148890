// A question that the proxy itself asks a server, on a session of its own: whether it answers, which slots it
// knows. The reply is bounded, and one deadline covers all of it.
//
//   lease ──► ask ──► tell

import { Continuation, defineLife } from '../continuation/index.js'
import { LEASED, OwnSession, type SessionFactory, UNLEASED } from '../engine/index.js'
import { Signal } from '../pollset/index.js'
import { type Keeper, KeptBytes, KeptTotal } from '../transport/index.js'
import type { Ask } from './ask.js'
import type { RedisSession } from './session.js'
import type { RedisWorld } from './world.js'

/** The reply has come, or the session has gone. */
const ANSWERED = 1

export const questionLife = defineLife({
  name: 'redis.question',
  source: import.meta.url,
  edges: {
    lease: ['ask', 'tell', 'abandon'],
    ask: ['tell', 'abandon'],
    tell: ['done'],
    abandon: ['done'],
  },
})

export interface QuestionOptions {
  /** For people: the server. */
  readonly name: string
  readonly command: Buffer
  /** ms that it may take */
  readonly timeoutMs: number
  /** The bytes of a reply that are read. A longer one is none. */
  readonly replyBytesMax: number
}

/** @param reply null: there is none. @param why why there is none: one clause, for people */
export type Told = (reply: Buffer | null, why: string) => void

export class Question extends Continuation implements Ask, Keeper {
  readonly id: string
  readonly kind = 'redis-question'
  readonly lateAt: number
  readonly own: OwnSession<RedisSession>
  readonly answer: Signal
  readonly askedAt: number
  readonly sharer = null
  readonly heldOwner = null
  readonly options: QuestionOptions
  owed = 1
  session: RedisSession | null = null
  /** Why there is no reply. */
  why = 'no answer in time'
  private readonly kept: KeptBytes
  private isTooLong = false
  private readonly told: Told

  constructor(
    world: RedisWorld,
    options: QuestionOptions,
    sessions: SessionFactory<RedisSession>,
    told: Told,
  ) {
    super(world)
    this.id = world.nextId('k')
    this.askedAt = world.pollset.now
    this.lateAt = this.askedAt + options.timeoutMs
    this.options = options
    this.own = new OwnSession(world, options.name, sessions, this)
    this.answer = new Signal(`${this.id}.reply`, 'signal', ['ANSWERED'])
    this.kept = new KeptBytes(world.pollset, world.memory, new KeptTotal(world, this))
    this.told = told
    questionSteps.start(world, this, 'lease')
  }

  reply(buffer: Buffer, from: number, to: number, last: boolean): void {
    const { replyBytesMax } = this.options
    if (this.owed === 0) return
    if (this.kept.length + to - from <= replyBytesMax) this.kept.append(buffer, from, to)
    else this.isTooLong = true
    if (!last && !this.isTooLong) return
    this.owed = 0
    this.why = this.isTooLong ? `its answer has more than ${replyBytesMax} bytes` : ''
    this.answer.raise(ANSWERED)
  }

  giveUp(): boolean {
    this.owed = 0
    this.why = 'its answer found no room in memory'
    this.kept.clear()
    this.answer.raise(ANSWERED)
    return true
  }

  lost(): void {
    if (this.owed === 0) return
    this.why = 'the connection was closed'
    this.answer.raise(ANSWERED)
  }

  release(): void {
    this.session?.abort()
    this.own.close()
    this.kept.clear()
  }

  report(): void {
    const reply = this.why === '' ? Buffer.from(this.kept.bytes.subarray(0, this.kept.length)) : null
    this.release()
    this.told(reply, this.why)
  }

  crashed(): void {
    this.why = 'a step of the check failed'
    this.report()
  }
}

const { goto, done, suspend } = questionLife
const waitForLease = suspend({ then: 'ask', late: 'tell', cancelled: 'abandon' })
const waitForReply = suspend({ then: 'tell', late: 'tell', cancelled: 'abandon' })

const questionSteps = questionLife.steps<Question>({
  lease(q) {
    if (q.own.open()) return goto.ask
    q.waitOn(0, q.own.lease, LEASED | UNLEASED)
    q.waitUntil(q.lateAt)
    return waitForLease
  },
  ask(q) {
    const { fault, session } = q.own
    if (session === null) {
      if (fault !== null) q.why = fault.detail ?? fault.message
      return goto.tell
    }
    const { command } = q.options
    q.session = q.own.take()
    q.session.ask(q, command, 0, command.length)
    q.waitOn(0, q.answer, ANSWERED)
    q.waitUntil(q.lateAt)
    return waitForReply
  },
  tell(q) {
    q.report()
    return done
  },
  abandon(q) {
    q.release()
    return done
  },
})
