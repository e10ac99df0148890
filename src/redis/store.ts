// A store of the proxy's own behind a backend: scripts that run in one step, for one key each. All calls of a
// server share one session, so those of one turn leave in one write.
//
// A store that has failed some calls in a row is left alone: no call is made, so nobody waits for it, until
// it answers a question of the store's own again.

import type { Engine } from '../engine/index.js'
import { Deadline, sha1Of } from '../pollset/index.js'
import type { RedisBackend } from './backend.js'
import { ANONYMOUS, type IdentityParts } from './identity.js'
import { arrayOf } from './inline.js'
import { Seats } from './seats.js'
import type { RedisSession } from './session.js'
import { StoreCall, type StoreRequest } from './store-call.js'
import { APPEND, type StreamEvents, StreamReader } from './stream-reader.js'
import type { RedisWorld } from './world.js'

/** The key that the question of a store that is left alone writes: it shows that the store takes writes. */
const PROBE_KEY = 'fermata:probe'
const PROBE = "return redis.call('SET', KEYS[1], '1', 'PX', 1000)"
/** The id of an entry of a stream. */
const ENTRY_ID = /^\d+-\d+$/

export interface StoreOptions {
  /** The backend's name. */
  readonly name: string
  /** The identity of its sessions. Default: that of a client that has said nothing. */
  readonly parts?: Partial<IdentityParts>
}

export interface StoreEvents {
  /** It is left alone from now on, or asked again. @param why one clause, for people */
  turned(isAsked: boolean, why: string): void
  /** One of its streams is followed from now on, or no longer. */
  followed?(follows: boolean, why: string): void
}

/** A deadline with an act. */
class Alarm extends Deadline {
  private readonly act: () => void

  constructor(act: () => void) {
    super()
    this.act = act
  }

  expire(): void {
    this.act()
  }
}

export class RedisStore {
  readonly options: StoreOptions
  /** False while it is left alone. */
  isAsked = true
  readonly counts = { calls: 0, failed: 0, late: 0, givenUp: 0, timesAlone: 0 }
  private readonly world: RedisWorld
  /** Returns the backend as it is configured now; null without one. */
  private readonly backend: () => RedisBackend | null
  private readonly events: StoreEvents
  private seats: Seats | null = null
  private seatsOf: RedisBackend | null = null
  /** Failed calls in a row. */
  private failures = 0
  /** The calls that somebody waits for, the oldest first. */
  private readonly waiting = new Set<StoreCall>()
  /** The oldest call has waited for half of its time, and no reply has come since. */
  private isSlow = false
  private readonly patience = new Alarm(() => this.looks())
  private readonly pause = new Alarm(() => this.asksAgain())
  private probe: StoreCall | null = null
  /** The oldest call at the last look. */
  private lookedAt: StoreCall | null = null
  private lastKey = Buffer.alloc(0)
  private readonly readers = new Set<StreamReader>()
  private readonly digests = new Map<string, string>()
  private isClosed = false

  constructor(
    world: RedisWorld,
    options: StoreOptions,
    backend: () => RedisBackend | null,
    events: StoreEvents = { turned() {} },
  ) {
    this.world = world
    this.options = options
    this.backend = backend
    this.events = events
  }

  /**
   * Has it run a script for one key. Returns null if it should not be asked now: go on without it.
   * @param within the ms that the call may take
   * @param told is called once when the call is over, with its answer, or with null and the reason
   */
  run(
    script: string,
    key: string,
    args: readonly string[],
    within: number,
    told: (text: string | null, why: string) => void = () => {},
  ): StoreCall | null {
    const { waiting } = this
    if (!this.isAsked || this.isClosed) return null
    if (this.isSlow && waiting.size >= this.failuresLeft) return null
    const call = this.callOf(script, key, args, within, (each) => {
      this.ended(each)
      told(each.text, each.why)
    })
    if (call === null) return null
    waiting.add(call)
    if (!this.patience.deadlineArmed) this.armPatience(call)
    call.begin()
    return call
  }

  private callOf(
    script: string,
    key: string,
    args: readonly string[],
    within: number,
    told: (call: StoreCall) => void,
  ): StoreCall | null {
    const { world } = this
    const words = [Buffer.from(key), ...args.map((each) => Buffer.from(each))]
    const engine = this.engineAt('ownAt', key === PROBE_KEY ? this.lastKey : words[0])
    if (engine === null) return null
    if (key !== PROBE_KEY) this.lastKey = words[0]
    let digest = this.digests.get(script)
    if (digest === undefined) {
      digest = sha1Of(script)
      this.digests.set(script, digest)
    }
    const request: StoreRequest = {
      command: arrayOf(['EVALSHA', digest, '1', ...words]),
      spelt: () => arrayOf(['EVAL', Buffer.from(script), '1', ...words]),
      lateAt: world.pollset.now + within,
    }
    this.counts.calls++
    return new StoreCall(world, engine, request, told)
  }

