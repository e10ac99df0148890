// A checker: one property, checked after every turn and once at the end of a run.

import type { HttpWorld } from '../../../src/http/index.js'
import type { Http1Context } from '../../../src/http1/index.js'
import type { Http2Context } from '../../../src/http2/index.js'
import type { SimPollset } from '../../../src/pollset/index.js'
import type { Backend, Exchange, ReverseProxy } from '../../../src/proxy/index.js'
import type { Limits } from '../../../src/server/index.js'
import type { DebuggerActor } from '../debugger-actor.js'
import type {
  CheckInside,
  ConnectionInside,
  EngineInside,
  ExchangeInside,
  Http1Inside,
  SessionInside,
  TcpInside,
} from '../inside.js'
import { Violation } from '../ledger.js'
import type { Plan } from '../plan.js'
import type { ToldTogether } from './told-together.js'

/** A run, as seen by the checkers. The lists belong to this turn. */
export interface RunView {
  readonly plan: Plan
  readonly limits: Limits
  readonly pollset: SimPollset
  readonly world: HttpWorld
  readonly http1: Http1Context
  readonly http2: Http2Context
  readonly proxy: ReverseProxy
  readonly backend: Backend
  readonly hand: DebuggerActor
  readonly healed: boolean
  readonly exchanges: readonly ExchangeInside[]
  /** Connections of HTTP/2. */
  readonly frontends: readonly ConnectionInside[]
  readonly sessions: readonly SessionInside[]
  /** Connections of HTTP/1.1. */
  readonly http1Frontends: readonly Http1Inside[]
  readonly http1Sessions: readonly Http1Inside[]
  readonly tcpSessions: readonly TcpInside[]
  /** The engines of the endpoints, of those too that end their last exchanges. */
  readonly engines: readonly EngineInside[]
  readonly checks: readonly CheckInside[]
  /** Active checks that wait for their time. */
  readonly checksArmed: number
  /** Exchanges that have logged in this turn, each as often as it did. */
  readonly logged: readonly Exchange[]
  readonly told: ToldTogether
}

export interface Checker<View = RunView> {
  /** After a turn. */
  turn?(scene: View): void
  /** All exchanges have ended, and nothing is under way on the network. */
  quiet?(scene: View): void
  /** All connections have closed. */
  end?(scene: View): void
}

export function fail(property: string, message: string): never {
  throw new Violation(property, message)
}
