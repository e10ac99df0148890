// A lease: the right to one stream on one session of an engine. It is a pollable, so that a continuation can
// wait for it, and a list node itself, so that leaving the queue is O(1).

import { type Fault, fault } from '../continuation/index.js'
import { type Holder, invariant, type Listed, Pollable } from '../pollset/index.js'
import type { Engine } from './engine.js'
import type { Session } from './session.js'

/** Granted: {@link Lease.take} gives the session. */
export const LEASED = 1
/** It will not be granted; {@link Lease.fault} says why. */
export const UNLEASED = 2

/** The answer of an engine that refuses a lease at once. */
export class LeaseRefusal {
  readonly code: 'queue-full' | 'engine-closed'
  readonly fault: Fault
  constructor(code: LeaseRefusal['code'], fault: Fault) {
    this.code = code
    this.fault = fault
  }
}

export const REFUSED_CLOSING = new LeaseRefusal(
  'engine-closed',
  fault('engine-closed', 'internal', 'connection', 'never', 'the engine is shutting down'),
)
export const REFUSED_FULL = new LeaseRefusal(
  'queue-full',
  fault('queue-full', 'internal', 'stream', 'never', 'too many requests wait for this backend'),
)

/**
 * An engine's answer to a request for a lease. `granted`: {@link Lease.take} gives the session now. `queued`:
 * the lease will raise {@link LEASED} or {@link UNLEASED}; wait for both.
 */
export type LeaseAnswer = 'granted' | 'queued' | LeaseRefusal

/** The owner of a lease. */
export interface LeaseHolder {
  /** Its name in traces, such as `m3/s5`. */
  readonly id: string
  /** True while a debugger holds it: its queued lease keeps its place and is passed over. */
  readonly held?: boolean
  /** Asks it to end, because too many leases are {@link Lease.doubtful}. It must release its lease. */
  cancel?(): void
}

export class Lease<S extends Session> extends Pollable implements Listed<Lease<S>> {
  readonly of: LeaseHolder
  /** @internal */
  engine: Engine<S> | null
  /** The session it was granted on, until {@link take} or {@link release}. */
  session: S | null
  /** The reason why it was not granted. */
  fault: Fault | null
  /** Its place in its engine's queue. */
  list: object | null
  listPrev: Lease<S> | null
  listNext: Lease<S> | null
  /** True if its session had carried a lease before this one. Written by the engine only. */
  reused: boolean
  /** True if its client may have left; see {@link doubt}. */
  doubtful: boolean

  constructor(of: LeaseHolder) {
    super()
    this.of = of
    this.engine = null
    this.session = null
    this.fault = null
    this.list = null
    this.listPrev = null
    this.listNext = null
    this.reused = false
    this.doubtful = false
  }

  get id(): string {
    return `${this.of.id}.lease`
  }
  get kind(): string {
    return 'lease'
  }
  get bitNames(): readonly string[] {
    return ['LEASED', 'UNLEASED']
  }
  /** The engine, whose sessions have the capacity that this lease waits for. */
  override holders(): readonly Holder[] {
    const { engine } = this
    if (engine === null || this.list === null) return []
    const { place, queued } = engine.placeOf(this)
    return [{ subject: engine, reason: `it is number ${place} of ${queued} that wait for ${engine.name}` }]
  }

  /** Takes the session of a granted lease. From here on the session reports when the lease is freed. */
  take(): S {
    const { session } = this
    invariant(session !== null, 'a lease is taken once, where it was granted')
    this.session = null
    this.readiness = 0
    return session
  }

  /**
   * Notes that its client may have left. The lease is kept while few leases are doubtful
   * (spec/engine.md, E33).
   */
  doubt(): void {
    this.doubtful = true
    this.engine?.doubted(this)
  }

  /** Notes that its client is still there. */
  trust(): void {
    if (!this.doubtful) return
    this.doubtful = false
    this.engine?.trusted(this)
  }

  /** Notes that its holder goes on after a hold: it may be granted again. */
  heldNoMore(): void {
    if (this.list !== null) this.engine?.heldNoMore()
  }

  /** Leaves the queue, or gives back a session that was granted but not taken. Otherwise it does nothing. */
  release(): void {
    this.engine?.release(this)
  }
}
