// A session of one's own, for a question that the proxy itself asks: it is opened for it, and closes behind
// it. So the answer shows that the server takes connections, and nobody waits for the question's session.

import type { Fault, World } from '../continuation/index.js'
import { Engine } from './engine.js'
import { Lease, type LeaseHolder } from './lease.js'
import { type EngineLimits, engineLimits } from './limits.js'
import type { Session, SessionFactory } from './session.js'

const LIMITS: EngineLimits = { ...engineLimits, sessionsMax: 1, openingMax: 1, queueMax: 1 }

export class OwnSession<S extends Session> {
  /** Is waited for until it is leased or refused. */
  readonly lease: Lease<S>
  private readonly engine: Engine<S>
  private refusal: Fault | null = null

  /** @param name the server, for people */
  constructor(world: World, name: string, sessions: SessionFactory<S>, holder: LeaseHolder) {
    this.engine = new Engine(world, name, sessions, LIMITS)
    this.lease = new Lease<S>(holder)
  }

  /** Begins to open it. Returns false if its lease is to be waited for. */
  open(): boolean {
    const answer = this.engine.lease(this.lease)
    if (typeof answer !== 'string') this.refusal = answer.fault
    return answer !== 'queued'
  }

  /** The session, until it is taken; null: it is not open, or there is none. */
  get session(): S | null {
    return this.lease.session
  }

  /** The reason why there is none; null: it may still come. */
  get fault(): Fault | null {
    return this.refusal ?? this.lease.fault
  }

  take(): S {
    return this.lease.take()
  }

  /** Closes it. One that carries something must be told of it before. */
  close(): void {
    this.lease.release()
    this.engine.close()
  }
}
