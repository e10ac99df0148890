// Follows a stream of a store, on a session alone, and tells of each entry once, in order. Each entry names
// the one before it, so a reader knows if it has missed any: the stream was trimmed past it, or lost. Entries
// that come while a reader has no session are read when it has one again.
//
//   lease ──► resume ──► place ──► follow ──► take
//     ▲                              ▲          │
//     │                              └──────────┤
//     └──────────────── pause ◄─────────────────┘  no session, no reply, or not a stream

import { Continuation, defineLife, seconds } from '../continuation/index.js'
import { type Engine, LEASED, Lease, UNLEASED } from '../engine/index.js'
import { type Holder, Signal } from '../pollset/index.js'
import { arrayOf } from './inline.js'
import { KeptReply } from './kept-reply.js'
import { elementsOf, stringOf } from './merge.js'
import type { RedisSession } from './session.js'
import type { RedisWorld } from './world.js'

const ANSWERED = 1
const STAR = 0x2a
/** The entries of one reply. */
const COUNT = '64'
/** The id before all others. */
const FIRST = '0-0'

export const streamLife = defineLife({
  name: 'redis.stream',
  source: import.meta.url,
  edges: {
    lease: ['resume', 'pause', 'end'],
    resume: ['place', 'pause', 'end'],
    place: ['follow', 'pause'],
    follow: ['take', 'pause', 'end'],
    take: ['follow', 'pause'],
    pause: ['lease', 'end'],
    end: ['done'],
  },
})

/**
 * The script that appends an entry: `after` is the id of the entry before it. The stream is trimmed to about
 * as many entries as ARGV[2] says.
 */
export const APPEND = `
local last = redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1)
local after = '0-0'
if last[1] then after = last[1][1] end
return redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[2], '*', 'after', after, 'entry', ARGV[1])
`

export interface StreamEvents {
  entry(text: string): void
  /** Entries may have been missed: those of the stream's past. */
  missed(): void
  /** It hears of entries from now on, or no longer. @param why one clause, for people */
  turned?(follows: boolean, why: string): void
}

/** The store that has the stream. */
export interface StreamSource {
  /** Returns the engine of sessions that are had alone at the server of this key; null if there is none. */
  engineAlone(key: Buffer): Engine<RedisSession> | null
}

interface Entry {
  readonly id: string
  readonly after: string
  readonly text: string
}

/** The answer to a reader's question. */
class StreamAnswer extends Signal {
  private readonly reader: StreamReader

  constructor(reader: StreamReader) {
    super(`${reader.id}.reply`, 'reply', ['ANSWERED'])
    this.reader = reader
  }

  override holders(): readonly Holder[] {
    return this.reader.heldBy()
  }
}

export class StreamReader extends Continuation {
  readonly id: string
  readonly kind = 'redis-stream'
  readonly lease: Lease<RedisSession>
  readonly answer: Signal
  session: RedisSession | null = null
  /** The reason why it does not follow; '' while it does. */
  why = 'it has not begun'
  /** The id of the last entry that it has told of; null before the first look. */
  private lastId: string | null = null
  /** It follows, or not; null before the first look. */
  private follows: boolean | null = null
  private kept: KeptReply | null = null
  private engine: Engine<RedisSession> | null = null
  readonly counts = { entries: 0, missed: 0, begun: 0 }
  private readonly world: RedisWorld
  private readonly source: StreamSource
  private readonly key: Buffer
  private readonly events: StreamEvents

  constructor(world: RedisWorld, source: StreamSource, key: string, events: StreamEvents) {
    super(world)
    this.id = world.nextId('k')
    this.world = world
    this.source = source
    this.key = Buffer.from(key)
    this.events = events
    this.lease = new Lease<RedisSession>(this)
    this.answer = new StreamAnswer(this)
  }

  begin(): void {
    streamSteps.start(this.world, this, 'lease')
  }

  get now(): number {
    return this.world.pollset.now
  }

  get limits() {
    return this.world.redisLimits
  }

  /** Returns the engine of its sessions; null if there is none. */
  engineNow(): Engine<RedisSession> | null {
    this.engine = this.source.engineAlone(this.key)
    return this.engine
  }

  /** True if the server of its session still has the stream. */
  get isAtHome(): boolean {
    return this.engine !== null && this.source.engineAlone(this.key) === this.engine
  }

  ask(words: readonly (string | Buffer)[]): void {
    const session = this.session as RedisSession
    const bytes = arrayOf(words)
    this.answer.lower(ANSWERED)
    this.kept = new KeptReply(this.world, (isLost) => {
      if (isLost) this.session = null
      this.answer.raise(ANSWERED)
    })
    session.ask(this.kept, bytes, 0, bytes.length)
  }

  askLast(): void {
    this.ask(['XREVRANGE', this.key, '+', '-', 'COUNT', '1'])
  }

  askNext(): void {
    const block = String(this.limits.streamBlockMs)
    this.ask(['XREAD', 'COUNT', COUNT, 'BLOCK', block, 'STREAMS', this.key, this.lastId as string])
  }

  /** Takes the reply; null if there is none. */
  private take(): Buffer | null {
    const { kept } = this
    if (kept === null) return null
    this.kept = null
    const bytes = kept.end()
    this.why = kept.why
    // Nobody could read on behind it.
    if (kept.isTooLong) this.lastId = null
    return kept.why === '' ? bytes : null
  }

