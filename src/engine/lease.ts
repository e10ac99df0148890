// A lease: the right to one stream on some session of an engine. A pollable, so that a continuation
// can wait for it; an intrusive queue node, so that leaving the queue is O(1).

import type { Fault } from '../continuation/index.js'
import { Pollable } from '../pollset/index.js'
import type { Engine } from './engine.js'
import type { Session } from './session.js'

/** Granted: {@link Lease.take} gives the session. */
export const LEASED = 1
/** It will not be granted: {@link Lease.fault} tells why. */
export const UNLEASED = 2

export class Lease<S extends Session> extends Pollable {
  /** Whose lease it is, for traces: `m3/s5`. */
  readonly of: { readonly id: string }
  engine: Engine<S> | null
  /** The session it is granted on, until taken or given back. */
  session: S | null
  fault: Fault | null
  queuePrev: Lease<S> | null
  queueNext: Lease<S> | null

  constructor(of: { readonly id: string }) {
    super()
    this.of = of
    this.engine = null
    this.session = null
    this.fault = null
    this.queuePrev = null
    this.queueNext = null
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
    const session = this.session as S
    this.session = null
    this.readiness = 0
    return session
  }

  /** Leave the queue, or give back what was granted and not taken. Harmless otherwise. */
  release(): void {
    this.engine?.release(this)
  }
}
