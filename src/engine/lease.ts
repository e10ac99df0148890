// A lease: the right to one stream on some session of an engine. A pollable, so that a continuation
// can wait for it; an intrusive queue node, so that leaving the queue is O(1).

import type { Fault } from '../continuation/index.js'
import { invariant, type Listed, Pollable } from '../pollset/index.js'
import type { Engine } from './engine.js'
import type { Session } from './session.js'

/** Granted: {@link Lease.take} gives the session. */
export const LEASED = 1
/** It will not be granted: {@link Lease.fault} tells why. */
export const UNLEASED = 2

/** A lease that its engine refuses at once: nothing will come of it. */
export class LeaseRefusal {
  readonly code: 'queue-full' | 'engine-closed'
  readonly fault: Fault
  constructor(code: LeaseRefusal['code'], fault: Fault) {
    this.code = code
    this.fault = fault
  }
}

/**
 * An engine's answer to who asks for a lease. `granted`: {@link Lease.take} gives the session now. `queued`:
 * the lease will have {@link LEASED} or {@link UNLEASED}, whichever comes; wait for both.
 */
export type LeaseAnswer = 'granted' | 'queued' | LeaseRefusal

/** Whose lease it is, for traces: `m3/s5`. */
export interface LeaseHolder {
  readonly id: string
  /** Asks it to end: too many leases beside it are {@link Lease.doubtful} too. It releases its lease. */
  cancel?(): void
}

export class Lease<S extends Session> extends Pollable implements Listed<Lease<S>> {
  readonly of: LeaseHolder
  /** @internal */
  engine: Engine<S> | null
  /** The session it is granted on, until taken or given back. */
  session: S | null
  fault: Fault | null
  /** Its place in its engine's queue. */
  list: object | null
  listPrev: Lease<S> | null
  listNext: Lease<S> | null
  /** Nobody may be waiting any more for what it is for; see {@link doubt}. */
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
    this.doubtful = false
  }

  get id(): string {
    return `${this.engine?.id ?? 'engine'}.lease`
  }
  get kind(): string {
    return 'lease'
  }
  get bitNames(): readonly string[] {
    return ['LEASED', 'UNLEASED']
  }
  /** Who holds what it waits for: the streams of the engine's sessions are named by their sessions. */
  override holders(): readonly Pollable[] {
    return this.engine?.sessionPollables() ?? []
  }

  /** Turn a granted lease into a stream: from here the session reports when it is freed. */
  take(): S {
    const { session } = this
    invariant(session !== null, 'a lease is taken once, where it was granted')
    this.session = null
    this.readiness = 0
    return session
  }

  /**
   * Whoever this is for may have gone. It stays, queued or taken, while few enough are like it
   * (spec/engine.md, E33).
   */
  doubt(): void {
    this.doubtful = true
    this.engine?.doubted(this)
  }

  /** There is no doubt any more. */
  trust(): void {
    if (!this.doubtful) return
    this.doubtful = false
    this.engine?.trusted(this)
  }

  /** Leave the queue, or give back what was granted and not taken. Harmless otherwise. */
  release(): void {
    this.engine?.release(this)
  }
}
