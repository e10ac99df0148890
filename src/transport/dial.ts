// Dials: each leads from a name, an address or a path to a connected socket, with TLS if asked for,
// within one deadline. It reports once: a socket or a fault. A caller that no longer needs the socket
// cancels the dial.

import { Continuation, defineLife, type Fault, type World } from '../continuation/index.js'
import type { Socket } from '../pollset/index.js'
import { type DialLimits, HappyEyeballs } from './happy-eyeballs.js'
import type { DialTarget } from './target.js'

/** The outcome of a dial. One method is called, once, after {@link dial} has returned. */
export interface DialEvents {
  /** The socket is connected and its TLS handshake done. It belongs to the caller now. */
  connected(socket: Socket): void
  /** There is no socket. `late`: the deadline has passed. */
  failed(why: Fault, late: boolean): void
}

export const dialLife = defineLife({
  name: 'dial',
  source: import.meta.url,
  edges: {
    resolve: ['connect', 'fail'],
    connect: ['connect', 'handOver', 'fail'],
    handOver: ['done'],
    fail: ['done'],
  },
})

export class Dial extends Continuation {
  readonly id: string
  readonly attempts: HappyEyeballs
  /** The beginning of the ids of its sockets. */
  readonly name: string
  readonly events: DialEvents

  constructor(world: World, name: string, target: DialTarget, limits: DialLimits, told: DialEvents) {
    super(world, [])
    this.id = `${name}.dial`
    this.name = name
    this.attempts = new HappyEyeballs(world.pollset, target, limits)
    this.events = told
  }

  get kind(): string {
    return 'dial'
  }

  giveUp(): void {
    const { attempts } = this
    attempts.drop()
    this.events.failed(attempts.fault ?? attempts.ended, attempts.late)
  }

  crashed(): void {
    this.attempts.socket?.destroy()
    this.giveUp()
  }

  override describe() {
    return this.attempts.describe()
  }
}

const { goto, done, suspend } = dialLife
// The attempts set the deadline of these waits.
const waitForName = suspend({ then: 'connect', late: 'fail', cancelled: 'fail' })
const waitForConnect = suspend({ then: 'connect', late: 'connect', cancelled: 'fail' })

const dialSteps = dialLife.steps<Dial>({
  /** Resolves the name to addresses. */
  resolve: (d) => (d.attempts.resolve(d) ? waitForName : goto.connect),
  /** Tries the addresses until one is connected. */
  connect(d) {
    if (d.attempts.advance(d, d.name)) return waitForConnect
    return d.attempts.socket === null ? goto.fail : goto.handOver
  },
  handOver(d) {
    d.events.connected(d.attempts.socket as Socket)
    return done
  },
  fail(d) {
    d.giveUp()
    return done
  },
})

/**
 * Dials a target. `told` is given the outcome in a later step. Cancelling the returned continuation ends the
 * dial, which then reports a failure.
 * @param name the name of the connection, unique in its World; the socket's id is `NAME.socket`
 */
export function dial(
  world: World,
  name: string,
  target: DialTarget,
  limits: DialLimits,
  told: DialEvents,
): Dial {
  const it = new Dial(world, name, target, limits, told)
  dialSteps.start(world, it, 'resolve')
  return it
}