  /** Compares its place with the last entry of the stream. Returns false if there is no reply. */
  finds(): boolean {
    const reply = this.take()
    if (reply === null) return false
    const entries = entriesOf(reply)
    if (entries === null) return this.refuse(reply)
    const last = entries[0]?.id ?? FIRST
    // Things that a process keeps from before its first look may be older than an entry. Of a stream that was
    // empty at the last look, entries may have come and gone: the next one names none before it either.
    if (this.lastId === null || this.lastId === FIRST || isBefore(last, this.lastId)) {
      this.lastId = last
      this.missed()
    }
    this.turn(true)
    return true
  }

  private refuse(reply: Buffer): false {
    this.why = `it answered ${JSON.stringify(reply.toString('latin1', 0, 80))}`
    return false
  }

  private missed(): void {
    this.counts.missed++
    this.events.missed()
  }

  /** Tells of the entries that have come. Returns false if there is no reply. */
  tells(): boolean {
    const reply = this.take()
    if (reply === null) return false
    const [stream] = reply[0] === STAR ? elementsOf(reply) : []
    // Nothing within the time.
    if (stream === undefined) return reply[0] === STAR || reply[0] === 0x5f || this.refuse(reply)
    const entries = entriesOf(elementsOf(stream)[1] ?? reply)
    if (entries === null) return this.refuse(reply)
    for (const { id, after, text } of entries) {
      this.counts.entries++
      if (after !== this.lastId) this.missed()
      this.lastId = id
      this.events.entry(text)
    }
    return true
  }

  /** Gives its session up: what it may still say is of no use. */
  drop(): void {
    const { session } = this
    this.lease.release()
    this.session = null
    this.kept?.end()
    this.kept = null
    session?.abort()
  }

  /** Notes that it follows, or not. */
  turn(follows: boolean): void {
    if (this.follows === follows) return
    this.follows = follows
    if (follows) this.counts.begun++
    this.events.turned?.(follows, this.why)
  }

  crashed(): void {
    this.why = 'a step of the reader failed'
    this.drop()
  }

  heldBy(): readonly Holder[] {
    const { session, kept } = this
    if (session === null || kept === null) return []
    const reason = `it has been asked for entries for ${seconds(this.now - kept.askedAt)}`
    return [{ subject: { id: session.id, kind: session.kind }, reason }]
  }

  override describe(): Readonly<Record<string, unknown>> {
    const { follows, why, lastId, counts } = this
    return { follows: follows === true, why: follows === true ? '' : why, lastId, ...counts }
  }
}

/** Reads the entries of a stream; null: these are none. */
function entriesOf(bytes: Buffer): Entry[] | null {
  if (bytes[0] !== STAR) return null
  const entries: Entry[] = []
  for (const each of elementsOf(bytes)) {
    if (each[0] !== STAR) return null
    const [id, fields] = elementsOf(each)
    if (fields === undefined) return null
    const words = fields[0] === STAR ? elementsOf(fields).map(stringOf) : []
    const valueNamed = (name: string): string => {
      const at = words.indexOf(name)
      return at < 0 ? '' : (words[at + 1] ?? '')
    }
    entries.push({ id: stringOf(id), after: valueNamed('after'), text: valueNamed('entry') })
  }
  return entries
}

/** Returns true if an id is before another: `MS-NUMBER`. */
function isBefore(one: string, other: string): boolean {
  const [ms, number] = one.split('-').map(BigInt)
  const [otherMs, otherNumber] = other.split('-').map(BigInt)
  return ms < otherMs || (ms === otherMs && number < otherNumber)
}

const { goto, done, suspend } = streamLife
const waitForLease = suspend({ then: 'resume', late: 'pause', cancelled: 'end' })
const waitForLast = suspend({ then: 'place', late: 'pause', cancelled: 'end' })
const waitForEntries = suspend({ then: 'take', late: 'pause', cancelled: 'end' })
const waitAWhile = suspend({ then: 'lease', late: 'lease', cancelled: 'end' })

const streamSteps = streamLife.steps<StreamReader>({
  lease(r) {
    const engine = r.engineNow()
    r.why = 'no server of the backend is up'
    if (engine === null) return goto.pause
    const answer = engine.lease(r.lease)
    if (answer === 'granted') return goto.resume
    if (answer !== 'queued') {
      r.why = answer.fault.detail ?? answer.fault.message
      return goto.pause
    }
    r.why = 'no session was opened in time'
    r.waitOn(0, r.lease, LEASED | UNLEASED)
    r.waitUntil(r.now + r.limits.storeProbeMs)
    return waitForLease
  },
  /** Asks where the stream ends. */
  resume(r) {
    const { fault, session } = r.lease
    if (session === null) {
      r.why = fault === null ? r.why : (fault.detail ?? fault.message)
      return goto.pause
    }
    r.session = r.lease.take()
    r.why = 'it did not answer in time'
    r.askLast()
    r.waitOn(0, r.answer, ANSWERED)
    r.waitUntil(r.now + r.limits.storeProbeMs)
    return waitForLast
  },
  place(r) {
    return r.finds() ? goto.follow : goto.pause
  },
  follow(r) {
    r.why = 'it did not answer in time'
    if (r.session === null || !r.isAtHome) {
      r.why = 'the stream is elsewhere'
      return goto.pause
    }
    r.askNext()
    r.waitOn(0, r.answer, ANSWERED)
    r.waitUntil(r.now + r.limits.streamBlockMs + r.limits.storeProbeMs)
    return waitForEntries
  },
  take(r) {
    return r.tells() ? goto.follow : goto.pause
  },
  pause(r) {
    r.drop()
    r.turn(false)
    r.answer.lower(ANSWERED)
    r.waitOn(0, r.answer, ANSWERED)
    r.waitUntil(r.now + r.limits.storePauseMs)
    return waitAWhile
  },
  end(r) {
    r.drop()
    return done
  },
})
