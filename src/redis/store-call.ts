// A call of the proxy's own: a command on a session that such calls share, with one deadline for all of it.
// A script that the server does not know is sent again with its text. A reply that comes too late is dropped.
//
//   lease ──► ask ──► judge ──► tell
//     ▲        │        ▲ │       ▲
//     │        └► linger ┴─────────┘ late
//     └───────────────────┘ the script is not known: once

import { Continuation, defineLife, seconds } from '../continuation/index.js'
import { type Engine, LEASED, Lease, UNLEASED } from '../engine/index.js'
import { type Holder, SETTLED, Signal } from '../pollset/index.js'
import { KeptReply } from './kept-reply.js'
import { stringOf } from './merge.js'
import type { RedisSession } from './session.js'
import type { RedisWorld } from './world.js'

/** The reply has come, or the session has gone. */
const ANSWERED = 1
/** The time behind the deadline in which what has come is read, in ms. */
const LINGER_MS = 1
const NOSCRIPT = 'it answered -NOSCRIPT'
const NOTHING = Buffer.alloc(0)

export const storeCallLife = defineLife({
  name: 'redis.call',
  source: import.meta.url,
  edges: {
    lease: ['ask', 'tell'],
    ask: ['judge', 'linger', 'tell'],
    linger: ['judge', 'tell'],
    judge: ['lease', 'tell'],
    tell: ['done'],
  },
})

export interface StoreRequest {
  readonly command: Buffer
  /** Returns the command with the text of its script; null without a script. */
  readonly spelt: (() => Buffer) | null
  /** The time at which it is late, in ms of the pollset's clock. */
  readonly lateAt: number
}

/** The wait of others for a call, or its own for the reply. `why` shows what it depends on. */
class CallSignal extends Signal {
  private readonly held: () => readonly Holder[]

  constructor(id: string, kind: string, bit: string, held: () => readonly Holder[]) {
    super(id, kind, [bit])
    this.held = held
  }

  override holders(): readonly Holder[] {
    return this.held()
  }
}

export class StoreCall extends Continuation {
  readonly id: string
  readonly kind = 'redis-call'
  readonly engine: Engine<RedisSession>
  readonly request: StoreRequest
  readonly lease: Lease<RedisSession>
  readonly answer: Signal
  /** Raises SETTLED once: its reply is there, or none is to come. */
  readonly settled: Signal
  readonly begunAt: number
  session: RedisSession | null = null
  /** The reason why there is no reply, as one clause; '' with a reply. */
  why = 'it did not answer in time'
  /** The reply, once the call is over. */
  private bytes: Buffer = NOTHING
  private isSpelt = false
  private isOver = false
  private readonly world: RedisWorld
  private kept: KeptReply | null = null
  private readonly told: (call: StoreCall) => void

  /** @param told is called once, when it is over */
  constructor(
    world: RedisWorld,
    engine: Engine<RedisSession>,
    request: StoreRequest,
    told: (call: StoreCall) => void,
  ) {
    super(world)
    this.id = world.nextId('k')
    this.world = world
    this.engine = engine
    this.request = request
    this.begunAt = world.pollset.now
    this.lease = new Lease<RedisSession>(this)
    this.answer = new CallSignal(`${this.id}.reply`, 'reply', 'ANSWERED', () => this.heldBy())
    const asks: Holder = { subject: this, reason: `asks ${engine.name}` }
    this.settled = new CallSignal(`${this.id}.settled`, 'store-call', 'SETTLED', () => [asks])
    this.told = told
  }

  begin(): void {
    storeCallSteps.start(this.world, this, 'lease')
  }

  get now(): number {
    return this.world.pollset.now
  }

  get isSettled(): boolean {
    return (this.settled.readiness & SETTLED) !== 0
  }

  /** The reply; null without one. An error is none. */
  get value(): Buffer | null {
    return this.isOver && this.why === '' ? this.bytes : null
  }