  /** Returns the engine of the server that has this key; null if none can be asked. */
  private engineAt(whose: 'ownAt' | 'exclusiveAt', key: Buffer): Engine<RedisSession> | null {
    const backend = this.backend()
    if (backend === null) return null
    if (backend !== this.seatsOf) {
      this.seats?.close()
      this.seats = new Seats(backend.map, 0)
      this.seats.become({ ...ANONYMOUS, ...this.options.parts })
      this.seatsOf = backend
    }
    const seats = this.seats as Seats
    if (seats.map !== backend.map) seats.adopt(backend.map)
    const { map } = seats
    const engine = seats[whose](map.shardAt(map.spotOf(key, 0, key.length)))
    return Buffer.isBuffer(engine) ? null : engine
  }

  /** Returns the engine of sessions that a reader has alone, at the server of this key. */
  engineAlone(key: Buffer): Engine<RedisSession> | null {
    return this.isClosed ? null : this.engineAt('exclusiveAt', key)
  }

  /** Appends an entry to a stream. */
  append(
    key: string,
    entry: string,
    most: number,
    within: number,
    told: (id: string | null, why: string) => void,
  ): void {
    const judged = (id: string | null, why: string): void => {
      if (id === null || ENTRY_ID.test(id)) told(id, why)
      else told(null, `it answered ${JSON.stringify(id.slice(0, 80))}`)
    }
    if (this.run(APPEND, key, [entry, String(most)], within, judged) === null)
      told(null, 'it does not answer')
  }

  /** Follows a stream from its end on, until it is closed. */
  follow(
    key: string,
    events: StreamEvents,
  ): { close(): void; describe(): Readonly<Record<string, unknown>> } {
    const reader = new StreamReader(this.world, this, key, {
      entry: (text) => events.entry(text),
      missed: () => events.missed(),
      turned: (follows, why) => {
        events.turned?.(follows, why)
        this.events.followed?.(follows, why)
      },
    })
    this.readers.add(reader)
    reader.begin()
    const close = (): void => {
      this.readers.delete(reader)
      reader.cancel()
    }
    return { close, describe: () => reader.describe() }
  }

  private ended(call: StoreCall): void {
    const { counts, waiting } = this
    // One that nobody waits for any longer tells nothing of the time that it may take.
    const counted = waiting.delete(call)
    if (call.value !== null) {
      this.failures = 0
      this.isSlow = false
      return
    }
    if (!counted || this.isClosed) return
    counts.failed++
    if (call.late) counts.late++
    if (++this.failures >= this.world.redisLimits.storeFailuresMax) this.leaveAlone(call.why)
  }

  // Patience

  private armPatience({ begunAt, request }: StoreCall): void {
    this.world.pollset.deadlines.at(this.patience, begunAt + (request.lateAt - begunAt) / 2)
  }

  /** Looks whether the oldest call has waited for half of its time: then only some of them wait on. */
  private looks(): void {
    const { waiting, world } = this
    const [oldest] = waiting
    if (oldest === undefined) return
    const { begunAt, request } = oldest
    const { now, deadlines } = world.pollset
    if (now < begunAt + (request.lateAt - begunAt) / 2) {
      this.armPatience(oldest)
      return
    }
    // If this process was busy for long, the reply is at hand, and this turn reads it.
    if (oldest !== this.lookedAt) {
      this.lookedAt = oldest
      deadlines.at(this.patience, now + 1)
      return
    }
    this.isSlow = true
    let left = this.failuresLeft
    for (const call of waiting) if (left-- <= 0) this.giveUp(call)
  }

  /** The calls that may still fail before it is left alone: no more may wait for all of their time. */
  private get failuresLeft(): number {
    return this.world.redisLimits.storeFailuresMax - this.failures
  }

  private giveUp(call: StoreCall): void {
    this.waiting.delete(call)
    this.counts.givenUp++
    call.giveUp()
  }

  // A store that is left alone

  private leaveAlone(why: string): void {
    this.isAsked = false
    this.isSlow = false
    this.counts.timesAlone++
    for (const call of this.waiting) this.giveUp(call)
    this.seats?.dropOwn()
    this.events.turned(false, why)
    this.world.pollset.deadlines.at(this.pause, this.world.pollset.now + this.world.redisLimits.storePauseMs)
  }

  private asksAgain(): void {
    const { storeProbeMs, storePauseMs } = this.world.redisLimits
    const next = this.world.pollset.now + storePauseMs
    const told = (call: StoreCall): void => {
      this.probe = null
      if (this.isClosed) return
      if (call.value === null) {
        // A dial that hangs would take too long to see that the server is there again.
        this.seats?.dropOwn()
        this.world.pollset.deadlines.at(this.pause, Math.max(next, this.world.pollset.now))
      } else {
        this.isAsked = true
        this.failures = 0
        this.events.turned(true, 'it answers')
      }
    }
    this.probe = this.callOf(PROBE, PROBE_KEY, [], storeProbeMs, told)
    if (this.probe === null) this.world.pollset.deadlines.at(this.pause, next)
    else this.probe.begin()
  }

  close(): void {
    const { deadlines } = this.world.pollset
    this.isClosed = true
    deadlines.disarm(this.patience)
    deadlines.disarm(this.pause)
    for (const call of this.waiting) this.giveUp(call)
    this.probe?.cancel()
    for (const reader of this.readers) reader.cancel()
    this.seats?.dropOwn()
    this.seats?.close()
    this.seats = null
    this.seatsOf = null
  }

  describe(): Readonly<Record<string, unknown>> {
    const { isAsked, counts, waiting } = this
    return { isAsked, ...counts, waiting: waiting.size }
  }
}