  /** The string or the number that the reply is; null without one. */
  get text(): string | null {
    const { value } = this
    return value === null ? null : stringOf(value)
  }

  /** Whoever waits for it goes on without a reply. The call goes on. */
  giveUp(): void {
    this.settled.raise(SETTLED)
  }

  /** Sends its command on the session that it has leased. */
  send(): void {
    const { command, spelt } = this.request
    const bytes = this.isSpelt && spelt !== null ? spelt() : command
    const session = this.lease.take()
    this.session = session
    this.kept = new KeptReply(this.world, (isLost) => {
      this.session = null
      if (!isLost) session.freed()
      if (!this.isOver) this.answer.raise(ANSWERED)
    })
    session.ask(this.kept, bytes, 0, bytes.length)
  }

  /** Judges the reply. Returns true if the server asks for the text of the script. */
  wantsText(): boolean {
    const { why } = this.kept as KeptReply
    if (!this.isSpelt && this.request.spelt !== null && why.startsWith(NOSCRIPT)) {
      this.isSpelt = true
      this.kept?.end()
      this.answer.lower(ANSWERED)
      return true
    }
    this.why = why
    return false
  }

  /** Ends it. A reply that is still to come is dropped when it has come. */
  report(): void {
    this.lease.release()
    const bytes = this.kept?.end() ?? NOTHING
    if (this.why === '') this.bytes = bytes
    this.isOver = true
    // Its session may be one that no other call uses: nothing else would show that its server is silent.
    if (this.kept !== null && this.kept.owed > 0) this.session?.checkStall()
    this.told(this)
    this.settled.raise(SETTLED)
  }

  crashed(): void {
    this.why = 'a step of the call failed'
    this.report()
  }

  /** The session, and its place among the calls that the session answers. */
  private heldBy(): readonly Holder[] {
    const { session, kept, world } = this
    if (session === null || kept === null) return []
    let place = 1
    for (const each of session.asks) {
      if (each === kept) break
      place++
    }
    const since = seconds(world.pollset.now - kept.askedAt)
    const reason = `it answers number ${place} of the ${session.asks.size} that it was asked, for ${since}`
    return [{ subject: { id: session.id, kind: session.kind }, reason }]
  }

  override describe(): Readonly<Record<string, unknown>> {
    return { engine: this.engine.name, session: this.session?.id ?? null }
  }
}

const { goto, done, suspend } = storeCallLife
const waitForLease = suspend({ then: 'ask', late: 'tell', cancelled: 'tell' })
const waitForReply = suspend({ then: 'judge', late: 'linger', cancelled: 'tell' })
const waitForRest = suspend({ then: 'judge', late: 'tell', cancelled: 'tell' })

const storeCallSteps = storeCallLife.steps<StoreCall>({
  lease(c) {
    const answer = c.engine.lease(c.lease)
    if (answer === 'granted') return goto.ask
    if (answer !== 'queued') {
      c.why = answer.fault.detail ?? answer.fault.message
      return goto.tell
    }
    c.waitOn(0, c.lease, LEASED | UNLEASED)
    c.waitUntil(c.request.lateAt)
    return waitForLease
  },
  ask(c) {
    const { fault, session } = c.lease
    if (session === null) {
      c.why = fault === null ? c.why : (fault.detail ?? fault.message)
      return goto.tell
    }
    c.send()
    c.waitOn(0, c.answer, ANSWERED)
    c.waitUntil(c.request.lateAt)
    return waitForReply
  },
  /** If this process was busy for long, the reply is at hand, and this turn reads it. */
  linger(c) {
    c.waitOn(0, c.answer, ANSWERED)
    c.waitUntil(c.now + LINGER_MS)
    return waitForRest
  },
  judge(c) {
    return c.wantsText() ? goto.lease : goto.tell
  },
  tell(c) {
    c.report()
    return done
  },
})
